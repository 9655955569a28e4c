"""Inputs that make no sense, by what is wrong with them: for malformed.py."""

import datetime
import decimal
import importlib
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import scipy.sparse as sp

from sklstm.sequences import SequenceArray

N = 8
RNG = np.random.default_rng(0)
GOOD = [RNG.standard_normal((T, 2)) for T in (3, 5, 1, 4, 2, 6, 3, 3)]
EQUAL = RNG.standard_normal((N, 4, 2))
FLAT = RNG.standard_normal((N, 4))
LABELS = np.arange(N) % 2
NUMBERS = np.arange(float(N))


# ---- X ------------------------------------------------------------------------------


def spoilt(value):
    """Sequences of which one holds the value, as lists of objects."""
    X = [x.tolist() for x in GOOD]
    X[3][2][1] = value
    return X


def arrays(X):
    return [np.array(x, dtype=object if has_objects(x) else None) for x in X]


def has_objects(x):
    return any(not isinstance(v, float) for row in x for v in row)


def frames(X):
    return [pd.DataFrame(x, columns=["a", "b"]) for x in X]


def object_array(items):
    result = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        result[i] = item
    return result


def equal(X):
    """The same with sequences of equal length."""
    return [[*x, *(x[-1:] * 6)][:6] for x in X]


CONTAINERS = {
    "lists": lambda X: X,
    "arrays": arrays,
    "tuple of arrays": lambda X: tuple(arrays(X)),
    "object array": lambda X: object_array(arrays(X)),
    "3-D": lambda X: np.array(equal(X)),
    "2-D": lambda X: np.array(equal(X))[:, :, 1],
    "frames": frames,
    "table": lambda X: pd.DataFrame(np.array(equal(X))[:, :, 1]).add_prefix("t"),
    "series of arrays": lambda X: pd.Series(arrays(X)),
    "SequenceArray": lambda X: SequenceArray.from_list(arrays(X)),
}
BAD_VALUES = {
    "inf": np.inf, "-inf": -np.inf, "1e39": 1e39, "NaN": np.nan, "10**400": 10**400,
    "text": "high", "None": None, "list": [1.0], "dict": {}, "date": pd.Timestamp(0),
    "complex": 1j, "Decimal NaN": decimal.Decimal("NaN"), "NaT": pd.NaT,
    "Decimal Infinity": decimal.Decimal("-Infinity"), "object": object(),
    "bytes": b"one", "timedelta": datetime.timedelta(1), "NA": pd.NA, "set": {1},
}  # fmt: skip


def long_table(**changes):
    table = pd.DataFrame({"id": [0, 0, 1, 1, 1], "t": range(5), "x": range(5)})
    return table.assign(**changes)


def two_levels():
    columns = pd.MultiIndex.from_product([["a", "b"], range(4)])
    return pd.DataFrame(np.ones((N, 8)), columns=columns)


def optional(package, build):
    def make():
        return build(importlib.import_module(package))

    return make


