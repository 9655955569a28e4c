"""A prediction depends neither on what is beside it nor on threads, nor weights on
threads."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from cases import (
    ALL,
    assert_same_bits,
    assert_same_outputs,
    dtypes,
    every_estimator,
    make_target,
    outputs,
    padded,
    ragged,
    small,
    small_fitted,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm._kernels import (
    effective_n_threads,
    openmp_version,
    supported_instruction_sets,
)
from sklstm.sequences import SequenceArray

# Few epochs are enough for what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- the first promise: a prediction does not depend on what is beside it -----------


@pytest.fixture(scope="module", params=[LSTMClassifier, GRURegressor, RNNClassifier])
def wide(request):
    """An estimator of each kind, off the vector widths and large enough for threads."""
    X = [x for x in ragged(40, seed=2, high=30)]
    return small_fitted(
        request.param, X, hidden_layer_sizes=(37, 21), learning_rate_init=0.05
    )


def assert_subset_invariant(estimator, X, indices):
    together = outputs(estimator, X)
    for method, value in outputs(estimator, X[indices]).items():
        assert_array_equal(value, together[method][indices], err_msg=method)


def test_one_by_one(wide):
    X = SequenceArray.from_list(ragged(50, seed=3, high=40))
    together = outputs(wide, X)
    for i in range(len(X)):
        for method, value in outputs(wide, X[i : i + 1]).items():
            assert_array_equal(value[0], together[method][i], err_msg=method)


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_lengths_in_any_order(wide, data):
    lengths = data.draw(st.lists(st.integers(0, 25), min_size=1, max_size=40))
    rng = np.random.default_rng(len(lengths))
    X = SequenceArray.from_list([rng.standard_normal((T, 3)) for T in lengths])
    order = data.draw(st.permutations(range(len(lengths))))
    part = order[: data.draw(st.integers(1, len(order)))]
    assert_subset_invariant(wide, X, np.array(order))
    assert_subset_invariant(wide, X, np.array(part))


def test_padding_and_containers_do_not_matter(wide):
    sequences = ragged(30, seed=4)
    expected = outputs(wide, sequences)
    for form in (SequenceArray.from_list(sequences), padded(sequences, 50)):
        assert_same_outputs(outputs(wide, form), expected)


def test_batches_of_predict_do_not_matter(wide, cut_batches):
    X = SequenceArray.from_list(ragged(30, seed=5))
    expected = outputs(wide, X)
    for n_steps in (1, 7, 50):
        cut_batches(n_steps)
        assert_same_outputs(outputs(wide, X), expected)
        assert len(cut_batches.numbers) == len(expected)
        assert min(cut_batches.numbers) > 1


def test_predict_in_many_threads_of_python(wide):
    """Predictions at once do not share a network."""
    parts = [SequenceArray.from_list(ragged(20, seed=s)) for s in range(12)]
    expected = [outputs(wide, X) for X in parts]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda X: outputs(wide, X), parts * 3))
    for a, b in zip(got, expected * 3, strict=True):
        assert_same_outputs(a, b)


# ---- the second promise: threads ----------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_predictions_do_not_depend_on_threads(wide, threads, n_threads):
    X = SequenceArray.from_list(ragged(60, seed=6, high=60))
    with threads(1):
        expected = outputs(wide, X)
    assert threads.used == {1}
    with threads(n_threads):
        assert effective_n_threads() == n_threads
        together = outputs(wide, X)
        assert threads.used == {n_threads}
        for method, value in together.items():
            assert_array_equal(value, expected[method])
        for i in range(0, 60, 7):
            for method, value in outputs(wide, X[i : i + 1]).items():
                assert_array_equal(value[0], together[method][i])
        assert_subset_invariant(wide, X, np.random.default_rng(0).permutation(60))


@every_estimator
@dtypes
@pytest.mark.parametrize("early_stopping", [False, True])
def test_weights_do_not_depend_on_threads(Estimator, dtype, early_stopping, threads):
    X = SequenceArray.from_list(ragged(60, seed=7, high=60))
    y = make_target(Estimator, X)
    fitted = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            assert effective_n_threads() == n_threads
            estimator = small(
                Estimator, hidden_layer_sizes=(37, 21), batch_size=25, dtype=dtype,
                early_stopping=early_stopping, alpha=0.1,
            )  # fmt: skip
            fitted.append(estimator.fit(X, y))
            assert n_threads in threads.used
    for other in fitted[1:]:
        assert_same_bits(other, fitted[0])
        assert other.validation_scores_ == fitted[0].validation_scores_


@pytest.mark.parametrize(
    "Estimator, dtype",
    [
        (LSTMRegressor, "float32"), (LSTMRegressor, "float64"),
        (GRUClassifier, "float32"), (RNNRegressor, "float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("solver", ["sgd", "adamw", "rmsprop", "lbfgs"])
def test_weights_of_every_solver_do_not_depend_on_threads(
    Estimator, dtype, solver, threads, monkeypatch
):
    """Nor on those of BLAS, which scipy's L-BFGS uses; more than 10,000 parameters."""
    monkeypatch.setattr("sklstm._kernels.PARALLEL_SIZE", 1000)
    X = SequenceArray.from_list(ragged(60, seed=7, high=60))
    y = make_target(Estimator, X)
    fitted = []
    for n_threads in (1, 2, 3):
        with threads(n_threads), threadpool_limits(n_threads, user_api="blas"):
            estimator = small(
                Estimator, hidden_layer_sizes=(60, 21), dtype=dtype, alpha=0.1,
                solver=solver, max_iter=12, max_grad_norm=0.1,
            )  # fmt: skip
            fitted.append(estimator.fit(X, y))
            assert n_threads in threads.used
    for other in fitted[1:]:
        assert_same_bits(other, fitted[0])


SCRIPT = """
import hashlib
import warnings
import numpy as np
import sklstm
from sklstm._kernels import effective_n_threads
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = [rng.standard_normal((T, 3)) for T in rng.integers(0, 60, 50)]
y = np.arange(50) % 3
digest = hashlib.sha256()
for name in {names!r}:
    model = getattr(sklstm, name)((37, 21), max_iter=2, random_state=0, batch_size=25)
    model.fit(X, y)
    digest.update(model.predict(X).tobytes())
    for value in model.weights_.values():
        digest.update(value.tobytes())
print(effective_n_threads(), digest.hexdigest())
"""


@pytest.mark.skipif(not openmp_version(), reason="built without OpenMP")
def test_same_bits_in_other_processes(tmp_path):
    """Threads and instruction sets as a user sets them, through the environment."""
    script = SCRIPT.format(names=[Estimator.__name__ for Estimator in ALL])
    # Those with FMA; between them the bits are the same too.
    isas = [name for name in supported_instruction_sets() if name != "baseline"]
    isas = isas or ["baseline"]
    digests = set()
    for n_threads, isa in [*product([1], isas), (2, isas[0]), (3, isas[-1])]:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script],
            env={**os.environ, "OMP_NUM_THREADS": str(n_threads), "SKLSTM_ISA": isa},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        used, digest = done.stdout.split()
        assert int(used) == n_threads
        digests.add(digest)
    assert len(digests) == 1
    assert not list(tmp_path.iterdir())
