"""Early stopping: the split and what fits that go on keep of it, scores, interrupts."""

import copy
import pickle
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._estimators import solver
from sklstm._training.samples import Samples
from sklstm._training.split import (
    HELD_OUT,
    NEW,
    TRAINING,
    _draw,
    _known_sides,
    nothing_seen,
    remember,
)
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

SMALL = {
    "hidden_layer_sizes": 3,
    "max_iter": 2,
    "random_state": 0,
    "early_stopping": True,
    "validation_fraction": 0.3,
    "learning_rate": "constant",
    "learning_rate_init": 0.002,
    "batch_size": 32,
}


def make(task, n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4, 2))
    X[:, 0, 0] = np.arange(n) + 1000 * seed  # tells which sample it is
    y = {
        "classes": np.array(["a", "b", "c"])[rng.permutation(n) % 3],
        "labels": rng.integers(0, 2, (n, 3)),
        "numbers": rng.standard_normal(n),
        "several": rng.standard_normal((n, 2)),
    }[task]
    return X, y


TASKS = {
    "classes": LSTMClassifier,
    "labels": GRUClassifier,
    "numbers": RNNRegressor,
    "several": GRURegressor,
}
every_task = pytest.mark.parametrize("task", TASKS)


@pytest.fixture
def parts(monkeypatch):
    """Names of the samples of the last fit: trained on, held out."""
    seen = []

    def names(X):
        data = X.data[X.offsets[:-1], 0]
        return set(np.rint(data).astype(int).tolist())

    training_set, make_score = solver.TrainingSet, solver.held_out_score

    def record_training(data, starts, *args, **kwargs):
        seen.append([set(np.rint(data[starts, 0]).astype(int).tolist()), None])
        return training_set(data, starts, *args, **kwargs)

    def record_held_out(fitted, held_out):
        seen[-1][1] = names(held_out.X)
        return make_score(fitted, held_out)

    monkeypatch.setattr(solver, "TrainingSet", record_training)
    monkeypatch.setattr(solver, "held_out_score", record_held_out)
    return seen


# ---- the split stays ---------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_noise_cannot_be_predicted_however_often_one_fits(Estimator):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 5, 3))
    y = rng.integers(0, 2, 60)
    model = Estimator(
        16, early_stopping=True, validation_fraction=0.4, warm_start=True,
        max_iter=60, n_iter_no_change=60, learning_rate_init=0.02, random_state=0,
    )  # fmt: skip
    for _ in range(4):
        model.fit(X, y)
    last = model.validation_scores_[-60:]
    if Estimator is LSTMClassifier:
        assert model.loss_curve_[-1] < 0.2  # learnt by heart
        assert 0.3 < np.median(last) < 0.7
    else:
        assert np.median(last) < 0.1


@every_task
@pytest.mark.parametrize("grouped", [False, True])
def test_the_same_data_are_split_in_the_same_way(task, grouped, parts):
    X, y = make(task)
    groups = np.arange(40) // 3 if grouped else None
    model = TASKS[task](**SMALL, warm_start=True)
    for _ in range(3):
        model.fit(X, y, groups=groups)
    order = np.random.default_rng(1).permutation(40)
    model = pickle.loads(pickle.dumps(model))
    padded = SequenceArray.from_list(list(X[order]))
    labels = None if groups is None else groups[order].astype(str)
    if labels is not None:
        labels = groups[order]
    model.fit(padded, y[order], groups=labels)
    assert parts[0][0].isdisjoint(parts[0][1])
    assert len(parts[0][0]) + len(parts[0][1]) == 40
    assert parts[1:] == parts[:1] * 3
    assert len(model.validation_scores_) == 8


def test_the_split_is_kept_when_warm_start_comes_later(parts):
    X, y = make("classes")
    model = LSTMClassifier(**SMALL).fit(X, y)
    model.set_params(warm_start=True).fit(X, y)
    assert parts[0] == parts[1]
    model.set_params(warm_start=False, random_state=1).fit(X, y)
    assert parts[0] != parts[2]


@every_task
def test_fits_on_other_data(task, parts):
    """More, fewer, others: nobody changes sides, new ones get one."""
    X, y = make(task)
    more_X, more_y = make(task, n=30, seed=1)
    model = TASKS[task](**SMALL, warm_start=True).fit(X, y)
    both = np.concatenate([X, more_X]), np.concatenate([y, more_y])
    for samples in (slice(0, 30), slice(10, 70), slice(40, 70), slice(None)):
        model.fit(both[0][samples], both[1][samples])
    trained = set().union(*(part[0] for part in parts))
    held_out = set().union(*(part[1] for part in parts))
    assert trained.isdisjoint(held_out)
    assert len(trained | held_out) == 70
    assert len(parts[2][1]) == 18  # its size again where there are new ones


