"""What belongs to sequences comes in the order of X, by id, or is refused."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import (
    GRUClassifier,
    LSTMClassifier,
    LSTMRegressor,
    LSTMStepRegressor,
    LSTMTagger,
    LSTMTranscriber,
    RNNRegressor,
)
from sklstm._targets.aligning import aligned
from sklstm.inspection import gradient_norms, sequence_permutation_importance
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

N = 12
RNG = np.random.default_rng(0)
TEXT = [f"p{k}" for k in RNG.permutation(N)]
DATA = RNG.standard_normal((3 * N, 2))
OFFSETS = np.arange(0, 3 * N + 1, 3)
Y = np.arange(N) % 2
NAMES = ["rec", "part"]


def sequences(ids=TEXT):
    return SequenceArray(DATA, OFFSETS, ids=ids)


X = sequences()
by_id = pd.Series(Y, index=pd.Index(TEXT, name="rec")).sort_index()
assert by_id.tolist() != Y.tolist()


def put(values, ids=TEXT, what="y"):
    (got,) = aligned(sequences(ids), **{what: values})
    return got


# ---- the rule ------------------------------------------------------------------------


def test_an_index_of_ids_is_put_in_order():
    assert put(by_id).tolist() == Y.tolist()
    assert put(by_id.rename_axis(None)).tolist() == Y.tolist()
    assert put(by_id.to_frame()).to_numpy().ravel().tolist() == Y.tolist()
    assert put(by_id.loc[TEXT]) is not None
    categories = by_id.set_axis(pd.CategoricalIndex(by_id.index))
    assert put(categories).tolist() == Y.tolist()


@pytest.mark.parametrize(
    "ids",
    [
        RNG.permutation(N),
        RNG.permutation(N) + 100,
        RNG.permutation(N) / 2,
        np.datetime64("2024-01-01") + RNG.permutation(N),
        [("a", int(k)) for k in RNG.permutation(N)],
        pd.period_range("2020", periods=N)[::-1],
    ],
    ids=["positions", "integers", "floats", "dates", "tuples", "periods"],
)
def test_ids_of_any_type(ids):
    n_levels = 2 if isinstance(ids, list) else 1
    listed = SequenceArray(DATA, OFFSETS, ids=ids).ids
    y = pd.Series(Y, index=pd.Index(list(listed))).rename_axis(NAMES[:n_levels])
    y = y.sort_index()
    assert y.tolist() != Y.tolist()
    assert put(y, ids).tolist() == Y.tolist()
    assert put(y.rename_axis([None] * n_levels), ids).tolist() == Y.tolist()


def test_dates_of_a_zone_and_of_any_unit():
    days = pd.date_range("2024-01-01", periods=N, freq="D")[::-1]
    for unit in ("s", "ms", "ns"):
        y = pd.Series(Y, index=days.as_unit(unit)).sort_index()
        assert put(y, days.to_numpy().astype("M8[us]")).tolist() == Y.tolist()
    there = days.tz_localize("UTC").tz_convert("Asia/Tokyo")
    assert put(pd.Series(Y, index=there).sort_index(), days).tolist() == Y.tolist()


def test_what_says_nothing_stays():
    shuffled = pd.Series(Y).sample(frac=1, random_state=0)
    for values in (None, list(Y), Y, pd.Series(Y), shuffled, by_id.to_numpy()):
        assert put(values) is values
    assert shuffled.index.name is None
    named = shuffled.rename_axis("row")  # ids are text
    assert put(named) is named
    # numbers of rows beside ids that are numbers: those of first rows, or of a fold
    ids = np.arange(N)[::-1] * 3 + 1
    for rows in (np.arange(N) * 3, shuffled.index + 1, np.arange(N)[::-1]):
        y = pd.Series(Y, index=rows)
        assert put(y, ids) is y
    # a fresh index, also where these are the ids in another order
    y = pd.Series(Y)
    assert put(y, np.arange(N)[::-1]) is y
    # without ids
    (got,) = aligned(SequenceArray(DATA, OFFSETS), y=by_id)
    assert got is by_id
    (got,) = aligned(list(X), y=by_id)
    assert got is by_id
    # in the order of X, with an id that comes twice
    ids = [*TEXT[:-1], TEXT[0]]
    y = pd.Series(Y, index=ids)
    assert put(y, ids) is y


def test_polars_has_no_index():
    pl = pytest.importorskip("polars")
    y = pl.Series("label", Y)
    assert put(y) is y


def test_sequences_of_targets():
    targets = SequenceArray(np.arange(3 * N)[:, np.newaxis], OFFSETS, ids=TEXT)
    order = RNG.permutation(N)
    assert put(targets[order]) == targets
    bare = SequenceArray(targets.data, OFFSETS)
    assert put(bare) is bare
    with pytest.raises(ValueError, match="The ids of y and X.ids do not fit.*'p"):
        put(targets[order[1:]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (by_id.drop("p3"), "y has no value for 'p3', sequence "),
        (by_id.rename({"p3": "q"}), "no value for 'p3', .* but one for 'q', which is"),
        (pd.concat([by_id, pd.Series({"q": 1})]), "a value for 'q', in row 12"),
        (by_id.rename({"p3": "p4"}), "y has 'p4' twice, in rows . and ."),
        (pd.Series(Y, index=[f"q{k}" for k in range(N)]), "no value for 'p.*for 'q0'"),
        (pd.Series(Y, index=pd.date_range("2020", periods=N)), "no value for 'p"),
        (by_id.rename({"p3": None}), "no value for 'p3'"),
    ],
)
def test_other_labels_are_refused(y, message):
    way_out = r".*y\.loc\[X\.ids\] takes.*y\.to_numpy\(\)"
    with pytest.raises(ValueError, match=f"index of y and X.ids .*{message}{way_out}"):
        put(y)


def test_other_integers_with_a_name_are_refused():
    ids = np.arange(N) + 100
    y = pd.Series(Y, index=pd.Index(ids + 1, name="rec"))
    with pytest.raises(
        ValueError, match="no value for 100, sequence 0, but one for 112"
    ):
        put(y, ids)


def test_integers_that_are_ids_as_text_are_refused():
    ids = [str(k) for k in RNG.permutation(N)]
    y = pd.Series(Y, index=pd.RangeIndex(N, name="rec"))
    with pytest.raises(
        ValueError, match="no value for '.*', sequence 0, but one for 0"
    ):
        put(y, ids)
    rows = y.rename_axis(None).sample(frac=1, random_state=0)
    assert put(rows, ids) is rows


def test_one_value_for_several_sequences_is_refused():
    ids = ["a", "b"] * (N // 2)
    with pytest.raises(ValueError, match="one value for 'a', which is the id of"):
        put(pd.Series([0, 1], index=["b", "a"]), ids)


# ---- every door ----------------------------------------------------------------------

LABELS = [[f"l{(i + t) % 2}" for t in range(3)] for i in range(N)]
ESTIMATORS = {
    "classifier": (LSTMClassifier, Y),
    "gru": (GRUClassifier, Y),
    "outputs": (LSTMClassifier, np.stack([Y, np.arange(N) // 6], axis=1)),
    "regressor": (LSTMRegressor, np.sin(np.arange(N))),
    "rnn": (RNNRegressor, np.stack([np.arange(N), np.sin(np.arange(N))], axis=1)),
    "tagger": (LSTMTagger, LABELS),
    "transcriber": (LSTMTranscriber, ["ab"[i % 2 :] for i in range(N)]),
    "steps": (LSTMStepRegressor, DATA[:, 0].reshape(N, 3)),
}


def series_of(y):
    """Targets by id, in another order."""
    rec = pd.Index(TEXT, name="rec")
    if isinstance(y, np.ndarray) and y.ndim == 2:
        return pd.DataFrame(y, index=rec).sort_index()
    return pd.Series(list(y), index=rec).sort_index()


def wrong(y):
    return series_of(y).rename(index={"p3": "p99"})


@pytest.fixture(params=ESTIMATORS)
def case(request):
    Estimator, y = ESTIMATORS[request.param]
    return Estimator(3, max_iter=2, random_state=0), y


def assert_same_weights(a, b):
    for name, weight in a.weights_.items():
        assert_array_equal(weight, b.weights_[name])


def test_fit_and_score(case):
    model, y = case
    weight = pd.Series(np.arange(N) + 1.0, index=TEXT)
    expected = clone(model).fit(X, y, weight.to_numpy())
    fitted = clone(model).fit(X, series_of(y), weight.sort_index())
    assert_same_weights(fitted, expected)
    score = expected.score(X, y, weight.to_numpy())
    assert fitted.score(X, series_of(y), weight.sort_index()) == score
    for arguments in ((wrong(y),), (y, weight.rename({"p3": "p99"}))):
        with pytest.raises(ValueError, match="no value for 'p3'.*'p99'"):
            fitted.fit(X, *arguments)
        with pytest.raises(ValueError, match="no value for 'p3'.*'p99'"):
            fitted.score(X, *arguments)
    assert_same_weights(fitted, expected)


def test_partial_fit(case):
    model, y = case
    classes = {}
    if isinstance(model, (LSTMClassifier, GRUClassifier)):
        classes = {"classes": [0, 1]}
    if isinstance(model, LSTMTagger):
        classes = {"classes": ["l0", "l1"]}
    if isinstance(model, LSTMTranscriber):
        classes = {"classes": "ab"}
    expected = clone(model).partial_fit(X, y, **classes)
    fitted = clone(model).partial_fit(X, series_of(y), **classes)
    assert_same_weights(fitted, expected)
    with pytest.raises(ValueError, match="no value for 'p3'"):
        fitted.partial_fit(X, wrong(y))


def test_validation_data_and_groups(case):
    model, y = case
    model.set_params(early_stopping=True)
    weight = pd.Series(np.arange(N) + 1.0, index=TEXT)
    expected = clone(model).fit(
        X, y, X_val=X, y_val=y, sample_weight_val=weight.to_numpy()
    )
    fitted = clone(model).fit(
        X, y, X_val=X, y_val=series_of(y), sample_weight_val=weight.sort_index()
    )
    assert_same_weights(fitted, expected)
    # columns of a DataFrame are summed in another order
    assert_allclose(fitted.validation_scores_, expected.validation_scores_, rtol=1e-12)
    with pytest.raises(ValueError, match="In X_val, .*no value for 'p3'"):
        fitted.fit(X, y, X_val=X, y_val=wrong(y))
    groups = pd.Series(np.arange(N) // 2, index=TEXT)
    expected = clone(model).fit(X, y, groups=groups.to_numpy())
    fitted = clone(model).fit(X, y, groups=groups.sort_index())
    assert_same_weights(fitted, expected)
    with pytest.raises(ValueError, match="index of groups and X.ids .* 'p3'"):
        fitted.fit(X, y, groups=groups.rename({"p3": "p99"}))


def test_in_a_pipeline():
    model = make_pipeline(
        TimeDistributed(StandardScaler()),
        FrameStacker(2),
        LSTMClassifier(3, max_iter=2, random_state=0),
    )
    expected = clone(model).fit(X, Y)
    fitted = clone(model).fit(X, by_id)
    assert_same_weights(fitted[-1], expected[-1])
    assert fitted.score(X, by_id) == expected.score(X, Y)
    with pytest.raises(ValueError, match="no value for 'p3'"):
        model.fit(X, wrong(Y))


def test_transformers_with_targets():
    transformer = TimeDistributed(LinearDiscriminantAnalysis())
    expected = transformer.fit_transform(X, Y)
    assert transformer.fit_transform(X, by_id) == expected
    with pytest.raises(ValueError, match="no value for 'p3'"):
        transformer.fit(X, wrong(Y))


def test_inspection():
    model = LSTMClassifier(3, max_iter=2, random_state=0).fit(X, Y)
    results = [
        sequence_permutation_importance(model, X, y, random_state=0).importances
        for y in (Y, by_id)
    ]
    assert_array_equal(*results)
    norms = [gradient_norms(model, X, y).norms for y in (Y, by_id)]
    for name, values in norms[0].items():
        assert_array_equal(values, norms[1][name])
    with pytest.raises(ValueError, match="no value for 'p3'"):
        gradient_norms(model, X, wrong(Y))


@pytest.mark.parametrize("ids", [TEXT, np.arange(N)[::-1], np.arange(N) + 1])
def test_folds_of_targets_without_ids(ids):
    """train_test_split and searches leave numbers of rows as index."""
    X, y = sequences(ids), pd.Series(Y)
    model = LSTMClassifier(3, max_iter=2, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)
    assert_same_weights(
        clone(model).fit(X_train, y_train),
        clone(model).fit(X_train, y_train.to_numpy()),
    )
    model.fit(X, y).score(X_test, y_test)
    assert_array_equal(
        cross_val_score(model, X, y, cv=3), cross_val_score(model, X, Y, cv=3)
    )


def test_folds_of_targets_by_id():
    model = LSTMClassifier(3, max_iter=2, random_state=0)
    y = by_id.loc[list(X.ids)]
    scores = cross_val_score(model, X, y, cv=3)
    assert_array_equal(scores, cross_val_score(model, X, Y, cv=3))
    # folds in another order than X do not belong together
    with pytest.raises(ValueError, match="no value for"):
        GridSearchCV(model, {"max_iter": [1]}, cv=3, error_score="raise").fit(X, by_id)


def test_the_fault_that_was_silent():
    """groupby sorts by key, from_long keeps the order of first rows."""
    frame = pd.DataFrame({
        "rec": np.repeat(TEXT, 3), "t": np.tile(range(3), N),
        "a": DATA[:, 0], "b": DATA[:, 1], "label": np.repeat(Y, 3),
    })  # fmt: skip
    X, y = SequenceArray.from_long(frame, by="rec", sort="t", target="label")
    labels = frame.groupby("rec").label.first()
    model = LSTMClassifier(3, max_iter=2, random_state=0)
    assert_same_weights(clone(model).fit(X, labels), clone(model).fit(X, y))
