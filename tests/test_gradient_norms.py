"""Gradient norms: by differences, their display, what they say is wrong."""

import numpy as np
import pytest
from inspection_cases import fitted, ragged
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
    SequenceArray,
)
from sklstm._network.build import whole_sequence_network
from sklstm.inspection import GradientNormsDisplay, gradient_norms
from sklstm.preprocessing import TimeDistributed


def d_x_by_differences(loss, x, step=1e-6):
    """Gradient (T, F) of a loss by central differences."""
    d_x = np.empty_like(x)
    for index in np.ndindex(*x.shape):
        moved = x.copy()
        moved[index] += step
        above = loss(moved)
        moved[index] -= 2 * step
        d_x[index] = (above - loss(moved)) / (2 * step)
    return d_x


def norms_by_differences(estimator, loss, x):
    """|d_z_t| of the first layer (T,), one for each direction that it has.

    d_x_t = W' d_z_t. With no fewer inputs than rows of W, d_z_t is the one solution.
    """
    d_x = d_x_by_differences(loss, x)
    weights = [
        estimator.weights_[name]
        for name in ("weight_ih_l0", "weight_ih_l0_reverse")
        if name in estimator.weights_
    ]
    W = np.vstack(weights)
    assert W.shape[0] <= W.shape[1]
    d_z = np.linalg.lstsq(W.T, d_x.T, rcond=None)[0]
    return [np.linalg.norm(part, axis=0) for part in np.split(d_z, len(weights))]


CLASSIFIERS = [
    LSTMClassifier(3, forget_bias=2.0),
    LSTMClassifier(3, pooling="mean"),
    LSTMClassifier((3, 5), peephole=True),
    LSTMClassifier(3, bidirectional=True),
    GRUClassifier(3),
    GRUClassifier((3, 2), bidirectional=True, pooling="attention"),
    RNNClassifier(3),
    RNNClassifier(3, activation="relu", pooling="max"),
]


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=str)
def test_gradient_norms_of_classifiers_are_those_of_differences(estimator):
    rng = np.random.default_rng(0)
    X, y = ragged(rng, 12, 25)
    estimator.set_params(dtype="float64", max_iter=4, random_state=0)
    fitted(estimator, X, y)
    longest = X.lengths.max()
    expected = [np.full((len(X), longest), np.nan) for _ in range(2)]
    for i in range(len(X)):

        def loss(x, label=y[i]):
            return -estimator.predict_log_proba([x])[0, label]

        norms = norms_by_differences(estimator, loss, X[i])
        T = len(X[i])
        expected[0][i, :T] = norms[0][::-1]
        if len(norms) > 1:  # its end is the first step
            expected[1][i, :T] = norms[1]
    result = gradient_norms(estimator, X, y)
    for part, by_sequence in zip(("l0", "l0_reverse"), expected):
        if part in result.norms:
            mean = np.nanmean(by_sequence, axis=0)
            assert_allclose(result.norms[part], mean, rtol=1e-6, atol=1e-9)
    assert_array_equal(result.n_sequences, np.isfinite(expected[0]).sum(axis=0))
    directions = ["", "_reverse"] if estimator.bidirectional else [""]
    n_layers = np.size(estimator.hidden_layer_sizes)
    assert list(result.norms) == [
        f"l{k}{d}" for k in range(n_layers) for d in directions
    ]


@pytest.mark.parametrize("family", [LSTMRegressor, GRURegressor, RNNRegressor])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_gradient_norms_of_regressors_are_those_of_differences(family, n_outputs):
    rng = np.random.default_rng(1)
    X, _ = ragged(rng, 6, 12)
    y = 1000 * rng.standard_normal((6, n_outputs))
    model = fitted(family(3, dtype="float64", max_iter=3, random_state=0), X, y)
    expected = np.full((len(X), X.lengths.max()), np.nan)
    for i in range(len(X)):

        def loss(x, target=y[i]):
            return (((model.predict([x]) - target) / y.std(axis=0)) ** 2 / 2).mean()

        expected[i, : len(X[i])] = norms_by_differences(model, loss, X[i])[0][::-1]
    norms = gradient_norms(model, X, y).norms["l0"]
    assert_allclose(norms, np.nanmean(expected, axis=0), rtol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "gru", "rnn_tanh"])
