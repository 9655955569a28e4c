"""Predictions that begin with a state: given by the user, or left by earlier steps."""

import copy
from itertools import product

import numpy as np
import pytest
from cases import ragged
from family_cases import FAMILIES
from family_cases import read as read_by_hand
from numpy.testing import assert_allclose, assert_array_equal
from reference import forward
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from state_cases import fitted, methods

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNRegressor
from sklstm._network import network as network_module

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_family = pytest.mark.parametrize("family", FAMILIES)
every_pooling = pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])

RNG = np.random.default_rng(0)


def some(n):
    return ragged()[:n]


def sizes_of(estimator):
    """Units of each layer and direction."""
    sizes = np.atleast_1d(estimator.hidden_layer_sizes).tolist()
    return [size for size in sizes for _ in range(1 + estimator.bidirectional)]


def random_states(estimator, n, seed=1):
    """h and, for an LSTM, c of n sequences, as `initial_state` takes them."""
    rng = np.random.default_rng(seed)
    names = "hc" if type(estimator).__name__.startswith("LSTM") else "h"
    return {
        name: [rng.standard_normal((n, size)) for size in sizes_of(estimator)]
        for name in names
    }


def rows(states, at):
    return {name: [part[at] for part in parts] for name, parts in states.items()}


def read(estimator, X, state):
    """All that a state has a part in."""
    found = {
        name: getattr(estimator, name)(X, initial_state=state)
        for name in methods(estimator)
    }
    found["last"] = estimator.transform(X, initial_state=state)
    found["sequence"] = estimator.transform(X, "sequence", initial_state=state)
    gates = estimator.transform(X, "gates", initial_state=state)
    return found, gates


# ---- what is computed ----------------------------------------------------------------


def head_by_hand(family, estimator, x, states, i):
    """The output of the head for one sequence that begins with state i."""
    w, x = estimator.weights_, np.asarray(x, dtype=np.float64)
    directions = ["", "_reverse"] if estimator.bidirectional else [""]
    place = 0
    for k in range(len(np.atleast_1d(estimator.hidden_layer_sizes))):
        outputs, lasts = [], []
        for suffix in directions:
            h_0 = states["h"][place][i]
            c_0 = states["c"][place][i] if "c" in states else np.zeros_like(h_0)
            steps = x[::-1] if suffix else x
            h = cell_by_hand(family, w, f"l{k}{suffix}", steps, h_0, c_0)
            outputs.append(h[:0:-1] if suffix else h[1:])
            lasts.append(h[-1])
            place += 1
        x, last = np.hstack(outputs), np.concatenate(lasts)
    pooled = last
    if len(x) and estimator.pooling != "last":
        pooled = x.mean(axis=0) if estimator.pooling == "mean" else x.max(axis=0)
    return w["head_weight"] @ pooled + w["head_bias"], last


CELLS = {
    "LSTM": "lstm", "peepholes": "lstm_peephole", "GRU": "gru", "RNN": "rnn_tanh",
    "ReLU": "rnn_relu",
}  # fmt: skip


def cell_by_hand(family, w, name, x, h_0, c_0):
    """All hidden states (T + 1, H), by the reference of the kernels."""
    W, R = w[f"weight_ih_{name}"].T, w[f"weight_hh_{name}"].T
    b_ih, b_hh = w[f"bias_ih_{name}"], w[f"bias_hh_{name}"]
    H = len(h_0)
    if family == "GRU":  # r, z, n of PyTorch are r, u, n there, and n is its first
        W, R = (np.roll(a.reshape(-1, 3, H), 1, 1).reshape(-1, 3 * H) for a in (W, R))
        # R h' goes to r, u, q
        R = np.roll(R.reshape(-1, 3, H), -1, 1).reshape(-1, 3 * H)
        (b_r, b_u, b_n), (_, _, b_q) = b_ih.reshape(3, H), b_hh.reshape(3, H)
        b = np.concatenate([b_n, b_r, b_u, b_q])
    else:
        b = b_ih + b_hh
    weights = {"w": W, "r": R, "b": b}
    if family == "peepholes":
        weights["p"] = w[f"peephole_{name}"].reshape(3, H)
    return forward(CELLS[family], weights, x, h_0, c_0)[0]


