"""Tables of embeddings from and to other libraries: the same outputs there and here."""

import json

import numpy as np
import pandas as pd
import pytest
from export_cases import in_keras
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNRegressor
from sklstm.export import (
    from_keras,
    from_onnx,
    from_torch,
    to_keras,
    to_onnx,
    to_torch,
)
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

V, E = 9, 5
IDS = {"embedding_dim": E}
MIXED = {"embedding_dim": [E, 2], "categorical_features": [1, 3]}
both_forms = pytest.mark.parametrize("form", [IDS, MIXED], ids=["ids", "mixed"])


def ids(n=20, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.integers(0, V, (T, 1)).astype(np.float32) for T in rng.integers(1, 8, n)]
    X[2] = np.float32([[V - 1], [0]])
    return X


def table(n=20, seed=0):
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, 4)).astype("f4") for T in rng.integers(1, 8, n)]
    for x in X:
        x[:, [1, 3]] = rng.integers(0, (V, 4), (len(x), 2))
    return X


def fitted(Estimator, form, **params):
    X = ids() if form is IDS else table()
    y = np.arange(len(X)) % 3
    params = {"hidden_layer_sizes": 4, "max_iter": 4, "random_state": 0, **params}
    model = Estimator(**form, **params, learning_rate_init=0.05)
    return model.fit(X, y), X


# ---- PyTorch ---------------------------------------------------------------------


@both_forms
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("Estimator", [LSTMRegressor, GRUClassifier, RNNRegressor])
def test_the_torch_model_predicts_what_we_do(torch, Estimator, bidirectional, form):
    model, X = fitted(Estimator, form, bidirectional=bidirectional)
    state = {k: torch.from_numpy(v) for k, v in to_torch(model).items()}
    make = getattr(torch.nn, Estimator.__name__[: 3 + (Estimator is LSTMRegressor)])
    tables = torch.nn.ModuleDict(
        {
            name.removesuffix(".weight"): torch.nn.Embedding(*value.shape)
            for name, value in state.items()
            if name.startswith("embedding")
        }
    )
    n_outputs = len(state["head.bias"])
    name = make.__name__.lower()
    modules = torch.nn.ModuleDict(
        {
            **tables,
            name: make(
                state[f"{name}.weight_ih_l0"].shape[1], 4, batch_first=True,
                bidirectional=bidirectional,
            ),
            "head": torch.nn.Linear(4 * (1 + bidirectional), n_outputs),
        }
    )  # fmt: skip
    modules.load_state_dict(state)
    columns = [0] if form is IDS else [1, 3]
    for x in X:
        x = torch.from_numpy(x)[None]
        parts = [layer(x[..., j].long()) for j, layer in zip(columns, tables.values())]
        if form is MIXED:
            parts.append(x[..., [0, 2]])
        with torch.no_grad():
            _, last = modules[name](torch.cat(parts, dim=-1))
            last = last[0] if isinstance(last, tuple) else last
            raw = modules["head"](torch.cat(list(last), dim=-1)).numpy()
        ours = getattr(model, "decision_function", model.predict)([x[0].numpy()])
        assert_allclose(np.ravel(ours), raw.ravel(), rtol=1e-4, atol=1e-5)


