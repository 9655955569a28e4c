"""The embedding: gradients, bits, what of a gradient is touched, steps of optimizers.

Oracles: central differences in float64, numpy.add.at, a table times one-hot rows, and
the whole vectors in place of their touched parts.
"""

import numpy as np
import pytest
from conftest import FLOAT_SETS, kernels_of
from hypothesis import given, settings
from hypothesis import strategies as st
from network_cases import POOLINGS, both_ways, every_cell, every_dtype
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._kernels import Schedule, add_rows
from sklstm._network.build import input_layers, whole_sequence_network
from sklstm._network.layers.dropout import Masks
from sklstm._network.layers.embedding import _in_order_of_batch
from sklstm._network.parameters import Touched
from sklstm._network.workspace import aligned_empty
from sklstm._training.optimizers import SGD, Adam, RMSProp, clip_scale

LENGTHS = [4, 0, 1, 6, 3]
V = 7
# Numbers of features, columns of ids, and the widths of their tables.
ALONE = (1, (0,), (5,))
MIXED = [(3, (1,), (4,)), (4, (0, 3), (3, 8)), (2, (0, 1), (9, 2)), (2, (1,), (16,))]
every_form = pytest.mark.parametrize("form", [ALONE, *MIXED])


class Problem:
    """A network with tables on a batch of ids, of which some are beyond the table."""

    def __init__(
        self, form, cell="lstm", lengths=LENGTHS, *, hidden=(9, 5), dtype=np.float64,
        trainable=True, rates=(0, 0), strip_rows=2, seed=0, **options,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        F, self.columns, self.widths = form
        self.numbers = [j for j in range(F) if j not in self.columns]
        embedding = {
            "columns": self.columns, "rows": (V,) * len(self.columns),
            "widths": self.widths, "trainable": trainable,
        }  # fmt: skip
        self.make = lambda embedding, F: whole_sequence_network(
            F, hidden, 2, dtype, cell, embedding=embedding, dropout=rates[0],
            recurrent_dropout=rates[1], **options,
        )  # fmt: skip
        self.network = self.make(embedding, F)
        self.network.strip_rows = strip_rows
        self.parameters = 0.4 * rng.standard_normal(self.network.layout.size)
        self.parameters = self.parameters.astype(dtype)
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.data = rng.standard_normal((self.lengths.sum(), F)).astype(dtype)
        for column in self.columns:
            self.data[:, column] = rng.integers(0, V + 2, len(self.data))
        self.d_output = rng.standard_normal((len(lengths), 2)).astype(dtype)
        self.rates = rates

    def output(self, samples=slice(None), keep=False, **options):
        masks = None
        if self.rates != (0, 0):
            masks = Masks(1, 2, np.arange(len(self.lengths))[samples])
        self.network.load(self.parameters, backward=keep)
        output, self.tapes = self.network.forward(
            self.data, self.starts[samples], self.lengths[samples], keep=keep,
            masks=masks, **options,
        )  # fmt: skip
        return output.copy()

    def gradient(self, **options):
        self.output(keep=True, **options)
        return self.network.backward(self.d_output.copy(), self.tapes).copy()

    def tables(self, vector):
        return list(self.network.views(vector)["embedding"].values())

    def ids(self, column):
        ids = self.data[:, column].astype(int)
        return np.where(ids < V, ids, 0)

    def plain(self):
        """A network without tables, whose data are what they hand on, and the place of
        its parameters in those of the other one."""
        rows = [
            table[self.ids(column)]
            for column, table in zip(self.columns, self.tables(self.parameters))
        ]
        data = np.hstack([*rows, self.data[:, self.numbers]])
        network = self.make(None, data.shape[1])
        network.strip_rows = self.network.strip_rows
        return network, np.ascontiguousarray(data)


# ---- the layer -------------------------------------------------------------------


@every_cell
@both_ways
@pytest.mark.parametrize("pooling", POOLINGS)
@every_form
def test_output_is_that_of_a_network_that_reads_the_rows(
    cell, bidirectional, pooling, form
):
    problem = Problem(form, cell, bidirectional=bidirectional, pooling=pooling)
    network, data = problem.plain()
    network.load(problem.parameters[problem.network.dense], backward=True)
    expected, tapes = network.forward(data, problem.starts, problem.lengths, keep=True)
    assert_array_equal(problem.output(), expected)
    d_plain = network.backward(problem.d_output.copy(), tapes)
    gradient = problem.gradient()
    assert_array_equal(gradient[problem.network.dense], d_plain)


@every_cell
@both_ways
@pytest.mark.parametrize("pooling", ["last", "attention"])
@pytest.mark.parametrize("form", [ALONE, MIXED[1]])
@pytest.mark.parametrize("rates", [(0, 0), (0.4, 0.3)])
def test_gradient(instruction_set, cell, bidirectional, pooling, form, rates):
    """By central differences, along a direction in each table and one in the rest."""
    problem = Problem(
        form, cell, bidirectional=bidirectional, pooling=pooling, rates=rates
    )
    gradient, rng = problem.gradient(), np.random.default_rng(1)
    parameters, layout, epsilon = problem.parameters, problem.network.layout, 1e-5
    for name, part in layout.slices.items():
        direction = np.zeros(layout.size)
        direction[part] = rng.standard_normal(part.stop - part.start)
        ends = []
        for sign in (1, -1):
            problem.parameters = parameters + sign * epsilon * direction
            ends.append((problem.output() * problem.d_output).sum())
        numeric = (ends[0] - ends[1]) / (2 * epsilon)
        assert_allclose(
            gradient @ direction, numeric, rtol=1e-6, atol=1e-6, err_msg=name
        )


@both_ways
@every_form
@pytest.mark.parametrize("tbptt", [None, 2])
def test_gradient_of_tables_is_the_sum_over_their_ids(bidirectional, form, tbptt):
    """Against numpy.add.at on the gradient of what the recurrent layer reads."""
    if bidirectional and tbptt:
        return
    problem, seen = Problem(form, bidirectional=bidirectional), {}
    layer = problem.network.tables
    backward = layer.backward

    def record(d_y, tape, d_weights):
        seen["d_y"] = d_y.values[:, : layer.n_outputs].copy()
        seen["ids"] = [ids.copy() for ids in tape.ids]
        return backward(d_y, tape, d_weights)

    layer.backward = record
    gradient, begin = problem.gradient(tbptt=tbptt), 0
    for ids, got in zip(seen["ids"], problem.tables(gradient)):
        expected = np.zeros_like(got)
        part = seen["d_y"][:, begin : begin + got.shape[1]]
        np.add.at(expected, ids, part)
        assert_allclose(got, expected, rtol=1e-13, atol=1e-15)
        begin += got.shape[1]
    assert begin == sum(problem.widths)


@every_form
def test_a_table_that_is_not_trained(form):
    problem = Problem(form, rates=(0.4, 0.3))
    expected = problem.gradient()[problem.network.dense]
    frozen = Problem(form, rates=(0.4, 0.3), trainable=False)
    gradient = frozen.gradient()
    assert_array_equal(gradient[frozen.network.dense], expected)
    assert not gradient[: frozen.network.dense.start].any()
    assert frozen.network.touched.tables == []
    assert all(layer.reads_data for layer in frozen.network.recurrents[:1])


@every_dtype
@every_form
def test_one_workspace_for_batches_of_any_shape(dtype, form):
    """A network that has seen other batches gives the bits of a new one: rows that the
    last gradient had are zero again."""
    options = {"dtype": dtype, "rates": (0.4, 0.3), "bidirectional": True}
    used = Problem(form, **options)
    for lengths in ([9] * 11, [1], [0, 0], [30, 2], LENGTHS):
        problem = Problem(form, lengths=lengths, **options)
        expected = problem.gradient()
        problem.network = used.network
        assert_array_equal(problem.gradient(), expected)


@every_form
def test_memory_that_was_not_written_is_not_read(instruction_set, monkeypatch, form):
    def results():
        problem = Problem(form, rates=(0.4, 0.3), bidirectional=True, pooling="max")
        return problem.output(), problem.gradient()

    def poisoned(shape, dtype):
        array = aligned_empty(shape, dtype)
        array.fill(np.nan)
        return array

    expected = results()
    for module in ("layers.recurrent", "layers.dense", "flat_network", "workspace"):
        monkeypatch.setattr(f"sklstm._network.{module}.aligned_empty", poisoned)
    for got, value in zip(results(), expected, strict=True):
        assert_array_equal(got, value)


@every_dtype
@both_ways
@every_form
def test_bits_do_not_depend_on_threads(threads, dtype, bidirectional, form):
    results = []
    for n in (1, 2, 3):
        with threads(n):
            problem = Problem(
                form, dtype=dtype, bidirectional=bidirectional, rates=(0.4, 0.3),
                lengths=[5] * 30,
            )  # fmt: skip
            results.append((problem.output(), problem.gradient()))
    for output, gradient in results[1:]:
        assert_array_equal(output, results[0][0])
        assert_array_equal(gradient, results[0][1])


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@every_form
def test_steps_have_the_bits_of_the_whole(cell, dtype, form):
    array_dtype = np.float32 if dtype == "bfloat16" else np.dtype(dtype)
    problem = Problem(form, cell, lengths=[6, 6, 6], dtype=np.float64)
    network = problem.make(
        {
            "columns": problem.columns, "rows": (V,) * len(problem.columns),
            "widths": problem.widths, "trainable": True,
        },
        form[0],
    )  # fmt: skip
    if dtype != "float64":
        network = whole_sequence_network(
            form[0], (9, 5), 2, dtype, cell,
            embedding={
                "columns": problem.columns, "rows": (V,) * len(problem.columns),
                "widths": problem.widths, "trainable": True,
            },
        )  # fmt: skip
    network.load(problem.parameters.astype(array_dtype), backward=False)
    data = problem.data.astype(array_dtype)
    expected = network.predict(data, problem.starts, problem.lengths)
    states, pooled = network.initial_states(3), None
    for t in range(6):
        x = np.ascontiguousarray(data[problem.starts + t])
        raw, states, pooled = network.step(x, states, pooled)
    assert_array_equal(raw, expected.astype(np.float64))


@every_form
def test_a_sequence_has_its_bits_whatever_is_beside_it(form):
    problem = Problem(form, dtype=np.float32, bidirectional=True)
    whole = problem.output()
    for i in range(len(LENGTHS)):
        assert_array_equal(problem.output(slice(i, i + 1))[0], whole[i])


def test_nothing_is_copied_of_one_table_alone():
    problem = Problem(ALONE)
    problem.output(keep=True)
    _, tape = problem.tapes[:2]
    assert np.shares_memory(tape.x.values, problem.parameters)
    assert_array_equal(tape.x.rows, problem.ids(0)[tape.x.schedule.data_rows])


def test_dropout_is_of_rows_and_not_of_numbers():
    problem = Problem((3, (1,), (4,)), rates=(0.5, 0))
    problem.output(keep=True)
    mask = problem.tapes[1]
    assert mask.shape == (problem.lengths.sum(), 4)
    x = problem.tapes[2].x
    plain = problem.plain()[1][x.schedule.data_rows]
    assert_array_equal(x.values[:, :4], plain[:, :4] * mask)
    assert_array_equal(x.values[:, 4:], plain[:, 4:])


def test_where_rows_begin():
    rng = np.random.default_rng(0)
    network = Problem((2, (0, 1), (300, 40))).network
    given = (np.array([0, 3]), np.full((2, 40), 5.0))
    parameters = network.initialize(
        np.random.RandomState(0), np.zeros(2), tables=[None, given]
    )
    free, filled = network.views(parameters)["embedding"].values()
    assert not free[0].any() and free[1:].all()
    assert 0.05 < free[1:].std() < 0.2
    assert_array_equal(filled[[0, 3]], given[1])
    assert not (filled[[1, 2, 4, 5, 6]] == 5).any()
    whole = np.arange(V), rng.standard_normal((V, 300))
    parameters = network.initialize(
        np.random.RandomState(0), np.zeros(2), tables=[whole, None]
    )
    assert_array_equal(network.views(parameters)["embedding"]["w0"], whole[1])


def test_layers_below_the_recurrent_ones():
    assert input_layers(3, "float32") == ([], 3)
    embedding = {"columns": (1,), "rows": (9,), "widths": (4,), "trainable": True}
    layers, n_inputs = input_layers(3, "float32", embedding)
    assert [layer.name for layer in layers] == ["embedding"] and n_inputs == 6
    layers, n_inputs = input_layers(3, "float32", embedding, 0.5)
    assert [layer.name for layer in layers] == ["embedding", "embedding.dropout"]
    assert n_inputs == 6


# ---- the kernel ------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_are_added_in_their_order(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    N, E, extra = (data.draw(st.integers(0, high)) for high in (40, 9, 3))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    column = data.draw(st.integers(0, extra))
    d_y = rng.standard_normal((N, E + extra)).astype(dtype)
    ids = rng.integers(0, data.draw(st.integers(1, 12)), N)
    order = np.argsort(ids, kind="stable")
    rows, begins = np.unique(ids[order], return_index=True)
    table = rng.standard_normal((12, E)).astype(dtype)
    expected = table.copy()
    for m in order:  # one chain a row
        expected[ids[m]] += d_y[m, column : column + E]
    for n_threads in (1, 2, 5):
        got = table.copy()
        add_rows(d_y, column, order, begins, rows, got, n_threads)
        assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"order": [0, 1, 3]}, r"order\[2\] is 3, of 3"),
        ({"order": [0, -1, 2]}, r"order\[1\] is -1"),
        ({"ids": [1, 4]}, r"ids\[1\] is 4, of 4"),
        ({"ids": [-1, 2]}, r"ids\[0\] is -1"),
        ({"ids": [2, 2]}, r"ids\[1\] is 2: they must rise"),
        ({"begins": [0, 4]}, r"begins\[1\] is 4"),
        ({"begins": [2, 1]}, r"begins\[0\] is 2"),
        ({"begins": [0]}, "do not belong together"),
        ({"column": 2}, "do not belong together"),
        ({"column": -1}, "do not belong together"),
    ],
)
def test_the_kernel_follows_no_index_that_is_not_there(change, message):
    arguments = {
        "d_y": np.ones((3, 6)), "column": 0, "order": [0, 2, 1], "begins": [0, 2],
        "ids": [1, 3], "d_table": np.zeros((4, 5)),
    }  # fmt: skip
    arguments |= change
    for name in ("order", "begins", "ids"):
        arguments[name] = np.array(arguments[name], dtype=np.intp)
    with pytest.raises(ValueError, match=message):
        add_rows(*arguments.values())
    assert not arguments["d_table"].any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(1, 5))
