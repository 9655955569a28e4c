"""ConvLSTMForecaster: fit, forecasts, scores and streams."""

import pickle
import warnings

import numpy as np
import pytest
from clip_cases import FIT, forecaster, moving, persistence, ragged, with_gaps
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import ConvLSTMForecaster
from sklstm._estimators.fitted import fitted_of

CONFIGURATIONS = {
    "plain": {},
    "one layer": {"hidden_channels": 5, "kernel_size": 5},
    "patches": {"patch_size": 2, "peephole": True},
    "binary": {"loss": "binary_cross_entropy", "forget_bias": "chrono"},
    "absolute": {"loss": "absolute_error", "dropout": 0.2},
    "context": {"context_length": 3, "dtype": "float64", "kernel_size": (2)},
    "lbfgs": {"solver": "lbfgs"},
    "early": {"early_stopping": True, "windows_per_epoch": 7},
    "all windows": {"windows_per_epoch": None, "batch_size": 1000},
}
every_configuration = pytest.mark.parametrize(
    "given", CONFIGURATIONS.values(), ids=CONFIGURATIONS
)
FORMS = {
    "array": lambda X: X,
    "list": list,
    "ragged": lambda X: [x[: 3 + i % 5] for i, x in enumerate(X)],
    "one channel": lambda X: X[..., np.newaxis],
    "gaps": with_gaps,
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def data(form, n=6):
    return form(moving(n) * 0.9)


# ---- forecasts ---------------------------------------------------------------------


@every_form
@every_configuration
def test_forecasts_do_not_depend_on_neighbours(given, form):
    X = data(form)
    model = forecaster(X, **given)
    frames = model.predict(X)
    assert frames.shape == (6, 2, 6, 8, *np.shape(X[0])[3:])
    assert frames.dtype == np.float64
    assert np.isfinite(frames).all()
    for i in range(6):
        assert_array_equal(model.predict(X[i : i + 1])[0], frames[i])
    assert_array_equal(model.predict([X[4], X[1]]), frames[[4, 1]])


@every_form
@pytest.mark.parametrize("given", [
    {}, {"patch_size": 2, "peephole": True}, {"loss": "binary_cross_entropy"},
    {"dtype": "float64", "hidden_channels": 5},
])  # fmt: skip
def test_a_stream_is_the_whole(given, form):
    X = data(form)
    model = forecaster(X, **given)
    for i in range(3):
        state = model.initial_state(1, 6, 8)
        for t, frame in enumerate(X[i]):
            if form is with_gaps and np.isnan(X[i][: t + 1]).all():
                continue
            frames, state = model.predict_step(frame, state)
            assert_array_equal(frames, model.predict([X[i][: t + 1]]))
    if form in (FORMS["array"], FORMS["one channel"]):
        state = model.initial_state(n_clips=6)
        for t in range(8):
            frames, state = model.predict_step(X[:, t], state)
        assert_array_equal(frames, model.predict(X))
        assert state.n_sequences == 6


def test_a_movement_is_learnt():
    X = moving(40, 10)
    model = ConvLSTMForecaster(
        16, horizon=2, learning_rate_init=0.01, max_iter=15, random_state=0
    ).fit(X[:30])
    assert model.score(X[30:]) > 0.5
    assert model.score(X[:30]) > 0.5
    assert model.loss_ < model.loss_curve_[0] / 2


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_units_do_not_matter(loss):
    X = moving(channels=2)
    a = forecaster(X, loss=loss, dtype="float64")
    b = forecaster(1e6 + 1e3 * X, loss=loss, dtype="float64")
    assert_allclose(b.score(1e6 + 1e3 * X), a.score(X), rtol=1e-3)
    assert_allclose(b.loss_, a.loss_, rtol=1e-3)
    # a channel of ten times the numbers weighs no more in the loss
    one = forecaster(X[..., :1], loss=loss, dtype="float64").loss_
    assert abs(a.loss_ - one) < 0.2 * one


@pytest.mark.parametrize("loss", [
    "squared_error", "absolute_error", "binary_cross_entropy",
])  # fmt: skip
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("patch_size", [1, 2])
def test_the_loss_by_hand(loss, gaps, patch_size):
    X = [x[..., np.newaxis] * [1.0, 0.5] for x in ragged((6, 3, 2, 9))]
    if gaps:
        X[0][3, 1:3, 2:5, 0] = np.nan
        X[3][5:7] = np.nan
        X[1][0, :, :, 1] = np.nan
    weight = np.array([1, 2, 1, 0.5])
    # a step so small that weights stay
    model = forecaster(
        X, weight, loss=loss, patch_size=patch_size, solver="sgd", dtype="float64",
        learning_rate_init=1e-13, batch_size=1000,
    )  # fmt: skip
    # each frame once, those of a clip with its weight
    numbers = [np.concatenate([x[..., k].ravel() for x in X]) for k in range(2)]
    of_each = np.repeat(weight, [x[..., 0].size for x in X])
    centre, scale = np.empty(2), np.empty(2)
    for k, column in enumerate(numbers):
        there = ~np.isnan(column)
        centre[k] = np.average(column[there], weights=of_each[there])
        square = (column - centre[k]) ** 2
        scale[k] = np.sqrt(np.average(square[there], weights=of_each[there]))
    target = fitted_of(model).target
    assert_allclose([target.centre, target.scale], [centre, scale], rtol=1e-12)
    total = weights = 0.0
    for x, w in zip(X, weight, strict=True):
        for cut in range(1, len(x) - 1) if len(x) > 2 else [1]:
            y = x[cut : cut + 2]
            if np.isnan(y).all() or np.isnan(x[:cut]).all():
                continue
            z = model.predict([x[:cut]])[0, : len(y)]
            if loss == "squared_error":
                losses = ((z - y) / scale) ** 2 / 2
            elif loss == "absolute_error":
                losses = np.abs(z - y) / scale
            else:
                losses = -y * np.log(z) - (1 - y) * np.log(1 - z)
            total += w * np.nanmean(losses)
            weights += w
    assert_allclose(model.loss_, total / weights, rtol=1e-9)


def test_the_future_does_not_leak():
    X = moving(6, 8)
    other = X.copy()
    other[:, 5:] = np.random.default_rng(5).random(other[:, 5:].shape)
    model = forecaster(X)
    assert_array_equal(model.predict(X[:, :5]), model.predict(other[:, :5]))
    # frames that are held out of training do not move it
    a, b = forecaster(X[:, :5]), forecaster(other[:, :5])
    assert_array_equal(a.predict(X), b.predict(X))


def test_context_length():
    X = moving(6, 8)
    model = forecaster(X, context_length=3)
    assert_array_equal(model.predict(X), model.predict(X[:, -3:]))
    assert (model.predict(X[:, -2:]) != model.predict(X)).any()
    longer = np.concatenate([np.full((6, 1, 6, 8), 7.0), X], axis=1)
    assert_array_equal(model.predict(longer), model.predict(X))


@pytest.mark.parametrize("size", [(6, 8), (1, 1), (3, 11), (20, 5)])
def test_other_heights_and_widths(size):
    model = forecaster(moving(channels=2))
    X = moving(3, 4, *size, channels=2)
    frames = model.predict(X)
    assert frames.shape == (3, 2, *size, 2)
    assert np.isfinite(model.score(X)) or size == (1, 1)
    state = model.initial_state(3, *size)
    for t in range(4):
        step, state = model.predict_step(X[:, t], state)
    assert_array_equal(step, frames)


def test_far_pixels_do_not_matter():
    """A layer of a kernel of 3 sees a pixel further with every step."""
    model = forecaster(moving(), hidden_channels=4)
    X = moving(1, 2, 30, 30)
    other = X.copy()
    other[:, :, 20:, 20:] = 5
    same = model.predict(X) == model.predict(other)
    # two steps of the encoder and two of the forecaster, each with two convolutions
    assert same[0, :, :12, :12].all()
    assert not same[0, :, 20:, 20:].any()


# ---- score --------------------------------------------------------------------------


@pytest.mark.parametrize("loss, power", [
    ("squared_error", 2), ("absolute_error", 1), ("binary_cross_entropy", 2),
])  # fmt: skip
@pytest.mark.parametrize("weight", [None, [1, 2, 0, 3, 1, 0.5]])
def test_the_score_is_the_skill(loss, power, weight):
    X = [x * 0.9 for x in ragged((6, 3, 4, 9, 2, 5))]
    model = forecaster(X, loss=loss)
    some = [i for i, x in enumerate(X) if len(x) > 2]
    errors = np.zeros(2)
    for i in some:
        truth, w = X[i][-2:], 1 if weight is None else weight[i]
        for k, other in enumerate(
            (model.predict([X[i][:-2]])[0], persistence([X[i]])[0])
        ):
            errors[k] += w * np.mean(np.abs(truth - other) ** power)
    score = model.score(X, sample_weight=weight)
    assert_allclose(score, 1 - errors[0] / errors[1], rtol=1e-12)


def test_persistence_is_what_was_last_seen():
    X = moving(2, 6)
    model = forecaster()
    gaps = X.copy()
    gaps[0, 3] = np.nan  # the last before the horizon
    last = np.stack([X[0, 2], X[1, 3]])[:, np.newaxis]
    gaps[1, :4, 2, 3] = np.nan  # never seen
    last[1, 0, 2, 3] = np.nan
    gaps[1, 1:4, 4] = np.nan  # seen in the first frame alone
    last[1, 0, 4] = X[1, 0, 4]
    gaps[0, 5, 1] = np.nan  # not there to be compared with
    truth = gaps[:, 4:]
    forecast = model.predict(gaps[:, :4])
    there = ~np.isnan(truth - last)
    errors = [
        np.mean([((truth - other)[i][there[i]] ** 2).mean() for i in range(2)])
        for other in (forecast, np.repeat(last, 2, axis=1))
    ]
    assert_allclose(model.score(gaps), 1 - errors[0] / errors[1], rtol=1e-12)


def test_search():
    X = moving(9, 6)
    for clips in (X, list(X), ragged((6, 3, 4, 9, 5, 5))):
        search = GridSearchCV(
            ConvLSTMForecaster(**FIT), {"kernel_size": [1, 3]}, cv=3
        ).fit(clips)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        best = search.best_estimator_
        again = clone(best).fit(clips)
        assert_array_equal(best.predict(clips), again.predict(clips))
    pipeline = make_pipeline(ConvLSTMForecaster(**FIT)).fit(X)
    assert_array_equal(pipeline.predict(X), forecaster(X).predict(X))


# ---- fits --------------------------------------------------------------------------


@every_configuration
def test_the_same_bits(given):
    X = moving(9) * 0.9
    models = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="openmp"):
            models.append(forecaster(X, **given))
    copy = pickle.loads(pickle.dumps(models[0]))
    for other in (*models[1:], copy):
        assert_array_equal(other.predict(X), models[0].predict(X))
        for name, value in models[0].weights_.items():
            assert_array_equal(other.weights_[name], value)


