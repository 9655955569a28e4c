"""Displays and permutation importance."""

import subprocess
import sys

import numpy as np
import pytest
from inspection_cases import fitted, ragged
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMForecaster,
    GRUClassifier,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMSeq2Seq,
    RNNClassifier,
    RNNRegressor,
    SequenceArray,
)
from sklstm.inspection import (
    GateDisplay,
    GradientNormsDisplay,
    LossCurveDisplay,
    sequence_permutation_importance,
)
from sklstm.preprocessing import TimeDistributed

# ---- permutation importance ------------------------------------------------------


class Recorder:
    """An estimator that keeps every X that it is asked about."""

    def __init__(self):
        self.seen = []

    def fit(self, X, y):
        return self

    def score(self, X, y, sample_weight=None):
        self.seen.append(X)
        return float(len(self.seen))


@pytest.mark.parametrize(
    "axis, from_end", [("feature", False), ("time", False), ("time", True)]
)
def test_only_a_feature_or_a_step_is_shuffled(axis, from_end):
    rng = np.random.default_rng(0)
    lengths = np.array([3, 0, 5, 4, 5, 2, 4, 4])
    data = rng.standard_normal((lengths.sum(), 2))
    data[4, 1] = np.nan
    X = SequenceArray(data, np.r_[0, lengths.cumsum()], ["a", "b"])
    before, recorder = X.data.copy(), Recorder()
    result = sequence_permutation_importance(
        recorder, X, None, axis=axis, from_end=from_end, n_repeats=3, random_state=0
    )
    assert_array_equal(X.data, before)
    assert recorder.seen[0] == X
    sequence = np.repeat(np.arange(8), lengths)
    time = np.concatenate([np.arange(T) for T in lengths])
    if from_end:
        time = lengths[sequence] - 1 - time
    n = 2 if axis == "feature" else 5
    assert len(recorder.seen) == 1 + 3 * n
    for k in range(n):
        changed = np.zeros(X.data.shape, dtype=bool)
        if axis == "feature":
            changed[:, k] = True
        else:
            changed[time == k] = True
        of_k = recorder.seen[1 + 3 * k : 4 + 3 * k]
        for shuffled in of_k:
            assert shuffled.feature_names == ("a", "b")
            assert_array_equal(shuffled.offsets, X.offsets)
            assert_array_equal(shuffled.data[~changed], X.data[~changed])
            rows = shuffled.data[changed.any(axis=1)]
            rows_before = X.data[changed.any(axis=1)]
            if axis == "feature":
                assert_array_equal(np.sort(rows[:, k]), np.sort(rows_before[:, k]))
            else:  # whole steps
                order = np.argsort(rows[:, 0])
                assert_array_equal(
                    rows[order], rows_before[rows_before[:, 0].argsort()]
                )
        if changed.any(axis=1).sum() > 3:
            assert any(shuffled != X for shuffled in of_k)
    # the scores are 1, 2, 3, ...
    expected = 1 - np.arange(2.0, 2 + 3 * n).reshape(n, 3)
    assert_array_equal(result.importances, expected)
    assert_array_equal(result.importances_mean, expected.mean(axis=1))
    assert_array_equal(result.importances_std, expected.std(axis=1))
    having = [7, 7] if axis == "feature" else [(lengths > t).sum() for t in range(5)]
    assert_array_equal(result.n_sequences, having)


@pytest.fixture(scope="module")
def decided_by_a_step():
    """Feature 2 at the second step decides; and a pipeline that has learnt it."""
    rng = np.random.default_rng(0)
    X, _ = ragged(rng, 1200, 4, low=3, high=7)
    y = np.array([x[1, 2] > 0 for x in X])
    model = make_pipeline(
        TimeDistributed(StandardScaler()),
        LSTMClassifier(16, learning_rate_init=0.01, max_iter=40, random_state=0),
    )
    return fitted(model, X[:900], y[:900]), X[900:], y[900:]


def test_importance_finds_the_feature_and_the_step(decided_by_a_step):
    model, X, y = decided_by_a_step
    assert model.score(X, y) > 0.9
    result = sequence_permutation_importance(model, X, y, random_state=0)
    assert result.importances.shape == (4, 5)
    assert result.importances_mean.argmax() == 2
    assert result.importances_mean[2] > 0.3
    assert np.delete(result.importances_mean, 2).max() < 0.1
    result = sequence_permutation_importance(model, X, y, axis="time", random_state=0)
    assert result.importances.shape == (6, 5)
    assert result.importances_mean.argmax() == 1
    assert result.importances_mean[1] > 0.3
    assert np.delete(result.importances_mean, 1).max() < 0.1
    # from the end it is another step in each length, each shared by a part
    result = sequence_permutation_importance(
        model, X, y, axis="time", from_end=True, random_state=0
    )
    assert result.importances_mean[:5].max() < 0.25
    assert (result.importances_mean[1:5] > 0.01).all()


