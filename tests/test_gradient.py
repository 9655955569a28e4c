"""The gradient of a minibatch depends on its arguments alone, and comes in parts.

What training on several machines stands on: a worker computes the gradient of a part
of a minibatch, and the sum of the parts is the step that one machine takes.
"""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm import GRUClassifier, LSTMRegressor
from sklstm._kernels import CELLS
from sklstm._network.build import whole_sequence_network
from sklstm._network.layers.dropout import DropoutSeed
from sklstm._network.losses import Huber, SoftmaxCrossEntropy, SquaredError
from sklstm._training import loop as training
from sklstm._training.feeds import Minibatches, TrainingSet
from sklstm._training.gradient import minibatch_gradient
from sklstm._training.loop import value_and_gradient
from sklstm.sequences import SequenceArray

B, F, H = 40, 3, 33

# cell, other arguments of the network, arguments of the gradient
CASES = {
    "plain": ("lstm", {}, {}),
    "dropout": (
        "lstm",
        {"hidden_layer_sizes": (H, 17), "dropout": 0.4, "recurrent_dropout": 0.3},
        {"dropout": DropoutSeed(seed=7, step=12)},
    ),
    "tbptt": (
        "lstm",
        {"hidden_layer_sizes": (H, 17), "dropout": 0.4, "recurrent_dropout": 0.3},
        {"dropout": DropoutSeed(seed=7, step=12), "tbptt": 9},
    ),
    "penalty": ("gru", {"bidirectional": True, "pooling": "attention"}, {"alpha": 0.3}),
    "everything": (
        "rnn_tanh",
        {
            "bidirectional": True,
            "pooling": "mean",
            "dropout": 0.2,
            "recurrent_dropout": 0.5,
        },
        {"alpha": 0.3, "dropout": DropoutSeed(seed=1, step=0)},
    ),
}


def arguments(name, dtype, *, weighted=True):
    """Arguments of `minibatch_gradient`, some samples of which are identical."""
    cell, network, options = CASES[name]
    assert cell in CELLS
    architecture = {
        "n_features": F,
        "hidden_layer_sizes": (H,),
        "n_outputs": 2,
        "dtype": dtype,
        "cell": cell,
        **network,
    }
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((T, F)) for T in rng.integers(0, 40, size=B)]
    target = rng.standard_normal((B, 2))
    sequences[30], target[30] = sequences[2], target[2]
    sequences[31], target[31] = sequences[2], target[2]
    net = whole_sequence_network(**architecture)
    parameters = net.initialize(np.random.RandomState(0), 0.1)
    options = dict(options)
    if alpha := options.pop("alpha", None):
        options["penalty"] = (alpha * net.weight_mask()).astype(dtype)
    weight = rng.uniform(0.5, 2, size=B) if weighted else None
    X = SequenceArray.from_list(sequences).astype(dtype)
    return (architecture, parameters, X, target, weight, SquaredError()), options


def part(args, indices):
    """The arguments for some of the samples."""
    architecture, parameters, X, target, weight, loss = args
    weight = weight if weight is None else weight[indices]
    return architecture, parameters, X[indices], target[indices], weight, loss


def assert_same_bits(one, other):
    assert (one.value, one.weight) == (other.value, other.weight)
    assert_array_equal(one.gradient, other.gradient)


every = pytest.mark.parametrize("name", CASES)
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@dtypes
@every
def test_the_same_again_and_nothing_is_changed(name, dtype):
    args, options = arguments(name, dtype)
    before = pickle.dumps((args, options))
    first = minibatch_gradient(*args, **options)
    kept = first.gradient.copy()
    minibatch_gradient(*part(args, np.arange(5)), **options)
    assert_same_bits(first, minibatch_gradient(*args, **options))
    assert_array_equal(first.gradient, kept)  # not a view of what is reused
    assert pickle.dumps((args, options)) == before


