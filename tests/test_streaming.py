"""Streaming: one step at a time gives what whole sequences give."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
from cases import METHODS, make_target, outputs, ragged
from family_cases import FAMILIES
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_family = pytest.mark.parametrize("family", FAMILIES)
every_pooling = pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])


def fitted(family, n_features=3, missing="error", **params):
    Estimator, own = FAMILIES[family]
    X = ragged(n_features=n_features)
    if missing != "error":
        X[1][0] = X[2][0, 0] = np.nan
    params = {"hidden_layer_sizes": (7,), "max_iter": 2, "random_state": 0, **params}
    estimator = Estimator(missing=missing, **own, **params)
    return estimator.fit(X, make_target(Estimator, X))


def methods(estimator):
    return [name for name in METHODS if hasattr(estimator, name)]


def stream(estimator, steps, method="predict", state=None):
    """The prediction after every step (T, n, ...), and the last state."""
    state = estimator.initial_state(steps.shape[1]) if state is None else state
    predictions = []
    for x in steps:
        y, state = estimator.predict_step(x, state, method=method)
        predictions.append(y)
    return predictions, state


def steps_of(n, n_features=3, T=9, missing="error", seed=0):
    """Steps (T, n, F), the first and a fifth of the others missing where allowed."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((T, n, n_features))
    if missing != "error":
        steps[rng.random(steps.shape) < 0.2] = np.nan
        steps[0, 0] = np.nan
    return steps


def prefix(steps, t):
    """The first t steps as n sequences, whose last NaN are no padding."""
    return list(steps[:t].swapaxes(0, 1))


def arrays_of(state):
    yield from (part for layer in state.layers for part in layer)
    yield from state.pooled or ()
    if state.seen is not None:
        yield state.seen


def assert_same_state(a, b):
    for x, y in zip(arrays_of(a), arrays_of(b), strict=True):
        assert_array_equal(x, y)
    assert a.network == b.network


# ---- the same as whole sequences ---------------------------------------------------


@every_family
@every_pooling
@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
@pytest.mark.parametrize(
    "hidden, n", [((7,), 1), ((18,), 5), ((7, 5), 1), ((4, 9), 20)]
)
def test_equals_every_prefix_to_the_bit(family, pooling, missing, hidden, n):
    estimator = fitted(
        family, pooling=pooling, missing=missing, hidden_layer_sizes=hidden
    )
    steps = steps_of(n, missing=missing)
    for method in methods(estimator):
        predictions, _ = stream(estimator, steps, method)
        for t, y in enumerate(predictions, start=1):
            expected = getattr(estimator, method)(prefix(steps, t))
            assert y.dtype == expected.dtype
            assert_array_equal(y, expected)


@every_family
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_was_used_in_training(family, dtype):
    """Dropout and truncation have no part in it."""
    estimator = fitted(family, dtype=dtype, dropout=0.3, recurrent_dropout=0.3, tbptt=2)
    steps = steps_of(3)
    for t, y in enumerate(stream(estimator, steps)[0], start=1):
        assert_array_equal(y, estimator.predict(prefix(steps, t)))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: (LSTMClassifier(5), (y > 0).astype(int)),
        lambda y: (LSTMClassifier(5), np.where(y > 0, "up", "down")),
        lambda y: (GRUClassifier(5), np.c_[y > 0, y > 1].astype(int)),
        lambda y: (RNNRegressor(5), np.c_[y, y**2]),
        lambda y: (LSTMRegressor(5, loss="poisson"), np.abs(y)),
        lambda y: (LSTMRegressor(5, loss="quantile", quantile=[0.9, 0.1]), y),
        lambda y: (LSTMRegressor(5, loss="quantile", quantile=[0.3]), np.c_[y, -y]),
    ],
)
def test_of_every_task(make):
    X = ragged()
    estimator, y = make(np.array([x.sum() for x in X]))
    estimator.set_params(max_iter=2, random_state=0).fit(X, y)
    steps = steps_of(4)
    for method in methods(estimator):
        for t, got in enumerate(stream(estimator, steps, method)[0], start=1):
            assert_array_equal(got, getattr(estimator, method)(prefix(steps, t)))