@pytest.mark.parametrize("form", [
    lambda X: np.round(200 * X).astype(np.uint8),
    lambda X: X > 0.5,
    lambda X: X.astype(np.float16),
    lambda X: np.round(1e5 * X).astype(np.int64),
    lambda X: X.astype(np.float32),
])  # fmt: skip
def test_numbers_of_any_type(form):
    X = form(moving())
    model, of_floats = forecaster(X), forecaster(X.astype(np.float64))
    assert_array_equal(model.predict(X), of_floats.predict(X.astype(np.float64)))
    assert model.score(X) == of_floats.score(X)


@pytest.mark.parametrize("given", [{}, {"loss": "binary_cross_entropy"}, {
    "loss": "absolute_error", "patch_size": 2, "solver": "lbfgs"
}])  # fmt: skip
def test_a_weight_is_a_number_of_times_where_all_is_one_minibatch(given):
    X = moving(3, 5) * 0.9
    given = {**given, "windows_per_epoch": None, "batch_size": 1000}
    a = forecaster(X, [3, 1, 2], **given)
    b = forecaster(X[[2, 0, 1, 0, 0, 2]], **given)
    for name, value in a.weights_.items():
        assert_array_equal(b.weights_[name], value)


def test_clips_of_no_weight_are_not_there():
    X = moving(6)
    a = forecaster(X, [1, 0, 1, 1, 0, 2])
    b = forecaster(X[[0, 2, 3, 5]], [1, 1, 1, 2])
    assert_array_equal(a.predict(X), b.predict(X))