@dtypes
@every
def test_any_order_of_the_samples_gives_the_same_bits(name, dtype):
    args, options = arguments(name, dtype, weighted=False)
    order = np.random.default_rng(1).permutation(B)
    shuffled = part(args, order)
    assert_same_bits(
        minibatch_gradient(*args, **options), minibatch_gradient(*shuffled, **options)
    )
    assert_same_bits(
        minibatch_gradient(*args, ids=np.arange(B), **options),
        minibatch_gradient(*shuffled, ids=order, **options),
    )


@every
def test_a_network_that_has_worked_before_gives_the_same_bits(name):
    """What a network remembers of other minibatches is memory, not numbers."""
    args, options = arguments(name, "float32")
    architecture, parameters, X, target, weight, loss = args
    network = whole_sequence_network(**architecture)
    samples = TrainingSet(X.data, X.offsets[:-1], X.lengths, target, weight)
    for n, vector in ((7, parameters[::-1].copy()), (B, parameters)):
        batch = next(Minibatches(samples, n, shuffle=False).epoch(None))
        value, gradient = value_and_gradient(
            network, vector, batch, loss, options.get("penalty"),
            copy.copy(options.get("dropout")), options.get("tbptt"),
        )  # fmt: skip
    fresh = minibatch_gradient(*args, **options)
    assert value == fresh.value
    assert_array_equal(gradient, fresh.gradient)


@pytest.fixture(scope="module")
def other_process():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        yield lambda *args, **options: pool.submit(*args, **options).result()


@every
def test_another_process_gives_the_same_bits(name, other_process):
    args, options = arguments(name, "float32")
    assert_same_bits(
        minibatch_gradient(*args, **options),
        other_process(minibatch_gradient, *args, **options),
    )


@every
def test_any_number_of_threads_gives_the_same_bits(name, threads):
    args, options = arguments(name, "float32")
    args = list(args)
    lengths = np.random.default_rng(3).integers(0, 40, size=4 * B)
    rows = np.random.default_rng(4).standard_normal((lengths.sum(), F))
    args[2] = SequenceArray(
        rows.astype(np.float32), np.concatenate([[0], lengths.cumsum()])
    )
    args[3], args[4] = np.tile(args[3], (4, 1)), np.tile(args[4], 4)
    results = []
    for n in (1, 2, 3):
        with threads(n):
            results.append(minibatch_gradient(*args, **options))
            assert max(threads.used) == n
    for other in results[1:]:
        assert_same_bits(results[0], other)


