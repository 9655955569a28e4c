"""Saved and loaded: the same bits, and training goes on as if it had not stopped."""

import copy
import inspect
import io
import pickle
import re
import sys
import threading
import types
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sklstm
import sklstm.preprocessing
import sklstm.sequences
from sklstm import (
    ConvLSTMClassifier,
    ConvLSTMRegressor,
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMForecaster,
    LSTMRegressor,
    LSTMStepRegressor,
    LSTMTagger,
    RNNClassifier,
    RNNRegressor,
    SequenceArray,
)
from sklstm.preprocessing import (
    CalendarFeatures,
    FrameStacker,
    LogMel,
    TimeDistributed,
    TokenEncoder,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 2)) for T in RNG.integers(1, 7, size=30)]
WITH_NAN = [np.where(RNG.random(x.shape) < 0.1, np.nan, x) for x in X]
LABELS = RNG.permutation(30) % 3
NAMES = np.array(["no", "yes", "perhaps"], dtype=object)[LABELS]
NUMBERS = 100 + 10 * RNG.standard_normal(30)
OF_STEPS = [x[:, 0].cumsum() for x in X]
CLIPS = [RNG.random((T, 4, 4, 2)) for T in RNG.integers(1, 4, size=30)]
CLIPS_WITH_NAN = [np.where(RNG.random(x.shape) < 0.1, np.nan, x) for x in CLIPS]
BIO = [["B-x", "I-x", "O"] * 2 for _ in X]
TAGS = [tags[: len(x)] for tags, x in zip(BIO, X)]
SMALL = {"hidden_layer_sizes": 3, "max_iter": 2, "batch_size": 8, "random_state": 0}
CONV = {"hidden_channels": 3, "max_iter": 2, "batch_size": 8, "random_state": 0}
DEEP = {"hidden_layer_sizes": (3, 2), "bidirectional": True}

