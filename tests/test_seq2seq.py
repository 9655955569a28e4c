"""LSTMSeq2Seq: what it learns, says and remembers."""

import datetime
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from seq2seq_cases import backwards, everything, small, words
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMSeq2Seq
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

X = words()
Y = backwards(X)


@pytest.fixture(scope="module")
def model():
    return small(max_iter=30).fit(X, Y)


# ---- what is learnt ------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["general", "additive", "dot", None])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_reversed_words(attention, bidirectional):
    if attention == "dot" and bidirectional:
        pytest.skip("refused")
    train = words(300, "abcd", 5)
    model = LSTMSeq2Seq(
        32, embedding_dim=16, attention=attention, bidirectional=bidirectional,
        max_iter=25, learning_rate_init=0.02, random_state=0,
    ).fit(train, backwards(train))  # fmt: skip
    new = [word for word in words(400, "abcd", 5, seed=1) if word not in train]
    assert len(new) > 100
    assert model.score(new, backwards(new)) > (0.9 if attention else 0.6)


def test_copied_lists_of_tokens():
    rng = np.random.default_rng(0)
    lists = [rng.choice(5, rng.integers(1, 6)).tolist() for _ in range(300)]
    X = [[f"w{k}" for k in tokens] for tokens in lists]
    model = LSTMSeq2Seq(32, learning_rate_init=0.02, max_iter=20, random_state=0)
    model.fit(X[:250], lists[:250])
    assert model.score(X[250:], lists[250:]) > 0.9
    assert all(type(token) is int for tokens in model.predict(X) for token in tokens)


def test_dates():
    days = [datetime.date(1950, 1, 1) + datetime.timedelta(97 * k) for k in range(400)]
    X = [f"{d:%d} {d:%B} {d:%Y}" for d in days]
    y = [d.isoformat() for d in days]
    model = LSTMSeq2Seq(48, learning_rate_init=0.01, max_iter=30, random_state=0)
    model.fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.9
    assert "".join(model.predict(["03 May 1998"])[0]) == "1998-05-03"


def test_answers_to_sequences_of_numbers():
    rng = np.random.default_rng(0)
    signs = [rng.integers(2, size=rng.integers(1, 6)) for _ in range(200)]
    X = [np.repeat(np.c_[s - 0.5, 0.5 - s], 2, axis=0) for s in signs]
    y = ["".join("-+"[k] for k in s) for s in signs]
    model = LSTMSeq2Seq(24, learning_rate_init=0.02, max_iter=30, random_state=0)
    model.fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.8
    assert model.source_vocabulary_ is None
    assert model.n_features_in_ == 2
    assert "embedding" not in model.weights_


# ---- what is said --------------------------------------------------------------------


def test_what_a_prediction_is(model):
    answers = model.predict(X)
    assert answers.dtype == object
    assert answers.shape == (len(X),)
    assert all(type(tokens) is list for tokens in answers)
    best = model.predict_n_best(X)
    assert type(best) is list
    for tokens, hypotheses in zip(answers, best, strict=True):
        assert hypotheses[0][1] == tokens
        assert len(hypotheses) == 3
        scores = [score for score, _ in hypotheses]
        assert all(type(score) is float for score in scores)
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(tokens) for _, tokens in hypotheses}) == 3
        assert np.exp(scores).sum() <= 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("attention", ["general", None])
def test_score_samples_are_those_of_the_beam(dtype, attention):
    model = small(dtype=dtype, attention=attention, beam_size=4).fit(X, Y)
    for word, hypotheses in zip(X, model.predict_n_best(X), strict=True):
        scores, answers = zip(*hypotheses, strict=True)
        given = model.score_samples([word] * 4, list(answers))
        assert given.tolist() == list(scores)
        assert given.dtype == np.float64
        alone = [model.score_samples([word], [tokens])[0] for tokens in answers]
        assert alone == list(scores)


