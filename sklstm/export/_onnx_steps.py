"""Steps of a Pipeline before the network, as ONNX nodes."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, PowerTransformer

from ..sequences import SequenceArray
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
        if isinstance(part, Normalizer) and part.norm == "max":
            raise ValueError(
                f"{part!r}, which TimeDistributed applies to every step, cannot be "
                "exported: that of ONNX divides by the largest value, not by the "
                "largest absolute value. Use another norm, or apply it before the "
                "exported pipeline."
            )
    try:
        model = convert_sklearn(
            _acting(transformer),
            initial_types=[("X", FloatTensorType([None, F]))],
            target_opset=graph.opsets[""],
        )
    except (
        RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError
    ) as error:  # fmt: skip
        raise ValueError(
            f"skl2onnx cannot convert {transformer!r}, which TimeDistributed applies "
            f"to every step: {error}\nUse a transformer that it knows, register a "
            "converter with skl2onnx.update_registered_converter, or apply this one "
            "before the exported pipeline."
        ) from error
    (output,) = model.graph.output
    shape = output.type.tensor_type.shape.dim
    n_written = shape[-1].dim_value if shape else 0  # 0 if it is not known
    if n_written not in (0, n_features_out):
        raise ValueError(
            f"skl2onnx writes {n_written} features of {transformer!r}, which "
            f"TimeDistributed applies to every step, but it makes {n_features_out}. "
            "Of a SimpleImputer skl2onnx knows neither add_indicator=True nor features "
            "that are left out because they have no values: use missing='indicator' of "
            "the network or keep_empty_features=True, or apply the transformer before "
            "the exported pipeline."
        )
    given = _without_padding(graph, sequences, graph.reshape(sequences.x, -1, F))
    rows, dtype = graph.embed(model, prefix, given)
    if dtype != tensor_type(np.float32):
        rows = graph.cast(rows, np.float32)
    if any(isinstance(part, PowerTransformer) for part in _parts(transformer)):
        rows = _with_missing(graph, step, given, rows)
    n_rows = graph.node("Slice", graph.node("Shape", sequences.x), [0], [2])
    shape = graph.node("Concat", n_rows, [n_features_out], axis=0)
    x = graph.node("Reshape", rows, shape)
    return graph.sequences(x, sequences.lengths)


def _without_padding(graph, sequences, rows):
    """The steps as rows, with the first that there is in the place of padding.

    Zeros might be a category that an encoder does not know, which is an error.
    """
    exists = graph.cast(graph.reshape(sequences.exists, -1), np.int32)
    first = graph.node("ArgMax", exists, axis=0, keepdims=0)
    x = graph.node("Gather", rows, first)
    return graph.where(graph.reshape(sequences.exists, -1, 1), rows, x)


def _with_missing(graph, step, given, rows):
    """What is missing after the transformer, as it is in scikit-learn.

    The Yeo-Johnson of skl2onnx makes numbers of NaN.
    """
    F = step._n_sequence_features
    probes = np.where(np.eye(F, dtype=bool), np.nan, 1.0)
    try:
        probed = step._transform_steps(SequenceArray(probes, [0, F]))
    except ValueError:  # it takes no missing values
        return rows
    # Row j tells which features are missing where feature j was.
    spoils = np.isnan(probed).astype(np.float32)
    missing = graph.cast(graph.node("IsNaN", given), np.float32)
    missing = graph.node(
        "Greater", graph.node("MatMul", missing, spoils), np.float32(0)
    )
    return graph.where(missing, np.float32(np.nan), rows)


def _acting(transformer):
    """A Pipeline without the steps that let through, which skl2onnx does not know."""
    if not isinstance(transformer, Pipeline):
        return transformer
    steps = [
        (name, _acting(part))
        for name, part in transformer.steps
        if part is not None and part != "passthrough"
    ]
    return Pipeline(steps or [("identity", FunctionTransformer())])


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
    last = graph.node("Sub", lengths, 1)
    end = graph.node("Sub", last, graph.node("Mul", until_last, s))
    t = graph.node("Sub", graph.unsqueeze(end, 2), np.arange(k)[::-1].copy())
    # padding has no step to be taken from, and takes the last
    t = graph.node("Min", t, graph.unsqueeze(last, 1))
    t = graph.node("Max", t, 0)  # (T', B, k)
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