@every_family
def test_a_long_stream(family):
    estimator = fitted(family, pooling="attention")
    steps = steps_of(2, T=1000)
    predictions, state = stream(estimator, steps)
    assert_array_equal(predictions[-1], estimator.predict(prefix(steps, 1000)))
    assert all(np.isfinite(part).all() for part in arrays_of(state))


@every_family
@every_pooling
def test_sequences_side_by_side_are_strangers(family, pooling):
    estimator = fitted(family, pooling=pooling)
    steps = steps_of(20)
    together, _ = stream(estimator, steps)
    alone = [stream(estimator, steps[:, i : i + 1])[0] for i in range(20)]
    for t, y in enumerate(together):
        assert_array_equal(y, np.concatenate([own[t] for own in alone]))


@every_pooling
def test_streams_fitted_on_2d(pooling):
    """Columns are the steps of one feature; streams may be longer than they were."""
    X = np.random.default_rng(0).standard_normal((20, 6))
    estimator = RNNRegressor(5, pooling=pooling, max_iter=2, random_state=0)
    estimator.fit(X, X.sum(axis=1))
    steps = steps_of(4, n_features=1)
    predictions, _ = stream(estimator, steps)
    state = estimator.initial_state(4)
    for t, y in enumerate(predictions, start=1):
        again, state = estimator.predict_step(steps[t - 1, :, 0], state)
        assert_array_equal(again, y)
        assert_array_equal(y, estimator.predict(prefix(steps, t)))
        if t == 6:
            assert_array_equal(y, estimator.predict(steps[:6, :, 0].T))


@pytest.mark.parametrize(
    "form",
    [
        list, tuple, np.float32, np.asfortranarray, pd.DataFrame,
        lambda x: x.astype(object), lambda x: x.tolist(), lambda x: x[:, ::-1][:, ::-1],
        lambda x: np.repeat(x, 2, axis=0)[::2],
    ],
)  # fmt: skip
def test_forms_of_a_step(form):
    estimator, steps = fitted("LSTM"), steps_of(5).astype(np.float32)
    expected, _ = stream(estimator, steps, "predict_proba")
    state = estimator.initial_state(5)
    for x, y in zip(steps, expected, strict=True):
        got, state = estimator.predict_step(form(x), state, method="predict_proba")
        assert_array_equal(got, y)


def test_vectors_and_numbers():
    three, one = fitted("GRU"), fitted("GRU", n_features=1)
    x = np.array([0.5, -1.0, 2.0])
    for X in (x, x.tolist(), x[np.newaxis]):
        assert_array_equal(
            three.predict_step(X, three.initial_state())[0], three.predict([[x]])
        )
    assert_array_equal(
        one.predict_step(x, one.initial_state(3))[0], one.predict(x[:, None, None])
    )
    assert_array_equal(
        one.predict_step(0.5, one.initial_state())[0], one.predict([[[0.5]]])
    )


# ---- states ------------------------------------------------------------------------


@every_family
@every_pooling
@pytest.mark.parametrize("missing", ["error", "indicator"])
def test_a_state_is_never_changed(family, pooling, missing):
    """Gone on from twice, with other steps between: a state can be branched."""
    estimator = fitted(family, pooling=pooling, missing=missing)
    steps = steps_of(3, missing=missing)
    _, state = stream(estimator, steps)
    kept = copy.deepcopy(state)
    one, other = steps_of(3, T=4, seed=1), steps_of(3, T=4, seed=2)
    expected, _ = stream(estimator, one, state=state)
    stream(estimator, other, state=state)
    estimator.predict(prefix(other, 4))
    assert_same_state(state, kept)
    for a, b in zip(stream(estimator, one, state=state)[0], expected, strict=True):
        assert_array_equal(a, b)
    whole = np.concatenate([steps, one])
    assert_array_equal(expected[-1], estimator.predict(prefix(whole, 13)))