STRANGE_X = {
    "None": lambda: None, "int": lambda: 3, "float": lambda: 0.5, "str": lambda: "abc",
    "bytes": lambda: b"abc", "bool": lambda: True, "object": object,
    "function": lambda: len, "class": lambda: list, "Ellipsis": lambda: ...,
    "set": lambda: {1, 2}, "frozenset": lambda: frozenset([1]), "dict": dict,
    "dict of arrays": lambda: dict(enumerate(GOOD)), "iterator": lambda: iter(GOOD),
    "generator": lambda: (x for x in GOOD), "range": lambda: range(N),
    "map": lambda: map(np.asarray, GOOD), "zip": lambda: zip(GOOD, GOOD),
    "module": lambda: np, "bytearray": lambda: bytearray(8),
    "memoryview": lambda: memoryview(b"12345678"), "NotImplemented": lambda: object,
    "empty list": list, "empty tuple": tuple, "lists of nothing": lambda: [[]] * N,
    "list of None": lambda: [None] * N, "list of str": lambda: ["a b", "c"] * 4,
    "list of lists of str": lambda: [["a", "b"], ["c"]] * 4,
    "list of dicts": lambda: [{"a": 1}] * N, "list of sets": lambda: [{1, 2}] * N,
    "one None": lambda: [*GOOD[:-1], None], "one str": lambda: [*GOOD[:-1], "abc"],
    "one number": lambda: [*GOOD[:-1], 1.0], "one 1-D": lambda: [*GOOD[:-1],
    GOOD[0][0]],
    "one 3-D": lambda: [*GOOD[:-1], EQUAL], "one dict": lambda: [*GOOD[:-1], {}],
    "one of 3 features": lambda: [*GOOD[:-1], np.ones((2, 3))],
    "one of 0 features": lambda: [*GOOD[:-1], np.ones((2, 0))],
    "one sparse": lambda: [*GOOD[:-1], sp.csr_array(GOOD[0])],
    "one masked": lambda: [*GOOD[:-1], np.ma.masked_array(GOOD[0], GOOD[0] > 0)],
    "one complex": lambda: [*GOOD[:-1], 1j * GOOD[0]],
    "one date": lambda: [*GOOD[:-1], np.zeros((2, 2), "M8[s]")],
    "one frame of others": lambda: [
        *frames(GOOD)[:-1], pd.DataFrame({"b": [1.0], "c": [1.0]}),
    ],
    "one frame turned": lambda: [*frames(GOOD)[:-1], pd.DataFrame({"b": [1],
    "a": [1]})],
    "frames and arrays": lambda: [*frames(GOOD)[:-1], "abc"],
    "frame with text": lambda: [f.assign(a="x") for f in frames(GOOD)],
    "frame with dates": lambda: [f.assign(a=pd.Timestamp(0)) for f in frames(GOOD)],
    "table with text": lambda: pd.DataFrame(FLAT).add_prefix("t").assign(t1="x"),
    "table with dates": lambda: pd.DataFrame(FLAT).add_prefix("t").assign(
        t1=pd.Timestamp(0)
    ),
    "table with categories": lambda: pd.DataFrame(FLAT).add_prefix("t").assign(
        t1=pd.Categorical(["u", "v"] * 4)
    ),
    "table of two levels": two_levels,
    "table with an index of two levels": lambda: two_levels().T,
    "table with columns twice": lambda: pd.DataFrame(FLAT, columns=list("aabb")),
    "table without columns": lambda: pd.DataFrame(index=range(N)),
    "table without rows": lambda: pd.DataFrame({"a": [], "b": []}),
    "table of lists": lambda: pd.DataFrame({"a": [[1.0, 2.0]] * N, "b": [[1.0,
    2.0]] * N}),
    "groupby": lambda: long_table().groupby("id"),
    "groupby of a column": lambda: long_table().groupby("id")["x"],
    "Series of numbers": lambda: pd.Series(NUMBERS),
    "Series of str": lambda: pd.Series(["a"] * N), "Index": lambda: pd.Index(range(N)),
    "csr": lambda: sp.csr_matrix(FLAT), "coordinates": lambda: sp.coo_array(FLAT),
    "list of csr": lambda: [sp.csr_array(x) for x in GOOD],
    "masked 2-D": lambda: np.ma.masked_array(FLAT, FLAT > 0),
    "masked 3-D": lambda: np.ma.masked_array(EQUAL, EQUAL > 0),
    "structured": lambda: np.zeros(N, [("a", float), ("b", float)]),
    "structured 2-D": lambda: np.zeros((N, 3), [("a", float)]),
    "dates 3-D": lambda: np.zeros((N, 3, 2), "M8[s]"),
    "durations 3-D": lambda: np.zeros((N, 3, 2), "m8[s]"),
    "dates 2-D": lambda: np.zeros((N, 3), "M8[s]"),
    "complex 3-D": lambda: 1j * EQUAL, "complex 2-D": lambda: 1j * FLAT,
    "str 3-D": lambda: np.full((N, 3, 2), "a"), "str 2-D": lambda: np.full((N, 3), "a"),
    "bytes 2-D": lambda: np.full((N, 3), b"a"),
    "objects 3-D": lambda: np.full((N, 3, 2), object()), "void": lambda: np.zeros(N,
    "V4"),
    **{
        f"shape {shape}": lambda shape=shape: np.ones(shape)
        for shape in (
            (), (0,), (1,), (N,), (0, 3), (N, 0), (0, 0), (0, 3, 2), (N, 3, 0),
            (N, 0, 0), (0, 0, 0), (N, 2, 2, 2), (1, N, 2, 2), (2,) * 7,
        )
    },
    "padding before the end": lambda: np.where(
        np.arange(4)[None, :, None] == 1, np.nan, EQUAL
    ),
    "half padded step": lambda: np.where(
        (np.arange(4)[:, None] == 3) & (np.arange(2) == 1), np.nan, EQUAL
    ),
    "2-D with padding": lambda: np.where(np.arange(4) == 3, np.nan, FLAT),
    "lists too deep": lambda: [[[[1.0]]]] * N, "lists of unlike": lambda: [[1,
    [2]]] * N,
    "ragged rows": lambda: [[[1.0, 2.0], [3.0]]] * N,
    "fractions and text": lambda: [[[Fraction(1, 2), "x"]]] * N,
    "polars LazyFrame": optional("polars", lambda pl: pl.LazyFrame({"a": [1.0] * N})),
    "polars with text": optional("polars", lambda pl: pl.DataFrame({"a": ["x"] * N})),
    "polars with dates": optional(
        "polars", lambda pl: pl.DataFrame({"a": [datetime.date(2000, 1, 1)] * N})
    ),
    "polars with nulls": optional(
        "polars", lambda pl: pl.DataFrame({"a": [1.0, None] * 4, "b": [1.0] * N})
    ),
    "polars Series": optional("polars", lambda pl: pl.Series("a", NUMBERS)),
    "Arrow table": optional("pyarrow", lambda pa: pa.table({"a": ["x"] * N})),
    "Arrow array": optional("pyarrow", lambda pa: pa.array([1.0] * N)),
    "Arrow nested": optional("pyarrow", lambda pa: pa.array([[[1.0, 2.0]]] * N)),
    "Arrow scalar": optional("pyarrow", lambda pa: pa.scalar(1.0)),
}  # fmt: skip