def test_by_hand_is_what_the_other_tests_have_by_hand():
    estimator = fitted("GRU", dtype="float64")
    x = RNG.standard_normal((4, 3))
    zeros = np.zeros(7)
    assert_allclose(
        cell_by_hand("GRU", estimator.weights_, "l0", x, zeros, zeros),
        read_by_hand("GRU", estimator.weights_, "l0", x),
        1e-12,
    )


@every_family
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("hidden", [(5,), (7, 4)])
def test_against_the_reference(family, bidirectional, pooling, hidden):
    estimator = fitted(
        family, bidirectional=bidirectional, pooling=pooling, hidden_layer_sizes=hidden,
        dtype="float64",
    )  # fmt: skip
    X = [RNG.standard_normal((T, 3)) for T in (4, 0, 1, 9, 0, 2)]
    states = random_states(estimator, len(X))
    state = estimator.initial_state(**states)
    predict = getattr(estimator, "decision_function", estimator.predict)
    got = predict(X, initial_state=state)
    last = estimator.transform(X, initial_state=state)
    for i, x in enumerate(X):
        head, h = head_by_hand(family, estimator, x, states, i)
        assert_allclose(np.atleast_1d(got[i]), head, 1e-9, 1e-11)
        assert_allclose(last[i], h, 1e-9, 1e-12)
        if not len(x):  # what there is without a step
            top = states["h"][-1 - bidirectional :]
            expected = np.concatenate([part[i] for part in top])
            assert_array_equal(last[i], expected)


@every_family
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeros_are_no_state_to_the_bit(family, dtype):
    for bidirectional, pooling in product((False, True), ("last", "attention")):
        estimator = fitted(
            family, bidirectional=bidirectional, pooling=pooling, dtype=dtype,
            hidden_layer_sizes=(7, 5), missing="indicator",
        )  # fmt: skip
        X = ragged()
        zeros = [np.zeros((len(X), size)) for size in sizes_of(estimator)]
        for state in (
            estimator.initial_state(len(X)),
            estimator.initial_state(h=zeros),
            estimator.initial_state(len(X), h=zeros),
        ):
            (found, gates), (expected, expected_gates) = (
                read(estimator, X, s) for s in (state, None)
            )
            for name, value in expected.items():
                assert_array_equal(
                    getattr(found[name], "data", found[name]),
                    getattr(value, "data", value),
                )
            for name, value in expected_gates.items():
                assert_array_equal(gates[name].data, value.data)


@every_family
@every_pooling
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("missing", ["error", "ffill"])
def test_each_sequence_by_itself_to_the_bit(
    family, pooling, bidirectional, missing, monkeypatch
):
    """Whatever is beside it, and whatever batch it is in."""
    estimator = fitted(
        family, pooling=pooling, bidirectional=bidirectional, missing=missing,
        hidden_layer_sizes=(7, 4),
    )  # fmt: skip
    X = [*ragged(30), np.empty((0, 3))]
    if missing == "ffill":
        for x in X[1::3]:
            x[0, 1] = np.nan
    states = random_states(estimator, len(X))
    state = estimator.initial_state(**states)
    together, gates = read(estimator, X, state)
    monkeypatch.setattr(network_module, "PREDICT_STEPS", 20)
    small = network_module.Network._batches
    monkeypatch.setattr(
        network_module.Network, "_batches", lambda self, n, steps=0: small(self, n, 20)
    )
    in_batches, _ = read(estimator, X, state)
    for name, value in together.items():
        batched = in_batches[name]
        assert_array_equal(
            getattr(batched, "data", batched), getattr(value, "data", value)
        )
    for i, x in enumerate(X):
        own = estimator.initial_state(**rows(states, slice(i, i + 1)))
        alone, gates_alone = read(estimator, [x], own)
        for name, value in together.items():
            assert_array_equal(alone[name][0], value[i], err_msg=name)
        for name, value in gates.items():
            assert_array_equal(gates_alone[name][0], value[i], err_msg=name)


