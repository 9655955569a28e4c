"""Fits to data that live on a cluster, partition by partition."""

import os
import pickle
import signal
import time

import numpy as np
import pytest
from epoch_cases import broken_off_behind, calling_at_epochs
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from test_dask_fit import client, cluster, looked_after  # noqa: F401
from test_parts import CASES, SMALL, X, Y, assert_same_weights, fitted

import sklstm.dask
from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMRegressor,
    LSTMAnomalyDetector,
    LSTMClassifier,
    LSTMForecaster,
    LSTMSeq2Seq,
    SequenceArray,
)
from sklstm._training.cluster import OnCluster  # noqa: E402
from sklstm._training.cluster_rows import ClusterRows
from sklstm.preprocessing import FrameStacker, TimeDistributed, TokenEncoder

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LIVE_ELSEWHERE = [
    "classifier", "one minibatch", "lbfgs", "tbptt", "bfloat16", "bidirectional",
    "embedding", "adamw", "tagger", "steps", "transcriber", "anomalies",
]  # fmt: skip
MODEL = LSTMClassifier(6, **SMALL)


def same(value):
    return value


def cut(values, *cuts):
    """Values in partitions that end at these places."""
    return [values[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(values)])]


def delayed(parts):
    return [dask.delayed(same, pure=False)(part) for part in parts]


@pytest.fixture(params=["here", "cluster"])
def maybe_client(request):
    """None, or a client of two workers."""
    return None if request.param == "here" else request.getfixturevalue("client")


@pytest.mark.parametrize("name", LIVE_ELSEWHERE)
def test_every_estimator_that_may(name, maybe_client):
    """One partition holds no sequence, and some sequences no step."""
    model, x, y = CASES[name]
    x = [x[0][:0], *x[1:]] if name != "transcriber" else x
    y = [y[0][:0], *y[1:]] if name in ("tagger", "steps") else y
    there = sklstm.dask.fit(
        model, delayed(cut(x, 3, 3, 17)), y, n_parts=3, client=maybe_client
    )
    assert_same_weights(there, sklstm.dask.fit(model, x, y, n_parts=3))


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_missing_values(missing, early_stopping, maybe_client):
    rng = np.random.default_rng(0)
    x = [np.where(rng.random(one.shape) < 0.2, np.nan, one) for one in X]
    model = clone(MODEL).set_params(missing=missing, early_stopping=early_stopping)
    there = sklstm.dask.fit(
        model, delayed(cut(x, 9, 20)), Y, n_parts=2, client=maybe_client
    )
    here = sklstm.dask.fit(model, x, Y, n_parts=2)
    assert_same_weights(there, here)
    assert_array_equal(there.predict_proba(x), here.predict_proba(x))


def test_means_of_partitions_all_of_which_is_trained_on(maybe_client):
    """Their sequences come in the order of the split, and have weights."""
    rng = np.random.default_rng(0)
    x = [np.where(rng.random(one.shape) < 0.2, np.nan, one) for one in X]
    model = clone(MODEL).set_params(missing="ffill", early_stopping=True)
    weight, parts = rng.random(40), delayed(cut(x, *range(2, 40, 2)))
    there = sklstm.dask.fit(model, parts, Y, client=maybe_client, sample_weight=weight)
    here = sklstm.dask.fit(model, x, Y, sample_weight=weight)
    assert_array_equal(there._fitted.first_value, here._fitted.first_value)
    assert_same_weights(there, here)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_clips(early_stopping, maybe_client):
    """Of bytes and of floats with missing pixels, in lists and in an array."""
    rng = np.random.default_rng(0)
    x = [rng.random((T, 4, 5, 2)).astype(np.float32) for T in (3, 5, 2, 4, 1)]
    x += list(rng.random((4, 3, 4, 5, 2)).astype(np.float32))
    x[1][2, 1, 1, 0] = np.nan
    y = np.arange(9) % 2
    model = ConvLSTMClassifier(
        4, missing="ffill", early_stopping=early_stopping, validation_fraction=0.3,
        random_state=0, max_iter=2, batch_size=3,
    )  # fmt: skip
    parts = delayed([x[:3], x[3:5], np.array(x[5:])])
    there = sklstm.dask.fit(model, parts, y, n_parts=2, client=maybe_client)
    assert_same_weights(there, sklstm.dask.fit(model, x, y, n_parts=2))

    x = [rng.integers(0, 255, (3, 4, 5), dtype=np.uint8) for _ in range(6)]
    model = ConvLSTMRegressor(4, random_state=0, max_iter=2, batch_size=3)
    there = sklstm.dask.fit(model, delayed(cut(x, 2)), y[:6] * 1.0, client=maybe_client)
    assert_same_weights(there, sklstm.dask.fit(model, x, y[:6] * 1.0))

    bad = [*x[:4], np.full((2, 4, 5), np.inf), x[5]]
    with pytest.raises(ValueError, match="partition 1 of X, whose .*clip 2, frame 0"):
        sklstm.dask.fit(model, delayed(cut(bad, 2)), y[:6], client=maybe_client)
    wide = [*x[:4], *np.zeros((2, 3, 4, 6))]
    message = r"Partition 1 of X has frames of shape \(4, 6\), but \(4, 5\)"
    with pytest.raises(ValueError, match=message):
        sklstm.dask.fit(model, delayed(cut(wide, 4)), y[:6], client=maybe_client)


