"""LSTMAnomalyDetector: scores written out, promises about them, fits and thresholds."""

import pickle

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from sklstm import LSTMAnomalyDetector, SequenceArray
from sklstm._training.split import sample_keys
from sklstm.preprocessing import TimeDistributed
from sklstm.utils import check_sequence_estimator

METHODS = ["prediction", "reconstruction"]
every_method = pytest.mark.parametrize("method", METHODS)


def machines(n=30, n_features=1, seed=0, missing=0.0, shortest=30):
    """Waves with a little noise, of some lengths."""
    rng = np.random.default_rng(seed)
    X = []
    for _ in range(n):
        T = rng.integers(shortest, shortest + 30)
        phase = rng.uniform(0, 6) + np.arange(n_features)
        x = np.sin(np.arange(T)[:, np.newaxis] / 3 + phase)
        x += rng.normal(0, 0.05, x.shape)
        x[rng.random(x.shape) < missing] = np.nan
        X.append(x)
    return X


def small(method="prediction", **params):
    defaults = {"window": 12, "max_iter": 8, "random_state": 0, "method": method}
    sizes = params.pop("hidden_layer_sizes", 9)
    return LSTMAnomalyDetector(sizes, **{**defaults, **params})


VARIANTS = {
    "prediction": (1, {}),
    "two features": (2, {}),
    "three ahead": (2, {"n_ahead": 3}),
    "diagonal": (2, {"covariance": "diagonal"}),
    "GRU, float64": (1, {"cell": "gru", "dtype": "float64"}),
    "two layers": (1, {"hidden_layer_sizes": (9, 5)}),
    "bfloat16": (1, {"dtype": "bfloat16"}),
    "ffill": (2, {"missing": "ffill"}),
    "indicator": (1, {"missing": "indicator"}),
    "reconstruction": (1, {"method": "reconstruction"}),
    "two reconstructed": (2, {"method": "reconstruction"}),
    "reconstruction, indicator": (
        2, {"method": "reconstruction", "missing": "indicator"}
    ),
    "reconstruction, two layers": (
        1, {"method": "reconstruction", "hidden_layer_sizes": (9, 5), "cell": "gru"}
    ),
}  # fmt: skip


@pytest.fixture(params=VARIANTS)
def fitted(request):
    """An estimator and sequences that are not those of its fit."""
    n_features, params = VARIANTS[request.param]
    missing = 0.1 if "missing" in params else 0.0
    model = small(**params).fit(machines(20, n_features, missing=missing))
    return model, machines(12, n_features, seed=1, missing=missing, shortest=5)


def same(a, b):
    return np.array_equal(a, b, equal_nan=True)


# ---- checks ------------------------------------------------------------------------


@every_method
def test_check_estimator(method):
    check_estimator(LSTMAnomalyDetector(4, max_iter=3, method=method), on_skip=None)


@every_method
@pytest.mark.filterwarnings("ignore:.*check_model_selection")
def test_check_sequence_estimator(method):
    # where all windows are one minibatch, a weight is a repetition
    model = LSTMAnomalyDetector(4, max_iter=3, method=method, batch_size=500)
    check_sequence_estimator(model)


# ---- scores ------------------------------------------------------------------------


def by_hand(model, x):
    """Scores (T,) of univariate steps, from public weights and the units found."""
    own, w = model._fitted.target, model.weights_
    centre, scale = own.centre[0], own.scale[0]

    def read(k, x):
        H = w[f"weight_hh_l{k}"].shape[1]
        weights = {
            "w": w[f"weight_ih_l{k}"].T,
            "r": w[f"weight_hh_l{k}"].T,
            "b": w[f"bias_ih_l{k}"] + w[f"bias_hh_l{k}"],
        }
        weights = {name: np.float64(value) for name, value in weights.items()}
        zeros = np.zeros((2, H))
        return reference.forward("lstm", weights, x, *zeros, np.ones(H))[0]

    def distance(error):
        return ((error / scale - own.errors.location[0]) / own.errors.scale[0]) ** 2

    z, scores = (x - centre) / scale, np.full(len(x), np.nan)
    if own.method == "prediction":
        h = read(0, z)[1:]
        predicted = (h @ w["head_weight"].T + w["head_bias"])[:, 0]
        scores[1:] = -distance(x[1:, 0] - predicted[:-1])
        return scores
    W = own.window
    for t in range(W - 1, len(x)):
        part = slice(t - W + 1, t + 1)
        end = read(0, z[part])[-1:]
        h = read(1, np.repeat(end, W, axis=0))[1:]
        given_back = (h @ w["head_weight"].T + w["head_bias"])[::-1, 0]
        scores[t] = -(np.sqrt(distance(x[part, 0] - given_back)).mean() ** 2)
    return scores


