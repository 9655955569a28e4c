"""A quick check of the kernels on this machine: `python -m sklstm --selftest`.

Networks are compared with equations written out in NumPy, with central differences
and with sums over all paths; bits with those of other batches, threads and instruction
sets, each of which has a process of its own, so that one that breaks down is a line
like any other.
"""

import hashlib
import itertools
import json
import os
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager
from time import perf_counter

import numpy as np
from scipy.special import expit as sigmoid
from scipy.special import log_softmax, logsumexp, softmax
from threadpoolctl import threadpool_limits

from ._kernels import (
    CELLS,
    effective_n_threads,
    float_set,
    instruction_set,
    openmp_version,
    philox,
    supported_instruction_sets,
)
from ._network import decoding, decoding_ctc
from ._network.build import clip_network, language_model_network, whole_sequence_network
from ._network.emissions import Emissions
from ._network.layers import conv_recurrent, layer, recurrent
from ._show_versions import show_versions
from ._training.optimizers import Adam

# What may differ, in parts of the largest number or, of gradients, of the norm.
TOLERANCES = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 0.02}
# The same of gradients in bfloat16 that jump: another unit is the largest one, or off.
JUMP = 0.5
LEAST_ACCURACY = 0.9  # on the vowels, where it is 0.95 to 0.98
N_THREADS = 3  # at least, more than processors if need be
SECONDS = 600  # that a process may take
POOLINGS = ("last", "mean", "max", "attention")
ISSUES = "https://github.com/sklstm/sklstm/issues"


class Fault(Exception):
    """What a check has found."""


def difference(found, expected, what, tolerance):
    """The largest difference, as part of the largest number; a `Fault` if it is more
    than the tolerance, or not known."""
    found, expected = np.float64(found), np.float64(expected)
    if found.shape != expected.shape:
        raise Fault(f"{what}: shape {found.shape} instead of {expected.shape}")
    scale = np.abs(expected).max(initial=1e-300)
    off = np.abs(found - expected).max(initial=0) / scale
    if not off <= tolerance:
        raise Fault(f"{what}: off by {off:.1e} of the largest number")
    return off


def same_bits(found, expected, what):
    if found.tobytes() != expected.tobytes():
        n = np.count_nonzero(found != expected)
        raise Fault(f"{what}: {n} of {expected.size} numbers are other ones")


# ---- networks ------------------------------------------------------------------------


class Problem:
    """A network with random parameters on ragged sequences; some have no steps."""

    def __init__(self, network, shape, lengths):
        rng = np.random.default_rng(0)
        self.network = network
        self.lengths = np.array(lengths, dtype=np.intp)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.data = rng.standard_normal((self.lengths.sum(), *shape))
        widest = max(part.n_units for part in network.recurrents)
        scale = min(0.4, 1 / np.sqrt(widest))
        self.parameters = scale * rng.standard_normal(network.layout.size)
        self.d_output = rng.standard_normal((len(lengths), 2))
        for name in ("data", "parameters", "d_output"):
            setattr(self, name, getattr(self, name).astype(network.dtype))

    def forward(self, parameters, keep=False):
        self.network.load(parameters, backward=keep)
        rows = self.data, self.starts, self.lengths
        return self.network.forward(*rows, keep=keep)

    def value(self, parameters):
        """The scalar whose gradient it is."""
        return float((np.float64(self.forward(parameters)[0]) * self.d_output).sum())

    def outputs_and_gradient(self):
        output, tapes = self.forward(self.parameters, keep=True)
        output = output.copy()
        return output, self.network.backward(self.d_output.copy(), tapes).copy()

    def predict(self, samples=slice(None)):
        self.network.load(self.parameters, backward=False)
        return self.network.predict(
            self.data, self.starts[samples], self.lengths[samples]
        )


def recurrent_problems(precision, hidden, lengths):
    """One of every cell, in both directions and with every pooling."""
    for cell, both, pooling in itertools.product(CELLS, (False, True), POOLINGS):
        options = {"bidirectional": both, "pooling": pooling}
        network = whole_sequence_network(3, hidden, 2, precision, cell, **options)
        name = f"{cell}, {pooling}{', both directions' if both else ''}"
        yield name, Problem(network, (3,), lengths)


def small(precision):
    return recurrent_problems(precision, (9, 5), [4, 0, 1, 6, 3])


