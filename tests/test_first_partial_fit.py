"""What the first calls of `partial_fit` find of the targets, and how it follows."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import d2_pinball_score, d2_tweedie_score, r2_score

from sklstm import GRURegressor, LSTMClassifier, LSTMRegressor, RNNRegressor
from sklstm._estimators.going_on import change_head
from sklstm._network.losses import Pinball
from sklstm._targets.units import distinct, units_of
from sklstm._training.optimizers import rescaled
from sklstm.export import from_torch, to_torch

few = pytest.mark.filterwarnings("ignore:The first call of partial_fit has")
LEVELS = [0.1, 0.5, 0.9, 0.25]
LOSSES = {
    "squared_error": {},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile"},
    "quantiles": {"loss": "quantile", "quantile": LEVELS},
}
every_loss = pytest.mark.parametrize("loss", LOSSES)
SOLVERS = ("adam", "adamw", "rmsprop", "sgd")


def data(n=900, seed=0):
    """Sequences and their standardised sums."""
    rng = np.random.default_rng(seed)
    X = [rng.standard_normal((T, 1)) for T in rng.integers(3, 10, size=n)]
    y = np.array([x.sum() for x in X])
    return X, y / y.std()


X, Y = data()


def stream(model, X, y, sizes=1, weight=None):
    """The model after calls with so many samples each."""
    begin = 0
    for size in np.resize(sizes, len(X)):
        part = slice(begin, begin + size)
        if begin < len(X):
            parts = () if weight is None else (weight[part],)
            model.partial_fit(X[part], y[part], *parts)
        begin += size
    return model


def small(loss="squared_error", hidden=8, **params):
    return LSTMRegressor(hidden, random_state=0, **LOSSES[loss], **params)


def quality(model, X, y):
    """R², or D² of quantiles."""
    if model._fitted.target.levels is None:
        return r2_score(y, model.predict(X))
    return np.mean(
        [
            d2_pinball_score(y, column, alpha=level)
            for level, column in zip(LEVELS, model.predict(X).T, strict=True)
        ]
    )


# ---- what is learnt ----------------------------------------------------------------


@few
@every_loss
@pytest.mark.parametrize("unit, centre", [(1000, 5000), (1e-6, 0), (1, 1)])
def test_a_stream_of_single_samples_is_learnt(loss, unit, centre):
    model = small(loss, learning_rate_init=0.005)
    stream(model, X[:600], centre + unit * Y[:600])
    least = 0.6 if loss == "quantiles" else 0.85
    assert quality(model, X[600:], centre + unit * Y[600:]) > least


@few
@every_loss
@pytest.mark.parametrize("Regressor", [GRURegressor, RNNRegressor])
def test_a_stream_that_begins_with_a_constant_is_learnt(loss, Regressor):
    y = 5000 + 1000 * Y
    y[:40] = 5000
    model = Regressor(8, learning_rate_init=0.005, random_state=0, **LOSSES[loss])
    stream(model, X[:640], y[:640], 4)
    stream(model, X[:640], y[:640], 4)
    assert quality(model, X[640:], y[640:]) > (0.6 if loss == "quantiles" else 0.85)


@few
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_learns_a_stream(solver):
    rate = {"sgd": 0.01, "rmsprop": 0.001}.get(solver, 0.005)
    model = small(solver=solver, learning_rate_init=rate)
    stream(model, X[:600], 5000 + 1000 * Y[:600], 2)
    assert quality(model, X[600:], 5000 + 1000 * Y[600:]) > 0.8


@few
def test_a_stream_of_counts():
    counts = np.random.default_rng(0).poisson(50 * np.exp(Y / 2))
    counts[0] = 1  # where training starts
    model = LSTMRegressor(8, loss="poisson", learning_rate_init=0.005, random_state=0)
    stream(model, X[:600], counts[:600])
    assert d2_tweedie_score(counts[600:], model.predict(X[600:]), power=1) > 0.8


# ---- centre and scale --------------------------------------------------------------


@few
@every_loss
@pytest.mark.parametrize("sizes", [1, [1, 2, 3, 30], 7])
def test_units_are_those_of_the_first_hundred(loss, sizes):
    """Or of a few more, where a call brings them; later ones change nothing."""
    y = np.c_[5000 + Y, 1e-3 * Y]
    model = stream(small(loss, 3), X[:98], y[:98], sizes)
    robust = loss != "squared_error"
    for n in (98, 160):
        expected = [units_of(*distinct(c[:n]), robust) for c in y.T]
        units = np.c_[model._fitted.target.mean, model._fitted.target.scale]
        assert_allclose(units, expected, rtol=1e-9)
        model.partial_fit(X[98:160], y[98:160])
    assert model._fitted.target.seen is None
    model.partial_fit(X[160:], 1e6 * y[160:])
    assert_array_equal(
        np.c_[model._fitted.target.mean, model._fitted.target.scale], units
    )


@few
def test_a_constant_output_follows_for_itself():
    y = np.c_[Y, np.full(len(Y), 7.0)]
    model = stream(small(hidden=3), X[:300], y[:300], 50)
    first = model._fitted.target.mean[0], model._fitted.target.scale[0]
    assert_allclose(first, [Y[:100].mean(), Y[:100].std()], rtol=1e-12)
    assert_array_equal(
        [model._fitted.target.mean[1], model._fitted.target.scale[1]], [7, 1]
    )
    y[300:, 1] = 100 * Y[300:]
    model.partial_fit(X[300:], y[300:])
    expected = units_of(*distinct(y[:, 1]), robust=False)
    assert_allclose(
        [model._fitted.target.mean[1], model._fitted.target.scale[1]], expected
    )
    assert (model._fitted.target.mean[0], model._fitted.target.scale[0]) == first


@few
@every_loss
def test_units_heed_weights(loss):
    """A weight is a repetition; weight zero is not there."""
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 3, size=60)
    weight[::10] = 1
    y = np.where(weight == 0, 1e9, Y[:60])
    weighted = stream(small(loss, 3), X[:60], y, 10, weight)
    repeated = np.repeat(np.arange(60), weight)
    seen = units_of(*distinct(y[repeated]), loss != "squared_error")
    assert_array_equal(
        [weighted._fitted.target.mean[0], weighted._fitted.target.scale[0]], seen
    )


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_a_long_first_call_fixes_the_units(loss):
    model = small(loss, 3).partial_fit(X[:100], Y[:100])
    assert model._fitted.target.seen is None
    before = model._fitted.target.mean.copy(), model._fitted.target.scale.copy()
    model.partial_fit(X[100:], 100 * Y[100:])
    assert_array_equal((model._fitted.target.mean, model._fitted.target.scale), before)


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_a_fit_knows_its_units_unless_its_target_is_constant():
    model = small(hidden=3, max_iter=2).fit(X[:5], Y[:5])
    before = model._fitted.target.scale
    assert_array_equal(model.partial_fit(X, 100 * Y)._fitted.target.scale, before)
    model.fit(X[:20], np.full(20, 3.0))
    model.partial_fit(X, 100 * Y)
    expected = units_of(*distinct(np.r_[np.full(20, 3.0), 100 * Y]), robust=False)
    assert_allclose(
        [model._fitted.target.mean[0], model._fitted.target.scale[0]], expected
    )


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_units_follow_in_a_warm_fit_too():
    """What was the best loss in other units is none."""
    model = small(
        warm_start=True, learning_rate="constant", learning_rate_init=0.01, max_iter=30
    )
    model.fit(X[:20], np.full(20, 3.0)).fit(X[:600], 100 * Y[:600])
    assert model.n_iter_ == 30
    assert r2_score(100 * Y[600:], model.predict(X[600:])) > 0.9


def test_units_of_an_imported_network_are_known():
    trained = small(hidden=4).partial_fit(X[:100], Y[:100])
    weights = to_torch(trained, standardized=True)
    if not isinstance(weights, dict):
        weights = weights[0]
    model = from_torch(
        weights, LSTMRegressor(4), target_mean=[3.0], target_scale=[2.0]
    )  # fmt: skip
    model.partial_fit(X, 1000 * Y)
    assert (model._fitted.target.mean[0], model._fitted.target.scale[0]) == (3, 2)


# ---- predictions when units change -------------------------------------------------


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@every_loss
@pytest.mark.parametrize("several", [False, True])
def test_predictions_stay_when_units_change(loss, several):
    """To first order for the distances of quantiles."""
    y = np.c_[Y, 50 - 1e3 * Y] if several else 7 + Y
    model = small(loss, dtype="float64", learning_rate_init=1e-12)
    model.partial_fit(X[:40], y[:40])
    before, raw = model.predict(X), model.weights_["head_bias"].copy()
    units = model._fitted.target.mean.copy(), model._fitted.target.scale.copy()
    model.partial_fit(X[40:80], 1.5 * y[40:80] + 1)
    assert (units[1] != model._fitted.target.scale).all()
    assert (units[0] != model._fitted.target.mean).all()
    scale = np.reshape(units[1], (-1, 1) if loss == "quantiles" and several else -1)
    atol = 0.02 if loss == "quantiles" else 1e-9
    assert_allclose(model.predict(X) / scale, before / scale, atol=atol, rtol=1e-9)
    if loss != "quantiles":  # of which the head has no units
        assert_allclose(model.weights_["head_bias"], raw, rtol=1e-9)


def test_raw_outputs_stay_when_units_were_a_guess():
    with pytest.warns(UserWarning, match="The first call"):
        model = small(dtype="float64", learning_rate_init=1e-12).partial_fit(
            X[:1], [1e6]
        )
    raw = model.predict(X) - 1e6
    y = 1e6 + 1e3 * Y[:20]
    model.partial_fit(X[:20], y)
    mean, std = np.mean([1e6, *y]), np.std([1e6, *y])
    assert_allclose((model.predict(X) - mean) / std, raw, rtol=1e-5, atol=1e-8)


@few
@pytest.mark.parametrize("loss", ["quantile", "quantiles", "poisson"])
def test_the_best_constant_follows_while_it_is_a_guess(loss):
    params = LOSSES.get(loss, {"loss": "poisson"})
    if loss == "quantile":
        params = {"loss": "quantile", "quantile": 0.9}
    model = LSTMRegressor(
        3, random_state=0, dtype="float64", learning_rate_init=1e-12, **params
    )
    y = np.random.default_rng(0).poisson(100, size=200)
    model.partial_fit(X[:1], [3]).partial_fit(X[:200], y)
    none, seen = model.predict([np.empty((0, 1))])[0], np.r_[3, y]
    levels = {"quantile": 0.9, "quantiles": LEVELS}.get(loss)
    expected = seen.mean()
    if levels is not None:
        expected = np.quantile(seen, levels, method="inverted_cdf")
    assert_allclose(none, expected, rtol=1e-9)


def test_quantiles_in_other_units():
    """Exact at the bias, and of the right slope beside it."""
    rng = np.random.default_rng(0)
    loss = Pinball([0.1, 0.25, 0.5, 0.9])
    weight, bias = 1e-4 * rng.standard_normal((3, 8)), rng.standard_normal(8) * 4
    a, b = np.array([0.3, 7.0]), np.array([-2.0, 0.5])
    h = np.r_[np.zeros((1, 3)), rng.standard_normal((20, 3))]
    before = loss.inverse_link(h @ weight + bias)
    weight, bias = loss.in_other_units(weight, bias, a, b)
    after = loss.inverse_link(h @ weight + bias)
    expected = before * a[:, np.newaxis] + b[:, np.newaxis]
    assert_allclose(after[0], expected[0], rtol=1e-12)
    assert_allclose(after, expected, rtol=1e-6, atol=1e-6)
    for far in (-800.0, 800.0):  # where softplus is zero or its argument
        weight, bias = loss.in_other_units(np.ones((1, 8)), np.full(8, far), a, b)
        assert np.isfinite(weight).all() and np.isfinite(bias).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_moments_are_those_of_gradients_in_the_new_units(solver, loss):
    """As if the units had been these from the beginning."""
    y = 5 * Y[:60]
    model = small(loss, 3, solver=solver, learning_rate_init=1e-9, dtype="float64")
    model.partial_fit(X[:30], Y[:30])
    fitted, old = model._fitted, model._optimizer_state
    target, change = fitted.target.follow(y[30:], None)
    network, parameters = fitted.make_network(), fitted.parameters.copy()
    state = change_head(network, parameters, old, target.loss, change)
    a = fitted.target.scale[0] / target.scale[0]
    assert a < 0.6
    head = network.views(np.arange(len(parameters)))["head"]
    is_head = np.isin(np.arange(len(parameters)), np.r_[head["w"].ravel(), head["b"]])
    degree = 2 if loss == "squared_error" else 1
    factor = np.where(is_head, a ** (degree - 1), a**degree)
    checked = 0
    for name, power in (("velocity", 1), ("m", 1), ("v", 2)):
        if name in old:
            assert_allclose(state[name], old[name] * factor**power, rtol=1e-9)
            checked += 1
    assert checked == {"adam": 2, "adamw": 2}.get(solver, 1)
    assert state.get("t") == old.get("t")


def test_moments_that_are_no_numbers_are_dropped():
    state = {"solver": "adam", "m": np.ones(3, np.float32), "v": np.ones(3), "t": 4}
    assert rescaled(state, np.full(3, 1e39)) is None
    assert rescaled(state, np.full(3, 2.0))["v"].tolist() == [4, 4, 4]
    assert state["v"].tolist() == [1, 1, 1]


# ---- warnings, failures, pickles ---------------------------------------------------


@every_loss
@pytest.mark.parametrize(
    "y, what",
    [
        ([2.5], "1 target.*1 of them 2.5"),
        ([1.0, 2, 3], "3 target.*1 of them 1"),
        ([4.0] * 200, "200 target.*200 of them 4"),
        (np.r_[[0.0] * 200, [1, 2]], "202 target.*200 of them 0"),
        (np.c_[np.arange(50.0), np.full(50, 9)], "50 target.*output 1.*50 of them 9"),
    ],
)
def test_warning_of_few(loss, y, what):
    """Once, where the user called it."""
    model = small(loss, 2)
    n = len(y)
    with pytest.warns(
        UserWarning, match=f"{what}: too few to tell the scale"
    ) as record:
        model.partial_fit(X[:n], y)
    assert [w.filename for w in record] == [__file__]
    model.partial_fit(X[:n], y)


def test_no_warning_where_units_can_be_told():
    small(hidden=2).partial_fit(X[:10], Y[:10])
    small(hidden=2).partial_fit(X[:20], [0, 1] * 10)
    LSTMRegressor(2, loss="poisson").partial_fit(X[:1], [3])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum iterations")
        small(hidden=2, max_iter=1).fit(X[:1], [3.0])


@few
@every_loss
def test_the_same_part_again_is_an_epoch(loss):
    """To the bit: what is seen again says nothing new."""
    params = {
        "max_iter": 6, "tol": 0, "shuffle": False, "dtype": "float64",
        "learning_rate": "constant",
    }  # fmt: skip
    parts = small(loss, 3, **params)
    for _ in range(6):
        parts.partial_fit(X[:20], Y[:20])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Maximum iterations")
        whole = small(loss, 3, **params).fit(X[:20], Y[:20])
    assert parts.loss_curve_ == whole.loss_curve_
    assert_array_equal(parts._fitted.parameters, whole._fitted.parameters)


@few
@every_loss
def test_pickles_follow(loss):
    one = stream(small(loss, 3), X[:30], Y[:30], 3)
    other = pickle.loads(pickle.dumps(one))
    for model in (one, other):
        stream(model, X[30:], 3 + 10 * Y[30:], 5)
    assert_array_equal(one.predict(X), other.predict(X))
    assert one._fitted.target.seen is None and other._fitted.target.seen is None


@few
def test_what_was_saved_without_first_targets_keeps_its_units():
    model = stream(small(hidden=3), X[:30], Y[:30])
    state = model.__getstate__()
    del state["_fitted"]["target"]["seen"]
    old = LSTMRegressor.__new__(LSTMRegressor)
    old.__setstate__(state)
    scale = old._fitted.target.scale.copy()
    assert_array_equal(old.partial_fit(X, 1e3 * Y)._fitted.target.scale, scale)


@few
def test_skops_needs_no_other_types():
    skops = pytest.importorskip("skops.io")
    model = stream(small(hidden=3), X[:3], Y[:3])
    blob = skops.dumps(model)
    names = skops.get_untrusted_types(data=blob)
    assert names == ["sklstm.LSTMRegressor"]
    back = skops.loads(blob, trusted=names)
    for each in (model, back):
        stream(each, X[3:200], Y[3:200], 10)
    assert_array_equal(model.predict(X), back.predict(X))


@few
def test_a_call_that_fails_changes_nothing():
    model = stream(small(hidden=3), X[:5], Y[:5])
    before = pickle.dumps(model)
    for bad in ([np.nan] * 5, [1.7e308] + [-1.7e308] * 4):
        with pytest.raises(ValueError, match="contains NaN|too wide"):
            model.partial_fit(X[:5], bad)
        assert pickle.dumps(model) == before


@few
def test_an_error_in_training_leaves_the_units(monkeypatch):
    model = stream(small(hidden=3), X[:5], Y[:5])
    before = pickle.dumps(model)

    def broken(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr("sklstm._estimators.base.train", broken)
    with pytest.raises(RuntimeError, match="broken"):
        model.partial_fit(X[5:50], 100 * Y[5:50])
    assert pickle.dumps(model) == before


# ---- classifiers -------------------------------------------------------------------


def test_a_classifier_learns_classes_that_come_late():
    """The bias starts at the frequencies of the first part."""
    labels = np.digitize(Y, [-0.5, 0.5])
    order = np.r_[np.flatnonzero(labels[:300] == 0), np.arange(300, 800)]
    model = LSTMClassifier(8, learning_rate_init=0.01, random_state=0)
    for part in np.array_split(order, 40):
        model.partial_fit([X[i] for i in part], labels[part], classes=[0, 1, 2])
    for part in np.array_split(np.arange(300, 800), 40):
        model.partial_fit([X[i] for i in part], labels[part])
    assert model.score(X[800:], labels[800:]) > 0.75
