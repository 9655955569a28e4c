"""Missing values: how they are filled, and what every estimator makes of them."""

import copy
import pickle
from itertools import permutations
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from cases import (
    METHODS,
    assert_same_bits,
    assert_same_outputs,
    every_estimator,
    make_target,
    outputs,
    padded,
    ragged,
    small,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._network.network import Network
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray, check_sequences
from sklstm.sequences import _missing as module
from sklstm.sequences._missing import fill_forward, observed_mean

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")
filling = pytest.mark.parametrize("missing", ["ffill", "indicator"])


# ---- the slow way -------------------------------------------------------------------


def slow_fill(sequences, first, indicator):
    """One value after the other."""
    result = []
    for sequence in sequences:
        T, F = sequence.shape
        filled = np.zeros((T, 2 * F if indicator else F), dtype=sequence.dtype)
        seen = list(first)
        for t in range(T):
            for f in range(F):
                if np.isnan(sequence[t, f]):
                    if indicator:
                        filled[t, F + f] = 1
                else:
                    seen[f] = sequence[t, f]
                filled[t, f] = seen[f]
        result.append(filled)
    return result


def slow_mean(sequences, weights, F):
    mean = []
    for f in range(F):
        total = count = 0.0
        for sequence, weight in zip(sequences, weights, strict=True):
            for value in sequence[:, f].tolist():
                if not np.isnan(value):
                    total += weight * value
                    count += weight
        mean.append(total / count if count else 0.0)
    return np.array(mean)


def with_missing(sequences, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return [np.where(rng.random(x.shape) < share, np.nan, x) for x in sequences]


@st.composite
def sequences_with_missing(draw):
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=8))
    F = draw(st.integers(1, 4))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    sequences = [rng.standard_normal((T, F)).astype(dtype) for T in lengths]
    missing = [rng.random(x.shape) < share for x in sequences]
    # a whole feature, too
    column = draw(st.integers(0, F))
    for x, hidden in zip(sequences, missing, strict=True):
        x[hidden] = np.nan
        x[:, column:] = x[:, column:] if share < 0.5 else np.nan
    return sequences


# ---- filling ------------------------------------------------------------------------


@settings(deadline=None)
@given(sequences_with_missing(), st.booleans(), st.sampled_from([1, 9, 10**6]))
@example([np.full((1, 1), np.nan)], False, 1)
@example([np.array([[2.0]]), np.full((2, 1), np.nan)], True, 1)  # nothing comes over
@example([np.empty((0, 2))], True, 1)
def test_fill_forward(sequences, indicator, at_once):
    X = SequenceArray.from_list(sequences)
    before = X.data.copy()
    first = np.arange(10.0, 10.0 + X.n_features)
    with patch.object(module, "FILL_AT_ONCE", at_once):
        filled = fill_forward(X, first, indicator=indicator)
    assert_array_equal(X.data, before)
    assert filled.dtype == X.dtype and filled.data.flags.c_contiguous
    expected = slow_fill(sequences, first, indicator)
    for a, b in zip(filled, expected, strict=True):
        assert_array_equal(a, b)
    if not indicator and not np.isnan(X.data).any():
        assert filled is X
    else:
        assert not np.shares_memory(filled.data, X.data)


@settings(deadline=None)
@given(sequences_with_missing(), st.data())
def test_observed_mean(sequences, data):
    X = SequenceArray.from_list(sequences)
    n, F = len(X), X.n_features
    weights = np.array(data.draw(st.lists(st.integers(1, 5), min_size=n, max_size=n)))
    mean = observed_mean(X, weights.astype(float))
    assert mean.dtype == np.float64
    assert_allclose(mean, slow_mean(sequences, weights, F), rtol=1e-12, atol=1e-14)
    # in any order, and as copies: the same bits
    order = np.repeat(np.arange(n), weights)
    order = np.array(data.draw(st.permutations(order.tolist())))
    assert_array_equal(observed_mean(X[order]), mean)
    assert_array_equal(observed_mean(X, np.ones(n)), observed_mean(X))


@pytest.mark.parametrize(
    "value", [0.1, -3.7, 1.7976931348623157e308, -1e308, 5e-324, 0.0]
)
def test_observed_mean_of_a_constant_is_exact(value):
    data = np.full((10, 2), value)
    data[3, 0] = np.nan
    X = SequenceArray(data, [0, 0, 7, 10, 10])
    assert_array_equal(observed_mean(X), [value, value])
    weight = np.array([0.3, 0.1, 0.7, 2.0])
    assert_array_equal(observed_mean(X, weight), [value, value])


