"""Training that diverges and predictions that are not finite say so."""

import copy
import re
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._training.monitor import Monitor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 6, 2))
SUMS = X.sum(axis=(1, 2))
SMALL = {
    "hidden_layer_sizes": 4,
    "max_iter": 5,
    "random_state": 0,
    "learning_rate": "constant",  # has no planned end, which says nothing
    "learning_rate_init": 0.002,
    "batch_size": 32,
}
TARGETS = {
    "binary": (LSTMClassifier, (SUMS > 0).astype(int)),
    "classes": (GRUClassifier, np.arange(40) % 3),
    "labels": (RNNClassifier, np.c_[SUMS > 0, SUMS > 1].astype(int)),
    "numbers": (LSTMRegressor, 1e6 + 1e3 * SUMS),
    "several": (GRURegressor, np.c_[SUMS, X[:, 0, 0]]),
    "counts": (RNNRegressor, np.abs(np.rint(SUMS))),
}
every_target = pytest.mark.parametrize("task", TARGETS)


def make(task, **params):
    Estimator, y = TARGETS[task]
    if task == "counts":
        params["loss"] = "poisson"
    return Estimator(**{**SMALL, **params}), y


# ---- training ------------------------------------------------------------------------


@every_target
@pytest.mark.parametrize(
    "solver, learning_rate",
    [
        ("adam", "constant"), ("adamw", "constant"), ("sgd", "constant"),
        ("rmsprop", "constant"), ("adam", "cosine"), ("sgd", "cosine"),
    ],
)  # fmt: skip
def test_a_rate_far_too_large(task, solver, learning_rate):
    """One warning, which names the losses and what to do."""
    model, y = make(
        task, solver=solver, learning_rate_init=1e3, max_grad_norm=None,
        learning_rate=learning_rate,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, y)
    text = str(caught[0].message)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    if "not finite" in text:
        return
    assert "Training has diverged" in text and "learning_rate_init" in text
    ended, begun, constant = (
        float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)[:3]
    )
    assert ended == pytest.approx(model.loss_, rel=0.01)
    assert ended > 4 * max(begun, constant) > 0


@pytest.mark.parametrize("task", ["binary", "classes", "numbers"])
@pytest.mark.parametrize("rate", [1e10, 1e30])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_absurd_rates(task, rate, early_stopping):
    model, y = make(task, learning_rate_init=rate, early_stopping=early_stopping)
    with pytest.warns(ConvergenceWarning, match="diverged|not finite") as caught:
        model.fit(X, y)
    assert len(caught) == 1


def test_the_constant_has_the_loss_of_the_prior():
    y = (np.arange(40) < 10).astype(int)
    weight = np.where(y == 1, 3.0, 1.0)  # a prior of one half
    model = LSTMClassifier(**{**SMALL, "learning_rate_init": 100.0})
    with pytest.warns(ConvergenceWarning, match="a constant prediction is 0.693"):
        model.fit(X, y, weight)
    with pytest.warns(ConvergenceWarning, match="a constant prediction is 0.562"):
        model.fit(X, y)


@every_target
def test_a_pass_far_above_the_first(task):
    model, y = make(task)
    options = {}
    if task in ("binary", "classes"):
        options["classes"] = np.unique(y)
    model.partial_fit(X, y, **options)
    model.set_params(learning_rate_init=1e5)
    with pytest.warns(ConvergenceWarning, match="loss of this pass|not finite"):
        for _ in range(3):
            model.partial_fit(X, y)


def test_a_stream_of_single_samples_does_not_cry():
    """Some have a loss many times that of others."""
    model = GRURegressor(4, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(X, SUMS)
        for i in range(40):
            model.partial_fit(X[i : i + 1], SUMS[i : i + 1])


@every_target
@pytest.mark.parametrize("alpha", [0, 30.0])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_fits_that_only_do_not_converge(task, alpha, solver):
    """Noise, dropout, a large penalty, a target that is constant: no divergence."""
    model, y = make(task, alpha=alpha, solver=solver)
    if solver == "adam":
        model.set_params(dropout=0.5)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        model.fit(X, np.random.default_rng(1).permutation(y))
    assert len(caught) == 1


def test_a_constant_target_does_not_diverge():
    model = LSTMRegressor(**SMALL)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(X, np.full(40, 1e9))


def test_going_on_from_a_good_fit():
    model, y = make("classes", warm_start=True)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(X, y)
    model.set_params(learning_rate_init=1e4)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X, y)


# ---- what the last epochs have brought -----------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_warning_of_max_iter_names_the_gain(early_stopping):
    model, y = make("numbers", early_stopping=early_stopping, max_iter=13, tol=0)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations") as caught:
        model.fit(X, y)
    text = str(caught[0].message)
    gain = (model.loss_curve_[-11] - model.loss_curve_[-1]) / 10
    assert f"Over the last 10 epochs the loss fell by {gain:.2g} an epoch" in text
    assert f"to {model.loss_:.3g}." in text
    for way_out in ("max_iter", "learning_rate_init", "warm_start=True", "tol"):
        assert way_out in text
    scores = model.validation_scores_
    if early_stopping:
        change = (scores[-1] - scores[-11]) / 10
        assert f"The validation score changed by {change:+.2g} an epoch" in text


