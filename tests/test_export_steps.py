"""Estimators with an output at every step: to ONNX Runtime, PyTorch and Keras."""

import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from step_estimator_cases import both, every_cell

from sklstm import LSTMStepRegressor, LSTMTagger, SequenceArray
from sklstm.export import from_keras, from_onnx, from_torch, to_keras, to_torch
from sklstm.preprocessing import FrameStacker, TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")
FIT = {"max_iter": 5, "learning_rate_init": 0.05, "random_state": 0}
TOLERANCE = 1e-5


def ragged(n=24, F=3, *, missing=0.0, seed=0):
    """Sequences of 1 to 9 steps; the first has none."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, size=n)
    lengths[0] = 0
    data = rng.standard_normal((lengths.sum(), F)) + np.arange(F)
    data[rng.random(data.shape) < missing] = np.nan
    return SequenceArray(data.astype(np.float32), np.append(0, lengths.cumsum()))


X = ragged()


def target(Estimator, X=X):
    sums = [np.nan_to_num(x[:, 0]).cumsum() for x in X]
    if Estimator is LSTMTagger:
        names = np.array(["down", "flat", "up"])
        return [names[np.digitize(s, [-0.5, 0.5])].tolist() for s in sums]
    return [1000 + 50 * s for s in sums]


def path_of(emissions, transitions, start, end):
    """The best of all paths, by Viterbi."""
    score, came_from = start + emissions[0], []
    for emission in emissions[1:]:
        paths = score[:, None] + transitions
        came_from.append(paths.argmax(axis=0))
        score = paths.max(axis=0) + emission
    path = [int((score + end).argmax())]
    for before in reversed(came_from):
        path.append(int(before[path[-1]]))
    return path[::-1]


# ---- ONNX ----------------------------------------------------------------------------


@pytest.fixture
def onnx_session():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    from sklstm.export import to_onnx

    def session(model, **options):
        written = to_onnx(model, **options).SerializeToString()
        return onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])

    return session


def padded(X, fill_value=np.nan, n_steps=None):
    return {
        "X": X.to_padded(fill_value=fill_value, n_steps=n_steps).astype(np.float32),
        "sequence_lens": X.lengths.astype(np.int32),
    }


def outputs_of(session, X, n_steps=None):
    """Outputs by name; the same for every rubbish in the padding."""
    names = [output.name for output in session.get_outputs()]
    first, *others = (
        session.run(None, padded(X, fill, n_steps)) for fill in (np.nan, 1e30, -np.inf)
    )
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)
    return dict(zip(names, first, strict=True))


def assert_as_predicted(session, model, X, n_steps=None, frames=False):
    """What the graph says of each step is what the estimator does."""
    found = outputs_of(session, X, n_steps)
    predicted = model.predict(X)
    end = model[-1] if hasattr(model, "steps") else model
    T = X.lengths.max(initial=0) if n_steps is None else n_steps
    if "variable" in found:
        assert list(found) == ["variable"] and found["variable"].dtype == np.float64
        values = np.concatenate([[0.0], *map(np.ravel, predicted)])
        pairs = [("variable", predicted, TOLERANCE * np.ptp(values))]
    elif "emissions" in found:
        names = ["transitions", "start_transitions", "end_transitions"]
        assert list(found) == ["emissions", *names]
        scores = [found[name] for name in names]
        for name, value in zip(names, scores):
            expected = getattr(end, f"{name}_")
            np.testing.assert_allclose(value, expected, rtol=1e-6)
        for emissions, labels in zip(found["emissions"], predicted, strict=True):
            if labels:
                path = path_of(emissions[: len(labels)], *scores)
                assert end.classes_[path].tolist() == labels
        pairs = [("emissions", model.decision_function(X), TOLERANCE)]
    else:
        assert list(found) == ["label", "probabilities"]
        for labels, expected in zip(found["label"], predicted, strict=True):
            np.testing.assert_array_equal(labels[: len(expected)], expected)
        pairs = [("probabilities", model.predict_proba(X), TOLERANCE)]
    for name, expected, atol in pairs:
        if not frames:
            assert found[name].shape[:2] == (len(X), T)
        for got, part in zip(found[name], expected, strict=True):
            assert got[: len(part)].shape == part.shape
            np.testing.assert_allclose(got[: len(part)], part, rtol=0, atol=atol)
            assert np.isnan(got[len(part) :]).all()
    return found


@pytest.mark.parametrize("crf", [True, False, None])
@pytest.mark.parametrize("bidirectional", [False, True])
@every_cell
def test_onnx(onnx_session, cell, bidirectional, crf):
    Estimator = LSTMStepRegressor if crf is None else LSTMTagger
    options = {} if crf is None else {"crf": crf}
    model = Estimator((3, 5), cell=cell, bidirectional=bidirectional, **options, **FIT)
    session = onnx_session(model.fit(X, target(Estimator)))
    assert_as_predicted(session, model, X)
    assert_as_predicted(session, model, X, n_steps=30)
    for other in (ragged(1), ragged(37, seed=3), X[1:2], X[:1], X[[0, 0]]):
        assert_as_predicted(session, model, other)


@pytest.mark.parametrize("crf", [True, False])
def test_onnx_metadata(onnx_session, crf):
    model = LSTMTagger(4, crf=crf, **FIT).fit(X, target(LSTMTagger))
    properties = onnx_session(model).get_modelmeta().custom_metadata_map
    assert json.loads(properties["classes"]) == ["down", "flat", "up"]
    assert properties["estimator"] == "LSTMTagger"


@pytest.mark.parametrize("labels", [[3, 5, 9], [False, True], ["a", "é"], [1.0, 2.5]])
def test_onnx_labels(onnx_session, labels):
    if labels == [1.0, 2.5]:
        labels = [1.0, 2.0]
    rng = np.random.default_rng(0)
    y = [[labels[k] for k in rng.integers(len(labels), size=len(x))] for x in X]
    model = LSTMTagger(4, crf=False, **FIT).fit(X, y)
    assert_as_predicted(onnx_session(model), model, X)


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("labels", [[1, "one"], [("a", 1), ("b", 2)]])
def test_onnx_has_no_such_labels(onnx_session, labels, crf):
    y = [[labels[t % 2] for t in range(len(x))] for x in X]
    model = LSTMTagger(4, crf=crf, **FIT).fit(X, y)
    with pytest.raises(ValueError, match="which ONNX does not have"):
        onnx_session(model)


def test_onnx_constraints(onnx_session):
    """-inf goes out as it is, and decodes to legal tags alone."""
    y = [["B-x" if t % 3 == 0 else "I-x" if t % 3 == 1 else "O" for t in range(len(x))]
         for x in X]  # fmt: skip
    model = LSTMTagger(4, **FIT).fit(X, y)
    assert np.isneginf(model.transitions_).any()
    found = assert_as_predicted(onnx_session(model), model, X)
    assert np.isneginf(found["start_transitions"]).sum() == 1


def test_onnx_multilabel(onnx_session):
    y = [(x > np.arange(3)).astype(int) for x in X]
    model = LSTMTagger(4, **FIT).fit(X, y)
    found = assert_as_predicted(onnx_session(model), model, X)
    assert found["label"].dtype == np.int64


@pytest.mark.parametrize("n_outputs", [None, 1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        {"loss": "squared_error"},
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "poisson"},
        {"loss": "quantile", "quantile": 0.8},
        {"loss": "quantile", "quantile": [0.9, 0.1]},
        {"loss": "quantile", "quantile": [0.5]},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_onnx_losses(onnx_session, loss, n_outputs):
    y = [np.exp(x[:, 0]) for x in X]
    if n_outputs:
        y = [part[:, None] * np.arange(1, 1 + n_outputs) for part in y]
    model = LSTMStepRegressor(4, **loss, **FIT).fit(X, y)
    assert_as_predicted(onnx_session(model), model, X)


@both
@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_onnx_missing_values(onnx_session, Estimator, missing):
    X = ragged(missing=0.4)
    model = Estimator(4, missing=missing, **FIT).fit(X, target(Estimator, X))
    assert_as_predicted(onnx_session(model), model, X)


@both
def test_onnx_what_is_no_number_gives_nan(onnx_session, Estimator):
    """For the whole sequence, and for no other one."""
    model = Estimator(4, **FIT).fit(X, target(Estimator))
    data = X.data.copy()
    data[X.offsets[5] - 1, 0] = np.nan
    found = outputs_of(onnx_session(model), SequenceArray(data, X.offsets))
    values = found["emissions" if Estimator is LSTMTagger else "variable"]
    for i, (part, length) in enumerate(zip(values, X.lengths)):
        assert np.isnan(part[:length]).all() == (i in (0, 4))


@both
def test_onnx_pipelines(onnx_session, Estimator):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(TimeDistributed(StandardScaler()), Estimator(4, **FIT))
    session = onnx_session(model.fit(X, target(Estimator)))
    found = outputs_of(session, X)
    values = next(iter(found.values()))
    assert values.shape[:2] == (len(X), X.lengths.max())
    inner = model[0].transform(X)
    end = onnx_session(model[-1])
    expected = next(iter(outputs_of(end, inner).values()))
    if Estimator is LSTMTagger:
        np.testing.assert_allclose(values, expected, atol=1e-4)
    else:
        np.testing.assert_allclose(values, expected, rtol=1e-4)


@both
def test_onnx_frames(onnx_session, Estimator):
    """Of a FrameStacker there are as many outputs as frames."""
    from sklearn.pipeline import make_pipeline

    frames = FrameStacker(2, remainder="drop").fit_transform(X)
    y = target(Estimator, frames)
    model = make_pipeline(FrameStacker(2, remainder="drop"), Estimator(4, **FIT))
    session = onnx_session(model.fit(X, y))
    assert_as_predicted(session, model, X, frames=True)
    assert_as_predicted(session, model, X[:1], frames=True)


@pytest.mark.parametrize("crf", [True, False, None])
@every_cell
def test_onnx_stream(onnx_session, cell, crf):
    """In pieces of any length the outputs are those of the whole."""
    Estimator = LSTMStepRegressor if crf is None else LSTMTagger
    options = {} if crf is None else {"crf": crf}
    X = ragged(missing=0.2)
    model = Estimator(
        (3, 4), cell=cell, bidirectional=False, missing="ffill", **options, **FIT
    ).fit(X, target(Estimator, X))
    session = onnx_session(model, stream=True)
    method = "predict" if crf is None else "decision_function"
    expected = getattr(model, method)(X)
    states = {
        entry.name: np.zeros(
            [len(X), *entry.shape[1:]],
            np.int64 if entry.type == "tensor(int64)" else np.float32,
        )
        for entry in session.get_inputs()[2:]
    }
    names = [output.name for output in session.get_outputs()]
    got = [[] for _ in X]
    begin = 0
    for size in (1, 0, 3, 2, 3):
        pieces = SequenceArray.from_list([x[begin : begin + size] for x in X])
        begin += size
        fed = padded(pieces, n_steps=size) | states
        found = dict(zip(names, session.run(None, fed), strict=True))
        states = {name: found[f"next_{name}"] for name in states}
        key = {None: "variable", True: "emissions", False: "probabilities"}[crf]
        for part, values, length in zip(got, found[key], pieces.lengths):
            assert values.shape[0] == size
            part.extend(values[:length])
    for part, values in zip(got, expected, strict=True):
        assert len(part) == len(values)
        if crf is False and len(part):
            values = np.exp(values - values.max(axis=1, keepdims=True))
            values /= values.sum(axis=1, keepdims=True)
        if len(part):
            np.testing.assert_allclose(part, values, rtol=1e-4, atol=1e-4)


@both
def test_onnx_two_directions_are_no_stream(onnx_session, Estimator):
    model = Estimator(4, bidirectional=True, **FIT).fit(X, target(Estimator))
    with pytest.raises(ValueError, match="bidirectional network cannot be streamed"):
        onnx_session(model, stream=True)


# ---- PyTorch and Keras ---------------------------------------------------------------


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_torch_predicts_the_same(cell, bidirectional):
    torch = pytest.importorskip("torch")
    model = LSTMStepRegressor(
        (4, 4), cell=cell, bidirectional=bidirectional, dtype="float64", **FIT
    ).fit(X, target(LSTMStepRegressor))
    state_dict = to_torch(model, recurrent="recurrent")
    module = torch.nn.Module()
    options = {"nonlinearity": cell[4:]} if cell.startswith("rnn") else {}
    module.recurrent = getattr(torch.nn, cell.partition("_")[0].upper())(
        3, 4, 2, batch_first=True, bidirectional=bidirectional, dtype=torch.float64,
        **options,
    )  # fmt: skip
    module.head = torch.nn.Linear(4 * (1 + bidirectional), 1, dtype=torch.float64)
    module.load_state_dict({k: torch.from_numpy(v) for k, v in state_dict.items()})
    for x, expected in zip(X[1:], model.predict(X)[1:], strict=True):
        with torch.no_grad():
            x = torch.from_numpy(x.astype(np.float64))
            got = module.head(module.recurrent(x[None])[0])[0, :, 0]
        np.testing.assert_allclose(got, expected, rtol=1e-10)


def log_z(torch, emissions, transitions, start, end):
    """Logarithm of the sum over all paths, as pytorch-crf has it."""
    score = start + emissions[0]
    for emission in emissions[1:]:
        score = torch.logsumexp(score[:, None] + transitions, dim=0) + emission
    return torch.logsumexp(score + end, dim=0)


def test_torch_crf():
    """The log probability of the best path."""
    torch = pytest.importorskip("torch")
    model = LSTMTagger(4, dtype="float64", **FIT).fit(X, target(LSTMTagger))
    found = {k: torch.from_numpy(v) for k, v in to_torch(model).items()}
    scores = [
        found.pop(f"crf.{n}transitions") for n in ("", "start_", "end_")
    ]  # fmt: skip
    module = torch.nn.ModuleDict(
        {
            "lstm": torch.nn.LSTM(
                3, 4, batch_first=True, bidirectional=True, dtype=torch.float64
            ),
            "head": torch.nn.Linear(8, 3, dtype=torch.float64),
        }
    )
    module.load_state_dict(found)
    for x, best in zip(X[1:], model.predict_n_best(X, 1)[1:], strict=True):
        labels, log_p = best[0]
        path = np.searchsorted(model.classes_, labels)
        with torch.no_grad():
            x = torch.from_numpy(x.astype(np.float64))
            emissions = module["head"](module["lstm"](x[None])[0])[0]
            score = scores[1][path[0]] + scores[2][path[-1]]
            score = score + emissions[range(len(path)), path].sum()
            score = score + scores[0][path[:-1], path[1:]].sum()
            score = score - log_z(torch, emissions, *scores)
        assert float(score) == pytest.approx(log_p, abs=1e-10)


def assert_same_model(back, model):
    assert back.weights_.keys() == model.weights_.keys()
    for name, value in model.weights_.items():
        np.testing.assert_array_equal(back.weights_[name], value, err_msg=name)
    for a, b in zip(back.predict(X), model.predict(X), strict=True):
        np.testing.assert_array_equal(a, b)


BIO = [["B-x" if t % 3 == 0 else "I-x" if t % 3 == 1 else "O" for t in range(len(x))]
       for x in X]  # fmt: skip


@pytest.mark.parametrize("way", ["torch", "weights", "keras"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("y", [target(LSTMTagger), BIO], ids=["free", "BIO"])
def test_taggers_there_and_back(crf, dtype, y, way):
    if crf and way == "keras":
        pytest.skip("Keras has no random field")
    make = LSTMTagger((4, 3), crf=crf, dtype=dtype, **FIT)
    model = clone(make).fit(X, y)
    if way == "keras":
        back = from_keras(to_keras(model), make, classes=model.classes_)
    else:
        found = to_torch(model) if way == "torch" else model.weights_
        back = from_torch(found, make, classes=model.classes_)
    assert_same_model(back, model)
    again = pickle.loads(pickle.dumps(back))
    assert_same_model(again.partial_fit(X, y), back.partial_fit(X, y))
    if crf:
        forbidden = np.isneginf(model.transitions_)
        assert forbidden.any() == (y is BIO)
        np.testing.assert_array_equal(np.isneginf(back.transitions_), forbidden)


def test_labels_in_another_order():
    model = LSTMTagger(4, **FIT).fit(X, target(LSTMTagger))
    order = [2, 0, 1]
    found = to_torch(model)
    for name, value in found.items():
        if name.startswith(("crf.start", "crf.end", "head")):
            found[name] = value[order]
    found["crf.transitions"] = found["crf.transitions"][np.ix_(order, order)]
    back = from_torch(found, LSTMTagger(4), classes=model.classes_[order])
    assert_same_model(back, model)


def test_one_output_is_the_log_odds_of_the_second_label():
    y = [[bool(v > 0) for v in x[:, 0]] for x in X]
    model = LSTMTagger(4, crf=False, **FIT).fit(X, y)
    found = to_torch(model)
    for name in ("head.weight", "head.bias"):
        found[name] = found[name][1:] - found[name][:1]
    for classes in ([False, True], [True, False]):
        back = from_torch(found, LSTMTagger(4, crf=False), classes=classes)
        assert back.classes_.tolist() == [False, True]
        for a, b in zip(back.predict_proba(X), model.predict_proba(X), strict=True):
            a = a if classes[1] else a[:, ::-1]
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_constraints_that_are_pairs():
    """Are kept where they are asked for; "auto" would have to see paths."""
    model = LSTMTagger(4, constraints=None, **FIT).fit(X, BIO)
    found = to_torch(model)
    free = from_torch(found, LSTMTagger(4), classes=model.classes_)
    assert np.isfinite(free.transitions_).all()
    pairs = [(a, b) for a in model.classes_ for b in model.classes_ if a != b]
    bound = from_torch(
        found, LSTMTagger(4, constraints=pairs), classes=model.classes_
    )  # fmt: skip
    assert np.isneginf(bound.transitions_).tolist() == np.eye(3, dtype=bool).tolist()


@pytest.mark.parametrize("way", ["torch", "keras"])
@pytest.mark.parametrize("n_outputs", [None, 1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "quantile"])
def test_step_regressors_there_and_back(loss, n_outputs, way):
    y = [np.exp(x[:, 0]) for x in X]
    if n_outputs:
        y = [part[:, None] * np.arange(1, 1 + n_outputs) for part in y]
    make = LSTMStepRegressor((4, 3), loss=loss, **FIT)
    model = clone(make).fit(X, y)
    there, back = {
        "torch": (to_torch, from_torch), "keras": (to_keras, from_keras)
    }[way]  # fmt: skip
    again = back(there(model, standardized=loss != "poisson"), make)
    for a, b in zip(again.predict(X), model.predict(X), strict=True):
        np.testing.assert_array_equal(a.ravel(), b.ravel())
    in_units = back(there(model), make)
    for a, b in zip(in_units.predict(X), model.predict(X), strict=True):
        np.testing.assert_allclose(a.ravel(), b.ravel(), rtol=1e-4, atol=1e-5)
    assert np.isfinite(again.partial_fit(X, y).loss_)


def test_operators_of_onnx():
    """Without a head the outputs are the hidden states after every step."""
    rng = np.random.default_rng(0)
    layer = {"W": rng.standard_normal((1, 16, 3)), "R": rng.standard_normal((1, 16, 4))}
    model = from_onnx(layer, LSTMStepRegressor(4, dtype="float64", bidirectional=False))
    states = model.transform(X, "sequence")
    for got, expected in zip(model.predict(X), states, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_multilabel_there_and_back():
    y = [(x > np.arange(3)).astype(int) for x in X]
    model = LSTMTagger(4, **FIT).fit(X, y)
    back = from_torch(to_torch(model), LSTMTagger(4), multilabel=True)
    assert_same_model(back, model)
    back = from_keras(to_keras(model), LSTMTagger(4), multilabel=True)
    assert_same_model(back, model)


def changed(remove=(), **arrays):
    model = LSTMTagger(4, **FIT).fit(X, target(LSTMTagger))
    found = {**to_torch(model), **arrays}
    return {name: value for name, value in found.items() if name not in remove}


@pytest.mark.parametrize(
    "changes, options, match",
    [
        (
            {"remove": ["crf.end_transitions"]},
            {},
            "no 'end_transitions', but LSTMTagger",
        ),
        ({}, {"crf": False}, "'crf.transitions', of a conditional random field.*crf=T"),
        (
            {"crf.transitions": np.zeros((2, 2))},
            {},
            r"crf.transitions has shape \(2, 2",
        ),
        ({"crf.transitions": np.full((3, 3), np.nan)}, {}, "crf.transitions holds NaN"),
        ({"crf.transitions": np.full((3, 3), np.inf)}, {}, "crf.transitions holds NaN"),
        ({"b.transitions": np.zeros((3, 3))}, {}, "'crf.transitions' and 'b.trans"),
    ],
)
def test_refused(changes, options, match):
    with pytest.raises(ValueError, match=match):
        from_torch(changed(**changes), LSTMTagger(4, **options))


def test_refused_for_other_reasons():
    found = changed()
    for classes, match in (
        (["a", "b"], "classes has 2 labels, but head.weight has 3 outputs"),
        (["a", "b", "a"], "holds a label twice"),
        (["a", "b", None], "stands for no label"),
    ):
        with pytest.raises(ValueError, match=match):
            from_torch(found, LSTMTagger(4), classes=classes)
    with pytest.raises(ValueError, match="LSTMTagger is a tagger"):
        from_torch(found, LSTMTagger(4), target_mean=1.0)
    with pytest.raises(ValueError, match="LSTMStepRegressor as it is passed has not"):
        from_torch(found, LSTMStepRegressor(4, bidirectional=True))
    del found["crf.transitions"], found["crf.start_transitions"]
    del found["crf.end_transitions"]
    with pytest.raises(ValueError, match="LSTMStepRegressor is a regressor"):
        from_torch(found, LSTMStepRegressor(4, bidirectional=True), classes=[0, 1, 2])
    tagger = LSTMTagger(4, **FIT).fit(X, target(LSTMTagger))
    with pytest.raises(ValueError, match="crf=True, but Keras has not the transitions"):
        to_keras(tagger)
    with pytest.raises(ValueError, match="crf=True, but Keras has not the transitions"):
        from_keras([], LSTMTagger(4))
    with pytest.raises(ValueError, match="crf=True, but ONNX has not the transitions"):
        from_onnx([], LSTMTagger(4))
    levels = LSTMStepRegressor(4, loss="quantile", quantile=[0.1, 0.9], **FIT)
    levels.fit(X, target(LSTMStepRegressor))
    for to in (to_torch, to_keras):
        with pytest.raises(ValueError, match="increments between quantiles"):
            to(levels)