def test_importance_with_several_scores_weights_and_jobs(decided_by_a_step):
    model, X, y = decided_by_a_step
    X, y = X[:60], y[:60]
    options = {"axis": "time", "n_repeats": 2, "random_state": 3}
    both = sequence_permutation_importance(
        model, X, y, scoring=["accuracy", "roc_auc"], **options
    )
    assert list(both) == ["accuracy", "roc_auc"]
    with parallel_config(backend="threading"):
        alone = sequence_permutation_importance(
            model, X, y, scoring="accuracy", n_jobs=2, **options
        )
    assert_array_equal(both["accuracy"].importances, alone.importances)
    other = {**options, "random_state": 4}
    assert (
        sequence_permutation_importance(model, X, y, **other).importances
        != alone.importances
    ).any()
    # the scorer gets the weights, which nothing shuffles
    weight = np.r_[np.ones(30), np.zeros(30)]
    weighted = sequence_permutation_importance(
        model, X, y, scoring=lambda m, X, y, sample_weight: sample_weight.sum(),
        sample_weight=weight, **options,
    )  # fmt: skip
    assert_array_equal(weighted.importances, 0)


def test_importance_says_how_far_it_is(decided_by_a_step, capsys):
    """As whatever joblib runs, on the error stream."""
    model, X, y = decided_by_a_step
    sequence_permutation_importance(model, X[:20], y[:20], n_repeats=1, verbose=10)
    n = X[0].shape[1]
    assert f"Done   {n} out of   {n} | elapsed:" in capsys.readouterr().err
    sequence_permutation_importance(model, X[:20], y[:20], n_repeats=1)
    assert capsys.readouterr() == ("", "")


def test_importance_takes_padded_arrays_and_regressors():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((80, 5, 3))
    y = X[:, :, 1].sum(axis=1)
    X[::2, 4:] = np.nan
    model = fitted(RNNRegressor(8, max_iter=20, random_state=0), X, y)
    result = sequence_permutation_importance(model, X, y, random_state=0)
    assert result.importances_mean.argmax() == 1
    result = sequence_permutation_importance(model, X, y, axis="time", random_state=0)
    assert_array_equal(result.n_sequences, [80, 80, 80, 80, 40])


def test_importance_says_what_is_wrong(decided_by_a_step):
    model, X, y = decided_by_a_step
    with pytest.raises(ValueError, match="axis='steps' is neither"):
        sequence_permutation_importance(model, X, y, axis="steps")
    with pytest.raises(ValueError, match="from_end=True.*Use axis='time'"):
        sequence_permutation_importance(model, X, y, from_end=True)
    with pytest.raises(ValueError, match="n_repeats == 0"):
        sequence_permutation_importance(model, X, y, n_repeats=0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sequence_permutation_importance(model, X, y[:-1])
    with pytest.raises(NotFittedError):
        sequence_permutation_importance(LSTMClassifier(), X, y)


# ---- gates -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "family, parts",
    [
        (LSTMClassifier, ["input_gate", "forget_gate", "output_gate", "cell_state"]),
        (GRUClassifier, ["reset_gate", "update_gate", "hidden_state"]),
        (RNNClassifier, ["hidden_state"]),
    ],
)
def test_gates_drawn_are_those_of_transform(plt, family, parts):
    X, y = ragged(np.random.default_rng(0), 12, 3)
    model = fitted(family((4, 5), bidirectional=True, max_iter=2), X, y)
    kept = model.transform(X[[2]], output="gates")
    for layer, reverse, suffix in ((0, False, "_l0"), (-1, True, "_l1_reverse")):
        display = GateDisplay.from_estimator(model, X[2], layer=layer, reverse=reverse)
        assert list(display.im_) == list(display.parts) == parts
        assert len(display.axes_) == len(parts)
        assert display.figure_ is display.axes_[0].figure
        assert not display.lines_
        for name, image in display.im_.items():
            assert_array_equal(image.get_array(), kept[name + suffix][0].T)
            low, high = image.get_clim()
            if name.endswith("_gate"):
                assert (low, high) == (0, 1)
            else:
                assert low == -high == -np.abs(kept[name + suffix].data).max()


