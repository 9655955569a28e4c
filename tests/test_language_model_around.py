"""Fits of language models that go on, stop, fail and are stored, what is refused, and
what is generated."""

import pickle
import re

import numpy as np
import pytest
from callback_cases import Listener, after, since_1_9
from language_cases import chain, small
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import get_tags
from task_cases import stop_at
from threadpoolctl import threadpool_limits

import sklstm
from sklstm import LSTMLanguageModel, SequenceArray
from sklstm.export import to_keras, to_torch
from sklstm.inspection import GateDisplay, LossCurveDisplay, gradient_norms

X = chain(40)
TEST = ["abc", "", "bbbca", "xa"]
both = pytest.mark.parametrize("contiguous", [False, True])
FEEDS = {
    "documents": {},
    "segments": {"tbptt": 3, "dropout": 0.2, "recurrent_dropout": 0.2},
    "whole": {"tbptt": None},
    "one minibatch": {"batch_size": 1000},
    "streams": {"contiguous": True, "tbptt": 5, "dropout": 0.2},
    "tied": {"tie_weights": True, "tbptt": 4},
}
every_feed = pytest.mark.parametrize("feed", FEEDS)


def assert_same(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, value in a.weights_.items():
        assert_array_equal(value, b.weights_[name], err_msg=name)
    assert a.loss_curve_ == b.loss_curve_ and a.vocabulary_ == b.vocabulary_
    assert_array_equal(a.score_samples(TEST), b.score_samples(TEST))


def test_it_is_imported_when_it_is_asked_for():
    assert "LSTMLanguageModel" in dir(sklstm)
    assert LSTMLanguageModel.__module__ == "sklstm"
    assert get_tags(LSTMLanguageModel()).estimator_type == "density_estimator"


# ---- fits ----------------------------------------------------------------------------


@every_feed
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_change_nothing(feed, dtype):
    params = {"hidden_layer_sizes": (40, 33), **FEEDS[feed], "dtype": dtype}
    params = {**params, "embedding_dim": 33, "batch_size": 16}
    models = []
    for n in (1, 2, 3):
        with threadpool_limits(n, user_api="openmp"):
            models.append(small(**params).fit(chain(60)))
    assert_same(models[0], models[1])
    assert_same(models[0], models[2])


@every_feed
def test_the_same_seed_is_the_same_fit(feed):
    a, b = (small(**FEEDS[feed]).fit(X) for _ in range(2))
    assert_same(a, b)
    c = small(**FEEDS[feed], **{"random_state": 1}).fit(X)
    assert (c.weights_["head_weight"] != a.weights_["head_weight"]).any()


@every_feed
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_fits_that_go_on(feed, method):
    """Two fits of some epochs are one of all, where the rate is constant."""
    params = {"learning_rate": "constant", "tol": 0.0, **FEEDS[feed]}
    params["n_iter_no_change"] = np.inf
    with pytest.warns(match="Maximum iterations"):
        whole = small(**params, max_iter=4).fit(X)
    parts = small(**params, max_iter=2, warm_start=True)
    if method == "fit":
        for _ in range(2):
            with pytest.warns(match="Maximum iterations"):
                parts.fit(X)
        assert_same(parts, whole)
        assert parts.t_ == whole.t_
    else:
        for _ in range(4):
            parts.partial_fit(X)
        assert parts.vocabulary_ == whole.vocabulary_
        assert_allclose(parts.loss_, whole.loss_, rtol=0.02)
        assert parts.t_ == whole.t_ and len(parts.loss_curve_) == 4


def test_the_vocabulary_of_the_first_fit_stays():
    model = small().partial_fit(["ab", "ba"]).partial_fit(["xyz", "abc"])
    assert model.vocabulary_ == ("<unk>", "a", "b")
    before = model.score_samples(["x"])
    model.set_params(warm_start=True).fit(["xx", "zz"])
    assert model.vocabulary_ == ("<unk>", "a", "b")
    assert model.score_samples(["x"]) > before
    assert model.set_params(warm_start=False).fit(["xx"]).vocabulary_ == ("<unk>", "x")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"embedding_dim": 6}, "embedding_dim"),
        ({"hidden_layer_sizes": 5}, "hidden_layer_sizes"),
        ({"tie_weights": True}, "tie_weights"),
        ({"cell": "gru"}, "cell"),
        ({"level": "word"}, "level"),
        ({"dtype": "float64"}, "dtype"),
    ],
)
def test_what_cannot_change_between_fits(params, message):
    model = small().partial_fit(X)
    with pytest.raises(ValueError, match=f"{message} cannot change between fits"):
        model.set_params(**params).partial_fit(X)


