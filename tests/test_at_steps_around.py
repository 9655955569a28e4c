"""What looks into estimators with a target at every step, or goes around them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from step_estimator_cases import both, sequences, small, small_fitted, target
from test_gradient_norms import norms_by_differences

from sklstm import LSTMStepRegressor, LSTMTagger
from sklstm.inspection import gradient_norms, sequence_permutation_importance
from sklstm.preprocessing import TimeDistributed

X = sequences()
may_stop_early = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- gradient norms ------------------------------------------------------------------


def minus_log_p(model, x, labels):
    """Of the labels that are there, given the outputs of a tagger."""
    if not model.crf:
        log_p = model.predict_log_proba([x])[0]
        return -sum(
            log_p[t, model.classes_.tolist().index(label)]
            for t, label in enumerate(labels)
            if label is not None
        )
    emissions = model.decision_function([x])[0]
    there = np.array([[b in (None, c) for c in model.classes_] for b in labels])
    return -(log_z(model, np.where(there, emissions, -np.inf))
             - log_z(model, emissions))  # fmt: skip


def log_z(model, emissions):
    score = model.start_transitions_ + emissions[0]
    for emission in emissions[1:]:
        score = logsumexp(score[:, None] + model.transitions_, axis=0) + emission
    return logsumexp(score + model.end_transitions_)


@may_stop_early
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("crf", [True, False, None])
def test_gradient_norms_are_those_of_differences(crf, bidirectional):
    Estimator = LSTMStepRegressor if crf is None else LSTMTagger
    options = {} if crf is None else {"crf": crf}
    X = [x for x in sequences(30, 24) if len(x)]
    y = target(Estimator, X)
    if crf is None:
        y = [np.where(np.arange(len(part)) == 1, np.nan, part) for part in y]
    else:
        y = [[None if t == 1 else label for t, label in enumerate(part)] for part in y]
    model = small(
        Estimator, hidden_layer_sizes=3, bidirectional=bidirectional, dtype="float64",
        **options,
    ).fit(X, y)  # fmt: skip
    i = next(i for i, x in enumerate(X) if len(x) == 6)
    scale = (
        np.std(np.concatenate(y)[~np.isnan(np.concatenate(y))]) if crf is None else 1
    )

    def loss(x):
        if crf is not None:
            return minus_log_p(model, x, y[i])
        return np.nansum((model.predict([x])[0] - y[i]) ** 2) / 2 / scale**2

    expected = norms_by_differences(model, loss, X[i])
    norms = gradient_norms(model, [X[i]], [y[i]]).norms
    assert_allclose(norms["l0"][::-1], expected[0], rtol=1e-5)
    if bidirectional:
        assert_allclose(norms["l0_reverse"], expected[1], rtol=1e-5)
    both = gradient_norms(model, [X[i], X[i]], [y[i], y[i]])
    assert_allclose(both.norms["l0"], norms["l0"], rtol=1e-12)
    assert_array_equal(both.n_sequences, [2] * 6)


@both
def test_gradient_norms_check_y(Estimator):
    model = small_fitted(Estimator, X)
    y = target(Estimator, X)
    i = next(i for i, x in enumerate(X) if len(x) > 3)
    with pytest.raises(ValueError, match=f"Sample {i} has {len(X[i])} step"):
        gradient_norms(model, X, [*y[:i], y[i][:-1], *y[i + 1 :]])
    with pytest.raises(ValueError, match="one value for a sequence"):
        gradient_norms(model, X, np.arange(len(X)))


# ---- permutation importance ----------------------------------------------------------


@may_stop_early
@both
def test_permutation_importance(Estimator):
    """The first of two features decides; the first step counts at all of them."""
    X = sequences(80)
    y = target(Estimator, X)
    model = make_pipeline(
        TimeDistributed(StandardScaler()), small(Estimator, max_iter=60)
    ).fit(X, y)
    results = []
    for form in (y, np.array(y, dtype=object), tuple(y)):
        result = sequence_permutation_importance(model, X, form, random_state=0)
        results.append(result.importances)
        assert result.importances_mean.argmax() == 0
        assert result.importances_mean[0] > 10 * abs(result.importances_mean[1])
    assert_array_equal(results[0], results[1])
    assert_array_equal(results[0], results[2])
    result = sequence_permutation_importance(model, X, y, axis="time", random_state=0)
    assert len(result.importances) == 9 and result.importances_mean[0] > 0
    weight = [np.ones(len(x)) for x in X]
    weighted = sequence_permutation_importance(
        model, X, y, random_state=0, sample_weight=weight
    )
    assert_allclose(weighted.importances, results[0])
    with pytest.raises(ValueError, match=r"samples: \[80, 79\]. y needs a list"):
        sequence_permutation_importance(model, X, y[:-1])
    with pytest.raises(ValueError, match=r"samples: \[80, 79\]. sample_weight needs"):
        sequence_permutation_importance(model, X, y, sample_weight=weight[1:])


# ---- displays ------------------------------------------------------------------------


@both
def test_displays(Estimator, plt):
    from sklstm.inspection import GateDisplay, GradientNormsDisplay, LossCurveDisplay

    X = sequences(60)
    y = target(Estimator, X)
    model = small(Estimator, early_stopping=True).fit(X, y)
    display = LossCurveDisplay.from_estimator(model)
    name = "accuracy" if Estimator is LSTMTagger else "R²"
    assert display.score_ax_.get_ylabel() == f"Validation {name}"
    assert len(display.lines_[Estimator.__name__].get_xdata()) == model.n_iter_
    model = make_pipeline(TimeDistributed(StandardScaler()), small(Estimator))
    model.fit(X, y)
    x = next(x for x in X if len(x) == 7)
    gates = GateDisplay.from_estimator(model, x).parts
    assert list(gates) == ["input_gate", "forget_gate", "output_gate", "cell_state"]
    expected = model[-1].transform(model[:-1].transform([x]), "gates")
    assert_array_equal(gates["input_gate"], expected["input_gate_l1"].data)
    lines = GradientNormsDisplay.from_estimator(model, X, y, layer=0).lines_
    values = next(iter(lines.values())).get_ydata()
    assert_array_equal(values, gradient_norms(model, X, y).norms["l0"])