def wide(precision):
    """Sizes off the vectors, more sequences than a strip has."""
    return recurrent_problems(precision, (37, 21), [*range(13), 20, 2, 2, 9, 1, 0, 11])


def every_third(problems):
    """Some of every cell, pooling and direction: differences of all take seconds."""
    return itertools.islice(problems, 0, None, 3)


def clip_problems(precision):
    """Kernels with products of their own and by taps, peepholes, both directions."""
    for cell, kernel, options in (
        ("lstm", 3, {"pooling": "mean"}),
        ("lstm_peephole", 5, {}),
        ("lstm", (3, 5), {"bidirectional": True, "pooling": "attention"}),
        ("lstm_peephole", 3, {"patch_size": 2, "space_pooling": "max"}),
    ):
        options = {"kernel_size": kernel, **options}
        network = clip_network(2, (5, 17), 2, precision, cell, **options)
        frame = (6, 8) if "patch_size" in options else (5, 7)
        yield f"{cell}, kernel {kernel}", Problem(network, (*frame, 2), [3, 0, 1, 4])


# ---- the equations, written out ------------------------------------------------------


def lstm(z, p, h, c):
    i, f = sigmoid(z[0] + p[0] * c), sigmoid(z[1] + p[1] * c)
    c = f * c + i * np.tanh(z[2])
    return sigmoid(z[3] + p[2] * c) * np.tanh(c), c


def gru(z, p, h, c):
    r, u = sigmoid(z[1]), sigmoid(z[2])
    return (1 - u) * np.tanh(z[0] + r * z[3]) + u * h, c


STEPS = {
    "lstm": lstm,
    "lstm_peephole": lstm,
    "gru": gru,
    "rnn_tanh": lambda z, p, h, c: (np.tanh(z[0]), c),
    "rnn_relu": lambda z, p, h, c: (np.maximum(z[0], 0), c),
}
NAMES = {row.number: name for name, row in CELLS.items()}


def states_of(part, w, x, product=np.matmul):
    """All h of a layer over x (T, ..., F); W x goes to the first slots of a cell, R h'
    to the last."""
    H, (_, gates, slots, *_) = part.n_units, part.cell
    h = c = np.zeros((*x.shape[1:-1], H))
    p, every = w.get("p", np.zeros((3, H))), [h]
    for x_t in x:
        z = np.tile(w["b"], (*h.shape[:-1], 1))
        z[..., : gates * H] += product(x_t, w["w"])
        z[..., -gates * H :] += product(h, w["r"])
        z = np.moveaxis(z.reshape(*h.shape[:-1], slots, H), -2, 0)
        h, c = STEPS[NAMES[part.cell.number]](z, p, h, c)
        every.append(h)
    return np.array(every)


