"""The network of an estimator as ONNX nodes: missing values, layers, pooling, head.

What a head reads is a row for each sequence (B, H), or for each of its steps.
"""

import numpy as np

from .._network.cells import CELLS
from .._network.losses import LOG_MAX
from ._common import head_of, numbers_of
from ._onnx_weights import operator_weights

F32 = np.float32


class Stream:
    """States that a graph takes and hands back, each of which begins as zeros."""

    def __init__(self, graph):
        self._graph = graph
        self._expected = []

    def input(self, name, dtype, *shape):
        """The state before the steps."""
        shape = ["batch", *shape]
        self._expected.append((name, dtype, shape))
        return self._graph.input(name, dtype, shape)

    def output(self, name, value):
        """The state behind them."""
        self._graph.node("Identity", value, name=f"next_{name}")

    def finish(self):
        for name, dtype, shape in self._expected:
            self._graph.output(f"next_{name}", dtype, shape)


class StepCount:
    """How many steps were read, before and behind the graph; before: in a stream."""

    def __init__(self, graph, lengths, stream):
        self.after, self.begun = lengths, None
        if stream:
            before = stream.input("steps", np.int64)
            self.begun = graph.unsqueeze(graph.node("Greater", before, np.int64(0)), 1)
            self.after = graph.node("Add", before, lengths)
            stream.output("steps", self.after)
        column = graph.unsqueeze(self.after, 1)
        self.any = graph.node("Greater", column, np.int64(0))
        self.number = graph.cast(column, F32)


class OfSequences:
    """Outputs that have a row for each sequence."""

    def __init__(self, graph):
        self._graph = graph

    def rows(self, features):
        """What the head reads (N, H)."""
        return features

    def placed(self, rows, dtype, *shape):
        """What belongs to the rows (N, ...) in the shape of an output."""
        return rows

    def output(self, name, value, dtype, *shape):
        """Make this an output."""
        self._graph.node("Identity", value, name=name)
        self._graph.output(name, dtype, ["batch", *shape])


class OfSteps(OfSequences):
    """Outputs that have a row for each step: (B, T, ...), behind the ends NaN, of
    integers 0."""

    def __init__(self, graph, sequences, n_inputs, given, axis):
        super().__init__(graph)
        self._n_inputs = n_inputs
        self._axis = axis  # the name of T
        self._exists = graph.node("Transpose", sequences.exists, perm=[1, 0, 2])
        self._shape = graph.node("Slice", graph.node("Shape", self._exists), [0], [2])
        # of X (T, B, F) of no steps the graph has made one
        some = graph.cast(graph.node("Greater", graph.size(given, 0), 0), np.int64)
        n_steps = graph.node("Mul", graph.size(self._exists, 1), some)
        self._end = graph.unsqueeze(n_steps, 0)

    def rows(self, features):
        x = self._graph.node("Transpose", features, perm=[1, 0, 2])
        return self._graph.reshape(x, -1, self._n_inputs)

    def placed(self, rows, dtype, *shape):
        graph, extents = self._graph, self._shape
        if shape:
            extents = graph.node("Concat", extents, [*shape], axis=0)
        value = graph.node("Reshape", rows, extents)
        exists = graph.reshape(self._exists, 0, 0, *[1] * len(shape))
        nothing = np.nan if np.dtype(dtype).kind == "f" else 0
        value = graph.where(exists, value, np.dtype(dtype).type(nothing))
        return graph.node("Slice", value, [0], self._end, [1])

    def output(self, name, value, dtype, *shape):
        self._graph.node("Identity", value, name=name)
        self._graph.output(name, dtype, ["batch", self._axis, *shape])


def write_network(graph, found, sequences, stream):
    """What the head reads, of the steps that enter the network: (B, H), or of a network
    with an output at every step (T, B, H)."""
    architecture = found.architecture
    pooling, missing = architecture.get("pooling"), found.missing
    count = None
    if pooling not in ("last", None) or (stream and missing != "error"):
        count = StepCount(graph, sequences.lengths, stream)
    sequences, x = read_ids(graph, found, sequences, count, stream)
    h, last, check = layers(graph, found, sequences, x, stream)
    if pooling == "last":
        return graph.node("Add", last, check)
    if pooling is None:
        return graph.node("Add", h, check)
    size = architecture["hidden_layer_sizes"][-1] * (1 + architecture["bidirectional"])
    w = found.weights.get("attention")
    pooled = _pool(graph, pooling, w, h, sequences.exists, count, size, stream)
    return graph.node("Add", graph.where(count.any, pooled, last), check)