def test_biases_get_the_sum_of_the_gradients_of_every_layer(cell, bidirectional):
    rng = np.random.RandomState(0)
    network = whole_sequence_network(2, (3, 5), 2, "float64", cell, bidirectional)
    network.load(network.initialize(rng, np.zeros(2)), backward=True)
    lengths = np.array([4, 1, 6])
    starts = np.cumsum(lengths) - lengths
    data = rng.standard_normal((11, 2))
    _, tapes = network.forward(data, starts, lengths, keep=True)
    gradient = network.views(network.backward(rng.standard_normal((3, 2)), tapes))
    for layer, tape, reverse in network._on_tape(tapes):
        d_z = layer.d_z(tape)
        assert d_z.shape == (11, layer.cell.gates, layer.n_units)
        d_b = gradient[layer.name[:2]]["b_reverse" if reverse else "b"]
        assert_allclose(d_z.sum(axis=0).ravel(), d_b[: d_z[0].size], rtol=1e-12)


def test_gradient_norms_do_not_depend_on_batches(cut_batches):
    X, y = ragged(np.random.default_rng(2), 60, 3, low=0, high=12)
    model = fitted(LSTMClassifier((5, 4), max_iter=2, random_state=0), X, y)
    whole = gradient_norms(model, X, y)
    cut_batches(20)
    in_batches = gradient_norms(model, X, y)
    assert cut_batches.numbers[0] > 1
    for name in whole.norms:
        assert_allclose(in_batches.norms[name], whole.norms[name], rtol=1e-12)
    one_by_one = np.zeros(len(whole.n_sequences))
    for i in range(len(X)):
        one_by_one[: len(X[i])] += gradient_norms(model, X[[i]], y[[i]]).norms["l1"]
    assert_allclose(one_by_one / whole.n_sequences, whole.norms["l1"], rtol=1e-12)


def test_gradient_norms_leave_the_estimator_alone():
    X, y = ragged(np.random.default_rng(3), 20, 3)
    model = fitted(LSTMClassifier(5, max_iter=2, random_state=0), X, y)
    before, weights = model.predict_proba(X), model.weights_["weight_hh_l0"].copy()
    gradient_norms(model, X, y)
    assert_array_equal(model.predict_proba(X), before)
    assert_array_equal(model.weights_["weight_hh_l0"], weights)


def test_the_gradient_of_an_rnn_vanishes_and_that_of_an_lstm_does_not():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 80, 4))
    y = X[:, 0, 0] > 0
    models = {
        "RNN": RNNClassifier(16),
        "LSTM": LSTMClassifier(16),
        "3": LSTMClassifier(16, forget_bias=3.0),
        "chrono": LSTMClassifier(16, forget_bias="chrono"),
    }
    reaches = {}
    for name, model in models.items():
        model.set_params(learning_rate_init=1e-10, random_state=0)
        norms = gradient_norms(model.partial_fit(X, y, classes=[False, True]), X, y)
        reaches[name] = norms.norms["l0"][79] / norms.norms["l0"][0]
    assert reaches["RNN"] < 1e-8
    assert reaches["LSTM"] > 1e3 * reaches["RNN"]
    assert reaches["chrono"] > 1e-3
    assert reaches["3"] > 1e-2


def test_gradient_norms_go_through_all_steps_in_spite_of_tbptt():
    X, y = ragged(np.random.default_rng(4), 20, 3, low=8, high=10)
    model = fitted(LSTMClassifier(5, tbptt=2, max_iter=2, random_state=0), X, y)
    norms = gradient_norms(model, X, y).norms["l0"]
    assert (norms > 0).all()
    model.tbptt = None
    assert_array_equal(gradient_norms(model, X, y).norms["l0"], norms)


def test_gradient_norms_of_a_pipeline_are_those_of_its_end():
    X, y = ragged(np.random.default_rng(5), 20, 3)
    scaler = TimeDistributed(StandardScaler())
    model = fitted(
        make_pipeline(scaler, GRUClassifier(4, max_iter=2, random_state=0)), X, y
    )
    expected = gradient_norms(model[-1], model[0].transform(X), y)
    assert_array_equal(gradient_norms(model, X, y).norms["l0"], expected.norms["l0"])
    alone = make_pipeline(model[-1])
    assert_array_equal(
        gradient_norms(alone, X, y).norms["l0"],
        gradient_norms(model[-1], X, y).norms["l0"],
    )