@both_forms
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("missing", ["error", "indicator"])
def test_there_and_back_to_the_bit(form, dtype, missing):
    model, X = fitted(LSTMRegressor, form, dtype=dtype, missing=missing)
    unfitted = clone(model)
    weights = to_torch(model, standardized=True)
    for again in (
        from_torch(weights, unfitted),
        from_keras(to_keras(model, standardized=True), unfitted),
    ):
        assert_array_equal(again.predict(X), model.predict(X))
        assert again.weights_.keys() == model.weights_.keys()
        assert again.partial_fit(X, np.arange(len(X))).n_features_in_ == len(X[0].T)
    classifier, X = fitted(LSTMClassifier, form, pooling="attention")
    again = from_torch(classifier.weights_, clone(classifier))
    assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_names_of_tables():
    model, X = fitted(LSTMRegressor, IDS)
    expected, unfitted = model.predict(X), clone(model)
    for path in ("emb", "embed", "encoder.word_embeddings", "embedding"):
        state = to_torch(model, embedding=path, standardized=True)
        assert next(iter(state)) == f"{path}.weight"
        assert_array_equal(from_torch(state, unfitted).predict(X), expected)
    state = to_torch(model, embedding="words", standardized=True)
    got = from_torch(state, unfitted, embedding="words").predict(X)
    assert_array_equal(got, expected)
    mixed, X = fitted(LSTMRegressor, MIXED)
    state = to_torch(mixed, embedding="a.b", standardized=True)
    assert list(state)[:2] == ["a.b_1.weight", "a.b_3.weight"]
    got = from_torch(state, clone(mixed), embedding="a.b").predict(X)
    assert_array_equal(got, mixed.predict(X))
    mask = clone(mixed).set_params(categorical_features=[False, True] * 2)
    got = from_torch(state, mask, embedding="a.b").predict(X)
    assert_array_equal(got, mixed.predict(X))


def test_a_table_as_wide_as_the_head():
    model, X = fitted(LSTMRegressor, IDS, hidden_layer_sizes=E)
    state = to_torch(model, standardized=True)
    assert_array_equal(from_torch(state, clone(model)).predict(X), model.predict(X))


def test_tables_that_do_not_fit():
    model, _ = fitted(LSTMRegressor, IDS)
    mixed, _ = fitted(LSTMRegressor, MIXED)
    state, states = to_torch(model), to_torch(mixed)
    plain = clone(model).set_params(embedding_dim=None)
    other = clone(model).set_params(embedding_dim=3)
    cases = [
        (state, plain, "'embedding.weight' is the table .* embedding_dim=None"),
        (state, other, r"embedding.weight has shape \(9, 5\).*embedding_dim=3"),
        (state, clone(mixed), "holds 'embedding.weight', but .* has 2 table"),
        (states, clone(model), "'embedding_1.weight', 'embedding_3.weight', but .* 1 "),
        (
            states,
            clone(mixed).set_params(categorical_features="from_dtype"),
            "'from_dtype' finds columns in X, but there is no X. Pass their indices",
        ),
        (
            {k: v for k, v in state.items() if "embedding" not in k},
            clone(model),
            "holds no table of an embedding",
        ),
        (
            {**state, "lstm.weight_ih_l0": np.zeros((16, 7))},
            clone(model),
            "X has 3 features, but with embedding_dim alone",
        ),
    ]
    for given, estimator, message in cases:
        with pytest.raises(ValueError, match=message):
            from_torch(given, estimator)
    with pytest.raises(ValueError, match="holds no table"):
        from_torch(state, clone(model), embedding="words")
    with pytest.raises(TypeError, match="embedding=3 is no path"):
        to_torch(model, embedding=3)
    weights = to_keras(model)
    with pytest.raises(ValueError, match=r"weights\[0\] has shape.*embedding_dim=3"):
        from_keras(weights, other)
    with pytest.raises(ValueError, match=r"holds 6 arrays.*has 7: 2 table"):
        from_keras(weights, clone(mixed))
    layer = {"W": np.zeros((1, 16, 5)), "R": np.zeros((1, 16, 4))}
    with pytest.raises(ValueError, match="embedding_dim=5, but the operators of ONNX"):
        from_onnx(layer, clone(model))


# ---- Keras -----------------------------------------------------------------------


@in_keras
def test_keras_predicts_what_we_do(keras):
    model, X = fitted(LSTMRegressor, IDS)
    layers = keras.layers
    other = keras.Sequential(
        [keras.Input((None,)), layers.Embedding(V, E), layers.LSTM(4), layers.Dense(1)]
    )
    other.set_weights(to_keras(model))
    got = [other(x[np.newaxis, :, 0]) for x in X]
    got = [float(keras.ops.convert_to_numpy(y).ravel()[0]) for y in got]
    assert_allclose(got, model.predict(X), rtol=1e-4, atol=1e-5)