def test_a_beam_of_one_is_greedy(model):
    model.set_params(beam_size=1)
    fitted, mark = vars(model)["_fitted"], model.n_outputs_ - 1
    with fitted.network() as network:
        for word, tokens in zip(X, model.predict(X), strict=True):
            encoded = network.encode(*model._check_X(fitted, [word])._as_rows())
            states, ids = encoded.states, [mark]
            while len(ids) == 1 or ids[-1] != mark:
                first = np.zeros(1, dtype=int)
                log_p, states = network.step(np.array(ids[-1:]), states, encoded, first)
                ids.append(1 + int(log_p[0, 1:].argmax()))
            assert tokens == [model.target_vocabulary_[id] for id in ids[1:-1]]
    model.set_params(beam_size=3)


def test_decoding_is_set_after_the_fit(model):
    fit = vars(model)["_fitted"]
    model.set_params(beam_size=5)
    wide = model.predict_n_best(X)
    assert [len(best) for best in wide] == [5] * len(X)
    assert [best[:2] for best in wide] == model.predict_n_best(X, n=2)
    model.set_params(max_length=2)
    assert max(map(len, model.predict(X))) == 2
    model.set_params(max_length="auto", length_penalty=-5.0)
    short = np.mean(list(map(len, model.predict(X))))
    model.set_params(length_penalty=5.0)
    assert np.mean(list(map(len, model.predict(X)))) > short
    model.set_params(beam_size=3, length_penalty=0.0)
    assert vars(model)["_fitted"] is fit


def test_the_length_penalty_is_the_formula(model):
    model.set_params(length_penalty=0.7)
    for hypotheses in model.predict_n_best(X):
        keys = [score / (len(tokens) + 1) ** 0.7 for score, tokens in hypotheses]
        assert keys == sorted(keys, reverse=True)
    model.set_params(length_penalty=0.0)


def test_score_is_the_share_of_right_answers(model):
    y = [
        tokens if i % 3 else [*tokens, "x"] for i, tokens in enumerate(model.predict(X))
    ]
    weight = np.arange(len(X))
    right = np.arange(len(X)) % 3 > 0
    assert model.score(X, y) == pytest.approx(right.mean())
    assert model.score(X, y, weight) == pytest.approx(np.average(right, weights=weight))
    texts = ["".join(tokens) for tokens in y]
    assert model.score(X, texts) == model.score(X, y)


def test_unknown_tokens():
    model = small(max_iter=30).fit(["ab", "b"], [["A", "B"], ["B"]])
    assert model.target_vocabulary_ == ("<unk>", "B", "A")
    assert model.source_vocabulary_ == ("<unk>", "b", "a")
    X = ["xyz", "ab"]
    assert {t for tokens in model.predict(X) for t in tokens} <= {"A", "B"}
    scores = model.score_samples(["ab"] * 3, [["?", "B"], ["!", "B"], ["<unk>", "B"]])
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) == 1
    assert model.score(["ab"], [["<unk>"]]) == 0
    assert model.predict(["x"]).tolist() == model.predict(["?"]).tolist()


def test_rare_words_are_unknown_and_never_said():
    X = ["a a b", "b a c", "a b"] * 4 + ["d a"]
    y = ["one two", "two one", "one two"] * 4 + ["three one"]
    model = small(level="word", max_iter=20).fit(X, y)
    assert set(model.source_vocabulary_) == {"<unk>", "a", "b", "c"}
    assert set(model.target_vocabulary_) == {"<unk>", "one", "two"}
    said = {token for _, tokens in sum(model.predict_n_best(X), []) for token in tokens}
    assert said == {"one", "two"}
    every = small(level="word", min_count=1).fit(X, y)
    assert "three" in every.target_vocabulary_


def test_attention_weights(model):
    weights = model.attention_weights(X, Y)
    assert weights.shape == (len(X),)
    for part, word, answer in zip(weights, X, Y, strict=True):
        assert part.shape == (len(answer) + 1, len(word))
        if word:
            assert_allclose(part.sum(axis=1), 1, rtol=1e-6)
    predicted = model.attention_weights(X)
    again = model.attention_weights(X, model.predict(X))
    for a, b in zip(predicted, again, strict=True):
        assert_array_equal(a, b)