def shown(value):
    """What a case is called, in every process the same."""
    return re.sub(r" at 0x\w+", "", " ".join(repr(value).split()))[:50]


SEQUENCE_ARRAYS = {
    "no data": lambda: SequenceArray(None, [0, 1]),
    "data of text": lambda: SequenceArray([["a"]], [0, 1]),
    "data 1-D": lambda: SequenceArray([1.0], [0, 1]),
    "data 3-D": lambda: SequenceArray(np.ones((2, 2, 2)), [0, 2]),
    "data complex": lambda: SequenceArray(np.ones((2, 2)) * 1j, [0, 2]),
    "data masked": lambda: SequenceArray(np.ma.masked_array([[1.0]], [[True]]), [0, 1]),
    "data sparse": lambda: SequenceArray(sp.csr_array(np.eye(2)), [0, 2]),
    "data dict": lambda: SequenceArray({"a": [1]}, [0, 1]),
    "data of dates": lambda: SequenceArray(np.zeros((2, 2), "M8[s]"), [0, 2]),
    "data of objects": lambda: SequenceArray(np.full((2, 2), None), [0, 2]),
    **{
        f"offsets {shown(offsets)}": lambda offsets=offsets: SequenceArray(
            np.zeros((5, 2)), offsets
        )
        for offsets in (
            None, 5, "05", [], [0], [5], [1, 5], [0, 4], [0, 6], [0, 3, 2, 5], [0, -1,
            5],
            [-1, 5], [0, 5.5], [0.5, 5], [0, np.nan, 5], [0, np.inf, 5], ["0", "5"],
            [0, None, 5], [[0, 5]], {0: 0}, {0, 5}, [True, 5], [0, 2**63 - 1, 5],
            [0, 2**63 - 1, -(2**63), -1, 5], [0, 2**64, 5], [0, -(2**63), 5], [0, 5j],
            [0, 10**400, 5], [0, 2**62, -(2**62), 5], np.array([0, 2**64 - 1, 5], "u8"),
            np.array([0, 5], "M8[s]"), np.array([0, 3, 200], "u1"), [0, 5, 5, 6],
            np.ma.masked_array([0, 3, 5], [0, 1, 0]), iter([0, 5]), np.array(5),
        )
    },
    **{
        f"names {shown(names)}": lambda names=names: SequenceArray(
            np.zeros((5, 2)), [0, 5], names
        )
        for names in (
            5, ["a"], ["a", "b", "c"], ["a", 1], ["a", None], ["a", "a"], "abc", [b"a",
            b"b"],
            [["a", "b"]], {"a": 1}, [1, 2], ["a", np.nan], True,
        )
    },
    **{
        f"index {shown(index)}": lambda at=index: SequenceArray.from_list(GOOD)[at]
        for index in (
            8, -9, 2.0, "a", None, [8], [-9], [1.5], ["a"], [True], [True] * 9, (0, 1),
            ..., np.array([300], "u2"), [[0, 1]], {0: 1}, 10**30, np.nan, [np.nan],
            [2**63],
            np.array([2**64 - 1], "u8"), np.zeros((2, 2), bool), slice("a", None), b"a",
            np.ma.masked_array([0, 1], [0, 1]), [None], [0, "a"], 1j,
        )
    },
    **{
        f"{name} of {what}": lambda name=name, value=value: getattr(SequenceArray,
        name)(
            value()
        )
        for name in (
            "from_list", "from_padded", "from_aeon", "from_nested", "from_sktime",
            "from_arrow", "from_awkward",
        )
        for what, value in (
            ("None", lambda: None), ("int", lambda: 3), ("str", lambda: "abc"),
            ("dict", dict), ("object", object), ("Series of str",
            STRANGE_X["Series of str"]),
            ("table with text", STRANGE_X["table with text"]), ("csr",
            STRANGE_X["csr"]),
            ("iterator", lambda: iter([])), ("list of None", STRANGE_X["list of None"]),
            ("one complex", STRANGE_X["one complex"]), ("5-D",
            lambda: np.ones((1,) * 5)),
        )
    },
    **{
        f"from_long {what}": lambda make=make: make()
        for what, make in {
            "by missing": lambda: SequenceArray.from_long(long_table(), by="no"),
            "by none": lambda: SequenceArray.from_long(long_table(), by=None),
            "by 0": lambda: SequenceArray.from_long(long_table(), by=0),
            "by empty": lambda: SequenceArray.from_long(long_table(), by=[]),
            "by of lists": lambda: SequenceArray.from_long(
                long_table(id=[[1], [1], [2], [2], [2]]), by="id"
            ),
            "by mixed": lambda: SequenceArray.from_long(
                long_table(id=[1, "a", 1, "a", 2]), by="id"
            ),
            "by with NaN": lambda: SequenceArray.from_long(
                long_table(id=[1, None, 1, 2, 2]), by="id"
            ),
            "sort missing": lambda: SequenceArray.from_long(
                long_table(), by="id", sort="no"
            ),
            "sort 3": lambda: SequenceArray.from_long(long_table(), by="id", sort=3),
            "sort mixed": lambda: SequenceArray.from_long(
                long_table(t=[1, "a", 2, "b", 3]), by="id", sort="t"
            ),
            "sort with NaN": lambda: SequenceArray.from_long(
                long_table(t=[1, None, 2, 3, 3]), by="id", sort="t"
            ),
            "text": lambda: SequenceArray.from_long(long_table(x="a"), by="id"),
            "dates": lambda: SequenceArray.from_long(
                long_table(x=pd.Timestamp(0)), by="id"
            ),
            "nothing left": lambda: SequenceArray.from_long(
                long_table()[["id"]], by="id"
            ),
            "twice": lambda: SequenceArray.from_long(
                long_table()[["id", "x", "x"]], by="id"
            ),
            "id twice": lambda: SequenceArray.from_long(
                long_table()[["id", "id", "x"]], by="id"
            ),
            "a list": lambda: SequenceArray.from_long([[1, 2]], by=0),
            "a dict": lambda: SequenceArray.from_long({"id": [1], "x": [1]}, by="id"),
            "lazy": lambda: SequenceArray.from_long(
                STRANGE_X["polars LazyFrame"](), by="a"
            ),
            "Arrow": lambda: SequenceArray.from_long(STRANGE_X["Arrow table"](),
            by="a"),
        }.items()
    },
}  # fmt: skip