@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_state_does_not_share_memory_with_x(missing, dtype):
    """A buffer that is filled again for every step changes nothing behind it."""
    estimator = fitted("GRU", missing=missing, dtype=dtype)
    steps = steps_of(2, missing=missing).astype(dtype)
    expected, _ = stream(estimator, steps)
    buffer, state = np.empty_like(steps[0]), estimator.initial_state(2)
    for x, y in zip(steps, expected, strict=True):
        buffer[:] = x
        got, state = estimator.predict_step(buffer, state)
        assert_array_equal(buffer, x)
        assert not any(np.shares_memory(buffer, part) for part in arrays_of(state))
        buffer.fill(77)
        assert_array_equal(got, y)


@every_pooling
def test_pickles_and_copies_of_a_state(pooling, tmp_path):
    estimator = fitted("LSTM", pooling=pooling, missing="ffill")
    steps = steps_of(3, missing="ffill")
    _, state = stream(estimator, steps[:4])
    expected, end = stream(estimator, steps[4:], "predict_proba", state)
    joblib.dump(state, tmp_path / "state")
    for own in (
        copy.copy(state), copy.deepcopy(state), pickle.loads(pickle.dumps(state)),
        joblib.load(tmp_path / "state"), joblib.load(tmp_path / "state", mmap_mode="r"),
    ):  # fmt: skip
        for model in (estimator, pickle.loads(pickle.dumps(estimator))):
            got, last = stream(model, steps[4:], "predict_proba", own)
            assert_array_equal(got, expected)
            assert_same_state(last, end)


def test_what_is_computed_between_steps_does_not_matter():
    """Predictions, transforms and streams of other sizes use the same networks."""
    estimator = fitted("peepholes", hidden_layer_sizes=(7, 5))
    steps = steps_of(3)
    expected, _ = stream(estimator, steps)
    state, other = estimator.initial_state(3), estimator.initial_state(50)
    for x, y in zip(steps, expected, strict=True):
        estimator.predict(ragged(30))
        estimator.transform(ragged(5), output="gates")
        _, other = estimator.predict_step(np.ones((50, 3)), other)
        got, state = estimator.predict_step(x, state)
        assert_array_equal(got, y)
    assert len(estimator._fitted.idle) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_of_any_type_and_layout(dtype):
    """Columns of larger arrays, both precisions, other bytes: the same numbers."""
    estimator, state = fitted("LSTM", dtype=dtype), None
    step = steps_of(4)[0].astype(np.float32).astype(np.float64)
    memory = np.empty(step.nbytes + 1, np.uint8)[1:]
    anywhere = memory.view(np.float64).reshape(step.shape)
    anywhere[:] = step
    assert not anywhere.flags.aligned
    state = estimator.initial_state(4)
    expected, after = estimator.predict_step(step, state)
    for x in (
        step.astype(np.float32), step.astype(">f8"), step.astype(">f4"), anywhere,
        np.asfortranarray(step), np.repeat(step, 3, axis=1)[:, ::3], step[::-1][::-1],
        step.astype(np.longdouble), step.astype(object), step.tolist(),
        np.stack([step, step], axis=1)[:, 1],
    ):  # fmt: skip
        y, state_then = estimator.predict_step(x, state)
        assert_array_equal(y, expected)
        assert_same_state(state_then, after)


@every_pooling
def test_states_that_lie_anywhere(pooling):
    """At addresses that are no multiple of the size of a number."""
    estimator = fitted("LSTM", pooling=pooling, missing="ffill")
    steps = steps_of(3, missing="ffill")
    _, state = stream(estimator, steps)

    def moved(part):
        there = np.empty(part.nbytes + 1, np.uint8)[1:].view(part.dtype)
        there = there.reshape(part.shape)
        there[:] = part
        assert not there.flags.aligned
        return there

    layers = tuple(tuple(map(moved, parts)) for parts in state.layers)
    pooled = state.pooled and tuple(map(moved, state.pooled))
    other = state._replace(layers=layers, pooled=pooled, seen=moved(state.seen))
    (expected, after), (got, then) = (
        stream(estimator, steps, state=begin) for begin in (state, other)
    )
    assert_array_equal(got, expected)
    assert_same_state(then, after)
    X = list(steps.swapaxes(0, 1))
    assert_array_equal(
        estimator.predict(X, initial_state=other),
        estimator.predict(X, initial_state=state),
    )