def test_attention_goes_along():
    """From the end of a word to its beginning, for the word backwards."""
    train = words(300, "abcd", 5)
    model = LSTMSeq2Seq(
        32, embedding_dim=16, max_iter=25, learning_rate_init=0.02, random_state=0
    ).fit(train, backwards(train))
    for word in ("abcd", "dbca", "cabdc"):
        (weights,) = model.attention_weights([word], [word[::-1]])
        places = weights[:-1] @ np.arange(len(word))
        assert_allclose(places, np.arange(len(word))[::-1], atol=0.3)


def test_no_attention():
    model = small(attention=None).fit(X, Y)
    with pytest.raises(AttributeError, match="fitted with attention=None"):
        model.attention_weights(X, Y)


# ---- what X may be -------------------------------------------------------------------


def test_texts_lists_and_ids_are_the_same():
    expected = small().fit(X, Y)
    lists = [list(word) for word in X]
    encoder = TokenEncoder(analyzer=list, min_df=1)
    ids = encoder.fit_transform(X)
    for given in (lists, ids, np.array(X), tuple(X), np.array(lists, dtype=object)):
        model = small().fit(given, Y)
        assert model.source_vocabulary_ == expected.source_vocabulary_
        assert everything(model, given, Y) == everything(expected, X, Y)
    assert model.predict(ids).tolist() == expected.predict(X).tolist()
    of_ids = small().fit(ids, Y)
    assert of_ids.predict(X).tolist() == expected.predict(X).tolist()


def test_ids_without_a_vocabulary():
    numbers = [
        np.array([["abc".index(c) + 1] for c in word]).reshape(-1, 1) for word in X
    ]
    model = small().fit(numbers, Y)
    assert model.source_vocabulary_ is None
    assert model.weights_["embedding"].shape == (4, 5)
    as_numbers = small(embedding_dim="auto").fit(numbers, Y)
    assert "embedding" not in as_numbers.weights_
    given = small(embedding_dim="auto", embedding_weights=np.zeros((4, 64)))
    assert given.fit(numbers, Y).weights_["embedding"].shape == (4, 64)


def test_widths_of_the_tables():
    shapes = [
        (small(embedding_dim="auto"), 64, 64),
        (small(), 5, 5),
        (small(target_embedding_dim=7), 5, 7),
    ]
    for model, width, target_width in shapes:
        weights = model.fit(X, Y).weights_
        assert weights["embedding"].shape == (4, width)
        assert weights["target_embedding"].shape == (5, target_width)
    columns = [np.c_[np.ones(3), np.arange(3), np.zeros(3)] for _ in range(4)]
    model = small(categorical_features=[0, 1], embedding_dim=[2, 3])
    weights = model.fit(columns, ["a", "b", "a", "b"]).weights_
    assert weights["embedding_1"].shape == (3, 3)
    assert weights["target_embedding"].shape == (4, 64)


def test_missing_numbers():
    X = [np.array([[1.0], [np.nan], [3.0]]), np.array([[np.nan]]), np.ones((4, 1))]
    y = ["a", "b", ""]
    with pytest.raises(ValueError, match="NaN"):
        small(embedding_dim=None).fit(X, y)
    for missing in ("ffill", "indicator"):
        model = small(embedding_dim=None, missing=missing).fit(X, y)
        assert len(model.predict(X)) == 3


def test_sequences_of_no_steps_and_answers_of_no_tokens():
    model = small(max_iter=60).fit(["", "a", "aa"], ["x", "", "y"])
    assert "".join(model.predict([""])[0]) == "x"
    assert model.predict(["a"])[0] == []
    assert np.isfinite(model.score_samples(["", "a"], ["", "x"])).all()
    assert model.predict([[]]).tolist() == model.predict([""]).tolist()
    assert model.attention_weights([""], ["x"])[0].shape == (2, 0)