# Every kind of state: solvers, generators, missing values, targets, parameter types.
CASES = {
    "adam": (LSTMClassifier(**SMALL), X, LABELS),
    "dropout": (
        LSTMClassifier(
            **SMALL | DEEP | {"random_state": np.random.RandomState(3)},
            peephole=True,
            pooling="attention",
            dropout=0.2,
            recurrent_dropout=0.2,
            class_weight={0: 1.0, 1: 2.0, 2: 0.5},
        ),
        X,
        LABELS,
    ),
    "adamw": (
        GRUClassifier(
            **SMALL,
            solver="adamw",
            alpha=0.01,
            missing="indicator",
            dtype=np.dtype("float64"),
        ),
        WITH_NAN,
        NAMES,
    ),
    "early stopping": (
        RNNClassifier(**SMALL, early_stopping=True, n_iter_no_change=np.inf),
        X,
        LABELS > 0,
    ),
    "multilabel": (
        GRUClassifier(**SMALL, learning_rate="invscaling", dtype=np.float64),
        X,
        np.column_stack([LABELS > 0, LABELS > 1]).astype(int),
    ),
    "sgd": (LSTMRegressor(**SMALL, solver="sgd"), X, NUMBERS),
    "rmsprop": (
        RNNRegressor(**SMALL, solver="rmsprop", missing="ffill", loss="huber"),
        WITH_NAN,
        np.column_stack([NUMBERS, LABELS]),
    ),
    "lbfgs": (GRURegressor(**SMALL, solver="lbfgs", loss="poisson"), X, LABELS),
    "quantiles": (
        GRURegressor(
            **SMALL | {"hidden_layer_sizes": np.array([3, 2])},
            loss="quantile",
            quantile=np.array([0.9, 0.1]),
        ),
        SequenceArray.from_list(X),
        NUMBERS,
    ),
    "tags": (LSTMTagger(**SMALL | DEEP), X, TAGS),
    "tags of any type": (
        LSTMTagger(**SMALL, cell="gru", crf=False, missing="ffill", dropout=0.2),
        WITH_NAN,
        [[(s > 0, "positive") if s > 0 else 7 for s in sums] for sums in OF_STEPS],
    ),
    "tags that are zeros and ones": (
        LSTMTagger(**SMALL, solver="lbfgs"),
        X,
        [(x > 0).astype(int) for x in X],
    ),
    "steps": (LSTMStepRegressor(**SMALL, dtype="float64", loss="huber"), X, OF_STEPS),
    "clips": (
        ConvLSTMClassifier(**CONV, patch_size=np.array([2]), dropout=0.2),
        CLIPS,
        NAMES,
    ),
    "clips both ways": (
        ConvLSTMRegressor(
            **CONV | {"hidden_channels": (3, 2)},
            bidirectional=True,
            peephole=True,
            pooling="attention",
            dtype=np.float64,
            loss="quantile",
            quantile=[0.9, 0.1],
        ),
        CLIPS,
        NUMBERS,
    ),
    "clips with holes": (
        ConvLSTMRegressor(**CONV, missing="ffill", early_stopping=True),
        CLIPS_WITH_NAN,
        np.column_stack([NUMBERS, LABELS]),
    ),
    "quantiles of steps": (
        LSTMStepRegressor(**SMALL | DEEP, loss="quantile", quantile=[0.9, 0.1]),
        X,
        [np.column_stack([sums, -sums]) for sums in OF_STEPS],
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(case[0]).fit(*case[1:]) for name, case in CASES.items()}


def predictions(estimator, X):
    """Numbers, for a classifier too."""
    name = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    found = getattr(estimator, name)(X)
    return np.concatenate(list(found)) if found.dtype == object else found


def through_pickle(thing, folder):
    return pickle.loads(pickle.dumps(thing))


def through_first_pickle_protocol(thing, folder):
    return pickle.loads(pickle.dumps(thing, protocol=0))


def through_joblib(thing, folder):
    joblib.dump(thing, folder / "compressed", compress=3)
    return joblib.load(folder / "compressed")


def through_joblib_mapped(thing, folder):
    file = folder / f"plain_{len(list(folder.iterdir()))}"  # one may be mapped already
    joblib.dump(thing, file)
    return joblib.load(file, mmap_mode="r")


def through_cloudpickle(thing, folder):
    cloudpickle = pytest.importorskip("cloudpickle")
    return pickle.loads(cloudpickle.dumps(thing))


def through_skops(thing, folder):
    io = pytest.importorskip("skops.io")
    io.dump(thing, folder / "saved.skops")
    untrusted = io.get_untrusted_types(file=folder / "saved.skops")
    return io.load(folder / "saved.skops", trusted=untrusted)


WAYS = [
    through_pickle,
    through_first_pickle_protocol,
    through_joblib,
    through_joblib_mapped,
    through_cloudpickle,
    through_skops,
]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def saved_and_loaded(request, tmp_path):
    return lambda thing: request.param(thing, tmp_path)


# ---- the same estimator ------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_same_predictions_and_attributes(name, fitted, saved_and_loaded):
    estimator, given = fitted[name], CASES[name][1]
    loaded = saved_and_loaded(estimator)
    assert_array_equal(predictions(loaded, given), predictions(estimator, given))
    assert_array_equal(loaded.transform(given), estimator.transform(given))
    attributes, expected = vars(loaded), vars(estimator)
    assert attributes.keys() == expected.keys()
    assert np.dtype(attributes["dtype"]) == np.dtype(expected["dtype"])
    elsewhere = {"dtype", "_fitted", "random_state", "_random_state"}
    np.testing.assert_equal(loaded._fitted.state, estimator._fitted.state)
    for key in expected.keys() - elsewhere:
        np.testing.assert_equal(attributes[key], expected[key], key)
    with pytest.raises(ValueError, match="read-only"):
        loaded.weights_["head_weight"][:] = 0


@pytest.mark.parametrize("name", CASES)
def test_training_goes_on_to_the_bit(name, fitted, saved_and_loaded):
    _, given, y = CASES[name]
    estimator = copy.deepcopy(fitted[name])
    loaded = saved_and_loaded(estimator)
    for model in (estimator, loaded):
        if estimator.solver != "lbfgs" and not estimator.early_stopping:
            model.partial_fit(given, y)
        model.set_params(warm_start=True).fit(given, y)
    assert_array_equal(predictions(loaded, given), predictions(estimator, given))
    assert loaded.loss_curve_ == estimator.loss_curve_
    assert loaded.t_ == estimator.t_


def test_goes_on_when_saved_at_every_step(saved_and_loaded):
    """What was loaded can be saved again, also where arrays were mapped from disk."""
    options = {**SMALL, "dropout": 0.3}
    straight, saved = LSTMRegressor(**options), LSTMRegressor(**options)
    for _ in range(3):
        straight.partial_fit(X, NUMBERS)
        saved = saved_and_loaded(saved.partial_fit(X, NUMBERS))
    assert_array_equal(saved.predict(X), straight.predict(X))


def test_unfitted(saved_and_loaded):
    estimator = LSTMRegressor((5, 4), quantile=[0.1, 0.2], dtype="float64")
    loaded = saved_and_loaded(estimator)
    assert loaded.get_params() == estimator.get_params()
    assert not loaded.__sklearn_is_fitted__()
    assert repr(loaded) == repr(estimator)


def test_parameters_keep_their_types_in_fit_and_in_pickles(fitted):
    """The plain types are those of the file, not of the estimator."""
    estimator = fitted["adamw"]
    for model in (estimator, copy.copy(estimator), through_pickle(estimator, None)):
        assert isinstance(model.dtype, np.dtype)
    assert estimator.__getstate__()["dtype"] == "float64"


class WithoutCurve(LSTMRegressor):
    """Saves less than its base."""

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("loss_curve_", None)
        return state


def test_what_a_subclass_does_not_save_is_not_saved(saved_and_loaded):
    model = WithoutCurve(**SMALL).fit(X, NUMBERS)
    loaded = saved_and_loaded(model)
    assert hasattr(model, "loss_curve_") and not hasattr(loaded, "loss_curve_")
    assert_array_equal(loaded.predict(X), model.predict(X))


class WithLock(LSTMRegressor):
    """Has what cannot be saved."""

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("lock", None)
        return state


def test_what_a_subclass_does_not_save_stays_in_fit():
    model = WithLock(**SMALL)
    lock = model.lock = threading.Lock()
    model.fit(X, NUMBERS).partial_fit(X, NUMBERS)
    assert model.lock is lock
    assert not hasattr(copy.copy(model), "lock")


def test_arrays_stay_on_disk(fitted, tmp_path):
    """With mmap_mode processes share the memory of one file."""
    loaded = through_joblib_mapped(fitted["adam"], tmp_path)
    assert isinstance(loaded._fitted.parameters, np.memmap)
    assert not loaded._fitted.parameters.flags.writeable


# ---- pipelines, searches, containers, states ---------------------------------------


def make_search():
    pipeline = make_pipeline(
        TimeDistributed(StandardScaler()), FrameStacker(2), GRUClassifier(**SMALL)
    )
    grid = {"gruclassifier__hidden_layer_sizes": [2, (3, 2)]}
    return GridSearchCV(pipeline, grid, cv=2)


@pytest.fixture(scope="module")
def search():
    return make_search().fit(SequenceArray.from_list(X), LABELS)


def test_a_search_over_a_pipeline(search, saved_and_loaded):
    loaded = saved_and_loaded(search)
    assert loaded.best_params_ == search.best_params_
    assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))