# ---- y, weights, groups, classes ----------------------------------------------------

ANY_Y = {
    "None": None, "int": 1, "str": "abababab", "dict": dict(enumerate(LABELS)),
    "set": {0, 1}, "object": object(), "function": len, "empty": [], "too few": [0, 1],
    "too many": [0, 1] * N, "3-D": np.zeros((N, 1, 2)), "0-D": np.array(1.0),
    "list of lists of unlike": [[0], [1, 2]] * 4, "list of arrays": [x[:,
    0] for x in GOOD],
    "value per step": np.concatenate([x[:, 0] for x in GOOD]),
    "sparse": sp.csr_array(FLAT),
    "masked": np.ma.masked_array(LABELS * 1.0, LABELS > 0), "complex": LABELS * 1j,
    "NaN": np.where(LABELS > 0, np.nan, 0.0), "inf": np.where(LABELS > 0, np.inf, 0.0),
    "None inside": [0, None] * 4, "list inside": [0, [1]] * 4, "dict inside": [0,
    {}] * 4,
    "NA inside": pd.array([0, None] * 4, dtype="Int64"), "iterator": "iterator",
    "dates": np.zeros(N, "M8[s]"), "structured": np.zeros(N, [("a", float)]),
    "no columns": np.zeros((N, 0)), "table of text": pd.DataFrame({"a": ["x", "y"] * 4,
    "b": ["x"] * N}), "NaT": [pd.NaT, pd.Timestamp(0)] * 4, "bytes": b"01010101",
    "Ellipsis": ..., "class": int, "range too short": range(3), "void": np.zeros(N,
    "V4"),
}  # fmt: skip
CLASSIFIER_Y = {
    "one class": np.zeros(N), "regression": np.linspace(0, 1, N),
    "multiclass of several outputs": np.c_[LABELS, np.arange(N) % 3],
    "labels of 3 dimensions": np.zeros((N, 2, 2), int), "one text": ["a"] * N,
    "numbers and None": [1, None, 2, 3] * 2, "half numbers": LABELS + 0.5,
    "constant columns": np.zeros((N, 2, 1)),
}  # fmt: skip
REGRESSOR_Y = {
    "text": ["a", "b"] * 4, "numbers as text": ["1", "two"] * 4,
    "huge integers": [10**400, 1] * 4, "durations": np.zeros(N, "m8[s]"),
    "Decimal NaN": [decimal.Decimal("NaN"), decimal.Decimal(1)] * 4,
}  # fmt: skip
WEIGHTS = {
    "str": "abc", "dict": {0: 1}, "object": object(), "too few": np.ones(3),
    "too many": np.ones(N + 1), "empty": [], "2-D": np.ones((N, 1)), "3-D": np.ones((N,
    1, 1)),
    "negative": np.r_[np.ones(N - 1), -1], "all zero": np.zeros(N), "text": ["a"] * N,
    "NaN": np.r_[np.ones(N - 1), np.nan], "inf": np.r_[np.ones(N - 1), np.inf],
    "complex": np.ones(N) * 1j, "None inside": [1, None] * 4, "-1": -1, "0": 0,
    "masked": np.ma.masked_array(np.ones(N), LABELS > 0),
    "sparse": sp.csr_array(np.ones((N, 1))),
    "sum is no number": np.full(N, 1.7e308), "dates": np.zeros(N, "M8[s]"),
    "list inside": [1, [1]] * 4, "huge integers": [10**400] * N, "NaN alone": np.nan,
    "inf alone": np.inf, "balanced": "balanced", "set": {1.0}, "function": len,
    "table": pd.DataFrame({"a": [1.0] * N, "b": [1.0] * N}),
}  # fmt: skip
GROUPS = {
    "int": 3, "str": "abcdefgh", "dict": {0: 1}, "object": object(), "too few": [0, 1,
    2],
    "too many": np.arange(N + 1), "one group": np.zeros(N), "2-D": np.ones((N, 2)),
    "NaN": np.where(LABELS, np.nan, 1.0), "empty": [],
    "None inside": [0, None] * 4, "list inside": [0, [1]] * 4, "set": {1, 2},
    "sparse": sp.csr_array(FLAT), "function": len,
}  # fmt: skip
CLASSES = {
    "int": 1, "str": "ab", "empty": [], "one": [0], "others": [5, 6], "2-D": [[0, 1]],
    "NaN": [0, np.nan], "mixed": [0, "a"], "dict inside": [0, {}], "object": object(),
    "None inside": [0, None], "function": len, "balanced": "balanced",
    "list inside": [0, [1]], "lacks one": [1, 2],
}  # fmt: skip
CLASS_WEIGHTS = {
    "text": "even", "number": 2, "list": [1, 2], "negative": {0: -1},
    "NaN": {0: np.nan},
    "inf": {1: np.inf}, "text inside": {0: "a"}, "unknown class": {7: 1.0}, "set": {0,
    1},
    "array": np.ones(2), "all zero": {0: 0, 1: 0}, "None inside": {0: None},
    "complex inside": {0: 1j}, "list inside": {0: [1]}, "list of dicts": [{0: 1},
    {1: 1}],
}  # fmt: skip