@every_family
@every_pooling
@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
@pytest.mark.parametrize("cut", [0, 1, 4, 9])
def test_cut_in_two_is_the_whole_to_the_bit(family, pooling, missing, cut):
    """Pooling and the values seen last go on too."""
    estimator = fitted(
        family, pooling=pooling, missing=missing, hidden_layer_sizes=(7, 9)
    )
    steps = np.random.default_rng(3).standard_normal((9, 5, 3))
    if missing != "error":
        steps[np.random.default_rng(4).random(steps.shape) < 0.3] = np.nan
    state = estimator.initial_state(5)
    for x in steps[:cut]:
        _, state = estimator.predict_step(x, state)
    whole, rest = (list(part.swapaxes(0, 1)) for part in (steps, steps[cut:]))
    kept = copy.deepcopy(state)
    for name in methods(estimator):
        assert_array_equal(
            getattr(estimator, name)(rest, initial_state=state),
            getattr(estimator, name)(whole),
        )
    assert_array_equal(
        estimator.transform(rest, initial_state=state), estimator.transform(whole)
    )
    for a, b in zip(
        estimator.transform(rest, "sequence", initial_state=state),
        estimator.transform(whole, "sequence"),
        strict=True,
    ):
        assert_array_equal(a, b[cut:])
    for a, b in zip(state.layers, kept.layers, strict=True):
        assert_array_equal(a, b)
    for a, b in zip(state.pooled or (), kept.pooled or (), strict=True):
        assert_array_equal(a, b)


@every_family
def test_states_that_the_gates_show(family):
    """After any part of a sequence, without streaming it."""
    estimator = fitted(family, hidden_layer_sizes=(7, 5))
    X = [RNG.standard_normal((T, 3)) for T in (8, 5, 6)]
    gates = estimator.transform([x[:4] for x in X], "gates")
    given = {
        part[0]: [
            np.array([own[-1] for own in gates[f"{part}_state_l{k}"]]) for k in (0, 1)
        ]
        for part in ("hidden", "cell")
        if f"{part}_state_l0" in gates
    }
    given = {{"h": "h", "c": "c"}[name]: value for name, value in given.items()}
    state = estimator.initial_state(**given)
    assert_array_equal(
        estimator.predict([x[4:] for x in X], initial_state=state), estimator.predict(X)
    )


def test_a_stream_from_given_states():
    for family in FAMILIES:
        estimator = fitted(family, hidden_layer_sizes=(7, 5), pooling="mean")
        steps = RNG.standard_normal((6, 3, 3))
        state = start = estimator.initial_state(**random_states(estimator, 3))
        for t, x in enumerate(steps, start=1):
            y, state = estimator.predict_step(x, state)
            so_far = list(steps[:t].swapaxes(0, 1))
            assert_array_equal(y, estimator.predict(so_far, initial_state=start))


def test_many_steps_in_two_batches():
    """More row-steps than one batch takes, nothing patched."""
    estimator = fitted("LSTM", pooling="mean")
    X = RNG.standard_normal((150, 500, 3))
    assert X[..., 0].size > network_module.PREDICT_STEPS
    states = random_states(estimator, len(X))
    together = estimator.predict_proba(
        X, initial_state=estimator.initial_state(**states)
    )
    for i in (0, 149):
        own = estimator.initial_state(**rows(states, slice(i, i + 1)))
        alone = estimator.predict_proba(X[i : i + 1], initial_state=own)
        assert_array_equal(alone[0], together[i])


# ---- h and c as users have them ------------------------------------------------------


def test_forms_of_h_and_c():
    estimator = fitted("LSTM", hidden_layer_sizes=(4, 4), bidirectional=True)
    X = some(3)
    h, c = RNG.standard_normal((2, 4, 3, 4)).astype("float32")
    state = estimator.initial_state(3, h=h, c=c)
    expected = estimator.predict_proba(X, initial_state=state)
    forms = [list, tuple, lambda a: a.tolist(), lambda a: a.astype("float64")]
    forms += [np.asfortranarray, lambda a: a[:, ::-1][:, ::-1]]
    try:
        import torch
    except ImportError:
        pass
    else:
        forms += [torch.tensor, lambda a: torch.tensor(a, requires_grad=True)]
        forms += [lambda a: list(torch.tensor(a))]
    for form in forms:
        state = estimator.initial_state(h=form(h), c=form(c))
        assert_array_equal(estimator.predict_proba(X, initial_state=state), expected)
    before = h.copy()
    state = estimator.initial_state(h=h)
    assert not any(
        np.shares_memory(h, part) for layer in state.layers for part in layer
    )
    assert_array_equal(h, before)