def test_cloudpickle_takes_a_lambda_and_a_class_of_a_script(tmp_path):
    script = types.ModuleType("__main__")
    code = "class Mine(Base):\n    def more(self):\n        return 1 + self.hidden\n"
    exec(code, script.__dict__ | {"Base": GRURegressor}, script.__dict__)
    mine = script.Mine(**SMALL)
    double = FunctionTransformer(lambda x: 2 * x)
    pipeline = make_pipeline(TimeDistributed(double), mine).fit(X, NUMBERS)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(pipeline)
    loaded = through_cloudpickle(pipeline, tmp_path)
    assert type(loaded[-1]).__name__ == "Mine"
    assert_array_equal(loaded.predict(X), pipeline.predict(X))


@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_sequence_array(names, saved_and_loaded):
    whole = SequenceArray.from_list(X)
    given = SequenceArray(whole.data, whole.offsets, names)[3:9]
    loaded = saved_and_loaded(given)
    assert loaded == given
    assert loaded.dtype == given.dtype
    assert loaded.feature_names == given.feature_names


@pytest.mark.parametrize("pooling", ["last", "attention"])
def test_a_stream_goes_on(pooling, saved_and_loaded):
    model = LSTMClassifier(**SMALL, missing="ffill", pooling=pooling).fit(X, LABELS)
    steps = np.array([[1.0, np.nan], [np.nan, 2.0], [np.nan, np.nan]])
    state = model.initial_state()
    _, state = model.predict_step(steps[0], state)
    _, state = saved_and_loaded(model).predict_step(steps[1], saved_and_loaded(state))
    last, _ = model.predict_step(steps[2], state, method="predict_proba")
    assert_array_equal(last, model.predict_proba([steps]))


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_a_stream_goes_on_where_vectors_have_another_width(
    pooling, instruction_set, monkeypatch
):
    options = {**SMALL, "hidden_layer_sizes": (3, 9), "pooling": pooling}
    model = LSTMRegressor(**options, dtype="float64").fit(X, NUMBERS)
    _, there = model.predict_step(np.ones(2), model.initial_state())
    before = model.initial_state()
    monkeypatch.undo()
    here = through_pickle(model, None)
    expected = here.predict(np.ones((1, 2, 2)))
    assert_allclose(here.predict_step(np.ones(2), there)[0], expected, 1e-12)
    _, state = here.predict_step(np.ones(2), before)
    assert_allclose(here.predict_step(np.ones(2), state)[0], expected, 1e-12)