# ---- parameters ---------------------------------------------------------------------

STRANGE = {"None": None, "text": "no", "list": [1], "dict": {}, "object": object(),
           "NaN": np.nan, "complex": 1j, "function": len}  # fmt: skip
NUMBER = {**STRANGE, "-1": -1, "inf": np.inf, "-inf": -np.inf, "array": np.ones(2)}
COUNT = {**NUMBER, "0": 0, "1.5": 1.5, "2.0": 2.0}
FLAG = {**STRANGE, "2": 2, "0.5": 0.5, "yes": "yes"}
CHOICE = {**STRANGE, "1": 1, "empty": "", "True": True, "bytes": b"adam"}
PARAMETERS = {
    "hidden_layer_sizes": {**COUNT, "empty": (), "with 0": (4, 0), "nested": ((4,), 4),
                           "with text": (4, "a"), "with 1.5": (4, 1.5), "str": "44",
                           "with True": (True, "a"), "2**40": 2**40, "10**30": 10**30,
                           "set": {4}, "2-D": np.ones((2, 2), int)},
    "dropout": {**NUMBER, "1": 1, "1.5": 1.5},
    "recurrent_dropout": {**NUMBER, "1": 1, "1.5": 1.5},
    "bidirectional": FLAG, "shuffle": FLAG, "early_stopping": FLAG, "warm_start": FLAG,
    "nesterovs_momentum": FLAG,
    "pooling": CHOICE, "solver": CHOICE, "learning_rate": CHOICE, "missing": CHOICE,
    "alpha": NUMBER, "batch_size": COUNT, "learning_rate_init": {**NUMBER, "0": 0},
    "power_t": NUMBER, "max_iter": COUNT, "max_fun": COUNT, "tol": NUMBER,
    "max_grad_norm": {**NUMBER, "0": 0}, "random_state": {**COUNT, "2**40": 2**40},
    "tbptt": COUNT, "n_iter_no_change": COUNT, "validation_fraction": {**NUMBER, "0": 0,
    "1": 1}, "momentum": {**NUMBER, "2": 2}, "beta_1": {**NUMBER, "1": 1},
    "beta_2": {**NUMBER, "1": 1}, "epsilon": {**NUMBER, "0": 0},
    "dtype": {**CHOICE, "int": int, "float16": "float16", "dtype": np.dtype("int32")},
    "forget_bias": NUMBER, "peephole": FLAG, "class_weight": CLASS_WEIGHTS,
}  # fmt: skip
for names, value in (
    (("max_grad_norm", "tbptt", "random_state"), "None"),
    (("n_iter_no_change", "max_grad_norm"), "inf"),
    (("random_state",), "0"),
    (("hidden_layer_sizes",), "list"),
    (("forget_bias",), "-1"),
):
    for name in names:
        PARAMETERS[name] = {k: v for k, v in PARAMETERS[name].items() if k != value}