def convolution(kernel):
    """Product of frames and weights by taps, with zeros around the frame."""

    def product(frame, w):
        height, width, F = frame.shape
        up, left = ((side - 1) // 2 for side in kernel)
        wide = np.zeros((height + kernel[0] - 1, width + kernel[1] - 1, F))
        wide[up : up + height, left : left + width] = frame
        total = np.zeros((height, width, w.shape[1]))
        for tap, (i, j) in enumerate(np.ndindex(*kernel)):
            total += wide[i : i + height, j : j + width] @ w[tap * F : (tap + 1) * F]
        return total

    return product


def written_out(problem, i):
    """Outputs (K,) for sequence i."""
    network = problem.network
    views = network.views(np.float64(problem.parameters))
    x = np.float64(problem.data[problem.starts[i] :][: problem.lengths[i]])
    for part in network.body:
        if not part.directions:  # patches of frames, or what is read of them
            continue
        product, every, lasts = np.matmul, [], []
        if part.reads_frames:
            product = convolution(part.directions[0].kernel_size)
        for one, suffix in zip(part.directions, ("", "_reverse")):
            own = {name: views[part.name][name + suffix] for name in one.shapes}
            turn = slice(None, None, -1 if suffix else 1)
            h = states_of(one, own, x[turn], product)
            every.append(h[1:][turn])
            lasts.append(h[-1])
        x, last = np.concatenate(every, axis=-1), np.concatenate(lasts, axis=-1)
    if x.ndim == 4:
        x, last = x.mean(axis=(1, 2)), last.mean(axis=(0, 1))
    if network.pooling and len(x):
        mode = network.pooling.mode
        if mode == "attention":
            last = softmax(np.tanh(x) @ views["pooling"]["w"][0]) @ x
        else:
            last = {"mean": np.mean, "max": np.max}[mode](x, axis=0)
    return last @ views["head"]["w"] + views["head"]["b"]


# ---- checks of one precision ---------------------------------------------------------


def check_outputs(problems, tolerance):
    worst = 0.0
    for name, problem in problems:
        output = problem.predict()
        expected = [written_out(problem, i) for i in range(len(problem.lengths))]
        worst = max(worst, difference(output, np.array(expected), name, tolerance))
    return f"off by {worst:.0e} at the most"


def check_gradients(problems, tolerance=1e-6, epsilon=1e-5):
    """Along a random direction of every array of parameters, by central differences."""
    worst, n = 0.0, 0
    for name, problem in problems:
        rng = np.random.default_rng(1)
        _, gradient = problem.outputs_and_gradient()
        for array, part in problem.network.layout.slices.items():
            direction = np.zeros(len(gradient))
            direction[part] = rng.standard_normal(part.stop - part.start)
            up, down = (
                problem.value(problem.parameters + step * direction)
                for step in (epsilon, -epsilon)
            )
            numeric, found = (up - down) / (2 * epsilon), gradient @ direction
            off = abs(found - numeric) / max(1.0, abs(numeric))
            if not off <= tolerance:
                raise Fault(
                    f"{name}: gradient of {array} is {found:.8g} along a direction, by "
                    f"differences {numeric:.8g}"
                )
            worst, n = max(worst, off), n + 1
    return f"{n} arrays, off by {worst:.0e} at the most"


def check_against_float64(problems, precision, tolerance):
    worst = 0.0
    for (name, problem), (_, exact) in zip(
        problems(precision), problems("float64"), strict=True
    ):
        results = problem.outputs_and_gradient(), exact.outputs_and_gradient()
        for what, found, expected in zip(("outputs", "gradient"), *results):
            norm = max(np.linalg.norm(expected), 1e-300)
            off = np.linalg.norm(np.float64(found) - expected) / norm
            jumps = precision == "bfloat16" and ("max" in name or "relu" in name)
            if not off <= (JUMP if jumps and what == "gradient" else tolerance):
                raise Fault(f"{name}: {what} off by {off:.1e} of the norm")
            worst = max(worst, off)
    return f"off by {worst:.0e} of the norm at the most"


def check_batches(problems):
    """A sequence alone has the bits that it has among others, in any order."""
    n = 0
    for name, problem in problems:
        together = problem.predict()
        backwards = np.arange(len(together))[::-1]
        same_bits(problem.predict(backwards), together[::-1], f"{name}, reversed")
        for i in range(len(together)):
            one = slice(i, i + 1)
            same_bits(problem.predict(one), together[one], f"{name}, sequence {i}")
            n += 1
    return f"{n} sequences"


@contextmanager
def all_threads(n):
    """Let layers use n threads, whatever they would gain of them."""

    def plan(limit, all_or_one, n_strips, *work, **options):
        return limit, max(1, limit - 1)  # one team of two

    places = [(recurrent, "plan_threads", plan), (layer, "PARALLEL_WORK", 0)]
    places.append((conv_recurrent, "plan_threads", plan))
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        with threadpool_limits(n, user_api="openmp"):
            if effective_n_threads() != n:
                raise Fault(f"{effective_n_threads()} threads instead of {n}")
            yield
    finally:
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)


def check_threads(problems):
    """Outputs and gradients have the bits of one thread."""
    if not openmp_version():
        return "built without OpenMP: there is one thread"
    n_threads = effective_n_threads()
    if n_threads < 2:
        raise Fault("there are not two threads; OMP_NUM_THREADS is to be at least 2")
    for name, problem in problems:
        results = []
        for n in (1, n_threads):
            with all_threads(n):
                results.append(problem.outputs_and_gradient())
        for what, alone, found in zip(("outputs", "gradient"), *results):
            same_bits(found, alone, f"{name}: {what} with {n_threads} threads")
    return f"1 and {n_threads} threads"


def check_digest(problems):
    digest = hashlib.sha256()
    for _, problem in problems:
        for values in problem.outputs_and_gradient():
            digest.update(values.tobytes())
    return digest.hexdigest()[:16]