# ---- what skops has to trust -------------------------------------------------------


def untrusted(thing):
    io = pytest.importorskip("skops.io")
    return set(io.get_untrusted_types(data=io.dumps(thing)))


@pytest.mark.parametrize("name", CASES)
def test_skops_asks_for_the_estimator_alone(name, fitted, tmp_path):
    estimator = fitted[name]
    expected = {f"{type(estimator).__module__}.{type(estimator).__name__}"}
    assert untrusted(estimator) == untrusted(clone(estimator)) == expected
    estimator = through_joblib_mapped(estimator, tmp_path)
    assert untrusted(estimator) == expected


def test_skops_asks_for_nothing_but_sklstm_in_pipelines(search):
    pipeline = search.best_estimator_
    assert untrusted(pipeline) == {
        "sklstm.GRUClassifier",
        "sklstm.preprocessing.FrameStacker",
        "sklstm.preprocessing.TimeDistributed",
    }


def test_skops_asks_for_no_more_in_a_search_than_for_other_estimators(search):
    """It does not trust the splitter and the scorer of any search."""
    other = GridSearchCV(LogisticRegression(), {"C": [1.0, 2.0]}, cv=2)
    other.fit(RNG.standard_normal((30, 2)), LABELS)
    assert untrusted(search) - untrusted(other) == untrusted(search.best_estimator_)