def test_gates_of_chosen_units_as_lines_on_given_axes(plt):
    X, y = ragged(np.random.default_rng(1), 12, 3)
    model = fitted(LSTMClassifier(6, max_iter=2, random_state=0), X, y)
    kept = model.transform(X[[0]], output="gates")
    _, axes = plt.subplots(2)
    display = GateDisplay.from_estimator(
        model,
        X[0],
        parts=["cell_candidate", "hidden_state"],
        units=[4, 1],
        kind="lines",
        ax=axes,
        line_kw={"lw": 3},
    )
    assert list(display.axes_) == list(axes)
    assert not display.im_
    for name, lines in display.lines_.items():
        assert [line.get_label() for line in lines] == ["unit 4", "unit 1"]
        for line, unit in zip(lines, (4, 1)):
            assert_array_equal(line.get_ydata(), kept[name + "_l0"][0][:, unit])
            assert line.get_linewidth() == 3
    display = GateDisplay.from_estimator(
        model, X[0], units=[4, 1], im_kw={"cmap": "gray"}
    )
    labels = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert labels == ["4", "1"]
    assert display.im_["cell_state"].get_cmap().name == "gray"
    display = GateDisplay.from_estimator(model, X[0], units=3, parts=["input_gate"])
    assert display.im_["input_gate"].get_array().shape == (1, len(X[0]))


def test_gates_of_a_sequence_in_any_form(plt):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(2)
    frames = [
        pandas.DataFrame(rng.standard_normal((T, 2)), columns=["a", "b"])
        for T in (5, 7, 4, 6)
    ]
    array = SequenceArray.from_list(frames)
    # names come along with frames and SequenceArrays
    for X, x in ((frames, frames[1]), (array, array[[1]])):
        model = make_pipeline(
            TimeDistributed(StandardScaler()), GRUClassifier(3, max_iter=2)
        )
        fitted(model, X, [0, 1, 0, 1])
        steps = model[:-1].transform(X)
        expected = model[-1].transform(steps, "gates")["hidden_state_l0"][1].T
        display = GateDisplay.from_estimator(model, x)
        assert_array_equal(display.im_["hidden_state"].get_array(), expected)
    univariate = rng.standard_normal((8, 6))
    for X in (univariate, list(univariate), univariate[:, :, np.newaxis]):
        model = fitted(RNNClassifier(3, max_iter=2), X, [0, 1] * 4)
        expected = model.transform(X, "gates")["hidden_state_l0"][3].T
        for x in (
            univariate[3],
            univariate[3].tolist(),
            univariate[3:4, :, np.newaxis],
        ):
            display = GateDisplay.from_estimator(model, x)
            assert_array_equal(display.im_["hidden_state"].get_array(), expected)


def test_gates_say_what_is_wrong(plt):
    X, y = ragged(np.random.default_rng(3), 12, 3)
    model = fitted(LSTMClassifier(4, max_iter=2), X, y)
    figures = plt.get_fignums()
    with pytest.raises(NotFittedError):
        GateDisplay.from_estimator(LSTMClassifier(), X[0])
    with pytest.raises(TypeError, match="recurrent estimator of sklstm"):
        GateDisplay.from_estimator(LogisticRegression(), X[0])
    for x in (X, X.to_list()):
        with pytest.raises(ValueError, match=r"12 sequences.*X\[i\]"):
            GateDisplay.from_estimator(model, x)
    with pytest.raises(ValueError, match="2 sequences"):
        GateDisplay.from_estimator(model, np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match=r"shape \(\)"):
        GateDisplay.from_estimator(model, 3.0)
    with pytest.raises(ValueError, match="no steps"):
        GateDisplay.from_estimator(model, np.empty((0, 3)))
    with pytest.raises(ValueError, match="layer=-2 is not there"):
        GateDisplay.from_estimator(model, X[0], layer=-2)
    with pytest.raises(ValueError, match="one direction only"):
        GateDisplay.from_estimator(model, X[0], reverse=True)
    with pytest.raises(ValueError, match="'reset_gate', but LSTMClassifier has input"):
        GateDisplay.from_estimator(model, X[0], parts=["reset_gate"])
    with pytest.raises(ValueError, match="parts is empty"):
        GateDisplay.from_estimator(model, X[0], parts=[])
    with pytest.raises(ValueError, match="units == 4"):
        GateDisplay.from_estimator(model, X[0], units=[0, 4])
    with pytest.raises(TypeError, match="units"):
        GateDisplay.from_estimator(model, X[0], units=[0.5])
    with pytest.raises(ValueError, match="units is empty"):
        GateDisplay.from_estimator(model, X[0], units=[])
    with pytest.raises(ValueError, match="kind='bars'"):
        GateDisplay.from_estimator(model, X[0], kind="bars")
    assert plt.get_fignums() == figures
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="1 axes for 4 parts"):
        GateDisplay.from_estimator(model, X[0], ax=ax)
    with pytest.raises(ValueError, match="one shape.*a: .3, 2.*b: .2, 3"):
        GateDisplay(parts={"a": np.ones((3, 2)), "b": np.ones((2, 3))})
    with pytest.raises(ValueError, match=r"units has shape \(3,\).*2 units"):
        GateDisplay(parts={"a": np.ones((3, 2))}, units=[0, 1, 2])


