"""Steps of a Pipeline before the network, as ONNX nodes."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline

from ._onnx_graph import tensor_type


def write_time_distributed(graph, step, sequences, prefix, n_features_out):
    """Every step (T, B, F) through what skl2onnx makes of the transformer."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    transformer, F = step.transformer_, step._n_sequence_features
    for part in _parts(transformer):
        if hasattr(part, "predict") and not isinstance(part, SelectorMixin):
            raise TypeError(
                f"{part!r}, which TimeDistributed applies to every step, cannot be "
                "exported: skl2onnx writes the predict of what has one, not its "
                "transform. Apply it before the exported pipeline."
            )
    try:
        model = convert_sklearn(
            transformer,
            initial_types=[("X", FloatTensorType([None, F]))],
            target_opset=graph.opsets[""],
        )
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"skl2onnx cannot convert {transformer!r}, which TimeDistributed applies "
            f"to every step: {error}\nUse a transformer that it knows, register a "
            "converter with skl2onnx.update_registered_converter, or apply this one "
            "before the exported pipeline."
        ) from error
    rows = graph.reshape(sequences.x, -1, F)
    rows, dtype = graph.embed(model, prefix, rows)
    if dtype != tensor_type(np.float32):
        rows = graph.cast(rows, np.float32)
    n_rows = graph.node("Slice", graph.node("Shape", sequences.x), [0], [2])
    shape = graph.node("Concat", n_rows, [n_features_out], axis=0)
    x = graph.node("Reshape", rows, shape)
    return graph.sequences(x, sequences.lengths)


def _parts(transformer):
    """The transformers that one is made of."""
    if isinstance(transformer, Pipeline):
        inner = [part for _, part in transformer.steps]
    elif isinstance(transformer, ColumnTransformer):
        inner = [part for _, part, _ in transformer.transformers_]
    elif isinstance(transformer, FeatureUnion):
        inner = [part for _, part in transformer.transformer_list]
    else:
        return [transformer]
    return [leaf for part in inner for leaf in _parts(part)]


def write_frame_stacker(graph, step, sequences):
    """Stacked steps (T', B, k F), laid from the end of each sequence."""
    k, s, F = step.n_frames, step._step(), step._n_sequence_features
    lengths = sequences.lengths
    counts = _frame_counts(graph, step, lengths)
    n_frames = graph.node("Max", graph.node("ReduceMax", counts, keepdims=0), 1)
    n_sequences = graph.size(sequences.x, 1)
    # Frame p of m ends with step T - 1 - (m - 1 - p) s; before step 0 is step 0.
    p = graph.unsqueeze(graph.arange(n_frames), 1)  # (T', 1)
    until_last = graph.node("Sub", counts, graph.node("Add", p, 1))  # (T', B)
    end = graph.node("Sub", lengths, 1)
    end = graph.node("Sub", end, graph.node("Mul", until_last, s))
    t = graph.node("Sub", graph.unsqueeze(end, 2), np.arange(k)[::-1].copy())
    # padding has no step to be taken from, and takes the last
    last = graph.unsqueeze(graph.node("Sub", lengths, 1), 1)
    t = graph.node("Max", graph.node("Min", t, last), 0)  # (T', B, k)
    # Row t B + b of the steps in a line holds step t of sequence b.
    row = graph.node("Mul", t, n_sequences)
    row = graph.node("Add", row, graph.unsqueeze(graph.arange(n_sequences), 1))
    x = graph.node("Gather", graph.reshape(sequences.x, -1, F), row)
    return graph.sequences(graph.reshape(x, 0, 0, k * F), counts)


def _frame_counts(graph, step, lengths):
    """How many frames the sequences have (`FrameStacker._count`)."""
    k, s = step.n_frames, step._step()
    # Div of integers rounds towards zero, so that what it divides must not be negative.
    if step.remainder != "repeat":
        # floor((T - k) / s) + 1
        whole = graph.node("Div", graph.node("Sub", lengths, k - s), s)
        enough = graph.node("GreaterOrEqual", lengths, k)
        return graph.where(enough, whole, 0)
    # ceil(max(T - k, 0) / s) + 1, but at the most ceil(T / s)
    over = graph.node("Max", graph.node("Sub", lengths, k), 0)
    reaching = graph.node("Div", graph.node("Add", over, 2 * s - 1), s)
    most = graph.node("Div", graph.node("Add", lengths, s - 1), s)
    return graph.node("Min", reaching, most)
