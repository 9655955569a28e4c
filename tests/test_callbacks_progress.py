"""Progress of every estimator as callbacks see it: the same bits, every tick."""

import warnings
from collections import Counter

import numpy as np
import pytest
from callback_cases import Everywhere, Listener, ScoringMonitor, Teller, since_1_9
from progress_cases import FITS, LABELS, X, bits, small
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from task_cases import stop_at

from sklstm import GRUClassifier, LSTMLanguageModel
from sklstm._estimators import solver
from sklstm._sklearn import callbacks
from sklstm._training.feeds import n_steps_of
from sklstm.preprocessing import FrameStacker

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn 1.8
    CallbackSupportMixin, with_callbacks = object, lambda method: method

pytestmark = [since_1_9, pytest.mark.filterwarnings("ignore:Maximum iterations")]

every_fit = pytest.mark.parametrize("name", FITS)
early = pytest.mark.parametrize("early_stopping", [False, True])


@pytest.fixture
def long_epochs(monkeypatch):
    """Every epoch is a long one."""
    monkeypatch.setattr("sklstm._estimators.solver.LONG_EPOCH", 0)


def tree(context):
    """A task with those below it, as (name, announced, tasks)."""
    below = [tree(child) for child in context._children_map.values()]
    return context.task_name, context.max_subtasks, below


def heard_tree(listener):
    """That of the only fit, every task of which has begun and ended once."""
    for hook in ("begin", "end"):
        told = [id(context) for name, context, *_ in listener.heard if name == hook]
        assert len(told) == len(set(told))
    begun, ended = (
        [context for name, context, *_ in listener.heard if name == hook]
        for hook in ("begin", "end")
    )
    assert {id(each) for each in begun} == {id(each) for each in ended}
    assert len([one for one in begun if one.parent is None]) == 1
    assert sum(1 for _ in begun[0]) == len(begun)
    return tree(begun[0])


# ---- parts of epochs -----------------------------------------------------------------


@every_fit
@early
def test_bits_with_and_without_callbacks(name, early_stopping, long_epochs):
    plain, data = small(name, early_stopping=early_stopping)
    seen, _ = small(name, early_stopping=early_stopping)
    seen.set_callbacks(Listener(), Teller())
    for _ in range(2):  # the second one goes on
        assert bits(seen.fit(*data)) == bits(plain.fit(*data))
        seen.set_params(warm_start=True)
        plain.set_params(warm_start=True)


@every_fit
@early
def test_as_many_ticks_as_announced(name, early_stopping, long_epochs):
    listener = Listener()
    model, data = small(name, early_stopping=early_stopping)
    model.set_callbacks(listener).fit(*data)
    task, announced, epochs = heard_tree(listener)
    assert (task, announced, len(epochs)) == ("fit", 3, 3)
    assert len({n for _, n, _ in epochs}) == 1
    for task, announced, parts in epochs:
        assert task == "epoch" and announced == len(parts)
        assert all(part[1:] == (0, []) for part in parts)
        found = Counter(name for name, *_ in parts)
        if name == "one minibatch":
            assert not parts
            continue
        assert found["validation"] == early_stopping
        assert 2 <= found["minibatches"] <= 100
        assert parts[-1][0] == ("validation" if early_stopping else "minibatches")


@every_fit
def test_short_epochs_have_no_parts(name):
    listener = Listener()
    model, data = small(name)
    model.set_callbacks(listener).fit(*data)
    assert heard_tree(listener) == ("fit", 3, 3 * [("epoch", 0, [])])


@pytest.mark.parametrize("name", ["classifier", "streams", "conv forecaster"])
def test_partial_fit_has_parts(name, long_epochs):
    listener = Listener()
    model, data = small(name)
    options = {"classes": ["a", "b", "c"]} if name == "classifier" else {}
    model.set_callbacks(listener).partial_fit(*data, **options)
    task, announced, epochs = heard_tree(listener)
    assert (task, announced) == ("partial_fit", 1)
    ((_, announced, parts),) = epochs
    assert announced == len(parts) > 1


def test_lbfgs_has_iterations_alone(long_epochs):
    listener = Listener()
    model, data = small("several outputs", solver="lbfgs")
    model.set_callbacks(listener).fit(*data)
    assert heard_tree(listener) == ("fit", 3, 3 * [("epoch", 0, [])])


@every_fit
def test_what_a_feed_says_of_its_epochs(name, monkeypatch):
    """Their steps, but for drawn windows, and no more minibatches than come."""
    solvers, run = [], solver.Solver.run

    def keep(self, observer):
        solvers.append(self)
        return run(self, observer)

    monkeypatch.setattr(solver.Solver, "run", keep)
    model, data = small(name)
    model.fit(*data)
    feed, rng = solvers[0].feed, np.random.RandomState(1)
    for _ in range(2):
        batches = list(feed.epoch(rng))
        seen = sum(map(n_steps_of, batches))
        if name in ("forecaster", "conv forecaster"):
            assert feed.n_steps == pytest.approx(seen, rel=0.3)
        else:
            assert feed.n_steps == seen
        if name == "segments":
            assert 6 < feed.n_minibatches <= len(batches)
        else:
            assert feed.n_minibatches == len(batches)