def test_tokens(maybe_client):
    words = ["abc", "abcd", "b", "dcba"] * 6
    encoder = TokenEncoder().fit([list(word) for word in words])
    x = encoder.transform([list(word) for word in words])
    model = LSTMSeq2Seq(6, embedding_dim=4, **SMALL)
    there = sklstm.dask.fit(
        model, delayed([x[:5], x[5:]]), words, n_parts=2, client=maybe_client
    )
    assert_same_weights(there, sklstm.dask.fit(model, x, words, n_parts=2))


def test_every_container(maybe_client):
    bag, array = pytest.importorskip("dask.bag"), pytest.importorskip("dask.array")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 6, 2)).astype("float32"), np.arange(20) % 2
    here = sklstm.dask.fit(MODEL, x, y, n_parts=2)
    packed = SequenceArray.from_padded(x)
    given = [
        (delayed(cut(x, 8)), delayed(cut(y, 8))),
        (dask.delayed(same)(packed), y),
        (
            bag.from_sequence(list(x), npartitions=3),
            bag.from_sequence(y, npartitions=3),
        ),
        (array.from_array(x, chunks=(7, 3, 2)), array.from_array(y, chunks=7)),
    ]
    unknown = array.from_array(x, chunks=(7, 6, 2))
    unknown = unknown[array.from_array(y >= 0, chunks=7)]
    assert np.isnan(unknown.chunks[0]).all()
    given.append((unknown, y))
    if maybe_client is not None:
        given.append((maybe_client.scatter(cut(packed, 11)), y.tolist()))
        given.append((maybe_client.map(same, cut(packed, 11), pure=False), y))
    for x, y in given:
        there = sklstm.dask.fit(MODEL, x, y, n_parts=2, client=maybe_client)
        assert_same_weights(there, here)


def test_weights_in_partitions(maybe_client):
    weight = np.arange(40) % 4
    there = sklstm.dask.fit(
        MODEL, delayed(cut(X, 15)), delayed(cut(Y, 15)), n_parts=2,
        client=maybe_client, sample_weight=delayed(cut(weight, 15)),
    )  # fmt: skip
    here = sklstm.dask.fit(MODEL, X, Y, n_parts=2, sample_weight=weight)
    assert_same_weights(there, here)


def long_table(pd):
    return pd.DataFrame(
        {
            "who": np.repeat(np.arange(40), [len(one) for one in X]),
            **dict(zip("abc", np.concatenate(X).T)),
            "y": np.repeat(Y, [len(one) for one in X]),
        }
    )


def test_a_long_table(maybe_client):
    pd, frames = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    table = long_table(pd)
    whole = frames.from_pandas(table.set_index("who"), npartitions=4).reset_index()
    x, y, groups = sklstm.dask.from_long(
        whole, by="who", target="y", groups="who", columns=["a", "c"]
    )
    model = clone(MODEL).set_params(early_stopping=True)
    there = sklstm.dask.fit(model, x, y, client=maybe_client, groups=groups)
    x, y, groups = SequenceArray.from_long(
        table, by="who", target="y", groups="who", columns=["a", "c"]
    )
    here = sklstm.dask.fit(model, x, y, groups=groups)
    assert_same_weights(there, here)
    assert there.feature_names_in_.tolist() == ["a", "c"]

    torn = frames.from_pandas(table, npartitions=4, sort=False)
    x, y = sklstm.dask.from_long(torn, by="who", target="y")
    with pytest.raises(ValueError, match=r"Rows of 11 are in partitions 0 and 1"):
        sklstm.dask.fit(MODEL, x, y, client=maybe_client)
    table.loc[len(table) - 1, "y"] = 7
    whole = frames.from_pandas(table.set_index("who"), npartitions=4).reset_index()
    x, y = sklstm.dask.from_long(whole, by="who", target="y")
    with pytest.raises(ValueError, match="partition 3 of X.*varies within who 39"):
        sklstm.dask.fit(MODEL, x, y, client=maybe_client)
    with pytest.raises(TypeError, match=r"use sklstm\.dask\.from_long|Pass"):
        sklstm.dask.fit(MODEL, whole, Y, client=maybe_client)
    with pytest.raises(TypeError, match=r"read by SequenceArray\.from_long"):
        sklstm.dask.from_long(table, by="who")