def test_every_public_class_can_be_saved(fitted, saved_and_loaded):
    """A new class is to be added here, or one of its instances to CASES."""
    things = {type(estimator): estimator for estimator in fitted.values()}
    things[SequenceArray] = SequenceArray.from_list(X)
    things[sklstm.State] = fitted["adam"].initial_state()
    long = [x for x in X if len(x) > 3]
    things[LSTMForecaster] = LSTMForecaster(**SMALL, quantile=[0.1, 0.9]).fit(long)
    hours = np.arange(3).astype("datetime64[h]")
    things[CalendarFeatures] = CalendarFeatures().fit(hours)
    things[FrameStacker] = FrameStacker(2).fit(X)
    things[LogMel] = LogMel().fit([np.zeros(900)])
    things[TimeDistributed] = TimeDistributed(StandardScaler()).fit(X)
    things[TokenEncoder] = TokenEncoder().fit([[1, "a"], ["a", 1]])
    small = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}
    series = np.random.default_rng(0).standard_normal((30, 20))
    quantile = [0.1, 0.5, 0.9]
    forecaster = sklstm.LSTMForecaster(horizon=2, quantile=quantile, **small)
    things[sklstm.LSTMForecaster] = forecaster.fit(series).calibrate(series)
    detector = sklstm.LSTMAnomalyDetector(**small).fit(series)
    things[sklstm.LSTMAnomalyDetector] = detector
    forecaster = sklstm.ConvLSTMForecaster(**CONV, horizon=2)
    things[sklstm.ConvLSTMForecaster] = forecaster.fit([x for x in CLIPS if len(x) > 1])
    things[sklstm.DetectorState] = detector.initial_state()
    things[sklstm.LSTMLanguageModel] = sklstm.LSTMLanguageModel(**small).fit(["a a"])
    answers = sklstm.LSTMSeq2Seq(**small).fit(["ab", "b"], [["a", 1], [("x", 2)]])
    things[sklstm.LSTMSeq2Seq] = answers
    transcriber = sklstm.LSTMTranscriber(**small).fit(X, ["a"] * len(X))
    things[sklstm.LSTMTranscriber] = transcriber
    things[sklstm.TranscriberState] = transcriber.initial_state()
    naive = sklstm.forecasting.SeasonalNaive(2, quantile=quantile).fit(series)
    things[sklstm.forecasting.SeasonalNaive] = naive
    modules = sklstm, sklstm.forecasting, sklstm.preprocessing, sklstm.sequences
    public = {
        thing
        for module in modules
        for thing in (getattr(module, name) for name in module.__all__)
        if inspect.isclass(thing)
    } - {sklstm.forecasting.Windows}  # a tuple
    assert public == set(things)
    for cls, thing in things.items():
        assert type(saved_and_loaded(thing)) is cls


class Recorder(pickle.Unpickler):
    """Notes the modules that a pickle names."""

    def __init__(self, thing):
        super().__init__(io.BytesIO(pickle.dumps(thing)))
        self.modules = set()
        self.load()

    def find_class(self, module, name):
        self.modules.add(module)
        return super().find_class(module, name)


@pytest.mark.parametrize("name", CASES)
def test_pickles_name_public_places_alone(name, fitted, search):
    """So that whatever moves within the package, they are read."""
    things = [fitted[name], search.best_estimator_, FrameStacker(2).fit(X)]
    things.append(TokenEncoder(min_df=1).fit(["a b"]))
    things.append(LogMel().fit([np.zeros(900)]))
    things.append(CalendarFeatures().fit(np.arange(3).astype("datetime64[h]")))
    if not fitted[name].bidirectional:
        things.append(fitted[name].initial_state())
    for thing in things:
        modules = {m for m in Recorder(thing).modules if m.startswith("sklstm")}
        assert modules and modules <= {"sklstm", "sklstm.preprocessing"}


# ---- versions ----------------------------------------------------------------------


def saved_by(version, thing, monkeypatch, save=pickle.dumps):
    with monkeypatch.context() as patch:
        patch.setattr("sklstm._sklearn.persistence.__version__", version)
        return save(thing)


def of_the_future(patch=0):
    major, minor = re.match(r"(\d+)\.(\d+)", sklstm.__version__).groups()
    return f"{major}.{int(minor) + 1}.{patch}"


SAVED = {
    "estimator": lambda: LSTMClassifier(**SMALL).fit(X, LABELS),
    "unfitted": lambda: RNNRegressor(),
    "TimeDistributed": lambda: TimeDistributed(StandardScaler()).fit(X),
    "CalendarFeatures": lambda: CalendarFeatures(["hour"]),
    "FrameStacker": lambda: FrameStacker(),
    "LogMel": lambda: LogMel(8000).fit([np.zeros(900)]),
    "TokenEncoder": lambda: TokenEncoder(min_df=1).fit(["a b"]),
    "pipeline": lambda: make_pipeline(FrameStacker(2), GRURegressor()),
}