def test_the_warning_of_max_iter_with_lbfgs():
    model, y = make("numbers", solver="lbfgs", tol=0)
    limits = {"max_iter": 4, "max_fun": 1000}, {"max_iter": 1000, "max_fun": 6}
    for limit, name in zip(limits, ("max_iter", "max_fun"), strict=True):
        with pytest.warns(ConvergenceWarning) as caught:
            model.set_params(**limit).fit(X, y)
        text = str(caught[0].message)
        assert "iterations the loss fell by" in text and f"Raise {name}," in text
        assert "learning_rate" not in text


@pytest.mark.parametrize(
    "losses, expected",
    [
        ([1.0], "Raise max_iter or learning_rate_init: a single epoch"),
        ([1.0, 0.5], "In the last epoch the loss fell by 0.5 an epoch, to 0.5"),
        ([1.0, 2.0, 3.0], "last 2 epochs the loss did not fall: it rose by 1 an.*cosi"),
        ([5.0] * 20, "last 10 epochs the loss did not fall"),
    ],
)
def test_progress(losses, expected):
    monitor = Monitor(0, 10, False)
    for loss in losses:
        monitor.update(loss, None)
    assert re.search(expected, monitor.progress())


# ---- predictions ---------------------------------------------------------------------


def overflowing(Estimator, **params):
    """A network that overflows on sequences 3 and 5 of X."""
    y = np.arange(40) % 3 if "Classifier" in Estimator.__name__ else SUMS
    model = Estimator(
        **{**SMALL, "hidden_layer_sizes": 16}, activation="relu", **params
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    far = X.copy()
    far[[3, 5]] = 3e38
    return model, far, y


CALLS = [
    (RNNClassifier, "predict", {}),
    (RNNClassifier, "predict_proba", {}),
    (RNNClassifier, "predict_log_proba", {}),
    (RNNClassifier, "decision_function", {}),
    (RNNRegressor, "predict", {}),
    (RNNRegressor, "predict", {"loss": "poisson"}),
    (RNNRegressor, "predict", {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}),
    (RNNRegressor, "predict", {"pooling": "mean"}),
    (RNNRegressor, "predict", {"pooling": "attention", "bidirectional": True}),
]


@pytest.mark.parametrize("Estimator, method, params", CALLS)
def test_predictions_that_are_not_finite(Estimator, method, params):
    if params.get("loss") == "poisson":
        model = RNNRegressor(**SMALL, activation="relu", **params)
        model.set_params(hidden_layer_sizes=16)
        with pytest.warns(ConvergenceWarning):
            model.fit(X, np.abs(SUMS))
        far = X.copy()
        far[[3, 5]] = 3e38
    else:
        model, far, _ = overflowing(Estimator, **params)
    message = "The prediction of 2 sequences, the first of them 3, is not finite.*scal"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        predicted = getattr(model, method)(far)
    assert len(caught) == 1 and caught[0].filename == __file__
    rest = np.setdiff1d(np.arange(40), [3, 5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(predicted[rest], getattr(model, method)(X[rest]))


@pytest.mark.parametrize("Estimator", [RNNClassifier, RNNRegressor])
def test_a_score_of_predictions_that_are_not_finite(Estimator):
    model, far, y = overflowing(Estimator)
    with pytest.warns(RuntimeWarning, match="first of them 3, is not finite"):
        if Estimator is RNNClassifier:
            model.score(far, y)
        else:
            with pytest.raises(ValueError, match="NaN|infinity"):
                model.score(far, y)


@pytest.mark.parametrize(
    "Estimator, method",
    [
        (RNNRegressor, "predict"),
        (RNNClassifier, "predict"),
        (RNNClassifier, "predict_proba"),
        (RNNClassifier, "predict_log_proba"),
        (RNNClassifier, "decision_function"),
    ],
)
def test_steps_that_are_not_finite(Estimator, method):
    model, far, _ = overflowing(Estimator)
    state = model.initial_state(40)
    message = "prediction of .*3.* not finite"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        for t in range(6):
            predicted, state = model.predict_step(far[:, t], state, method=method)
            if caught:
                break
    assert caught[0].filename == __file__
    assert np.isfinite(predicted[[0, 39]]).all()
    with pytest.raises(ValueError, match="sequence 3.*begin the sequence anew"):
        model.predict_step(X[:, 0], state)  # nobody goes on from an overflow


@pytest.mark.parametrize("output", ["last", "sequence", "gates"])
def test_hidden_states_that_are_not_finite(output):
    model, far, _ = overflowing(RNNRegressor, bidirectional=True)
    ragged = [x[: 2 + i % 5] for i, x in enumerate(far)]
    message = "hidden state.* of 2 sequences, the first of them 3, is not finite"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        model.transform(ragged, output=output)
    assert {w.filename for w in caught} == {__file__}


def test_large_values_that_are_finite_say_nothing():
    """Their squares are not."""
    model = RNNRegressor(**SMALL, dtype="float64", activation="relu")
    with pytest.warns(ConvergenceWarning):
        model.fit(X, SUMS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.abs(model.predict(1e200 * X)).max() > 1e190
        model.transform(1e200 * X)


def test_a_nan_in_the_middle_of_a_stream_leaves_the_model():
    model, far, _ = overflowing(RNNClassifier)
    before = copy.deepcopy(model)
    with pytest.warns(RuntimeWarning, match="not finite"):
        model.predict(far)
    np.testing.assert_array_equal(model.predict_proba(X), before.predict_proba(X))