def test_how_the_text_is_read_may_change_between_fits():
    model = small().partial_fit(X)
    model.set_params(contiguous=True, tbptt=7).partial_fit(X)
    assert model.t_ == 40 + -(-sum(len(x) + 1 for x in X) // 7)


@every_feed
def test_weights_are_copies(feed):
    """A document of weight 0 is not there; of weight 2 it counts twice."""
    params = {**FEEDS[feed], "dropout": 0.0, "recurrent_dropout": 0.0}
    weight = np.ones(len(X))
    weight[::3] = 0
    kept = [x for x, w in zip(X, weight) if w]
    a = small(**params).fit(X, sample_weight=weight)
    assert_same(a, small(**params).fit(kept))
    b = small(**params).fit(kept, sample_weight=np.full(len(kept), 3.0))
    assert_allclose(b.loss_curve_, a.loss_curve_, rtol=1e-6)
    uneven = small(**params).fit(X, sample_weight=1.0 + np.arange(len(X)))
    assert uneven.loss_curve_ != a.loss_curve_
    if feed == "one minibatch":  # equal ones are merged
        params["min_count"] = 2  # so that all tokens are there
        twice = small(**params).fit([*X, "x", *X[:5]])
        weight = np.r_[np.full(5, 2.0), np.ones(len(X) - 4)]
        assert_same(twice, small(**params).fit([*X, "x"], sample_weight=weight))


@every_feed
def test_early_stopping(feed):
    params = {"early_stopping": True, "max_iter": 8, "validation_fraction": 0.2}
    model = small(**FEEDS[feed], **params, n_iter_no_change=2).fit(X)
    scores = model.validation_scores_
    assert model.best_validation_score_ == max(scores) and len(scores) > 1
    assert all(-2 < score < -0.5 for score in scores)
    X_val = chain(10, 3)
    model = small(**FEEDS[feed], **params).fit(X, X_val=X_val)
    assert_allclose(model.best_validation_score_, model.score(X_val), rtol=1e-12)
    with pytest.raises(ValueError, match="while early_stopping=False"):
        small().fit(X, X_val=X_val)


def test_what_is_held_out_of_a_text_is_its_last_part(monkeypatch):
    from sklstm._estimators import solver

    seen, original = [], solver.held_out_score

    def record(fitted, held_out):
        seen.append((fitted.target, held_out))
        return original(fitted, held_out)

    monkeypatch.setattr(solver, "held_out_score", record)
    text = ["ab" * 50, "c" * 8]
    params = {"contiguous": True, "tbptt": 10, "early_stopping": True}
    model = small(**params).fit(text)
    assert model.t_ == 9 * model.n_iter_  # of 11 segments
    target, held_out = seen[0]
    assert len(held_out.X) == len(held_out.y) == 1
    ids = held_out.y.values.tolist()
    assert ids[10] == ids[19] == target.mark  # the ends of both
    assert target.text([*ids[:10], *ids[11:19]]) == "ab" * 5 + "c" * 8
    params["validation_fraction"] = 0.95
    with pytest.raises(ValueError, match=r"last 0.95 of 11 segment.*none is left"):
        small(**params).fit(text)


def test_documents_of_a_text_are_not_remembered():
    model = small(warm_start=True, contiguous=True).fit(X)
    model.set_params(contiguous=False, early_stopping=True)
    with pytest.warns(UserWarning, match="trained on samples that are not remembered"):
        model.fit(X)


def test_groups_are_held_out_together(monkeypatch):
    groups, seen = np.arange(len(X)) // 10, []
    from sklstm._estimators import base

    original = base.split

    def record(*args):
        seen.append(original(*args))
        return seen[-1]

    monkeypatch.setattr(base, "split", record)
    small(early_stopping=True).fit(X, groups=groups)
    training, held_out = seen[0]
    assert not set(training.groups) & set(held_out.groups) and len(held_out.X) == 10
    with pytest.raises(ValueError, match="contiguous=True all documents are one text"):
        small(early_stopping=True, contiguous=True).fit(X, groups=groups)


def test_a_warm_start_holds_the_same_documents_out(monkeypatch):
    from sklstm._estimators import base

    held = []
    original = base.remember

    def record(sides, training, held_out):
        held.append(sorted(held_out.keys.tolist()))
        return original(sides, training, held_out)

    monkeypatch.setattr(base, "remember", record)
    model = small(early_stopping=True, warm_start=True)
    model.fit(X).fit(X[::-1])
    assert held[0] == held[1]


@both
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fit_that_fails_leaves_the_one_before(monkeypatch, contiguous, method):
    model = small(contiguous=contiguous, tbptt=5).fit(X)
    attributes, stored = dict(vars(model)), pickle.dumps(model)
    scores = model.score_samples(TEST)

    def check():
        assert vars(model).keys() == attributes.keys()
        assert all(vars(model)[k] is v for k, v in attributes.items())
        assert pickle.dumps(model) == stored
        assert_array_equal(model.score_samples(TEST), scores)

    for bad in (["ab", None], "ab", [["a", ["b"]]], [], [3.0], {"a": 1}):
        with pytest.raises((TypeError, ValueError)):
            getattr(model, method)(bad)
        check()
    with pytest.raises(ValueError, match="shape .3,., expected .40,."):
        getattr(model, method)(X, sample_weight=[1, 2, 3])
    check()
    stop_at(monkeypatch, RuntimeError("stopped"), 3)
    with pytest.raises(RuntimeError, match="stopped"):
        getattr(model, method)(X)
    check()


def test_an_interrupt_keeps_what_is_learnt(monkeypatch):
    stop_at(monkeypatch, KeyboardInterrupt, 9)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = small(max_iter=10).fit(X)
    assert model.n_iter_ == 1 and len(model.generate(3, random_state=0)) == 1


@every_feed
def test_copies_and_pickles(feed):
    model = small(**FEEDS[feed]).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert_same(again, model)
    assert again.generate(9, random_state=0) == model.generate(9, random_state=0)
    assert_same(again.partial_fit(X), model.partial_fit(X))
    assert_same(clone(model).fit(X), small(**FEEDS[feed]).fit(X))


@both
def test_memory_that_cannot_be_had(monkeypatch, contiguous):
    monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr(
        "sklstm._estimators.solver.available_memory", lambda: (1000, "x")
    )
    with pytest.raises(MemoryError, match="batch_size=7 sequences of up to 3 steps"):
        small(contiguous=contiguous, tbptt=3).fit(X)


@since_1_9
@every_feed
def test_callbacks(feed):
    listener = Listener()
    model = small(**FEEDS[feed]).set_callbacks(listener)
    weight = 1.0 + np.arange(len(X))
    model.fit(X, sample_weight=weight)
    epochs = listener.epochs()
    assert len(epochs) == 3
    given = listener.given("begin", "epoch")[0]
    assert_array_equal(given["metadata"]["sample_weight"], weight)
    assert ["".join(x) for x in decoded(given["X"])] == X
    assert given["y"] is None
    assert_array_equal(epochs[-1].score_samples(TEST), model.score_samples(TEST))
    assert epochs[0].loss_ == model.loss_curve_[0]
    assert epochs[0].score(given["X"]) == epochs[0].score(X)
    stopped = small(**FEEDS[feed], max_iter=50).set_callbacks(Listener(after(2)))
    assert stopped.fit(X).n_iter_ == 2


def decoded(sequences):
    return [[sequences.vocabulary[id] for id in x[:, 0]] for x in sequences]


# ---- tools ---------------------------------------------------------------------------


def test_searches_and_scores_by_folds():
    scores = cross_val_score(small(), X, cv=3)
    assert ((-2 < scores) & (scores < -0.5)).all()
    search = GridSearchCV(small(), {"embedding_dim": [3, 5]}, cv=2).fit(X)
    assert search.score(X) == search.best_estimator_.score(X)


def test_documents_in_any_container():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    expected = small().fit(X)
    for container in (
        np.array(X, dtype=object), np.array(X), tuple(X), pd.Series(X),
        pd.Series(X, dtype="category"), pl.Series(X), [list(x) for x in X],
        [np.array(list(x), dtype=object) for x in X],
    ):  # fmt: skip
        assert_same(small().fit(container), expected)


def test_displays():
    pytest.importorskip("matplotlib").use("agg")
    model = small(early_stopping=True).fit(X)
    assert len(GateDisplay.from_estimator(model, X[:3]).axes_)
    display = LossCurveDisplay.from_estimator(model)
    assert display.score_name == "Validation mean log-probability"


def test_gradients_of_steps():
    norms = gradient_norms(small().fit(X), TEST, None)
    assert norms.n_sequences.tolist() == [4, 3, 3, 2, 1, 1]
    assert all((norms.norms[name] > 0).all() for name in ("l0", "l1"))


def test_exports_are_refused():
    model = small().fit(X)
    for export in (to_torch, to_keras):
        with pytest.raises(TypeError, match="LSTMLanguageModel cannot be exchanged"):
            export(model)


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"contiguous": True, "tbptt": None}, "contiguous=True .* but tbptt is None"),
        ({"level": "byte"}, "'level' parameter"),
        ({"embedding_dim": None}, "'embedding_dim' parameter"),
        ({"embedding_dim": 0}, "'embedding_dim' parameter"),
        ({"min_count": 0}, "'min_count' parameter"),
        ({"max_tokens": 0}, "'max_tokens' parameter"),
        ({"tbptt": 0}, "'tbptt' parameter"),
        ({"tie_weights": True, "embedding_dim": 9}, "embedding_dim=9 numbers.*5 units"),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(X)


