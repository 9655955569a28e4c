"""The checks of `python -m sklstm --selftest`: that they pass here, and that each of
them sees a fault in what it is about."""

import re
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from sklstm import _kernels as kernels
from sklstm import _selftest as selftest
from sklstm._kernels import (
    instruction_set,
    kernels_for,
    openmp_version,
    supported_instruction_sets,
)

PRECISIONS = ["float64", "float32", "bfloat16"]
GROUPS = [*PRECISIONS, "shared", "fit"]


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    """As in the processes of the command."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with threadpool_limits(3, user_api="openmp"):
        yield


def faults(group, only=None):
    """Names of the checks that have failed, and what they say; of some checks."""
    found = {}
    for name, check in selftest.checks_of_group(group):
        name = name.removeprefix(f"{group}, ")
        if only is None or name in only:
            result = selftest.result_of(name, check)
            assert (result["said"] is None) == (result["fault"] is not None)
            if result["fault"]:
                found[name] = result["fault"]
    return found


# ---- without a fault -----------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_all_is_well(group):
    assert faults(group) == {}
    n_checks = {"float64": 13, "float32": 10, "bfloat16": 5, "shared": 3, "fit": 1}
    assert len(selftest.checks_of_group(group)) == n_checks[group]


def test_the_command(capfd):
    """All of it, in its processes."""
    assert selftest.run()
    printed = capfd.readouterr().out
    sets = supported_instruction_sets()
    for name in sets:
        assert re.search(rf"^ok    {name} +bfloat16, threads: ", printed, flags=re.M)
    for name in map(kernels.float_set, sets):
        assert re.search(rf"^ok    {name} +float64, gradients: ", printed, flags=re.M)
    assert "FAULT" not in printed
    n = int(re.search(r"All (\d+) checks have passed", printed)[1])
    assert len(re.findall("^ok ", printed, flags=re.M)) == n
    assert len(re.findall("fit: accuracy 0.9", printed)) == 1
    if "avx512" in sets:
        same = re.findall(r"^ok    all +float\d\d, same bits: ", printed, flags=re.M)
        assert len(same) == 2


# ---- faults --------------------------------------------------------------------------


class Wrong:
    """A module of kernels, one of which does something else."""

    def __init__(self, real, **calls):
        self.__dict__.update(calls)
        self.real = real

    def __getattr__(self, name):
        return getattr(self.real, name)


def after(name, spoil):
    """Kernels whose call of this name is followed by `spoil`, with its arguments."""

    def kernels_like(real):
        call = getattr(real, name)

        def spoilt(*args, **options):
            result = call(*args, **options)
            spoil(args, options)
            return result

        return Wrong(real, **{name: spoilt})

    return kernels_like


def after_pass(way, spoil):
    """The same of passes of recurrent layers, "forward" or "backward": `spoil` is given
    the arguments of each and the number of threads."""

    def kernels_like(real):
        make, run, made = f"{way.title()}Pass", f"run_{way}", {}

        def remembered(*args):
            one = getattr(real, make)(*args)
            made[id(one)] = one, args
            return one

        def spoilt(passes, n_threads, *others):
            getattr(real, run)(passes, n_threads, *others)
            for one in passes:
                spoil(made.pop(id(one))[1], n_threads)

        return Wrong(real, **{make: remembered, run: spoilt})

    return kernels_like


@pytest.fixture
def let(monkeypatch):
    """A function that puts other kernels in place of those of a precision."""

    def put(precision, kernels_like):
        if precision == "bfloat16":
            wrong = kernels_like(kernels.product_kernels_for("bfloat16"))
            monkeypatch.setattr(kernels, "_bfloat16_variant", lambda name: wrong)
            return
        dtype = np.dtype(precision)
        monkeypatch.setitem(kernels._VARIANTS, dtype, kernels_like(kernels_for(dtype)))

    return put


def first_output(args, n_threads):
    """One number of the last hidden states, of forward."""
    h_last = args[8]
    h_last[0, 0] += h_last.dtype.type(0.5)


def one_weight(args, n_threads):
    """The gradient of one weight R, of backward."""
    args[12][3, 2] += args[12].dtype.type(0.3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_wrong_output(let, precision):
    let(precision, after_pass("forward", first_output))
    if precision == "float64":
        assert {"outputs", "outputs, wide"} <= faults(precision).keys()
    else:
        name = "against float64"
        assert {name, f"{name}, wide"} <= faults(precision).keys()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_wrong_gradient(let, precision):
    let(precision, after_pass("backward", one_weight))
    name = "gradients" if precision == "float64" else "against float64"
    found = faults(precision, [name, f"{name}, wide"])
    assert name in found
    if precision == "float64":
        assert found.keys() == {name, f"{name}, wide"}
        assert re.match("lstm, last: gradient of l0.r is .* by diff", found[name])


def test_a_small_error(let):
    """In the eighth digit."""

    def scale(args, n_threads):
        args[8][:] *= 1 + 3e-8

    let("float64", after_pass("forward", scale))
    assert "outputs" in faults("float64", ["outputs"])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_that_depend_on_the_batch(let, precision):
    def last_bit(args, n_threads):
        schedule, h_last = args[1], args[8]
        if schedule.n_sequences == 1:
            h_last[:] = np.nextafter(h_last, h_last.dtype.type(9))

    let(precision, after_pass("forward", last_bit))
    name = "alone and in a batch"
    assert faults(precision, [name]).keys() == {name}


@pytest.mark.skipif(not openmp_version(), reason="built without OpenMP")
@pytest.mark.parametrize("precision", PRECISIONS)
def test_bits_that_depend_on_threads(let, precision):
    def last_bit(args, n_threads):
        if n_threads > 1:
            args[12][:] = np.nextafter(args[12], args[12].dtype.type(9))

    let(precision, after_pass("backward", last_bit))
    (said,) = faults(precision, ["threads"]).values()
    assert re.match("lstm, last: gradient with 3 threads: .* are other ones", said)


def test_one_thread_is_no_check_of_threads(monkeypatch):
    monkeypatch.setattr(selftest, "effective_n_threads", lambda: 1)
    if openmp_version():
        (said,) = faults("float64", ["threads"]).values()
        assert said.startswith("there are not two threads")
    monkeypatch.setattr(selftest, "openmp_version", lambda: 0)
    assert selftest.check_threads([]) == "built without OpenMP: there is one thread"


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_wrong_optimizer(let, precision):
    def moment(args, options):
        args[2][1000] += args[2].dtype.type(0.1)

    let(precision, after("adam_step", moment))
    assert faults(precision, ["optimizer"]).keys() == {"optimizer"}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_wrong_head(let, precision):
    def of_weights(args, options):
        if args[8] is not None:
            args[8][517, 2] += 5

    let(precision, after("softmax_loss", of_weights))
    name = "head over a vocabulary"
    assert faults(precision, [name]).keys() == {name}


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_wrong_clips(let, precision):
    def last(args, options):
        args[10][0, 0] += args[10].dtype.type(0.5)

    def of_weights(args, options):
        args[14][4, 1] += args[14].dtype.type(2)

    names = ["clips, outputs", "clips, gradients", "clips, against float64"]
    let(precision, after("conv_backward", of_weights))
    assert faults(precision, names).keys() == set(names[1:]) & (
        {"clips, gradients"} if precision == "float64" else {names[2]}
    )
    let(precision, after("conv_forward", last))
    assert faults(precision, names).keys() & {names[0], names[2]}


def test_wrong_random_numbers(monkeypatch):
    monkeypatch.setattr(selftest, "philox", lambda counter, key: [1, 2, 3, 4])
    assert faults("shared").keys() == {"random numbers"}


@pytest.mark.parametrize("call", ["viterbi", "log_partition", "marginals"])
def test_wrong_chains(monkeypatch, call):
    real = getattr(selftest.decoding, call)

    def wrong(emissions, offsets):
        result = real(emissions, offsets)
        values = result[0] if call == "viterbi" else result
        values[-1] += 1
        return result

    monkeypatch.setattr(selftest.decoding, call, wrong)
    assert faults("shared").keys() == {"conditional random fields"}


@pytest.mark.parametrize("part", ["value", "gradient"])
def test_wrong_alignments(monkeypatch, part):
    real = selftest.decoding_ctc.log_likelihood

    def wrong(x, offsets, labels, label_offsets, weight=None, gradient=None):
        found = real(x, offsets, labels, label_offsets, weight, gradient)
        if part == "value":
            return found + 1e-9
        if gradient is not None:
            gradient[0, 0] += 1e-4
        return found

    monkeypatch.setattr(selftest.decoding_ctc, "log_likelihood", wrong)
    name = "connectionist temporal classification"
    assert faults("shared").keys() == {name}


def test_a_fit_that_learns_nothing(monkeypatch):
    from sklstm import LSTMClassifier

    monkeypatch.setattr(LSTMClassifier, "score", lambda self, X, y: 1 / 9)
    assert faults("fit") == {"fit": "accuracy 0.111, less than 0.9"}


def test_what_is_not_a_number_is_a_fault(let):
    def nothing(args, n_threads):
        args[8][:] = np.nan

    let("float64", after_pass("forward", nothing))
    found = faults("float64", ["outputs", "gradients", "alone and in a batch"])
    assert {"outputs", "gradients"} <= found.keys()


def test_an_error_is_a_fault(monkeypatch):
    def broken(counter, key):
        raise ValueError("no numbers")

    monkeypatch.setattr(selftest, "philox", broken)
    assert faults("shared") == {"random numbers": "ValueError: no numbers"}


def test_other_bits_of_another_instruction_set():
    bits = {"avx512": "a", "avx2": "a", "baseline": "b"}
    (same,) = selftest.compare_bits({"float32": bits})
    assert same["fault"] is None and same["said"] == "avx512 and avx2"
    (other,) = selftest.compare_bits({"float32": {**bits, "avx2": "b"}})
    assert "avx2" in other["fault"]
    assert not list(selftest.compare_bits({"float32": {"avx2": "a", "baseline": "b"}}))


def test_digest_is_of_the_bits(let):
    def digest():
        return selftest.check_digest(list(selftest.small("float32"))[:2])

    before = digest()
    assert digest() == before

    def last_bit(args, n_threads):
        args[12][0, 0] = np.nextafter(args[12][0, 0], np.float32(9))

    let("float32", after_pass("backward", last_bit))
    assert digest() != before


# ---- processes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, what",
    [
        ("import os; os.abort()", "the process ended with"),
        ("import sys; sys.exit(3)", "the process ended with 3"),
    ],
)
def test_a_process_that_breaks_down(monkeypatch, capfd, code, what):
    monkeypatch.setattr(selftest, "supported_instruction_sets", lambda: ["baseline"])
    monkeypatch.setattr(selftest, "instruction_set", "baseline")
    first = 'print(\'{"name": "first", "said": "x", "fault": null, "seconds": 0}\')'
    monkeypatch.setattr(
        selftest, "CODE", f"{first.replace(')', ', flush=True)')}\n{code}"
    )
    assert not selftest.run()
    printed = capfd.readouterr().out
    assert "ok    baseline   first: x" in printed
    assert f"FAULT baseline   process: {what}" in printed
    assert "1 of 2 checks have failed" in printed
    assert selftest.ISSUES in printed


@pytest.mark.skipif(sys.platform == "win32", reason="says 1 there")
def test_a_process_that_does_not_end(monkeypatch):
    monkeypatch.setattr(selftest, "SECONDS", 0.5)
    monkeypatch.setattr(selftest, "CODE", "import time; time.sleep(60)")
    (result,) = selftest._in_process("baseline", ["shared"])
    assert result["fault"].startswith("the process ended with -9")


def test_every_kernel_has_its_check(monkeypatch):
    monkeypatch.setattr(selftest, "instruction_set", "avx512bf16")
    sets = ["amx", "avx512bf16", "avx512", "avx2", "baseline"]
    assert selftest.groups_of(sets) == {
        "amx": ["bfloat16"],
        "avx512bf16": ["bfloat16", "shared", "fit"],
        "avx512": PRECISIONS,
        "avx2": PRECISIONS,
        "baseline": PRECISIONS,
    }
    monkeypatch.setattr(selftest, "instruction_set", instruction_set)
    assert set(selftest.groups_of(supported_instruction_sets())[instruction_set]) >= {
        "shared", "fit",
    }  # fmt: skip