def check_head(precision, tolerance):
    """log p over a vocabulary, its gradient by the chain of layers below it too."""
    V, lengths = 523, [5, 0, 1, 8]
    embedding = {"columns": (0,), "rows": (V,), "widths": (7,), "trainable": True}

    def value_and_gradient(precision, parameters, keep=True):
        network = language_model_network(
            1, (9,), V, precision, embedding=embedding
        )  # fmt: skip
        rng = np.random.default_rng(0)
        random = 0.3 * rng.standard_normal(network.layout.size)
        ids, tokens = rng.integers(V, size=(2, sum(lengths)))
        if parameters is None:
            parameters = random
        network.load(parameters.astype(network.dtype), backward=True)
        starts = np.cumsum(lengths) - lengths
        scores, tapes = network.forward(
            ids[:, np.newaxis].astype(network.dtype), starts, np.array(lengths),
            keep=True,
        )  # fmt: skip
        log_p, d_rows = scores.value_and_gradient(tokens, np.ones(len(tokens)))
        all_log_p = scores.log_probabilities()
        difference(
            log_p, all_log_p[np.arange(len(tokens)), tokens], "log p of tokens", 1e-12
        )
        difference(np.exp(all_log_p).sum(axis=1), np.ones(len(tokens)), "sums", 1e-6)
        gradient = network.backward(d_rows, tapes).copy()
        return random, -float(log_p.sum()), np.float64(gradient)

    parameters, exact, gradient = value_and_gradient("float64", None)
    if precision == "float64":
        rng = np.random.default_rng(1)
        direction, epsilon = rng.standard_normal(len(parameters)), 1e-5
        up, down = (
            value_and_gradient("float64", parameters + step * direction)[1]
            for step in (epsilon, -epsilon)
        )
        numeric = (up - down) / (2 * epsilon)
        off = difference(gradient @ direction, numeric, "gradient", 1e-6)
    else:
        _, value, found = value_and_gradient(precision, parameters)
        off = difference(value, exact, "log p", tolerance)
        off = max(off, difference(found, gradient, "gradient", tolerance))
    return f"off by {off:.0e} at the most"


def check_optimizer(precision, tolerance):
    """Three steps of Adam, with a gradient that is scaled."""
    rng = np.random.default_rng(0)
    p, m, v = rng.standard_normal(1003), 0.0, 0.0
    found = p.astype(precision)
    adam = Adam(len(p), found.dtype, beta_1=0.9, beta_2=0.99, epsilon=1e-8)
    for t in range(1, 4):
        gradient = rng.standard_normal(len(p))
        adam.step(found, gradient.astype(precision), 0.01, 0.5)
        g = 0.5 * gradient
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        rate = 0.01 * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
        p = p - rate * m / (np.sqrt(v) + 1e-8)
    return f"off by {difference(found, p, 'parameters', tolerance):.0e} at the most"


def checks_of(precision):
    """Names and functions, by the precision of a network."""
    tolerance = TOLERANCES[precision]
    products = {
        "float64": [
            ("outputs", lambda: check_outputs(small("float64"), 1e-9)),
            ("outputs, wide", lambda: check_outputs(wide("float64"), 1e-9)),
            ("gradients", lambda: check_gradients(small("float64"))),
            ("gradients, wide", lambda: check_gradients(every_third(wide("float64")))),
        ]
    }
    compared = check_against_float64
    yield from products.get(precision) or [
        ("against float64", lambda: compared(small, precision, tolerance)),
        ("against float64, wide", lambda: compared(wide, precision, tolerance)),
    ]
    yield "alone and in a batch", lambda: check_batches(wide(precision))
    yield "threads", lambda: check_threads(wide(precision))
    yield "head over a vocabulary", lambda: check_head(precision, tolerance)
    if precision == "bfloat16":
        return
    yield "optimizer", lambda: check_optimizer(precision, tolerance)
    if precision == "float64":
        yield "clips, outputs", check_clip_outputs
        yield "clips, gradients", lambda: check_gradients(clip_problems("float64"))
    else:
        yield (
            "clips, against float64",
            lambda: compared(clip_problems, precision, tolerance),
        )
    yield "clips alone and in a batch", lambda: check_batches(clip_problems(precision))
    yield "clips, threads", lambda: check_threads(clip_problems(precision))
    yield "bits", lambda: check_digest([*wide(precision), *clip_problems(precision)])


