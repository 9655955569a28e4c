"""Hidden states as features, and the gates on the way to them."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from cases import ALL, make_target, outputs, padded, ragged, small
from family_cases import FAMILIES, by_hand
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit as sigmoid
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_global_output_transform_pandas,
    check_set_output_transform,
    check_set_output_transform_pandas,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)

from sklstm import GRURegressor, LSTMClassifier, LSTMRegressor, RNNClassifier
from sklstm.preprocessing import TimeDistributed
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_family = pytest.mark.parametrize("family", FAMILIES)
both_ways = pytest.mark.parametrize("bidirectional", [False, True])
every_missing = pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])


def fitted(family, X=None, **params):
    Estimator, own = FAMILIES[family]
    X = ragged() if X is None else X
    params = {
        "hidden_layer_sizes": (7, 5), "max_iter": 3, "random_state": 0,
        "dtype": "float64", **params,
    }  # fmt: skip
    return Estimator(**own, **params).fit(X, make_target(Estimator, X))


# ---- shapes and what belongs to what -------------------------------------------------


@every_family
@both_ways
@every_missing
@pytest.mark.parametrize("pooling", ["last", "attention"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_last_is_the_end_of_the_sequence(
    family, bidirectional, missing, pooling, dtype
):
    """Of each direction its own end; without steps the initial state."""
    X = ragged()
    if missing != "error":
        X[1][0] = np.nan
    estimator = fitted(
        family, X, bidirectional=bidirectional, missing=missing, pooling=pooling,
        dtype=dtype,
    )  # fmt: skip
    last, every = estimator.transform(X), estimator.transform(X, output="sequence")
    gates = estimator.transform(X, "gates")
    H = 5
    assert last.shape == (20, 2 * H if bidirectional else H)
    assert type(last) is np.ndarray and last.dtype == every.dtype == dtype
    assert isinstance(every, SequenceArray)
    assert every.n_features == last.shape[1] and every.lengths.tolist() == [
        *map(len, X)
    ]
    own = gates["hidden_state_l1"]
    assert_array_equal(every.data[:, :H], own.data)
    if bidirectional:
        assert_array_equal(every.data[:, H:], gates["hidden_state_l1_reverse"].data)
    for i, x in enumerate(X):
        if not len(x):
            assert i == 3 and not last[i].any()
            continue
        assert_array_equal(last[i, :H], every[i][-1, :H])
        if bidirectional:
            assert_array_equal(last[i, H:], every[i][0, H:])
    if pooling == "last":
        assert_allclose(
            last @ estimator.weights_["head_weight"].T
            + estimator.weights_["head_bias"],
            np.reshape(
                getattr(estimator, "decision_function", estimator.predict)(X), (20, -1)
            ),
            rtol=1e-9 if dtype == "float64" else 1e-3,
            atol=1e-9 if dtype == "float64" else 1e-3,
        )


@every_family
@both_ways
def test_last_against_numpy(family, bidirectional):
    X = ragged()
    estimator = fitted(family, bidirectional=bidirectional)
    for i, h in enumerate(estimator.transform(X)):
        assert_allclose(h, by_hand(family, estimator, X[i])[1], rtol=1e-9, atol=1e-12)


@every_family
@pytest.mark.parametrize("hidden", [3, (6,), (4, 5, 2)])
@both_ways
def test_names_and_shapes_of_the_parts(family, hidden, bidirectional):
    X = ragged()
    estimator = fitted(family, hidden_layer_sizes=hidden, bidirectional=bidirectional)
    parts = {
        "GRU": ["reset_gate", "update_gate", "candidate"],
        "RNN": [], "ReLU": [],
    }.get(
        family,
        ["input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_state"],
    )  # fmt: skip
    suffixes = ["", "_reverse"] if bidirectional else [""]
    sizes = np.atleast_1d(hidden)
    expected = {
        f"{part}_l{k}{suffix}": sizes[k]
        for part, k, suffix in product(
            ["hidden_state", *parts], range(len(sizes)), suffixes
        )
    }
    gates = estimator.transform(X, output="gates")
    assert {name: a.n_features for name, a in gates.items()} == expected
    for a in gates.values():
        assert isinstance(a, SequenceArray) and a.dtype == np.float64
        assert a.lengths.tolist() == [*map(len, X)]
        assert len(a[3]) == 0


# ---- what the gates say --------------------------------------------------------------


def before(states, suffix):
    """The state before each step, which in reverse is that of the step after it."""
    shifted = []
    for x in states:
        zero = np.zeros((1, states.n_features))
        rows = [x[1:], zero] if suffix.endswith("_reverse") else [zero, x[:-1]]
        shifted.append(np.concatenate(rows)[: len(x)])
    return np.concatenate(shifted)


SUFFIXES = ["l0", "l0_reverse", "l1", "l1_reverse"]


@pytest.mark.parametrize("family", ["LSTM", "peepholes"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gates_of_an_lstm(family, suffix):
    """c = f c' + i g and h = o tanh(c), of each layer and direction."""
    X = ragged()
    estimator = fitted(family, bidirectional=True)
    parts = estimator.transform(X, output="gates")
    i, f, g, o = (
        parts[f"{name}_{suffix}"].data
        for name in ("input_gate", "forget_gate", "cell_candidate", "output_gate")
    )
    c, h = parts[f"cell_state_{suffix}"], parts[f"hidden_state_{suffix}"]
    for gate in (i, f, o):
        assert (gate >= 0).all() and (gate <= 1).all()
        assert 0.05 < gate.mean() < 0.95 and gate.std() > 1e-3
    assert (np.abs(g) <= 1).all() and g.min() < 0 < g.max()
    assert_allclose(f * before(c, suffix) + i * g, c.data, rtol=1e-12, atol=1e-14)
    assert_allclose(o * np.tanh(c.data), h.data, rtol=1e-12, atol=1e-14)
    if suffix == "l0":  # and from the weights, which tells the gates apart
        w, x = estimator.weights_, np.concatenate(X)
        z = x @ w["weight_ih_l0"].T + before(h, suffix) @ w["weight_hh_l0"].T
        z_i, z_f, z_g, z_o = np.split(z + w["bias_ih_l0"] + w["bias_hh_l0"], 4, axis=1)
        if family == "peepholes":
            p_i, p_f, p_o = w["peephole_l0"].reshape(3, -1)
            z_i = z_i + p_i * before(c, suffix)
            z_f = z_f + p_f * before(c, suffix)
            z_o = z_o + p_o * c.data
        for gate, z_gate in ((i, z_i), (f, z_f), (o, z_o)):
            assert_allclose(gate, sigmoid(z_gate), rtol=1e-11)
        assert_allclose(g, np.tanh(z_g), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gates_of_a_gru(suffix):
    """h = (1 - z) n + z h', of each layer and direction."""
    X = ragged()
    estimator = fitted("GRU", bidirectional=True)
    parts = estimator.transform(X, output="gates")
    r, z, n = (
        parts[f"{name}_{suffix}"].data
        for name in ("reset_gate", "update_gate", "candidate")
    )
    h = parts[f"hidden_state_{suffix}"]
    for gate in (r, z):
        assert (gate >= 0).all() and (gate <= 1).all() and gate.std() > 1e-3
    assert (np.abs(n) <= 1).all()
    h_before = before(h, suffix)
    assert_allclose((1 - z) * n + z * h_before, h.data, rtol=1e-12, atol=1e-14)
    if suffix == "l0":
        w, x = estimator.weights_, np.concatenate(X)
        a = x @ w["weight_ih_l0"].T + w["bias_ih_l0"]
        b = h_before @ w["weight_hh_l0"].T + w["bias_hh_l0"]
        (a_r, a_z, a_n), (b_r, b_z, b_n) = (np.split(v, 3, axis=1) for v in (a, b))
        assert_allclose(r, sigmoid(a_r + b_r), rtol=1e-11)
        assert_allclose(z, sigmoid(a_z + b_z), rtol=1e-11)
        assert_allclose(n, np.tanh(a_n + r * b_n), rtol=1e-11, atol=1e-14)


# ---- bits ----------------------------------------------------------------------------


@every_family
@both_ways
@pytest.mark.parametrize("output", ["last", "sequence", "gates"])
def test_a_row_does_not_depend_on_its_neighbours(
    family, bidirectional, output, threads, cut_batches, monkeypatch
):
    X = SequenceArray.from_list(ragged(40, seed=3, high=25))
    estimator = fitted(family, bidirectional=bidirectional, dtype="float32")

    def parts(X):
        got = estimator.transform(X, output=output)
        return got if isinstance(got, dict) else {"": got}

    expected = parts(X)
    order = np.random.default_rng(0).permutation(40)[:31]
    for i in (0, 4, 17, 39):
        for name, value in parts(X[i : i + 1]).items():
            assert_array_equal(value[0], expected[name][i])
    for name, value in parts(X[order]).items():
        for row, i in enumerate(order):
            assert_array_equal(value[row], expected[name][i])

    def assert_expected(X):
        for name, value in parts(X).items():
            a, b = (getattr(part, "data", part) for part in (value, expected[name]))
            assert_array_equal(a, b)

    assert_expected(padded(X, 30))
    with threads(3):
        assert_expected(X)
        assert threads.used == {3}
    cut_batches(20)
    assert_expected(X)
    (n_batches,) = cut_batches.numbers
    assert n_batches > 1


@every_family
def test_what_is_returned_is_the_users(family):
    """An array can be written on, and later calls leave it and SequenceArrays alone."""
    X = ragged()
    estimator = fitted(family)
    for output in ("last", "sequence"):
        first = estimator.transform(X, output=output)
        values = getattr(first, "data", first)
        kept = np.array(values)
        estimator.transform(ragged(seed=1), output=output)
        estimator.predict(X)
        assert_array_equal(values, kept)
    gates = estimator.transform(X, output="gates")
    kept = {name: a.data.copy() for name, a in gates.items()}
    estimator.transform(ragged(seed=1), output="gates")
    for name, a in gates.items():
        assert_array_equal(a.data, kept[name])
    predictions = outputs(estimator, X)
    estimator.transform(X)[:] = 7
    for method, value in outputs(estimator, X).items():
        assert_array_equal(value, predictions[method])


@pytest.mark.parametrize("output", ["last", "sequence", "gates"])
def test_nothing_but_sequences_of_no_steps(output):
    estimator = fitted("GRU", bidirectional=True)
    got = estimator.transform([np.empty((0, 3))] * 4, output=output)
    if output == "last":
        assert_array_equal(got, np.zeros((4, 10)))
        return
    for a in got.values() if output == "gates" else [got]:
        assert a.lengths.tolist() == [0, 0, 0, 0] and a.data.shape[0] == 0


def test_2d():
    X = np.random.default_rng(0).standard_normal((20, 6))
    estimator = fitted("LSTM", X)
    assert_array_equal(estimator.transform(X), estimator.transform(X[:, :, np.newaxis]))
    every = estimator.transform(X, output="sequence")
    assert every.lengths.tolist() == [6] * 20
    with pytest.raises(ValueError, match="X has 5 features.*expecting 6 features"):
        estimator.transform(X[:, :5])


# ---- as scikit-learn has it ----------------------------------------------------------


@pytest.mark.parametrize("Estimator", ALL)
@pytest.mark.parametrize(
    "check",
    [
        check_transformer_get_feature_names_out,
        check_transformer_get_feature_names_out_pandas,
        check_set_output_transform,
        check_set_output_transform_pandas,
        check_global_output_transform_pandas,
    ],
)
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
def test_checks_of_transformers(Estimator, check):
    check(Estimator.__name__, Estimator(5, max_iter=2, bidirectional=True))


@pytest.mark.parametrize("Estimator", ALL)
@both_ways
def test_names_of_features_out(Estimator, bidirectional):
    estimator = small(Estimator, bidirectional=bidirectional)
    with pytest.raises(NotFittedError):
        estimator.get_feature_names_out()
    X = ragged()
    estimator.fit(X, make_target(Estimator, X))
    prefix = Estimator.__name__.lower()
    names = [f"{prefix}{k}" for k in range(8 if bidirectional else 4)]
    assert estimator.get_feature_names_out().tolist() == names
    assert estimator.transform(X).shape == (20, len(names))
    # by what was fitted
    estimator.set_params(hidden_layer_sizes=(9,), bidirectional=not bidirectional)
    assert len(estimator.get_feature_names_out()) == len(names)


def test_set_output():
    """The table comes in the container; sequences and gates are no tables."""
    X = ragged()
    plain = fitted("GRU")
    expected = plain.transform(X)
    framed = (
        clone(plain).set_output(transform="pandas").fit(X, make_target(GRURegressor, X))
    )
    frame = framed.transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert_array_equal(frame.to_numpy(), expected)
    assert frame.columns.tolist() == framed.get_feature_names_out().tolist()
    assert isinstance(framed.transform(X, output="last"), pd.DataFrame)
    for output, kind in (("sequence", SequenceArray), ("gates", dict)):
        got = framed.transform(X, output=output)
        assert type(got) is kind
        with config_context(transform_output="pandas"):
            assert type(plain.transform(X, output=output)) is kind
    assert plain.transform(X, output="sequence").feature_names is None
    names = framed.transform(X, output="sequence").feature_names
    assert list(names) == framed.get_feature_names_out().tolist()
    with config_context(transform_output="pandas"):
        assert isinstance(plain.transform(X), pd.DataFrame)
        # a prediction is no transform
        assert type(plain.predict(X)) is np.ndarray
    assert_array_equal(framed.predict(X), plain.predict(X))
    assert type(framed.set_output(transform="default").transform(X)) is np.ndarray
    twin = pickle.loads(pickle.dumps(framed.set_output(transform="pandas")))
    assert isinstance(twin.transform(X), pd.DataFrame)


@pytest.mark.parametrize("Estimator", ALL)
def test_fit_transform(Estimator):
    X = ragged()
    y = make_target(Estimator, X)
    got = small(Estimator).fit_transform(X, y)
    assert_array_equal(got, small(Estimator).fit(X, y).transform(X))


@pytest.mark.parametrize("Estimator", [LSTMClassifier, GRURegressor, RNNClassifier])
def test_features_for_another_estimator(Estimator):
    X = ragged(30, seed=8)
    labels = np.arange(30) % 3
    model = make_pipeline(
        TimeDistributed(StandardScaler()), small(Estimator), LogisticRegression()
    )
    model.fit(X, labels)
    scaled = TimeDistributed(StandardScaler()).fit_transform(X)
    states = small(Estimator).fit(scaled, labels).transform(scaled)
    expected = LogisticRegression().fit(states, labels)
    assert_array_equal(model.predict_proba(X), expected.predict_proba(states))
    name = Estimator.__name__.lower()
    assert model[:-1].get_feature_names_out().tolist() == [
        f"{name}{k}" for k in range(4)
    ]
    search = GridSearchCV(
        model, {f"{name}__hidden_layer_sizes": [(3,), (4, 2)]}, cv=KFold(2)
    ).fit(X, labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_beside_other_features():
    """Two networks side by side, and one in a column transformer on 2-D X."""
    X, y = ragged(30, seed=8), np.arange(30) % 3
    union = make_union(small(LSTMClassifier), small(GRURegressor)).fit(X, y)
    assert union.transform(X).shape == (30, 8)
    table = np.random.default_rng(0).standard_normal((30, 8))
    columns = ColumnTransformer(
        [("curve", small(RNNClassifier), slice(0, 6)), ("rest", "passthrough", [6, 7])]
    )
    out = columns.fit_transform(table, y)
    expected = small(RNNClassifier).fit(table[:, :6], y).transform(table[:, :6])
    assert_array_equal(out, np.hstack([expected, table[:, 6:]]))


# ---- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("output", ["all", None, 0, True, ["last"], "Last"])
def test_bad_output(output):
    with pytest.raises(ValueError, match="output=.* is none of 'last', 'sequence'"):
        fitted("GRU").transform(ragged(), output=output)


def test_bad_x():
    estimator = fitted("LSTM")
    for output in ("last", "sequence", "gates"):
        with pytest.raises(NotFittedError):
            LSTMRegressor().transform(ragged(), output=output)
        with pytest.raises(ValueError, match="X has 4 features.*expecting 3"):
            estimator.transform(ragged(n_features=4), output=output)
        X = ragged()
        X[5][0, 1] = np.nan
        with pytest.raises(ValueError, match="NaN: sample 5, step 0, feature 1"):
            estimator.transform(X, output=output)
