"""Generation: tokens drawn one after the other from what a network says of the next.

A draw is a function of what it is for: the seed, the number of the sample, the step and
the token. So a sample is the same whatever is drawn beside it.
"""

import numpy as np

# Up to this temperature the most probable token is taken.
GREEDY = 1e-3
# Philox 4x32 with 10 rounds (Salmon et al. 2011), as in _random.pyx.
MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
ROUNDS, LOW = 10, np.uint64(0xFFFFFFFF)


def sample_in_numpy(
    network, states, first_ids, length, *, seed, streams, temperature=1.0, top_k=None,
    top_p=None, stop=None, allowed,
):  # fmt: skip
    """Ids (n, length) that follow on `first_ids` (n,), and how many of each there are
    (n,): up to `stop`, which is the last where it is drawn; -1 stands behind.

    `states` are those before the first ids, as of `Network.initial_states`, `streams`
    (n,) the numbers of the samples. With g of Gumbel's distribution the token of the
    largest log p / temperature + g is taken, of those that are `allowed` (V,) and that
    top_k and top_p leave: a draw with the probabilities p^(1 / temperature).
    """
    n = len(first_ids)
    ids, lengths = np.full((n, length), -1, np.intp), np.full(n, length, np.intp)
    rows, x, streams = np.arange(n), np.asarray(first_ids), np.asarray(streams)
    for step in range(length):
        log_p, states, _ = network.step(x[:, np.newaxis], states, None)
        log_p[:, ~allowed] = -np.inf
        if temperature > GREEDY:
            log_p = kept(log_p / temperature, top_k, top_p)
            log_p += gumbel(seed, streams, step, log_p.shape[1])
        x = log_p.argmax(axis=1)  # the first of equal ones
        ids[rows, step] = x
        if stop is None:
            continue
        lengths[rows[x == stop]] = step + 1
        going_on = np.flatnonzero(x != stop)
        if len(going_on) < len(x):
            rows, x, streams = rows[going_on], x[going_on], streams[going_on]
            states = tuple(tuple(part[going_on] for part in layer) for layer in states)
        if not len(rows):
            break
    return ids, lengths


def kept(scaled, top_k, top_p):
    """Logarithms of weights (n, V): of all but the `top_k` largest and, of these, the
    fewest that have a share of `top_p`, -inf. Of equal ones the first are kept."""
    if top_k is None and top_p is None:
        return scaled
    result = np.full_like(scaled, -np.inf)
    for row, out in zip(scaled, result):
        order = np.argsort(-row, kind="stable")[:top_k]
        if top_p is not None:
            weights = np.exp(row - row[order[0]])
            falling = weights[order]
            # one chain, in the order of the ids or, of some tokens, of their weights
            total = np.cumsum(weights if top_k is None else falling)[-1]
            before = np.concatenate([[0.0], np.cumsum(falling)[:-1]])
            order = order[before < top_p * total]
        out[order] = row[order]
    return result


def gumbel(seed, streams, step, n_tokens):
    """Draws (n, n_tokens) of Gumbel's distribution, -log(-log u) with u = (k + 1/2) /
    2^32 of 32 bits k: of token v the part v % 4 of Philox at v // 4."""
    n_blocks = -(-n_tokens // 4)
    counter = np.empty((4, len(streams), n_blocks), np.uint64)
    counter[0] = np.arange(n_blocks)
    counter[1] = step
    streams = streams.astype(np.uint64)[:, np.newaxis]
    counter[2], counter[3] = streams & LOW, streams >> np.uint64(32)
    bits = np.stack(philox(counter, seed), axis=-1).reshape(len(streams), -1)
    uniform = (bits[:, :n_tokens] + 0.5) / 2.0**32
    return -np.log(-np.log(uniform))


def philox(counter, seed):
    """Four arrays of 32 bits, of a counter of four such arrays."""
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    c0, c1, c2, c3 = counter
    for _ in range(ROUNDS):
        a, b = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        k0, k1 = map(np.uint64, keys)
        c0, c1, c2, c3 = (
            b >> np.uint64(32) ^ c1 ^ k0, b & LOW, a >> np.uint64(32) ^ c3 ^ k1, a & LOW
        )  # fmt: skip
        keys = [(key + step) & 0xFFFFFFFF for key, step in zip(keys, WEYL)]
    return c0, c1, c2, c3