def read_ids(graph, found, sequences, count=None, stream=None):
    """Steps as the recurrent layers read them, and as they came, of which ids are
    checked."""
    if found.missing != "error":
        sequences = _fill(graph, found, sequences, count, stream)
    x = sequences.x
    if found.embedding is not None:
        x, rows = _embed(graph, found, x)
        sequences = sequences._replace(x=rows)
    return sequences, x


# ---- missing values ----------------------------------------------------------------


def _fill(graph, found, sequences, count, stream):
    """Each missing value as the last one that was seen, with an indicator if asked."""
    first = found.first_value.astype(F32)[np.newaxis]
    n_features = first.shape[1]
    if stream:
        seen = stream.input("seen", F32, n_features)
        first = graph.where(count.begun, seen, first)
    else:
        n = graph.unsqueeze(graph.size(sequences.x, 1), 0)
        shape = graph.node("Concat", n, np.array([n_features]), axis=0)
        first = graph.node("Expand", first, shape)
    # Padding counts as missing, so that what was seen last stands at the end.
    x = graph.where(sequences.exists, sequences.x, F32(np.nan))
    seen, filled = graph.fill_forward(x, first)
    if stream:
        stream.output("seen", seen)
    if found.missing == "indicator":
        indicator = graph.cast(graph.node("IsNaN", sequences.x), F32)
        filled = graph.node("Concat", filled, indicator, axis=2)
    return sequences._replace(x=filled)


# ---- ids ---------------------------------------------------------------------------


def _embed(graph, found, x):
    """Steps (T, B, F), NaN where an id is none, and what the recurrent layers read:
    rows side by side and the numbers behind them."""
    embedding, F = found.embedding, found.n_inputs
    checked, parts = [], []
    tables = [w for name, w in found.weights.items() if name.startswith("embedding")]
    tables = dict(zip(embedding["columns"], tables, strict=True))
    numbers = []
    for j in range(F):
        column = graph.node("Gather", x, np.array([j]), axis=2)
        if j not in tables:
            numbers.append(column)
            checked.append(column)
            continue
        table = tables[j].astype(F32)
        whole = graph.node("Equal", column, graph.node("Floor", column))
        whole = graph.node("And", whole, graph.node("Not", _less(graph, column, 0)))
        known = graph.node("And", whole, _less(graph, column, len(table)))
        ids = graph.cast(graph.where(known, column, F32(0)), np.int64)
        parts.append(graph.node("Gather", table, graph.squeeze(ids, 2), axis=0))
        checked.append(graph.where(whole, column, F32(np.nan)))
    return tuple(
        graph.node("Concat", *columns, axis=2) if columns[1:] else columns[0]
        for columns in (checked, parts + numbers)
    )


def _less(graph, x, limit):
    return graph.node("Less", x, F32(limit))


# ---- recurrent layers --------------------------------------------------------------


def _check(graph, x, h_before):
    """NaN for the sequences with NaN or infinity in their steps, else 0 (B, 1).

    A runtime may take NaN for some number: ONNX Runtime cuts the arguments of σ and
    tanh to an interval. What was in earlier steps of a stream comes with h.
    """
    check = graph.reduce("ReduceSum", graph.node("Mul", x, F32(0)), 0, 2)
    if h_before:
        before = graph.reduce("ReduceSum", graph.node("Mul", h_before, F32(0)), 1)
        check = graph.node("Add", check, before)
    return graph.unsqueeze(check, 1)


