"""LSTMTagger with a conditional random field: paths, constraints, probabilities."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from step_estimator_cases import sequences, small, target
from threadpoolctl import threadpool_limits

from sklstm import LSTMTagger

X = sequences()
Y = target(LSTMTagger, X)
IOB2 = ["B-a", "B-b", "I-a", "I-b", "O"]


def tagged(X, seed=0):
    """Entities of one to three steps of two types."""
    rng, paths = np.random.default_rng(seed), []
    for x in X:
        path = []
        while len(path) < len(x):
            kind = rng.choice(["a", "b", "O"])
            if kind == "O":
                path.append("O")
            else:
                path += [f"B-{kind}"] + int(rng.integers(3)) * [f"I-{kind}"]
        paths.append(path[: len(x)])
    return paths


def fitted(y=Y, **params):
    return small(LSTMTagger, **params).fit(X, y)


def by_hand(model, emissions):
    """All paths of a sequence with their scores, the best first."""
    K, T = len(model.classes_), len(emissions)
    found = []
    for path in itertools.product(range(K), repeat=T):
        steps = [model.transitions_[a, b] for a, b in itertools.pairwise(path)]
        score = emissions[np.arange(T), path].sum() + sum(steps)
        if T:
            score += model.start_transitions_[path[0]]
            score += model.end_transitions_[path[-1]]
        found.append((path, score))
    return sorted(found, key=lambda pair: -pair[1])


@pytest.mark.parametrize("bidirectional", [True, False])
def test_paths_and_probabilities(bidirectional):
    model = fitted(max_iter=10, bidirectional=bidirectional)
    some = [x for x in X if len(x) < 6][:8]
    emissions, proba, log_proba, labels = (
        getattr(model, name)(some)
        for name in ("decision_function", "predict_proba", "predict_log_proba",
                     "predict")
    )  # fmt: skip
    best = model.predict_n_best(some, 4)
    for i, x in enumerate(some):
        paths = by_hand(model, emissions[i])
        scores = np.array([score for _, score in paths])
        log_z = logsumexp(scores)
        assert labels[i] == [model.classes_[k] for k in paths[0][0]]
        marginals = np.zeros((len(x), len(model.classes_)))
        for path, score in paths:
            marginals[np.arange(len(x)), path] += np.exp(score - log_z)
        assert_allclose(proba[i], marginals, rtol=1e-9)
        assert_allclose(log_proba[i], np.log(marginals), rtol=1e-9)
        assert len(best[i]) == min(4, len(paths))
        for (found, log_p), (path, score) in zip(best[i], paths, strict=False):
            assert found == [model.classes_[k] for k in path]
            assert_allclose(log_p, score - log_z, rtol=1e-9, atol=1e-12)


def test_loss_is_that_of_the_paths():
    """The mean over the labelled steps of -log p of whole paths."""
    options = {"batch_size": 100, "learning_rate_init": 1e-9, "max_iter": 1}
    model = fitted(dtype="float64", **options)
    total = 0
    for x, path in zip(X, Y, strict=True):
        if len(x) in range(1, 6):
            scores = by_hand(model, model.decision_function([x])[0])
            number = {label: k for k, label in enumerate(model.classes_.tolist())}
            mine = tuple(number[label] for label in path)
            log_z = logsumexp([score for _, score in scores])
            total += log_z - dict(scores)[mine]
    short = [i for i, x in enumerate(X) if len(x) < 6]
    again = fitted(dtype="float64", warm_start=True, **options)
    again.fit([X[i] for i in short], [Y[i] for i in short])
    n_steps = sum(len(X[i]) for i in short)
    assert_allclose(again.loss_, total / n_steps, rtol=1e-6)


def test_constraints_of_a_scheme():
    model = fitted(tagged(X))
    assert model.classes_.tolist() == IOB2
    forbidden = np.isneginf(model.transitions_)
    for i, before in enumerate(IOB2):
        for j, tag in enumerate(IOB2):
            follows = tag[0] != "I" or (before[0] in "BI" and before[2:] == tag[2:])
            assert forbidden[i, j] != follows
    assert_array_equal(np.isneginf(model.start_transitions_), [0, 0, 1, 1, 0])
    assert np.isfinite(model.end_transitions_).all()
    for labels in model.predict([10 * x for x in sequences(200, seed=3)]):
        for before, tag in itertools.pairwise(["O", *labels]):
            assert tag[0] != "I" or (before[0] in "BI" and before[2:] == tag[2:])
    for proba in model.predict_proba(X):
        if len(proba):
            assert (proba[0, 2:4] == 0).all()
    free = fitted(tagged(X), constraints=None)
    assert np.isfinite(free.transitions_).all()


def test_a_scheme_that_y_does_not_obey_is_none():
    y = tagged(X)
    i = next(i for i, x in enumerate(X) if len(x) > 2)
    y[i][:2] = ["O", "I-a"]
    assert np.isfinite(fitted(y).transitions_).all()
    model = fitted(tagged(X), warm_start=True)
    with pytest.raises(ValueError, match=f"y\\[{i}\\] has label 'I-a' at step 1"):
        model.fit(X, y)


def test_pairs():
    pairs = list(itertools.product(["down", "flat", "up"], repeat=2))
    pairs.remove(("down", "up"))
    legal = [
        ["flat"] * len(part)
        if ("down", "up") in set(itertools.pairwise(part))
        else part
        for part in Y
    ]
    assert legal != Y
    model = fitted(legal, constraints=pairs)
    assert_array_equal(
        np.isneginf(model.transitions_), [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    )
    with pytest.raises(ValueError, match="'up' at step .* after 'down' at step"):
        fitted(constraints=pairs)
    with pytest.raises(ValueError, match="'left'"):
        fitted(constraints=[*pairs, ("left", "up")])
    with pytest.raises(ValueError, match="constraints"):
        fitted(constraints="IOB")


def test_unlabelled_steps_are_summed_over():
    """Where all steps but one of a sequence have no label, what is learnt is the
    probability of this one."""
    holes = [[label if t == 1 else None for t, label in enumerate(part)] for part in Y]
    model = small(
        LSTMTagger, hidden_layer_sizes=8, max_iter=60, learning_rate_init=0.02
    ).fit(X, holes)
    assert model.score(X, holes) > 0.9


def test_weights_of_steps_and_classes():
    """A sequence has the mean weight of its labelled steps."""
    weights = [np.full(len(x), 1.0 + i) for i, x in enumerate(X)]
    of_steps = small(LSTMTagger).fit(X, Y, weights)
    of_sequences = small(LSTMTagger).fit(X, Y, 1.0 + np.arange(len(X)))
    for a, b in zip(
        of_steps.predict_proba(X), of_sequences.predict_proba(X), strict=True
    ):
        assert_allclose(a, b, rtol=1e-4)
    assert np.isfinite(fitted(class_weight="balanced").loss_)


def test_without_a_random_field():
    model = fitted(crf=False)
    for name in ("transitions_", "start_transitions_", "end_transitions_"):
        assert not hasattr(model, name)
    with pytest.raises(AttributeError, match="crf=True"):
        model.predict_n_best(X)
    with pytest.raises(ValueError, match="crf cannot change"):
        model.set_params(crf=True, warm_start=True).fit(X, Y)


def test_several_labels_have_no_paths():
    model = fitted([np.c_[x[:, 0] > 0, x[:, 1] > 0].astype(int) for x in X])
    assert not hasattr(model, "transitions_")
    assert "transitions" not in model.weights_


@pytest.mark.parametrize("n", [0, -1, 1.5, "a"])
def test_n_best_needs_a_number(n):
    with pytest.raises((ValueError, TypeError), match="n "):
        fitted().predict_n_best(X, n)


def test_n_best_does_not_depend_on_neighbours_and_threads():
    model = fitted(max_iter=10)
    together = model.predict_n_best(X, 3)
    for n_threads in (1, 3):
        with threadpool_limits(n_threads, user_api="openmp"):
            assert model.predict_n_best(X[7:8], 3)[0] == together[7]
            assert model.predict_n_best(X, 3).tolist() == together.tolist()


def test_streams_need_a_label_for_each_step():
    model = fitted(bidirectional=False)
    with pytest.raises(ValueError, match="crf=False"):
        model.predict_step(X[7][0], model.initial_state())


def test_it_learns_what_follows_what():
    """Labels that only their neighbours tell: the noise is as strong as the signal."""
    rng = np.random.default_rng(0)
    y, X = [], []
    for _ in range(150):
        state, part = 0, []
        for _ in range(20):
            state = state if rng.random() < 0.9 else int(rng.integers(3))
            part.append(state)
        y.append(part)
        X.append(np.eye(3)[part] + rng.standard_normal((20, 3)))
    options = {"hidden_layer_sizes": 8, "max_iter": 15, "learning_rate_init": 0.02}
    model = small(LSTMTagger, **options).fit(X[:100], y[:100])
    assert (np.diag(model.transitions_) > 0.3).all()
    assert model.score(X[100:], y[100:]) > 0.8
