"""The state of sequences on their way through a network: made of arrays, checked."""

import sys
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from .._training.memory import WITHOUT_A_LOOK, available_memory, in_units
from ..sequences._columns import real_array
from ..sequences._html import state_as_html

# What widths are padded to, on any instruction set.
LANES = (1, 2, 4, 8, 16)
# What the kernels need of an array, and no subclass.
LAYOUT = ("C", "A", "E")


class State(NamedTuple):
    """What is to be known of n sequences to read their next step.

    Made by :meth:`~sklstm.LSTMClassifier.initial_state` and
    :meth:`~sklstm.LSTMClassifier.predict_step` of an estimator; never changed, so that
    a state can be kept and gone on from more than once.

    Parameters
    ----------
    layers : tuple of tuple of ndarray of shape (n, width)
        Hidden state, and cell state where there is one, of each layer and, of two,
        each direction, in PyTorch's order. The width is that of the kernels: the units
        and padding; of clips of frames those of all pixels, one after the other.

    pooled : tuple of ndarray or None
        Running sums of the pooling, where there is one.

    seen : ndarray of shape (n, n_features) or (n, height, width, n_channels), or None
        Last value seen of each feature or pixel, where missing values are filled.

    network : dict
        What kind of network it is a state of: no other one can go on from it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import GRURegressor
    >>> X = np.random.default_rng(0).standard_normal((50, 8, 2))
    >>> model = GRURegressor(4, max_iter=10, random_state=0).fit(X, X[:, -1, 0])
    >>> state = model.initial_state(n_sequences=2)
    >>> for x in (X[:2, 0], X[:2, 1]):
    ...     prediction, state = model.predict_step(x, state)
    >>> state.n_sequences
    2
    """

    layers: tuple
    pooled: tuple | None
    seen: np.ndarray | None
    network: dict

    @property
    def n_sequences(self) -> int:
        """Sequences that are read side by side."""
        return len(self.layers[0][0])

    def _repr_html_(self) -> str:
        return state_as_html(self)


State.__module__ = "sklstm"  # the place that pickles name


def beginning(state):
    """Where a network begins, as its methods take it; nothing of no state."""
    if state is None:
        return {}
    begin = {"states": state.layers}
    if "height" in state.network:  # a network of clips fills missing pixels itself
        begin["seen"] = state.seen
    return begin


# ---- made ----------------------------------------------------------------------------


def make_state(network, fitted, n_sequences, given):
    """A state before the first step, with the hidden and cell states that are given.

    `n_sequences` is None for those of `given`, what the user passes as h and as c.
    """
    if given["c"] is not None and not network.recurrents[0].cell.has_c:
        raise ValueError(
            f"c is given, but a network of cell={fitted.kind['cell']!r} has no cell "
            "states. Leave it out."
        )
    arrays = {
        name: _items(name, value, network)
        for name, value in given.items()
        if value is not None
    }
    if n_sequences is None:
        n_sequences = next((a[0].shape[0] for a in arrays.values()), 1)
    _check_room(n_sequences, network)
    layers = tuple(network.initial_states(n_sequences))
    for name, items in arrays.items():
        for k, (array, layer) in enumerate(zip(items, network.recurrents)):
            expected = n_sequences, layer.n_units
            if array.shape != expected:
                raise ValueError(
                    f"{name}[{k}] has shape {array.shape}, but the states of "
                    f"{n_sequences} sequence(s) must have {expected}. "
                    f"{_layout(name, network)}"
                )
            part = layers[k]["hc".index(name)]
            with np.errstate(over="ignore", under="ignore"):
                part[:, : layer.n_units] = array
            if not np.isfinite(part).all():
                raise ValueError(
                    f"{name}[{k}] holds a number too large for dtype {part.dtype}."
                )
    pooled = network.pooling and network.pooling.begin(n_sequences)
    seen = None
    if fitted.missing != "error":
        with np.errstate(under="ignore"):
            first_value = fitted.first_value.astype(network.dtype)
        seen = np.tile(first_value, (n_sequences, 1))
    return State(layers, pooled, seen, dict(fitted.kind))


def _check_room(n_sequences, network):
    """Say when the states of so many sequences take more memory than there is."""
    per_sequence = sum(map(sum, network.state_widths)) * network.dtype.itemsize
    needed = n_sequences * per_sequence
    if needed <= WITHOUT_A_LOOK:
        return
    available, limit = available_memory() or (sys.maxsize, "addresses of a process")
    if needed > available:
        raise MemoryError(
            f"The states of n_sequences={n_sequences} sequences take "
            f"{in_units(needed)}, more than the {in_units(available)} that are left of "
            f"the {limit}. Read fewer sequences side by side."
        )