def layers(graph, found, sequences, x, stream, ends=None):
    """Outputs of the uppermost layer (T, B, H), which a pooling reads, the last of them
    (B, H), and what is added to anything computed from them, of the steps x (`_check`).
    A list `ends` gets of each layer the states that it ends with, of both directions.
    """
    architecture = found.architecture
    sizes = architecture["hidden_layer_sizes"]
    directions = 1 + architecture["bidirectional"]
    cell = CELLS[architecture["cell"]]
    op, order, attributes = cell.family, cell.onnx_order, cell.onnx_attributes
    if "activations" in attributes:
        attributes = {"activations": attributes["activations"] * directions}
    if directions == 2:
        attributes = {**attributes, "direction": "bidirectional"}
    lengths = graph.cast(sequences.lengths, np.int32)
    some = graph.node("Greater", graph.unsqueeze(lengths, 1), np.int32(0))
    states = ("h", "c") if op == "LSTM" else ("h",)
    h = sequences.x
    for k, size in enumerate(sizes):
        before = {
            state: stream.input(f"{state}_l{k}", F32, size) if stream else None
            for state in states
        }
        if k == 0:
            check = _check(graph, x, before["h"])
        initial = [graph.unsqueeze(s, 0) if stream else "" for s in before.values()]
        weights = operator_weights(found.weights, k, directions, order, F32)
        peepholes = [weights.pop("P")] if "P" in weights else []
        is_read = k + 1 < len(sizes) or architecture.get("pooling") != "last"
        every, *after = graph.nodes_of(
            op,
            h,
            *weights.values(),
            lengths,
            *initial,
            *peepholes,
            outputs=[
                f"Y_l{k}" if is_read else "",
                *(f"Y_{state}_l{k}" for state in states),
            ],
            hidden_size=size,
            **attributes,
        )
        if is_read:
            # (T, directions, B, H) to (T, B, H of both)
            every = graph.node("Transpose", every, perm=[0, 2, 1, 3])
            h = graph.reshape(every, 0, 0, directions * size)
        last = graph.node("Transpose", after[0], perm=[1, 0, 2])
        last = graph.reshape(last, 0, directions * size)
        # ONNX does not say what a sequence of no steps leaves behind
        last = graph.where(some, last, before["h"] if stream else F32(0))
        if ends is not None:
            ends.append([last])
            for state in after[1:]:
                state = graph.node("Transpose", state, perm=[1, 0, 2])
                state = graph.reshape(state, 0, directions * size)
                ends[-1].append(graph.where(some, state, F32(0)))
        if stream:
            known = graph.node("Add", last, check) if k == 0 else last
            stream.output(f"h_l{k}", known)
        if stream and "c" in before:
            c = graph.where(some, graph.squeeze(after[1], 0), before["c"])
            stream.output(f"c_l{k}", c)
    return h, last, check


# ---- pooling -----------------------------------------------------------------------


def _pool(graph, mode, w, h, exists, count, size, stream):
    """Mean, maximum or attention over the steps; of none of them anything.

    A stream brings what was pooled before: sums of exponentials divided by that of the
    largest score so far (Milakov & Gimelshein 2018).
    """
    before = None
    if stream:
        before = stream.input("pooled", F32, size)
    # Add is to the sum what Max is to the maximum.
    nothing, reduce, join = {
        "mean": (F32(0), "ReduceSum", "Add"),
        "max": (F32(-np.inf), "ReduceMax", "Max"),
        "attention": (F32(0), "ReduceSum", "Add"),
    }[mode]
    h = graph.where(exists, h, nothing)
    norm = count.number
    if mode == "attention":
        h, norm, old = _attend(graph, w, h, exists, count, stream)
    total = graph.reduce(reduce, h, 0)
    if stream:
        before = graph.where(count.begun, before, nothing)
        if mode == "attention":
            before = graph.node("Mul", before, old)
        total = graph.node(join, before, total)
        stream.output("pooled", graph.where(count.any, total, F32(0)))
    return total if mode == "max" else graph.node("Div", total, norm)


def _attend(graph, w, h, exists, count, stream):
    """Outputs h times exp(w . tanh(h) - largest), the sum of these factors, and what
    those of earlier steps are multiplied with to have the same largest score."""
    score = graph.node("MatMul", graph.node("Tanh", h), w.astype(F32)[:, np.newaxis])
    score = graph.where(exists, score, F32(-np.inf))
    largest = graph.reduce("ReduceMax", score, 0)
    old = None
    if stream:
        before = graph.unsqueeze(stream.input("score", F32), 1)
        before = graph.where(count.begun, before, F32(-np.inf))
        largest = graph.node("Max", before, largest)
    # Where nothing was read yet, the largest of no scores is minus infinity.
    finite = graph.where(count.any, largest, F32(0))
    factor = graph.node("Exp", graph.node("Sub", score, finite))
    norm = graph.reduce("ReduceSum", factor, 0)
    if stream:
        stream.output("score", graph.squeeze(finite, 1))
        old = graph.node("Exp", graph.node("Sub", before, finite))
        norm_before = graph.node(
            "Mul", graph.unsqueeze(stream.input("norm", F32), 1), old
        )
        norm = graph.node("Add", norm_before, norm)
        stream.output("norm", graph.squeeze(norm, 1))
    return graph.node("Mul", h, factor), norm, old


# ---- head --------------------------------------------------------------------------


def _raw(graph, found, rows):
    """Outputs of the head (N, K)."""
    weight, bias = (array.astype(F32) for array in head_of(found))
    return graph.node("Gemm", rows, weight, bias, transB=1)