@pytest.mark.parametrize("more", [1, 2, 9])
def test_a_few_new_samples_keep_the_share(more, parts):
    X, y = make("classes")
    new_X, new_y = make("classes", n=more, seed=1)
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    model.fit(np.concatenate([X, new_X]), np.concatenate([y, new_y]))
    assert len(parts[1][1]) == np.ceil(0.3 * (40 + more))


def test_groups_follow_their_label(parts):
    """New samples of an old group go where it is; a new group gets a side."""
    X, y = make("numbers", n=80)
    groups = np.arange(80) % 8
    model = RNNRegressor(**SMALL, warm_start=True)
    model.fit(X[:40], y[:40], groups=groups[:40])
    model.fit(X, y, groups=np.where(np.arange(80) < 72, groups, 99))
    first, second = parts
    for old, new in zip(first, second, strict=True):
        assert old <= new
        labels = {i % 8 for i in old}
        assert labels == {i % 8 for i in new if i < 72}
    last = set(range(72, 80))
    assert last <= second[0] or last <= second[1]


def test_groups_that_are_on_both_sides_already():
    X, y = make("numbers")
    model = RNNRegressor(**SMALL, warm_start=True).fit(X, y)
    before = pickle.dumps(model)
    with pytest.raises(ValueError, match="group 0 has samples on both sides.*X_val"):
        model.fit(X, y, groups=np.arange(40) % 2)
    assert pickle.dumps(model) == before
    # groups that are not, are taken
    held_out = model._sides["n_held_out"] > 0
    assert 0 < held_out.sum() < 40
    model.fit(X, y, groups=np.arange(40))