@pytest.mark.parametrize("weighted", [False, True])
@every
def test_parts_add_up_to_the_whole(name, weighted):
    """Identical samples are in both parts; the penalty is there once, not once a part;
    masks of dropout are those of the whole."""
    args, options = arguments(name, "float64", weighted=weighted)
    for parts in ([range(21), range(21, B)], [range(0, B, 3), [1], range(4, B, 3)]):
        parts = [np.array(indices) for indices in parts]
        some = np.concatenate(parts)
        whole = minibatch_gradient(*part(args, some), ids=some, **options)
        mean_weight = args[4][some].mean() if weighted else None
        results = [
            minibatch_gradient(
                *part(args, indices), n_samples=len(some), mean_weight=mean_weight,
                ids=indices, **options,
            )
            for indices in parts
        ]  # fmt: skip
        assert sum(r.weight for r in results) == pytest.approx(whole.weight, rel=1e-14)
        value = sum(r.value for r in results)
        gradient = sum(r.gradient for r in results)
        assert value == pytest.approx(whole.value, rel=1e-13)
        assert_allclose(gradient, whole.gradient, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("change", [{"seed": 8}, {"step": 13}])
def test_other_masks_in_another_step_or_fit(change):
    args, options = arguments("dropout", "float64")
    one = minibatch_gradient(*args, **options)
    dropout = DropoutSeed(**{"seed": 7, "step": 12, **change})
    other = minibatch_gradient(*args, dropout=dropout)
    assert not np.allclose(one.gradient, other.gradient)


@pytest.mark.parametrize(
    "estimator, loss",
    [
        (LSTMRegressor(loss="huber", alpha=0.5), Huber(1.0)),
        (GRUClassifier(dropout=0.4, recurrent_dropout=0.2), SoftmaxCrossEntropy()),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [10, 24])
def test_it_is_what_fit_computes(monkeypatch, estimator, loss, weighted, batch_size):
    """At every step of two epochs, from the parameters and the content alone: to the
    bit in one minibatch; of several the order of the sums is that of the epoch."""
    rng = np.random.default_rng(0)
    X = SequenceArray.from_list(
        [rng.standard_normal((T, F)).astype(np.float32) for T in range(2, 26)]
    )
    y = np.array(["a", "b", "c"])[np.arange(24) % 3]
    if isinstance(estimator, LSTMRegressor):
        y = rng.standard_normal(24)
    sample_weight = rng.uniform(0.5, 2, size=24) if weighted else None
    mean_weight = sample_weight.mean() if weighted else None
    steps = []

    def record(network, parameters, batch, loss, penalty, dropout, tbptt):
        before = parameters.copy(), dropout and (dropout.seed, dropout.step)
        value, gradient = value_and_gradient(
            network, parameters, batch, loss, penalty, dropout, tbptt
        )
        steps.append((*before, batch, penalty, value, gradient.copy()))
        return value, gradient

    monkeypatch.setattr(training, "value_and_gradient", record)
    estimator.set_params(
        hidden_layer_sizes=5, batch_size=batch_size, max_iter=2, random_state=0,
        learning_rate="constant",
    )  # fmt: skip
    with pytest.warns(match="converged"):
        estimator.fit(X, y, sample_weight)
    assert len(steps) == (6 if batch_size == 10 else 2)
    architecture = {
        "n_features": F,
        "n_outputs": 1 if isinstance(estimator, LSTMRegressor) else 3,
        "dropout": estimator.dropout,
        "recurrent_dropout": estimator.recurrent_dropout,
        **estimator._fitted.architecture,
    }
    for number, (parameters, mask, batch, penalty, *fitted) in enumerate(steps):
        dropout = None
        if mask:
            seed, step = mask
            assert step == number
            dropout = DropoutSeed(seed, step)
        indices = np.searchsorted(X.offsets, batch.starts)
        value, gradient, weight = minibatch_gradient(
            architecture, parameters, X[indices], batch.target, batch.weight, loss,
            penalty=penalty, mean_weight=mean_weight, dropout=dropout, ids=batch.ids,
        )  # fmt: skip
        assert weight == pytest.approx(batch.total, rel=1e-14)
        if batch_size == 24 and not weighted:
            assert value == fitted[0]
            assert_array_equal(gradient, fitted[1])
        else:
            assert value == pytest.approx(fitted[0], rel=1e-6)
            assert_allclose(gradient, fitted[1], rtol=1e-4, atol=1e-7)


def test_a_value_that_is_not_finite_has_no_gradient():
    args, _ = arguments("plain", "float64")
    args[3][3] = np.nan
    result = minibatch_gradient(*args)
    assert np.isnan(result.value)
    assert result.gradient is None


@pytest.mark.parametrize(
    "k, value, message",
    [
        (1, np.zeros(5), r"parameters, got an array of shape \(5,\)"),
        (2, SequenceArray(np.zeros((B, 2)), range(B + 1)), "reads 3 features"),
        (2, SequenceArray(np.zeros((B, F), "f"), range(B + 1)), "in float32"),
        (2, SequenceArray(np.zeros((0, F)), [0]), "at least one sequence"),
        (3, np.zeros((B - 1, 2)), f"got {B - 1} for {B}"),
    ],
)
def test_what_does_not_belong_together(k, value, message):
    args = list(arguments("plain", "float64")[0])
    args[k] = value
    with pytest.raises(ValueError, match=message):
        minibatch_gradient(*args)