# ---- ONNX ------------------------------------------------------------------------


def onnx_outputs(model, X, **options):
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(
        to_onnx(model, **options).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    X = SequenceArray.from_list(X)
    results = []
    for fill in (np.nan, 1e30, -np.inf, -7.5):  # rubbish in the padding
        given = X.to_padded(fill).astype(np.float32)
        lengths = X.lengths.astype(np.int32)
        results.append(session.run(None, {"X": given, "sequence_lens": lengths})[-1])
    for other in results[1:]:
        assert_array_equal(other, results[0])
    return results[0]


@both_forms
@pytest.mark.parametrize("pooling", ["last", "max"])
@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
def test_onnx(form, pooling, missing):
    model, X = fitted(
        LSTMClassifier, form, pooling=pooling, bidirectional=True, missing=missing
    )
    X = [*X, X[0][:0]]
    beyond = X[1].copy()
    beyond[:, 0 if form is IDS else 1] = [V, 2**20, 3, 1, 0, 2, 99][: len(beyond)]
    X.append(beyond)
    if missing != "error":
        lacking = X[0].copy()
        lacking[::2] = np.nan
        X.append(lacking)
    got = onnx_outputs(model, X)
    assert_allclose(got, model.predict_proba(X), atol=1e-5)
    assert np.ptp(got, axis=0).max() > 0.05


def test_onnx_knows_the_tokens():
    pytest.importorskip("skl2onnx")
    X = SequenceArray([[1], [2], [0]], [0, 2, 3], vocabulary=["?", "b", "\u00fc"])
    params = {"max_iter": 1, **IDS}
    model = LSTMClassifier(3, **params).fit(X, [0, 1])
    properties = {p.key: p.value for p in to_onnx(model).metadata_props}
    assert json.loads(properties["vocabulary"]) == ["?", "b", "\u00fc"]
    X = SequenceArray([[1], [2], [0]], [0, 2, 3], vocabulary=["?", 7, (1, 2)])
    model = LSTMClassifier(3, **params).fit(X, [0, 1])
    assert "vocabulary" not in {p.key for p in to_onnx(model).metadata_props}
    word = pd.Series(["a", "b"], dtype="category")
    X = [pd.DataFrame({"word": word})] * 2
    params["categorical_features"] = "from_dtype"
    model = LSTMClassifier(3, **params).fit(X, [0, 1])
    properties = {p.key: p.value for p in to_onnx(model).metadata_props}
    assert json.loads(properties["categories_0"]) == ["a", "b"]


@both_forms
def test_onnx_of_what_is_no_id(form):
    model, X = fitted(LSTMRegressor, form)
    bad = [x.copy() for x in X[:6]]
    column = 0 if form is IDS else 3
    for x, value in zip(bad, (-1, 0.5, np.nan, np.inf, -np.inf)):
        x[0, column] = value
    got = onnx_outputs(model, bad)
    assert np.isnan(got[:5]).all()
    assert_allclose(got[5], model.predict(bad[5:])[0], atol=1e-5)


@both_forms
@pytest.mark.parametrize("opset", [15, 18])
def test_onnx_stream(form, opset):
    pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, X = fitted(LSTMRegressor, form, missing="ffill")
    session = onnxruntime.InferenceSession(
        to_onnx(model, stream=True, target_opset=opset).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    names = [output.name for output in session.get_outputs()]
    x, state = next(x for x in X if len(x) > 3), {}
    for value in session.get_inputs()[2:]:
        shape = [1, *value.shape[1:]]
        kind = np.int64 if "int64" in value.type else np.float32
        state[value.name] = np.zeros(shape, kind)
    for step in x:
        given = {"X": step[np.newaxis, np.newaxis], "sequence_lens": np.int32([1])}
        found = dict(zip(names, session.run(None, {**given, **state})))
        state = {name: found[f"next_{name}"] for name in state}
    assert_allclose(found["variable"], model.predict([x]), atol=1e-5)