def test_identical_samples_on_both_sides():
    """Sequences of few kinds: the same copies of each are held out again."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (60, 2, 1)).astype(float)
    y = rng.integers(0, 2, 60)
    model = LSTMClassifier(**SMALL, warm_start=True).fit(X, y)
    best, t = model.best_validation_score_, model.t_
    again = copy.deepcopy(model).set_params(learning_rate_init=1e-30)
    again.fit(X[::-1], y[::-1])
    assert again.validation_scores_[-1] == pytest.approx(best)
    assert again.t_ == t / 2 * 2 + again.n_iter_ * 42


def test_sides_of_copies():
    keys = np.array([5, 7, 5, 9, 5], np.uint64)
    trained, held_out = (
        Samples(None, None, keys=keys[part]) for part in ([0, 1], [2, 3])
    )
    sides = remember(nothing_seen(), trained, held_out)
    got = _known_sides(np.array([5, 9, 5, 5, 7, 8, 9], np.uint64), None, sides)
    expected = [HELD_OUT, HELD_OUT, TRAINING, TRAINING, TRAINING, NEW, HELD_OUT]
    assert_array_equal(got, expected)
    # what a later fit trains on is no longer held out
    sides = remember(sides, Samples(None, None, keys=keys[[3]]), None)
    assert_array_equal(_known_sides(keys[[3]], None, sides), [TRAINING])
    assert_array_equal(_known_sides(keys[[0]], None, sides), [HELD_OUT])


@pytest.mark.parametrize("already, expected", [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_at_least_two_samples_are_held_out(already, expected):
    side = np.array([HELD_OUT] * already + [TRAINING] * 4 + [NEW] * 3, np.int8)
    before = side.copy()
    _draw(side, None, 0.05, None, np.random.RandomState(0))
    assert_array_equal(side[:-3], before[:-3])
    assert np.count_nonzero(side == HELD_OUT) == expected
    assert not (side == NEW).any()


def test_a_random_state_is_not_used_up_by_a_split_that_is_kept(parts):
    """Twice 2 epochs go as 4 do, on the same part."""
    X, y = make("classes")
    params = {**SMALL, "n_iter_no_change": np.inf, "batch_size": 8}
    parted = LSTMClassifier(**params, warm_start=True).fit(X, y)
    state = pickle.loads(pickle.dumps(parted._random_state))
    parted.fit(X, y)
    for _ in range(2):
        state.permutation(28)
    assert state.randint(2**31) == parted._random_state.randint(2**31)


# ---- no clean part -----------------------------------------------------------------

UNCLEAN = "no samples to set aside.*X_val"


@every_task
@pytest.mark.parametrize("before", ["warm_start", "fit", "partial_fit", "stopping"])
def test_a_fit_after_one_that_saw_everything(task, before, parts):
    X, y = make(task)
    model = TASKS[task](**SMALL, warm_start=True)
    if before == "stopping":  # and what was held out has been trained on since
        model.fit(X, y)
    model.set_params(early_stopping=False)
    if before == "partial_fit":
        classes = {"classes": ["a", "b", "c"]} if task == "classes" else {}
        classes = {"classes": classes["classes"]} if classes else {}
        model.partial_fit(X, y, **classes)
    else:
        model.set_params(warm_start=before != "fit").fit(X, y)
    model.set_params(early_stopping=True, warm_start=True)
    with pytest.warns(UserWarning, match=UNCLEAN):
        model.fit(X, y)
    # what is set aside now stays so
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Maximum iterations")
        model.fit(X, y)
    assert parts[-1] == parts[-2]
    # where it is known what was trained on, others are clean
    if before == "warm_start":
        X, y = make(task, seed=1)
        model.fit(X, y)


def test_new_samples_are_set_aside_where_all_others_were_trained_on(parts):
    X, y = make("numbers", n=60)
    model = RNNRegressor(**SMALL, warm_start=True).set_params(early_stopping=False)
    model.fit(X[:40], y[:40])
    model.set_params(early_stopping=True).fit(X, y)
    assert parts[-1][1] <= set(range(40, 60))
    assert len(parts[-1][1]) == 18


def test_only_what_was_held_out(parts):
    X, y = make("numbers")
    model = RNNRegressor(**SMALL, warm_start=True).fit(X, y)
    held_out = sorted(parts[0][1])
    with pytest.warns(UserWarning, match="held out all of these samples"):
        model.fit(X[held_out], y[held_out])


def test_pickles_without_sides():
    X, y = make("numbers")
    model = RNNRegressor(**SMALL, warm_start=True).fit(X, y)
    state = model.__getstate__()
    del state["_sides"]
    old = RNNRegressor.__new__(RNNRegressor)
    old.__setstate__(state)
    with pytest.warns(UserWarning, match="saved by an earlier version"):
        old.fit(X, y)


def test_what_is_remembered_is_small():
    X, y = make("numbers", n=2000)
    stopping = RNNRegressor(**SMALL).fit(X, y)
    plain = RNNRegressor(**{**SMALL, "early_stopping": False}).fit(X, y)
    sizes = [len(pickle.dumps(model)) for model in (stopping, plain)]
    assert sizes[0] - sizes[1] < 2000 * 12 + 2000
    assert plain._sides is None


def test_x_val_is_the_users_choice():
    X, y = make("numbers")
    model = RNNRegressor(**SMALL, warm_start=True)
    model.fit(X[:30], y[:30], X_val=X[30:], y_val=y[30:])
    model.fit(X, y, X_val=X, y_val=y)  # no warning: it was said so
    assert len(model.validation_scores_) == 4


# ---- the score is defined and informative --------------------------------------------


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_constant_validation_target(several, weighted):
    X, y = make("several" if several else "numbers")
    y_val = np.zeros_like(y[:9])
    if several:
        y_val[:, 0] = y[:9, 0]
    weight = None
    if weighted:  # what differs is not there
        weight = np.r_[np.ones(8), 0.0]
        y_val[8] = 5
    model = GRURegressor(**{**SMALL, "max_iter": 20, "learning_rate_init": 0.01})
    where = "output 1 of y" if several else "y"
    with pytest.warns(UserWarning, match=f"^{where} is constant in the valid.*value 0"):
        model.fit(X, y, X_val=X[:9], y_val=y_val, sample_weight_val=weight)
    scores = model.validation_scores_
    assert len(set(scores)) == len(scores) > 1
    n = 8 if weighted else 9
    target = model._fitted.target.encode(y_val[:n])
    raw = (
        model.predict(X[:n]) - model._fitted.target.mean
    ) / model._fitted.target.scale
    mse = np.mean((raw.reshape(n, -1) - target) ** 2)
    assert model.best_validation_score_ == max(scores) == pytest.approx(-mse / 2)


def test_a_constant_target_up_to_rounding():
    X, y = make("numbers")
    y_val = 0.1 + 1e-15 * y[:9]
    model = RNNRegressor(**SMALL)
    with pytest.warns(UserWarning, match="constant in the validation part"):
        model.fit(X, y, X_val=X[:9], y_val=y_val)
    assert max(model.validation_scores_) > -10


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile", "poisson"])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_other_losses_take_constant_targets(loss, value):
    """Minus the loss is defined for them, as for events that never happen."""
    X, y = make("numbers")
    quantile = [0.9, 0.1] if loss == "quantile" else 0.5
    model = RNNRegressor(**SMALL, loss=loss, quantile=quantile)
    model.fit(X, y**2, X_val=X[:5], y_val=np.full(5, value))
    assert np.isfinite(model.validation_scores_).all()
    assert len(set(model.validation_scores_)) == 2


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_scores_the_log_loss(weighted):
    X, y = make("labels")
    weight = np.arange(1.0, 10) if weighted else None
    model = GRUClassifier(**SMALL).fit(
        X, y, X_val=X[:9], y_val=y[:9], sample_weight_val=weight
    )
    p = model.predict_proba(X[:9])
    losses = -np.log(np.where(y[:9], p, 1 - p)).mean(axis=1)
    expected = -np.average(losses, weights=weight)
    assert model.best_validation_score_ == pytest.approx(expected)


def test_many_labels_do_not_stop_before_anything_is_learnt():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4, 12))
    y = (X[:, -1] > 0.8).astype(int)
    params = {
        "hidden_layer_sizes": 24, "max_iter": 60, "random_state": 0,
        "learning_rate_init": 0.005, "n_iter_no_change": 10,
    }  # fmt: skip
    X_test = rng.standard_normal((300, 4, 12))
    y_test = (X_test[:, -1] > 0.8).astype(int)
    stopping = LSTMClassifier(**params, early_stopping=True).fit(X, y)
    plain = LSTMClassifier(**params).fit(X, y)

    def f1(model):
        predicted = model.predict(X_test)
        return 2 * (predicted * y_test).sum() / (predicted.sum() + y_test.sum())

    assert f1(stopping) > f1(plain) - 0.05 > 0.5


@pytest.mark.parametrize("case", ["one class", "imbalance", "two samples"])
def test_accuracy_that_does_not_move(case):
    """The loss decides: a fit goes on while it falls, and its lowest is kept."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 5, 2))
    rare = X[:, -1, 0] > (1.6 if case == "imbalance" else 0)
    y = rare.astype(int)
    some = {
        "one class": np.flatnonzero(y == 0)[:20],
        "imbalance": np.arange(20, 60),
        "two samples": np.array([0, 1]),
    }[case]
    rest = np.setdiff1d(np.arange(200), some)
    model = LSTMClassifier(
        8, early_stopping=True, n_iter_no_change=3, max_iter=100, random_state=0,
        batch_size=8, learning_rate_init=0.003, learning_rate="constant",
    )  # fmt: skip
    model.fit(X[rest], y[rest], X_val=X[some], y_val=y[some])
    scores = np.array(model.validation_scores_)
    assert model.n_iter_ > 10
    first_best = np.argmax(scores)
    assert model.n_iter_ > first_best + 5  # accuracy alone had stopped it by then
    # of equal accuracy the one of the lowest loss is kept
    ties = np.flatnonzero(scores == scores.max()) + 1
    assert len(ties) > 1
    p = model.predict_proba(X[some])[np.arange(len(some)), y[some]]
    kept = -np.log(p).mean()
    for n in (ties[0], ties[-1]):
        other = LSTMClassifier(
            8, max_iter=n, random_state=0, batch_size=8, tol=0, n_iter_no_change=999,
            learning_rate_init=0.003, learning_rate="constant",
        ).fit(X[rest], y[rest])  # fmt: skip
        p = other.predict_proba(X[some])[np.arange(len(some)), y[some]]
        assert kept <= -np.log(p).mean() + 1e-6