def test_integers_and_one_of_the_two():
    estimator = fitted("LSTM")
    X = some(2)
    ones = np.ones((1, 2, 7))
    a = estimator.initial_state(h=ones.astype(int), c=np.zeros((1, 2, 7)))
    b = estimator.initial_state(h=ones)
    assert_array_equal(
        estimator.predict_proba(X, initial_state=a),
        estimator.predict_proba(X, initial_state=b),
    )
    only_c = estimator.initial_state(2, c=ones)
    assert np.any(only_c.layers[0][1]) and not np.any(only_c.layers[0][0])


def test_as_torch_has_it():
    torch = pytest.importorskip("torch")
    from sklstm.export import from_torch

    for make, Estimator in (
        (torch.nn.LSTM, LSTMRegressor),
        (torch.nn.RNN, RNNRegressor),
    ):
        torch.manual_seed(0)
        module = make(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        head = torch.nn.Linear(8, 1)
        parameters = {
            **{f"rnn.{k}": v for k, v in module.state_dict().items()},
            **{f"head.{k}": v for k, v in head.state_dict().items()},
        }
        estimator = from_torch(parameters, Estimator((4, 4), bidirectional=True))
        x = torch.randn(3, 6, 3)
        h = torch.randn(4, 3, 4)
        c = torch.randn(4, 3, 4) if make is torch.nn.LSTM else None
        with torch.no_grad():
            _, last = module(x, h if c is None else (h, c))
            last = last if c is None else last[0]
            expected = torch.cat([last[-2], last[-1]], dim=1)
            outputs = head(expected).numpy()
        state = estimator.initial_state(h=h, c=c)
        got = estimator.transform(x.numpy(), initial_state=state)
        assert_allclose(got, expected.numpy(), 1e-5, 1e-6)
        got = estimator.predict(x.numpy(), initial_state=state)
        assert_allclose(got, outputs[:, 0], 1e-5, 1e-6)


LSTM = {"hidden_layer_sizes": (7, 4)}
ONES = [np.ones((2, 7)), np.ones((2, 4))]
TOO_LARGE = [np.full((2, 7), 1e39), np.ones((2, 4))]
BAD_ARRAYS = {
    "one layer": ({"h": ONES[:1]}, r"h is a list of 1.*2 layer.*\[7, 4\] units"),
    "three layers": ({"h": ONES + ONES[:1]}, "h is a list of 3.*2 layer"),
    "an array": ({"h": np.ones((1, 2, 7))}, r"h has shape \(1, 2, 7\).*2 layer"),
    "a number": ({"h": 1.0}, r"h has shape \(\).*2 layer"),
    "nothing": ({"h": []}, "h is a list of 0"),
    "other order": ({"h": ONES[::-1]}, r"h\[0\] has shape \(2, 4\).*\(2, 7\)"),
    "other units": ({"c": [ONES[0], ONES[0]]}, r"c\[1\] has shape \(2, 7\).*\(2, 4\)"),
    "other n": ({"h": ONES, "n_sequences": 3}, r"h\[0\] has shape \(2, 7\).*\(3, 7\)"),
    "h and c": (
        {"h": ONES, "c": [np.ones((3, 7)), np.ones((3, 4))]},
        r"c\[0\] has shape \(3, 7\).*\(2, 7\)",
    ),
    "no n": ({"h": [np.ones((0, 7)), np.ones((0, 4))]}, r"h\[0\] has shape \(0, 7\)"),
    "vectors": ({"h": [np.ones(7), np.ones(4)]}, r"h\[0\] has shape \(7,\).*two axes"),
    "NaN": ({"h": [ONES[0], ONES[1] * np.nan]}, r"h\[1\] holds NaN or infinity"),
    "inf": ({"c": [ONES[0] * np.inf, ONES[1]]}, r"c\[0\] holds NaN or infinity"),
    "too large": ({"h": TOO_LARGE}, r"h\[0\] holds a number too large for .*float32"),
    "text": ({"h": ["a", "b"]}, r"h\[0\] holds <U1, not real numbers"),
    "complex": ({"h": [a * 1j for a in ONES]}, r"h\[0\] holds complex128"),
    "bool": ({"h": [a > 0 for a in ONES]}, r"h\[0\] holds bool"),
    "None": ({"h": [None, None]}, r"h\[0\] holds object"),
    "dict": ({"h": {"l0": ONES[0]}}, "h holds object"),
    "ragged": ({"h": [[[1, 2], [3]], ONES[1]]}, r"h\[0\] cannot be read as an array"),
    "masked": (
        {"h": [np.ma.masked_less(ONES[0], 0), ONES[1]]}, r"h\[0\] is a masked array",
    ),
    "sparse": ({"h": [csr_array(ONES[0]), ONES[1]]}, r"h\[0\] is sparse, but dense"),
    "a state": ({"n_sequences": "state"}, "n_sequences must be an instance of"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays(case):
    given, match = BAD_ARRAYS[case]
    with pytest.raises((ValueError, TypeError), match=match):
        fitted("LSTM", **LSTM).initial_state(**given)


def test_an_array_says_its_axes():
    estimator = fitted("LSTM", hidden_layer_sizes=(4, 4))
    with pytest.raises(ValueError, match=r"shape \(2, n_sequences, 4\): layers times"):
        estimator.initial_state(h=np.ones((3, 2, 4)))


@pytest.mark.parametrize("family", ["GRU", "RNN", "ReLU"])
def test_cells_without_c(family):
    with pytest.raises(ValueError, match="c is given.*no cell states"):
        fitted(family).initial_state(c=np.zeros((1, 1, 7)))


# ---- in place of None ---------------------------------------------------------------


def test_as_many_sequences_as_X():
    estimator = fitted("GRU", missing="ffill")
    state = estimator.initial_state(3)
    for n in (1, 4):
        for name in (*methods(estimator), "transform"):
            with pytest.raises(
                ValueError, match=f"initial_state is of 3 sequence.*X has {n}"
            ):
                getattr(estimator, name)(some(n), initial_state=state)
    assert estimator.predict(some(3), initial_state=state).shape == (3,)
    assert len(estimator._fitted.idle) == 1


def test_no_state_and_not_fitted():
    h, c = np.zeros((1, 2, 7)), np.zeros((1, 2, 7))
    estimator = fitted("LSTM")
    for wrong in (h, (h, c), [h, c], "zeros", 0, {"h": h}):
        with pytest.raises(TypeError, match="initial_state must be what.*arrays as h"):
            estimator.predict(some(2), initial_state=wrong)
    with pytest.raises(NotFittedError):
        LSTMClassifier().predict(some(2), initial_state=estimator.initial_state(2))


def test_of_another_network():
    state = fitted("GRU").initial_state(2)
    with pytest.raises(ValueError, match="initial state is of a.*cell='gru'.*'lstm'"):
        fitted("LSTM").predict(some(2), initial_state=state)
    state = fitted("LSTM", bidirectional=True).initial_state(2)
    with pytest.raises(ValueError, match="bidirectional=True, this one has.*=False"):
        fitted("LSTM").predict(some(2), initial_state=state)


def test_positional_arguments_are_the_old_ones():
    estimator = fitted("LSTM")
    with pytest.raises(TypeError, match="positional"):
        estimator.predict(some(2), estimator.initial_state(2))
    assert estimator.transform(some(2), "last").shape == (2, 7)


def test_containers_of_set_output():
    pd = pytest.importorskip("pandas")
    estimator = fitted("GRU").set_output(transform="pandas")
    state = estimator.initial_state(h=np.ones((1, 2, 7)))
    out = estimator.transform(some(2), initial_state=state)
    assert isinstance(out, pd.DataFrame) and out.shape == (2, 7)
    assert np.any(out.to_numpy() != estimator.transform(some(2)).to_numpy())


def test_univariate_rows():
    X = RNG.standard_normal((20, 6))
    estimator = GRUClassifier(7, max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    state = estimator.initial_state(20)
    for x in X.T[:2]:
        _, state = estimator.predict_step(x, state)
    rest = X[:, 2:, np.newaxis]
    assert_array_equal(
        estimator.predict_proba(rest, initial_state=state), estimator.predict_proba(X)
    )
