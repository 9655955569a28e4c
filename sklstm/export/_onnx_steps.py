"""Steps of a Pipeline before the network, as ONNX nodes."""

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from ._onnx_graph import tensor_type

FIRST = np.array(0)


def write_time_distributed(graph, step, sequences, prefix, n_features_out):
    """Every step (T, B, F) through what skl2onnx makes of the transformer."""
    transformer, F = step.transformer_, step._n_sequence_features
    try:
        model = convert_sklearn(
            transformer,
            initial_types=[("X", FloatTensorType([None, F]))],
            target_opset=graph.opsets[""],
        )
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"skl2onnx cannot convert {transformer!r}, which {step!r} applies to every "
            f"step: {error}\nUse a transformer that it knows, register a converter "
            "with skl2onnx.update_registered_converter, or apply this one before the "
            "exported pipeline."
        ) from error
    rows = graph.reshape(sequences.x, -1, F)
    rows, dtype = graph.embed(model, prefix, rows)
    if dtype != tensor_type(np.float32):
        rows = graph.cast(rows, np.float32)
    n_rows = graph.node("Slice", graph.node("Shape", sequences.x), [0], [2])
    shape = graph.node("Concat", n_rows, [n_features_out], axis=0)
    x = graph.node("Reshape", rows, shape)
    return graph.sequences(x, sequences.lengths)


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
    # Div of integers goes towards zero, so that its numerators are kept at zero or more
    if step.remainder != "repeat":
        whole = graph.node("Max", graph.node("Sub", lengths, k - s), 0)
        whole = graph.node("Div", whole, s)
        enough = graph.node("GreaterOrEqual", lengths, k)
        return graph.where(enough, whole, 0)
    # ceil(max(T - k, 0) / s) + 1, but at the most ceil(T / s)
    over = graph.node("Max", graph.node("Sub", lengths, k), 0)
    reaching = graph.node("Div", graph.node("Add", over, 2 * s - 1), s)
    most = graph.node("Div", graph.node("Add", lengths, s - 1), s)
    return graph.node("Min", reaching, most)