def test_a_hundred_parts_at_most(long_epochs):
    listener = Listener()
    model = GRUClassifier(2, max_iter=1, batch_size=1).set_callbacks(listener)
    model.fit([np.ones((1 + k % 3, 1)) for k in range(250)], np.arange(250) % 2)
    _, _, ((_, announced, parts),) = heard_tree(listener)
    assert announced == len(parts) == 100


def test_a_minibatch_may_be_most_of_an_epoch(long_epochs):
    """Ticks that are due come together, none is left out or comes too early."""
    lengths = [1, 1, 94, 1, 1, 2]
    listener, shares = Listener(), []
    model = GRUClassifier(2, max_iter=1, batch_size=1, shuffle=False)
    model.set_callbacks(listener)
    original = callbacks.Epochs.within_epoch

    def look(self, seen, total, loss):
        original(self, seen, total, loss)
        shares.append((seen, total, self.n_ended))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks.Epochs, "within_epoch", look)
        model.fit([np.ones((T, 1)) for T in lengths], np.arange(6) % 2)
    seen = np.cumsum(lengths).tolist()
    assert shares == [(s, 100, s * 6 // 100) for s in seen]
    _, _, ((_, announced, parts),) = heard_tree(listener)
    assert announced == len(parts) == 6


def test_the_first_epochs_have_parts(long_epochs, monkeypatch):
    """Each one is a bar: so many of a fit, also in a pipeline, or of a search."""
    monkeypatch.setattr(callbacks, "MOST_BARS", 6)

    def with_parts(around):
        listener = Everywhere()
        model, data = small("classifier", max_iter=8)
        around(model).set_callbacks(listener).fit(*data)
        ended = [context for hook, context, *_ in listener.heard if hook == "end"]
        epochs = [context for context in ended if context.task_name == "epoch"]
        assert len(epochs) % 8 == 0
        for context in epochs:
            assert len(context._children_map) == context.max_subtasks
        found = [bool(context.max_subtasks) for context in epochs]
        return {sum(found[k : k + 8]) for k in range(0, len(found), 8)}, found

    def pipeline(model):
        return make_pipeline(FrameStacker(2), model)

    def search(n):
        grid = {"alpha": np.arange(n)}
        return lambda model: GridSearchCV(model, grid, cv=2, refit=False)

    for around in (lambda model: model, pipeline):
        n_with_parts, found = with_parts(around)
        assert n_with_parts == {6} and found == 6 * [True] + 2 * [False]
    for n_candidates, expected in ((1, 3), (2, 1), (3, 1), (4, 0)):
        assert with_parts(search(n_candidates))[0] == {expected}


def test_tasks_of_an_unknown_number_have_no_parts(long_epochs):
    class Around(CallbackSupportMixin, BaseEstimator):
        def __init__(self, model):
            self.model = model

        @with_callbacks
        def fit(self, X, y):
            context = self._init_callback_context(
                max_subtasks=None, sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self)
            task = context.subcontext("inner", task_id=5)
            with task.propagate_callback_context(self.model):
                self.model.fit(X, y)
            context.call_on_fit_task_end(estimator=self)

    listener = Everywhere()
    model, data = small("classifier")
    Around(model).set_callbacks(listener).fit(*data)
    epochs = [c for _, c, *_ in listener.heard if c.task_name == "epoch"]
    assert len(epochs) == 6 and not any(context.max_subtasks for context in epochs)


def test_nobody_is_told_where_there_are_no_callbacks(long_epochs, monkeypatch):
    """And steps are not counted, which would take its time."""

    def broken(*args):
        raise AssertionError

    monkeypatch.setattr("sklstm._training.loop.n_steps_of", broken)
    for verbose in (False, True):
        model, data = small("classifier", verbose=verbose)
        model.fit(*data)
    model.set_callbacks(Teller())
    with pytest.raises(AssertionError):
        model.fit(*data)


def test_scores_are_of_epochs(long_epochs):
    monitor = ScoringMonitor(scoring="accuracy")
    model, data = small("classifier")
    model.set_callbacks(monitor).fit(*data)
    names = [row["task_name"] for row in monitor.get_logs().data]
    assert sorted(names) == ["epoch", "epoch", "epoch", "fit"]


def test_a_part_does_not_stop_training(long_epochs):
    teller = Teller(lambda estimator, context: context.task_name == "minibatches")
    model, data = small("classifier")
    assert model.set_callbacks(teller).fit(*data).n_iter_ == 3


@pytest.mark.parametrize("call", [1, 8, 9])
def test_interrupted_within_an_epoch(call, long_epochs, monkeypatch):
    """All that has begun ends, from within outwards."""
    listener = Listener()
    model, data = small("classifier")  # six minibatches an epoch
    stop_at(monkeypatch, KeyboardInterrupt, call)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.set_callbacks(listener).fit(*data)
    heard_tree(listener)
    ends = [context.task_name for hook, context, *_ in listener.heard if hook == "end"]
    assert ends[-3:] == ["minibatches", "epoch", "fit"]
    assert listener.story[-1] == ("teardown", "fit")
    assert model.n_iter_ == (call - 1) // 6


def test_interrupted_in_a_hook_of_a_part(long_epochs):
    def interrupt(estimator, context):
        if context.task_name == "minibatches" and context.task_id == 3:
            raise KeyboardInterrupt

    listener = Listener(interrupt)
    model, data = small("classifier")
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.set_callbacks(listener).fit(*data)
    assert model.n_iter_ == 0
    assert listener.story[-3:] == [
        ("end", "epoch"), ("end", "fit"), ("teardown", "fit"),
    ]  # fmt: skip


def test_a_hook_of_a_part_that_fails(long_epochs):
    def fail(estimator, context):
        if context.task_name == "minibatches":
            raise RuntimeError("failed in a part")

    model, data = small("classifier")
    model.fit(*data)
    before = dict(vars(model))
    model.set_callbacks(Listener(fail))
    with pytest.raises(RuntimeError, match="failed in a part"):
        model.fit(*data)
    del model._skl_callbacks
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())


# ---- the bars of scikit-learn --------------------------------------------------------


@pytest.fixture
def bars(capsys, monkeypatch):
    """Fit with progress bars; what they show in the end, by their names."""
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    monkeypatch.setenv("COLUMNS", "200")

    def show(model, *data):
        model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*data)
        lines = [line for line in capsys.readouterr().out.splitlines() if "━" in line]
        found = {}
        for line in lines:
            name, _, end = line.partition("━")
            found[name.rstrip()] = end.rsplit("━", 1)[-1].split()[0]
        return found

    return show