def test_order_of_the_batch(lengths, strip_rows):
    lengths = np.array(lengths, dtype=np.intp)
    starts = np.cumsum(lengths) - lengths
    schedule = Schedule(starts, lengths, strip_rows, n_rows=int(lengths.sum()))
    order = _in_order_of_batch(schedule)
    # starts rise here, so that rows of the data are in the order of the batch
    assert_array_equal(schedule.data_rows[order], np.arange(lengths.sum()))


def test_sums_depend_on_the_batch_and_not_on_where_its_data_lie():
    problem = Problem(ALONE, lengths=[3, 5, 4], dtype=np.float32)
    problem.data[:] = problem.data % 2  # long chains
    expected = problem.gradient()
    turned = np.concatenate(
        [problem.data[s : s + T] for s, T in zip(problem.starts, problem.lengths)][::-1]
    )
    problem.data, lengths = turned, problem.lengths
    problem.starts = np.array([9, 4, 0])
    assert_array_equal(problem.lengths, lengths)
    assert_array_equal(problem.gradient(), expected)


# ---- what is touched -------------------------------------------------------------


@every_form
def test_all_of_a_gradient_that_is_not_zero_is_touched(form):
    problem = Problem(form)
    gradient, network = problem.gradient(), problem.network
    touched = network.touched
    for (place, width, rows), column in zip(touched.tables, problem.columns):
        assert_array_equal(rows, np.unique(problem.ids(column)))
        table = gradient[place].reshape(-1, width)
        there = np.isin(np.arange(V), rows)
        assert table[there].any(axis=1).all() and not table[~there].any()
    assert touched.dense.start == sum(V * width for width in problem.widths)
    assert Problem(form).network.touched.tables == []  # before there is a gradient