@every_method
def test_scores_written_out(method):
    X = machines(20)
    model = small(method, dtype="float64").fit(X)
    for x in machines(3, seed=5):
        scores = model.score_steps([x])[0]
        assert_allclose(scores, by_hand(model, x), rtol=1e-7, equal_nan=True)
        assert np.isnan(scores).sum() == (1 if method == "prediction" else 11)


def test_a_score_knows_no_later_step(fitted):
    model, X = fitted
    for x in X[:4]:
        whole = model.score_steps([x])[0]
        for T in [1, 2, 7, 13, len(x) - 1]:
            assert same(model.score_steps([x[:T]])[0], whole[:T])


def test_a_score_knows_no_neighbour(fitted):
    model, X = fitted
    together = model.score_steps(X)
    parts = model.feature_contributions(X)
    runs = model.score_samples(X)
    for i, x in enumerate(X):
        assert same(model.score_steps([x])[0], together[i])
        assert same(model.feature_contributions([x])[0], parts[i])
        assert model.score_samples([x])[0] == runs[i]


def test_step_by_step_is_the_whole(fitted):
    model, X = fitted
    n, T = 3, min(map(len, X[:3]))
    whole = model.score_steps([x[:T] for x in X[:n]])
    labels = model.predict_steps([x[:T] for x in X[:n]])
    state, lone = model.initial_state(n_sequences=n), model.initial_state()
    for t in range(T):
        x = np.stack([x[t] for x in X[:n]])
        before = pickle.dumps(state)
        scores, after = model.score_step(x, state)
        assert pickle.dumps(state) == before
        assert same(scores, [part[t] for part in whole])
        label, _ = model.predict_step(x, state)
        assert label.tolist() == [part[t] for part in labels]
        state = pickle.loads(pickle.dumps(after))
        score, lone = model.score_step(X[0][t], lone)
        assert same(score, whole[0][t : t + 1])
    assert state.n_sequences == n


def test_contributions_add_up(fitted):
    model, X = fitted
    for parts, scores, x in zip(
        model.feature_contributions(X), model.score_steps(X), X, strict=True
    ):
        assert parts.shape == x.shape
        there = ~np.isnan(scores)
        assert_allclose(np.nansum(parts[there], axis=1), scores[there])
        assert np.isnan(parts[~there]).all()


def test_threads_change_no_bit():
    X = machines(20)
    scores = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            model = small(hidden_layer_sizes=16).fit(X)
            scores.append(np.concatenate(list(model.score_steps(X))))
    assert same(*scores)


def test_a_pickle_scores_the_same(fitted):
    model, X = fitted
    again = pickle.loads(pickle.dumps(model))
    for a, b in zip(again.score_steps(X), model.score_steps(X), strict=True):
        assert same(a, b)
    assert_array_equal(again.predict(X), model.predict(X))


def test_containers_score_the_same():
    X = machines(20, 2)
    model = small().fit(X)
    expected = model.score_samples(X)
    assert_array_equal(model.score_samples(SequenceArray.from_list(X)), expected)
    padded = SequenceArray.from_list(X).to_padded()
    assert_array_equal(model.score_samples(padded), expected)


@every_method
def test_what_is_broken_is_found(method):
    rng = np.random.default_rng(3)

    def independent(n, seed):
        """Two waves, of which the one does not know the phase of the other."""
        return [
            np.c_[x, np.sin(np.arange(len(x)) / 3 + rng.uniform(0, 6))]
            + rng.normal(0, 0.05, (len(x), 2))
            for x in machines(n, seed=seed)
        ]

    X, test = independent(60, 0), independent(20, 1)
    # where the second feature begins to stand still
    broken = [x.copy() for x in test]
    for x in broken:
        x[20:, 1] = x[20, 1]
    model = small(method, max_iter=60, hidden_layer_sizes=16).fit(X)
    assert (model.predict(test) == 1).mean() >= 0.8
    assert (model.predict(broken) == -1).mean() >= 0.9
    # behind the first steps, at which a network does not know the phase
    worst = [4 + np.nanargmin(scores[4:]) for scores in model.score_steps(broken)]
    assert np.mean(np.array(worst) >= 20) >= 0.9
    shares = [
        parts[t] / parts[t].sum()
        for parts, t in zip(model.feature_contributions(broken), worst)
    ]
    assert np.mean(shares, axis=0)[1] > 0.6