# ---- pipelines -----------------------------------------------------------------------


def test_transformers_learn_from_each_partition(maybe_client):
    """One after the other, as by hand."""
    model = make_pipeline(
        TimeDistributed(StandardScaler()), "passthrough", FrameStacker(2),
        TimeDistributed(Normalizer()), clone(MODEL),
    )  # fmt: skip
    parts = cut(X, 0, 11, 11, 30)
    there = sklstm.dask.fit(
        model, delayed(parts), Y, n_parts=2, client=maybe_client,
        lstmclassifier__sample_weight=np.ones(40),
    )  # fmt: skip
    scaler = TimeDistributed(StandardScaler())
    for part in parts:
        if part:
            scaler.partial_fit(part)
    found = there[0].transformer_
    assert_array_equal(found.mean_, scaler.transformer_.mean_)
    assert_array_equal(found.var_, scaler.transformer_.var_)
    x = TimeDistributed(Normalizer()).fit_transform(
        FrameStacker(2).fit_transform(scaler.transform(X))
    )
    here = sklstm.dask.fit(MODEL, x, Y, n_parts=2, sample_weight=np.ones(40))
    assert_same_weights(there[-1], here)
    assert_array_equal(there.predict(X), here.predict(x))
    assert not hasattr(model[0], "transformer_")


def test_transformers_that_cannot(maybe_client):
    model = make_pipeline(TimeDistributed(PCA(2)), MODEL)
    with pytest.raises(TypeError, match=r"PCA has no partial_fit.*FrozenEstimator"):
        sklstm.dask.fit(model, delayed(cut(X, 9)), Y, client=maybe_client)
    pca = PCA(2).fit(np.concatenate(X))
    model = make_pipeline(TimeDistributed(FrozenEstimator(pca)), MODEL)
    there = sklstm.dask.fit(model, delayed(cut(X, 9)), Y, client=maybe_client)
    x = [pca.transform(one) for one in X]
    assert_same_weights(there[-1], sklstm.dask.fit(MODEL, x, Y))
    scaler = TimeDistributed(StandardScaler()).fit(X[:5])
    model = make_pipeline(FrozenEstimator(scaler), MODEL)
    there = sklstm.dask.fit(model, delayed(cut(X, 9)), Y, client=maybe_client)
    assert_same_weights(there[-1], sklstm.dask.fit(MODEL, scaler.transform(X), Y))
    scaled = make_pipeline(TimeDistributed(MinMaxScaler()), MODEL)
    with pytest.raises(
        ValueError, match="timedistributed__sample_weight is for a tran"
    ):
        sklstm.dask.fit(
            scaled, delayed([X]), Y, timedistributed__sample_weight=Y,
            client=maybe_client,
        )  # fmt: skip
    bad = [*X[:20], np.full((2, 3), np.inf), *X[21:]]
    with pytest.raises(ValueError, match=r"In partition 1 of X.*sample 11"):
        sklstm.dask.fit(scaled, delayed(cut(bad, 9)), Y, client=maybe_client)
    frozen = FrozenEstimator(TimeDistributed(StandardScaler()).fit(X))
    with pytest.raises(ValueError, match=r"In partition 1 of X"):
        sklstm.dask.fit(
            make_pipeline(frozen, MODEL), delayed(cut(bad, 9)), Y, client=maybe_client
        )


# ---- errors --------------------------------------------------------------------------


def with_nan(*place):
    bad = [one.copy() for one in X]
    bad[place[0]][place[1:]] = np.nan
    return bad