@pytest.mark.parametrize("Estimator", [RNNClassifier, RNNRegressor])
def test_validation_predictions_that_overflow(Estimator):
    """One sequence makes the hidden states overflow: no score, and nothing is kept for
    it; the class of a NaN is none."""
    X, y = make("classes" if Estimator is RNNClassifier else "numbers")
    X[:, 0, 0] /= 40
    model = Estimator(**SMALL, activation="relu")
    model.set_params(max_iter=3, hidden_layer_sizes=16)
    far = X[:9].copy()
    far[3] = 3e38
    with pytest.warns(ConvergenceWarning, match="No validation score of this fit was"):
        model.fit(X, y, X_val=far, y_val=y[:9])
    plain = copy.deepcopy(model).set_params(early_stopping=False).fit(X, y)
    assert_array_equal(
        model._fitted.parameters, plain._fitted.parameters
    )  # of the last epoch
    assert len(model.validation_scores_) == 3
    assert np.isnan(model.validation_scores_).all()
    assert np.isfinite(model._fitted.parameters).all()


# ---- interrupts --------------------------------------------------------------------


def consistent(model, n_epochs, n_samples=31):
    assert model.n_iter_ == len(model.loss_curve_) == n_epochs
    assert model.t_ == n_epochs * n_samples
    if model.early_stopping:
        assert len(model.validation_scores_) == n_epochs
        if n_epochs:
            assert model.best_validation_score_ == np.max(model.validation_scores_)
    if n_epochs:
        assert model.loss_ == model.loss_curve_[-1]