def _items(name, value, network):
    """The arrays (n, H) of each layer and direction, of what the user passes."""
    n_items = len(network.recurrents)
    if isinstance(value, (list, tuple)):
        what = f"is a list of {len(value)}"
    else:
        value = real_array(name, value)
        what = f"has shape {value.shape}"
        value = list(value) if value.ndim else []
    if len(value) != n_items:
        raise ValueError(
            f"{name} {what}, but the network has {n_items} layer(s), each direction "
            f"counted. {_layout(name, network)}"
        )
    items = [real_array(f"{name}[{k}]", item) for k, item in enumerate(value)]
    if items[0].ndim != 2 or not len(items[0]):
        raise ValueError(
            f"{name}[0] has shape {items[0].shape}, but must have two axes, of "
            f"sequences and units. {_layout(name, network)}"
        )
    return items


def _layout(name, network):
    sizes = [layer.n_units for layer in network.recurrents]
    if len(set(sizes)) == 1:
        return (
            f"Pass {name} as an array of shape ({len(sizes)}, n_sequences, "
            f"{sizes[0]}): layers times directions, sequences, units."
        )
    return (
        f"Pass {name} as a list of arrays of shape (n_sequences, units), of {sizes} "
        "units."
    )


# ---- checked -------------------------------------------------------------------------


def check_state(name, state, network, kind):
    """The state in the widths of this network's kernels, once it is one of it."""
    if not isinstance(state, State):
        raise TypeError(
            f"{name} must be what initial_state or predict_step returned, got "
            f"{type(state).__name__}. predict_step returns two values: the prediction "
            "and the next state. initial_state takes arrays as h and c."
        )
    if not same_kind(state.network, kind):
        raise_other_network(name, state.network, kind)
    if _looks_sound(state, network, kind):
        return state
    return _conformed(name, state, network, kind)


def same_kind(found, kind):
    try:
        return bool(found == kind)
    except (TypeError, ValueError):  # arrays, which compare element by element
        return False


def raise_other_network(name, found, kind):
    if not isinstance(found, dict) or found.keys() != kind.keys():
        keys = sorted(map(str, found)) if isinstance(found, dict) else found
        raise ValueError(
            f"{name}.network must be a dict of {', '.join(kind)}, got {keys!r}: it was "
            "changed. Begin with initial_state()."
        )
    changed = [key for key in kind if not same_kind(found[key], kind[key])]
    other, own = (
        ", ".join(f"{key}={values[key]!r}" for key in changed)
        for values in (found, kind)
    )
    raise ValueError(
        f"The {name.replace('_', ' ')} is of a network of {other}, this one has {own}. "
        "Begin with initial_state()."
    )


def _looks_sound(state, network, kind):
    """Whether all parts are as this network makes them: the quick look.

    It does not know what another instruction set has made, nor a pooling without steps.
    """
    layers, pooled, seen, _ = state
    try:
        n = len(layers[0][0])
    except (TypeError, IndexError, KeyError):
        return False
    if type(layers) is not tuple or len(layers) != len(network.state_widths) or not n:
        return False
    is_sound = network.kernels.is_sound
    for parts, widths in zip(layers, network.state_widths):
        if type(parts) is not tuple or len(parts) != len(widths):
            return False
        for part in parts:
            if not is_sound(part, n, widths[0]):
                return False
    if kind["missing"] == "error":
        if seen is not None:
            return False
    elif not is_sound(seen, n, kind["n_features"]):
        return False
    if network.pooling is None:
        return pooled is None
    return _is_sound_pooling(pooled, n, network.pooling)


def _is_sound_pooling(pooled, n, pooling):
    if type(pooled) is not tuple or len(pooled) != 2:
        return False
    sums, norms = pooled
    dtype, scored = pooling.dtype, pooling.mode == "attention"
    return (
        pooling.kernels.is_sound(sums, n, pooling.width)
        and type(norms) is np.ndarray
        and norms.shape == (n, 3)
        and norms.dtype == dtype
        and norms.flags.c_contiguous
        and norms.flags.aligned
        and all(
            steps >= 1
            and steps.is_integer()
            and (
                isfinite(largest) and 0 < total < inf
                if scored
                else largest == -inf and total == 0
            )
            for steps, largest, total in norms.tolist()
        )
    )