@every_fit
@early
def test_bars_end_at_their_end(name, early_stopping, long_epochs, bars):
    model, data = small(name, early_stopping=early_stopping)
    fit = f"{type(model).__name__} - fit"
    epochs = [f"  {type(model).__name__} - epoch #{n}" for n in range(3)]
    if name == "one minibatch":
        epochs = []
    assert bars(model, *data) == dict.fromkeys([fit, *epochs], "100%")


@pytest.mark.parametrize(
    "params", [{}, {"early_stopping": True}, {"learning_rate_init": 1e30}]
)
def test_bars_of_fits_that_end_before(params, bars):
    """By the loss, by the score, or because the loss was not finite."""
    params = {"max_iter": 50, "tol": 9.0, "n_iter_no_change": 2, **params}
    model, data = small("tbptt", **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert bars(model, *data) == {"LSTMRegressor - fit": "100%"}
    assert model.n_iter_ < 10


def test_a_bar_of_one_step_of_a_pipeline(bars):
    model, _ = small("classifier")
    found = bars(make_pipeline(FrameStacker(2), model), X, LABELS)
    assert list(found) == [
        "Pipeline - fit",
        "  Pipeline - fit-transform-framestacker | FrameStacker - fit #0",
        "  Pipeline - fit-final-estimator | GRUClassifier - fit #1",
    ]
    assert set(found.values()) == {"100%"}


def test_how_much_of_an_epoch_counts_as_long():
    """A network of a thousand parameters over thirty million steps, and not over
    three."""

    class Feed:
        n_minibatches = 1000

        class samples:
            data = np.zeros((1, 1))

    one = object.__new__(solver.Solver)
    one.name, one.feed, one.parameters = "adam", Feed, np.zeros(1500)
    one.network = type("Network", (), {"dense": slice(500, None)})
    for n_steps, n_parts in ((3 * 10**7, 100), (3 * 10**7 - 1, 0), (3 * 10**6, 0)):
        Feed.n_steps = n_steps
        assert one.n_parts == n_parts
    Feed.samples.data = np.zeros((1, 5, 2, 3))  # ten pixels of three channels
    assert one.n_parts == 100
    Feed.n_minibatches = 7
    assert one.n_parts == 7
    Feed.n_minibatches = 1
    assert one.n_parts == 0
    Feed.n_minibatches, one.name = 7, "lbfgs"
    assert one.n_parts == 0


# ---- other things that tell ----------------------------------------------------------


def test_other_defaults_have_the_same_tasks(long_epochs):
    """Of a model as it comes, epochs by its plan."""
    listener = Listener()
    texts = 60 * ["to be, or not to be, that is the question"]
    model = LSTMLanguageModel(4, level="char", max_iter=2, random_state=0)
    model.set_callbacks(listener).fit(texts)
    _, announced, epochs = heard_tree(listener)
    assert announced == len(epochs) == 2
    assert all(announced == len(parts) > 1 for _, announced, parts in epochs)
