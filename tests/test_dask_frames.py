"""Forecasters of frames that learn from clips which live on a cluster."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from test_dask_fit import client, cluster  # noqa: F401
from test_dask_partitions import cut, delayed, maybe_client  # noqa: F401
from test_parts import assert_same_weights

import sklstm.dask
from sklstm import ConvLSTMForecaster
from sklstm._estimators import conv_forecaster
from sklstm._training.cluster_rows import ClusterRows, Partitions

dask = pytest.importorskip("dask")

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.*have nothing to learn from",
)

RNG = np.random.default_rng(0)
# Of which one has no frame behind another and some no whole horizon.
LENGTHS = (5, 7, 1, 9, 3, 8, 2, 6)
FLOATS = [RNG.random((T, 4, 6, 2)).astype(np.float32) for T in LENGTHS]
MISSING = [frames.copy() for frames in FLOATS]
MISSING[0][2, 1:3, 4, 0] = MISSING[3][4] = MISSING[5][:2] = MISSING[6][1] = np.nan
BYTES = [RNG.integers(0, 255, (T, 4, 6), dtype=np.uint8) for T in LENGTHS]
# Some windows are there twice, in two partitions.
TWICE = [*FLOATS[:4], FLOATS[1], FLOATS[3][2:]]
CUTS = (1, 1, 4)

MODEL = ConvLSTMForecaster(4, horizon=3, random_state=0, max_iter=2, batch_size=4)
CASES = {
    "as it is": ({}, FLOATS, {}),
    "of bytes": ({}, BYTES, {}),
    "missing": ({"loss": "absolute_error"}, MISSING, {}),
    "drawn": ({"windows_per_epoch": 7, "patch_size": 2, "dropout": 0.2}, MISSING, {}),
    "contexts": ({"context_length": 2, "dtype": "float64"}, MISSING, {}),
    "probabilities": ({"loss": "binary_cross_entropy"}, MISSING, {}),
    "weights": ({}, MISSING, {"sample_weight": np.arange(8) % 3 / 2}),
    "early stopping": ({"early_stopping": True}, MISSING, {}),
    "X_val": ({"early_stopping": True}, MISSING, {"X_val": FLOATS[3:6]}),
    "whole clips held out": (
        {"early_stopping": True, "validation_fraction": 0.9}, BYTES, {},
    ),
    "one minibatch": ({"batch_size": 64}, TWICE, {}),
    "lbfgs": ({"solver": "lbfgs"}, MISSING, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_the_bits_of_home(name, maybe_client):  # noqa: F811
    """However clips are cut into partitions, one of which has none."""
    options, x, given = CASES[name]
    model = clone(MODEL).set_params(**options)
    here = sklstm.dask.fit(model, x, n_parts=3, **given)
    for cuts in (CUTS, (5,)):
        there = sklstm.dask.fit(
            model, delayed(cut(x, *cuts)), n_parts=3, client=maybe_client, **given
        )
        assert_same_weights(there, here)
        assert there.validation_scores_ == here.validation_scores_
    assert_array_equal(there.predict(x[:2]), here.predict(x[:2]))


def test_what_has_one_part_is_fit(maybe_client):  # noqa: F811
    there = sklstm.dask.fit(
        MODEL, delayed(cut(MISSING, *CUTS)), n_parts=1, client=maybe_client
    )
    assert_same_weights(there, clone(MODEL).fit(MISSING))


def test_partitions_of_other_types(maybe_client):  # noqa: F811
    """Are read as those of one list: an array beside lists, bytes beside floats."""
    array = RNG.integers(0, 255, (3, 5, 4, 6), dtype=np.uint8)
    x = [frames[..., 0] for frames in MISSING]
    parts = delayed([x[:3], array, x[3:]])
    there = sklstm.dask.fit(MODEL, parts, n_parts=2, client=maybe_client)
    here = sklstm.dask.fit(MODEL, [*x[:3], *array, *x[3:]], n_parts=2)
    assert_same_weights(there, here)


def opened(paths):
    return [np.load(path, mmap_mode="r") for path in paths]


def test_partitions_of_files(maybe_client, tmp_path):  # noqa: F811
    """Which are opened where they are read."""
    paths = [tmp_path / f"{k}.npy" for k in range(len(MISSING))]
    for path, frames in zip(paths, MISSING, strict=True):
        np.save(path, frames)
    model = clone(MODEL).set_params(batch_size=64, early_stopping=True)
    parts = [dask.delayed(opened)(some) for some in cut(paths, 3, 5)]
    there = sklstm.dask.fit(model, parts, n_parts=2, client=maybe_client)
    assert_same_weights(there, sklstm.dask.fit(model, MISSING, n_parts=2))


# ---- what the client reads -----------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str
)
def test_clips_stay_where_they_are(options, client, monkeypatch):  # noqa: F811
    """The client reads some windows at the start, and in turn those that are held out;
    of the others it has less than a few frames would take."""
    rows, others = [], []
    gathered, gather = ClusterRows._gathered, Partitions.gather

    def counting(self, *args):
        found = gathered(self, *args)
        rows.append(len(found))
        return found

    def measuring(self, futures):
        found = gather(self, futures)
        if not all(isinstance(one, np.ndarray) for one in found):  # no rows
            others.append(len(pickle.dumps(found)))
        return found

    monkeypatch.setattr(ClusterRows, "_gathered", counting)
    monkeypatch.setattr(Partitions, "gather", measuring)
    monkeypatch.setattr(conv_forecaster, "AT_ONCE", 20 * 2 * 24 * 32)
    sizes = RNG.integers(15, 40, 40)
    x = [RNG.random((T, 24, 32)).astype(np.float32) for T in sizes]
    x[3][2] = np.nan
    model = ConvLSTMForecaster(
        2, horizon=2, context_length=3, random_state=0, max_iter=2, batch_size=16,
        windows_per_epoch=96,
        loss="binary_cross_entropy", **options,
    )  # fmt: skip
    there = sklstm.dask.fit(model, delayed(cut(x, 6, 13, 25)), n_parts=2, client=client)
    assert_same_weights(there, sklstm.dask.fit(model, x, n_parts=2))
    assert 0 < max(rows) <= 64 * 2 < sum(sizes) / 5
    if "early_stopping" not in options:
        # twice the targets of 64 windows, and 32 of these as a whole
        assert sum(rows) <= 2 * 64 * 2 + 32 * (3 + 2) < sum(sizes) / 2
    # of clips counts and sums, of frames a flag, of windows fingerprints
    assert 0 < sum(others) < sum(frames.nbytes for frames in x) / 20


def test_where_nothing_has_changed_the_fit_is_known(client, tmp_path):  # noqa: F811
    """A fit there that has ended is one that has ended here."""
    there = sklstm.dask.fit(
        MODEL, delayed(cut(MISSING, *CUTS)), client=client, checkpoint=tmp_path
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklstm._training.loop.forward_and_backward", None)
        here = sklstm.dask.fit(MODEL, MISSING, checkpoint=tmp_path)
    assert_same_weights(there, here)
    with pytest.raises(ValueError, match="is of another fit"):
        sklstm.dask.fit(MODEL, MISSING[:-1], checkpoint=tmp_path)


# ---- errors --------------------------------------------------------------------------


def changed(place, value):
    x = [frames.copy() for frames in FLOATS]
    x[place[0]][place[1:]] = value
    return x


@pytest.mark.parametrize(
    "options, x, message",
    [
        ({"loss": "binary_cross_entropy"}, changed((5, 3, 2, 1, 1), 1.5),
         "In partition 3 of X.*has 1.5 at clip 1, frame 3, pixel .2, 1., channel 1"),
        ({}, changed((1, 3, 2, 1, 1), np.inf),
         "In partition 2 of X.*infinity.*clip 0, frame 3"),
        ({}, [*FLOATS[:6], *np.ones((2, 5, 4, 4, 2))],
         "In partition 3 of X.*Clip 2 has frames of shape .4, 4, 2."),
        ({}, [*FLOATS[:4], *np.ones((4, 5, 4, 4, 2))],
         "Partition 3 of X has frames of shape .4, 4, 2., but .4, 6, 2."),
        ({"patch_size": 4}, FLOATS, "width, 6, is no multiple of 4"),
        ({"horizon": 9}, FLOATS,
         "longest, clip 3.*Clip 3 is clip 2 of partition 2"),
        ({}, [frames[:1] for frames in FLOATS],
         "none of its 8 clips.*Clip 0 is clip 0 of partition 0"),
        ({}, [frames[0, 0] for frames in FLOATS],
         "In partition 0 of X, .*: Clip 0 has shape .6, 2."),
    ],
    ids=range(8),
)  # fmt: skip
def test_errors_name_the_partition(options, x, message, maybe_client, monkeypatch):  # noqa: F811
    """Before training begins."""
    monkeypatch.setattr("sklstm._estimators.solver.train", None)
    model = clone(MODEL).set_params(**options)
    with pytest.raises(ValueError, match=message):
        sklstm.dask.fit(model, delayed(cut(x, *CUTS)), client=maybe_client)


def test_errors_of_X_val_name_none(maybe_client):  # noqa: F811
    model = clone(MODEL).set_params(early_stopping=True)
    with pytest.raises(ValueError, match="In X_val: .*clip 1, frame 3") as raised:
        sklstm.dask.fit(
            model, delayed(cut(FLOATS, 2)), client=maybe_client,
            X_val=changed((1, 3, 2, 1, 1), np.inf),
        )  # fmt: skip
    assert "partition" not in str(raised.value)


def test_channels_that_came_first(maybe_client):  # noqa: F811
    x = [RNG.random((5, 3, 8, 8)) for _ in range(4)]
    with pytest.warns(UserWarning, match="the channels come last"):
        sklstm.dask.fit(MODEL, delayed(cut(x, 2)), client=maybe_client)
