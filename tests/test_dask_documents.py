"""Language models of documents that live on a cluster, partition by partition."""

import pickle
import time

import numpy as np
import pytest
from epoch_cases import broken_off_behind
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from test_dask_fit import client, cluster  # noqa: F401
from test_dask_partitions import cut, delayed, maybe_client, same  # noqa: F401
from test_parts import assert_same_weights

import sklstm.dask
from sklstm import LSTMLanguageModel, SequenceArray
from sklstm._training.cluster_rows import ClusterRows, Partitions
from sklstm._training.partitions import OnWorkers
from sklstm.preprocessing import TokenEncoder

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
LENGTHS = np.r_[RNG.integers(0, 25, 50), 0, RNG.integers(0, 25, 9)]
TEXTS = ["".join(RNG.choice(list("abcdefgh"), n)) for n in LENGTHS]
# the first documents have letters that nobody else has
TEXTS[0], TEXTS[1] = "zzyyx", "wvw"
WEIGHT = np.where(np.arange(60) % 7 == 0, 0, RNG.random(60) ** 9)
SMALL = {"embedding_dim": 4, "random_state": 0, "max_iter": 2, "batch_size": 16}
CHAR = {"level": "char", **SMALL}
CUTS = 7, 7, 20, 50, 51


def assert_same_fit(there, here):
    assert there.vocabulary_ == here.vocabulary_
    assert there.validation_scores_ == here.validation_scores_
    assert_same_weights(there, here)
    assert there.t_ == here.t_


