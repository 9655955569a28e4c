"""Attention: layer and kernel against NumPy, gradients, bits, what comes in."""

import numpy as np
import pytest
from encoder_decoder_cases import every_attention
from network_cases import every_dtype
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from sklstm._kernels import _variant, float_set, supported_instruction_sets
from sklstm._network.layers.attention import KINDS, Attention
from sklstm._network.steps import Run
from sklstm._network.workspace import Memory

SOURCES, TARGETS = [3, 0, 1, 17, 60, 0, 2], [2, 3, 1, 5, 49, 0, 0]


class Rows:
    """Rows of an encoder and a decoder, zero behind, as a layer reads them."""

    def __init__(
        self, kind, n_units=9, n_values=None, dtype=np.float64, sources=SOURCES,
        targets=TARGETS, scale=1.0, seed=0, instruction_set=None,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        self.kind, self.n_units, self.dtype = kind, n_units, dtype
        self.n_values = n_values or n_units
        self.layer = Attention("attention", n_units, self.n_values, dtype, kind)
        self.offsets, self.begins = (
            np.append(0, np.cumsum(np.array(lengths, np.intp)))
            for lengths in (sources, targets)
        )
        N, M = self.begins[-1], self.offsets[-1]
        self.h = self._padded(scale * rng.standard_normal((N, n_units)))
        self.values = self._padded(scale * rng.standard_normal((M, self.n_values)))
        self.d_y = self._padded(rng.standard_normal((N, n_units)))
        self.weights = {
            name: (0.5 * rng.standard_normal(shape)).astype(dtype)
            for name, shape in self.layer.shapes.items()
        }
        self.memory = Memory(dtype)

    def _padded(self, a):
        width = self.layer.kernels.padded(a.shape[1])
        whole = np.zeros((len(a), width), self.dtype)
        whole[:, : a.shape[1]] = a
        return whole

    def forward(self, keep=True, n_threads=1, **changes):
        parts = {**vars(self), **changes}
        self.layer.load(parts["weights"], backward=keep)
        run = Run(self.memory, keep=keep, n_threads=n_threads)
        sources, tape = self.layer.sources(parts["values"], self.offsets, run)
        return self.layer.forward(parts["h"], run, sources, self.begins, tape)

    def backward(self, tape):
        """Gradients of h, of the values, and of the weights."""
        d_weights = {name: np.zeros_like(w) for name, w in self.weights.items()}
        d_h, d_values = self.layer.backward(self.d_y.copy(), tape, d_weights)
        return d_h.copy(), d_values.copy(), d_weights

    def value(self, **changes):
        """What has these gradients."""
        y, _ = self.forward(**changes)
        return float((y * self.d_y).sum())

    def in_numpy(self):
        """h~ (N, H), and of each sequence the weights (T, S)."""
        w = {name: np.float64(value) for name, value in self.weights.items()}
        rows, every = [], []
        for b in range(len(self.begins) - 1):
            h = self.h[self.begins[b] : self.begins[b + 1], : self.n_units]
            c = self.values[self.offsets[b] : self.offsets[b + 1], : self.n_values]
            h, c = h.astype(np.float64), c.astype(np.float64)
            if self.kind == "additive":
                z = (h @ w["query_w"])[:, np.newaxis] + c @ w["key_w"]
                scores = np.tanh(z) @ w["v"][0]
            else:
                scores = (h @ w["query_w"] if self.kind == "general" else h) @ c.T
            a = softmax(scores, axis=1) if scores.size else scores
            both = np.hstack([a @ c, h])
            rows.append(np.tanh(both @ w["combine_w"] + w["combine_b"]))
            every.append(a)
        return np.vstack(rows), every

    def kept(self, tape):
        """The weights of each sequence, as the kernel keeps them."""
        lanes, every = self.layer.kernels.padded(1), []
        for b, place in enumerate(tape.groups.places[:-1]):
            T, S = np.diff(self.begins)[b], np.diff(self.offsets)[b]
            width = -(-S // lanes) * lanes
            part = tape.weights[place : place + T * width].reshape(T, width)
            assert not part[:, S:].any()
            every.append(part[:, :S].copy())
        return every


@every_attention
@pytest.mark.parametrize("n_units", [1, 9, 16, 37])
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_forward(instruction_set, kind, n_units, dtype, tolerance):
    """Against NumPy; no steps, one, many, and rows of weights that sum up to one."""
    rows = Rows(kind, n_units, dtype=dtype)
    y, tape = rows.forward()
    expected, weights = rows.in_numpy()
    assert_allclose(y[:, :n_units], expected, rtol=0, atol=20 * tolerance)
    assert not y[:, n_units:].any()
    for got, a in zip(rows.kept(tape), weights, strict=True):
        assert_allclose(got, a, rtol=0, atol=20 * tolerance)
        if a.size:
            assert_allclose(got.sum(axis=1), 1, rtol=10 * np.finfo(dtype).eps)
    without, nothing = rows.forward(keep=False)
    assert nothing is None
    assert_array_equal(without, y)


@every_attention
def test_scores_that_exp_would_overflow_on(instruction_set, kind):
    rows = Rows(kind, scale=100.0)
    if kind == "additive":
        rows.weights["v"] *= 1000
    y, tape = rows.forward()
    expected, weights = rows.in_numpy()
    assert_allclose(y[:, : rows.n_units], expected, rtol=0, atol=1e-9)
    for got, a in zip(rows.kept(tape), weights, strict=True):
        assert_allclose(got, a, rtol=0, atol=1e-9)


WIDTHS = [(9, None), (16, None), (5, 10), (7, 33)]


@pytest.mark.parametrize(
    "kind, n_units, n_values",
    [
        (kind, *widths)
        for kind in KINDS
        for widths in WIDTHS[: 2 if kind == "dot" else 4]
    ],
)
def test_gradients(instruction_set, kind, n_units, n_values):
    """By central differences, of every array."""
    rows = Rows(kind, n_units, n_values)
    _, tape = rows.forward()
    d_h, d_values, d_weights = rows.backward(tape)
    assert not d_h[:, n_units:].any() and not d_values[:, rows.n_values :].any()
    rng, epsilon = np.random.default_rng(1), 1e-6
    checks = [("h", rows.h, d_h), ("values", rows.values, d_values)]
    for name, array, gradient in checks:
        n = n_units if name == "h" else rows.n_values
        for _ in range(3):
            step = rows._padded(rng.standard_normal((len(array), n)))
            slope = (
                rows.value(**{name: array + epsilon * step})
                - rows.value(**{name: array - epsilon * step})
            ) / (2 * epsilon)
            assert_allclose((gradient * step).sum(), slope, rtol=1e-7, err_msg=name)
    for name, w in rows.weights.items():
        step = rng.standard_normal(w.shape)
        slope = (
            rows.value(weights={**rows.weights, name: w + epsilon * step})
            - rows.value(weights={**rows.weights, name: w - epsilon * step})
        ) / (2 * epsilon)
        assert_allclose((d_weights[name] * step).sum(), slope, rtol=1e-7, err_msg=name)


@every_attention
def test_gradients_are_added_to_what_was_there(kind):
    rows = Rows(kind)
    _, tape = rows.forward()
    _, _, expected = rows.backward(tape)
    _, tape = rows.forward()
    given = {name: np.full_like(w, 2.0) for name, w in rows.weights.items()}
    rows.layer.backward(rows.d_y.copy(), tape, given)
    for name, part in expected.items():
        assert_allclose(given[name], part + 2, rtol=1e-12, atol=1e-13)


@every_attention
@every_dtype
def test_steps(instruction_set, kind, dtype):
    """Rows of any sequences in any order have the bits of the whole."""
    rows = Rows(kind, dtype=dtype)
    y, _ = rows.forward(keep=False)
    y = y.copy()
    sources, _ = rows.layer.sources(rows.values, rows.offsets)
    sequence = np.repeat(np.arange(len(SOURCES)), TARGETS)
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = rng.permutation(len(y))[: rng.integers(0, 9)]
        got = rows.layer.step(rows.h[order], sources, sequence[order])
        assert_array_equal(got, y[order])
    for i in range(len(y)):
        got = rows.layer.step(rows.h[i : i + 1], sources, sequence[i : i + 1])
        assert_array_equal(got[0], y[i])


@every_attention
@every_dtype
def test_bits_for_any_number_of_threads(kind, dtype, monkeypatch):
    monkeypatch.setattr("sklstm._network.layers.attention.PARALLEL_PRODUCTS", 0)
    targets = [2, 0, 1, 96, 97, 0, 5]  # the rows of one in several shares
    rows = Rows(kind, 40, dtype=dtype, targets=targets)
    expected = None
    for n_threads in (1, 2, 3, 8):
        with threadpool_limits(n_threads, user_api="openmp"):
            y, tape = rows.forward(n_threads=n_threads)
            y = y.copy()
            assert tape.n_threads == n_threads
            d_h, d_values, d_weights = rows.backward(tape)
        got = [y, d_h, d_values, *d_weights.values()]
        expected = expected or got
        for part, own in zip(got, expected, strict=True):
            assert_array_equal(part, own)


@every_attention
@every_dtype
def test_bits_in_any_batch(kind, dtype):
    """Outputs and the gradients of its rows are those of a sequence by itself."""
    rows = Rows(kind, dtype=dtype)
    y, tape = rows.forward()
    y = y.copy()
    d_h, d_values, _ = rows.backward(tape)
    for b in range(len(SOURCES)):
        alone = Rows(kind, dtype=dtype, sources=SOURCES[b : b + 1],
                     targets=TARGETS[b : b + 1])  # fmt: skip
        own = slice(*rows.begins[b : b + 2])
        read = slice(*rows.offsets[b : b + 2])
        alone.h, alone.d_y, alone.values = rows.h[own], rows.d_y[own], rows.values[read]
        alone.weights = rows.weights
        got, tape = alone.forward()
        assert_array_equal(got, y[own])
        d_own, d_read, _ = alone.backward(tape)
        assert_array_equal(d_own, d_h[own])
        assert_array_equal(d_read, d_values[read])


@every_attention
@every_dtype
def test_instruction_sets_with_fused_products_agree_to_the_bit(
    kind, dtype, monkeypatch
):
    from conftest import use_kernels_of

    found = []
    for name in sorted({float_set(name) for name in supported_instruction_sets()}):
        if name == "baseline":
            continue
        use_kernels_of(monkeypatch, name)
        assert _variant(name, np.dtype(dtype).name)
        rows = Rows(kind, dtype=dtype)
        y, tape = rows.forward()
        y = y[:, : rows.n_units].copy()
        d_h, d_values, d_weights = rows.backward(tape)
        found.append(
            [
                y,
                d_h[:, : rows.n_units],
                d_values[:, : rows.n_units],
                *d_weights.values(),
            ]
        )
    for got in found[1:]:
        for part, own in zip(got, found[0], strict=True):
            assert_array_equal(part, own)


@every_attention
def test_nan_stays_with_its_sequence(kind):
    rows = Rows(kind)
    expected, _ = rows.forward(keep=False)
    expected = expected.copy()
    rows.values[rows.offsets[3] + 1, 0] = np.nan
    y, _ = rows.forward(keep=False)
    own = np.zeros(len(y), bool)
    own[rows.begins[3] : rows.begins[4]] = True
    assert np.isnan(y[own, : rows.n_units]).all()
    assert_array_equal(y[~own], expected[~own])


@every_attention
@every_dtype
def test_memory_that_was_not_written_is_not_read(kind, dtype, monkeypatch):
    def results():
        rows = Rows(kind, dtype=dtype)
        y, tape = rows.forward()
        y = y.copy()
        d_h, d_values, d_weights = rows.backward(tape)
        sources, _ = rows.layer.sources(rows.values, rows.offsets)
        step = rows.layer.step(rows.h[:2], sources, np.array([0, 0]))
        return [y, d_h, d_values, *d_weights.values(), step]

    def poisoned(shape, dtype=float):
        return np.full(shape, np.nan, dtype)

    expected = results()
    for module in ("layers.attention", "layers.dense", "workspace"):
        monkeypatch.setattr(f"sklstm._network.{module}.aligned_empty", poisoned)
    for got, value in zip(results(), expected, strict=True):
        assert_array_equal(got, value)


def test_encoder_and_decoder_of_other_widths():
    with pytest.raises(ValueError, match=r"attention='dot' .* of 5 units.* of 10"):
        Attention("attention", 5, 10, np.float64, "dot")
    with pytest.raises(ValueError, match="'bahdanau'"):
        Attention("attention", 5, 5, np.float64, "bahdanau")


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_kernel_refuses_what_does_not_fit(kind):
    """It follows pointers."""
    rows = Rows(kind, 16, targets=[2, 3], sources=[4, 1])
    kernels, layer = rows.layer.kernels, rows.layer
    layer.load(rows.weights, backward=True)
    sources, _ = layer.sources(rows.values, rows.offsets, Run(Memory(float), keep=True))
    which = np.arange(2)
    groups = layer._groups(sources, which, rows.begins)
    v = None if kind == "dot" else layer._v
    good = {
        "q": rows.h, "keys": sources.keys, "v": v, "packed": sources.packed,
        "offsets": rows.offsets, "sources": which, "begins": rows.begins,
        "places": groups.places, "weights": np.zeros(groups.places[-1]),
        "context": np.zeros((5, 16)),
    }  # fmt: skip
    kernels.attend(**good)
    d_keys = None if kind == "dot" else np.zeros((5, 16))
    back = {
        name: part for name, part in good.items() if name not in ("sources", "context")
    }
    size = kernels.attend_scratch_size(rows.offsets, 16, 1)
    back |= {
        "d_context": np.zeros((5, 16)), "scratch": np.zeros(size),
        "d_q": np.zeros((5, 16)), "d_values": np.zeros((5, 16)), "d_keys": d_keys,
        "d_v": None if kind == "dot" else np.zeros(16),
    }  # fmt: skip
    kernels.attend_backward(**back)
    bad = [
        {"q": np.zeros((5, 15))}, {"q": np.zeros((4, 16))}, {"packed": np.zeros(7)},
        {"offsets": np.array([0, 5, 4])}, {"offsets": np.array([1, 4, 5])},
        {"offsets": np.array([], dtype=np.intp)},
        {"sources": np.array([0, 2])}, {"sources": np.array([-1, 0])},
        {"begins": np.array([0, 2, 6])}, {"begins": np.array([0, 5])},
        {"places": groups.places + 1}, {"places": groups.places * 2},
        {"places": groups.places[:2]}, {"weights": np.zeros(3)},
        {"context": np.zeros((5, 8))}, {"context": np.zeros((4, 16))},
        {"v": None if v is not None else np.zeros(16)},
    ]  # fmt: skip
    if kind == "additive":
        bad += [{"keys": None}, {"keys": np.zeros((4, 16))}, {"v": np.zeros(8)}]
    for changes in bad:
        with pytest.raises(ValueError):
            kernels.attend(**{**good, **changes})
        changes = {name: part for name, part in changes.items() if name in back}
        if changes:
            with pytest.raises(ValueError):
                kernels.attend_backward(**{**back, **changes})
    bad = [
        {"d_context": np.zeros((4, 16))}, {"scratch": np.zeros(size - 1)},
        {"d_q": np.zeros((4, 16))}, {"d_values": np.zeros((6, 16))},
        {"d_keys": np.zeros((5, 16)) if kind == "dot" else None},
        {"d_v": np.zeros(16) if kind == "dot" else None},
    ]  # fmt: skip
    if kind == "additive":
        bad += [{"d_keys": np.zeros((4, 16))}, {"d_v": np.zeros(17)}]
        bad += [{"packed": sources.packed[: 5 * 16].copy()}]
    for changes in bad:
        with pytest.raises(ValueError):
            kernels.attend_backward(**{**back, **changes})
    for values, offsets in [
        (np.zeros((5, 15)), rows.offsets), (np.zeros((4, 16)), rows.offsets),
        (np.zeros((5, 16)), np.array([0, 6, 5])),
    ]:  # fmt: skip
        with pytest.raises(ValueError):
            kernels.pack_values(values, offsets, True, np.zeros(1000))
    for doors in (kernels.tanh_rows, lambda a: kernels.tanh_rows_back(a, a.copy())):
        with pytest.raises(ValueError, match="whole vectors"):
            doors(np.zeros((2, 15)))
    with pytest.raises(ValueError, match="d_y has shape"):
        kernels.tanh_rows_back(np.zeros((2, 16)), np.zeros((3, 16)))