def test_no_network_without_tables_is_touched_in_parts():
    network = whole_sequence_network(3, (4,), 2, "float32")
    assert network.touched is None and network.dense == slice(0, None)
    assert network.weight_mask().sum() < network.layout.size


def test_tables_have_no_penalty():
    network = Problem(MIXED[1]).network
    mask = network.weight_mask()
    assert not mask[: network.dense.start].any()
    plain = whole_sequence_network(13, (9, 5), 2, np.float64)
    assert_array_equal(mask[network.dense], plain.weight_mask())


def touched_vectors(dtype, seed=0):
    """A vector of two tables and a dense part, and a gradient of a few rows."""
    rng = np.random.default_rng(seed)
    sizes = (6 * 5, 4 * 3, 11)
    parameters = rng.standard_normal(sum(sizes)).astype(dtype)
    touched = Touched(
        slice(42, None),
        [
            (slice(0, 30), 5, np.array([0, 3, 4])),
            (slice(30, 42), 3, np.array([], dtype=np.intp)),
        ],
    )
    gradient = np.zeros_like(parameters)
    gradient[:30].reshape(6, 5)[[0, 3, 4]] = rng.standard_normal((3, 5))
    gradient[42:] = rng.standard_normal(11)
    return parameters, gradient, touched


OPTIMIZERS = {
    "sgd": lambda n, t: SGD(n, t, momentum=0.9, nesterovs_momentum=True),
    "adam": lambda n, t: Adam(n, t, beta_1=0.9, beta_2=0.99, epsilon=1e-8),
    "adamw": lambda n, t: Adam(
        n, t, beta_1=0.9, beta_2=0.99, epsilon=1e-8, decay=np.r_[
            np.zeros(42), np.full(n - 42, 0.3)].astype(t)
    ),
    "rmsprop": lambda n, t: RMSProp(n, t, beta_2=0.99, epsilon=1e-8),
}  # fmt: skip


