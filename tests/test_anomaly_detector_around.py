"""What detectors refuse, and what is around them."""

import warnings

import numpy as np
import pytest
from callback_cases import Listener, since_1_9
from numpy.testing import assert_array_equal
from test_anomaly_detector import every_method, machines, small

import sklstm
from sklstm import (
    DetectorState,
    LSTMAnomalyDetector,
    LSTMStepRegressor,
    SequenceArray,
)
from sklstm.export import from_torch, to_keras, to_onnx, to_torch
from sklstm.inspection import AnomalyDisplay, GateDisplay, LossCurveDisplay
from sklstm.utils import PyODAdapter


def test_it_is_imported_when_it_is_asked_for():
    assert "LSTMAnomalyDetector" in dir(sklstm)
    assert sklstm.LSTMAnomalyDetector.__module__ == "sklstm"
    assert sklstm.DetectorState is DetectorState


# ---- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": 1}, "window=1 has no more steps than n_ahead=1"),
        ({"window": 3, "n_ahead": 3}, "window=3 has no more steps than n_ahead=3"),
        ({"window": 0}, "'window' parameter"),
        ({"method": "guess"}, "'method' parameter"),
        ({"contamination": 0.6}, "'contamination' parameter"),
        ({"aggregate": "sum"}, "'aggregate' parameter"),
        ({"covariance": "robust"}, "'covariance' parameter"),
        ({"n_ahead": 0}, "'n_ahead' parameter"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(machines())


@pytest.mark.parametrize("name", ["bidirectional", "pooling", "tbptt", "embedding_dim"])
def test_parameters_that_it_does_not_have(name):
    with pytest.raises(TypeError, match=name):
        LSTMAnomalyDetector(**{name: 1})


def test_sequences_that_are_too_short():
    with pytest.raises(ValueError, match="at least 12 steps, but the longest has 9"):
        small("reconstruction").fit([x[:9] for x in machines()])
    with pytest.raises(ValueError, match="at least 2 steps, but the longest has 1"):
        small().fit([x[:1] for x in machines()])
    with pytest.raises(ValueError, match=r"held out of 1 sample\(s\) are their ends"):
        small().fit([machines()[0][:5]])
    with pytest.raises(ValueError, match="No step of what is held out"):
        small("reconstruction").fit(machines(), X_val=[x[:9] for x in machines()])


def test_x_val_is_looked_at():
    with pytest.raises(ValueError, match="In X_val"):
        small().fit(machines(), X_val=machines(n_features=2))
    with pytest.raises(ValueError, match="sample_weight_val is given without X_val"):
        small().fit(machines(), sample_weight_val=[1.0])
    with pytest.raises(
        ValueError, match="groups are passed to fit together with X_val"
    ):
        small().fit(machines(), X_val=machines(), groups=np.arange(30))


@every_method
def test_an_output_that_overflows_is_an_anomaly(method):
    X = machines()
    model = small(method, cell="rnn_relu", window=25).fit(X)
    parameters = model._fitted.parameters.copy()
    parameters[:] = np.abs(parameters) + 10.0  # states grow beyond all bounds
    model._fitted = model._fitted.with_parameters(parameters)
    long = np.tile(X[1], (3, 1))
    with pytest.warns(RuntimeWarning, match=f"{method} of sequence 1 is not finite"):
        scores = model.score_steps([X[0][:10], long])[1]
    assert not np.isnan(scores[25:]).any() and scores[-1] < -1e100
    state = model.initial_state()
    with pytest.warns(RuntimeWarning, match="of sequence 0 is not finite"):
        for t, x in enumerate(long):
            try:
                score, state = model.score_step(x, state)
            except ValueError as error:  # of the state after it
                assert "begin the sequence anew" in str(error)
                break
            assert np.array_equal(score, scores[t : t + 1], equal_nan=True)


def test_thresholds_can_be_set():
    X = machines()
    model = small().fit(X)
    scores = model.score_samples(X)
    model.offset_ = np.median(scores)
    assert_array_equal(model.predict(X) == -1, scores < model.offset_)
    model.step_offset_ = -1.0
    steps = model.score_steps(X)[0]
    assert_array_equal(model.predict_steps(X)[0] == -1, steps < -1)
    assert AnomalyDisplay.from_estimator(model, X).threshold == -1
    assert model.predict_step(X[0][0], model.initial_state())[0].tolist() == [1]


def test_what_is_no_data_for_a_detector():
    tokens = SequenceArray(np.ones((60, 1)), [0, 30, 60], vocabulary=["?", "a"])
    with pytest.raises(ValueError, match="ids of a vocabulary of 2 tokens"):
        small().fit(tokens)
    with pytest.raises(ValueError, match="All samples are of one group, groups='a'"):
        small().fit(machines(), groups=["a"] * 30)
    with pytest.raises(ValueError, match="Negative values in sample_weight"):
        small().fit(machines(), sample_weight=-np.ones(30))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        small().fit(machines(), sample_weight=[np.ones(len(x)) for x in machines()][0])


def test_a_feature_that_is_never_there():
    X = [np.c_[x, np.full(len(x), np.nan)] for x in machines()]
    for missing in ("ffill", "indicator"):
        model = small(missing=missing).fit(X)
        scores = model.score_steps(X[:2])
        assert np.isfinite(scores[0][1:]).all()
        assert np.isnan(model.feature_contributions(X[:1])[0][:, 1]).all()
        # it has come to life
        other = model.score_steps([np.c_[X[0][:, 0], np.ones(len(X[0]))]])[0]
        assert np.isfinite(other[1:]).all()


def test_features_that_stand_still():
    X = [np.c_[x, np.full(len(x), 5.0), x] for x in machines()]
    model = small().fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    moved = X[0].copy()
    moved[20, 1] = 6.0
    assert model.predict_steps([moved])[0][20] == -1


def test_a_fit_that_fails_leaves_the_one_before():
    X = machines()
    model = small().fit(X)
    before = model.score_samples(X)
    with pytest.raises(ValueError):
        model.fit([x[:1] for x in X])
    broken = [x.copy() for x in X]
    broken[2][3] = np.nan
    with pytest.raises(ValueError, match="sample 2, step 3"):
        model.fit(broken)
    with pytest.raises(ValueError, match="No step of what is held out"):
        model.fit(X, X_val=[x[:1] for x in X])
    assert_array_equal(model.score_samples(X), before)


@every_method
def test_a_state_is_looked_at(method):
    X = machines()
    model = small(method).fit(X)
    state = model.initial_state()
    other = LSTMStepRegressor(9, max_iter=1).fit(X, [x[:, 0] for x in X])
    with pytest.raises(TypeError, match="state must be what initial_state or score"):
        model.score_step([1.0], other.initial_state())
    with pytest.raises(TypeError, match="must be what initial_state"):
        model.score_step([1.0], model.score_step([1.0], state))
    of_another = small(method, hidden_layer_sizes=5).fit(X).initial_state()
    with pytest.raises(ValueError, match="state.network is of a network of hidden_lay"):
        model.score_step([1.0], of_another)
    for kept in [(), state.kept[:-1], (np.zeros(3),), None, state.kept + state.kept]:
        with pytest.raises(ValueError, match="state.kept is not what score_step"):
            model.score_step([1.0], state._replace(kept=kept))
    with pytest.raises(ValueError, match="X has shape"):
        model.score_step([1.0, 2.0], state)
    with pytest.raises(ValueError, match="X contains NaN"):
        model.score_step([np.nan], state)
    with pytest.raises(ValueError, match="infinity"):
        model.score_step([np.inf], state)
    with pytest.raises(ValueError, match="n_sequences"):
        model.initial_state(0)


@every_method
def test_absurd_values_are_anomalies(method):
    X = machines()
    for dtype, value in [("float32", 1e38), ("float64", 1e300)]:
        model = small(method, dtype=dtype).fit(X)
        x = X[0].copy()
        x[20] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scores = model.score_steps([x])[0]
        assert np.isfinite(scores[12:]).all() and scores[20] < -1e20
        assert model.predict([x]).tolist() == [-1]
        # the network has forgotten it soon: nothing of it stays
        if method == "prediction":
            assert np.isfinite(scores[25:]).all() and scores[25:].min() > -1e6


# ---- around ------------------------------------------------------------------------


@every_method
def test_exports_are_refused(method):
    model = small(method).fit(machines())
    for export in (to_torch, to_keras):
        with pytest.raises(TypeError, match="LSTMAnomalyDetector cannot be exchanged"):
            export(model)
    with pytest.raises(TypeError, match="LSTMAnomalyDetector cannot be exchanged"):
        from_torch({}, small(method))
    try:
        import onnx  # noqa: F401
    except ImportError:
        return
    with pytest.raises(TypeError, match="LSTMAnomalyDetector cannot be exchanged"):
        to_onnx(model)


@every_method
def test_what_looks_into_networks(method):
    pytest.importorskip("matplotlib").use("agg")
    X = machines()
    model = small(method).fit(X)
    assert GateDisplay.from_estimator(model, X[0]).plot().figure_ is not None
    assert LossCurveDisplay.from_estimators([model]).lines_
    assert model.transform(X).shape == (30, 9)
    assert len(model.get_feature_names_out()) == 9


@since_1_9
def test_callbacks_see_an_estimator_that_scores():
    X, listener = machines(), Listener()
    model = small(max_iter=3, batch_size=5).set_callbacks(listener).fit(X)
    assert [epoch.n_iter_ for epoch in listener.epochs()] == [1, 2, 3]
    for epoch in listener.epochs():  # thresholds come at the end
        assert np.isfinite(epoch.score_samples(X)).all()
    assert np.isfinite(model.offset_)
    stopped = small(max_iter=3).set_callbacks(
        Listener(lambda estimator, context: context.task_name == "epoch")
    )
    assert stopped.fit(X).n_iter_ == 1 and np.isfinite(stopped.offset_)


# ---- with the signs of PyOD --------------------------------------------------------


@every_method
def test_pyod(method):
    x = np.concatenate(machines(12))
    x[200] = 30.0
    model = PyODAdapter(small(method), contamination=0.05).fit(x)
    scores = model.detector_.score_steps([x])[0]
    there = ~np.isnan(scores)
    assert_array_equal(model.decision_scores_[there], -scores[there])
    assert (model.decision_scores_[~there] == model.threshold_).all()
    assert_array_equal(model.labels_, model.decision_scores_ > model.threshold_)
    assert abs(model.labels_.sum() / there.sum() - 0.05) < 0.01
    assert model.labels_[200] == 1 and set(model.labels_) == {0, 1}
    assert_array_equal(model.decision_function(x[:, 0]), model.decision_scores_)
    assert_array_equal(model.predict(x), model.labels_)
    assert not hasattr(model.detector, "offset_")
    for several in (machines(), np.zeros((2, 3, 1))):
        with pytest.raises(ValueError, match="one series is needed"):
            model.fit(several)
    with pytest.raises(ValueError, match="contamination"):
        PyODAdapter(small(), contamination=0.7).fit(x)


# ---- the display -------------------------------------------------------------------


@every_method
def test_a_display_has_what_the_estimator_says(method):
    X = machines(20, 2)
    model = small(method).fit(X)
    broken = [x.copy() for x in X[:3]]
    broken[1][20:] = broken[1][20]
    display = AnomalyDisplay.from_estimator(model, broken, sequence=1)
    assert_array_equal(display.values, broken[1])
    assert_array_equal(display.scores, model.score_steps(broken)[1])
    assert display.threshold == model.step_offset_
    assert_array_equal(display.flagged, model.predict_steps(broken)[1] == -1)
    assert_array_equal(display.contributions, model.feature_contributions(broken)[1])
    assert display.feature_names == ["x0", "x1"]
    last = AnomalyDisplay.from_estimator(model, broken, sequence=-1)
    assert_array_equal(last.values, broken[2])


def test_a_display_is_drawn():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    scores = np.array([np.nan, -1, -9, -8, -1, -7])
    display = AnomalyDisplay(
        values=np.arange(12).reshape(6, 2), scores=scores, threshold=-5,
        feature_names=["a", "b"],
    ).plot()  # fmt: skip
    assert display.flagged.tolist() == [False, False, True, True, False, True]
    assert len(display.spans_) == 4 and len(display.lines_) == 2
    assert display.axes_[0].get_legend() is not None
    assert_array_equal(display.line_.get_ydata(), scores)
    _, axes = plt.subplots(2)
    assert display.plot(axes).figure_ is axes[0].figure
    with pytest.raises(ValueError, match="two are needed"):
        display.plot(axes[:1])
    plt.close("all")


def test_what_a_display_refuses():
    values, scores = np.zeros((4, 2)), np.zeros(4)
    with pytest.raises(ValueError, match="scores has shape"):
        AnomalyDisplay(values=values, scores=scores[:3], threshold=0)
    with pytest.raises(ValueError, match="contributions has shape"):
        AnomalyDisplay(values=values, scores=scores, threshold=0, contributions=scores)
    with pytest.raises(ValueError, match="feature_names has 1 names"):
        AnomalyDisplay(values=values, scores=scores, threshold=0, feature_names=["a"])
    with pytest.raises(ValueError, match="one sequence of at least a step"):
        AnomalyDisplay(values=values[:0], scores=scores[:0], threshold=0)
    X = machines()
    model = small().fit(X)
    with pytest.raises(ValueError, match=r"sequence=30, but X has 30"):
        AnomalyDisplay.from_estimator(model, X, sequence=30)
    other = LSTMStepRegressor(4, max_iter=1).fit(X, [x[:, 0] for x in X])
    with pytest.raises(TypeError, match="LSTMStepRegressor does not score steps"):
        AnomalyDisplay.from_estimator(other, X)
