"""LSTMSeq2Seq beside what stands around it: other sequences, threads, scikit-learn's
tools, containers, callbacks, fits that break."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from callback_cases import Listener, ScoringMonitor, after, scores_of, since_1_9
from numpy.testing import assert_array_equal
from seq2seq_cases import at, backwards, everything, small, words
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from test_turns import in_threads
from threadpoolctl import threadpool_limits

from sklstm import LSTMSeq2Seq, SequenceArray
from sklstm._estimators import seq2seq
from sklstm._network import decoding_tokens
from sklstm._network.encoder_decoder import EncoderDecoder
from sklstm.preprocessing import TokenEncoder

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

X = words()
Y = backwards(X)
NUMBERS = [
    np.random.default_rng(len(word)).standard_normal((len(word), 3)) for word in X
]
KINDS = {
    "text": (X, {}),
    "ids": (TokenEncoder(analyzer=list, min_df=1).fit_transform(X), {}),
    "numbers": (NUMBERS, {"embedding_dim": "auto"}),
    "array": (SequenceArray.from_list(NUMBERS), {"embedding_dim": "auto"}),
}


# ---- bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attention", ["general", "additive", None])
def test_what_is_said_does_not_depend_on_what_is_beside(dtype, kind, attention):
    given, options = KINDS[kind]
    model = small(
        dtype=dtype, attention=attention, hidden_layer_sizes=(7, 5), **options
    )
    model.fit(given, Y)
    together = everything(model, given, Y)
    order = np.random.default_rng(0).permutation(np.r_[: len(X), : len(X)])
    again = everything(model, at(given, order), at(Y, order))
    for name, parts in together.items():
        assert again[name] == [parts[i] for i in order], name
    for i in range(0, len(X), 3):
        alone = everything(model, at(given, [i]), [Y[i]])
        for name, parts in together.items():
            assert alone[name] == [parts[i]], name


def test_parts_in_bounded_memory_say_the_same(monkeypatch):
    model = small().fit(X, Y)
    expected = everything(model, X, Y)
    monkeypatch.setattr(seq2seq, "MOST_STEPS", 9)
    assert everything(model, X, Y) == expected
    monkeypatch.setattr(decoding_tokens, "MOST_ROWS", 7)
    assert everything(model, X, Y) == expected


def test_the_best_does_not_depend_on_n():
    model = small(beam_size=6).fit(X, Y)
    every = model.predict_n_best(X)
    for n in range(1, 7):
        assert model.predict_n_best(X, n) == [best[:n] for best in every]
    assert [best[0][1] for best in every] == model.predict(X).tolist()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("attention", ["general", "additive"])
def test_threads_change_no_bit(solver, attention, threads):
    train = words(60, longest=12)
    found = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            model = small(
                hidden_layer_sizes=(40,), solver=solver, batch_size=30,
                attention=attention,
            ).fit(train, backwards(train))  # fmt: skip
            said = everything(model, train, backwards(train))
            found.append((model.weights_, said))
    for weights, said in found[1:]:
        for name, value in weights.items():
            assert_array_equal(value, found[0][0][name], err_msg=name)
        assert said == found[0][1]


def test_predictions_with_two_threads():
    train = words(80, longest=12)
    model = small(hidden_layer_sizes=(40,)).fit(train, backwards(train))
    with threadpool_limits(1, user_api="openmp"):
        expected = everything(model, train, backwards(train))
    with threadpool_limits(2, user_api="openmp"):
        assert everything(model, train, backwards(train)) == expected


def test_the_same_random_state_is_the_same_fit():
    first, second = (small(dropout=0.2).fit(X, Y) for _ in range(2))
    assert everything(first, X, Y) == everything(second, X, Y)
    other = small(dropout=0.2, random_state=1).fit(X, Y)
    assert everything(first, X, Y) != everything(other, X, Y)


# ---- copies --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_copies_say_the_same(kind):
    given, options = KINDS[kind]
    model = small(**options).fit(given, Y)
    expected = everything(model, given, Y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert everything(other, given, Y) == expected
        assert other.source_vocabulary_ == model.source_vocabulary_
        assert other.target_vocabulary_ == model.target_vocabulary_
        other.partial_fit(given, Y)
    assert everything(model, given, Y) == expected
    assert everything(clone(model).fit(given, Y), given, Y) == expected


def test_tokens_of_any_kind_are_kept_in_pickles():
    tokens = [[("a", 1), 2, None.__class__], [2, "b", 2.5]]
    model = small().fit(tokens, tokens)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.target_vocabulary_ == model.target_vocabulary_
    assert loaded.predict(tokens).tolist() == model.predict(tokens).tolist()


# ---- scikit-learn's tools ------------------------------------------------------------


def test_a_search_over_decoding():
    search = GridSearchCV(
        small(max_iter=10), {"beam_size": [1, 4], "length_penalty": [0.0, 1.0]}, cv=2
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict(["ab"]).shape == (1,)
    assert 0 <= search.score(X, Y) <= 1


def test_cross_validation_is_by_hand():
    groups = np.arange(len(X)) % 4
    expected = []
    for train, test in GroupKFold(4).split(X, Y, groups):
        model = small().fit(at(X, train), at(Y, train))
        expected.append(model.score(at(X, test), at(Y, test)))
    found = cross_val_score(small(), X, Y, groups=groups, cv=GroupKFold(4))
    assert found.tolist() == expected


def test_behind_an_encoder():
    pipeline = make_pipeline(TokenEncoder(analyzer=list, min_df=1), small())
    pipeline.fit(X, Y)
    alone = small().fit(KINDS["ids"][0], Y)
    assert pipeline.predict(X).tolist() == alone.predict(KINDS["ids"][0]).tolist()
    assert pipeline.score(X, Y) == alone.score(KINDS["ids"][0], Y)
    assert pipeline[-1].source_vocabulary_ == ("<unk>", *pipeline[0].vocabulary_)


def test_routed_weights():
    weight, groups = np.arange(len(X)) % 3 + 1.0, np.arange(len(X)) % 8
    alone = small(early_stopping=True).fit(X, Y, weight, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        end = small(early_stopping=True)
        end.set_fit_request(sample_weight=True, groups=True)
        end.set_score_request(sample_weight=True)
        pipeline = make_pipeline(end)
        pipeline.fit(X, Y, sample_weight=weight, groups=groups)
        assert everything(pipeline[-1], X, Y) == everything(alone, X, Y)
        score = pipeline.score(X, Y, sample_weight=weight)
    assert score == alone.score(X, Y, weight)


def test_tags():
    tags = sklearn.utils.get_tags(LSTMSeq2Seq())
    assert tags.input_tags.string
    assert tags.target_tags.required


# ---- containers ----------------------------------------------------------------------


def series(library, items):
    if library == "pandas":
        return pd.Series(items, index=np.arange(len(items))[::-1])
    if library == "strings":
        return pd.Series(items, dtype="string")
    if library == "arrow":
        return pytest.importorskip("pyarrow").array(items)
    return pytest.importorskip("polars").Series(items)


@pytest.mark.parametrize("library", ["pandas", "strings", "polars", "arrow"])
def test_columns_of_text(library):
    expected = everything(small().fit(X, Y), X, Y)
    x, y = series(library, X), series(library, Y)
    model = small().fit(x, y)
    assert everything(model, x, y) == expected
    assert model.score(x, y) == model.score(X, Y)


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_columns_of_lists(library):
    lists = [list(word) for word in X]
    expected = everything(small().fit(X, Y), X, Y)
    x, y = series(library, lists), series(library, list(map(list, Y)))
    assert everything(small().fit(x, y), x, y) == expected


def test_numbers_in_lists_stay_numbers():
    lists = [part.tolist() for part in NUMBERS]
    lists = [part if part else np.empty((0, 3)) for part in lists]
    expected = everything(small(embedding_dim=None).fit(NUMBERS, Y), NUMBERS, Y)
    auto = small(embedding_dim="auto")
    assert everything(auto.fit(lists, Y), lists, Y) == expected
    frames = [pd.DataFrame(part, columns=list("abc")) for part in NUMBERS]
    assert everything(clone(auto).fit(frames, Y), frames, Y) == expected
    assert auto.source_vocabulary_ is None


# ---- callbacks -----------------------------------------------------------------------


@since_1_9
def test_callbacks_get_answers_as_tokens():
    listener = Listener()
    model = small().set_callbacks(listener).fit(X, Y, np.arange(len(X)))
    assert everything(model, X, Y) == everything(
        small().fit(X, Y, np.arange(len(X))), X, Y
    )
    hooks = [given for *_, given in listener.heard if given]
    assert len(hooks) == 8
    for given in hooks:
        assert given["y"] == [list(word) for word in Y[1:]]
        assert len(given["X"]) == len(Y) - 1


@since_1_9
def test_scoring_monitor():
    def score(model, X, y):
        return {"score": float(model.score_samples(X, y).mean())}

    monitor = ScoringMonitor(scoring=score)
    small(learning_rate="constant").set_callbacks(monitor).fit(X, Y)
    alone = [small(learning_rate="constant", max_iter=n).fit(X, Y) for n in (1, 2, 3)]
    expected = [model.score_samples(X, Y).mean() for model in alone]
    assert scores_of(monitor, "score") == pytest.approx(expected, rel=1e-9)


@since_1_9
def test_callbacks_stop_and_look():
    listener = Listener(after(2))
    model = small(max_iter=9, learning_rate="constant").set_callbacks(listener)
    assert model.fit(X, Y).n_iter_ == 2
    two = small(max_iter=2, learning_rate="constant").fit(X, Y)
    assert everything(model, X, Y) == everything(two, X, Y)
    assert everything(listener.epochs()[1], X, Y) == everything(two, X, Y)


# ---- fits that break -----------------------------------------------------------------


def snapshot(model):
    return dict(vars(model)), pickle.dumps(model), everything(model, X, Y)


def assert_untouched(model, before):
    attributes, pickled, said = before
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert pickle.dumps(model) == pickled
    assert everything(model, X, Y) == said


BREAKS = [
    ("sklstm._network.encoder_decoder.EncoderDecoder.backward", ZeroDivisionError),
    ("sklstm._network.encoder_decoder.EncoderDecoder.forward_of", MemoryError),
    ("sklstm._training.optimizers.Adam.step", RuntimeError),
    ("sklstm._estimators.base.validate_sequences", KeyboardInterrupt),
    ("sklstm._targets.token_sequences.Vocabulary.encode", MemoryError),
    ("sklstm._estimators.progress.Progress.attributes", KeyboardInterrupt),
    ("sklstm._estimators.fitted.Fitted.with_parameters", MemoryError),
]


@pytest.mark.parametrize(("where", "exception"), BREAKS)
def test_a_fit_that_breaks_leaves_the_one_before(monkeypatch, where, exception):
    model = small().fit(X, Y)
    before = snapshot(model)
    with monkeypatch.context() as patch:

        def broken(*args, **kwargs):
            raise exception

        patch.setattr(where, broken)
        with pytest.raises(exception):
            model.fit(["xyz", "z"], ["u", "v"])
        with pytest.raises(exception):
            model.partial_fit(X, Y)
    assert_untouched(model, before)
    model.fit(["xyz", "z"], ["u", "v"])
    assert model.source_vocabulary_ == ("<unk>", "z", "x", "y")


def test_an_interrupt_leaves_a_usable_model(monkeypatch):
    model = small(max_iter=50)
    count = [0]
    original = EncoderDecoder.backward

    def stop(self, *args):
        count[0] += 1
        if count[0] == 12:  # five minibatches an epoch
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(EncoderDecoder, "backward", stop)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert len(model.predict(X)) == len(X)


def test_bad_data_leave_the_fit_before():
    model = small().fit(X, Y)
    before = snapshot(model)
    for x, y in (([*X[:-1], None], Y), (X, [*Y[:-1], ["a", None]]), (X[1:], Y)):
        for call in (model.fit, model.partial_fit, model.score, model.score_samples):
            with pytest.raises(ValueError, match=r"ocument 39|inconsistent"):
                call(x, y)
    assert_untouched(model, before)


# ---- threads of Python ---------------------------------------------------------------


def test_threads_that_predict_side_by_side():
    model = small().fit(X, Y)
    expected = everything(model, X, Y)

    def predict():
        for _ in range(5):
            assert everything(model, X, Y) == expected

    assert in_threads(4, predict) == []