def test_what_was_never_observed_is_0():
    X = SequenceArray(np.array([[np.nan, 4.0], [np.nan, np.nan]]), [0, 1, 2])
    assert_array_equal(observed_mean(X), [0, 4])
    assert_array_equal(observed_mean(SequenceArray(np.empty((0, 2)), [0, 0])), [0, 0])


# ---- estimators: the same as filling by hand ----------------------------------------


def by_hand(X, first, missing):
    """What `missing` promises, of float64 sequences."""
    return slow_fill(X, first, indicator=missing == "indicator")


def mean_of(X):
    return slow_mean(X, np.ones(len(X)), X[0].shape[1])


# With whole numbers the mean of the slow way has the same bits.
def example_sequences(seed=0, n_features=3, **kwargs):
    clean = [np.round(4 * x) for x in ragged(seed=seed, n_features=n_features)]
    return with_missing(clean, seed=seed, **kwargs)


@every_estimator
@filling
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_bits_as_filled_by_hand(Estimator, missing, dtype):
    X = example_sequences()
    y = make_target(Estimator, X)
    filled = by_hand(X, np.float64(mean_of(X)), missing)
    expected = small(Estimator, dtype=dtype).fit(filled, y)
    for form in (list, SequenceArray.from_list, lambda S: [pd.DataFrame(s) for s in S]):
        estimator = small(Estimator, dtype=dtype, missing=missing).fit(form(X), y)
        assert_same_bits(estimator, expected)
        assert_same_outputs(outputs(estimator, form(X)), outputs(expected, filled))
        assert estimator.n_features_in_ == 3
    # on other sequences, with the mean of those seen in fit
    other = example_sequences(seed=1)
    filled = by_hand(other, mean_of(X), missing)
    assert_same_outputs(outputs(estimator, other), outputs(expected, filled))


@every_estimator
@filling
def test_2d(Estimator, missing):
    """Trailing NaN is a missing value here."""
    X = np.round(3 * np.random.default_rng(0).standard_normal((20, 6)))
    X[np.random.default_rng(1).random(X.shape) < 0.4] = np.nan
    sequences = list(X[:, :, np.newaxis])
    y = make_target(Estimator, X)
    filled = by_hand(sequences, mean_of(sequences), missing)
    expected = small(Estimator).fit(filled, y)
    for form in (X, pd.DataFrame(X).astype("Float64"), X.astype(object)):
        estimator = small(Estimator, missing=missing).fit(form, y)
        assert estimator.n_features_in_ == 6
        assert_same_bits(estimator, expected)
        assert_same_outputs(outputs(estimator, form), outputs(expected, filled))
    width = 2 if missing == "indicator" else 1
    assert estimator.weights_["weight_ih_l0"].shape[1] == width


@every_estimator
@filling
def test_padding_stays_padding(Estimator, missing):
    X = [x for x in example_sequences() if not len(x) or not np.isnan(x[-1]).all()]
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=missing).fit(X, y)
    assert_same_bits(small(Estimator, missing=missing).fit(padded(X, 11), y), estimator)
    assert_same_outputs(outputs(estimator, padded(X, 11)), outputs(estimator, X))
    # at the end of an item of a list it is a missing value
    longer = [np.vstack([x, np.full((2, 3), np.nan)]) for x in X]
    filled = by_hand(longer, mean_of(X), missing)
    twin = small(Estimator).fit(by_hand(X, mean_of(X), missing), y)
    assert_same_outputs(outputs(estimator, longer), outputs(twin, filled))


@every_estimator
def test_nothing_changes_where_nothing_is_missing(Estimator):
    X = ragged()
    y = make_target(Estimator, X)
    expected = small(Estimator).fit(X, y)
    estimator = small(Estimator, missing="ffill").fit(X, y)
    assert_same_bits(estimator, expected)
    assert_same_outputs(outputs(estimator, X), outputs(expected, X))
    # the network is as wide where nothing was missing yet
    wide = small(Estimator, missing="indicator").fit(X, y)
    assert wide.weights_["weight_ih_l0"].shape[1] == 6


@every_estimator
@filling
def test_what_was_never_observed_in_training(Estimator, missing):
    X = example_sequences()
    for x in X:
        x[:, 1] = np.nan
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=missing).fit(X, y)
    expected = small(Estimator).fit(by_hand(X, mean_of(X), missing), y)
    assert mean_of(X)[1] == 0
    assert_same_bits(estimator, expected)
    everything = [np.full((3, 3), np.nan)] * 2
    for value in outputs(estimator, everything).values():
        assert_array_equal(value[0], value[1])
        assert value.dtype.kind not in "fc" or np.isfinite(value).all()


