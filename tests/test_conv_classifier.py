"""ConvLSTMClassifier: what it computes, labels and probabilities, what it learns."""

import numpy as np
import pandas as pd
import pytest
from conv_cases import (
    assert_same_bits,
    assert_same_outputs,
    by_hand,
    clips,
    equal_length,
    fitted,
    make_target,
    outputs,
    small,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import ConvLSTMClassifier

# Most fits here make few epochs on purpose; the warning has a test of its own.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- what it computes ----------------------------------------------------------------

NETWORKS = {
    "one layer": {},
    "peepholes": {"peephole": True, "hidden_channels": 9},
    "another kernel": {"kernel_size": 5},
    "even kernels": {"kernel_size": 4, "hidden_channels": (4, 3)},
    "a kernel of two": {"kernel_size": 2, "bidirectional": True},
    "a kernel of one": {"kernel_size": 1, "hidden_channels": (4, 3)},
    "two layers": {"hidden_channels": (5, 3)},
    "both ways": {"bidirectional": True, "hidden_channels": (4, 3)},
    "patches": {"patch_size": 2},
    "patches between": {"patch_size": (1, 2), "hidden_channels": (3, 5)},
    "patches of patches": {"patch_size": (3, 2), "hidden_channels": (3, 5)},
    "patches between both ways": {
        "patch_size": (2, 3), "hidden_channels": (3, 5), "bidirectional": True,
    },
}  # fmt: skip
every_network = pytest.mark.parametrize("network", NETWORKS)


@every_network
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("space_pooling", ["mean", "max"])
def test_is_what_the_equations_say(network, pooling, space_pooling):
    """Channels have other units in the fit, and clips other lengths."""
    X = [x[:, :, :] * [1, 100] for x in clips(8, height=6, width=12, low=1, high=4)]
    model = fitted(
        "multiclass", X, pooling=pooling, space_pooling=space_pooling,
        dtype="float64", learning_rate_init=0.02, **NETWORKS[network],
    )  # fmt: skip
    pixels = np.concatenate(X).reshape(-1, 2)
    centre, scale = pixels.mean(axis=0), pixels.std(axis=0)
    scores, last = model.decision_function(X), model.transform(X)
    every = model.transform(X, output="sequence")
    for i, x in enumerate(X):
        expected = by_hand(model, x, centre, scale)
        assert_allclose(scores[i], expected[0], rtol=1e-9, atol=1e-11)
        assert_allclose(last[i], expected[1], rtol=1e-9, atol=1e-11)
        assert_allclose(every[i], expected[2], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 1), (3, 4)])
@pytest.mark.parametrize("kernel_size", [5, 8])
def test_frames_smaller_than_the_kernel(size, kernel_size):
    X = clips(12)
    model = fitted(
        "multiclass", X, kernel_size=kernel_size, hidden_channels=(5, 3),
        dtype="float64", pooling="mean",
    )  # fmt: skip
    pixels = np.concatenate(X).reshape(-1, 2)
    centre, scale = pixels.mean(axis=0), pixels.std(axis=0)
    small_clips = clips(5, *size, low=1, seed=3)
    for x, scores in zip(small_clips, model.decision_function(small_clips)):
        expected = by_hand(model, x, centre, scale)[0]
        assert_allclose(scores, expected, rtol=1e-9, atol=1e-11)


def test_shapes_of_weights():
    model = fitted(
        "multiclass", clips(height=6), hidden_channels=(5, 3), patch_size=(1, 2),
        bidirectional=True, peephole=True, pooling="attention", kernel_size=3,
    )  # fmt: skip
    shapes = {name: value.shape for name, value in model.weights_.items()}
    for end in ("", "_reverse"):
        assert shapes.pop(f"weight_ih_l0{end}") == (20, 2, 3, 3)
        assert shapes.pop(f"weight_hh_l0{end}") == (20, 5, 3, 3)
        assert shapes.pop(f"weight_ih_l1{end}") == (12, 40, 3, 3)
        assert shapes.pop(f"weight_hh_l1{end}") == (12, 3, 3, 3)
        for k, H in enumerate((5, 3)):
            assert shapes.pop(f"bias_ih_l{k}{end}") == (4 * H,)
            assert shapes.pop(f"bias_hh_l{k}{end}") == (4 * H,)
            assert shapes.pop(f"peephole_l{k}{end}") == (3 * H,)
    assert shapes == {"attention": (6,), "head_weight": (3, 6), "head_bias": (3,)}
    assert model.n_features_in_ == 2 and model.n_layers_ == 4
    with pytest.raises(ValueError, match="read-only"):
        model.weights_["weight_ih_l0"][:] = 0