# ---- loss curves -----------------------------------------------------------------


def test_loss_curves_and_scores(plt):
    X, y = ragged(np.random.default_rng(0), 60, 3)
    stopped = LSTMClassifier(4, early_stopping=True, max_iter=6, random_state=0)
    models = {
        "stopped": fitted(stopped, X, y),
        "plain": fitted(make_pipeline(GRUClassifier(4, max_iter=3)), X, y),
    }
    display = LossCurveDisplay.from_estimators(models)
    assert list(display.lines_) == ["stopped", "plain"]
    assert list(display.score_lines_) == ["stopped"]
    line = display.lines_["stopped"]
    assert_array_equal(line.get_xdata(), range(1, 1 + stopped.n_iter_))
    assert_array_equal(line.get_ydata(), stopped.loss_curve_)
    assert_array_equal(
        display.lines_["plain"].get_ydata(), models["plain"][-1].loss_curve_
    )
    scores = display.score_lines_["stopped"]
    assert_array_equal(scores.get_xdata(), range(1, 1 + stopped.n_iter_))
    assert_array_equal(scores.get_ydata(), stopped.validation_scores_)
    (best,) = scores.get_markevery()
    assert stopped.validation_scores_[best] == stopped.best_validation_score_
    assert scores.get_color() == line.get_color()
    assert display.score_ax_ is not display.ax_
    assert display.score_ax_.get_ylabel() == "Validation accuracy"
    legend = display.score_ax_.get_legend().get_texts()
    assert [text.get_text() for text in legend] == [
        "stopped, loss",
        "plain, loss",
        "stopped, validation accuracy",
    ]


def test_the_score_of_several_labels_at_once_is_no_accuracy(plt):
    X, y = ragged(np.random.default_rng(1), 60, 3)
    model = RNNClassifier(4, max_iter=3, early_stopping=True, random_state=0)
    display = LossCurveDisplay.from_estimator(fitted(model, X, np.c_[y > 0, y > 1] * 1))
    assert (np.array(display.validation_scores["RNNClassifier"]) < 0).all()
    assert display.score_ax_.get_ylabel() == "Validation score (negative loss)"


def test_loss_curves_without_scores_and_on_given_axes(plt):
    X, y = ragged(np.random.default_rng(1), 60, 3)
    model = fitted(RNNClassifier(4, max_iter=3), X, y)
    display = LossCurveDisplay.from_estimator(model)
    assert display.score_ax_ is None and not display.score_lines_
    assert list(display.lines_) == ["RNNClassifier"]
    _, axes = plt.subplots(2)
    perceptron = fitted(
        MLPClassifier(4, early_stopping=True, max_iter=5), X.data[:60], y
    )
    display = LossCurveDisplay.from_estimator(
        perceptron, name="MLP", ax=axes[0], score_ax=axes[1], score_kw={"color": "k"}
    )
    assert display.ax_ is axes[0] and display.score_ax_ is axes[1]
    assert_array_equal(display.lines_["MLP"].get_ydata(), perceptron.loss_curve_)
    assert display.score_lines_["MLP"].get_color() == "k"


