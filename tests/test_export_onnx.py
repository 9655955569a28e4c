"""sklstm.export.to_onnx: models of every kind beside ONNX Runtime."""

import doctest
import inspect
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    SequenceArray,
)
from sklstm.export import to_onnx
from sklstm.preprocessing import FrameStacker, TimeDistributed

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

# Too few epochs to converge are enough for weights that are not those of the start.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")
FIT = {"max_iter": 5, "learning_rate_init": 0.05, "random_state": 0}
# Two numbers of float32 arithmetic: what is allowed between them, and why so little:
# 1e-6 is the most seen.
TOLERANCE = 1e-5

CELLS = {
    "lstm": (LSTMClassifier, {}),
    "lstm_peephole": (LSTMClassifier, {"peephole": True}),
    "gru": (GRUClassifier, {}),
    "rnn_tanh": (RNNClassifier, {}),
    "rnn_relu": (RNNClassifier, {"activation": "relu"}),
}
POOLINGS = ("last", "mean", "max", "attention")
RUBBISH = (np.nan, 1e30, -np.inf)


def ragged(n=24, F=3, *, empty=True, missing=0.0, seed=0):
    """Sequences of 1 to 9 steps; the first has none, if not told otherwise."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, size=n)
    if empty:
        lengths[0] = 0
    data = rng.standard_normal((lengths.sum(), F)) + np.arange(F)
    data[rng.random(data.shape) < missing] = np.nan
    return SequenceArray(data.astype(np.float32), np.append(0, lengths.cumsum()))


def session_of(estimator, **options):
    model = to_onnx(estimator, **options)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def padded(X, fill_value=np.nan, n_steps=None):
    return {
        "X": X.to_padded(fill_value=fill_value, n_steps=n_steps).astype(np.float32),
        "sequence_lens": X.lengths.astype(np.int32),
    }


def outputs_of(session, X, *args):
    """Outputs by name; the same for every rubbish in the padding."""
    names = [output.name for output in session.get_outputs()]
    first, *others = (session.run(None, padded(X, fill, *args)) for fill in RUBBISH)
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)
    return dict(zip(names, first, strict=True))


def assert_same_classifier(session, model, X):
    outputs = outputs_of(session, X)
    assert list(outputs) == ["label", "probabilities"]
    expected = model.predict_proba(X)
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=TOLERANCE)
    assert outputs["probabilities"].dtype == np.float32
    np.testing.assert_array_equal(outputs["label"], model.predict(X))
    assert np.ptp(expected, axis=0).max() > 0.05, "a constant model shows nothing"


def assert_same_regressor(session, model, X):
    outputs = outputs_of(session, X)
    assert list(outputs) == ["variable"]
    expected = model.predict(X)
    assert outputs["variable"].dtype == np.float64
    assert outputs["variable"].shape == expected.shape
    spread = np.ptp(expected, axis=0).max()
    assert spread > 0
    np.testing.assert_allclose(
        outputs["variable"], expected, rtol=1e-13, atol=TOLERANCE * spread
    )


# ---- networks ----------------------------------------------------------------------


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_network(cell, bidirectional, pooling):
    make, options = CELLS[cell]
    X = ragged()
    y = np.resize([0, 1, 2], len(X))
    model = make((3, 5), bidirectional=bidirectional, pooling=pooling, **options, **FIT)
    session = session_of(model.fit(X, y))
    assert_same_classifier(session, model, X)
    # other lengths and batches than in fit, all sequences of no steps among them
    assert_same_outputs = [ragged(n, empty=False, seed=n) for n in (1, 2, 37)]
    for other in (*assert_same_outputs, X[1:2], X[:1], X[[0, 0]]):
        outputs = outputs_of(session, other)
        np.testing.assert_allclose(
            outputs["probabilities"], model.predict_proba(other), atol=TOLERANCE
        )
    # more padding than there is need for
    wide = outputs_of(session, X, 30)["probabilities"]
    np.testing.assert_allclose(wide, model.predict_proba(X), atol=TOLERANCE)


@pytest.mark.parametrize("cell", CELLS)
def test_long_sequences(cell):
    make, options = CELLS[cell]
    rng = np.random.default_rng(0)
    X = SequenceArray.from_list([rng.standard_normal((T, 2)) for T in (400, 1, 700)])
    model = make(6, **options, **FIT).fit(X, [0, 1, 2])
    assert_same_classifier(session_of(model), model, X)


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
@pytest.mark.parametrize(
    "cell, bidirectional, pooling", [("gru", True, "last"), ("lstm", False, "max")]
)
def test_missing_values(missing, cell, bidirectional, pooling):
    make, options = CELLS[cell]
    X = ragged(missing=0.4)
    assert np.isnan([x[0] for x in X[1:]]).any(), "some are missing before the first"
    y = np.resize([0, 1], len(X))
    model = make(
        4, bidirectional=bidirectional, pooling=pooling, missing=missing, **FIT
    ).fit(X, y)
    session = session_of(model)
    assert_same_classifier(session, model, X)
    for other in (ragged(5, empty=False, seed=3), X[:1]):
        outputs = outputs_of(session, other)
        np.testing.assert_allclose(
            outputs["probabilities"], model.predict_proba(other), atol=TOLERANCE
        )


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_no_number_gives_nan(cell, pooling):
    make, options = CELLS[cell]
    X = ragged(empty=False)
    model = make((3, 4), pooling=pooling, **options, **FIT)
    model.fit(X, np.resize([0, 1], len(X)))
    data = X.data.copy()
    data[X.offsets[2], 1] = np.nan
    data[X.offsets[5] - 1, 0] = -np.inf
    data[X.offsets[7]] = np.inf, -np.inf, 0
    data[X.offsets[9]] = 1e30, -1e30, 3e38  # large, but numbers
    broken = SequenceArray(data, X.offsets)
    probabilities = outputs_of(session_of(model), broken)["probabilities"]
    is_nan = np.isnan(probabilities)
    np.testing.assert_array_equal(is_nan[:, 0], is_nan[:, 1])
    np.testing.assert_array_equal(np.flatnonzero(is_nan[:, 0]), [2, 4, 7])
    session = session_of(model, stream=True)
    for outputs, so_far in read_in_pieces(session, broken, (1, 2, 7)):
        expected = [not np.isfinite(x).all() for x in so_far]
        got = np.isnan(outputs["probabilities"]).any(axis=1)
        np.testing.assert_array_equal(got, expected)


def test_float64_is_exported_in_float32():
    X = ragged()
    model = LSTMClassifier(8, dtype="float64", **FIT).fit(X, np.resize([0, 1], len(X)))
    assert_same_classifier(session_of(model), model, X)


def test_univariate_sequences_of_a_matrix():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 6)).astype(np.float32)
    model = make_pipeline(
        TimeDistributed(StandardScaler()), GRUClassifier(4, **FIT)
    ).fit(X, np.resize([0, 1], 20))
    (label, probabilities) = session_of(model).run(
        None, {"X": X[:, :, np.newaxis], "sequence_lens": np.full(20, 6, np.int32)}
    )
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=TOLERANCE)


def test_wrong_lengths_are_an_error():
    X = ragged(empty=False)
    session = session_of(LSTMClassifier(4, **FIT).fit(X, np.resize([0, 1], len(X))))
    feed = padded(X)
    for wrong in (X.lengths.max() + 1, -1):
        feed["sequence_lens"][0] = wrong
        with pytest.raises(Exception, match="sequence_lens"):
            session.run(None, feed)


# ---- tasks -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes, dtype",
    [
        (["ant", "bee"], object),
        (["ant", "bee", "übel"], object),
        ([-3, 7], np.int64),
        (np.array([4, 2, 9], dtype=np.uint8), np.int64),
        ([False, True], bool),
        ([1.0, 2.0, 5.0], np.float64),
        (np.array([1, 2**63 + 5], dtype=np.uint64), np.uint64),
        (np.array(["ant", "bee", "cow"], dtype=object), object),
    ],
)
def test_labels(classes, dtype):
    X = ragged(n=24, empty=False)
    y = np.resize(classes, len(X))
    model = GRUClassifier(4, **FIT).fit(X, y)
    session = session_of(model)
    assert_same_classifier(session, model, X)
    label = outputs_of(session, X)["label"]
    assert label.dtype == dtype and label.shape == (len(X),)
    assert len(set(label.tolist())) > 1
    properties = session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["classes"]) == model.classes_.tolist()


@pytest.mark.parametrize("unit", ["M8[D]", "m8[s]"])
def test_labels_that_onnx_does_not_have(unit):
    X = ragged(empty=False)
    y = (np.arange(len(X)) % 2).astype(unit)
    model = GRUClassifier(4, **FIT).fit(X, y)
    with pytest.raises(ValueError, match="which ONNX does not have. Fit with labels"):
        to_onnx(model)


def test_multilabel():
    X = ragged()
    y = (np.random.default_rng(0).random((len(X), 3)) < [0.3, 0.5, 0.6]).astype(int)
    model = GRUClassifier(6, **FIT).fit(X, y)
    session = session_of(model)
    assert_same_classifier(session, model, X)
    assert outputs_of(session, X)["label"].dtype == np.int64


@pytest.mark.parametrize("n_targets", [None, 1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "poisson"},
        {"loss": "quantile", "quantile": 0.8},
        {"loss": "quantile", "quantile": [0.3]},
        {"loss": "quantile", "quantile": [0.9, 0.1]},
        {"loss": "quantile", "quantile": [0.5, 0.9, 0.05, 0.25, 0.7]},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "squared_error",
)
def test_regressor(options, n_targets):
    X = ragged()
    total = np.array([x.sum() for x in X])
    y = np.exp(total / 10)
    if n_targets:
        y = y[:, np.newaxis] * np.arange(1, 1 + n_targets)
    model = LSTMRegressor(5, **options, **FIT).fit(X, y)
    session = session_of(model)
    assert_same_regressor(session, model, X)
    broken = SequenceArray(np.full((2, 3), np.nan), [0, 2])
    assert np.isnan(outputs_of(session, broken)["variable"]).all()


def test_targets_that_are_large_beside_what_they_vary_by():
    X = ragged()
    y = 1.7e9 + np.array([x.sum() for x in X])
    model = GRURegressor(5, **FIT).fit(X, y)
    assert_same_regressor(session_of(model), model, X)


# ---- pipelines ---------------------------------------------------------------------

TRANSFORMERS = {
    "scaler": StandardScaler(),
    "pipeline": make_pipeline(SimpleImputer(), MinMaxScaler(), PCA(2)),
    "columns": ColumnTransformer(
        [("scale", StandardScaler(), [2, 0])], remainder="passthrough"
    ),
    "union": FeatureUnion([("scale", StandardScaler()), ("select", SelectKBest(k=1))]),
    "integers": make_pipeline(Binarizer(), OrdinalEncoder(dtype=np.int64)),
}


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_time_distributed(kind):
    X = ragged()
    if kind == "pipeline":
        X = ragged(missing=0.2)
    model = make_pipeline(
        TimeDistributed(TRANSFORMERS[kind]), LSTMClassifier(4, **FIT)
    ).fit(X, np.resize(["a", "b"], len(X)))
    session = session_of(model)
    assert_same_classifier(session, model, X)
    for other in (X[1:2], X[:1], ragged(3, seed=5)):
        outputs = outputs_of(session, other)
        np.testing.assert_allclose(
            outputs["probabilities"], model.predict_proba(other), atol=TOLERANCE
        )


def test_padding_is_no_category():
    """OneHotEncoder raises for categories that it does not know; 0 may be one."""
    X = ragged()
    X = SequenceArray(1.0 + (X.data > 1), X.offsets)
    model = make_pipeline(TimeDistributed(OneHotEncoder()), GRUClassifier(4, **FIT))
    model.fit(X, np.resize([0, 1], len(X)))
    assert_same_classifier(session_of(model), model, X)


@pytest.mark.parametrize(
    "transformer",
    [
        PowerTransformer(),
        ColumnTransformer([("power", PowerTransformer(), [2, 0])]),
        make_pipeline(SimpleImputer(), PowerTransformer()),
    ],
    ids=["alone", "columns", "imputed"],
)
def test_power_transformer_leaves_missing_values(transformer):
    """That of skl2onnx makes numbers of them."""
    X = ragged(n=60, missing=0.2)
    steps = TimeDistributed(transformer)
    model = make_pipeline(steps, GRUClassifier(4, missing="ffill", **FIT))
    model.fit(X, np.resize([0, 1], len(X)))
    assert_same_classifier(session_of(model), model, X)


def test_steps_that_let_through():
    X = ragged()
    inner = make_pipeline("passthrough", StandardScaler(), None)
    model = make_pipeline(TimeDistributed(inner), GRUClassifier(4, **FIT))
    model.fit(X, np.resize([0, 1], len(X)))
    assert_same_classifier(session_of(model), model, X)


def test_several_steps():
    X = ragged(missing=0.2)
    y = np.array([np.nansum(x) for x in X])
    model = make_pipeline(
        make_pipeline(TimeDistributed(StandardScaler()), "passthrough"),
        TimeDistributed(StandardScaler(with_std=False)),
        TimeDistributed(make_pipeline(SimpleImputer(), PCA(2))),
        FrameStacker(2),
        TimeDistributed(PCA(3)),
        None,
        GRURegressor(5, **FIT),
    ).fit(X, y)
    assert_same_regressor(session_of(model), model, X)


@pytest.mark.parametrize("remainder", ["repeat", "drop"])
@pytest.mark.parametrize("n_frames, step", [(3, None), (3, 1), (2, 5), (1, 2), (12, 4)])
def test_frame_stacker(n_frames, step, remainder):
    X = ragged(n=40)
    model = make_pipeline(
        FrameStacker(n_frames, step=step, remainder=remainder),
        RNNClassifier(4, pooling="max", missing="ffill", **FIT),
    )
    model.fit(X, np.resize([0, 1, 2], len(X)))
    session = session_of(model)
    for other in (X, X[1:2], X[:1], ragged(9, seed=4)):
        outputs = outputs_of(session, other)
        np.testing.assert_allclose(
            outputs["probabilities"], model.predict_proba(other), atol=TOLERANCE
        )


def test_search():
    X = ragged(empty=False)
    pipeline = make_pipeline(TimeDistributed(StandardScaler()), GRUClassifier(**FIT))
    search = GridSearchCV(pipeline, {"gruclassifier__hidden_layer_sizes": [2, 4]}, cv=2)
    search.fit(X, np.resize([0, 1], len(X)))
    assert_same_classifier(session_of(search), search, X)


# ---- streams -----------------------------------------------------------------------


def state_of(session, n):
    """Zeros for every input that is a state."""
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    return {
        state.name: np.zeros([n, *state.shape[1:]], types[state.type])
        for state in session.get_inputs()[2:]
    }


def read_in_pieces(session, X, pieces):
    """Outputs after each piece; sequences end where they end."""
    names = [output.name for output in session.get_outputs()]
    state, begin = state_of(session, len(X)), 0
    for size in pieces:
        piece = SequenceArray.from_list([x[begin : begin + size] for x in X])
        outputs = dict(zip(names, session.run(None, {**padded(piece), **state})))
        state = {name: outputs[f"next_{name}"] for name in state}
        begin += size
        yield outputs, SequenceArray.from_list([x[:begin] for x in X])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_stream(cell, pooling):
    make, options = CELLS[cell]
    X = ragged()
    model = make((3, 5), pooling=pooling, **options, **FIT)
    session = session_of(model.fit(X, np.resize([0, 1, 2], len(X))), stream=True)
    for outputs, so_far in read_in_pieces(session, X, (0, 1, 1, 3, 1, 4)):
        assert all(np.isfinite(value).all() for value in outputs.values())
        np.testing.assert_allclose(
            outputs["probabilities"], model.predict_proba(so_far), atol=TOLERANCE
        )
        np.testing.assert_array_equal(outputs["label"], model.predict(so_far))


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_stream_with_missing_values(missing, pooling):
    X = ragged(missing=0.4)
    y = np.array([np.nansum(x) for x in X])
    model = make_pipeline(
        TimeDistributed(StandardScaler(with_mean=False)),
        LSTMRegressor(5, pooling=pooling, missing=missing, **FIT),
    ).fit(X, y)
    assert model[-1]._fitted.first_value.max() > 1, (
        "what is seen does not begin as zero"
    )
    session = session_of(model, stream=True)
    for outputs, so_far in read_in_pieces(session, X, (1, 1, 0, 2, 6)):
        assert not any(np.isnan(value).any() for value in outputs.values())
        np.testing.assert_allclose(
            outputs["variable"], model.predict(so_far), atol=TOLERANCE
        )


def test_stream_of_large_scores():
    """Scores of attention whose exponentials are no numbers."""
    X = ragged(empty=False)
    model = GRUClassifier(3, pooling="attention", **FIT)
    model.fit(X, np.resize([0, 1], len(X)))
    network = model._fitted.make_network()
    for size in (1e3, -1e3):
        parameters = model._fitted.parameters.copy()
        network.views(parameters)["pooling"]["w"][:] = size
        model._fitted = model._fitted.with_parameters(parameters)
        h = model.transform(X, output="sequence").data
        assert np.abs(np.tanh(h).sum(axis=1)).max() * 1e3 > 200
        session = session_of(model, stream=True)
        for outputs, so_far in read_in_pieces(session, X, (1, 2, 7)):
            np.testing.assert_allclose(
                outputs["probabilities"], model.predict_proba(so_far), atol=TOLERANCE
            )


def test_stream_as_predict_step():
    X = ragged(empty=False)
    model = LSTMClassifier(5, **FIT).fit(X, np.resize([0, 1], len(X)))
    session = session_of(model, stream=True)
    assert [i.name for i in session.get_inputs()] == [
        "X", "sequence_lens", "h_l0", "c_l0"
    ]  # fmt: skip
    ours, state = model.initial_state(), state_of(session, 1)
    for x in X[3]:
        expected, ours = model.predict_step(x, ours, method="predict_proba")
        feed = {"X": x[np.newaxis, np.newaxis], "sequence_lens": np.ones(1, np.int32)}
        _, got, *after = session.run(None, {**feed, **state})
        state = dict(zip(state, after, strict=True))
        np.testing.assert_allclose(got, expected, atol=TOLERANCE)


# ---- the model itself --------------------------------------------------------------


@pytest.mark.parametrize("target_opset", [15, 17, 18, 21])
def test_target_opset(target_opset):
    X = ragged(missing=0.2)
    model = make_pipeline(
        TimeDistributed(TRANSFORMERS["pipeline"]),
        FrameStacker(2),
        LSTMClassifier(
            4, pooling="attention", bidirectional=True, missing="ffill", **FIT
        ),
    ).fit(X, np.resize(["a", "b"], len(X)))
    written = to_onnx(model, target_opset=target_opset)
    versions = {opset.domain: opset.version for opset in written.opset_import}
    assert versions[""] == target_opset
    session = session_of(model, target_opset=target_opset)
    assert_same_classifier(session, model, X)


def test_target_opset_out_of_range():
    X = ragged(empty=False)
    model = GRUClassifier(4, **FIT).fit(X, np.resize([0, 1], len(X)))
    for wrong in (14, onnx.defs.onnx_opset_version() + 1):
        with pytest.raises(ValueError, match=f"target_opset == {wrong}, must be"):
            to_onnx(model, target_opset=wrong)
    with pytest.raises(TypeError, match="target_opset must be an instance of int"):
        to_onnx(model, target_opset="18")


def test_description():
    X = ragged(empty=False)
    named = SequenceArray(X.data, X.offsets, ["a", "b", "c"])
    y = np.array([x.sum() for x in X])
    model = GRURegressor(4, loss="quantile", quantile=[0.9, 0.5], **FIT).fit(named, y)
    written = to_onnx(model, name="tides")
    assert written.producer_name == "sklstm"
    assert written.graph.name == "tides"
    assert "GRURegressor" in written.doc_string
    properties = {p.key: json.loads(p.value) for p in written.metadata_props[2:]}
    assert properties == {"quantile": [0.9, 0.5], "feature_names": ["a", "b", "c"]}
    assert to_onnx(model).graph.name == "GRURegressor"
    dims = written.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", "time", 3]
    # one recurrent node, whose weights are there once
    assert [n.op_type for n in written.graph.node].count("GRU") == 1
    assert len(written.SerializeToString()) < 10_000


def test_the_same_bytes_every_time():
    X = ragged()
    model = LSTMClassifier(4, pooling="max", **FIT).fit(X, np.resize([0, 1], len(X)))
    assert to_onnx(model) == to_onnx(model)


# ---- what cannot be exported -------------------------------------------------------


def test_not_fitted():
    X = ragged(empty=False)
    search = GridSearchCV(GRUClassifier(), {"alpha": [0.0]})
    scaled = make_pipeline(TimeDistributed(StandardScaler()), GRUClassifier())
    for unfitted in (GRUClassifier(), search, scaled):
        with pytest.raises(NotFittedError):
            to_onnx(unfitted)
    search.set_params(refit=False, cv=2, estimator__max_iter=1)
    search.fit(X, np.resize([0, 1], len(X)))
    with pytest.raises(ValueError, match="no best_estimator_, because refit=False"):
        to_onnx(search)


def test_other_estimators():
    X = ragged(empty=False)
    y = np.resize([0, 1], len(X))
    network = GRUClassifier(4, **FIT)
    with pytest.raises(TypeError, match=r"can be exported, got LogisticRegression\("):
        to_onnx(make_pipeline(network, LogisticRegression()).fit(X, y))
    with pytest.raises(TypeError, match=r"got FunctionTransformer\("):
        to_onnx(make_pipeline(FunctionTransformer(), network).fit(X, y))
    with pytest.raises(ValueError, match="skl2onnx cannot convert FunctionTransformer"):
        steps = TimeDistributed(FunctionTransformer(np.arctan))
        to_onnx(make_pipeline(steps, network).fit(X, y))
    # skl2onnx would write a model, of the labels of clusters
    for inner in (
        KMeans(2),
        make_pipeline(KMeans(2), StandardScaler()),
        ColumnTransformer([("clusters", KMeans(2), [0])]),
    ):
        with pytest.raises(TypeError, match=r"KMeans\(n_clusters=2\), which"):
            to_onnx(make_pipeline(TimeDistributed(inner), network).fit(X, y))


def test_what_skl2onnx_writes_wrongly():
    """The runtime would raise, or compute another thing."""
    X = ragged(missing=0.2)
    y = np.resize([0, 1], len(X))
    network = GRUClassifier(4, missing="ffill", **FIT)
    imputer = TimeDistributed(SimpleImputer(add_indicator=True))
    with pytest.raises(
        ValueError, match=r"3 features of SimpleImputer\(add_indicator=True\).* 6"
    ):
        to_onnx(make_pipeline(imputer, network).fit(X, y))
    # its maximum is not that of the absolute values
    X = ragged()
    for inner in (Normalizer("max"), make_pipeline(PCA(2), Normalizer("max"))):
        with pytest.raises(ValueError, match=r"Normalizer\(norm='max'\)"):
            to_onnx(make_pipeline(TimeDistributed(inner), network).fit(X, y))


def test_what_has_refit_and_is_no_search():
    X = ragged(empty=False)
    model = TunedThresholdClassifierCV(GRUClassifier(4, **FIT), cv=2)
    model.fit(X, np.resize([0, 1], len(X)))
    with pytest.raises(TypeError, match=r"can be exported, got TunedThreshold"):
        to_onnx(model)


def test_what_cannot_be_streamed():
    X = ragged(empty=False)
    y = np.resize([0, 1], len(X))
    model = GRUClassifier(4, bidirectional=True, **FIT).fit(X, y)
    with pytest.raises(ValueError, match="bidirectional network cannot be streamed"):
        to_onnx(model, stream=True)
    model = make_pipeline(FrameStacker(2), GRUClassifier(4, **FIT)).fit(X, y)
    with pytest.raises(ValueError, match=r"FrameStacker\(n_frames=2\) cannot be"):
        to_onnx(model, stream=True)


# ---- the extra ---------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["onnx", "skl2onnx"])
def test_missing_extra(missing, monkeypatch):
    X = ragged(empty=False)
    model = GRUClassifier(4, **FIT).fit(X, np.resize([0, 1], len(X)))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install 'sklstm\[onnx\]'"):
        to_onnx(model)


def test_import_takes_no_extra():
    code = """
    import importlib, pkgutil, sys
    import sklstm.export
    assert not {"onnx", "skl2onnx"} & set(sys.modules)
    # doctest imports every module, whether the extra is there or not
    sys.modules.update(onnx=None, skl2onnx=None)
    for module in pkgutil.iter_modules(sklstm.export.__path__, "sklstm.export."):
        if "onnx" in module.name:
            importlib.import_module(module.name)
    """
    subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(code)], check=True)


def test_docstring():
    """Its example is skipped by pytest, which may run where onnx is missing."""
    text = inspect.getdoc(to_onnx)
    assert "+SKIP" in text
    example = doctest.DocTestParser().get_doctest(
        text.replace("# doctest: +SKIP", ""), {}, "to_onnx", None, 0
    )
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


def test_user_guide(tmp_path, monkeypatch):
    """The code of the page runs from its top to its end."""
    page = Path(__file__).parents[1] / "docs" / "user_guide" / "onnx.rst"
    blocks = page.read_text().split(".. code-block:: python\n")[1:]
    assert len(blocks) == 4
    code = [re.match(r"(?:\n| {3}.*\n)+", block)[0] for block in blocks]
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent("".join(code)), {})
    assert (tmp_path / "speakers.onnx").stat().st_size > 10_000