def test_clips_of_no_frames():
    """The initial state goes to the head: h = 0, and the intercept is the output."""
    for pooling in ("last", "mean", "attention"):
        model = fitted("multiclass", pooling=pooling)
        for output in model.decision_function([np.empty((0, 5, 6, 2))] * 2):
            assert_allclose(output, model.weights_["head_bias"], rtol=1e-6)
    only = fitted("multiclass", [np.empty((0, 5, 6, 2))] * 9)
    assert np.isfinite(only.predict_proba([np.empty((0, 5, 6, 2))])).all()


# ---- labels and probabilities --------------------------------------------------------


LABELS = {
    "str": (["no", "yes", "maybe"], "U"),
    "object": (np.array(["no", "yes", "maybe"], dtype=object), "O"),
    "int": ([7, -3, 10**12], "i"),
    "bool": ([True, False], "b"),
}


@pytest.mark.parametrize("labels, kind", LABELS.values(), ids=LABELS)
def test_labels_of_any_type(labels, kind):
    X = clips()
    labels = np.asarray(labels)
    y = labels[np.arange(len(X)) % len(labels)]
    model = small("multiclass").fit(X, y)
    assert_array_equal(model.classes_, np.unique(labels))
    predicted = model.predict(X)
    assert predicted.dtype == model.classes_.dtype and predicted.dtype.kind == kind
    index = np.searchsorted(model.classes_, y)
    assert_same_bits(model, small("multiclass").fit(X, index))
    series = pd.Series(y, index=range(100, 100 + len(y)))
    assert_same_bits(small("multiclass").fit(X, series), model)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_probabilities(task):
    X = clips()
    model = fitted(task, X, learning_rate_init=0.05)
    p, scores = model.predict_proba(X), model.decision_function(X)
    assert p.shape == (16, 2 if task == "binary" else 3)
    assert scores.shape == ((16,) if task == "binary" else (16, 3))
    assert_allclose(np.log(p), model.predict_log_proba(X), atol=1e-12)
    assert model.out_activation_ == ("softmax" if task == "multiclass" else "logistic")
    if task == "multilabel":
        assert_array_equal(model.predict(X), p > 0.5)
        return
    assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    assert_array_equal(model.predict(X), model.classes_[p.argmax(axis=1)])
    if task == "binary":
        assert_array_equal(model.predict(X) == "yes", scores > 0)


def test_class_weight_and_sample_weight_are_the_same():
    X = clips()
    y = make_target("binary", X)
    y[:3] = "yes"
    weighted = small("binary", class_weight={"no": 3.0, "yes": 0.5}).fit(X, y)
    by_sample = small("binary").fit(X, y, np.where(y == "no", 3.0, 0.5))
    assert_same_bits(weighted, by_sample)
    balanced = small("binary", class_weight="balanced").fit(X, y)
    counts = {label: np.sum(y == label) for label in ("no", "yes")}
    one = small("binary", class_weight={k: 16 / 2 / n for k, n in counts.items()})
    assert_same_bits(balanced, one.fit(X, y))


def test_score_is_accuracy():
    X = clips()
    y = make_target("multiclass", X)
    model = fitted("multiclass", X)
    right = model.predict(X) == y
    weight = np.arange(1.0, 17)
    assert model.score(X, y) == right.mean()
    assert_allclose(model.score(X, y, weight), np.average(right, weights=weight))
    Y = make_target("multilabel", X)
    model = fitted("multilabel", X)
    assert model.score(X, Y) == (model.predict(X) == Y).all(axis=1).mean()


# ---- it learns -----------------------------------------------------------------------


def moving(directions, seed, size=8, T=4):
    """A spot that goes one pixel a frame, over the edge to the other side, in noise:
    up, down, left or right."""
    rng = np.random.default_rng(seed)
    steps = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
    X = rng.normal(0, 0.1, (len(directions), T, size, size))
    for x, direction in zip(X, directions):
        at = rng.integers(size, size=2)
        for frame in x:
            frame[*at] += 1
            at = (at + steps[direction]) % size
    return X


