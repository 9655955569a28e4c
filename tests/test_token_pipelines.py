"""TokenEncoder among scikit-learn's transformers, and in front of estimators."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import sklearn
from callback_cases import Listener, since_1_9
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError, SkipTestWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dict_unchanged,
    check_do_not_raise_errors_in_init_or_set_params,
    check_dont_overwrite_parameters,
    check_estimator,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimators_fit_returns_self,
    check_estimators_overwrite_params,
    check_estimators_unfitted,
    check_f_contiguous_array_estimator,
    check_fit_check_is_fitted,
    check_fit_score_takes_y,
    check_get_feature_names_out_error,
    check_get_params_invariance,
    check_global_output_transform_pandas,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_readonly_memmap_input,
    check_requires_y_none,
    check_set_output_transform_pandas,
    check_set_params,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    check_transformers_unfitted,
    check_valid_tag_types,
)

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor
from sklstm.inspection import GateDisplay
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings(
    "ignore:Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

FILMS = ["A good film!", "not good, not a film", "Good. Not bad."]


def ids_of(X):
    return [x[:, 0].tolist() for x in X]


# ---- scikit-learn --------------------------------------------------------------------


CHECKS = [
    check_dict_unchanged,
    check_do_not_raise_errors_in_init_or_set_params,
    check_dont_overwrite_parameters,
    check_estimator_cloneable,
    check_estimator_repr,
    check_estimators_fit_returns_self,
    check_estimators_overwrite_params,
    check_estimators_unfitted,
    check_f_contiguous_array_estimator,
    check_fit_check_is_fitted,
    check_fit_score_takes_y,
    check_get_feature_names_out_error,
    check_get_params_invariance,
    check_global_output_transform_pandas,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_readonly_memmap_input,
    check_requires_y_none,
    check_set_output_transform_pandas,
    check_set_params,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
    check_transformers_unfitted,
    check_valid_tag_types,
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_checks_of_scikit_learn(check):
    """Those that take what is no matrix; each of their numbers is a token."""
    check("TokenEncoder", TokenEncoder(min_df=1))


def test_check_estimator():
    """It says the same of CountVectorizer: nearly all of it is about matrices."""
    for estimator in (TokenEncoder(), CountVectorizer()):
        with pytest.warns(SkipTestWarning, match="Can't test estimator"):
            results = check_estimator(estimator, on_fail=None, on_skip=None)
        assert {result["status"] for result in results} == {"passed"}
    tags, others = get_tags(TokenEncoder()), get_tags(CountVectorizer())
    assert tags.input_tags == others.input_tags
    assert tags.target_tags == others.target_tags
    assert not hasattr(TokenEncoder().fit(FILMS), "n_features_in_")


def test_not_fitted():
    for call in (
        lambda encoder: encoder.transform(FILMS),
        lambda encoder: encoder.inverse_transform([[0]]),
        lambda encoder: encoder.get_feature_names_out(),
    ):
        for encoder in (TokenEncoder(), TokenEncoder(vocabulary=["a"])):
            with pytest.raises(NotFittedError):
                call(encoder)


def test_names():
    encoder = TokenEncoder().fit(FILMS)
    for given_names in (None, ["text"]):
        names = encoder.get_feature_names_out(given_names)
        assert names.dtype == object and names.tolist() == ["token"]
    for library in ("pandas", "polars"):
        named = TokenEncoder().set_output(transform=library).fit_transform(FILMS)
        assert type(named) is SequenceArray and named.feature_names == ("token",)
        assert named == encoder.transform(FILMS)
    encoder.set_output(transform="pandas")
    assert encoder.transform(FILMS).feature_names == ("token",)
    assert clone(encoder).fit_transform(FILMS).feature_names == ("token",)
    encoder.set_output(transform="default")
    assert encoder.transform(FILMS).feature_names is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    encoder = TokenEncoder(min_df=1).fit([["a", 1, ("b", 2)], [1]])
    back = pickle.loads(pickle.dumps(encoder, protocol))
    assert list(back.vocabulary_.items()) == list(encoder.vocabulary_.items())
    X = [[("b", 2), "new", 1.0]]
    assert back.transform(X) == encoder.transform(X)
    assert back.inverse_transform([[0, 3]]) == encoder.inverse_transform([[0, 3]])
    assert vars(clone(encoder)) == encoder.get_params()
    assert vars(copy.deepcopy(encoder)) == vars(encoder)


# ---- with estimators -----------------------------------------------------------------

RNG = np.random.default_rng(0)
WORDS = np.array(["one", "two", "three", "four", "good", "bad"])
TEXTS = [
    " ".join([*RNG.choice(WORDS[:4], 1 + i % 5), "good" if i % 2 else "bad", "."])
    for i in range(60)
]
LABELS = np.array(["-", "+"] * 30)
SMALL = {"hidden_layer_sizes": 8, "max_iter": 60, "random_state": 0, "embedding_dim": 5}


@pytest.mark.parametrize("kind", ["text", "lists", "objects", "Series"])
def test_pipeline(kind):
    X = {
        "text": TEXTS,
        "lists": [text.split() for text in TEXTS],
        "objects": np.array(TEXTS, dtype=object),
        "Series": pytest.importorskip("pandas").Series(TEXTS, index=range(60, 0, -1)),
    }[kind]
    model = make_pipeline(
        TokenEncoder(), GRUClassifier(**SMALL, learning_rate_init=0.05, pooling="max")
    )
    assert model.fit(X, LABELS).score(X, LABELS) == 1
    probabilities = model.predict_proba(X)
    for i in (0, 7, 59):
        one = X[i : i + 1]
        np.testing.assert_array_equal(model.predict_proba(one)[0], probabilities[i])
    assert cross_val_score(model, X, LABELS, cv=3).mean() > 0.9
    assert cross_val_predict(model, X, LABELS, cv=3).shape == (60,)
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict_proba(X), probabilities)
    new = [[], ["good"]] if kind == "lists" else ["", "good"]
    assert model.predict(new).shape == (2,)


def test_search():
    model = Pipeline(
        [
            ("tokens", TokenEncoder()),
            ("network", GRUClassifier(4, max_iter=2, embedding_dim=3)),
        ]
    )
    grid = {
        "tokens__min_df": [1, 2, 0.5],
        "tokens__analyzer": ["word", "char"],
        "tokens__lowercase": [True],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(TEXTS, LABELS)
    assert len(search.cv_results_["params"]) == 6
    assert search.predict(TEXTS).shape == (60,)
    hard = GridSearchCV(model, {"tokens__min_df": [2, 61]}, cv=2)
    with pytest.warns(FitFailedWarning, match="After pruning"):
        with pytest.warns(UserWarning, match="scores are non-finite"):
            hard.fit(TEXTS, LABELS)
    assert np.isnan(hard.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_ids_are_numbers_without_an_embedding():
    ids = TokenEncoder().fit_transform(TEXTS)
    y = np.arange(60.0)
    options = {**SMALL, "max_iter": 3, "early_stopping": True, "embedding_dim": None}
    with pytest.warns(UserWarning, match="which LSTMRegressor reads as numbers"):
        model = LSTMRegressor(**options).fit(ids, y)
    other = LSTMRegressor(**options).fit([x.astype(float) for x in ids], y)
    np.testing.assert_array_equal(model.predict(ids), other.predict(ids.to_list()))
    assert model.n_features_in_ == 1


def test_an_estimator_that_is_given_text_names_the_encoder():
    for X in (TEXTS, [text.split() for text in TEXTS], np.array(TEXTS)):
        with pytest.raises((TypeError, ValueError), match="TokenEncoder"):
            LSTMClassifier(2).fit(X, LABELS)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_what_fits_at_once_waits_for_its_turn(method):
    encoder = TokenEncoder(min_df=1)
    texts = [[f"a{i} b{i}"] * 50 for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(getattr(encoder, method), texts))
    assert list(encoder.vocabulary_) in [text[0].split() for text in texts]
    if method == "fit_transform":
        for text, ids in zip(texts, results, strict=True):
            assert ids.vocabulary == ("<unk>", *text[0].split())


def test_threads_transform_alike():
    encoder = TokenEncoder().fit(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(encoder.transform, [TEXTS] * 8))
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_output_that_is_set_for_all(library):
    pytest.importorskip(library)
    with sklearn.config_context(transform_output=library):
        model = make_pipeline(TokenEncoder(), GRUClassifier(**SMALL))
        model.fit(TEXTS, LABELS)
        assert model[-1].feature_names_in_.tolist() == ["token"]
        assert model.score(TEXTS, LABELS) > 0.5


def test_joblib(tmp_path):
    model = make_pipeline(TokenEncoder(), GRUClassifier(**SMALL)).fit(TEXTS, LABELS)
    joblib.dump(model, tmp_path / "model")
    for mode in (None, "r"):
        back = joblib.load(tmp_path / "model", mmap_mode=mode)
        np.testing.assert_array_equal(
            back.predict_proba(TEXTS), model.predict_proba(TEXTS)
        )
    assert len(pickle.dumps(clone(model))) < 4000


def test_functions_that_pickle_cannot_store():
    cloudpickle = pytest.importorskip("cloudpickle")
    encoder = TokenEncoder(analyzer=lambda text: text.split("+"), min_df=1)
    back = pickle.loads(cloudpickle.dumps(encoder.fit(["a+b"])))
    assert back.vocabulary_ == {"a": 1, "b": 2}
    assert ids_of(back.transform(["b+c"])) == [[2, 0]]


def test_skops():
    io = pytest.importorskip("skops.io")
    encoder = TokenEncoder(min_df=1).fit([["a", "b", "a"]])
    saved = io.dumps(encoder)
    untrusted = io.get_untrusted_types(data=saved)
    assert untrusted == ["sklstm.preprocessing.TokenEncoder"]
    back = io.loads(saved, trusted=untrusted)
    assert back.vocabulary_ == {"a": 1, "b": 2}
    ids = encoder.transform([["b", "c"]])
    assert back.transform([["b", "c"]]) == ids
    assert back.inverse_transform(ids) == [["b", "<unk>"]]


def test_gates_of_a_text():
    pytest.importorskip("matplotlib").use("agg")
    model = make_pipeline(TokenEncoder(), GRUClassifier(**SMALL)).fit(TEXTS, LABELS)
    ids = model[0].transform(["one good ."])
    expected = GateDisplay.from_estimator(model[1], ids).parts
    for x in ("one good .", ["one", "good", "."], ("one", "good", ".")):
        parts = GateDisplay.from_estimator(model, x).parts
        assert parts.keys() == expected.keys()
        for name, values in parts.items():
            np.testing.assert_array_equal(values, expected[name])
    with pytest.raises(ValueError, match="x has no steps"):
        GateDisplay.from_estimator(model, "")
    with pytest.raises(TypeError, match="TokenEncoder"):
        GateDisplay.from_estimator(model[1], "one good .")


@since_1_9
def test_callbacks_are_told_of_the_fit():
    listener = Listener()
    encoder = TokenEncoder().set_callbacks(listener)
    for method in (encoder.fit, encoder.fit_transform):
        method(iter(FILMS))
        assert listener.story == [
            ("setup", "fit"), ("begin", "fit"), ("end", "fit"), ("teardown", "fit"),
        ]  # fmt: skip
        (given,) = listener.given("begin", "fit")
        assert given["X"] == FILMS
        listener.heard.clear()
    before = dict(vars(encoder))
    for X in ([], ["a", None]):
        with pytest.raises(ValueError):
            encoder.fit(X)
    assert vars(encoder) == before
    counts = [hook for hook, _ in listener.story]
    assert counts.count("setup") == counts.count("teardown") == 1


@since_1_9
@pytest.mark.parametrize("fail_at", ["setup", "begin", "end", "teardown"])
def test_a_failing_callback_leaves_an_earlier_fit(fail_at):
    encoder = TokenEncoder().fit(FILMS).set_callbacks(Listener(fail_at=fail_at))
    before = dict(vars(encoder))
    for method in (encoder.fit, encoder.fit_transform):
        with pytest.raises(RuntimeError, match=f"failed at {fail_at}"):
            method(["a b", "b a"])
        assert vars(encoder).keys() == before.keys()
        assert all(value is before[name] for name, value in vars(encoder).items())