REGRESSOR_PARAMETERS = {
    "loss": CHOICE,
    "quantile": {**STRANGE, "0": 0, "1": 1, "empty": [], "twice": [0.5, 0.5],
    "inf": [np.inf],
                 "with text": [0.5, "a"], "2-D": [[0.5]], "with NaN": [0.1, np.nan]},
    "huber_delta": {**NUMBER, "0": 0},
}  # fmt: skip


# ---- states -------------------------------------------------------------------------


def states(model):
    """States that no model has given away, by what is wrong with them."""
    state = model.initial_state(2)
    ((h, *c),) = state.layers
    bad = {
        "layers None": state._replace(layers=None),
        "no layers": state._replace(layers=()),
        "two layers": state._replace(layers=state.layers * 2),
        "layers a dict": state._replace(layers={}),
        "layer None": state._replace(layers=(None,)),
        "layer empty": state._replace(layers=((),)),
        "network None": state._replace(network=None),
        "network empty": state._replace(network={}),
        "network of another": state._replace(network={**state.network, "cell": "no"}),
        "network text": state._replace(network="lstm"), "tuple": tuple(state),
        "None": None,
        "seen given": state._replace(seen=np.zeros((2, 2))),
        "pooled given": state._replace(pooled=(np.zeros((2, 16)), np.zeros((2, 3)))),
        "dict": state._asdict(), "text": "state", "list": list(state), "int": 3,
    }  # fmt: skip
    for what, part in {
        "NaN": np.full_like(h, np.nan), "inf": np.full_like(h, np.inf), "narrow": h[:,
        :1],
        "wide": np.hstack([h] * 9), "1-D": h[0], "3-D": h[None], "fewer": h[:1],
        "more": np.vstack([h, h]), "float64": h.astype(np.float64),
        "int": h.astype(int),
        "objects": h.astype(object), "text": h.astype(str), "list": h.tolist(),
        "None": None,
        "complex": h * 1j, "no rows": h[:0], "Fortran": np.asfortranarray(np.vstack([h,
        h]))[:2],
        "masked": np.ma.masked_array(h, h == 0), "strided": np.hstack([h, h])[:, ::2],
    }.items():  # fmt: skip
        bad[f"h {what}"] = state._replace(layers=((part, *c),))
        if c:
            bad[f"c {what}"] = state._replace(layers=((h, part),))
    if c:
        bad["c missing"] = state._replace(layers=((h,),))
    bad["one too many"] = state._replace(layers=((h, *c, h),))
    return bad