def test_signs():
    X = machines(30)
    model = small().fit(X)
    scores, decision = model.score_samples(X), model.decision_function(X)
    assert_array_equal(decision, scores - model.offset_)
    assert_array_equal(model.predict(X), np.where(decision < 0, -1, 1))
    for steps, labels in zip(model.score_steps(X), model.predict_steps(X)):
        expected = np.where(steps < model.step_offset_, -1, 1)
        assert_array_equal(labels, expected)
        assert labels[0] == 1  # of which there is no score
    means = [np.nanmean(steps) for steps in model.score_steps(X)]
    assert_allclose(scores, means)
    worst = clone(model).set_params(aggregate="worst").fit(X)
    lowest = [np.nanmin(steps) for steps in worst.score_steps(X)]
    assert_array_equal(worst.score_samples(X), lowest)


def test_too_short_to_say_anything():
    model = small("reconstruction").fit(machines())
    short = machines(1)[0][:5]
    assert np.isnan(model.score_steps([short])[0]).all()
    assert model.score_samples([short, short[:0]]).tolist() == [model.offset_] * 2
    assert model.predict([short]).tolist() == [1]
    assert model.predict_steps([short])[0].tolist() == [1] * 5


# ---- what is held out --------------------------------------------------------------


def held_out_of(model, X, **kwargs):
    """Training and held-out sequences of a fit, as they come to it."""
    seen = {}
    Model = type(model)

    class Recording(Model):
        def _set_aside(self, *args):
            seen["training"], seen["held_out"] = super()._set_aside(*args)
            return seen["training"], seen["held_out"]

    recording = Recording(**model.get_params()).fit(X, **kwargs)
    return recording, seen["training"].X, seen["held_out"].X


@every_method
def test_whole_sequences_are_held_out(method):
    X = machines(20)
    X += X[:4]  # copies
    _, training, held_out = held_out_of(small(method), X)
    keys = [
        sample_keys(part, np.zeros(len(part), np.uint8))
        for part in (training, held_out)
    ]
    assert len(np.unique(keys[1])) == 4  # of 20
    assert not np.intersect1d(*keys).size
    assert len(training) + len(held_out) == 24


@every_method
@pytest.mark.parametrize("n", [1, 3])
def test_of_a_few_sequences_the_ends_are_held_out(method, n):
    X = [np.concatenate(machines(10, seed=i)) for i in range(n)]
    _, training, held_out = held_out_of(small(method), X)
    assert len(training) == len(held_out) == n
    for x, begin, end in zip(X, training, held_out, strict=True):
        assert len(end) == np.ceil(0.2 * len(x))
        assert_array_equal(np.concatenate([begin, end]), x.astype(np.float32))


@every_method
def test_statistics_are_those_of_what_is_held_out(method):
    X, X_val = machines(20), machines(10, seed=1)
    model = small(method).fit(X, X_val=X_val)
    distances = np.concatenate(list(model.score_steps(X_val)))
    distances = -distances[~np.isnan(distances)]
    assert 0.2 < np.median(distances) < 1.5  # in scales of the errors of X_val
    # of a network that learns nothing, errors grow as what is held out does
    errors = [
        small(method, learning_rate_init=1e-30)
        .fit(X, X_val=[factor * x for x in X_val])
        ._fitted.target.errors
        for factor in (1, 10)
    ]
    assert errors[1].scale > 5 * errors[0].scale


@every_method
def test_a_few_held_out_tell_of_the_threshold(method):
    X = machines(30)
    model = small(method, max_iter=30).fit(X)
    assert (model.predict(machines(60, seed=1)) == 1).mean() > 0.8
    contaminated = machines(20, seed=2)
    contaminated[0][10:] = 30.0
    moved = small(method, max_iter=30).fit(X, X_val=contaminated)
    assert_allclose(moved.offset_, model.offset_, rtol=0.6)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@every_method