def test_fits_that_go_on():
    X, other = moving(), moving(seed=3)
    model = forecaster(X, warm_start=True, learning_rate="constant")
    before, curve = model.predict(X), model.loss_curve_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy = pickle.loads(pickle.dumps(model))
        model.fit(other)
        copy.fit(other)
    assert len(model.loss_curve_) == 6
    assert model.loss_curve_[:3] == curve[:3]
    assert (model.predict(X) != before).any()
    assert_array_equal(copy.predict(X), model.predict(X))
    assert model.n_layers_ == 4
    # units are those of the first fit
    assert fitted_of(model).target.centre == fitted_of(forecaster(X)).target.centre


def test_partial_fit():
    X = moving()
    model = ConvLSTMForecaster(**FIT)
    for k in range(3):
        model.partial_fit(X[k::3])
    assert len(model.loss_curve_) == 3
    assert model.n_iter_ == 1
    again = ConvLSTMForecaster(**FIT)
    for k in range(3):
        again.partial_fit(X[k::3])
        again = pickle.loads(pickle.dumps(again))
    assert_array_equal(again.predict(X), model.predict(X))
    assert not hasattr(ConvLSTMForecaster(solver="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="early_stopping"):
        ConvLSTMForecaster(early_stopping=True).partial_fit(X)


@pytest.mark.parametrize("name, value", [
    ("hidden_channels", 7), ("kernel_size", 5), ("patch_size", 2), ("horizon", 3),
    ("peephole", True), ("dtype", "float64"), ("loss", "absolute_error"),
    ("context_length", 3),
])  # fmt: skip
def test_what_cannot_change_between_fits(name, value):
    X = moving()
    model = forecaster(X, warm_start=True)
    before = model.predict(X)
    model.set_params(**{name: value})
    with pytest.raises(ValueError, match=f"{name}.* cannot change between fits"):
        model.fit(X)
    assert_array_equal(model.predict(X), before)
    with pytest.raises(ValueError, match=f"{name}.* cannot change between fits"):
        model.partial_fit(X)


@pytest.mark.parametrize("X", [
    np.ones((3, 1, 4, 4)), np.full((3, 4, 4, 4), np.inf), np.ones((3, 4, 4)), "X",
])  # fmt: skip
def test_a_failed_fit_leaves_an_earlier_one(X):
    model = forecaster()
    before = pickle.dumps(model)
    with pytest.raises((TypeError, ValueError)):
        model.fit(X)
    with pytest.raises((TypeError, ValueError)):
        model.fit(moving(), sample_weight=[1])
    assert pickle.dumps(model) == before


def test_an_interrupted_fit_leaves_an_earlier_one(monkeypatch):
    X = moving()
    model = forecaster(X)
    before = model.predict(X)

    def fail(*args, **kwargs):
        raise RuntimeError("no more")

    monkeypatch.setattr(
        "sklstm._network.frame_forecaster.FrameForecaster.backward", fail
    )
    with pytest.raises(RuntimeError):
        model.fit(moving(seed=2))
    assert_array_equal(model.predict(X), before)


# ---- early stopping ------------------------------------------------------------------


def held_out_of(monkeypatch, X, **params):
    """Rows of the windows that a fit trains on, and of those that are held out."""
    found = {}

    def look(self, given, *args):
        training, held_out = inner(self, given, *args)
        for name, samples in (("training", training), ("held out", held_out)):
            y = samples.y
            found[name] = [
                (int(i), *range(int(s), int(min(c + y.horizon, e))))
                for i, s, c, e in zip(samples.X.series, y.starts, y.cuts, y.ends)
            ]
        return training, held_out

    inner = ConvLSTMForecaster._set_aside
    monkeypatch.setattr(ConvLSTMForecaster, "_set_aside", look)
    model = forecaster(X, early_stopping=True, **params)
    return model, found["training"], found["held out"]


def test_the_last_part_of_clips_is_held_out(monkeypatch):
    X = moving(4, 20)
    model, training, held_out = held_out_of(monkeypatch, X, validation_fraction=0.25)
    for i in range(4):
        rows = {row for clip, *rows in training if clip == i for row in rows}
        assert rows == set(range(20 * i, 20 * i + 15))
        targets = {row for clip, *rows in held_out if clip == i for row in rows[-2:]}
        assert targets == set(range(20 * i + 15, 20 * i + 20))
    assert len(model.validation_scores_) == len(model.loss_curve_)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_whole_clips_are_held_out_where_they_are_short(monkeypatch):
    X = moving(10, 4)
    _, training, held_out = held_out_of(monkeypatch, X, validation_fraction=0.2)
    clips = {clip for clip, *_ in held_out}
    assert len(clips) == 2
    assert {clip for clip, *_ in training} == set(range(10)) - clips
    _, _, again = held_out_of(monkeypatch, X, validation_fraction=0.2, random_state=9)
    assert again == held_out


def test_one_short_clip_cannot_be_divided():
    with pytest.raises(
        ValueError, match=r"one clip .*, of 4 frames, .* takes 5\. Pass"
    ):
        forecaster(moving(1, 4), early_stopping=True)


def test_validation_scores_are_those_of_the_last_horizon():
    X, X_val = moving(), moving(5, 7, 4, 4, seed=7)
    X_val[2, 6, 1] = np.nan
    model = forecaster(
        X, X_val=[*X_val, X_val[0][:2]], early_stopping=True, solver="sgd",
        learning_rate_init=1e-13, dtype="float64",
    )  # fmt: skip
    scale = fitted_of(model).target.scale[0]
    z = (model.predict(X_val[:, :-2]) - X_val[:, -2:]) / scale
    losses = [np.nanmean(part**2) / 2 for part in z]
    assert_allclose(model.validation_scores_, -np.mean(losses), rtol=1e-9)
    with pytest.raises(ValueError, match="In X_val: no clip has more than 2 frames"):
        forecaster(X, X_val=X[:, :2], early_stopping=True)
    with pytest.raises(ValueError, match="In X_val: X has 3 features"):
        forecaster(X, X_val=moving(channels=3), early_stopping=True)
    with pytest.raises(ValueError, match="early_stopping=False"):
        forecaster(X, X_val=X)


# ---- around -------------------------------------------------------------------------


def test_windows_of_an_epoch():
    X = moving(3, 8)
    assert forecaster(X).t_ == 3 * 3 * 6
    assert forecaster(X, windows_per_epoch=5).t_ == 3 * 5
    assert forecaster(X, windows_per_epoch=100).t_ == 3 * 3 * 6
    assert forecaster(moving(90, 8), max_iter=1).t_ == 512
    many = forecaster(
        moving(600, 3, 2, 2), max_iter=1, hidden_channels=1, windows_per_epoch="auto"
    )
    assert many.t_ == 512


def test_what_is_printed(capsys):
    forecaster(verbose=True)
    assert capsys.readouterr().out.count("Iteration") == 3


def test_not_fitted():
    model = ConvLSTMForecaster()
    X = moving()
    for call in (model.predict, model.score):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        model.initial_state()
    with pytest.raises(NotFittedError):
        model.weights_  # noqa: B018


def test_it_says_when_it_has_not_converged():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\)"):
        ConvLSTMForecaster(
            3, horizon=2, max_iter=2, learning_rate="constant", random_state=0
        ).fit(moving())


def test_weights_are_those_of_conv2d():
    model = forecaster(moving(channels=2), patch_size=2, peephole=True)
    weights = model.weights_
    assert weights["weight_ih_l0"].shape == (16, 8, 3, 3)
    assert weights["weight_hh_l1"].shape == (12, 3, 3, 3)
    assert "weight_ih_l2" not in weights
    assert weights["peephole_l3"].shape == (9,)
    assert weights["head_weight"].shape == (8, 7)
    assert not any(value.flags.writeable for value in weights.values())
    # of a head that is zero forecasts are its bias, in units of X
    network = fitted_of(model).make_network()
    parameters = fitted_of(model).parameters.copy()
    network.views(parameters)["head"]["w"][:] = 0
    model._fitted = fitted_of(model).with_parameters(parameters)
    frames = model.predict(moving(1, 2, channels=2))[0, 0]
    bias = model.weights_["head_bias"].reshape(2, 2, 2)
    assert_allclose(frames[:2, :2], bias, rtol=1e-6)
    assert_allclose(frames[2:4, 4:6], bias, rtol=1e-6)
