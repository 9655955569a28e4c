"""LSTMTranscriber beside the tools of scikit-learn and Python: early stopping, fits
that go on, searches, pickles, containers, callbacks, exports."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from callback_cases import Listener, since_1_9
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_turns import in_threads
from transcriber_cases import CELLS, assert_same, outputs, small, spoken

import sklstm
from sklstm import LSTMTranscriber, SequenceArray
from sklstm.export import from_keras, from_torch, to_keras, to_torch
from sklstm.inspection import sequence_permutation_importance
from sklstm.preprocessing import TimeDistributed

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

X, Y = spoken()


def assert_same_weights(a, b):
    for name, value in a.weights_.items():
        assert_array_equal(b.weights_[name], value)


def as_objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


# ---- early stopping ------------------------------------------------------------------


def test_validation_scores_are_those_of_score():
    model = small(early_stopping=True, max_iter=30, learning_rate="constant")
    model.set_params(learning_rate_init=0.02).fit(X, Y, X_val=X[:25], y_val=Y[:25])
    assert model.best_validation_score_ == max(model.validation_scores_) > 0
    assert model.score(X[:25], Y[:25]) == model.best_validation_score_
    # with the most probable path, whatever the search is
    searched = small(early_stopping=True, beam_size=5, max_iter=3)
    searched.fit(X, Y, X_val=X[:25], y_val=Y[:25])
    plain = clone(searched).set_params(beam_size=1)
    plain.fit(X, Y, X_val=X[:25], y_val=Y[:25])
    assert searched.validation_scores_ == plain.validation_scores_


def test_weights_of_the_validation_part():
    weight = np.arange(25.0)
    model = small(early_stopping=True, max_iter=12, learning_rate_init=0.02)
    model.fit(X, Y, X_val=X[:25], y_val=Y[:25], sample_weight_val=weight)
    assert model.score(X[:25], Y[:25], weight) == model.best_validation_score_


def test_a_part_is_set_aside():
    model = small(early_stopping=True, validation_fraction=0.3).fit(X, Y)
    assert len(model.validation_scores_) == 3
    groups = np.arange(40) // 4
    seen = Listener() if hasattr(model, "set_callbacks") else None
    grouped = small(early_stopping=True)
    if seen is not None:
        grouped.set_callbacks(seen)
    grouped.fit(X, Y, groups=groups)
    assert grouped.t_ == 3 * 36
    with pytest.raises(ValueError, match="groups are passed to fit while"):
        small().fit(X, Y, groups=groups)


def test_labels_of_the_validation_part_that_are_not_known():
    with pytest.raises(ValueError, match="In X_val.*not in classes: 'z' at sample 1"):
        small(early_stopping=True).fit(X, Y, X_val=X[23:25], y_val=["a", "z"])


# ---- fits that go on -----------------------------------------------------------------


def test_partial_fit():
    model = small()
    for part in (slice(0, 20), slice(20, 40)):
        model.partial_fit(X[part], Y[part], classes="abcd")
    assert model.classes_.tolist() == [*"abcd"] and model.n_outputs_ == 5
    assert model.t_ == 40 and len(model.loss_curve_) == 2
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        small().partial_fit(X, Y)
    with pytest.raises(ValueError, match="is not the same as in the first call"):
        model.partial_fit(X, Y, classes="abc")
    before = model.weights_
    with pytest.raises(ValueError, match="not in classes: 'z' at sample 0, label 0"):
        model.partial_fit(X[23:25], ["z", ""])
    assert_array_equal(model.weights_["head_bias"], before["head_bias"])


def test_warm_start():
    """Two fits of three epochs are one of six, but for the order of the first."""
    model = small(warm_start=True, shuffle=False, learning_rate="constant")
    model.fit(X, Y).fit(X, Y)
    one = small(shuffle=False, learning_rate="constant", max_iter=6).fit(X, Y)
    assert model.loss_curve_ == one.loss_curve_
    assert_same_weights(model, one)
    with pytest.raises(ValueError, match=r"same classes.*`y` has \['a'\]"):
        model.fit(X, ["a" * (len(x) > 0) for x in X])
    with pytest.raises(ValueError, match="bidirectional cannot change"):
        model.set_params(bidirectional=True).fit(X, Y)


def test_lists_may_go_on_from_strings():
    model = small(warm_start=True).fit(X, Y).fit(X, [list(text) for text in Y])
    assert type(model.predict(X[:1])[0]) is str


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_precisions(dtype, bidirectional):
    model = LSTMTranscriber(
        16, bidirectional=bidirectional, dtype=dtype, max_iter=40,
        learning_rate_init=0.02, random_state=0,
    ).fit(*spoken(150))  # fmt: skip
    assert model.score(*spoken(60, seed=5)) > 0.85
    (p,) = model.predict_proba(X[9:10])
    assert p.dtype == np.float64


@pytest.mark.parametrize("cell", CELLS)
def test_cells_and_regularisation(cell):
    model = small(
        cell=cell, dropout=0.2, recurrent_dropout=0.2, alpha=0.01, solver="adamw"
    ).fit(X, Y)
    assert np.isfinite(model.loss_curve_).all()
    assert_same(outputs(model, X[:9]), {k: v[:9] for k, v in outputs(model, X).items()})


def test_ids_as_input():
    """A sequence of tokens, each several times, and the transcript without doubles."""
    rng = np.random.default_rng(0)
    y = ["".join(rng.choice([*"abc"], rng.integers(1, 4))) for _ in range(80)]
    ids = [
        np.concatenate([[0], *(["abc".index(k) + 1] * 2 + [0] for k in text)])
        for text in y
    ]
    X = SequenceArray.from_list([i[:, np.newaxis] for i in ids])
    model = LSTMTranscriber(
        8, embedding_dim=4, max_iter=40, learning_rate_init=0.03, random_state=0
    ).fit(X, y)
    assert model.score(X, y) > 0.95
    assert model.weights_["embedding"].shape == (4, 4)


# ---- tools ---------------------------------------------------------------------------


def test_pickles_and_clones():
    model = small(language_model=None).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert_same(outputs(again, X), outputs(model, X))
    again = copy.deepcopy(model).set_params(beam_size=4)
    best = again.predict_n_best(X, 4).tolist()
    again = pickle.loads(pickle.dumps(again))
    assert again.predict_n_best(X, 4).tolist() == best
    assert again.align(X, Y).tolist() == model.align(X, Y).tolist()
    assert_same_weights(clone(again).fit(X, Y), model)
    state = model.initial_state(2)
    _, state = model.predict_step([X[9][0]] * 2, state)
    saved = pickle.loads(pickle.dumps(state))
    assert model.predict_step([X[9][1]] * 2, saved)[0].tolist() == (
        model.predict_step([X[9][1]] * 2, state)[0].tolist()
    )


def test_a_search_over_parameters():
    pipe = make_pipeline(TimeDistributed(StandardScaler()), small(max_iter=5))
    grid = {
        "lstmtranscriber__learning_rate_init": [0.001, 0.02],
        "lstmtranscriber__beam_size": [1, 3],
    }
    # sequences of no steps have nothing to scale, but their transcripts count
    search = GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(X, Y)
    assert search.best_params_.keys() == grid.keys()
    assert search.score(X, Y) == search.best_estimator_[-1].score(
        search.best_estimator_[0].transform(X), Y
    )
    assert cross_val_score(small(), X, as_objects(Y), cv=3).shape == (3,)
    assert len(cross_val_predict(small(), X, Y, cv=3)) == 40


def test_containers_of_both():
    expected = small().fit(X, Y)
    for X_in, y_in in [
        (SequenceArray.from_list(X), Y),
        (tuple(X), tuple(Y)),
        (as_objects(X), as_objects(Y)),
        (X, pd.Series(Y)),
        (X, np.array(Y)),
    ]:
        model = small().fit(X_in, y_in)
        assert_same_weights(model, expected)
        assert model.score(X_in, y_in) == expected.score(X, Y)
    equal = np.stack([x[:3] for x in X if len(x) >= 3])
    y = ["ab"] * len(equal)
    assert_same_weights(small().fit(equal, y), small().fit(list(equal), y))


def test_nothing_is_changed():
    given = [x.copy() for x in X], [list(text) for text in Y]
    small().fit(*given)
    for x, before in zip(given[0], X, strict=True):
        assert_array_equal(x, before)
    assert given[1] == [list(text) for text in Y]


@since_1_9
@pytest.mark.parametrize("as_lists", [False, True])
def test_callbacks_get_transcripts_as_they_were_given(as_lists):
    y = [list(text) for text in Y] if as_lists else Y
    weight = np.arange(40) % 3
    listener = Listener()
    small().set_callbacks(listener).fit(X, y, weight)
    hooks = [given for *_, given in listener.heard if given]
    assert hooks
    kept = np.flatnonzero(weight)
    for given in hooks:
        assert given["y"] == [y[i] for i in kept]
        assert_array_equal(given["metadata"]["sample_weight"], weight[kept])


def test_threads_of_python():
    model = small().fit(X, Y).set_params(beam_size=3)
    expected = model.predict_n_best(X, 3).tolist()
    found = []
    errors = in_threads(4, lambda: found.append(model.predict_n_best(X, 3).tolist()))
    assert errors == [] and found == [expected] * 4


def test_permutation_importance():
    """By its own score: the first feature is all that there is to see."""
    rng = np.random.default_rng(0)
    y = ["".join(rng.choice([*"ab"], 2)) for _ in range(60)]
    X = [
        np.c_[np.repeat([["ab".index(k) * 2 - 1, 0] for k in t], 2, axis=0).ravel(),
              rng.standard_normal(8)] for t in y
    ]  # fmt: skip
    model = LSTMTranscriber(8, max_iter=40, learning_rate_init=0.03, random_state=0)
    model.fit(X, y)
    found = sequence_permutation_importance(model, X, y, n_repeats=3, random_state=0)
    first, second = found["importances_mean"]
    assert first > 0.3 > abs(second)


# ---- other libraries -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "back"), [(to_torch, from_torch), (to_keras, from_keras)]
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_exchange(to, back, bidirectional):
    given = small(bidirectional=bidirectional)
    model = copy.deepcopy(given).fit(X, Y)
    strings = back(to(model), given, classes="abc")
    assert_same(outputs(strings, X), outputs(model, X))
    assert strings.align(X, Y).tolist() == model.align(X, Y).tolist()
    lists = back(to(model), given, classes=model.classes_)
    assert lists.predict(X).tolist() == [list(text) for text in model.predict(X)]
    # the order of the outputs there is their own
    named = back(to(model), given, classes=["z", "y", "x"])
    assert named.classes_.tolist() == ["x", "y", "z"]
    raw, expected = named.decision_function(X), model.decision_function(X)
    for a, b in zip(raw, expected, strict=True):
        assert_array_equal(a, b[:, [2, 1, 0, 3]])
    numbers = back(to(model), given)
    assert numbers.classes_.tolist() == [0, 1, 2]


def test_exchange_refuses():
    model = small().fit(X, Y)
    with pytest.raises(ValueError, match="classes has 4 labels, but .* has 4 outputs"):
        from_torch(to_torch(model), small(), classes="abcd")
    with pytest.raises(ValueError, match="classes='aab' holds a label twice"):
        from_torch(to_torch(model), small(), classes="aab")
    with pytest.raises(ValueError, match="multilabel=True is of classifiers"):
        from_torch(to_torch(model), small(), multilabel=True)
    with pytest.raises(ValueError, match="LSTMTranscriber is a transcriber. Leave"):
        from_torch(to_torch(model), small(), target_mean=1.0)


def test_it_is_public():
    assert sklstm.LSTMTranscriber is LSTMTranscriber
    assert "LSTMTranscriber" in sklstm.__all__ and "TranscriberState" in dir(sklstm)
    assert "[Graves2006]" in LSTMTranscriber.__doc__
    assert sklstm.TranscriberState.__module__ == "sklstm"