@pytest.mark.parametrize(
    "x, y, kind, message",
    [
        (with_nan(20, 2, 1), Y, ValueError,
         "In partition 1 of X.*NaN: sample 5, step 2, feature 1"),
        ([*X[:20], np.ones((3, 2)), *X[21:]], Y, ValueError,
         "In partition 1 of X.*Sample 5 has 2 features"),
        ([*X[:30], *np.ones((10, 3, 2))], Y, ValueError,
         "Partition 2 of X has 2 features, but 3 are expected as in partition 0"),
        (X, Y[:30], ValueError, "30"),
        (X, np.where(np.arange(40) == 17, np.nan, Y), ValueError,
         "Sample 17 is sample 2 of partition 1"),
        (X, delayed(cut(Y, 15)), ValueError, "y has 2 partitions, but X has 3"),
        (X, delayed(cut(Y, 15, 31)), ValueError,
         "Partition 1 of y is of 16 sequences, but that of X has 15"),
        (["a"] * 40, Y, (TypeError, ValueError), "In partition 0 of X"),
        (np.ones((40, 5)), Y, ValueError, "In partition 0 of X.*it is 2-D"),
    ],
    ids=range(9),
)  # fmt: skip
def test_errors_name_the_partition(x, y, kind, message, maybe_client, monkeypatch):
    """Before training begins."""
    monkeypatch.setattr("sklstm._estimators.solver.train", None)
    with pytest.raises(kind, match=message):
        sklstm.dask.fit(MODEL, delayed(cut(x, 15, 30)), y, client=maybe_client)


def test_other_errors(maybe_client):
    x = delayed(cut(X, 15))
    with pytest.raises(TypeError, match="element 1 is of type ndarray"):
        sklstm.dask.fit(MODEL, [x[0], X[0]], Y, client=maybe_client)
    with pytest.raises(ValueError, match="no sequences in any of 2"):
        sklstm.dask.fit(MODEL, delayed([[], []]), [], client=maybe_client)
    model = clone(MODEL).set_params(early_stopping=True)
    with pytest.raises(TypeError, match="X_val lives on the cluster"):
        sklstm.dask.fit(model, x, Y, X_val=x, y_val=Y, client=maybe_client)
    names = [SequenceArray(np.ones((4, 1)), [0, 4], [name]) for name in "ab"]
    with pytest.raises(ValueError, match="Partition 1 of X has the feature names"):
        sklstm.dask.fit(MODEL, delayed(names), [0, 1], client=maybe_client)
    broken = [*x, dask.delayed(lambda: 1 / 0)()]
    for model in (MODEL, make_pipeline(TimeDistributed(StandardScaler()), MODEL)):
        with pytest.raises(RuntimeError, match="In partition 2 of X: division by zero"):
            sklstm.dask.fit(model, broken, Y, client=maybe_client)
    words = [TokenEncoder(min_df=1).fit_transform([[w, "c"]]) for w in "ab"]
    with pytest.raises(ValueError, match="Partition 1 of X was encoded with another"):
        sklstm.dask.fit(MODEL, delayed(words), [0, 1], client=maybe_client)


def test_ids_are_checked(maybe_client):
    x = [np.full((3, 1), 2.0) for _ in range(10)]
    x[7][1] = 2.5
    model = LSTMClassifier(4, embedding_dim=2, **SMALL)
    with pytest.raises(ValueError, match=r"In partition 1 of X.*2.5 at sample 2, step"):
        sklstm.dask.fit(model, delayed(cut(x, 5)), np.arange(10) % 2,
                        client=maybe_client)  # fmt: skip


# ---- where data lie ------------------------------------------------------------------


def test_data_stay_where_they_are(client, monkeypatch):  # noqa: F811
    """The client reads a few sequences, and partitions are on the worker that has made
    them."""
    largest, holders = [0], []
    gathered = ClusterRows._gathered

    def recording(self, *args):
        found = gathered(self, *args)
        largest.append(len(found))
        holders.append([len(who) for who in client.who_has(list(self.pieces)).values()])
        return found

    class Looking(LSTMClassifier):
        def _feed(self, data, *args):
            feed = super()._feed(data, *args)
            epoch = feed.epoch

            def looking(rng):
                yield from epoch(rng)
                who_has = client.who_has(list(data.data.pieces))
                holders.append([len(who) for who in who_has.values()])

            feed.epoch = looking
            return feed

    monkeypatch.setattr(ClusterRows, "_gathered", recording)
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((T, 3)) for T in rng.integers(5, 30, 400)]
    y = np.arange(400) % 3
    model = Looking(6, random_state=0, max_iter=4, batch_size=40)
    parts = client.map(same, cut(x, 60, 130, 170, 240, 350), pure=False)
    there = sklstm.dask.fit(model, parts, y, client=client, n_parts=4)
    here = LSTMClassifier(**model.get_params())
    assert_same_weights(there, sklstm.dask.fit(here, x, y, n_parts=4))
    assert len(holders) > 4
    assert set(np.concatenate(holders)) == {1}
    # for the loss at the start
    assert 0 < max(largest) <= 32 * 30