def test_a_step_that_is_kept_is_no_part_of_x():
    """What was seen last stays when the caller's array gets the next numbers."""
    estimator = fitted("GRU", missing="ffill")
    x, state = np.ones((2, 3), np.float32), estimator.initial_state(2)
    _, state = estimator.predict_step(x, state)
    x[:] = 7
    assert_array_equal(state.seen, np.ones((2, 3)))


def test_two_threads_at_once():
    estimator = fitted("LSTM", hidden_layer_sizes=(9, 7), pooling="attention")
    streams = [steps_of(n, T=60, seed=n) for n in (1, 2, 3, 8)] * 3
    expected = [stream(estimator, steps, "predict_proba")[0] for steps in streams]
    with ThreadPoolExecutor(4) as pool:
        got = pool.map(lambda s: stream(estimator, s, "predict_proba")[0], streams)
        for a, b in zip(got, expected, strict=True):
            assert_array_equal(a, b)


def test_streaming_changes_no_estimator():
    estimator = fitted("GRU", missing="indicator")
    before = pickle.dumps(estimator)
    stream(estimator, steps_of(3, missing="indicator"))
    assert pickle.dumps(estimator) == before


def test_a_state_lives_on_after_fits_that_go_on():
    """The weights are new ones, the sequence is the same: online learning."""
    estimator = fitted("GRU")
    steps, X = steps_of(2), ragged()
    _, state = stream(estimator, steps)
    estimator.partial_fit(X, make_target(type(estimator), X))
    y, _ = estimator.predict_step(steps[0], state)
    assert np.isfinite(y).all()
    assert_array_equal(
        estimator.predict_step(steps[0], estimator.initial_state(2))[0],
        estimator.predict(prefix(steps, 1)),
    )


# ---- what is refused ---------------------------------------------------------------


@every_family
def test_both_ways_cannot_be_streamed(family):
    estimator = fitted(family, bidirectional=True)
    for state in (estimator.initial_state(), fitted(family).initial_state()):
        with pytest.raises(
            ValueError, match="bidirectional network cannot be strea.*="
        ):
            estimator.predict_step(np.ones(3), state)


def test_not_fitted():
    state = fitted("GRU").initial_state()
    new = clone(fitted("GRU"))
    for call in (new.initial_state, lambda: new.predict_step(np.ones(3), state)):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call()


@pytest.mark.parametrize("n", [0, -1, 1.0, "2", np.nan])
def test_number_of_sequences(n):
    with pytest.raises((TypeError, ValueError), match="n_sequences"):
        fitted("RNN").initial_state(n)


BAD_STEPS = {
    "too few features": (np.ones((2, 2)), r"shape \(2, 2\).*2 sequence.*3 feature"),
    "other number": (np.ones((3, 3)), r"shape \(3, 3\).*shape \(2, 3\)"),
    "turned": (np.ones((3, 2)), r"shape \(3, 2\).*shape \(2, 3\)"),
    "vector": (np.ones(3), r"shape \(3,\).*shape \(2, 3\)"),
    "flat": (np.ones(6), r"shape \(6,\).*shape \(2, 3\)"),
    "a sequence": (np.ones((1, 2, 3)), r"shape \(1, 2, 3\)"),
    "number": (1.0, r"shape \(\)"),
    "nothing": ([], r"shape \(0,\)"),
    "NaN": ([[1, 2, 3], [4, np.nan, 6]], "contains NaN: sequence 1, feature 1.*ffill"),
    "None": ([[1, 2, 3], [4, None, 6]], "contains NaN: sequence 1, feature 1.*ffill"),
    "inf": ([[1, 2, np.inf], [4, 5, 6]], "infinity.*sequence 0, feature 2"),
    "both": ([[-np.inf, 2, np.inf], [4, 5, 6]], "infinity.*sequence 0, feature 0"),
    "too large": ([[1, 2, 3], [1e300, 5, 6]], "too large.*float32.*sequence 1, fea"),
    "huge": ([[1, 2, 3], [10**400, 5, 6]], "number too large"),
    "complex": (np.ones((2, 3), complex), "Complex"),
    "text": ([["a", 2, 3], [4, 5, 6]], "not numeric"),
    "dates": (np.ones((2, 3), "M8[s]"), "not numeric"),
    "ragged": ([[1, 2], [4, 5, 6]], "inhomogeneous|not be read|sequence"),
    "masked": (np.ma.masked_less(np.ones((2, 3)), 0), "masked array.*filled"),
    "sparse": (csr_array(np.ones((2, 3))), "sparse.*toarray"),
    "dict": ({"a": 1}, "numbers|float"),
    "a name": ("abc", "numeric"),
}