# ---- fits that go on, and what is kept -----------------------------------------------


def test_partial_fit_goes_on():
    model = small(learning_rate="constant")
    for _ in range(3):
        model.partial_fit(X, Y)
    assert len(model.loss_curve_) == 3
    assert model.loss_curve_[2] < model.loss_curve_[0]
    vocabularies = model.source_vocabulary_, model.target_vocabulary_
    model.partial_fit(["xyz" * 20], ["abxy" * 10])
    assert (model.source_vocabulary_, model.target_vocabulary_) == vocabularies
    # it has seen how long answers are
    assert vars(model)["_fitted"].target.longest == (40, 60)


def test_warm_start_goes_on():
    model = small(warm_start=True, max_iter=5).fit(X, Y)
    first = model.loss_curve_[-1]
    model.fit(X + ["zz"], Y + ["zz"])
    assert model.loss_curve_[-1] < first
    assert model.target_vocabulary_ == small().fit(X, Y).target_vocabulary_


def test_early_stopping():
    model = small(early_stopping=True, max_iter=10).fit(X, Y)
    assert len(model.validation_scores_) == model.n_iter_
    assert max(model.validation_scores_) == model.best_validation_score_ < 0
    X_val, y_val = ["ab", "cab"], ["ba", "bac"]
    model = small(early_stopping=True, max_iter=4).fit(X, Y, X_val=X_val, y_val=y_val)
    tokens = sum(len(word) + 1 for word in y_val)
    mean = model.score_samples(X_val, y_val).sum() / tokens
    assert model.best_validation_score_ == pytest.approx(mean, rel=1e-6)
    grouped = small(early_stopping=True).fit(X, Y, groups=[word[:1] for word in X])
    assert grouped.validation_scores_ is not None


def test_weights_of_zero_are_not_there():
    weight = np.arange(len(X)) % 3
    there = weight > 0
    X_there = [word for word, t in zip(X, there, strict=True) if t]
    Y_there = [word for word, t in zip(Y, there, strict=True) if t]
    X_all, Y_all = ["zzz", *X], ["qqq", *Y]
    a = small().fit(X_all, Y_all, [0, *weight])
    b = small().fit(X_there, Y_there, weight[there])
    assert a.source_vocabulary_ == b.source_vocabulary_
    assert everything(a, X, Y) == everything(b, X, Y)
    c = small().fit(X_there, Y_there)
    assert everything(a, X, Y) != everything(c, X, Y)


def test_a_sample_of_weight_two_is_two_samples():
    small_X, small_Y = X[:12], Y[:12]
    weight = np.where(np.arange(12) == 4, 2.0, 1.0)
    options = {"batch_size": 100, "dtype": "float64"}
    a = small(**options).fit(small_X, small_Y, weight)
    b = small(**options).fit([*small_X, small_X[4]], [*small_Y, small_Y[4]])
    assert a.loss_curve_ == b.loss_curve_
    assert_array_equal(a.weights_["head_weight"], b.weights_["head_weight"])


@pytest.mark.parametrize("solver", ["adamw", "sgd", "rmsprop", "lbfgs"])
def test_solvers(solver):
    model = small(solver=solver, max_iter=15, alpha=1e-3)
    with warnings.catch_warnings():  # L-BFGS has not converged
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, Y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "gru", "rnn_tanh"])
def test_cells_and_layers(cell):
    model = small(cell=cell, hidden_layer_sizes=(5, 4), dropout=0.1).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(model))
    assert everything(loaded, X, Y) == everything(model, X, Y)
    names = set(model.weights_)
    assert {"encoder_weight_ih_l1_reverse", "decoder_weight_hh_l1"} <= names
    assert ("bridge_c_weight_l1" in names) == cell.startswith("lstm")