@pytest.mark.parametrize("name", SAVED)
def test_what_a_later_version_saved_is_refused(name, monkeypatch):
    thing = SAVED[name]()
    later = of_the_future()
    saved = saved_by(later, thing, monkeypatch)
    message = (
        rf"saved by sklstm {re.escape(later)}, but this is sklstm "
        rf"{re.escape(sklstm.__version__)}.*pip install 'sklstm>={later[:-2]}'"
    )
    with pytest.raises(RuntimeError, match=message):
        pickle.loads(saved)


def test_skops_files_of_a_later_version_are_refused(monkeypatch):
    io = pytest.importorskip("skops.io")
    model = GRUClassifier(**SMALL).fit(X, LABELS)
    saved = saved_by(of_the_future(), model, monkeypatch, io.dumps)
    with pytest.raises(RuntimeError, match="This GRUClassifier was saved by sklstm"):
        io.loads(saved, trusted=io.get_untrusted_types(data=saved))


def test_the_version_is_read_before_anything_else(monkeypatch):
    """A later version may have saved what this one does not even have."""
    module = types.ModuleType("module_of_a_later_version")
    exec("class Thing: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    model = LSTMClassifier(**SMALL).fit(X, LABELS)
    model.new_attribute_ = module.Thing()
    here, later = pickle.dumps(model), saved_by(of_the_future(), model, monkeypatch)
    monkeypatch.delitem(sys.modules, module.__name__)
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(here)
    with pytest.raises(RuntimeError, match="saved by sklstm"):
        pickle.loads(later)


@pytest.mark.parametrize("patch", ["0", "99", "7.dev0", "0rc1"])
def test_patch_releases_read_each_other(patch, fitted, monkeypatch):
    version = ".".join([*sklstm.__version__.split(".")[:2], patch])
    saved = saved_by(version, fitted["adam"], monkeypatch)
    assert_array_equal(pickle.loads(saved).predict(X), fitted["adam"].predict(X))


def test_version_numbers_are_compared_as_numbers(fitted, monkeypatch):
    saved = saved_by("0.9.0", fitted["adam"], monkeypatch)
    monkeypatch.setattr("sklstm._sklearn.persistence.__version__", "0.10.0")
    assert_array_equal(pickle.loads(saved).predict(X), fitted["adam"].predict(X))
    saved = saved_by("0.11.0", fitted["adam"], monkeypatch)
    with pytest.raises(RuntimeError, match="sklstm 0.11.0, but this is sklstm 0.10.0"):
        pickle.loads(saved)


def test_the_version_is_in_the_state_and_not_in_the_estimator(fitted):
    estimator = fitted["adam"]
    assert estimator.__getstate__()["_sklstm_version"] == sklstm.__version__
    assert not hasattr(through_pickle(estimator, None), "_sklstm_version")


@pytest.mark.parametrize("name", SAVED)
def test_a_parameter_that_was_not_there_yet_has_its_default(name):
    thing = SAVED[name]()
    for estimator in [step for _, step in getattr(thing, "steps", [(0, thing)])]:
        state = estimator.__getstate__()
        optional = [
            p.name
            for p in inspect.signature(type(estimator)).parameters.values()
            if p.default is not p.empty
        ]
        for parameter in optional:
            del state[parameter]
        old = type(estimator).__new__(type(estimator))
        old.__setstate__(state)
        required = estimator.get_params(deep=False).keys() - set(optional)
        fresh = type(estimator)(**{key: getattr(estimator, key) for key in required})
        assert old.get_params() == fresh.get_params()


# ---- what earlier versions saved ---------------------------------------------------

DATA = Path(__file__).parent / "data"
FILES = sorted(DATA.glob("pickles_*.npz"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def earlier(request):
    """What an earlier version saved."""
    with np.load(request.param) as contents:
        return dict(contents)


def unpickled(earlier, name):
    return pickle.loads(earlier[f"{name}/pickle"].tobytes())


def test_there_are_pickles_of_this_version():
    major, minor = re.match(r"(\d+)\.(\d+)", sklstm.__version__).groups()
    assert DATA / f"pickles_{major}_{minor}.npz" in FILES, (
        "Run tests/data/make_pickles.py, once for each minor version."
    )


def test_earlier_estimators_predict_and_go_on(earlier):
    names = {key.split("/")[0] for key in earlier if key.endswith("/predictions_later")}
    assert len(names) >= 7
    with_nan = unpickled(earlier, "X")
    whole = SequenceArray(
        np.nan_to_num(with_nan.data), with_nan.offsets, with_nan.feature_names
    )
    for name in names:
        model = unpickled(earlier, name)
        X, y = whole if model.missing == "error" else with_nan, earlier[f"{name}/y"]
        assert clone(model).get_params().keys() == type(model)().get_params().keys()
        # The bits may differ between versions and instruction sets.
        rtol = 1e-4 if np.dtype(model.dtype) == np.float32 else 1e-9
        before = predictions(model, X)
        assert_allclose(before, earlier[f"{name}/predictions"], rtol, err_msg=name)
        model.set_params(early_stopping=False)
        if model.solver == "lbfgs":
            model.set_params(warm_start=True).fit(X, y)
        else:
            if getattr(model, "class_weight", None) == "balanced":
                model.set_params(class_weight=None)  # the classes are of equal size
            model.partial_fit(X, y)
        after = predictions(model, X)
        assert_allclose(after, earlier[f"{name}/predictions_later"], rtol, err_msg=name)
        assert (before != after).any()


def test_earlier_containers_and_states(earlier):
    X = unpickled(earlier, "X")
    assert_array_equal(X.data, earlier["X/data"])
    assert_array_equal(X.offsets, earlier["X/offsets"])
    assert X.feature_names == ("pulse", "pressure")
    assert_array_equal(
        unpickled(earlier, "stacker").transform(X).data, earlier["stacker/data"]
    )
    unfitted = unpickled(earlier, "unfitted")
    changed = {"hidden_layer_sizes": (7, 5), "alpha": 0.5}
    assert unfitted.get_params() == LSTMClassifier(**changed).get_params()
    model, state = unpickled(earlier, "rnn_regressor"), unpickled(earlier, "state")
    after, _ = model.predict_step(np.ones((1, 2)), state)
    assert_allclose(after, earlier["state/predictions"], 1e-9)


STEP_FILES = sorted(DATA.glob("step_pickles_*.npz"))


def test_there_are_pickles_with_targets_at_steps():
    major, minor = re.match(r"(\d+)\.(\d+)", sklstm.__version__).groups()
    assert DATA / f"step_pickles_{major}_{minor}.npz" in STEP_FILES


@pytest.mark.parametrize("path", STEP_FILES, ids=lambda path: path.stem)
def test_earlier_estimators_with_a_target_at_every_step(path):
    with np.load(path) as contents:
        earlier = dict(contents)
    names = {key.split("/")[0] for key in earlier if key.endswith("/predictions_later")}
    assert len(names) >= 5
    with_nan = unpickled(earlier, "X")
    whole = SequenceArray(
        np.nan_to_num(with_nan.data), with_nan.offsets, with_nan.feature_names
    )
    for name in names:
        model = unpickled(earlier, name)
        X, y = whole if model.missing == "error" else with_nan, earlier[f"{name}/y"]
        y = np.split(y, X.offsets[1:-1])
        assert clone(model).get_params().keys() == type(model)().get_params().keys()
        rtol = 1e-4 if np.dtype(model.dtype) == np.float32 else 1e-9
        before = predictions(model, X)
        assert_allclose(before, earlier[f"{name}/predictions"], rtol, err_msg=name)
        after = predictions(model.partial_fit(X, y), X)
        assert_allclose(after, earlier[f"{name}/predictions_later"], rtol, err_msg=name)
        assert (before != after).any()
