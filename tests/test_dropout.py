"""Dropout: random numbers, masks of units and of steps, and what they depend on."""

from itertools import product

import numpy as np
import pytest
from network_cases import LENGTHS, SEED, STEP, Problem
from numpy.testing import assert_array_equal

from sklstm._kernels import Schedule, dropout_mask, philox
from sklstm._network.layers.dropout import DropoutSeed, Masks, StepDropout
from sklstm._network.steps import Run, Steps
from sklstm._network.workspace import Memory

# ---- random numbers --------------------------------------------------------------


@pytest.mark.parametrize(
    "counter, key, expected",
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (  # digits of pi
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox(counter, key, expected):
    """Known answers of Random123 (Salmon et al. 2011), file kat_vectors."""
    assert philox(counter, key) == expected


def mask_of(ids, *, seed=SEED, step=STEP, layer=0, times=None, rate=0.5, width=64,
            samples=None, dtype=np.float64, n_threads=1):  # fmt: skip
    samples = np.arange(len(ids)) if samples is None else np.asarray(samples)
    mask = np.full((len(samples), width), np.nan, dtype)
    dropout_mask(seed, step, layer, ids, samples, times, rate, mask, n_threads)
    return mask


def ids_of(n):
    return np.random.default_rng(0).integers(0, 2**63, n)


@pytest.mark.parametrize("seed", [0, 5, 2**63 + 11])
@pytest.mark.parametrize("times", [None, [0, 7, 2**31 - 1]])
def test_mask_written_out(seed, times):
    """16 bits for an element, from a counter that is a function of what it is for."""
    ids, rate, step, layer, width = ids_of(3), 0.3, 2**32 - 2, 5, 13
    expected = np.empty((3, width))
    for row, number in enumerate(ids.tolist()):
        words = [number & 0xFFFFFFFF, number >> 32, layer, step]
        sample = philox(words, [seed & 0xFFFFFFFF, seed >> 32])
        time = 0xFFFFFFFF if times is None else times[row]
        for unit in range(width):
            counter = [unit // 8, time, *sample[2:]]
            word = philox(counter, sample[:2])[unit % 8 // 2]
            draw = word >> 16 * (unit % 2) & 0xFFFF
            expected[row, unit] = 0 if draw < round(rate * 65536) else 1 / (1 - rate)
    times = None if times is None else np.array(times, dtype=np.intp)
    options = {"seed": seed, "step": step, "layer": layer, "times": times}
    assert_array_equal(mask_of(ids, rate=rate, width=width, **options), expected)


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.5, 0.9])
def test_share_and_scale_of_masks(rate):
    ids = ids_of(300)
    mask = mask_of(ids, rate=rate, width=333)
    assert set(np.unique(mask)) == {0, 1 / (1 - rate)}
    for zeros in (mask == 0, mask[:, :1] == 0, mask[:1] == 0, mask[:, 7::8] == 0):
        sigma = np.sqrt(rate * (1 - rate) / zeros.size)
        assert abs(zeros.mean() - rate) < 4 * sigma
    single = mask_of(ids, rate=rate, width=333, dtype=np.float32)
    assert_array_equal(single, mask.astype(np.float32))


def test_masks_do_not_depend_on_layout_or_threads():
    ids, rng = ids_of(50), np.random.default_rng(1)
    times = rng.integers(0, 9, 50)
    mask = mask_of(ids, times=times)
    for n_threads in (2, 3):
        assert_array_equal(mask_of(ids, times=times, n_threads=n_threads), mask)
    samples = rng.permutation(50)[:20]
    part = mask_of(ids, samples=samples, times=times[samples])
    assert_array_equal(part, mask[samples])
    alone = mask_of(ids[7:8], times=times[7:8])
    assert_array_equal(alone, mask[7:8])
    assert_array_equal(mask_of(ids, times=times, width=11), mask[:, :11])


def test_masks_differ_in_everything_they_are_for():
    """Two masks of rate 1/2 agree in half of their elements, as chance has it."""
    ids, time = ids_of(100), np.zeros(100, dtype=np.intp)
    masks = {
        "base": mask_of(ids),
        "seed": mask_of(ids, seed=SEED + 1),
        "upper half of the seed": mask_of(ids, seed=SEED + 2**32),
        "step": mask_of(ids, step=STEP + 1),
        "layer": mask_of(ids, layer=1),
        "time 0": mask_of(ids, times=time),
        "time 1": mask_of(ids, times=time + 1),
        "sample": mask_of(ids[::-1].copy()),
        "upper half of the sample": mask_of(ids ^ 2**32),
        "lower half of it": mask_of(ids ^ 1),
        "unit": np.roll(mask_of(ids), 8, axis=1),
        "neighbour": np.roll(mask_of(ids), 1, axis=1),
    }
    for a, b in product(masks, masks):
        if a < b:
            agree = (masks[a] == masks[b]).mean()
            assert abs(agree - 0.5) < 4.5 * 0.5 / np.sqrt(masks[a].size), (a, b)


def test_arguments_of_masks_are_checked():
    ids, mask = ids_of(3), np.empty((3, 4))
    rows = np.arange(3)
    for arguments in (
        (ids, rows[:2], None, 0.5, mask),
        (ids, rows, rows[:2], 0.5, mask),
    ):
        with pytest.raises(ValueError, match="do not belong together"):
            dropout_mask(SEED, STEP, 0, *arguments)


# ---- dropout in the network ------------------------------------------------------


def test_steps_of_dropout_are_counted():
    dropout = DropoutSeed(11, 0)
    first, second = dropout.masks(ids_of(2)), dropout.masks(ids_of(2))
    assert (first.step, second.step) == (1, 2)
    assert dropout.state == {"seed": 11, "step": 2}
    assert DropoutSeed(**dropout.state).masks(ids_of(2)).step == 3


def test_step_masks_are_of_absolute_times():
    """A part of the steps has the masks that it has in the whole."""
    ids = ids_of(3)
    starts, lengths = np.array([0, 5, 6]), np.array([5, 1, 9])
    x = np.ones((15, 24))

    layer = StepDropout("l1.dropout", 24, np.float64, 0.5)

    def dropped(before, lengths, begin):
        masks = Masks(SEED, STEP, ids)
        if begin:
            masks = masks.beginning(before)
        schedule = Schedule(starts + before, lengths, n_rows=len(x))
        run = Run(Memory(np.float64), masks=masks)
        y, mask = layer.forward(Steps(x, schedule.data_rows, schedule), run)
        assert_array_equal(y.values, mask)  # of ones
        result = np.full(x.shape, np.nan)
        result[schedule.data_rows] = y.values[y.rows]
        return result

    whole = dropped(np.zeros(3, dtype=np.intp), lengths, False)
    assert len(np.unique(whole, axis=0)) == 15
    before = np.array([2, 0, 4])
    part = dropped(before, lengths - before, True)
    rows = [2, 3, 4, 5, *range(10, 15)]
    assert_array_equal(part[rows], whole[rows])
    assert np.isnan(np.delete(part, rows, axis=0)).all()


def test_masks_of_sequences():
    """One for all steps, whatever the time; another for each layer and direction."""
    ids, names = ids_of(4), ("l0", "l0_reverse", "l1", "l1_reverse", "l1.dropout")

    def masks_of(masks, name):
        return masks.of_sequences(name, 0.5, np.empty((len(masks.ids), 40)))

    masks = Masks(SEED, STEP, ids)
    of_layers = [masks_of(masks, name) for name in names]
    flat = np.array(of_layers).reshape(len(names) * 4, 40)
    assert len(np.unique(flat, axis=0)) == len(flat)
    later = masks.beginning(np.full(4, 3))
    assert_array_equal(masks_of(later, "l0"), of_layers[0])
    assert_array_equal(masks_of(Masks(SEED, STEP, ids[3:]), "l0"), of_layers[0][3:])


def test_a_new_layer_moves_no_masks_of_others():
    """Those of the lowest layer are the same with a second layer and without."""
    seen = {}
    for hidden in ((6,), (6, 5)):
        problem = Problem("gru", hidden=hidden, rates=(0.4, 0.3))
        problem.ids = np.arange(len(LENGTHS))
        problem.output(keep=True)
        mask = problem.tapes[0].mask
        assert (mask == 0).any() and (mask != 0).any()
        seen[hidden] = mask
    assert_array_equal(seen[6,], seen[6, 5])