@every_estimator
@filling
def test_sample_weights_are_copies(Estimator, missing):
    """3 is three samples, and 0 is none: also for the mean."""
    X = SequenceArray.from_list(with_missing(ragged()))
    y = make_target(Estimator, X)
    weight = np.random.default_rng(0).integers(0, 4, size=len(X))
    order = np.repeat(np.arange(len(X)), weight)
    params = {"missing": missing, "batch_size": 1000, "shuffle": False}
    weighted = small(Estimator, **params).fit(X, y, sample_weight=weight)
    copies = small(Estimator, **params).fit(X[order], y[order])
    assert_array_equal(weighted._fitted.first_value, copies._fitted.first_value)
    unweighted = small(Estimator, **params).fit(X, y)
    assert (weighted._fitted.first_value != unweighted._fitted.first_value).all()
    assert_same_bits(weighted, copies)


def test_a_class_of_weight_zero_is_not_there():
    X = example_sequences()
    y = np.arange(20) % 3
    estimator = small(LSTMClassifier, missing="ffill", class_weight={0: 0, 1: 1, 2: 1})
    estimator.fit(X, y)
    rest = [x for x, label in zip(X, y, strict=True) if label]
    assert_array_equal(estimator._fitted.first_value, mean_of(rest))


# ---- early stopping, fits that continue ---------------------------------------------


@every_estimator
@filling
def test_validation_data(Estimator, missing):
    X, X_val = example_sequences(), example_sequences(seed=1)
    y, y_val = make_target(Estimator, X), make_target(Estimator, X_val)
    params = {"early_stopping": True, "max_iter": 5}
    estimator = small(Estimator, missing=missing, **params)
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    filled, filled_val = (by_hand(S, mean_of(X), missing) for S in (X, X_val))
    expected = small(Estimator, **params)
    expected.fit(filled, y, X_val=filled_val, y_val=y_val)
    assert_same_bits(estimator, expected)
    assert estimator.validation_scores_ == expected.validation_scores_


@every_estimator
@filling
def test_the_validation_part_is_not_in_the_mean(Estimator, missing):
    X = example_sequences()
    y = make_target(Estimator, X)
    estimator = small(
        Estimator, missing=missing, early_stopping=True, validation_fraction=0.3
    ).fit(X, y)
    stratify = y if is_classifier(Estimator()) else None
    rng = np.random.RandomState(0)
    part, _ = train_test_split(X, test_size=0.3, random_state=rng, stratify=stratify)
    assert_array_equal(estimator._fitted.first_value, mean_of(part))
    assert (estimator._fitted.first_value != mean_of(X)).any()
    assert len(estimator.validation_scores_) == 2


@every_estimator
@filling
def test_partial_fit_keeps_the_first_mean(Estimator, missing):
    parts = [example_sequences(seed=s) for s in range(3)]
    estimator, expected = small(Estimator, missing=missing), small(Estimator)
    for X in parts:
        y = make_target(Estimator, X)
        kwargs = {}
        if is_classifier(Estimator()):
            kwargs = {"classes": [0, 1, 2]}
        estimator.partial_fit(X, y, **kwargs)
        filled = by_hand(X, mean_of(parts[0]), missing)
        expected.partial_fit(filled, y, **kwargs)
        assert_same_bits(estimator, expected)
    assert (mean_of(parts[0]) != mean_of(parts[1])).any()


@every_estimator
@filling
def test_warm_start_keeps_the_first_mean_and_a_new_fit_does_not(Estimator, missing):
    X, other = example_sequences(), example_sequences(seed=1)
    y, y_other = make_target(Estimator, X), make_target(Estimator, other)
    estimator = small(Estimator, missing=missing, warm_start=True)
    estimator.fit(X, y).fit(other, y_other)
    expected = small(Estimator, warm_start=True)
    expected.fit(by_hand(X, mean_of(X), missing), y)
    expected.fit(by_hand(other, mean_of(X), missing), y_other)
    assert_same_bits(estimator, expected)
    estimator.set_params(warm_start=False).fit(other, y_other)
    assert_same_bits(estimator, small(Estimator, missing=missing).fit(other, y_other))