CASES = {
    "segments": (LSTMLanguageModel(6, tbptt=4, dropout=0.2, **CHAR), {}),
    "whole": (LSTMLanguageModel(6, cell="gru", tbptt=None, **CHAR), {}),
    "weights": (
        LSTMLanguageModel(6, dtype="float64", **CHAR), {"sample_weight": WEIGHT},
    ),
    "held out": (
        LSTMLanguageModel(6, early_stopping=True, dtype="float64", **CHAR),
        {"sample_weight": WEIGHT, "groups": np.arange(60) // 3},
    ),
    "validated": (
        LSTMLanguageModel(6, early_stopping=True, **CHAR), {"X_val": TEXTS[20:30]},
    ),
    "one minibatch": (
        LSTMLanguageModel(6, tbptt=None, **CHAR | {"batch_size": 100}),
        {"sample_weight": WEIGHT},
    ),
    "lbfgs": (LSTMLanguageModel(6, solver="lbfgs", tbptt=None, **CHAR), {}),
    "bfloat16": (
        LSTMLanguageModel((6, 4), tie_weights=True, dtype="bfloat16", **CHAR), {},
    ),
    "rare": (
        LSTMLanguageModel(6, cell="rnn_tanh", min_count=3, max_tokens=5, **CHAR), {},
    ),
    "streams": (LSTMLanguageModel(6, contiguous=True, tbptt=5, **CHAR), {}),
    "stream": (
        LSTMLanguageModel(6, contiguous=True, tbptt=400, **CHAR | {"batch_size": 1}),
        {},
    ),
    "streams held out": (
        LSTMLanguageModel(
            6, contiguous=True, tbptt=5, early_stopping=True, dtype="float64", **CHAR
        ),
        {"sample_weight": WEIGHT},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_fits_are_the_same(name, maybe_client):  # noqa: F811
    """Of partitions of which one is empty and one is an empty document."""
    model, options = CASES[name]
    there = sklstm.dask.fit(
        model, delayed(cut(TEXTS, *CUTS)), n_parts=3, client=maybe_client, **options
    )
    assert_same_fit(there, sklstm.dask.fit(model, TEXTS, n_parts=3, **options))


def test_tokens_that_were_seen_first_come_first(maybe_client):  # noqa: F811
    """In what is fitted: what a document of weight zero has is not there."""
    documents = [["d", "c"], ["b", 1, "a"], [], ["a", True], ["c", "b", "e", "e"]]
    weight = [0, 1, 1, 1, 1]
    for level, least in (("char", 1), ("word", 2)):
        model = LSTMLanguageModel(6, min_count=least, **SMALL | {"level": level})
        for cuts in ((1,), (2, 3), (1, 2, 3, 4)):
            there = sklstm.dask.fit(
                model, delayed(cut(documents, *cuts)), client=maybe_client,
                sample_weight=weight,
            )  # fmt: skip
            here = model.fit(documents, sample_weight=weight)
            assert there.vocabulary_ == here.vocabulary_
            assert "d" not in there.vocabulary_
    model = LSTMLanguageModel(6, min_count=1, **SMALL)
    there = sklstm.dask.fit(model, delayed(cut(documents, 1)), client=maybe_client)
    assert there.vocabulary_ == ("<unk>", "c", "b", 1, "a", "e", "d")


def test_every_container(maybe_client):  # noqa: F811
    bag, pd = pytest.importorskip("dask.bag"), pytest.importorskip("pandas")
    words = [list(text) for text in TEXTS]
    model = LSTMLanguageModel(6, **CHAR)
    here = sklstm.dask.fit(model, TEXTS, n_parts=2)
    texts = bag.from_sequence(TEXTS, npartitions=4)
    given = [
        texts,
        texts.map(list),
        texts.map(str).filter(lambda text: True),
        delayed(
            [pd.Series(TEXTS[:40]), np.array(TEXTS[40:]), pd.Series([], dtype=str)]
        ),
        dask.delayed(same)(words),
    ]
    if maybe_client is not None:
        given.append(maybe_client.scatter(cut(words, 11)))
        given.append(maybe_client.map(same, cut(TEXTS, 11), pure=False))
    for x in given:
        there = sklstm.dask.fit(model, x, n_parts=2, client=maybe_client)
        assert_same_fit(there, here)


def test_ids_of_an_encoder(maybe_client):  # noqa: F811
    """All of its vocabulary is known; a pipeline may encode them where they lie."""
    encoder = TokenEncoder(min_df=1).fit([["zz", "y"], *map(list, TEXTS)])
    x = encoder.transform([list(text) for text in TEXTS])
    model = LSTMLanguageModel(6, **SMALL)
    there = sklstm.dask.fit(
        model, delayed([x[:9], x[:0], x[9:]]), n_parts=2, client=maybe_client
    )
    here = sklstm.dask.fit(model, x, n_parts=2)
    assert "zz" in there.vocabulary_
    assert_same_fit(there, here)
    pipeline = make_pipeline(FrozenEstimator(encoder), model)
    parts = delayed(cut([list(text) for text in TEXTS], 9))
    there = sklstm.dask.fit(pipeline, parts, n_parts=2, client=maybe_client)
    assert_same_fit(there[-1], here)


def test_a_long_table(maybe_client):  # noqa: F811
    """Weights are put in the order of the ids that documents have."""
    pd, frames = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    numbers = np.repeat(np.arange(60), LENGTHS + 1)
    table = pd.DataFrame(
        {"who": numbers, "token": RNG.integers(5, size=len(numbers)) * 1.0}
    )
    weight = pd.Series(WEIGHT, index=pd.Index(np.arange(60), name="who"))[::-1]
    frame = frames.from_pandas(table.set_index("who"), npartitions=3).reset_index()
    model = LSTMLanguageModel(6, min_count=1, **SMALL)
    there = sklstm.dask.fit(
        model, sklstm.dask.from_long(frame, by="who"), client=maybe_client,
        sample_weight=weight,
    )  # fmt: skip
    x = SequenceArray.from_long(table, by="who")
    assert_same_fit(there, sklstm.dask.fit(model, x, sample_weight=weight))


# ---- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x, options, kind, message",
    [
        ([*TEXTS[:20], None, *TEXTS[21:]], {}, ValueError,
         "In partition 2 of X, whose documents are counted from 0: Document 5 is None"),
        ([*TEXTS[:59], ["a", np.nan]], {}, ValueError,
         "In partition 3 of X.*Token 1 of document 28 is nan"),
        ([*TEXTS[:20], [["a"]], *TEXTS[21:]], {}, TypeError,
         "In partition 2 of X.*Token 0 of document 5 is .'a'., of type list"),
        ([3, *TEXTS[1:]], {}, TypeError, "In partition 0 of X.*Document 0 is a number"),
        ([""] * 60, {}, ValueError, "no token in any of the 60 document"),
        (TEXTS, {"min_count": 1000}, ValueError, "min_count is 1000"),
        (TEXTS, {"sample_weight": np.ones(59)}, ValueError, "59"),
        (TEXTS, {"sample_weight": -1 * (np.arange(60) == 16)}, ValueError,
         r"Sample 16 is sample 1 of partition 2"),
        (TEXTS, {"sample_weight": np.zeros(60)}, ValueError, "weights are zero"),
        (TEXTS, {"X_val": delayed([TEXTS])}, TypeError, "X_val lives on the cluster"),
    ],
    ids=range(10),
)  # fmt: skip
def test_errors(x, options, kind, message, maybe_client, monkeypatch):  # noqa: F811
    """Before training begins, with the partition and the document in it."""
    monkeypatch.setattr("sklstm._estimators.solver.train", None)
    own = {"min_count": 1, **CHAR}
    own |= {name: options[name] for name in options.keys() & own.keys()}
    options = {name: options[name] for name in options.keys() - own.keys()}
    model = LSTMLanguageModel(6, **own)
    with pytest.raises(kind, match=message):
        sklstm.dask.fit(
            model, delayed(cut(x, 15, 15, 31)), client=maybe_client, **options
        )


def test_partitions_that_do_not_fit(maybe_client):  # noqa: F811
    words = [TokenEncoder(min_df=1).fit_transform([[w, "c"]]) for w in "ab"]
    model = LSTMLanguageModel(6, **SMALL)
    for parts in (words, [words[0], ["a b"]]):
        with pytest.raises(ValueError, match="Partition 2 of X was encoded with anot"):
            sklstm.dask.fit(
                model, delayed([parts[0], [], parts[1]]), client=maybe_client
            )
    with pytest.raises(ValueError, match="no sequences in any of 2"):
        sklstm.dask.fit(model, delayed([[], np.empty(0)]), client=maybe_client)
    with pytest.raises(ValueError, match="partition 0 of X: Iterable over raw text"):
        sklstm.dask.fit(model, delayed(["a text"]), client=maybe_client)


# ---- where data lie ------------------------------------------------------------------


@pytest.mark.parametrize("contiguous", [False, True])
def test_documents_stay_where_they_are(contiguous, client, monkeypatch):  # noqa: F811
    """The client gets lengths, vocabularies and counts, and of the rows those of the
    loss at the start and of what lies across two partitions."""
    came, rows, gathered = [], [], ClusterRows._gathered

    def measuring(gather):
        def measured(self, *args):
            found = gather(self, *args)
            came.append(len(pickle.dumps(found)))
            return found

        return measured

    def recording(self, *args):
        found = gathered(self, *args)
        rows.append(len(found))
        return found

    for who in (OnWorkers, Partitions):
        monkeypatch.setattr(who, "gather", measuring(who.gather))
    monkeypatch.setattr(ClusterRows, "_gathered", recording)
    lengths = RNG.integers(50, 150, 1000)
    texts = ["".join(RNG.choice(list("abcdefgh"), n)) for n in lengths]
    model = LSTMLanguageModel(
        4, contiguous=contiguous, tbptt=40, **CHAR | {"batch_size": 250}
    )
    parts = client.map(same, cut(texts, 0, 300, 301, 640), pure=False)
    there = sklstm.dask.fit(model, parts, client=client, n_parts=2)
    n_tokens, longest = lengths.sum(), 41 if contiguous else 150
    assert 0 < sum(rows) <= (2 * 32 + 2 * 4) * longest
    # beside these a number for each document, and not for each token
    assert sum(came) < 4 * sum(rows) + 20 * len(texts) < n_tokens
    assert len(came) < 20
    assert_same_fit(there, sklstm.dask.fit(model, texts, n_parts=2))


def test_texts_are_forgotten(client):  # noqa: F811
    """Once they are ids."""
    kept, last_look = [], time.monotonic() + 60

    class Looking(LSTMLanguageModel):
        def _feed(self, *args):
            while not kept or "read_partition" in kept[-1]:
                assert time.monotonic() < last_look, kept[-1]
                kept.append({str(key).split("-")[0] for key in list(client.futures)})
            return super()._feed(*args)

    sklstm.dask.fit(Looking(6, **CHAR), delayed(cut(TEXTS, 9)), client=client)
    assert "encoded" in kept[-1]


@pytest.mark.parametrize("contiguous", [False, True])
def test_from_the_cluster_to_here(contiguous, client, tmp_path):  # noqa: F811
    """A fit that is broken off there goes on here: both know that it is the same."""
    model = LSTMLanguageModel(
        6, tbptt=5, contiguous=contiguous, **CHAR | {"max_iter": 4, "tol": 0.0}
    )
    with broken_off_behind(2):
        sklstm.dask.fit(
            model, delayed(cut(TEXTS, *CUTS)), client=client, checkpoint=tmp_path,
            sample_weight=WEIGHT,
        )  # fmt: skip
    options = {"sample_weight": WEIGHT}
    here = sklstm.dask.fit(model, TEXTS, checkpoint=tmp_path, **options)
    assert_same_fit(here, sklstm.dask.fit(model, TEXTS, **options))


def test_callbacks_get_documents(client):  # noqa: F811
    """Those that are trained on, as ids that know their tokens, which stay where they
    are until they are read."""
    pytest.importorskip("sklearn", "1.9")
    given = []

    class Looking(LSTMLanguageModel):
        def _set_aside(self, *args):
            found = super()._set_aside(*args)
            given.append(found[0].as_given()[0])
            return found

    model = Looking(6, early_stopping=True, **CHAR)
    sklstm.dask.fit(model, delayed(cut(TEXTS, *CUTS)), client=client)
    sklstm.dask.fit(clone(model), TEXTS)
    there, here = given
    assert isinstance(there._data, ClusterRows)
    assert there.vocabulary == here.vocabulary
    assert_array_equal(there.lengths, here.lengths)
    assert_array_equal(np.asarray(there.data), here.data)