def test_gradient_norms_with_missing_values():
    X, y = ragged(np.random.default_rng(6), 20, 3)
    data = X.data.copy()
    data[::7, 1] = np.nan
    X = SequenceArray(data, X.offsets)
    model = LSTMClassifier(4, missing="indicator", max_iter=2, random_state=0)
    norms = gradient_norms(fitted(model, X, y), X, y).norms["l0"]
    assert np.isfinite(norms).all() and (norms > 0).all()


def test_gradient_norms_say_what_is_wrong():
    X, y = ragged(np.random.default_rng(7), 12, 3)
    model = fitted(LSTMClassifier(4, max_iter=2, random_state=0), X, y)
    with pytest.raises(NotFittedError):
        gradient_norms(LSTMClassifier(), X, y)
    with pytest.raises(TypeError, match="recurrent estimator of sklstm.*Logistic"):
        gradient_norms(LogisticRegression(), X, y)
    search = fitted(GridSearchCV(model, {"alpha": [0.0]}, cv=2), X, y)
    with pytest.raises(TypeError, match="Pass its best_estimator_"):
        gradient_norms(search, X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        gradient_norms(model, X, y[:-1])
    with pytest.raises(ValueError, match=r"labels that are not in classes: \[7\]"):
        gradient_norms(model, X, np.where(y == 1, 7, y))
    with pytest.raises(ValueError, match="expecting 3 features"):
        gradient_norms(model, np.ones((12, 4, 2)), y)


def test_display_of_gradient_norms(plt):
    X, y = ragged(np.random.default_rng(8), 12, 3)
    lstm = fitted(LSTMClassifier((4, 3), max_iter=2, random_state=0), X, y)
    rnn = fitted(RNNClassifier(4, max_iter=2, random_state=0), X, y)
    display = GradientNormsDisplay.from_estimators({"a": lstm, "b": rnn}, X, y)
    assert list(display.lines_) == ["a, l0", "a, l1", "b"]
    for label, model, layer in (("a, l1", lstm, "l1"), ("b", rnn, "l0")):
        norms = gradient_norms(model, X, y).norms[layer]
        assert_array_equal(display.lines_[label].get_xdata(), range(len(norms)))
        assert_array_equal(display.lines_[label].get_ydata(), norms)
    assert display.ax_.get_yscale() == "log"
    assert [t.get_text() for t in display.ax_.get_legend().get_texts()] == list(
        display.lines_
    )
    _, ax = plt.subplots()
    display = GradientNormsDisplay.from_estimator(
        lstm, X, y, layer=-1, name="upper", relative=True, ax=ax, line_kw={"lw": 3}
    )
    assert display.ax_ is ax and display.figure_ is ax.figure
    norms = gradient_norms(lstm, X, y).norms["l1"]
    assert_array_equal(display.lines_["upper"].get_ydata(), norms / norms[0])
    assert display.lines_["upper"].get_linewidth() == 3
    both = fitted(GRUClassifier(4, bidirectional=True, max_iter=1), X, y)
    display = GradientNormsDisplay.from_estimator(both, X, y, layer=0)
    assert list(display.lines_) == ["GRUClassifier, l0", "GRUClassifier, l0_reverse"]
    display = GradientNormsDisplay.from_estimators([lstm, rnn, lstm], X, y, layer=0)
    assert list(display.lines_) == [
        "LSTMClassifier 1",
        "RNNClassifier",
        "LSTMClassifier 2",
    ]
    with pytest.raises(ValueError, match="layer=1 is not there.*1 recurrent"):
        GradientNormsDisplay.from_estimator(rnn, X, y, layer=1)
    with pytest.raises(ValueError, match="estimators is empty"):
        GradientNormsDisplay.from_estimators([], X, y)
    with pytest.raises(ValueError, match="norms is empty"):
        GradientNormsDisplay(norms={})
    with pytest.raises(ValueError, match=r"norms\['a'\].*\(1, 2\)"):
        GradientNormsDisplay(norms={"a": [[1, 2]]})