#: These are the same state in another array, or come from another instruction set.
SAME_STATE = re.compile("(h|c) (float64|Fortran|strided|list|int|wide)")
STEPS = {
    "None": None, "str": "ab", "dict": {}, "object": object(), "0-D": 1.0,
    "1 feature": [[1.0]] * 2,
    "3 features": np.ones((2, 3)), "1 sequence": np.ones((1, 2)), "3-D": np.ones((2, 1,
    2)),
    "NaN": [[1.0, np.nan]] * 2, "inf": [[1.0, np.inf]] * 2, "text": [["a", "b"]] * 2,
    "complex": np.ones((2, 2)) * 1j, "dates": np.zeros((2, 2), "M8[s]"),
    "masked": np.ma.masked_array(np.ones((2, 2)), [[True, False]] * 2),
    "sparse": sp.csr_array(np.eye(2)), "None inside": [[1.0, None]] * 2, "empty": [],
    "ragged": [[1.0], [1.0, 2.0]], "huge": [[10**400, 1]] * 2, "1e39": [[1e39, 1]] * 2,
    "generator": "generator", "set": {1.0}, "NA": pd.DataFrame({"a": [pd.NA, 1],
    "b": [1, 1]}),
    "table of text": pd.DataFrame({"a": ["x", "y"], "b": [1, 1]}), "function": len,
}  # fmt: skip