@pytest.mark.parametrize("name", ["bidirectional", "pooling", "missing", "crf"])
def test_parameters_that_it_does_not_have(name):
    with pytest.raises(TypeError, match=name):
        LSTMLanguageModel(**{name: 1})


NO_DOCUMENTS = {
    "one text": ("abc", ValueError, "string object received"),
    "missing": (["a", None], ValueError, "Document 1 is None"),
    "numbers": ([1.0, 2.0], TypeError, "Document 0 is a number"),
    "missing token": (["a", ["b", np.nan]], ValueError, "Token 1 of document 1 is nan"),
    "a list as token": ([["a"], ["b", ["c"]]], TypeError, "Token 1 of document 1 is"),
    "nothing": ([], ValueError, "0 sample"),
    "None": (None, ValueError, "requires X to be passed"),
}


@pytest.mark.parametrize("case", NO_DOCUMENTS)
def test_what_is_no_documents(case):
    documents, kind, message = NO_DOCUMENTS[case]
    model = small().fit(X)
    calls = [small().fit, small().partial_fit, model.fit, model.score, model.transform]
    calls += [model.score_samples, model.perplexity, model.bits_per_character]
    calls += [model.predict_proba, model.predict_log_proba]
    for call in calls:
        with pytest.raises(kind, match=message):
            call(documents)
    if documents is not None:
        with pytest.raises(kind, match=f"In X_val: .*{message}"):
            small(early_stopping=True).fit(X, X_val=documents)


