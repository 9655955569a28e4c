"""No index that a user can make reaches memory that is not the sequences'."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm import GRUClassifier, LSTMRegressor
from sklstm._kernels import Schedule, digests, dropout_mask, kernels_for
from sklstm._network.layers.pooling import Pooling
from sklstm._network.layers.recurrent import Recurrent
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory
from sklstm.preprocessing import FrameStacker
from sklstm.sequences import SequenceArray, check_sequences

MOST = np.iinfo(np.intp).max


def three():
    return SequenceArray(np.arange(12.0).reshape(6, 2), [0, 3, 3, 6])


# ---- nothing that is handed out can be written to ------------------------------------


def grow(array):
    array += 10**8


def sort(array):
    array[::-1].sort()


def fill(array):
    array.fill(7)


def resize(array):
    array.resize((100, 2), refcheck=False)


def write(array):
    array.flags.writeable = True


def set_flags(array):
    np.ndarray.setflags(array, write=True)


def through_the_base(array):
    array.base.flags.writeable = True


def copy_to(array):
    np.copyto(array, 5)


CHANGES = [grow, sort, fill, resize, write, set_flags, through_the_base, copy_to]
PARTS = {
    "data": lambda X: X.data,
    "offsets": lambda X: X.offsets,
    "a sequence": lambda X: X[0],
    "its last step": lambda X: X[-1][-1],
    "an item of the list": lambda X: X.to_list()[2],
    "an item of the loop": lambda X: next(iter(X)),
    "data of a slice": lambda X: X[1:].data,
    "offsets of a slice": lambda X: X[1:].offsets,
    "data of a selection": lambda X: X[[2, 0]].data,
    "offsets of a selection": lambda X: X[[2, 0]].offsets,
    "reduced offsets": lambda X: X.__reduce__()[1][1],
    "data of a copy": lambda X: copy.copy(X).data,
    "offsets of a deep copy": lambda X: copy.deepcopy(X).offsets,
    "data as float32": lambda X: X.astype("float32").data,
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_handed_out_is_read_only(change, part):
    X = three()
    array = PARTS[part](X)
    with pytest.raises((ValueError, AttributeError)):
        change(array)
    assert X == three()


@pytest.mark.parametrize("part", ["data", "offsets"])
@pytest.mark.parametrize(
    "name, value", [("shape", (-1,)), ("dtype", np.uint8), ("strides", (0,))]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_handed_out_has_a_shape_of_its_own(part, name, value):
    X = three()
    for array in (getattr(X, part), getattr(X, part).base):
        try:
            setattr(array, name, value)
        except (AttributeError, ValueError):
            continue
    assert X.data.shape == (6, 2) and X.data.dtype == float
    assert_array_equal(X.offsets, [0, 3, 3, 6])


MADE_OF = {
    "the constructor": lambda a: SequenceArray(a, [0, 2, 6]),
    "from_list": lambda a: SequenceArray.from_list([a]),
    "check_sequences, 2-D": check_sequences,
    "check_sequences, list": lambda a: check_sequences([a]),
    "from_padded": lambda a: SequenceArray.from_padded(a[None]),
}


@pytest.mark.parametrize("way", MADE_OF)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_array_given_stays_its_owners(way):
    """It can be written to and be given another shape, which X does not have then."""
    a = np.arange(12.0).reshape(6, 2)
    X = MADE_OF[way](a)
    assert np.shares_memory(X.data, a)
    shape = X.data.shape
    a[0, 0] = 9
    a.shape = (12,)
    assert a.flags.writeable and X.data.shape == shape
    assert X[0][0, 0] == 9
    for change in (write, grow):
        with pytest.raises(ValueError):
            change(X.data)


def test_offsets_given_are_copied():
    offsets = np.array([0, 3, 6])
    X = SequenceArray(np.zeros((6, 1)), offsets)
    offsets[:] = 10**8
    assert_array_equal(X.offsets, [0, 3, 6])


def test_names_and_parts_cannot_be_set():
    for name in ("data", "offsets", "lengths", "shape", "feature_names"):
        with pytest.raises(AttributeError):
            setattr(three(), name, None)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_checked_and_read_only(protocol):
    X = pickle.loads(pickle.dumps(three(), protocol))
    assert X == three()
    for array in (X.data, X.offsets, X[0]):
        with pytest.raises(ValueError):
            array[:] = 0


def test_buffers_of_a_pickle_stay_their_owners():
    buffers = []
    dump = pickle.dumps(three(), 5, buffer_callback=buffers.append)
    memory = [bytearray(b.raw()) for b in buffers]
    X = pickle.loads(dump, buffers=memory)
    for part in memory:
        part[:] = b"\xff" * len(part)
    assert_array_equal(X.offsets, [0, 3, 3, 6])
    memory = [bytearray(b"\x7f" * len(part)) for part in memory]
    with pytest.raises(ValueError, match="offsets must rise from 0 to 6"):
        pickle.loads(dump, buffers=memory)


def test_files_mapped_into_memory(tmp_path):
    joblib.dump(three(), tmp_path / "X")
    for mode in ("r", "r+", "c"):
        X = joblib.load(tmp_path / "X", mmap_mode=mode)
        assert X == three()
        # by which joblib finds out that there is a file for other processes to read
        assert isinstance(X.__reduce__()[1][0].base.base, np.memmap)
        for array in (X.data, X.offsets, X[0]):
            with pytest.raises(ValueError):
                array[:] = 0


# ---- offsets -------------------------------------------------------------------------

BAD_OFFSETS = {
    "overflow": [0, 2**63 - 1, -(2**63), -1, 5],
    "rise beyond": [0, 6, 5],
    "negative": [0, -1, 5],
    "fall": [0, 3, 2, 5],
    "too few": [0, 4],
    "too late": [1, 5],
    "unsigned overflow": np.array([0, 2**64 - 1, 5], np.uint64),
    "unsigned beyond int64": np.array([0, 2**63, 5], np.uint64),
    "unsigned fall": np.array([0, 4, 3, 5], np.uint8),
    "small and negative": np.array([0, -128, 5], np.int8),
}
NO_OFFSETS = {
    "floats": [0.0, 5.0],
    "floats beyond": [0, 1e300],
    "NaN": [0, np.nan, 5],
    "bool": [False, True],
    "objects": [0, 2**70, 5],
    "text": ["0", "5"],
    "none": [],
    "matrix": [[0, 5]],
    "scalar": 5,
    "None": None,
}


@pytest.mark.parametrize("name", BAD_OFFSETS)
def test_offsets_that_leave_the_data(name):
    with pytest.raises(ValueError, match="offsets must rise from 0 to 5"):
        SequenceArray(np.zeros((5, 2)), BAD_OFFSETS[name])
    X = SequenceArray(np.zeros((5, 2)), [0, 5])
    cls, (data, _, names) = X.__reduce__()
    with pytest.raises(ValueError, match="offsets must rise from 0 to 5"):
        cls(data, BAD_OFFSETS[name], names)


def test_offsets_that_leave_the_data_are_named():
    with pytest.raises(ValueError, match=r"offsets\[1\] is 9223372036854775807"):
        SequenceArray(np.zeros((5, 2)), BAD_OFFSETS["overflow"])


@pytest.mark.parametrize("name", NO_OFFSETS)
def test_offsets_that_are_no_integers(name):
    with pytest.raises(ValueError, match="offsets must be a vector of n_sequences"):
        SequenceArray(np.zeros((5, 2)), NO_OFFSETS[name])


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_offsets_of_any_integers(dtype):
    X = SequenceArray(np.zeros((100, 1)), np.array([0, 60, 60, 100], dtype))
    assert_array_equal(X.lengths, [60, 0, 40])
    assert X.offsets.dtype == np.intp


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_lengths_of_any_integers(dtype):
    """Their sum is more than the small types hold."""
    lengths = np.array([100, 90, 0, 120], dtype)
    X = SequenceArray.from_padded(np.zeros((4, 120, 1)), lengths)
    assert_array_equal(X.offsets, [0, 100, 190, 190, 310])


@pytest.mark.parametrize(
    "lengths",
    [
        np.array([2**63, 1], np.uint64),
        np.array([2**64 - 1, 1], np.uint64),
        np.array([255, 1], np.uint8),
        [-1, 1],
        [3, 1],
        [-(2**63), 1],
    ],
)
def test_lengths_beyond_the_steps(lengths):
    with pytest.raises(ValueError, match=r"lengths\[0\] is -?\d+, but a sequence of X"):
        SequenceArray.from_padded(np.zeros((2, 2, 1)), lengths)


def test_steps_without_features_can_be_too_many_to_count():
    """They take no memory, and 32 times 2^59 is 0."""
    steps = np.empty((2**59, 0))
    X = SequenceArray(steps, [0, 2**59])
    with pytest.raises(ValueError, match="too many steps to count"):
        X[[0] * 32]
    with pytest.raises(ValueError, match="18446744073709551616 steps, too many"):
        SequenceArray.from_list([steps] * 32)


# ---- indices -------------------------------------------------------------------------


def many():
    return SequenceArray(np.arange(300.0)[:, np.newaxis], np.arange(301))


@pytest.mark.parametrize("dtype", "bBhHiIlLqQ")
def test_indices_of_any_integers(dtype):
    X = many()
    assert_array_equal(X[np.array([3, 1, 2], dtype)].data[:, 0], [3, 1, 2])
    assert_array_equal(X[np.array(7, dtype)], [[7]])
    assert_array_equal(X[np.dtype(dtype).type(100)], [[100]])
    if np.dtype(dtype).kind == "i":
        assert_array_equal(X[np.array([-1, -128, 5], dtype)].data[:, 0], [299, 172, 5])
        assert_array_equal(X[np.array(-1, dtype)], [[299]])


@pytest.mark.parametrize(
    "key, match",
    [
        (300, "Index 300 is out of range for 300 sequences"),
        (-301, "Index -301 is out of range"),
        ([0, 300], "Index 300 is out of range"),
        (np.array([300], np.uint16), "Index 300 is out of range"),
        (np.array([2**64 - 1], np.uint64), "Index 18446744073709551615 is out of"),
        (np.array([-(2**63)]), "Index -9223372036854775808 is out of range"),
        (2**63, "Index 9223372036854775808 is out of range"),
        (2**64, "18446744073709551616"),
        ([0, -(2**70)], "-1180591620717411303424"),
        ([-1, 2**63], "dtype float64"),
        ([True, False], "mask of 300 booleans, got an index of shape"),
        (True, "mask of 300 booleans"),
        ([1.0], "dtype float64"),
        ("a", "dtype <U1"),
        (None, "dtype object"),
        ([[0, 1]], "shape"),
    ],
)
def test_indices_that_are_none(key, match):
    with pytest.raises(IndexError, match=match):
        many()[key]


@pytest.mark.parametrize(
    "key",
    [
        slice(None, None, 2**70),
        slice(None, None, -(2**70)),
        slice(-(2**70), 2**70),
        slice(250, None, 2**63 - 1),
        slice(np.uint8(3), np.uint8(7)),
        slice(None, None, -1),
        slice(2, 2**64, 299),
    ],
)
def test_slices_are_those_of_a_list(key):
    X = many()
    assert X[key].data[:, 0].tolist() == [float(i) for i in list(range(300))[key]]


# ---- the schedule --------------------------------------------------------------------

LEAVES = {
    "start beyond": ([6], [1]),
    "end beyond": ([4], [3]),
    "negative start": ([-1], [2]),
    "negative length": ([0], [-1]),
    "length beyond": ([0], [7]),
    "overflow": ([5], [MOST]),
    "overflow of both": ([MOST], [MOST]),
    "underflow": ([-MOST - 1], [2]),
    "lowest length": ([0], [-MOST - 1]),
    "the second": ([0, 10**8], [1, 1]),
}


@pytest.mark.parametrize("name", LEAVES)
def test_schedule_stays_in_the_data(name):
    starts, lengths = (np.array(a, dtype=np.intp) for a in LEAVES[name])
    i = len(starts) - 1
    with pytest.raises(
        ValueError,
        match=rf"Sequence {i} has {lengths[i]} steps from row {starts[i]} on, but the "
        "data have 6 rows",
    ):
        Schedule(starts, lengths, n_rows=6)
    data = np.zeros((6, 1), np.uint8)
    with pytest.raises(ValueError, match=f"Sequence {i} has rows that the data do not"):
        digests(data, starts, lengths, np.zeros((len(starts), 1), np.uint8))


def test_schedule_does_not_count_too_far():
    """Nor does it allocate: the sum of the lengths overflows."""
    for n in (2, 4, 5):
        with pytest.raises(ValueError, match="more than a schedule holds"):
            Schedule(np.zeros(n, dtype=np.intp), np.full(n, 2**62), n_rows=2**62)


def test_schedule_of_nothing():
    """A sequence of no steps may begin anywhere: truncation moves beginnings."""
    schedule = Schedule(np.array([10**8, -5]), np.array([0, 0]), n_rows=0)
    assert schedule.n_steps == 0
    for strip_rows in (0, -1):
        with pytest.raises(ValueError, match="do not belong together"):
            Schedule(np.array([0]), np.array([1]), strip_rows, n_rows=1)
    assert Schedule(np.array([0]), np.array([1]), MOST, n_rows=1).strip_rows == 1
    with pytest.raises(ValueError, match="do not belong together"):
        Schedule(np.array([0]), np.array([0]), n_rows=-1)
    with pytest.raises(TypeError, match="n_rows"):
        Schedule(np.array([0]), np.array([1]))
    with pytest.raises(TypeError):
        Schedule(None, None, n_rows=1)


def test_schedule_cannot_be_changed():
    schedule = Schedule(np.array([0, 2]), np.array([2, 3]), n_rows=5)
    for name in (
        *("order", "first_row", "first_step", "running_at", "data_rows", "state_rows"),
        *("before_rows", "running", "sequence", "time", "mirror"),
    ):
        with pytest.raises(ValueError, match="read-only"):
            getattr(schedule, name)[:] = 10**8
    before = schedule.data_rows.tolist()
    schedule.__init__(np.array([0]), np.array([1]), n_rows=1)
    assert schedule.data_rows.tolist() == before
    with pytest.raises(TypeError):
        Schedule.__new__(Schedule)


# ---- the other doors of the kernels --------------------------------------------------


@pytest.mark.parametrize("row", [6, -1, MOST, -MOST - 1])
def test_rows_that_are_not_there(row):
    layer = Recurrent("l0", 2, 3, np.float64, "gru")
    weights = {name: np.zeros(shape) for name, shape in layer.shapes.items()}
    layer.load(weights, backward=True)
    schedule = Schedule(np.array([0, 2]), np.array([2, 4]), n_rows=6)
    rows = schedule.data_rows.copy()
    x, run = Steps(np.zeros((6, 2)), rows, schedule), Run(Memory(np.float64), keep=True)
    _, tape = layer.forward(x, run)
    rows[3] = row
    with pytest.raises(ValueError, match="x_rows has rows that are not among the 6"):
        layer.forward(x, Run(Memory(np.float64)))
    d_weights = {name: np.zeros(s) for name, s in layer.shapes.items()}
    d_y = StepsGradient(ends=(np.zeros((2, layer.width)),))
    with pytest.raises(ValueError, match="x_rows has rows that are not among the 6"):
        layer.backward(d_y, tape, d_weights)
    pooling = Pooling("pooling", 3, np.float64, "mean")
    pooling.load({}, backward=True)
    h, initial = np.zeros((6, pooling.width)), np.zeros((2, pooling.width))
    with pytest.raises(ValueError, match="h_rows has rows that are not among the 6"):
        pooling.forward(Steps(h, rows, schedule, (initial,)), run)
    ids, mask = np.arange(6), np.zeros((1, 4))
    with pytest.raises(ValueError, match=rf"samples\[0\] is {row}, of 6 ids"):
        dropout_mask(0, 0, 0, ids, np.array([row]), None, 0.5, mask)


def test_kernels_refuse_what_would_divide_by_zero_or_follow_null():
    kernels = kernels_for(np.float64)
    zeros, vector = np.zeros((2, 2)), np.zeros(4)
    together = pytest.raises(ValueError, match="do not belong together")
    no_units, no_elements = np.zeros((0, 0)), np.zeros(0)
    with together:
        kernels.pack_forward(0, no_units, no_units, no_elements, None, no_elements)
    with together:
        kernels.pack_backward(0, no_units, no_units, None, no_elements)
    with together:
        kernels.pack_dense(np.zeros((2, 0)), no_elements, no_elements)
    with together:
        kernels.pack_dense(np.zeros((0, 2)), np.zeros(2), vector)
    with together:
        kernels.pack_dense_backward(np.zeros((2, 0)), no_elements)
    with together:
        kernels.dense_forward(zeros, 2, vector, np.zeros((2, 0)))
    schedule = Schedule(np.array([0]), np.array([2]), n_rows=2)
    for name in ("max", "attention"):
        pooling = Pooling("pooling", 3, np.float64, name)
        pooling.load({"w": np.zeros((1, 3))}, backward=True)
        h, one = np.zeros((2, pooling.width)), np.zeros((1, pooling.width))
        x, memory = Steps(h, np.arange(2), schedule, (one,)), Memory(np.float64)
        pooling.forward(x, Run(memory))
        norms = pooling.begin(1)[1]
        tape = x, norms, None, None, one, memory.workspace(1), 1
        with pytest.raises(ValueError, match="The backward pass of"):
            pooling.backward(one, tape, {"w": np.zeros((1, 3))})
    with pytest.raises(TypeError, match="None"):
        kernels.gradient_norm(None)
    with pytest.raises(TypeError, match="schedule"):
        kernels.forward_scratch_size(None, 8, 8, 1)


# ---- what gets past SequenceArray ----------------------------------------------------


class Liar(SequenceArray):
    """Says that its sequences are longer than they are."""

    @property
    def lengths(self):
        return super().lengths * 10**8


def tampered(change):
    X = SequenceArray(
        np.random.default_rng(0).standard_normal((60, 2)), range(0, 61, 6)
    )
    return change(X)


def by_trusted(X):
    return SequenceArray._trusted(X._data, X._offsets * 10**8)


def by_negative(X):
    return SequenceArray._trusted(X._data, X._offsets - 10**8)


def by_attribute(X):
    X._offsets[1:] += 10**8
    return X


def by_shape(X):
    X._data = X._data[:5]
    return X


def by_subclass(X):
    return Liar(X.data, X.offsets)


@pytest.mark.parametrize(
    "change", [by_trusted, by_negative, by_attribute, by_shape, by_subclass]
)
@pytest.mark.parametrize("options", [{}, {"pooling": "max", "bidirectional": True}])
@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_networks_stay_in_the_data(change, options):
    X = tampered(lambda X: X)
    y = np.arange(10) % 2
    model = GRUClassifier(4, max_iter=1, random_state=0, **options).fit(X, y)
    bad = tampered(change)
    for method in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(ValueError, match="Sequence 0 has|negative"):
            method(bad)
    for output in ("last", "sequence", "gates"):
        with pytest.raises(ValueError, match="Sequence 0 has|negative"):
            model.transform(bad, output)
    with pytest.raises(ValueError, match="Sequence 0 has rows"):
        model.fit(bad, y)
    with pytest.raises(ValueError, match="Sequence 0 has rows"):
        model.partial_fit(bad, y)
    assert model.predict(X).shape == (10,)


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_threads_that_read_one_array():
    X = tampered(lambda X: X)
    model = LSTMRegressor(4, max_iter=1)
    model.fit(X, X.lengths)
    expected = model.predict(X)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: model.predict(X), range(20)):
            assert_array_equal(result, expected)


# ---- frames of any number of steps ---------------------------------------------------


@pytest.mark.parametrize("remainder", ["repeat", "drop"])
@pytest.mark.parametrize("n_frames", [1, 3, 50])
def test_any_step_beyond_the_end_is_one_frame(n_frames, remainder):
    X = [np.arange(10.0).reshape(5, 2), np.ones((1, 2)), np.empty((0, 2))]
    expected = FrameStacker(n_frames, step=5, remainder=remainder).fit_transform(X)
    for step in (6, 10**6, 2**63 - 1, 2**63, 2**100, np.uint64(2**63)):
        stacker = FrameStacker(n_frames, step=step, remainder=remainder)
        for a, b in zip(stacker.fit_transform(X), expected, strict=True):
            assert_array_equal(a, b)
    for kind in (np.int8, np.uint8, np.int16):
        stacker = FrameStacker(kind(n_frames), step=kind(100), remainder=remainder)
        for a, b in zip(stacker.fit_transform(X), expected, strict=True):
            assert_array_equal(a, b)


def test_small_types_of_parameters_do_not_overflow():
    X = np.random.default_rng(0).standard_normal((2, 9, 90))
    small = FrameStacker(np.uint8(3), step=np.int8(2)).fit(X)
    assert_array_equal(small.transform(X), FrameStacker(3, step=2).fit_transform(X))
    assert len(small.get_feature_names_out()) == 270


@pytest.mark.parametrize("n_frames", [2**60, 2**63, 2**100])
def test_frames_that_no_array_holds(n_frames):
    with pytest.raises(ValueError, match=f"n_frames={n_frames} makes steps of"):
        FrameStacker(n_frames).fit([np.ones((3, 2))])


def test_frames_that_no_memory_holds():
    stacker = FrameStacker(2**50).fit([np.ones((3, 2))])
    with pytest.raises(MemoryError, match="n_frames=1125899906842624 makes"):
        stacker.transform([np.ones((3, 2))])


@pytest.mark.parametrize("params", [{"n_frames": True}, {"step": np.True_}])
def test_a_truth_value_is_no_number_of_steps(params):
    name = next(iter(params))
    with pytest.raises(
        ValueError, match=f"{name!r} parameter of FrameStacker must be a"
    ):
        FrameStacker(**params).fit([np.ones((3, 2))])
