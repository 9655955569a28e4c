"""What holds for every estimator with a target at each step."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from step_estimator_cases import (
    assert_same,
    both,
    every_cell,
    outputs,
    sequences,
    small,
    small_fitted,
    target,
)
from threadpoolctl import threadpool_limits

from sklstm import LSTMStepRegressor, LSTMTagger
from sklstm.preprocessing import TimeDistributed
from sklstm.sequences import SequenceArray

X = sequences()
# A conditional random field labels whole sequences.
NO_PATHS = {LSTMTagger: {"crf": False}, LSTMStepRegressor: {}}
may_stop_early = pytest.mark.filterwarnings("ignore:Maximum iterations")


def as_objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


# ---- promises ------------------------------------------------------------------------


@both
@every_cell
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_answer_does_not_depend_on_neighbours(Estimator, cell, bidirectional, dtype):
    model = small_fitted(
        Estimator, X, cell=cell, bidirectional=bidirectional, dtype=dtype
    )
    together = outputs(model, X)
    for i in (0, 7, 12):
        alone = outputs(model, X[i : i + 1])
        assert_same(alone, {k: v[i : i + 1] for k, v in together.items()})
    for parts in together.values():
        assert [len(part) for part in parts] == [len(x) for x in X]


@may_stop_early
@both
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads_change_no_weight(Estimator, solver):
    X = sequences(60, 3, longest=40)
    found = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            model = small_fitted(
                Estimator, X, hidden_layer_sizes=(40,), solver=solver, batch_size=30
            )
            found.append((model.weights_, outputs(model, X)))
    for weights, said in found[1:]:
        for name, value in weights.items():
            assert_array_equal(value, found[0][0][name])
        assert_same(said, found[0][1])


@both
@every_cell
@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
def test_a_step_is_the_whole(Estimator, cell, missing):
    X = sequences()
    if missing != "error":
        for x in X[::2]:
            x[1::3, 0] = np.nan
    y = target(Estimator, [np.nan_to_num(x) for x in X])
    model = small(
        Estimator,
        bidirectional=False,
        cell=cell,
        missing=missing,
        **NO_PATHS[Estimator],
    ).fit(X, y)
    expected = outputs(model, X)
    for name, parts in expected.items():
        state = model.initial_state()
        for t, x in enumerate(X[3]):
            got, state = model.predict_step(x, state, method=name)
            assert_array_equal(got[0], parts[3][t])


@both
def test_going_on_from_a_state(Estimator):
    model = small_fitted(Estimator, X, bidirectional=False, **NO_PATHS[Estimator])
    whole = model.predict(X[9:10])[0]
    x = X[9]
    state = model.initial_state()
    for row in x[:3]:
        _, state = model.predict_step(row, state)
    rest = model.predict([x[3:]], initial_state=state)[0]
    assert_array_equal(np.asarray(rest), np.asarray(whole)[3:])


@both
def test_copies_answer_alike(Estimator):
    model = small_fitted(Estimator, X)
    expected = outputs(model, X)
    assert_same(outputs(pickle.loads(pickle.dumps(model)), X), expected)
    assert_same(outputs(copy.deepcopy(model), X), expected)
    fresh = clone(model)
    assert not hasattr(fresh, "n_iter_")
    assert_same(outputs(fresh.fit(X, target(Estimator, X)), X), expected)


# ---- X and y in every form -----------------------------------------------------------


@both
def test_forms(Estimator):
    y = target(Estimator, X)
    expected = outputs(small(Estimator).fit(X, y), X)
    container = SequenceArray.from_list(X)
    forms_of_y = [tuple(y), as_objects(y), [np.array(part) for part in y]]
    if Estimator is LSTMStepRegressor:
        forms_of_y.append(SequenceArray.from_list([part[:, None] for part in y]))
    for form_of_X in (container, as_objects(X)):
        for form_of_y in forms_of_y:
            model = small(Estimator).fit(form_of_X, form_of_y)
            assert_same(outputs(model, form_of_X), expected)
            assert model.score(form_of_X, form_of_y) == model.score(X, y)


@both
def test_arrays(Estimator):
    """Of equal lengths one array, of others padded ones."""
    Z = [x for x in sequences(40) if len(x) >= 4]
    whole = np.stack([x[:4] for x in Z])
    y = np.array(target(Estimator, whole))
    model = small(Estimator).fit(whole, y)
    expected = outputs(small(Estimator).fit(list(whole), list(y)), whole)
    assert_same(outputs(model, whole), expected)
    padded = SequenceArray.from_list(Z).to_padded()
    y = np.array(target(Estimator, np.nan_to_num(padded)))
    cut = [part[: len(z)] for part, z in zip(y, Z, strict=True)]
    expected = outputs(small(Estimator).fit(Z, cut), Z)
    assert_same(outputs(small(Estimator).fit(padded, y), Z), expected)


@both
@pytest.mark.parametrize("form", ["list", "objects", "container"])
def test_tools_of_scikit_learn(Estimator, form):
    y = target(Estimator, X)
    if form == "objects":
        given, y = as_objects(X), as_objects(y)
    else:
        given = X if form == "list" else SequenceArray.from_list(X)
    model = make_pipeline(TimeDistributed(StandardScaler()), small(Estimator))
    name = Estimator.__name__.lower()
    assert cross_val_score(model, given, y, cv=3).shape == (3,)
    predicted = cross_val_predict(model, given, y, cv=3)
    assert [len(part) for part in predicted] == [len(x) for x in X]
    search = GridSearchCV(model, {f"{name}__hidden_layer_sizes": [3, (4, 3)]}, cv=2)
    search.fit(given, y)
    assert np.isfinite(search.best_score_)
    assert search.score(given, y) == search.best_estimator_.score(given, y)
    sizes, train, test = learning_curve(
        model, given, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
    )
    assert np.isfinite(train).all() and np.isfinite(test).all()


# ---- training ------------------------------------------------------------------------


@may_stop_early
@both
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_every_solver_learns(Estimator, solver):
    model = small(
        Estimator, hidden_layer_sizes=8, solver=solver, max_iter=40, alpha=1e-4
    ).fit(X, target(Estimator, X))
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]


@both
def test_weights_are_repetitions(Estimator):
    """Of sequences, where one minibatch holds all of them; to the bit."""
    y = target(Estimator, X)
    repeats = np.arange(len(X)) % 3
    some = [i for i, r in enumerate(repeats) for _ in range(r)]
    params = {"batch_size": 100}
    weighted = small(Estimator, **params).fit(X, y, repeats)
    repeated = small(Estimator, **params).fit(
        [X[i] for i in some], [y[i] for i in some]
    )
    assert_same(outputs(weighted, X), outputs(repeated, X))


@both
def test_weights_of_steps(Estimator):
    """Weight zero is no target, one weight for all is none."""
    y = target(Estimator, X)
    nothing = None if Estimator is LSTMTagger else np.nan
    rng = np.random.default_rng(1)
    there = [rng.random(len(x)) < 0.7 for x in X]
    holes = [
        [value if t else nothing for value, t in zip(part, mask, strict=True)]
        for part, mask in zip(y, there, strict=True)
    ]
    expected = outputs(small(Estimator).fit(X, holes), X)
    zeros = small(Estimator).fit(X, y, [mask.astype(float) for mask in there])
    assert_same(outputs(zeros, X), expected)
    same = small(Estimator).fit(X, y, [np.ones(len(x)) for x in X])
    assert_same(outputs(same, X), outputs(small(Estimator).fit(X, y), X))
    model = small_fitted(Estimator, X)
    weights = [mask.astype(float) for mask in there]
    assert model.score(X, y, weights) == pytest.approx(model.score(X, holes))
    assert model.score(X, y, np.ones(len(X))) == pytest.approx(model.score(X, y))


@both
def test_early_stopping(Estimator):
    y = target(Estimator, X)
    model = small(Estimator, early_stopping=True, max_iter=8).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_
    model = small(Estimator, early_stopping=True).fit(X[10:], y[10:], X_val=X[:10],
                                                      y_val=y[:10])  # fmt: skip
    assert model.best_validation_score_ == pytest.approx(model.score(X[:10], y[:10]))
    groups = np.arange(len(X)) % 5
    small(Estimator, early_stopping=True).fit(X, y, groups=groups)


@may_stop_early
@both
def test_going_on(Estimator):
    y = target(Estimator, X)
    model = small(Estimator, warm_start=True, learning_rate="constant").fit(X, y)
    first = model.loss_
    assert model.fit(X, y).loss_ < first
    assert len(model.loss_curve_) == 6
    model.set_params(cell="gru")
    with pytest.raises(ValueError, match="cell cannot change"):
        model.fit(X, y)


@both
def test_partial_fit(Estimator):
    y = target(Estimator, X)
    options = {"classes": ["up", "flat", "down"]} if Estimator is LSTMTagger else {}
    model = small(Estimator)
    losses = [model.partial_fit(X, y, **options).loss_ for _ in range(10)]
    assert losses[-1] < losses[0]
    assert np.isfinite(model.score(X, y))


@both
def test_dropout_learns(Estimator):
    model = small(Estimator, dropout=0.2, recurrent_dropout=0.2, max_iter=20)
    model.fit(X, target(Estimator, X))
    assert model.loss_curve_[-1] < model.loss_curve_[0]


# ---- bad input -----------------------------------------------------------------------


@both
def test_lengths_that_differ(Estimator):
    y = target(Estimator, X)
    model = small_fitted(Estimator, X)
    before = outputs(model, X)
    i = next(i for i, x in enumerate(X) if len(x) > 3)
    wrong = [*y[:i], y[i][:-1], *y[i + 1 :]]
    n = len(X[i])
    message = f"Sample {i} has {n} step\\(s\\) in X and {n - 1} in y"
    for call in (model.fit, model.score):
        with pytest.raises(ValueError, match=message):
            call(X, wrong)
    with pytest.raises(ValueError, match="inconsistent numbers of samples: .30, 29"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match=f"In X_val.*Sample {i} has"):
        small(Estimator, early_stopping=True).fit(X, y, X_val=X, y_val=wrong)
    assert_same(outputs(model, X), before)


@both
def test_bad_weights(Estimator):
    y = target(Estimator, X)
    weights = [np.ones(len(x)) for x in X]
    i = next(i for i, x in enumerate(X) if len(x) > 3)
    weights[i][1] = -2
    with pytest.raises(ValueError, match=f"-2 at sample {i}, step 1"):
        small(Estimator).fit(X, y, weights)
    with pytest.raises(ValueError, match=f"sample {i} has 99 weights"):
        small(Estimator).fit(X, y, [*weights[:i], np.ones(99), *weights[i + 1 :]])
    with pytest.raises(ValueError, match="29 samples have weights"):
        small(Estimator).fit(X, y, weights[1:])
    with pytest.raises(ValueError, match="weight zero"):
        small(Estimator).fit(X, y, [np.zeros(len(x)) for x in X])


@both
def test_one_target_for_a_sequence(Estimator):
    y = np.arange(len(X))
    other = "LSTMClassifier" if Estimator is LSTMTagger else "LSTMRegressor"
    with pytest.raises(ValueError, match=f"sample 0, one value.*{other}"):
        small(Estimator).fit(X, y)


@both
def test_two_directions_cannot_be_streamed(Estimator):
    model = small_fitted(Estimator, X, bidirectional=True, **NO_PATHS[Estimator])
    with pytest.raises(ValueError, match="bidirectional"):
        model.predict_step(X[3][0], model.initial_state())