def check_clip_outputs():
    """Of frames that are read as they are; patches are compared by differences."""
    whole = (
        (name, problem)
        for name, problem in clip_problems("float64")
        if problem.network.frames.patch_size == 1
    )
    return check_outputs(whole, 1e-9)


# ---- checks of what is the same for every instruction set ----------------------------


def check_random():
    """Known answers of Random123 (Salmon et al. 2011)."""
    for counter, key, expected in (
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ):
        found = philox(counter, key)
        if found != expected:
            raise Fault(f"{[hex(word) for word in found]} for {counter}")
    return "2 known answers"


def check_crf():
    """Best path, sum and probabilities of all paths, one by one."""
    K, lengths, rng = 3, [4, 0, 1, 5], np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
    emissions = Emissions(
        rng.standard_normal((offsets[-1], K)), rng.standard_normal((K, K)),
        *rng.standard_normal((2, K)),
    )  # fmt: skip
    paths, scores = decoding.viterbi(emissions, offsets)
    log_z = decoding.log_partition(emissions, offsets)
    p, worst, n = decoding.marginals(emissions, offsets), 0.0, 0
    values, between, start, end = emissions
    for b, T in enumerate(lengths):
        x, steps = values[offsets[b] :][:T], slice(offsets[b], offsets[b + 1])
        if not T:
            worst = max(worst, difference([scores[b], log_z[b]], [0, 0], "none", 0))
            continue
        every = np.array(list(itertools.product(range(K), repeat=T)))
        score = start[every[:, 0]] + end[every[:, -1]] + x[np.arange(T), every].sum(1)
        score += between[every[:, :-1], every[:, 1:]].sum(axis=1)
        if paths[steps].tolist() != every[score.argmax()].tolist():
            raise Fault(f"best path of {T} steps: {paths[steps]}")
        found = [scores[b], log_z[b]]
        expected = [score.max(), logsumexp(score)]
        worst = max(worst, difference(found, expected, f"{T} steps", 1e-12))
        weights = np.exp(score - expected[1])
        expected = [[weights[every[:, t] == k].sum() for k in range(K)] for t in
                    range(T)]  # fmt: skip
        worst = max(worst, difference(p[steps], expected, "probabilities", 1e-12))
        n += len(every)
    return f"{n} paths, off by {worst:.0e} at the most"


def check_ctc():
    """log p of strings of labels from all paths, and the gradient by differences."""
    K, rng, worst, n = 3, np.random.default_rng(0), 0.0, 0
    for T, labels in ((1, [0]), (3, [0, 1]), (5, [1, 1]), (4, []), (5, [0, 1, 0])):
        x = rng.standard_normal((T, K))
        log_p, strings = log_softmax(x, axis=1), []
        for path in itertools.product(range(K), repeat=T):
            runs = [label for label, _ in itertools.groupby(path) if label != K - 1]
            if runs == labels:
                strings.append(log_p[np.arange(T), list(path)].sum())
        labels = np.array(labels, dtype=np.intp)
        problem = np.array([0, T]), labels, np.array([0, len(labels)])
        gradient = np.zeros_like(x)
        (found,) = decoding_ctc.log_likelihood(x, *problem, np.ones(1), gradient)
        what = f"{len(labels)} labels, {T} steps"
        worst = max(worst, difference(found, logsumexp(strings), what, 1e-12))
        direction = rng.standard_normal(x.shape)
        up, down = (
            float(decoding_ctc.log_likelihood(x + step * direction, *problem)[0])
            for step in (1e-5, -1e-5)
        )
        slope = np.array((down - up) / 2e-5)
        difference((gradient * direction).sum(), slope, f"gradient, {what}", 1e-6)
        n += len(strings)
    return f"{n} paths, off by {worst:.0e} at the most"


