"""A `State` is checked before a network goes on from it: every part of it."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from state_cases import fitted, methods

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

PARAMS = {"hidden_layer_sizes": (7, 4)}
STEPS = np.random.default_rng(0).standard_normal((4, 3, 3))


def with_layer(state, k, *parts):
    layers = list(state.layers)
    layers[k] = parts
    return state._replace(layers=tuple(layers))


def with_part(state, k, j, change):
    """`change` makes another array of a copy of part j of layer k."""
    parts = list(state.layers[k])
    parts[j] = change(parts[j].copy())
    return with_layer(state, k, *parts)


def with_pooled(state, j, change):
    pooled = list(state.pooled)
    pooled[j] = change(pooled[j].copy())
    return state._replace(pooled=tuple(pooled))


def put(at, value):
    def change(array):
        array[at] = value
        return array

    return change


def without(mapping, key):
    return {name: value for name, value in mapping.items() if name != key}


#: What happens to a state of an LSTM of 7 and 4 units, and what the error says.
CHANGED = {
    "no layers": (lambda s: s._replace(layers=()), r"layers has 0 part.*2 layer"),
    "one layer": (lambda s: s._replace(layers=s.layers[:1]), r"layers has 1 part"),
    "three layers": (lambda s: s._replace(layers=s.layers * 2), r"layers has 4 part"),
    "None layers": (lambda s: s._replace(layers=None), r"layers must be a tuple.*None"),
    "an array of layers": (
        lambda s: s._replace(layers=np.zeros((2, 2, 3, 8))), r"layers must be.*ndarray",
    ),
    "a dict of layers": (
        lambda s: s._replace(layers=dict(enumerate(s.layers))), r"layers must be.*dict",
    ),
    "text": (lambda s: s._replace(layers="hc"), r"layers must be a tuple.*str"),
    "no cell state": (
        lambda s: with_layer(s, 1, s.layers[1][0]),
        r"layers\[1\] has 1 part.*hidden and the cell state",
    ),
    "a part more": (
        lambda s: with_layer(s, 0, *s.layers[0], s.layers[0][0]),
        r"layers\[0\] has 3 part",
    ),
    "None for a part": (
        lambda s: with_layer(s, 0, s.layers[0][0], None),
        r"layers\[0\]\[1\], the cell state, must be an array, got NoneType",
    ),
    "an array for parts": (
        lambda s: with_layer(s, 0) and s._replace(layers=(s.layers[0][0], s.layers[1])),
        r"layers\[0\] must be a tuple.*ndarray",
    ),
    "a list for a part": (
        lambda s: with_part(s, 0, 0, lambda a: a.tolist()),
        r"layers\[0\]\[0\], the hidden state, must be an array, got list",
    ),
    "masked": (
        lambda s: with_part(s, 0, 0, lambda a: np.ma.masked_greater(a, 0)),
        r"layers\[0\]\[0\].*got MaskedArray",
    ),
    "narrower": (
        lambda s: with_part(s, 0, 0, lambda a: a[:, :6]),
        r"layers\[0\]\[0\].*shape \(3, 6\).*\(3, 7\)|\(n, 7\)",
    ),
    "one column": (
        lambda s: with_part(s, 1, 1, lambda a: a[:, :1]),
        r"layers\[1\]\[1\].*shape \(3, 1\).*\(3, 4\)",
    ),
    "wider": (
        lambda s: with_part(s, 0, 1, lambda a: np.hstack([a, a])[:, :9]),
        r"layers\[0\]\[1\].*shape \(3, 9\).*\(3, 7\), padded to \[8, 16\]",
    ),
    "no columns": (
        lambda s: with_part(s, 0, 0, lambda a: a[:, :0]), r"layers\[0\]\[0\].*\(3, 0\)",
    ),
    "a vector": (
        lambda s: with_part(s, 0, 0, lambda a: a[0]), r"layers\[0\]\[0\].*shape \(",
    ),
    "a cube": (
        lambda s: with_part(s, 0, 0, lambda a: a[None]), r"layers\[0\]\[0\].*e \(1, 3",
    ),
    "fewer sequences": (
        lambda s: with_part(s, 1, 0, lambda a: a[:2]),
        r"layers\[1\]\[0\].*shape \(2, \d+\).*\(3, 4\)",
    ),
    "no sequences": (
        lambda s: s._replace(
            layers=tuple(tuple(a[:0] for a in parts) for parts in s.layers)
        ),
        r"layers\[0\]\[0\].*shape \(0, \d+\)",
    ),
    "float64": (
        lambda s: with_part(s, 0, 0, lambda a: a.astype("float64")),
        r"layers\[0\]\[0\].*dtype float64.*float32",
    ),
    "integers": (
        lambda s: with_part(s, 0, 1, lambda a: a.astype(int)),
        r"layers\[0\]\[1\].*dtype int64.*float32",
    ),
    "objects": (
        lambda s: with_part(s, 0, 1, lambda a: a.astype(object)),
        r"layers\[0\]\[1\].*dtype object",
    ),
    "bytes the other way": (
        lambda s: with_part(s, 0, 1, lambda a: a.astype(">f4")),
        r"layers\[0\]\[1\].*dtype >f4",
    ),
    "NaN": (
        lambda s: with_part(s, 0, 0, put((1, 2), np.nan)),
        r"layers\[0\]\[0\], the hidden state, holds nan at \[1, 2\], sequence 1",
    ),
    "inf": (
        lambda s: with_part(s, 1, 1, put((2, 0), -np.inf)),
        r"layers\[1\]\[1\], the cell state, holds -inf at \[2, 0\], sequence 2",
    ),
    "pooled": (
        lambda s: s._replace(pooled=(s.layers[0][0], s.layers[0][0])),
        r"pooled must be None.*pooling='last'",
    ),
    "seen": (
        lambda s: s._replace(seen=np.zeros((3, 3), "float32")),
        r"seen must be None.*missing='error'",
    ),
    "no network": (lambda s: s._replace(network=None), r"network must be a dict of"),
    "network as a list": (
        lambda s: s._replace(network=list(s.network.items())), "network must be a dict",
    ),
    "network without a key": (
        lambda s: s._replace(network=without(s.network, "cell")),
        r"network must be a dict of .*cell",
    ),
    "network with one more": (
        lambda s: s._replace(network={**s.network, "x": 1}), r"network must be a.*'x'",
    ),
    "another cell": (
        lambda s: s._replace(network={**s.network, "cell": "gru"}),
        "cell='gru', this one has cell='lstm'",
    ),
    "an array in it": (
        lambda s: s._replace(network={**s.network, "hidden_layer_sizes": np.arange(2)}),
        r"hidden_layer_sizes=array\(\[0, 1\]\), this one has .*\(7, 4\)",
    ),
    "nonsense in it": (
        lambda s: s._replace(network={**s.network, "dtype": None}),
        "dtype=None, this one has dtype='float32'",
    ),
}  # fmt: skip


def after_steps(estimator, n=2):
    state = estimator.initial_state(3)
    for x in STEPS[:n]:
        _, state = estimator.predict_step(x, state)
    return state


def everything_that_takes(estimator, state):
    """Calls with the state, by the name that it has in them."""
    for method in methods(estimator):
        yield (
            "state",
            lambda m=method: estimator.predict_step(STEPS[2], state, method=m),
        )
        yield (
            "initial_state",
            lambda m=method: getattr(estimator, m)(
                list(STEPS.swapaxes(0, 1)), initial_state=state
            ),
        )
    for output in ("last", "sequence", "gates"):
        yield (
            "initial_state",
            lambda o=output: estimator.transform(
                list(STEPS.swapaxes(0, 1)), o, initial_state=state
            ),
        )


def assert_refused(estimator, state, match):
    for name, call in everything_that_takes(estimator, state):
        with pytest.raises((ValueError, TypeError), match=match) as caught:
            call()
        assert name.replace("_", " ") in str(caught.value).replace("_", " ")
        assert type(caught.value) in (ValueError, TypeError)
    assert len(estimator._fitted.idle) == 1


@pytest.mark.parametrize("case", CHANGED)
def test_what_was_changed_is_told(case):
    change, match = CHANGED[case]
    estimator = fitted("LSTM", **PARAMS)
    for state in (estimator.initial_state(3), after_steps(estimator)):
        assert_refused(estimator, change(state), match)
        expected = estimator.predict_step(STEPS[0], state)[0]
        assert_array_equal(estimator.predict_step(STEPS[0], state)[0], expected)


def test_layers_in_another_order():
    estimator = fitted("LSTM", hidden_layer_sizes=(7, 20))
    state = after_steps(estimator)
    turned = state._replace(layers=state.layers[::-1])
    assert_refused(estimator, turned, r"layers\[0\]\[0\].*shape \(3, \d+\).*\(n, 7\)")


SEEN = {
    "missing": (lambda s: s._replace(seen=None), "seen.*must be an array.*None"),
    "narrower": (lambda s: s._replace(seen=s.seen[:, :2]), r"seen.*\(3, 2\).*\(3, 3\)"),
    "wider": (
        lambda s: s._replace(seen=np.hstack([s.seen] * 2)[:, :4]),
        r"seen.*\(3, 4\).*\(3, 3\)\.",
    ),
    "fewer": (lambda s: s._replace(seen=s.seen[:1]), r"seen.*\(1, 3\).*\(3, 3\)"),
    "a row": (lambda s: s._replace(seen=s.seen[0]), r"seen.*\(3,\).*\(3, 3\)"),
    "float64": (lambda s: s._replace(seen=s.seen.astype("float64")), "seen.*float64"),
    "NaN": (
        lambda s: s._replace(seen=put((2, 1), np.nan)(s.seen.copy())),
        r"seen, the values seen last, holds nan at \[2, 1\], sequence 2",
    ),
    "a list": (lambda s: s._replace(seen=s.seen.tolist()), "seen.*got list"),
}  # fmt: skip


@pytest.mark.parametrize("case", SEEN)
@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_what_was_seen(case, missing):
    change, match = SEEN[case]
    estimator = fitted("GRU", missing=missing)
    for state in (estimator.initial_state(3), after_steps(estimator)):
        assert_refused(estimator, change(state), match)


POOLED = {
    "missing": (lambda s: s._replace(pooled=None), "pooled must be a tuple.*NoneType"),
    "one part": (lambda s: s._replace(pooled=s.pooled[:1]), "pooled has 1 part"),
    "an array": (lambda s: s._replace(pooled=s.pooled[0]), "pooled must be a tuple"),
    "narrower": (lambda s: with_pooled(s, 0, lambda a: a[:, :3]), r"d\[0\].*3, 3\)"),
    "fewer": (lambda s: with_pooled(s, 0, lambda a: a[:2]), r"pooled\[0\].*\(2, "),
    "norms": (lambda s: with_pooled(s, 1, lambda a: a[:, :2]), r"pooled\[1\].*3, 2\)"),
    "float64": (lambda s: with_pooled(s, 0, np.float64), r"pooled\[0\].*float64"),
    "NaN": (lambda s: with_pooled(s, 0, put((1, 2), np.nan)), "pooled.*sequence 1"),
    "inf": (lambda s: with_pooled(s, 0, put((1, 2), np.inf)), "pooled.*sequence 1"),
    "NaN steps": (lambda s: with_pooled(s, 1, put((2, 0), np.nan)), "pooled.*ence 2"),
    "half a step": (lambda s: with_pooled(s, 1, put((2, 0), 0.5)), "pooled.*ence 2"),
    "negative": (lambda s: with_pooled(s, 1, put((0, 0), -1)), "pooled.*sequence 0"),
    "no end of steps": (
        lambda s: with_pooled(s, 1, put((0, 0), np.inf)), "pooled.*sequence 0",
    ),
    "largest": (lambda s: with_pooled(s, 1, put((0, 1), np.nan)), "pooled.*sequence 0"),
    "total": (lambda s: with_pooled(s, 1, put((0, 2), -1)), "pooled.*sequence 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", POOLED)
@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_what_was_pooled(case, pooling):
    change, match = POOLED[case]
    estimator = fitted("LSTM", pooling=pooling)
    for state in (estimator.initial_state(3), after_steps(estimator)):
        assert_refused(estimator, change(state), match)


@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_steps_without_sums(pooling):
    """Counted as none, though something is summed; as some, though nothing is."""
    estimator = fitted("LSTM", pooling=pooling)
    state = with_pooled(after_steps(estimator), 1, put((1, 0), 0))
    assert_refused(estimator, state, "pooled.*sequence 1")
    if pooling != "mean":  # whose sums may be 0 after steps
        state = with_pooled(estimator.initial_state(3), 1, put((1, 0), 4))
        assert_refused(estimator, state, "pooled.*sequence 1")


# ---- what is no fault ---------------------------------------------------------------


def variants(state):
    """The same state in other arrays."""
    mapped = [
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),  # read-only
    ]
    for change in mapped:
        yield state._replace(
            layers=tuple(tuple(map(change, parts)) for parts in state.layers),
            pooled=state.pooled and tuple(map(change, state.pooled)),
            seen=None if state.seen is None else change(state.seen),
        )
    yield state._replace(layers=[list(parts) for parts in state.layers])
    yield state._replace(network=copy.deepcopy(state.network))
    yield pickle.loads(pickle.dumps(state))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("missing", ["error", "ffill"])
def test_the_same_state_in_other_arrays(pooling, missing):
    estimator = fitted("LSTM", missing, pooling=pooling, **PARAMS)
    rest = list(STEPS.swapaxes(0, 1))
    for state in (estimator.initial_state(3), after_steps(estimator)):
        step, _ = estimator.predict_step(STEPS[2], state, method="predict_proba")
        whole = estimator.predict_proba(rest, initial_state=state)
        for same in variants(state):
            got, after = estimator.predict_step(STEPS[2], same, method="predict_proba")
            assert_array_equal(got, step)
            estimator.predict_step(STEPS[3], after)
            got = estimator.predict_proba(rest, initial_state=same)
            assert_array_equal(got, whole)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("pooling", ["last", "max", "attention"])
def test_padding_of_other_instruction_sets(lanes, pooling):
    def padded(a, n_units):
        whole = np.zeros((len(a), -(-n_units // lanes) * lanes), a.dtype)
        whole[:, :n_units] = a[:, :n_units]
        return whole

    estimator = fitted("LSTM", pooling=pooling, **PARAMS)
    rest = list(STEPS.swapaxes(0, 1))
    for state in (estimator.initial_state(3), after_steps(estimator)):
        other = state._replace(
            layers=tuple(
                tuple(padded(a, n_units) for a in parts)
                for n_units, parts in zip((7, 4), state.layers)
            ),
            pooled=state.pooled and (padded(state.pooled[0], 4), state.pooled[1]),
        )
        for method in ("predict_proba", "decision_function"):
            a, b = (
                estimator.predict_step(STEPS[2], s, method=method)[0]
                for s in (state, other)
            )
            assert_array_equal(a, b)
            a, b = (
                getattr(estimator, method)(rest, initial_state=s)
                for s in (state, other)
            )
            assert_array_equal(a, b)


def test_large_values_whose_squares_are_no_numbers():
    estimator = fitted("ReLU")
    state = estimator.initial_state(h=np.full((1, 3, 7), 1e25))
    assert np.isfinite(estimator.predict_step(STEPS[0], state)[0]).all()


def test_a_network_of_a_state_is_its_own():
    """Nothing that is written to it reaches the estimator."""
    estimator = fitted("GRU")
    state = estimator.initial_state(3)
    state.network["cell"] = "lstm"
    with pytest.raises(ValueError, match="cell='lstm', this one has cell='gru'"):
        estimator.predict_step(STEPS[0], state)
    estimator.predict_step(STEPS[0], estimator.initial_state(3))


def test_a_stream_that_has_gone_beyond_its_dtype_says_so():
    estimator = fitted("ReLU")
    state = estimator.initial_state(3)
    grown = with_part(state, 0, 0, put((0, 0), np.inf))
    with pytest.raises(ValueError, match="gone beyond its dtype; begin the sequence"):
        estimator.predict_step(STEPS[0], grown)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_under_any_settings_of_numpy(pooling):
    """Neither the quick look nor the thorough one, nor a cast, sets off an alarm."""
    estimator = fitted("LSTM", "ffill", pooling=pooling)
    given = {"h": np.full((1, 3, 7), 1e-300), "c": np.full((1, 3, 7), 1e30)}
    with np.errstate(all="raise"):
        state = estimator.initial_state(**given)
        _, after = estimator.predict_step(STEPS[0], state)
        for wrong in (
            with_part(after, 0, 0, put((0, 0), np.nan)),
            after._replace(seen=np.full((3, 3), np.inf, "float32")),
        ):
            with pytest.raises(ValueError, match="holds"):
                estimator.predict_step(STEPS[0], wrong)
        if pooling != "last":
            for value in (np.nan, np.inf, -np.inf):
                wrong = with_pooled(after, 1, put((0, slice(None)), value))
                with pytest.raises(ValueError, match="pooled"):
                    estimator.predict_step(STEPS[0], wrong)
