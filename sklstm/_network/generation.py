"""Tokens from a language model, each of which it reads before the next.

A draw is the largest of log p / temperature + Gumbel noise (Gumbel 1954), and the noise
of a token at a step of a sample is a function of these three and a seed. So a sample is
the same whatever others are drawn beside it.
"""

import numpy as np

from .._kernels import effective_n_threads, philox

# From here on down the most probable token is taken, without noise (sampling.h).
COLD = 1e-3


def sample(
    network, states, first, length, *, seed, streams, temperature=1.0, top_k=None,
    top_p=None, stop=None, allowed=None,
):  # fmt: skip
    """Tokens (n, length), -1 behind the end of a sample, and their numbers (n,).

    Parameters
    ----------
    network : Network
        An embedding of one column, recurrent layers and a `Softmax`, loaded.
    states : list of tuple of ndarray of shape (n, width)
        Of each layer, as `network.initial_states` gives them.
    first : ndarray of shape (n,), intp
        What is read first.
    length : int
        Tokens of a sample at the most.
    seed : int
        Below 2^64.
    streams : ndarray of shape (n,), uint64
        The number of each sample.
    temperature : float, default=1.0
        Zero, and what is no more than `COLD`: the most probable token.
    top_k : int, default=None
        How many of the most probable tokens are drawn from; None for all.
    top_p : float, default=None
        Drawn from are the fewest tokens that together have this probability.
    stop : int, default=None
        The token behind which a sample has ended.
    allowed : ndarray of shape (V,), bool, default=None
        Which tokens are drawn at all.
    """
    n, V = len(first), network.layers[-1].n_outputs
    allowed = np.ones(V, bool) if allowed is None else np.asarray(allowed, bool)
    if not allowed.any():
        raise ValueError("No token is allowed.")
    how = {
        "seed": int(seed),
        "temperature": float(temperature),
        "top_k": V if top_k is None else min(int(top_k), V),
        "top_p": 1.0 if top_p is None else float(top_p),
        "allowed": allowed.astype(np.uint8),
        "stop": -1 if stop is None else int(stop),
    }
    first = np.ascontiguousarray(first, np.intp)
    streams = np.ascontiguousarray(streams, np.uint64)
    tokens = np.full((n, length), -1, np.intp)
    lengths = np.zeros(n, np.intp)
    kernels = network.recurrents[0].kernels
    if kernels is network.kernels:
        generator = kernels.Generator(
            network.tables.table, [part.packed for part in network.recurrents],
            network.layers[-1].packed, V,
        )  # fmt: skip
        generator.run(
            states, first, streams, tokens=tokens, lengths=lengths,
            n_threads=effective_n_threads(), **how,
        )  # fmt: skip
    else:  # products of bfloat16 numbers
        sample_in_numpy(network, states, first, streams, tokens, lengths, **how)
    return tokens, lengths


def sample_in_numpy(
    network, states, first, streams, tokens, lengths, *, seed, temperature, top_k,
    top_p, allowed, stop,
):  # fmt: skip
    """What the kernel does, a step of the network at a time."""
    rows, read, states = np.arange(len(first)), first, tuple(states)
    for step in range(tokens.shape[1]):
        if not len(rows):
            break
        x = read[:, np.newaxis].astype(network.dtype)
        log_p, states, _ = network.step(x, states, None)
        read = np.array(
            [
                choose(own, int(stream), step, seed, temperature, top_k, top_p, allowed)
                for own, stream in zip(log_p, streams[rows])
            ],
            dtype=np.intp,
        )
        tokens[rows, step] = read
        lengths[rows] = step + 1
        left = read != stop
        rows, read = rows[left], read[left]
        states = tuple(tuple(part[left] for part in layer) for layer in states)


def choose(log_p, stream, step, seed, temperature, top_k, top_p, allowed):
    """A token by their log p (V,): choose_token of sampling.h."""
    kept = np.flatnonzero(allowed)
    if temperature <= COLD:
        return kept[np.argmax(log_p[kept])]
    by_rank = kept[np.lexsort((kept, -log_p[kept]))]
    is_cut = top_k < len(kept)
    if is_cut:
        by_rank = by_rank[:top_k]
    if top_p < 1:
        largest = log_p[kept].max()
        mass = np.exp((log_p - largest) / temperature)
        total = np.cumsum(mass[by_rank if is_cut else kept])[-1]  # one after the other
        # those before which less than the share is reached
        before = np.cumsum(mass[by_rank]) - mass[by_rank]
        by_rank = by_rank[: max(1, np.count_nonzero(before < top_p * total))]
    noise = gumbel(seed, stream, step, by_rank)
    value = log_p[by_rank] / temperature + noise
    return by_rank[value == value.max()].min()


def gumbel(seed, stream, step, tokens):
    """Noise of some tokens of a sample at a step."""
    key, low = (seed & 0xFFFFFFFF, seed >> 32), stream & 0xFFFFFFFF
    draws = {
        four: philox((four, step, low, stream >> 32), key)
        for four in np.unique(tokens // 4).tolist()
    }
    u = np.array([draws[token // 4][token % 4] for token in tokens.tolist()])
    return -np.log(-np.log((u + 0.5) * 2.0**-32))