@every_dtype
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_a_step_moves_what_is_touched_as_a_whole_step_does(solver, dtype):
    parameters, gradient, touched = touched_vectors(dtype)
    results = []
    for what in (None, touched):
        moved = parameters.copy()
        optimizer = OPTIMIZERS[solver](len(moved), dtype)
        # from zero moments the rows without a gradient stay where they are
        optimizer.step(moved, gradient.copy(), 0.1, 0.5, what)
        results.append([moved, *optimizer.state.values()])
    for got, expected in zip(*results, strict=True):
        assert_array_equal(got, expected)
    assert (results[1][0] != parameters).sum() == 3 * 5 + 11


@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_rows_that_are_not_touched_stand_still(solver):
    parameters, gradient, touched = touched_vectors(np.float64)
    optimizer = OPTIMIZERS[solver](len(parameters), np.float64)
    optimizer.step(parameters, gradient, 0.1, 1.0, touched)
    before = [np.copy(v) for v in (parameters, *optimizer.state.values())]
    other = touched._replace(
        tables=[(slice(0, 30), 5, np.array([1])), (slice(30, 42), 3, np.array([2]))]
    )
    gradient = np.zeros_like(gradient)
    gradient[[5, 36, 45]] = 1
    optimizer.step(parameters, gradient, 0.1, 1.0, other)
    after = [parameters, *optimizer.state.values()]
    still = np.r_[0:5, 10:36, 39:42]
    for was, now in zip(before, after, strict=True):
        if np.ndim(was):
            assert_array_equal(now[still], was[still])
    assert (parameters != before[0])[[5, 36, 45]].all()