def test_contamination_is_the_share_of_what_is_held_out(method, share):
    X, X_val = machines(20), machines(40, seed=1)
    model = small(method, contamination=share).fit(X, X_val=X_val)
    assert (model.predict(X_val) == -1).mean() == share
    flagged = np.concatenate(list(model.predict_steps(X_val))) == -1
    scored = ~np.isnan(np.concatenate(list(model.score_steps(X_val))))
    assert_allclose(flagged.sum() / scored.sum(), share, atol=0.01)


def test_fit_predict_flags_a_share_of_x():
    X = machines(40)
    model = small(contamination=0.1)
    labels = model.fit_predict(X)
    assert (labels == -1).sum() == 4
    scores = model.score_samples(X)
    assert scores[labels == -1].max() < scores[labels == 1].min()
    auto = small()
    assert_array_equal(auto.fit_predict(X), auto.predict(X))


def test_groups_are_held_out_whole():
    X, groups = machines(30), np.repeat(np.arange(10), 3)
    model, training, held_out = held_out_of(small(), X, groups=groups)
    firsts = {x[0, 0].astype(np.float32).item(): g for x, g in zip(X, groups)}
    sides = [{firsts[x[0, 0].item()] for x in part} for part in (training, held_out)]
    assert len(sides[1]) == 2 and not sides[0] & sides[1]


def test_weights_are_those_of_training():
    X = machines(20)
    weight = np.ones(20)
    weight[3] = 0
    a = small().fit(X, sample_weight=weight)
    b = small().fit(X[:3] + X[4:])
    assert_array_equal(a.score_samples(X), b.score_samples(X))
    heavy = np.ones(20)
    heavy[:5] = 50
    assert (
        small().fit(X, sample_weight=heavy).score_samples(X)[0]
        != (b.score_samples(X)[0])
    )


def test_early_stopping_goes_by_what_is_held_out():
    X = machines(20)
    model = small(early_stopping=True, max_iter=60, n_iter_no_change=3, tol=0.05)
    model.fit(X, X_val=machines(10, seed=1))
    assert len(model.validation_scores_) == model.n_iter_ < 60
    assert model.best_validation_score_ == max(model.validation_scores_)
    plain = small().fit(X)
    assert plain.validation_scores_ is None and plain.best_loss_ is not None


def test_warm_start_goes_on():
    X = machines(20)
    model = small(warm_start=True).fit(X)
    before = model.loss_curve_[-1]
    model.fit(X)
    assert len(model.loss_curve_) == 16 and model.loss_curve_[-1] < before
    _, training, held_out = held_out_of(model, X)
    again = clone(model).fit(X)
    sides = again._sides
    again.fit(X[::-1])
    assert_array_equal(again._sides["n_held_out"], sides["n_held_out"])
    for name, value in {"window": 13, "n_ahead": 2, "method": "reconstruction"}.items():
        changed = clone(model).fit(X).set_params(**{name: value})
        with pytest.raises(ValueError, match=f"{name} cannot change"):
            changed.fit(X)


def test_units_are_robust():
    X = machines(30)
    model = small().fit(X)
    scaled = small().fit([1e4 * x + 3e5 for x in X])
    a, b = model._fitted.target, scaled._fitted.target
    assert_allclose(b.centre, 1e4 * a.centre + 3e5, rtol=1e-4)
    assert_allclose(b.scale, 1e4 * a.scale, rtol=1e-3)
    with_outlier = [x.copy() for x in X]
    with_outlier[0][5] = 1e9
    found = small().fit(with_outlier)
    assert_allclose(found._fitted.target.scale, a.scale, rtol=0.05)
    assert np.isfinite(found.loss_)


def test_in_a_pipeline():
    X = machines(20, 2)
    model = make_pipeline(TimeDistributed(StandardScaler()), small()).fit(X)
    assert set(model.predict(X)) <= {-1, 1}
    assert len(model.fit_predict(X)) == 20


@pytest.mark.filterwarnings("ignore:Maximum iterations")
@pytest.mark.parametrize("solver", ["adamw", "sgd", "rmsprop", "lbfgs"])
@every_method
def test_solvers(method, solver):
    model = small(method, solver=solver, max_iter=3).fit(machines(12))
    assert np.isfinite(model.score_samples(machines(3))).all()