def test_the_next_minibatch_is_on_its_way(client, monkeypatch):  # noqa: F811
    """While one is computed, but for the last of an epoch."""
    ahead, gathered = [], OnCluster._gathered

    def watching(self, futures):
        ahead.append(self._ahead is not None)
        return gathered(self, futures)

    monkeypatch.setattr(OnCluster, "_gathered", watching)
    model = clone(MODEL).set_params(max_iter=2, batch_size=15)
    sklstm.dask.fit(model, delayed(cut(X, 9)), Y, client=client)
    assert ahead == [True, True, False] * 2


def test_what_partitions_were_made_of_is_forgotten(client):  # noqa: F811
    """Also what transformers have made on the way."""
    kept, last_look = [], time.monotonic() + 60

    class Looking(LSTMClassifier):
        def _feed(self, *args):
            while not kept or kept[-1] != {"read_partition", "filled"}:
                assert time.monotonic() < last_look, kept[-1]
                held = client.has_what().values()
                kept.append({str(key).split("-")[0] for keys in held for key in keys})
            return super()._feed(*args)

    model = make_pipeline(
        TimeDistributed(StandardScaler()), TimeDistributed(Normalizer()),
        Looking(6, missing="indicator", **SMALL),
    )  # fmt: skip
    sklstm.dask.fit(model, delayed(cut(X, 9)), Y, client=client)
    assert kept


@pytest.mark.parametrize(
    "model",
    [MODEL, LSTMForecaster(6, horizon=3, windows_per_epoch=64, **SMALL),
     LSTMAnomalyDetector(6, **SMALL),
     LSTMAnomalyDetector(6, missing="indicator", method="reconstruction", window=9,
                         **SMALL)],
    ids=["classifier", "forecaster", "detector", "filled"],
)  # fmt: skip
def test_a_folder_of_files_is_opened_by_the_workers(
    model, client, tmp_path, monkeypatch  # noqa: F811
):  # fmt: skip
    rng, sizes = np.random.default_rng(0), []
    for k in range(3):
        np.save(tmp_path / f"{k}.npy", rng.standard_normal((40, 30, 3)))
    x, y = SequenceArray.from_npy(tmp_path), np.arange(120) % 3
    send = OnCluster._send

    def measuring(self, value):
        sizes.append(len(pickle.dumps(value)))
        return send(self, value)

    monkeypatch.setattr(OnCluster, "_send", measuring)
    there = sklstm.dask.fit(model, x, y, n_parts=2, client=client)
    filled = model.get_params().get("missing") == "indicator"
    assert (max(sizes) < x.nbytes / 4) != filled
    here = sklstm.dask.fit(model, x.data.reshape(120, 30, 3), y, n_parts=2)
    assert_same_weights(there, here)


def test_from_the_cluster_to_here(client, tmp_path):  # noqa: F811
    """A fit that is broken off there goes on here."""
    model = clone(MODEL).set_params(max_iter=5, early_stopping=True, tol=0.0)
    there = delayed(cut(X, 9, 20))
    with broken_off_behind(2) as done:
        sklstm.dask.fit(model, there, Y, client=client, checkpoint=tmp_path)
    here = sklstm.dask.fit(model, X, Y, checkpoint=tmp_path)
    assert_same_weights(here, sklstm.dask.fit(model, X, Y))
    assert len(done) == 2


def test_a_worker_that_has_data_is_killed(client):  # noqa: F811
    """What it had is computed again; what nobody can compute again is named."""
    pids = looked_after(client.cluster)

    def killing(number):
        if number == 2:
            os.kill(pids[0], signal.SIGKILL)

    options = {"random_state": 0, "max_iter": 8, "batch_size": 8}
    model = calling_at_epochs(killing)(6, **options)
    there = sklstm.dask.fit(model, delayed(cut(X, 9, 20, 30)), Y, client=client)
    here = sklstm.dask.fit(LSTMClassifier(6, **options), X, Y)
    assert_same_weights(there, here)

    client.wait_for_workers(2)
    pids = looked_after(client.cluster)
    lost = client.scatter(cut(SequenceArray.from_list(X), 9, 20, 30), broadcast=False)
    with pytest.raises(RuntimeError, match="lost.*delayed objects"):
        sklstm.dask.fit(model, lost, Y, client=client)


def test_without_parts_it_is_fit(client):  # noqa: F811
    there = sklstm.dask.fit(MODEL, delayed(cut(X, 9)), Y, n_parts=1, client=client)
    assert_same_weights(there, fitted(MODEL, X, Y))