@every_task
@pytest.mark.parametrize("call", [1, 2, 4])
def test_an_interrupt_during_the_score(task, call, monkeypatch):
    X, y = make(task)
    twin = TASKS[task](**SMALL).set_params(max_iter=max(call - 1, 1))
    twin.fit(X[:31], y[:31], X_val=X[31:], y_val=y[31:])
    count = [0]
    kind = type(twin._fitted.target)
    make_score = kind.scorer

    def interrupting(self, *args):
        score = make_score(self, *args)

        def interrupted(raw):
            count[0] += 1
            if count[0] == call:
                raise KeyboardInterrupt
            return score(raw)

        return interrupted

    monkeypatch.setattr(kind, "scorer", interrupting)
    model = TASKS[task](**SMALL).set_params(max_iter=9)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X[:31], y[:31], X_val=X[31:], y_val=y[31:])
    consistent(model, call - 1)
    if call > 1:
        assert model.validation_scores_ == twin.validation_scores_
        assert_array_equal(
            model._fitted.parameters, twin._fitted.parameters
        )  # the best


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("already", [0, 2])
def test_an_interrupt_at_every_line_of_the_record(early_stopping, solver, already):
    """Wherever it comes, an epoch is in all histories or in none."""
    if early_stopping and solver == "lbfgs":
        pytest.skip("lbfgs has no early stopping")
    X, y = make("numbers")
    params = {**SMALL, "max_iter": 4, "solver": solver, "warm_start": True}
    first = RNNRegressor(**params).set_params(early_stopping=early_stopping)
    if already:
        first.set_params(max_iter=already).fit(X, y)
        first.set_params(max_iter=4)
    trained = 28 if early_stopping else 40
    outcomes = set()
    for line in range(1, 200):
        model, passed = copy.deepcopy(first), [0]

        def trace(frame, event, arg, passed=passed, line=line):
            if frame.f_code.co_name not in ("update", "best_of"):
                return None
            if "monitor.py" not in frame.f_code.co_filename:
                return None
            if event == "line":
                passed[0] += 1
                if passed[0] == line:
                    raise KeyboardInterrupt
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X, y)
        except KeyboardInterrupt:  # before the first epoch
            assert vars(model).keys() == vars(first).keys()
            assert model.loss_curve_ == first.loss_curve_
            continue
        finally:
            sys.settrace(before)
        if passed[0] < line:
            break
        n = model.n_iter_
        assert len(model.loss_curve_) == already + n
        assert model.t_ == trained * (already + n)
        if early_stopping:
            assert len(model.validation_scores_) == already + n
            if n:
                best = np.max(model.validation_scores_)
                assert model.best_validation_score_ == best
        if n:
            assert model.loss_ == model.loss_curve_[-1]
        outcomes.add(n)
    assert outcomes >= {0, 1, 2, 3}


def test_an_interrupt_in_a_callback():
    pytest.importorskip("sklearn", minversion="1.9")

    class Interrupts:
        def __init__(self, hook):
            self.hook, self.count = hook, 0

        def setup(self, estimator, context):
            pass

        teardown = setup

        def on_fit_task_begin(self, estimator, context, **given):
            self.interrupt("begin", context)

        def on_fit_task_end(self, estimator, context, **given):
            self.interrupt("end", context)
            return False

        def interrupt(self, hook, context):
            if hook == self.hook and context.parent is not None:
                self.count += 1
                if self.count == 3:
                    raise KeyboardInterrupt

    X, y = make("numbers")
    for hook, n_epochs in (("begin", 2), ("end", 3)):
        model = RNNRegressor(**SMALL).set_params(max_iter=9)
        model.set_callbacks(Interrupts(hook))
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X[:31], y[:31], X_val=X[31:], y_val=y[31:])
        consistent(model, n_epochs)


def test_scores_go_on_where_they_were():
    X, y = make("numbers")
    model = RNNRegressor(**SMALL, warm_start=True).fit(X, y)
    best = model.best_validation_score_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(learning_rate_init=1e-12, tol=0).fit(X, y)
    assert model.best_validation_score_ >= best - 1e-12
    assert_allclose(model.validation_scores_[2:], best, rtol=1e-6)