@every_estimator
@pytest.mark.parametrize(
    "before, after", list(permutations(["error", "ffill", "indicator"], 2))
)
@pytest.mark.parametrize("continue_by", ["fit", "partial_fit"])
def test_missing_cannot_change_in_fits_that_continue(
    Estimator, before, after, continue_by
):
    X = ragged()
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=before, warm_start=True).fit(X, y)
    expected = outputs(estimator, X)
    estimator.set_params(missing=after)
    match = f"missing cannot change.*'{before}', the .*'{after}'.*warm_start=False"
    with pytest.raises(ValueError, match=match):
        getattr(estimator, continue_by)(X, y)
    assert_same_outputs(outputs(estimator, X), expected)
    estimator.set_params(warm_start=False).fit(X, y)
    assert_same_bits(estimator, small(Estimator, missing=after).fit(X, y))


@every_estimator
@filling
def test_predictions_go_by_what_was_fitted(Estimator, missing):
    """As with every parameter, a new value is for the next fit."""
    X = with_missing(ragged())
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=missing).fit(X, y)
    expected = outputs(estimator, X)
    assert_same_outputs(outputs(estimator.set_params(missing="error"), X), expected)
    estimator.fit(ragged(), y).set_params(missing=missing)
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.predict(X)


@every_estimator
@filling
def test_pickle(Estimator, missing):
    X = with_missing(ragged())
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=missing).fit(X, y)
    expected = outputs(estimator, X)
    further = copy.deepcopy(estimator).partial_fit(X, y)
    back = pickle.loads(pickle.dumps(estimator))
    assert_same_outputs(outputs(back, X), expected)
    assert_same_bits(back.partial_fit(X, y), further)


# ---- promises -----------------------------------------------------------------------


@pytest.fixture(scope="module", params=[LSTMClassifier, LSTMRegressor])
def both(request):
    X = with_missing(ragged(40, high=20))
    y = make_target(request.param, X)
    return [
        small(request.param, hidden_layer_sizes=(19, 5), missing=missing).fit(X, y)
        for missing in ("ffill", "indicator")
    ]


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_a_prediction_does_not_depend_on_its_neighbours(both, data):
    lengths = data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=30))
    share = data.draw(st.sampled_from([0.1, 0.5, 0.9]))
    rng = np.random.default_rng(len(lengths))
    X = with_missing([rng.standard_normal((T, 3)) for T in lengths], share)
    X = SequenceArray.from_list(X)
    order = data.draw(st.permutations(range(len(lengths))))
    order = np.array(order[: data.draw(st.integers(1, len(order)))])
    for estimator in both:
        together = outputs(estimator, X)
        for method, value in outputs(estimator, X[order]).items():
            assert_array_equal(value, together[method][order], err_msg=method)
        for method, value in outputs(estimator, X[:1]).items():
            assert_array_equal(value, together[method][:1], err_msg=method)


@every_estimator
@filling
@pytest.mark.parametrize("form", ["3-D", "2-D", "list", "SequenceArray"])
def test_x_is_not_changed(Estimator, missing, form):
    X = np.random.default_rng(0).standard_normal((20, 5, 1)).astype("float32")
    X[::2, 2] = np.nan
    before = X.copy()
    X.flags.writeable = False
    given_X = {
        "3-D": X,
        "2-D": X[:, :, 0],
        "list": list(X),
        "SequenceArray": SequenceArray.from_padded(X),
    }[form]
    estimator = small(Estimator, missing=missing)
    outputs(estimator.fit(given_X, make_target(Estimator, X)), given_X)
    assert_array_equal(X, before)


@every_estimator
@filling
def test_memory_is_reckoned_with_what_the_network_reads(
    Estimator, missing, monkeypatch
):
    seen = []

    training_bytes = Network.training_bytes

    def spy(network, *args, **options):
        seen.append(network.layers[0].n_inputs)
        return training_bytes(network, *args, **options)

    monkeypatch.setattr(Network, "training_bytes", spy)
    X = ragged()
    estimator = small(Estimator, missing=missing).fit(X, make_target(Estimator, X))
    assert seen == [estimator.weights_["weight_ih_l0"].shape[1]]


# ---- errors and tags ----------------------------------------------------------------


