"""What says tokens, in ONNX Runtime: transcripts, language models, encoder-decoders."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMLanguageModel, LSTMSeq2Seq, LSTMTranscriber, SequenceArray
from sklstm.export import to_keras, to_torch
from sklstm.preprocessing import TimeDistributed

CELLS = ["lstm", "lstm_peephole", "gru", "rnn_tanh", "rnn_relu"]
SMALL = {"max_iter": 4, "random_state": 0}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def words(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcd"), k)) for k in rng.integers(1, 7, size=n)]


@pytest.fixture
def session_of():
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    from sklstm.export import to_onnx

    def session(model, **options):
        written = to_onnx(model, **options).SerializeToString()
        return onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])

    return session


def run(session, inputs):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def padded(sequences):
    """Sequences (T, F) as the model takes them, with rubbish behind their ends."""
    X = SequenceArray.from_list([np.asarray(x, np.float32) for x in sequences])
    return {
        "X": X.to_padded(fill_value=np.nan).astype(np.float32),
        "sequence_lens": X.lengths.astype(np.int32),
    }


def metadata(session):
    return session.get_modelmeta().custom_metadata_map


# ---- encoder-decoder -----------------------------------------------------------------


def follow(encoder, decoder, inputs, tokens, mark):
    """log p of all tokens at each step (T + 1, V) and attention, of one sequence."""
    found = run(encoder, inputs)
    state = {**found, "sequence_lens": inputs["sequence_lens"]}
    log_p, attention = [], []
    for token in [mark, *tokens]:
        found = run(decoder, {"token": np.array([token]), **state})
        log_p.append(found["log_probabilities"][0])
        attention.append(found.get("attention", [None])[0])
        state |= {
            name: found[f"next_{name}"] for name in state if f"next_{name}" in found
        }
    return np.array(log_p), attention


OPTIONS = [
    *({"cell": cell} for cell in CELLS),
    {"bidirectional": False, "attention": "dot"},
    {"attention": "additive"},
    {"attention": "additive", "cell": "gru", "hidden_layer_sizes": (7, 5)},
    {"attention": None, "hidden_layer_sizes": (5, 9)},
    {"bidirectional": False, "hidden_layer_sizes": (5, 9)},
    {"dtype": "float64"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_encoder_and_decoder(session_of, options):
    X = words()
    y = [list(x[::-1].upper()) for x in X]
    model = LSTMSeq2Seq(
        **{"hidden_layer_sizes": 6, "embedding_dim": 5, **SMALL, **options}
    ).fit(X, y)
    encoder, decoder = (session_of(model, part=p) for p in ("encoder", "decoder"))
    source = {token: k for k, token in enumerate(model.source_vocabulary_)}
    target = {token: k for k, token in enumerate(model.target_vocabulary_)}
    mark = len(target)
    for meta in map(metadata, (encoder, decoder)):
        assert json.loads(meta["target_vocabulary"]) == list(target)
        assert json.loads(meta["vocabulary"]) == list(source)
        assert json.loads(meta["mark"]) == mark
    for x, answer in zip(X[:5], y[:5]):
        tokens = [target[token] for token in answer]
        inputs = padded([[[source[token]] for token in x]])
        log_p, attention = follow(encoder, decoder, inputs, tokens, mark)
        of_each = log_p[np.arange(len(tokens) + 1), [*tokens, mark]]
        expected = model.score_samples([x], [answer])[0]
        assert_allclose(of_each.sum(), expected, **TOLERANCE)
        if model.attention is not None:
            weights = model.attention_weights([x], [answer])[0]
            assert_allclose(np.array(attention), weights, **TOLERANCE)


def test_sequences_side_by_side(session_of):
    X = words()
    model = LSTMSeq2Seq(6, **SMALL).fit(X, [x[::-1] for x in X])
    encoder, decoder = (session_of(model, part=p) for p in ("encoder", "decoder"))
    source = {token: k for k, token in enumerate(model.source_vocabulary_)}
    ids = [np.array([[source[token]] for token in x]) for x in X[:6]]
    ids.append(np.empty((0, 1)))
    inputs = padded(ids)
    together = run(encoder, inputs)
    step = {"token": np.arange(7) % 4, "sequence_lens": inputs["sequence_lens"]}
    log_p = run(decoder, {**step, **together})["log_probabilities"]
    assert np.isfinite(log_p).all()
    for i, own in enumerate(ids):
        alone = run(encoder, padded([own]))
        for name in ("h_l0", "c_l0"):
            assert_allclose(alone[name][0], together[name][i], **TOLERANCE)
        step = {"token": np.array([i % 4]), "sequence_lens": np.int32([len(own)])}
        found = run(decoder, {**step, **alone})["log_probabilities"]
        assert_allclose(found[0], log_p[i], **TOLERANCE)


def test_encoder_of_numbers_behind_a_pipeline(session_of):
    rng = np.random.default_rng(0)
    X = [10 + 3 * rng.standard_normal((T, 3)) for T in rng.integers(1, 8, size=30)]
    y = [["up" if v > 10 else "down" for v in x[:, 0]] for x in X]
    pipe = make_pipeline(TimeDistributed(StandardScaler()), LSTMSeq2Seq(6, **SMALL))
    pipe.fit(X, y)
    encoder, decoder = (session_of(pipe, part=p) for p in ("encoder", "decoder"))
    end = pipe[-1]
    target = {token: k for k, token in enumerate(end.target_vocabulary_)}
    tokens = [target[token] for token in y[0]]
    log_p, _ = follow(encoder, decoder, padded(X[:1]), tokens, len(target))
    of_each = log_p[np.arange(len(tokens) + 1), [*tokens, len(target)]]
    expected = end.score_samples(pipe[:-1].transform(X[:1]), y[:1])[0]
    assert_allclose(of_each.sum(), expected, rtol=1e-3)
    assert "vocabulary" not in metadata(encoder)


def test_missing_values_and_rubbish_of_an_encoder(session_of):
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((T, 2)) for T in rng.integers(2, 8, size=30)]
    for x in X:
        x[rng.random(x.shape) < 0.3] = np.nan
    y = [["a"] * len(x) for x in X]
    model = LSTMSeq2Seq(6, missing="indicator", **SMALL).fit(X, y)
    encoder, decoder = (session_of(model, part=p) for p in ("encoder", "decoder"))
    log_p, _ = follow(encoder, decoder, padded(X[:1]), [1] * len(X[0]), 2)
    expected = model.score_samples(X[:1], y[:1])[0]
    of_each = log_p[np.arange(len(log_p)), [1] * len(X[0]) + [2]]
    assert_allclose(of_each.sum(), expected, rtol=1e-3)
    plain = LSTMSeq2Seq(6, **SMALL).fit([np.nan_to_num(x) for x in X], y)
    found = run(session_of(plain, part="encoder"), padded(X[:1]))
    assert np.isnan(found["h_l0"]).all()


# ---- language model ------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [False, True])
def test_language_model(session_of, cell, tied):
    X = words()
    model = LSTMLanguageModel(
        (6, 5), level="char", embedding_dim=5, tie_weights=tied, cell=cell, **SMALL
    ).fit(X)
    session = session_of(model)
    ids = {token: k for k, token in enumerate(model.vocabulary_)}
    mark = len(ids)
    assert json.loads(metadata(session)["vocabulary"]) == list(model.vocabulary_)
    assert json.loads(metadata(session)["mark"]) == mark
    state = {
        entry.name: np.zeros((1, entry.shape[1]), np.float32)
        for entry in session.get_inputs()
        if entry.name != "token"
    }
    log_p, before = 0.0, mark
    for token in [*(ids[token] for token in X[0]), mark]:
        found = run(session, {"token": np.array([before]), **state})
        log_p += found["log_probabilities"][0, token]
        state = {name: found[f"next_{name}"] for name in state}
        before = token
    assert_allclose(log_p, model.score_samples(X[:1])[0], **TOLERANCE)


# ---- transcripts ---------------------------------------------------------------------


def heard(n=40, seed=0):
    """Frames of the letters a and b, with silence behind each."""
    rng = np.random.default_rng(seed)
    X, y = [], ["".join(rng.choice(list("ab"), k)) for k in rng.integers(0, 5, size=n)]
    for text in y:
        frames = [np.zeros((1, 2))]
        for letter in text:
            k = rng.integers(2, 4)
            frames += [np.eye(2)[["ab".index(letter)] * k], np.zeros((1, 2))]
        X.append(np.concatenate(frames) + 0.1 * rng.standard_normal())
    return X, y


@pytest.mark.parametrize("both", [False, True])
def test_transcriber(session_of, both):
    X, y = heard()
    model = LSTMTranscriber(6, bidirectional=both, **SMALL).fit(X, y)
    session = session_of(model)
    inputs = padded(X)
    log_p = run(session, inputs)["log_probabilities"]
    expected = model.predict_log_proba(X)
    assert log_p.shape == (len(X), inputs["X"].shape[1], 3)
    for own, wanted in zip(log_p, expected, strict=True):
        assert_allclose(own[: len(wanted)], wanted, **TOLERANCE)
        assert np.isnan(own[len(wanted) :]).all()
    assert json.loads(metadata(session)["classes"]) == ["a", "b"]
    best = log_p[3, : len(X[3])].argmax(axis=1)
    kept = [k for k, before in zip(best, [2, *best]) if k not in (before, 2)]
    assert "".join("ab"[k] for k in kept) == model.predict(X[3:4])[0]


def test_stream_of_a_transcriber(session_of):
    X, y = heard()
    model = LSTMTranscriber(6, **SMALL).fit(X, y)
    session = session_of(model, stream=True)
    state = {
        entry.name: np.zeros((1, *entry.shape[1:]), np.float32)
        for entry in session.get_inputs()
        if entry.name not in ("X", "sequence_lens")
    }
    found = []
    for piece in (X[0][:2], X[0][2:]):
        outputs = run(session, {**padded([piece]), **state})
        found.append(outputs["log_probabilities"][0, : len(piece)])
        state = {name: outputs[f"next_{name}"] for name in state}
    expected = model.predict_log_proba(X[:1])[0]
    assert_allclose(np.concatenate(found), expected, **TOLERANCE)


# ---- refused -------------------------------------------------------------------------


def test_parts_that_there_are_not(session_of):
    X = words()
    answers = LSTMSeq2Seq(4, **SMALL).fit(X, X)
    model = LSTMLanguageModel(4, level="char", **SMALL).fit(X)
    for part in (None, "head"):
        with pytest.raises(ValueError, match="two networks, part='encoder' and"):
            session_of(answers, part=part)
    with pytest.raises(ValueError, match="LSTMLanguageModel has one network, got part"):
        session_of(model, part="decoder")
    for estimator, part in ((answers, "decoder"), (model, None)):
        with pytest.raises(ValueError, match="written as a step that takes the states"):
            session_of(estimator, part=part, stream=True)
    for unfitted in (LSTMSeq2Seq(), LSTMTranscriber(), LSTMLanguageModel()):
        part = "encoder" if isinstance(unfitted, LSTMSeq2Seq) else None
        with pytest.raises(NotFittedError):
            session_of(unfitted, part=part)


def test_search_over_an_encoder_decoder(session_of):
    X = words()
    search = GridSearchCV(LSTMSeq2Seq(4, **SMALL), {"beam_size": [1, 2]}, cv=2)
    search.fit(X, X)
    assert session_of(search, part="encoder").get_outputs()[0].name == "h_l0"


@pytest.mark.parametrize("write", [to_torch, to_keras])
def test_other_libraries_have_no_such_networks(write):
    model = LSTMLanguageModel(4, level="char", **SMALL).fit(words())
    with pytest.raises(TypeError, match="LSTMLanguageModel cannot be exchanged"):
        write(model)
    with pytest.raises(TypeError, match="LSTMSeq2Seq"):
        write(LSTMSeq2Seq(4, **SMALL).fit(words(), words()))