def test_documents_without_tokens():
    with pytest.raises(ValueError, match="no token in any of the 3 document"):
        small().fit(["", "", ""])
    with pytest.raises(ValueError, match="min_count is 2"):
        small(level="word").fit(["one", "two"])


@pytest.mark.parametrize(
    ("tokens", "kind", "message"),
    [
        ("ab", TypeError, "a list of one token for each sequence, got 'ab'"),
        (3, TypeError, "a list of one token for each sequence, got 3"),
        (["a"], ValueError, "1 tokens, but the state is of 2"),
        (["a", np.nan], ValueError, "token of sequence 1 is nan"),
        (["a", ["b"]], TypeError, r"token of sequence 1 is \['b'\]"),
    ],
)
def test_steps_that_are_none(tokens, kind, message):
    model = small().fit(X)
    with pytest.raises(kind, match=message):
        model.predict_step(tokens, model.initial_state(2))


def test_states_of_others():
    model, other = small().fit(X), small(cell="gru").fit(X)
    with pytest.raises(ValueError, match="is of a network of cell='gru'"):
        model.predict_step(["a"], other.initial_state())
    with pytest.raises(TypeError, match="what initial_state or predict_step returned"):
        model.predict_step(["a"], None)
    with pytest.raises(ValueError, match="method='predict' is none of"):
        model.predict_step(["a"], model.initial_state(), method="predict")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_tokens": 0}, "n_tokens == 0, must be >= 1"),
        ({"n": 0}, "n == 0, must be >= 1"),
        ({"temperature": -1.0}, "temperature == -1.0, must be >= 0"),
        ({"temperature": np.inf}, "temperature must be finite"),
        ({"temperature": np.nan}, "temperature must be finite"),
        ({"top_k": 0}, "top_k == 0, must be >= 1"),
        ({"top_p": 0.0}, "top_p == 0.0, must be > 0"),
        ({"top_p": 1.5}, "top_p == 1.5, must be <= 1"),
        ({"prefix": None}, "ocument 0 of prefix is None"),
        ({"prefix": ["a", None]}, "Token 1 of document 0 of prefix is None"),
    ],
)
def test_generation_that_is_refused(params, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small().fit(X).generate(**params)


# ---- generation ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    return small(max_iter=10, dtype="float64").fit(chain(200))


def greedy(model, n_tokens, prefix):
    text = ""
    while len(text) < n_tokens:
        p = model.predict_proba([prefix + text])[0]
        p[0] = 0
        if p.argmax() == len(p) - 1:
            break
        text += model.vocabulary_[p.argmax()]
    return text


@pytest.mark.parametrize(
    "params", [{"temperature": 0}, {"temperature": 1e-3}, {"top_k": 1}, {"top_p": 1e-9}]
)
@pytest.mark.parametrize("prefix", ["", "b", "abcab", "xxb"])
def test_the_most_probable_token(model, prefix, params):
    expected = greedy(model, 20, prefix)
    assert model.generate(20, prefix, random_state=3, n=2, **params) == [expected] * 2


@pytest.mark.parametrize("params", [{}, {"top_k": 2}, {"top_p": 0.8}])
@pytest.mark.parametrize("prefix", ["", "ab"])
def test_a_sample_is_the_same_for_any_number(model, prefix, params):
    many = model.generate(15, prefix, n=70, random_state=0, **params)
    assert len(set(many)) > 10
    for n in (1, 3, 33):
        found = model.generate(15, prefix, n=n, random_state=0, **params)
        assert found == many[:n]
    with threadpool_limits(1, user_api="openmp"):
        assert model.generate(15, prefix, n=70, random_state=0, **params) == many
    assert model.generate(15, prefix, n=70, random_state=1, **params) != many
    longer = model.generate(30, prefix, n=70, random_state=0, **params)
    assert [text[:15] for text in longer] == many


def test_samples_have_the_probabilities_of_the_model(model):
    """Of the first token, and of what temperature makes of it."""
    first = [text[:1] for text in model.generate(1, "a", n=4000, random_state=0)]
    p = model.predict_proba(["a"])[0]
    for temperature in (1.0, 0.5, 2.0):
        found = model.generate(
            1, "a", n=4000, random_state=0, temperature=temperature
        )  # fmt: skip
        weights = p ** (1 / temperature)
        weights[0] = 0
        weights /= weights.sum()
        for token, expected in zip([*model.vocabulary_[1:], ""], weights[1:]):
            share = found.count(token) / 4000
            assert abs(share - expected) < 4 * np.sqrt(expected / 4000)
    assert len(first) == 4000


def test_of_few_tokens_the_most_probable(model):
    p = model.predict_proba(["a"])[0]
    p[0] = 0
    order = np.argsort(-p)
    names = [*model.vocabulary_, ""]
    for k in (1, 2, 3):
        found = set(model.generate(1, "a", n=500, random_state=0, top_k=k))
        assert found == {names[id] for id in order[:k]}
    shares = np.cumsum(p[order] / p.sum())
    for share in (0.3, 0.7, 0.95):
        count = int(np.searchsorted(shares, share)) + 1
        found = set(model.generate(1, "a", n=2000, random_state=0, top_p=share))
        assert found == {names[id] for id in order[:count]}


def test_unk_is_never_generated():
    model = small(level="word", min_count=2, max_iter=30).fit(
        ["rare one", "other two", "word three", "the end", "the end"]
    )
    assert model.predict_proba([""])[0].argmax() == 0
    found = model.generate(20, n=200, random_state=0)
    assert all("<unk>" not in tokens for tokens in found)
    assert all(isinstance(tokens, list) for tokens in found)
    assert any(found)


def test_documents_end():
    """They have the lengths of those that were learnt, and no mark is in them."""
    model = small(max_iter=30, learning_rate_init=0.02).fit(["ab"] * 40)
    found = model.generate(50, n=20, random_state=0, temperature=0.3)
    assert set(found) == {"ab"}
    assert model.generate(1, n=2, random_state=0) == ["a", "a"]
    assert model.generate(9, "ab", temperature=0) == [""]


def test_words():
    model = small(level="word", max_iter=60, learning_rate_init=0.02).fit(
        ["the cat sat .", "the dog sat ."] * 10
    )
    assert model.generate(9, "the dog", temperature=0) == [["sat", "."]]
    assert model.generate(9, ["the", "dog"], temperature=0) == [["sat", "."]]
    ids = SequenceArray([[1], [2]], [0, 2], vocabulary=["<unk>", 7, 8])
    numbers = small(level="word", max_iter=1).fit(ids)
    assert set(numbers.generate(5, random_state=0)[0]) <= {7, 8}


def test_a_random_state_goes_on(model):
    rng = np.random.RandomState(0)
    a, b = model.generate(20, random_state=rng), model.generate(20, random_state=rng)
    assert a != b
    assert a == model.generate(20, random_state=np.random.RandomState(0))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_tanh", "lstm_peephole"])
def test_generation_in_every_precision(cell, dtype):
    model = small(cell=cell, dtype=dtype, tie_weights=True).fit(X)
    found = model.generate(30, "a", n=5, random_state=0)
    assert found[:2] == model.generate(30, "a", n=2, random_state=0)
    expected = greedy(model, 10, "ab")
    assert model.generate(10, "ab", temperature=1e-3) == [expected]
