"""Classifiers and regressors of clips: forms of X, neighbours, scikit-learn's tools,
and errors."""

import copy
import pickle

import numpy as np
import pytest
from callback_cases import Listener, ScoringMonitor, scores_of, since_1_9
from conv_cases import (
    METHODS,
    TASKS,
    assert_same_bits,
    assert_same_outputs,
    clips,
    equal_length,
    fitted,
    make_target,
    outputs,
    raw,
    small,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from task_cases import stop_at
from threadpoolctl import threadpool_limits

from sklstm import ConvLSTMClassifier, ConvLSTMRegressor
from sklstm.inspection import sequence_permutation_importance
from sklstm.sequences import SequenceArray
from sklstm.sequences._clips import clips_of

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

every_task = pytest.mark.parametrize("task", TASKS)
both = pytest.mark.parametrize("task", ["multiclass", "single"])
every_pooling = pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
DEEP = {"hidden_channels": (5, 3), "patch_size": (1, 2)}
BOTH_WAYS = {"hidden_channels": (4, 3), "bidirectional": True}


# ---- forms of X ----------------------------------------------------------------------


def as_objects(X):
    array = np.empty(len(X), dtype=object)
    array[:] = list(X)
    return array


def on_disk(X, path):
    array = np.memmap(path, X.dtype, "w+", shape=X.shape)
    array[:] = X
    return np.memmap(path, X.dtype, "r", shape=X.shape)


@both
def test_forms_of_clips_of_equal_length(task, tmp_path):
    X = equal_length(10)
    y, expected = make_target(task, X), fitted(task, X)
    forms = {
        "list": list(X),
        "tuple": tuple(X),
        "objects": as_objects(X),
        "lists": X.tolist(),
        "on disk": on_disk(X, tmp_path / "X"),
        "files": [on_disk(x, tmp_path / f"{i}") for i, x in enumerate(X)],
        "Fortran": np.asfortranarray(X),
        "a part": np.concatenate([X, X], axis=1)[:, :4],
        "backwards": X[::-1].copy()[::-1],
        "other channels": np.concatenate([X, X], axis=4)[..., :2],
        "Clips": clips_of(X),
        "read only": np.frombuffer(X.tobytes()).reshape(X.shape),
        "big endian": X.astype(">f8"),
    }
    for name, form in forms.items():
        model = small(task).fit(form, y)
        assert_same_bits(model, expected)
        assert_same_outputs(outputs(expected, form), outputs(expected, X)), name


@both
def test_forms_of_clips_of_unequal_length(task):
    X = clips(12)
    y, expected = make_target(task, X), fitted(task, X)
    whole = np.concatenate(X)
    ends = np.cumsum([len(x) for x in X])
    forms = [
        tuple(X), as_objects(X), clips_of(X), np.split(whole, ends[:-1]),
        [x.tolist() if len(x) else x for x in X],
    ]  # fmt: skip
    for form in forms:
        assert_same_bits(small(task).fit(form, y), expected)
        assert_same_outputs(outputs(expected, form), outputs(expected, X))


@both
def test_clips_that_share_frames(task):
    """Windows of one video, of which no frame is copied."""
    video = equal_length(1, T=14)[0]
    windows = [video[i : i + T] for i, T in enumerate([3, 5, 2, 4, 5, 1, 3])]
    copies = [x.copy() for x in windows]
    y, model = make_target(task, copies), fitted(task, copies)
    assert_same_bits(small(task).fit(windows, y), model)
    assert_same_outputs(outputs(model, windows), outputs(model, copies))
    every, expected = (model.transform(X, "sequence") for X in (windows, copies))
    assert_array_equal(every.data, expected.data)
    assert_array_equal(every.offsets, expected.offsets)


@both
def test_one_channel_needs_no_axis(task):
    X = [x[..., 0] for x in clips(10)]
    with_axis = [x[..., np.newaxis] for x in X]
    y, model = make_target(task, X), fitted(task, X)
    assert model.n_features_in_ == 1
    assert_same_bits(small(task).fit(with_axis, y), model)
    assert_same_outputs(outputs(model, with_axis), outputs(model, X))


@both
@pytest.mark.parametrize(
    "dtype", [np.uint8, bool, np.int64, np.float16, np.float32, object]
)
def test_types_of_numbers(task, dtype):
    X = np.random.default_rng(0).integers(0, 2, (10, 3, 4, 5, 2)).astype(dtype)
    y, as_floats = make_target(task, X.astype(float)), X.astype(np.float64)
    for options in ({}, {"batch_size": 100}):
        model = small(task, **options).fit(X, y)
        assert_same_bits(model, small(task, **options).fit(as_floats, y))
        assert_same_outputs(outputs(model, X), outputs(model, as_floats))


@both
def test_what_is_set_aside_is_known_in_any_type(task):
    """A fit that goes on validates on what the first one did."""
    X = np.random.default_rng(0).integers(0, 200, (20, 3, 4, 5, 2)).astype(np.uint8)
    y = make_target(task, X.astype(float))
    options = {"early_stopping": True, "validation_fraction": 0.4, "warm_start": True}
    model, twin = (small(task, **options).fit(X, y) for _ in "ab")
    model.fit(X, y)
    order = np.random.default_rng(1).permutation(20)
    held_out = twin._sides["n_held_out"].sum()
    for other in (X.astype(np.float64), list(X.astype(">f4")), X[::-1].copy()[::-1]):
        again = copy.deepcopy(twin).fit(other, y)
        assert_same_bits(again, model)
        moved = [other[i] for i in order]
        again = copy.deepcopy(twin).fit(moved, y[order])
        assert_array_equal(again._sides["keys"], model._sides["keys"])
        assert again._sides["n_held_out"].sum() == held_out


@both
def test_frames_of_another_size(task):
    model = fitted(task, **DEEP | {"patch_size": (1, 1)})
    for height, width in ((9, 4), (1, 1), (2, 30)):
        X = clips(4, height=height, width=width, seed=3)
        for i, x in enumerate(X):
            assert_array_equal(raw(model, X)[i], raw(model, [x])[0])


# ---- neighbours and threads ----------------------------------------------------------


@every_task
@pytest.mark.parametrize("network", [{}, DEEP, BOTH_WAYS])
def test_nothing_depends_on_what_is_beside_it(task, network):
    X = clips(23, height=6, seed=1)
    model = fitted(task, clips(height=6), **network)
    expected = outputs(model, X)
    order = np.random.default_rng(2).permutation(23)[:17]
    moved = outputs(model, [X[i] for i in order])
    beside = outputs(model, [*X, *clips(3, height=6, low=30, high=31)])
    for method, values in expected.items():
        for i in (0, 7, 22):
            assert_array_equal(outputs(model, X[i : i + 1])[method][0], values[i])
        assert_array_equal(moved[method], values[order])
        assert_array_equal(beside[method][:23], values)


@both
@pytest.mark.parametrize("network", [{}, DEEP, BOTH_WAYS | {"pooling": "attention"}])
def test_threads_change_no_bit(task, network):
    X = clips(20, height=6, width=8)
    models = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            model = fitted(task, X, dropout=0.2, **network)
            models.append((model, outputs(model, X)))
    for model, found in models[1:]:
        assert_same_bits(model, models[0][0])
        assert_same_outputs(found, models[0][1])


@both
def test_frames_to_come_do_not_matter(task):
    """What is known after a frame does not depend on later ones."""
    X = equal_length(3, T=5)
    model = fitted(task, X, **DEEP | {"patch_size": 1})
    before = model.transform(X, output="sequence")
    changed = X.copy()
    changed[:, 3] += 100
    after = model.transform(changed, output="sequence")
    for a, b in zip(before, after, strict=True):
        assert_array_equal(a[:3], b[:3])
        assert (a[3:] != b[3:]).any()


# ---- scikit-learn --------------------------------------------------------------------


@every_task
def test_copies_say_the_same(task):
    X = clips(20)
    y = make_target(task, X)
    model = small(task, dropout=0.2).fit(X, y)
    twin = clone(model)
    assert vars(twin).keys() == model.get_params().keys()
    assert_same_bits(twin.fit(X, y), model)
    copies = [pickle.dumps(model, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    further = copy.deepcopy(model).partial_fit(X, y)
    for back in map(pickle.loads, copies):
        assert_same_outputs(outputs(back, X), outputs(model, X))
        assert_same_bits(back.partial_fit(X, y), further)


@both
@pytest.mark.parametrize("form", ["5-D", "4-D", "list"])
def test_model_selection(task, form):
    X = {
        "5-D": lambda: equal_length(18),
        "4-D": lambda: equal_length(18)[..., 0],
        "list": lambda: clips(18),
    }[form]()
    y = make_target(task, X)
    scores = cross_val_score(small(task), X, y, cv=3)
    assert scores.shape == (3,) and np.isfinite(scores).all()
    predicted = cross_val_predict(small(task), X, y, cv=3)
    assert predicted.shape == (18,)
    grid = {"hidden_channels": [2, (3, 2)], "kernel_size": [1, 3]}
    search = GridSearchCV(small(task), grid, cv=2).fit(X, y)
    assert search.predict(X).shape == (18,)
    train, test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert np.isfinite(small(task).fit(train, y_train).score(test, y_test))
    scaled = make_pipeline(FunctionTransformer(), small(task)).fit(X, y)
    assert_same_outputs(
        {m: getattr(scaled, m)(X) for m in METHODS if hasattr(scaled, m)},
        {k: v for k, v in outputs(fitted(task, X), X).items() if k != "transform"},
    )


@pytest.mark.parametrize("form", [np.asarray, list])
def test_other_meta_estimators(form):
    X = form(equal_length(12))
    Y = make_target("several", np.array(X))
    model = MultiOutputRegressor(small("single")).fit(X, Y)
    alone = small("single").fit(X, Y[:, 1])
    assert_array_equal(model.predict(X)[:, 1], alone.predict(X))
    y = make_target("multiclass", X)
    bagging = BaggingClassifier(small("multiclass"), n_estimators=2, random_state=0)
    with pytest.raises(ValueError, match="dim 5"):  # which reads matrices alone
        bagging.fit(np.array(X), y)
    vote = VotingClassifier([("a", small("multiclass")), ("b", small("multiclass"))])
    assert vote.fit(X, y).predict(X).shape == (12,)


@both
def test_tags(task):
    model = small(task)
    tags = get_tags(model)
    assert not tags.input_tags.two_d_array and not tags.input_tags.three_d_array
    assert not tags.input_tags.allow_nan and not tags.input_tags.sparse
    assert get_tags(small(task, missing="ffill")).input_tags.allow_nan
    assert tags.target_tags.required
    assert is_classifier(model) == (task == "multiclass")
    assert is_regressor(model) == (task == "single")
    if task == "multiclass":
        assert tags.classifier_tags.multi_label and tags.classifier_tags.multi_class
    else:
        assert tags.target_tags.multi_output


@both
def test_prints_its_epochs(task, capsys):
    fitted(task, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("loss" in line for line in lines)


@since_1_9
@both
def test_callbacks_see_the_clips(task):
    X = clips(12)
    listener = Listener()
    model = small(task).set_callbacks(listener)
    model.fit(X, make_target(task, X))
    plain = fitted(task, X)
    assert model.loss_curve_ == plain.loss_curve_


@since_1_9
@both
def test_scores_of_epochs(task):
    """Of the clips as they are in the fit."""
    X = clips(12)
    y = make_target(task, X)
    scoring = "accuracy" if task == "multiclass" else "r2"
    monitor = ScoringMonitor(scoring=scoring)
    model = small(task).set_callbacks(monitor).fit(X, y)
    scores = scores_of(monitor, scoring)
    assert len(scores) == 3 and scores[-1] == model.score(X, y)


@both
def test_not_fitted(task):
    model, X = small(task), clips(3)
    for method in [*METHODS, "transform"]:
        if hasattr(model, method):
            with pytest.raises(NotFittedError):
                getattr(model, method)(X)
    with pytest.raises(NotFittedError):
        model.initial_state()


# ---- fits that break off -------------------------------------------------------------


@both
def test_a_fit_that_fails_leaves_the_one_before(monkeypatch, task):
    X = clips()
    y = make_target(task, X)
    model = fitted(task, X)
    before = outputs(model, X)
    attributes = dict(vars(model))
    for method, warm_start in (("fit", False), ("partial_fit", False), ("fit", True)):
        model.set_params(warm_start=warm_start)
        with monkeypatch.context() as patch:
            stop_at(patch, RuntimeError("broken"), 2)
            with pytest.raises(RuntimeError, match="broken"):
                getattr(model, method)(X, y)
        model.set_params(warm_start=False)
        assert vars(model).keys() == attributes.keys()
        assert all(vars(model)[name] is value for name, value in attributes.items())
        assert_same_outputs(outputs(model, X), before)


@both
def test_an_interrupt_keeps_what_was_learnt(monkeypatch, task):
    X = clips()
    stop_at(monkeypatch, KeyboardInterrupt, 5)
    model = small(task, max_iter=9)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, make_target(task, X))
    monkeypatch.undo()
    assert model.n_iter_ < 9
    assert np.isfinite(raw(model, X)).all()


# ---- what is refused -----------------------------------------------------------------


WRONG = {
    "2-D": (
        np.ones((16, 5)), r"\(16, 5\).*n_clips, n_frames, height.*X.reshape\(len\(X\)",
    ),
    "3-D": (np.ones((16, 5, 4)), r"shape \(16, 5, 4\).*X\[np.newaxis\]"),
    "6-D": (np.ones((16, 1, 1, 1, 1, 1)), "shape"),
    "sequences": (
        SequenceArray.from_list([np.ones((3, 2))] * 16), "SequenceArray.*reshape",
    ),
    "list of matrices": ([np.ones((4, 5))] * 16, r"Clip 0 has shape \(4, 5\)"),
    "sizes": (
        [np.ones((2, 5, 6))] * 7 + [np.ones((2, 5, 7))] * 9, r"Clip 7 .*\(5, 7\)",
    ),
    "nothing": ([], "minimum of 1 is required"),
    "no pixels": (np.ones((16, 2, 0, 3)), "height is 0"),
    "text": (np.full((16, 2, 3, 3), "a"), "numbers|numeric"),
    "complex": (np.ones((16, 2, 3, 3), complex), "numbers|numeric|complex"),
}  # fmt: skip


@both
@pytest.mark.parametrize("wrong", WRONG)
def test_what_are_no_clips(task, wrong):
    X, message = WRONG[wrong]
    y = make_target(task, clips())
    model = fitted(task)
    before = outputs(model, clips())
    for method in ("fit", "partial_fit", "score"):
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(model, method)(X, y)
    for method in [m for m in [*METHODS, "transform"] if hasattr(model, m)]:
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(model, method)(X)
    assert_same_outputs(outputs(model, clips()), before)


@both
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_named(task, value):
    X = clips(low=2)
    y = make_target(task, X)
    X[5][1, 2, 3, 1] = value
    where = r"clip 5, frame 1, pixel \(2, 3\), channel 1"
    new = small(task)
    with pytest.raises(ValueError, match=where):
        new.fit(X, y)
    assert vars(new).keys() == new.get_params().keys()
    model = fitted(task, clips(low=2))
    for method in ("partial_fit", "score"):
        with pytest.raises(ValueError, match=where):
            getattr(model, method)(X, y)
    for method in [m for m in [*METHODS, "transform"] if hasattr(model, m)]:
        with pytest.raises(ValueError, match=where):
            getattr(model, method)(X)


@both
def test_other_channels(task):
    model = fitted(task)
    name = type(model).__name__
    for X in (clips(n_channels=3), [x[..., 0] for x in clips()]):
        n = 3 if X[0].ndim == 4 else 1
        match = f"X has {n} feature.*{name} is expecting 2 feature.*channels"
        for method in [m for m in [*METHODS, "transform"] if hasattr(model, m)]:
            with pytest.raises(ValueError, match=match):
                getattr(model, method)(X)
        with pytest.raises(ValueError, match=match):
            model.partial_fit(X, make_target(task, X))
    model.fit(clips(n_channels=3), make_target(task, clips(n_channels=3)))
    assert model.n_features_in_ == 3


@both
def test_frames_that_patches_do_not_fill(task):
    match = "height 5 and width 6.*patch_size=2.*the height, 5, is no multiple of 2"
    with pytest.raises(ValueError, match=match):
        fitted(task, patch_size=2)
    model = fitted(task, clips(height=6), patch_size=2)
    with pytest.raises(ValueError, match=match):
        model.predict(clips())
    with pytest.raises(ValueError, match=match):
        model.initial_state(1, 5, 6)


INVALID = {
    "hidden_channels": (0, (), (3, 0), 2.5, "3", None),
    "kernel_size": (0, -1, 2.5, "3", None),
    "patch_size": (0, (1, 0), 1.5, (1, 1, 1), None),
    "pooling": ("sum", None),
    "space_pooling": ("last", None, "attention"),
    "bidirectional": ("yes", None),
    "peephole": ("yes", None),
    "missing": ("indicator", None),
    "dtype": ("bfloat16", "float16", int),
    "dropout": (1.0, -0.1, None),
    "forget_bias": (None, "gers"),
}


@both
@pytest.mark.parametrize(
    "name, value",
    [(name, value) for name, values in INVALID.items() for value in values],
)
def test_invalid_parameters(task, name, value):
    X = clips()
    model = small(task, **{name: value})
    before = dict(vars(model))
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(X, make_target(task, X))
    assert vars(model) == before


@pytest.mark.parametrize("Estimator", [ConvLSTMClassifier, ConvLSTMRegressor])
def test_what_makes_no_sense_for_frames_is_no_parameter(Estimator):
    names = set(Estimator().get_params())
    assert not names & {
        "hidden_layer_sizes", "tbptt", "embedding_dim", "embedding_weights",
        "embedding_trainable", "categorical_features", "recurrent_dropout",
    }  # fmt: skip
    with pytest.raises(TypeError, match="hidden_layer_sizes"):
        Estimator(hidden_layer_sizes=3)
    with pytest.raises(ValueError, match="OMP_NUM_THREADS"):
        Estimator().set_params(n_jobs=2)


@both
def test_no_other_library_has_it(task):
    from sklstm.export import from_torch, to_keras, to_onnx, to_torch
    from sklstm.inspection import GateDisplay, gradient_norms

    model, X = fitted(task), clips()
    name = type(model).__name__
    for function in (to_torch, to_keras, to_onnx):
        with pytest.raises(TypeError, match=f"{name} cannot be exchanged.*weights_"):
            function(model)
    with pytest.raises(TypeError, match=f"{name} cannot be exchanged"):
        from_torch({}, clone(model), **{} if task == "single" else {"classes": [0, 1]})
    with pytest.raises(TypeError, match=f"{name}.*frames"):
        gradient_norms(model, X, make_target(task, X))
    with pytest.raises(TypeError, match=f"{name}.*frames"):
        GateDisplay.from_estimator(model, X[1])


@pytest.mark.parametrize(
    "axis, from_end", [("feature", False), ("time", False), ("time", True)]
)
def test_only_a_channel_or_a_frame_is_shuffled(axis, from_end):
    """Whole images change places, also of clips that share frames."""
    video = clips(1, low=12, high=13)[0]
    X = [video[:5], video[2:6], video[6:6], video[3:12]]
    lengths = np.array([5, 4, 0, 9])
    seen = []

    def scoring(model, X, y):
        seen.append([x.copy() for x in X])
        return 0.0

    result = sequence_permutation_importance(
        None, X, None, axis=axis, from_end=from_end, scoring=scoring, n_repeats=2,
        random_state=0,
    )  # fmt: skip
    n = 2 if axis == "feature" else 9
    assert result.importances.shape == (n, 2)
    counts = [3, 3] if axis == "feature" else [(lengths > t).sum() for t in range(9)]
    assert_array_equal(result.n_sequences, counts)
    for x, same in zip(X, seen[0], strict=True):
        assert_array_equal(x, same)
    assert len(seen) == 1 + 2 * n
    moved = set()
    for number, shuffled in enumerate(seen[1:]):
        k = number // 2
        images, images_before = [], []
        for before, after in zip(X, shuffled, strict=True):
            T, changed = len(before), np.zeros(before.shape, bool)
            if axis == "feature":
                changed[..., k] = True
            elif k < T:
                changed[T - 1 - k if from_end else k] = True
            assert_array_equal(after[~changed], before[~changed])
            if changed.any():
                shape = -1, *video.shape[1:3], 1 if axis == "feature" else 2
                images += list(after[changed].reshape(shape))
                images_before += list(before[changed].reshape(shape))
        assert sorted(x.tobytes() for x in images) == sorted(
            x.tobytes() for x in images_before
        )
        if any((a != b).any() for a, b in zip(images, images_before)):
            moved.add(k)
    assert moved >= set(range(min(n, 4)))
    with pytest.raises(ValueError, match=r"numbers of samples: \[4, 3\]"):
        sequence_permutation_importance(None, X, [1, 2, 3], scoring=scoring)


def test_importance_finds_the_channel_and_the_frame():
    X = equal_length(200, T=3, height=4, width=4)
    y = X[:, 1, :, :, 1].mean(axis=(1, 2)) > 1
    model = ConvLSTMClassifier(8, learning_rate_init=0.02, max_iter=30, random_state=0)
    model.fit(X[:140], y[:140])
    assert model.score(X[140:], y[140:]) > 0.8
    for form in (X[140:], list(X[140:])):
        of_channels, of_frames = (
            sequence_permutation_importance(
                model, form, y[140:], axis=axis, random_state=0
            ).importances_mean
            for axis in ("feature", "time")
        )
        assert of_channels[1] > 0.2 > of_channels[0] + 0.1
        assert of_frames.argmax() == 1 and of_frames[1] > 0.2


@both
def test_memory_that_cannot_be_had(monkeypatch, task):
    X = clips(24)
    model = fitted(task, X)
    before = outputs(model, X)
    monkeypatch.setattr("sklstm._estimators.solver.WITHOUT_A_LOOK", 0)
    monkeypatch.setattr(
        "sklstm._estimators.solver.available_memory", lambda: (1000, "x")
    )
    with pytest.raises(
        MemoryError,
        match="batch_size=7 clips of up to 4 frames of 5 x 6 pixels, with hidden_chann"
        "els=.*left of the x. Use a smaller batch_size.*a larger patch_size or shorter",
    ):
        model.fit(X, make_target(task, X))
    monkeypatch.undo()
    assert_same_outputs(outputs(model, X), before)