def _conformed(name, state, network, kind):
    """The state part by part, in this network's widths; errors name the part."""
    recurrents, dtype = network.recurrents, network.dtype
    wanted = f"{len(recurrents)} layer(s), each direction counted"
    layers = parts_of(f"{name}.layers", state.layers, len(recurrents), wanted)
    n, conformed = None, []
    for k, (layer, parts) in enumerate(zip(recurrents, layers)):
        where, has_c = f"{name}.layers[{k}]", layer.cell.has_c
        wanted = "the hidden and the cell state" if has_c else "the hidden state"
        parts = parts_of(where, parts, 1 + has_c, wanted)
        whole = []
        for j, part in enumerate(parts):
            what = f"{where}[{j}], {('the hidden', 'the cell')[j]} state"
            part = _array(what, part, n, layer.n_units, dtype)
            check_finite(what, part)
            n = len(part)
            whole.append(_of_width(part, layer.width))
        conformed.append(tuple(whole))
    seen = state.seen
    if kind["missing"] == "error":
        check_none(f"{name}.seen", seen, "with missing='error' nothing is filled")
    else:
        what = f"{name}.seen, the values seen last"
        seen = _array(what, seen, n, kind["n_features"], dtype, lanes=(1,))
        check_finite(what, seen)
        seen = np.require(seen, requirements=LAYOUT)
    pooled = state.pooled
    if network.pooling is None:
        check_none(f"{name}.pooled", pooled, "with pooling='last' nothing is summed")
    else:
        pooled = conformed_pooling(f"{name}.pooled", pooled, n, network.pooling)
    return State(tuple(conformed), pooled, seen, state.network)


def conformed_pooling(name, pooled, n, pooling):
    sums, norms = parts_of(name, pooled, 2, "the sums and their norms")
    sums = _array(f"{name}[0], the sums", sums, n, pooling.n_inputs, pooling.dtype)
    norms = _array(f"{name}[1], the norms", norms, n, 3, pooling.dtype, lanes=(1,))
    steps, largest, total = norms.T
    sums = sums[:, : pooling.n_inputs]
    at_first, nothing = pooling.begin(1)
    begun = np.isfinite(np.c_[steps, sums]).all(axis=1)
    begun &= (steps >= 1) & (steps == np.rint(steps))
    if pooling.mode == "attention":
        begun &= np.isfinite(largest) & np.isfinite(total) & (total > 0)
    else:
        begun &= (norms[:, 1:] == nothing[:, 1:]).all(axis=1)
    new = (sums == at_first[:, :1]).all(axis=1) & (norms == nothing).all(axis=1)
    wrong = np.flatnonzero(~(begun | new))
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"{name} does not fit together for sequence {row}: its norms (steps, "
            f"largest score, sum of weights) are {norms[row].tolist()}, and its sums "
            f"{'finite' if np.isfinite(sums[row]).all() else 'not all finite'}. Go on "
            "from what predict_step returned, as it was."
        )
    return _of_width(sums, pooling.width), np.require(norms, requirements=LAYOUT)


def parts_of(name, value, length, wanted):
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{name} must be a tuple of {wanted}, got {type(value).__name__}."
        )
    if len(value) != length:
        raise ValueError(f"{name} has {len(value)} part(s), but must have {wanted}.")
    return tuple(value)


def _array(name, value, n, n_units, dtype, lanes=LANES):
    """A matrix of n sequences (if known) and so many units, perhaps padded."""
    if type(value) not in (np.ndarray, np.memmap):
        raise TypeError(f"{name}, must be an array, got {type(value).__name__}.")
    if value.dtype != dtype:
        raise TypeError(
            f"{name}, has dtype {value.dtype}, but that of the network is {dtype}."
        )
    widths = sorted({-(-n_units // lane) * lane for lane in lanes})
    shape = value.shape
    if len(shape) != 2 or shape[1] not in widths or shape[0] != (n or shape[0] or 1):
        raise ValueError(
            f"{name}, has shape {shape}, but must have ({n or 'n'}, {n_units})"
            + (f", padded to {widths[1:]} columns." if widths[1:] else ".")
        )
    return value


def check_finite(name, part):
    if not np.isfinite(part).all():
        row, column = np.argwhere(~np.isfinite(part))[0]
        raise ValueError(
            f"{name}, holds {part[row, column]} at [{row}, {column}], sequence {row}. "
            "If nobody has written to it, the network has gone beyond its dtype; begin "
            "the sequence anew."
        )


def check_none(name, part, why):
    if part is not None:
        raise ValueError(f"{name} must be None, since {why}.")


def _of_width(part, width):
    """A matrix in the padded width of these kernels: others may have made it."""
    if part.shape[1] == width:
        return np.require(part, requirements=LAYOUT)
    padded = np.zeros((len(part), width), part.dtype)
    padded[:, : part.shape[1]] = part[:, :width]
    return padded