def test_bfloat16():
    model = small(dtype="bfloat16", max_iter=5).fit(X, Y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.score_samples(X[:1], model.predict(X[:1])) == [
        model.predict_n_best(X[:1])[0][0][0]
    ]


def test_a_container_with_ids(model):
    import pandas as pd

    encoder = TokenEncoder(analyzer=list, min_df=1)
    ids = encoder.fit_transform(X)
    named = SequenceArray(
        ids.data,
        ids.offsets,
        vocabulary=ids.vocabulary,
        ids=[f"s{i}" for i in range(40)],
    )
    order = np.random.default_rng(0).permutation(40)
    y = pd.Series(Y, index=[f"s{i}" for i in range(40)]).iloc[order]
    other = small().fit(named, y)
    assert everything(other, ids, Y) == everything(small().fit(ids, Y), ids, Y)
    assert other.score(named, y) == other.score(ids, Y)
    assert_array_equal(other.score_samples(named, y), other.score_samples(ids, Y))


# ---- what the weights are ------------------------------------------------------------


def lstm(w, prefix, suffix, x, h, c):
    """Hidden states (T, H) and the last h and c of `torch.nn.LSTM`."""
    states = []
    for x_t in x:
        z = w[f"{prefix}_weight_ih_{suffix}"] @ x_t + w[f"{prefix}_bias_ih_{suffix}"]
        z += w[f"{prefix}_weight_hh_{suffix}"] @ h + w[f"{prefix}_bias_hh_{suffix}"]
        i, f, g, o = np.split(z, 4)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        states.append(h)
    return np.array(states).reshape(len(x), len(h)), h, c


def log_p_by_hand(model, word, answer):
    """log p of an answer, and weights of attention, of the weights_ alone."""
    w, H = model.weights_, model.hidden_layer_sizes
    known, zero = model.target_vocabulary_, np.zeros(H)
    x = w["embedding"][[model.source_vocabulary_.index(token) for token in word]]
    values, h, c = lstm(w, "encoder", "l0", x, zero, zero)
    if model.bidirectional:
        back, *ends = lstm(w, "encoder", "l0_reverse", x[::-1], zero, zero)
        values = np.c_[values, back[::-1]]
        h, c = (
            w[f"bridge_{state}_weight_l0"] @ np.r_[a, b] + w[f"bridge_{state}_bias_l0"]
            for state, a, b in zip("hc", (h, c), ends, strict=True)
        )
    ids = [known.index(token) for token in answer]
    read, said = [len(known), *ids], [*ids, len(known)]
    states, *_ = lstm(w, "decoder", "l0", w["target_embedding"][read], h, c)
    weights = None
    if model.attention is not None:
        if model.attention == "dot":
            scores = states @ values.T
        elif model.attention == "general":
            scores = states @ w["attention_query_weight"].T @ values.T
        else:
            query = states @ w["attention_query_weight"].T
            keys = values @ w["attention_key_weight"].T
            scores = np.tanh(query[:, np.newaxis] + keys) @ w["attention_v"]
        weights = softmax(scores, axis=1)
        both = np.c_[weights @ values, states]
        states = np.tanh(
            both @ w["attention_combine_weight"].T + w["attention_combine_bias"]
        )
    log_p = log_softmax(states @ w["head_weight"].T + w["head_bias"], axis=1)
    return log_p[np.arange(len(said)), said].sum(), weights


@pytest.mark.parametrize("attention", ["general", "additive", "dot", None])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_weights_are_all_there_is(attention, bidirectional):
    if attention == "dot" and bidirectional:
        pytest.skip("refused")
    model = small(attention=attention, bidirectional=bidirectional, dtype="float64")
    model.fit(X, Y)
    for word, answer in (("abc", "ca"), ("b", ""), ("ccab", "bacc")):
        log_p, weights = log_p_by_hand(model, word, answer)
        assert_allclose(model.score_samples([word], [answer]), log_p, rtol=1e-9)
        if attention is not None:
            found = model.attention_weights([word], [answer])[0]
            assert_allclose(found, weights, rtol=1e-9)