def test_scores_belong_to_the_last_epochs(plt):
    X, y = ragged(np.random.default_rng(2), 60, 3)
    model = LSTMClassifier(4, max_iter=3, warm_start=True, random_state=0)
    fitted(model, X, y)
    model.early_stopping = True
    with pytest.warns(UserWarning, match="have trained on all of these 60 samples"):
        fitted(model, X, y)
    assert len(model.loss_curve_) == 6 and len(model.validation_scores_) == 3
    display = LossCurveDisplay.from_estimator(model)
    line = display.score_lines_["LSTMClassifier"]
    assert_array_equal(line.get_xdata(), [4, 5, 6])


def test_names_of_scores(plt):
    X, label = ragged(np.random.default_rng(3), 60, 3)
    options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
    squared = fitted(LSTMRegressor(4, **options), X, label)
    absolute = fitted(LSTMRegressor(4, loss="absolute_error", **options), X, label)
    for models, name in (
        ([squared], "Validation R²"),
        ([absolute], "Validation score (negative loss)"),
        ([squared, absolute], "Validation score"),
    ):
        display = LossCurveDisplay.from_estimators(models)
        assert display.score_ax_.get_ylabel() == name
    display = LossCurveDisplay.from_estimators([squared, absolute], score_name="Mine")
    assert display.score_ax_.get_ylabel() == "Mine"


def test_names_of_scores_of_what_has_no_stream(plt):
    """And of clips."""
    rng = np.random.default_rng(0)
    options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
    series, clips = rng.standard_normal((20, 40)), rng.random((20, 9, 4, 4))
    texts, labels = ["ab", "b"] * 10, np.arange(20) % 2
    loss = "score (negative loss)"
    for model, name in (
        (LSTMForecaster(4, **options).fit(series), loss),
        (LSTMSeq2Seq(4, **options).fit(texts, texts), "mean log-probability"),
        (
            ConvLSTMForecaster(4, horizon=2, **options).fit(clips),
            "score (negative loss)",
        ),
        (ConvLSTMClassifier(4, **options).fit(clips, labels), "accuracy"),
    ):
        display = LossCurveDisplay.from_estimator(model)
        assert display.score_ax_.get_ylabel() == f"Validation {name}"


def test_loss_curves_say_what_is_wrong(plt):
    X, y = ragged(np.random.default_rng(4), 12, 3)
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(LSTMClassifier())
    with pytest.raises(TypeError, match="LogisticRegression has no loss_curve_"):
        LossCurveDisplay.from_estimator(LogisticRegression().fit(X.data[:12], y))
    search = GridSearchCV(LSTMClassifier(4, max_iter=2), {"alpha": [0.0]}, cv=2)
    with pytest.raises(TypeError, match="Pass its best_estimator_"):
        LossCurveDisplay.from_estimator(fitted(search, X, y))
    with pytest.raises(ValueError, match="loss_curves is empty"):
        LossCurveDisplay(loss_curves={})
    with pytest.raises(ValueError, match="holds 'b', which loss_curves does not"):
        LossCurveDisplay(loss_curves={"a": [1]}, validation_scores={"b": [1]})
    with pytest.raises(ValueError, match="'a' has 2 validation scores for 1 epochs"):
        LossCurveDisplay(loss_curves={"a": [1]}, validation_scores={"a": [1, 2]})


# ---- matplotlib is optional ------------------------------------------------------


def test_nothing_imports_matplotlib_before_it_is_needed():
    code = (
        "import sys, sklstm\n"
        "assert 'sklstm.inspection' not in sys.modules\n"
        "import sklstm.inspection\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_displays_say_that_they_need_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = "{} requires matplotlib. You can install"
    gates = GateDisplay(parts={"input_gate": np.ones((3, 2))})
    losses = LossCurveDisplay(loss_curves={"a": [1.0]})
    norms = GradientNormsDisplay(norms={"a": [1.0]})
    for display in (gates, losses, norms):
        with pytest.raises(
            ImportError, match=message.format(f"{type(display).__name__}.plot")
        ):
            display.plot()
    # before anything is computed: the estimators are not even fitted
    with pytest.raises(ImportError, match=message.format("GateDisplay.from_estimator")):
        GateDisplay.from_estimator(LSTMClassifier(), np.ones((3, 2)))
    with pytest.raises(
        ImportError, match=message.format("LossCurveDisplay.from_estimators")
    ):
        LossCurveDisplay.from_estimator(LSTMClassifier())
    with pytest.raises(
        ImportError, match=message.format("GradientNormsDisplay.from_estimators")
    ):
        GradientNormsDisplay.from_estimators([LSTMClassifier()], None, None)