def test_learns_which_way_something_moves():
    """Every frame alone looks the same in all classes, and so does their mean."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=160)
    X = moving(y, 0)
    model = ConvLSTMClassifier(8, random_state=0, max_iter=30, learning_rate_init=0.02)
    assert model.fit(X[:120], y[:120]).score(X[120:], y[120:]) > 0.85
    # frames of another size hold the same movements
    there = rng.integers(4, size=40)
    assert model.score(moving(there, 1, size=11), there) > 0.8


def test_learns_several_labels():
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(120, 2))
    first, second = moving(Y[:, 0], 0), moving(2 + Y[:, 1], 1)
    X = np.stack([first, second], axis=4)
    model = ConvLSTMClassifier(
        8, random_state=0, max_iter=30, learning_rate_init=0.02, space_pooling="max"
    )
    assert model.fit(X[:90], Y[:90]).score(X[90:], Y[90:]) > 0.75


# ---- fits that go on -----------------------------------------------------------------


def test_partial_fit_is_a_pass_of_fit():
    X = clips()
    y = make_target("multiclass", X)
    options = {"shuffle": False, "max_iter": 1}
    once = small("multiclass", **options).fit(X, y)
    part = small("multiclass", **options).partial_fit(X, y, classes=[0, 1, 2])
    assert_same_bits(once, part)
    part.partial_fit(X[:5], y[:5])
    assert part.t_ == 21 and len(part.loss_curve_) == 2
    with pytest.raises(ValueError, match="label"):
        part.partial_fit(X[:2], [0, 9])
    with pytest.raises(ValueError, match="classes"):
        small("multiclass").partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        small("multiclass", early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(small("multiclass", solver="lbfgs"), "partial_fit")


def test_units_of_channels_are_those_of_the_first_call():
    X = equal_length()
    y = make_target("multiclass", X)
    model = small("multiclass").partial_fit(X, y, classes=[0, 1, 2])
    first = model._fitted.make_network(), model._fitted.state
    model.partial_fit(1000 * X, y)
    assert model._fitted.make_network() is not first[0]
    for name, value in model._fitted.state.items():
        if name not in ("parameters", "target"):
            np.testing.assert_equal(value, first[1][name])


def test_warm_start_goes_on():
    X = clips()
    y = make_target("multiclass", X)
    straight = small("multiclass", max_iter=4).fit(X, y)
    twice = small("multiclass", max_iter=2, warm_start=True).fit(X, y).fit(X, y)
    assert_same_bits(straight, twice)
    before = outputs(twice, X)
    changes = {
        "hidden_channels": 3, "kernel_size": 5, "patch_size": 2, "peephole": True,
        "pooling": "mean", "space_pooling": "max", "bidirectional": True,
        "dtype": "float64",
    }  # fmt: skip
    other = clips(height=6)
    for name, value in changes.items():
        twice.set_params(**{name: value})
        with pytest.raises(ValueError, match=f"{name}.* cannot change between fits"):
            twice.fit(other, y)
        twice.set_params(**{name: small("multiclass").get_params()[name]})
    assert_same_outputs(outputs(twice, X), before)


def test_fits_that_go_on_may_have_frames_of_another_size():
    y = make_target("multiclass", clips())
    model = small("multiclass", warm_start=True).fit(clips(), y)
    first = model._fitted.state
    larger = clips(height=9, width=4, seed=1)
    model.fit(larger, y).partial_fit(clips(height=1, width=1), y)
    assert len(model.loss_curve_) == 7 and model.t_ == 16 * 7
    assert model.score(larger, y) > 0
    for name in ("centre", "scale"):
        assert model._fitted.state["architecture"][name] == first["architecture"][name]
    assert model.initial_state().network["height"] == 5


def test_lbfgs():
    X = clips(12)
    model = fitted("multiclass", X, solver="lbfgs", max_iter=5)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    with pytest.raises(ValueError, match="dropout"):
        fitted("multiclass", X, solver="lbfgs", dropout=0.1)


def test_early_stopping():
    X = clips(40)
    y = make_target("multiclass", X)
    options = {"early_stopping": True, "validation_fraction": 0.25, "max_iter": 5}
    model = small("multiclass", **options).fit(X, y)
    assert len(model.validation_scores_) == 5
    assert model.best_validation_score_ == max(model.validation_scores_)
    groups = np.arange(40) // 4
    grouped = small("multiclass", **options).fit(X, y, groups=groups)
    assert grouped.loss_curve_ != model.loss_curve_
    given = small("multiclass", **options).fit(
        X[:30], y[:30], X_val=X[30:], y_val=y[30:]
    )
    assert len(given.validation_scores_) == 5
    # what is set aside is not trained on: other frames there change no loss
    other = [*X[:30]], [10 * x for x in X[30:]]
    same = small("multiclass", **options).fit(
        other[0], y[:30], X_val=other[1], y_val=y[30:]
    )
    assert same.loss_curve_ == given.loss_curve_
    with pytest.raises(ValueError, match="X_val and y_val are passed"):
        small("multiclass").fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="In X_val.*clip 1, frame 0, pixel"):
        bad = [x.copy() for x in clips(4, low=1)]
        bad[1][0, 2, 3, 1] = np.inf
        small("multiclass", **options).fit(X, y, X_val=bad, y_val=y[:4])
    with pytest.raises(ValueError, match="groups"):
        small("multiclass").fit(X, y, groups=groups)


def test_dropout_is_of_training_alone():
    X = clips()
    model = fitted("multiclass", X, dropout=0.5, hidden_channels=(5, 4))
    assert_same_outputs(outputs(model, X), outputs(model, X))
    without = fitted("multiclass", X, hidden_channels=(5, 4))
    assert model.loss_curve_ != without.loss_curve_
    again = fitted("multiclass", X, dropout=0.5, hidden_channels=(5, 4))
    assert_same_bits(model, again)