def write_classifier(graph, found, features, places):
    """Outputs `label` and `probabilities`."""
    raw = _raw(graph, found, places.rows(features))
    n = found.target.n_outputs
    if found.target.multilabel:
        p = graph.node("Sigmoid", raw)
        label = graph.cast(graph.node("Greater", raw, F32(0)), np.int64)
        label = places.placed(label, np.int64, n)
        places.output("label", label, np.int64, n)
        places.output("probabilities", places.placed(p, F32, n), F32, n)
        return
    classes = _labels(found.target.classes)
    if n == 1:
        both = graph.node("Concat", graph.node("Neg", raw), raw, axis=1)
        p = graph.node("Sigmoid", both)
        positive = graph.node("Greater", graph.squeeze(raw, 1), F32(0))
        index = graph.cast(positive, np.int64)
    else:
        p = graph.node("Softmax", raw, axis=1)
        index = graph.node("ArgMax", raw, axis=1, keepdims=0)
    index = places.placed(index, np.int64)
    places.output("label", graph.node("Gather", classes, index), classes.dtype)
    n = len(classes)
    places.output("probabilities", places.placed(p, F32, n), F32, n)


def write_emissions(graph, found, features, places):
    """Output `emissions`, and the scores that a random field has beside them."""
    _labels(found.target.classes)  # the properties of the model have them
    n = found.target.n_outputs
    raw = _raw(graph, found, places.rows(features))
    places.output("emissions", places.placed(raw, F32, n), F32, n)
    for name, scores in found.paths.items():
        graph.node("Identity", scores.astype(F32), name=name)
        graph.output(name, F32, scores.shape)


def _labels(classes):
    """Labels in a type that ONNX has."""
    labels = classes
    if classes.dtype == object:
        types = {str if isinstance(c, str) else type(c) for c in classes.tolist()}
        if len(types) == 1 and not types & {tuple, frozenset}:
            labels = np.array(classes.tolist())
    kinds = {"U": object, "b": bool, "i": np.int64, "u": np.int64, "f": np.float64}
    dtype = kinds.get(labels.dtype.kind)
    if dtype is np.int64 and (labels > np.iinfo(np.int64).max).any():
        dtype = np.uint64
    if dtype is None:
        raise ValueError(
            f"The labels {classes.tolist()} have dtype {classes.dtype}, which ONNX "
            "does not have. Fit with labels that are strings, integers, floats or "
            "booleans."
        )
    return labels.astype(dtype)


def write_log_probabilities(graph, found, features, places):
    """Output `log_probabilities`, of the labels of a transcript and of the blank."""
    n = found.target.n_outputs
    raw = _raw(graph, found, places.rows(features))
    log_p = graph.node("LogSoftmax", raw, axis=1)
    places.output("log_probabilities", places.placed(log_p, F32, n), F32, n)


def write_regressor(graph, found, features, places):
    """Output `variable`, in float64: targets may be large beside what they vary by."""
    weight, bias = (array.astype(np.float64) for array in head_of(found))
    rows = graph.cast(places.rows(features), np.float64)
    y = graph.node("Add", graph.node("MatMul", rows, weight.T.copy()), bias)
    target = numbers_of(found.target)
    shape = [len(target.mean)]
    if target.loss.inverse_link_name == "exp":
        # not Min, which need not hand NaN on
        y = graph.where(graph.node("Greater", y, LOG_MAX), LOG_MAX, y)
        y = graph.node("Exp", y)
    elif target.levels is not None:
        y = _quantiles(graph, target, y)
        shape.append(len(target.levels))
    if target.ndim == 1:
        y = graph.squeeze(y, 1)
        shape = shape[1:]
    y = places.placed(y, np.float64, *shape)
    places.output("variable", y, np.float64, *shape)


def _quantiles(graph, target, raw):
    """Quantiles (B, K, Q) of raw outputs (B, K Q), as `losses.Pinball` has them.

    The one in the middle and the steps from it are summed by a matrix of 1, 0 and -1,
    whose columns are in the order of the user's levels.
    """
    Q = len(target.levels)
    K, m = len(target.mean), Q // 2
    raw = graph.reshape(raw, 0, K, Q)
    # softplus(a) = max(a, 0) + log(1 + exp(-|a|)): not all have Softplus in float64
    small = graph.node("Exp", graph.node("Neg", graph.node("Abs", raw)))
    steps = graph.node("Log", graph.node("Add", small, 1.0))
    steps = graph.node("Add", graph.node("Max", raw, 0.0), steps)
    steps = graph.where(np.arange(Q) == m, raw, steps)
    j, q = np.indices((Q, Q))
    sums = np.where((m < j) & (j <= q), 1.0, 0.0) - ((q <= j) & (j < m))
    sums[m] = 1
    y = graph.node("MatMul", steps, sums[:, target.loss.place].copy())
    y = graph.node("Mul", y, target.scale[:, np.newaxis])
    return graph.node("Add", y, target.mean[:, np.newaxis])