def check_fit():
    """Of the bundled vowels, nine speakers."""
    from . import LSTMClassifier
    from .datasets import load_japanese_vowels

    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    model = LSTMClassifier(32, max_iter=30, learning_rate_init=0.02, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the number of epochs
        accuracy = model.fit(X, y).score(X_test, y_test)
    if not accuracy >= LEAST_ACCURACY:
        raise Fault(f"accuracy {accuracy:.3f}, less than {LEAST_ACCURACY}")
    return f"accuracy {accuracy:.3f}"


SHARED = [
    ("random numbers", check_random),
    ("conditional random fields", check_crf),
    ("connectionist temporal classification", check_ctc),
]


# ---- processes -----------------------------------------------------------------------


def result_of(name, check):
    """What has come of a check: a dict of plain values."""
    begin, fault, said = perf_counter(), None, None
    n_threads = None if "threads" in name else 1  # None: as many as there are
    try:
        with threadpool_limits(n_threads, user_api="openmp"):
            said = check()
    except Fault as error:
        fault = str(error)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    seconds = perf_counter() - begin
    return {"name": name, "said": said, "fault": fault, "seconds": seconds}


def checks_of_group(group):
    """Names and functions of a group: a precision, "shared" or "fit"."""
    if group == "shared":
        return SHARED
    if group == "fit":
        return [("fit", check_fit)]
    return [(f"{group}, {name}", check) for name, check in checks_of(group)]


def print_results(groups):
    """What a process of `_in_process` runs."""
    for group in groups:
        for name, check in checks_of_group(group):
            print(json.dumps(result_of(name, check)), flush=True)


CODE = """\
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from sklstm._selftest import print_results
print_results(sys.argv[2:])
"""


def _in_process(name, groups):
    """The results of groups of checks with the kernels of one instruction set."""
    n_threads = max(N_THREADS, min(effective_n_threads(), 16))
    environment = {**os.environ, "SKLSTM_ISA": name, "OMP_NUM_THREADS": str(n_threads)}
    command = [sys.executable, "-X", "faulthandler", "-c", CODE]
    process = subprocess.Popen(
        [*command, json.dumps(sys.path), *groups],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    clock = threading.Timer(SECONDS, process.kill)
    clock.start()
    begin = perf_counter()
    try:
        for line in process.stdout:
            yield json.loads(line)
            begin = perf_counter()
        code = process.wait()
    finally:
        clock.cancel()
        process.kill()
        process.stdout.close()
        process.wait()
    if code:
        # a negative one is the signal that ended it
        fault = f"the process ended with {code} after the check above"
        seconds = perf_counter() - begin
        yield {"name": "process", "said": None, "fault": fault, "seconds": seconds}


def groups_of(sets):
    """Which groups of checks each instruction set has: those with kernels of their own
    for numbers of this precision."""
    groups = {
        name: ["float64", "float32", "bfloat16"]
        if float_set(name) == name
        else ["bfloat16"]
        for name in sets
    }
    groups[instruction_set] = [*groups[instruction_set], "shared", "fit"]
    return groups


def compare_bits(digests):
    """What the promise of the same bits with AVX2 and AVX-512 has come to; `digests`
    by precision and set."""
    for precision, by_set in digests.items():
        fused = {name: bits for name, bits in by_set.items() if name != "baseline"}
        if len(fused) < 2:
            continue
        fault, sets = None, " and ".join(fused)
        if len(set(fused.values())) > 1:
            fault = f"other bits: {fused}"
        yield {
            "name": f"{precision}, same bits", "said": sets, "fault": fault,
            "seconds": 0.0,
        }  # fmt: skip


def run():
    """Check this machine, print a line for each check; whether all is well."""
    show_versions()
    print()
    begin, n, faults, digests = perf_counter(), 0, 0, {}
    for name, groups in groups_of(supported_instruction_sets()).items():
        for result in _in_process(name, groups):
            if result["name"].endswith(", bits") and result["said"]:
                precision = result["name"].partition(",")[0]
                digests.setdefault(precision, {})[name] = result["said"]
            n, faults = n + 1, faults + bool(result["fault"])
            _print_line(name, result)
    for result in compare_bits(digests):
        n, faults = n + 1, faults + bool(result["fault"])
        _print_line("all", result)
    seconds = perf_counter() - begin
    if faults:
        print(
            f"\n{faults} of {n} checks have failed, in {seconds:.0f} s. Please report "
            f"it with everything that is printed above:\n{ISSUES}"
        )
    else:
        print(
            f"\nAll {n} checks have passed, in {seconds:.0f} s. A bug report, of "
            f"whatever it is, needs the lines above the first check:\n{ISSUES}"
        )
    return not faults


def _print_line(name, result):
    word, said = "ok", result["said"]
    if result["fault"]:
        word, said = "FAULT", result["fault"]
    print(
        f"{word:5} {name:10} {result['name']}: {said} ({result['seconds']:.2f} s)",
        flush=True,
    )