@pytest.mark.parametrize("case", BAD_STEPS)
def test_bad_steps(case):
    X, match = BAD_STEPS[case]
    estimator = fitted("LSTM")
    state = estimator.initial_state(2)
    kept = copy.deepcopy(state)
    with pytest.raises((ValueError, TypeError), match=match):
        estimator.predict_step(X, state)
    assert_same_state(state, kept)
    assert_array_equal(
        estimator.predict_step(np.ones((2, 3)), state)[0],
        estimator.predict([[[1] * 3]] * 2),
    )


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_infinity_beside_what_is_missing(missing):
    estimator = fitted("GRU", missing=missing)
    x = np.array([[np.nan, 1, 2], [3, np.nan, np.inf]])
    with pytest.raises(ValueError, match="infinity.*sequence 1, feature 2"):
        estimator.predict_step(x, estimator.initial_state(2))


def test_methods_that_are_not_there():
    for family, method in (("GRU", "predict_proba"), ("LSTM", "fit"), ("LSTM", None)):
        estimator = fitted(family)
        assert is_classifier(estimator) == (family == "LSTM")
        with pytest.raises(ValueError, match=f"method={method!r} is none of predict"):
            estimator.predict_step(np.ones(3), estimator.initial_state(), method=method)


@pytest.mark.parametrize("state", [None, 3, (), (np.zeros((1, 7)),), "state"])
def test_what_is_no_state(state):
    with pytest.raises(TypeError, match="state must be.*initial_state"):
        fitted("GRU").predict_step(np.ones(3), state)


def test_a_prediction_is_no_state():
    """Both results passed on, which is what one forgets to take apart."""
    estimator = fitted("GRU")
    both = estimator.predict_step(np.ones(3), estimator.initial_state())
    with pytest.raises(TypeError, match="got tuple.*returns two values"):
        estimator.predict_step(np.ones(3), both)


OTHERS = {
    "cell": (("GRU", {}), "cell='gru'.*cell='lstm'"),
    "peephole": (("peepholes", {}), "cell='lstm_peephole'.*cell='lstm'"),
    "units": (("LSTM", {"hidden_layer_sizes": (8,)}), r"\(8,\).*\(7,\)"),
    "layers": (("LSTM", {"hidden_layer_sizes": (7, 7)}), r"\(7, 7\).*\(7,\)"),
    "dtype": (("LSTM", {"dtype": "float64"}), "float64.*float32"),
    "pooling": (("LSTM", {"pooling": "max"}), "pooling='max'.*pooling='last'"),
    "missing": (("LSTM", {"missing": "ffill"}), "missing='ffill'.*missing='error'"),
    "features": (("LSTM", {"n_features": 2}), "n_features=2.*n_features=3"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_states_of_other_networks(case):
    (family, params), match = OTHERS[case]
    estimator, state = fitted("LSTM"), fitted(family, **params).initial_state()
    with pytest.raises(ValueError, match=f"{match}.*initial_state"):
        estimator.predict_step(np.ones(3), state)


def test_names_of_features():
    frames = [pd.DataFrame(x, columns=list("abc")) for x in ragged()]
    estimator = LSTMRegressor(5, max_iter=1, random_state=0)
    estimator.fit(frames, make_target(LSTMRegressor, ragged()))
    step, state = frames[0].iloc[:1], estimator.initial_state()
    y, _ = estimator.predict_step(step, state)
    assert_array_equal(y, estimator.predict([step]))
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict_step(step[list("bac")], state)
    assert outputs(estimator, frames)["predict"].shape == (20,)


def test_values_whose_squares_overflow():
    estimator = fitted("RNN")
    x = np.array([[3e38, -3e38, 1.0]])
    got, _ = estimator.predict_step(
        x, estimator.initial_state(), method="predict_proba"
    )
    assert_array_equal(got, estimator.predict_proba([x]))