@every_estimator
def test_the_error_names_the_way_out(Estimator):
    X = ragged()
    y = make_target(Estimator, X)
    estimator = small(Estimator).fit(X, y)
    X[5][0, 2] = np.nan
    match = (
        f"NaN: sample 5, step 0, feature 2. Fit {Estimator.__name__} with "
        "missing='ffill' or missing='indicator'.*SimpleImputer"
    )
    for call in (estimator.predict, lambda X: small(Estimator).fit(X, y)):
        with pytest.raises(ValueError, match=match):
            call(X)
    with pytest.raises(ValueError, match="Missing values have to be imputed"):
        check_sequences(X)  # which has no such parameter


@every_estimator
@filling
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_stays_an_error(Estimator, missing, value):
    X = with_missing(ragged())
    y = make_target(Estimator, X)
    estimator = small(Estimator, missing=missing).fit(X, y)
    X[5][0] = [np.nan, value, 0]
    with pytest.raises(ValueError, match="infinity.*sample 5, step 0, feature 1"):
        estimator.predict(X)
    with pytest.raises(ValueError, match="infinity.*sample 5, step 0, feature 1"):
        estimator.fit(X, y)


@every_estimator
def test_tags(Estimator):
    for missing in ("error", "ffill", "indicator"):
        tags = get_tags(Estimator(missing=missing))
        assert tags.input_tags.allow_nan == (missing != "error")


# ---- in a pipeline, and learning ----------------------------------------------------


@every_estimator
@filling
@pytest.mark.parametrize("form", [list, SequenceArray.from_list, padded])
def test_behind_a_scaler(Estimator, missing, form):
    """StandardScaler lets NaN through, and so does TimeDistributed."""
    sequences = with_missing(ragged())
    X, y = form(sequences), make_target(Estimator, sequences)
    model = make_pipeline(
        TimeDistributed(StandardScaler()), small(Estimator, missing=missing)
    ).fit(X, y)
    assert all(get_tags(step).input_tags.allow_nan for step in model)
    scaled = TimeDistributed(StandardScaler()).fit_transform(X)
    twin = small(Estimator, missing=missing).fit(scaled, y)
    assert_same_bits(model[-1], twin)
    for method in [m for m in METHODS if hasattr(model, m)]:
        assert_array_equal(getattr(model, method)(X), getattr(twin, method)(scaled))
    assert np.isfinite(cross_val_score(model, X, y, cv=3, error_score="raise")).all()


@every_estimator
@filling
def test_behind_a_frame_stacker(Estimator, missing):
    X = with_missing(ragged())
    y = make_target(Estimator, X)
    stacked = FrameStacker(2).fit_transform(X)
    model = make_pipeline(FrameStacker(2), small(Estimator, missing=missing)).fit(X, y)
    assert_same_bits(model[-1], small(Estimator, missing=missing).fit(stacked, y))


def learner(Estimator, **params):
    params = {"random_state": 0, "learning_rate_init": 0.02, "max_iter": 40, **params}
    return Estimator(12, **params)


def smooth(n, seed):
    """Waves of 15 to 25 steps, whose last value is to be told."""
    rng = np.random.default_rng(seed)
    X = []
    for T in rng.integers(15, 26, size=n):
        phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(15, 25)
        wave = 2 * np.pi * np.arange(T) / period + phase
        X.append(np.c_[np.sin(wave), np.cos(wave)] + 5)
    return X


@filling
def test_learns_with_a_third_of_the_values_removed(missing):
    clean, test = smooth(200, seed=0), smooth(100, seed=1)
    X, X_test = with_missing(clean, 0.3, seed=2), with_missing(test, 0.3, seed=3)
    y, y_test = ([x[-1, 0] for x in S] for S in (clean, test))
    model = make_pipeline(
        TimeDistributed(StandardScaler()), learner(LSTMRegressor, missing=missing)
    )
    assert model.fit(X, y).score(X_test, y_test) > 0.85
    labels, labels_test = (np.greater(values, 5) for values in (y, y_test))
    model = make_pipeline(
        TimeDistributed(StandardScaler()), learner(LSTMClassifier, missing=missing)
    )
    assert model.fit(X, labels).score(X_test, labels_test) > 0.85


def test_only_the_indicator_tells_what_was_missing():
    """A constant feature, measured often or seldom: filled, it is the same."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = []
    for label in y:
        x = np.ones((rng.integers(10, 20), 1))
        x[rng.random(len(x)) < (0.2 if label else 0.6)] = np.nan
        X.append(x)
    scores = {
        missing: learner(LSTMClassifier, missing=missing)
        .fit(X[:120], y[:120])
        .score(X[120:], y[120:])
        for missing in ("ffill", "indicator")
    }
    assert scores["indicator"] > 0.9
    assert scores["ffill"] < 0.65