def test_lazy_adam_against_pytorch(torch):
    rng, table = np.random.default_rng(0), np.zeros((6, 4))
    weight = torch.nn.Parameter(torch.zeros(6, 4, dtype=torch.float64))
    theirs = torch.optim.SparseAdam([weight], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    ours = Adam(24, np.float64, beta_1=0.9, beta_2=0.99, epsilon=1e-8)
    parameters = table.ravel()
    for _ in range(6):
        rows = np.sort(rng.choice(6, 3, replace=False))
        values = rng.standard_normal((3, 4))
        weight.grad = torch.sparse_coo_tensor(
            torch.tensor(rows[np.newaxis]), torch.tensor(values), (6, 4),
            check_invariants=True,
        )  # fmt: skip
        theirs.step()
        gradient = np.zeros((6, 4))
        gradient[rows] = values
        touched = Touched(slice(24, None), [(slice(0, 24), 4, rows)])
        ours.step(parameters, gradient.ravel(), 0.1, 1.0, touched)
    # they add epsilon to the root of a v that is not corrected, as we do
    expected = weight.detach().numpy().ravel()
    assert_allclose(parameters, expected, rtol=1e-6, atol=1e-9)


@every_dtype
def test_norm_of_what_is_touched(dtype):
    _, gradient, touched = touched_vectors(dtype)
    for limit in (0.5, 1e9):
        expected = clip_scale(gradient, limit)
        assert clip_scale(gradient, limit, touched) == pytest.approx(
            expected, rel=1e-14
        )
    gradient[:42] = np.nan  # is not looked at
    gradient[:30].reshape(6, 5)[[0, 3, 4]] = 0
    assert clip_scale(gradient, 1e-3, touched) == pytest.approx(
        1e-3 / np.linalg.norm(gradient[42:].astype(np.float64)), rel=1e-6
    )


# ---- instruction sets ------------------------------------------------------------


@every_dtype
@pytest.mark.parametrize("isa", FLOAT_SETS)
@pytest.mark.parametrize("E", [1, 5, 17])
def test_a_table_of_any_width_is_read_through_its_rows(isa, E, dtype):
    """The recurrent kernels need no padding of what they read."""
    kernels = kernels_of(isa, dtype)
    rng, H, N = np.random.default_rng(0), 5, 12
    table = rng.standard_normal((V, E)).astype(dtype)
    ids = rng.integers(0, V, N)
    number = 0
    gates = slots = 4
    w, r = (rng.standard_normal((n, gates * H)).astype(dtype) for n in (E, H))
    b = rng.standard_normal(slots * H).astype(dtype)
    packed = aligned_empty((kernels.packed_forward_size(number, E, H),), dtype)
    kernels.pack_forward(number, w, r, b, None, packed)
    lengths = np.array([5, 4, 3])
    schedule = Schedule(np.array([0, 5, 9]), lengths, 2, n_rows=N)
    outputs = []
    for x, rows in (
        (table, ids[schedule.data_rows]),
        (table[ids], schedule.data_rows),
    ):
        h_last = np.zeros((3, kernels.padded(H)), dtype)
        c_last = np.zeros_like(h_last)
        scratch = aligned_empty(
            (kernels.forward_scratch_size(schedule, E, H, 1),), dtype
        )
        kernels.forward(
            number, schedule, x, rows, E, H, packed, scratch, h_last, c_last
        )
        outputs.append(h_last)
    assert_array_equal(*outputs)
    assert outputs[0].any()
