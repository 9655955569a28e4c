"""What PyTorch does when it is timed: the plain training loop and inference."""

import subprocess
import sys
import time
import timeit

import numpy as np
import torch
from _harness import repeated, repeated_pair
from _work import LEARNING_RATE, MAX_GRAD_NORM, check_outputs, make_data
from torch.nn.utils.rnn import pack_padded_sequence


def describe():
    capability = torch.backends.cpu.get_cpu_capability()
    return f"CPU capability {capability}", torch.get_num_threads()


class Model(torch.nn.Module):
    """A recurrent layer and a linear head on the hidden state after the last step."""

    def __init__(self, n_features, n_units, n_outputs=1, dtype=None, cell="LSTM"):
        super().__init__()
        layer = getattr(torch.nn, cell)
        self.recurrent = layer(n_features, n_units, batch_first=True, dtype=dtype)
        self.head = torch.nn.Linear(n_units, n_outputs, dtype=dtype)

    def forward(self, x):
        return self.head(self.recurrent(x)[0][:, -1])


class RaggedModel(Model):
    """The same on sequences of several lengths, which are packed."""

    def forward(self, x, lengths):
        # h_n is alone, or in an LSTM the first of two
        states = self.recurrent(pack(x, lengths))[1]
        return self.head((states[0] if isinstance(states, tuple) else states)[-1])


def pack(x, lengths):
    return pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def model_of(work):
    kind = RaggedModel if work.ragged else Model
    dtype = getattr(torch, work.data_dtype)
    return kind(work.shape.F, work.shape.H, dtype=dtype, cell=work.cell)


def fastest_adam(model):
    """Arguments of the Adam whose step is the fastest for this model, and its name."""
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    best = None
    for name in ("fused", "foreach", "default"):
        arguments = {} if name == "default" else {name: True}
        optimizer = torch.optim.Adam(model.parameters(), **arguments)
        seconds = min(timeit.repeat(optimizer.step, number=10, repeat=10))
        if best is None or seconds < best[0]:
            best = seconds, arguments, name
    return best[1:]


def precision(work):
    """What PyTorch calls mixed precision, where that is asked for."""
    return torch.autocast("cpu", torch.bfloat16, enabled=work.dtype == "bfloat16")


class Loop:
    """The plain training loop, from the model and the optimizer on."""

    def __init__(self, work, adam):
        torch.manual_seed(0)
        self.work = work
        self.model = model_of(work)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=LEARNING_RATE, **adam)
        self.criterion = torch.nn.MSELoss()

    def epoch(self, inputs, y):
        """The mean loss."""
        total = torch.zeros(())
        order = torch.randperm(len(y))
        for begin in range(0, len(y), self.work.shape.B):
            rows = order[begin : begin + self.work.shape.B]
            self.optimizer.zero_grad()
            with precision(self.work):
                loss = self.criterion(self.model(*(x[rows] for x in inputs)), y[rows])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
            self.optimizer.step()
            total += loss.detach() * len(rows)
        return total.item() / len(y)


def tensors(work):
    """What the loop reads: inputs and targets."""
    X, lengths, y = map(torch.from_numpy, make_data(work))
    return (X, lengths) if work.ragged else (X,), y[:, None]


def fit(work):
    data = tensors(work)
    adam, adam_name = fastest_adam(model_of(work))

    def measure():
        start = time.perf_counter()
        loop = Loop(work, adam)
        for _ in range(work.epochs):
            loss = loop.epoch(*data)
        seconds = time.perf_counter() - start
        return seconds, f"loss {loss:.3f}, {adam_name} Adam"

    return measure


def epoch(work):
    """One epoch of a model that goes on and on, the mean of as many as sklstm has."""
    data = tensors(work)
    loop = Loop(work, fastest_adam(model_of(work))[0])

    def measure():
        start = time.perf_counter()
        for _ in range(work.epochs - 1):
            loop.epoch(*data)
        return (time.perf_counter() - start) / (work.epochs - 1), ""

    return measure


def layer_passes(work):
    """Forward and backward over one minibatch; packing is not counted."""
    X, lengths, _ = make_data(work._replace(n=work.shape.B))
    dtype = getattr(torch, work.data_dtype)
    x, lengths = torch.from_numpy(X), torch.from_numpy(lengths)
    if work.ragged:
        x = pack(x, lengths)
    lstm = torch.nn.LSTM(*work.shape[1:3], batch_first=True, dtype=dtype)
    parameters = list(lstm.parameters())
    last = None

    def forward():
        nonlocal last
        with precision(work):
            output, (h_n, _) = lstm(x)
            last = h_n[-1] if work.ragged else output[:, -1]

    def backward():
        torch.autograd.grad(last, parameters, torch.ones_like(last))

    return forward, backward


def layer(work):
    forward, backward = layer_passes(work)

    def step():
        forward()
        backward()

    return repeated(step)


def passes(work):
    """The same, forward and backward apart."""
    return repeated_pair(*layer_passes(work))


def load(path):
    """The model with the weights that sklstm has written, and what else is there."""
    with np.load(path) as file:
        saved = {name: torch.from_numpy(file[name]) for name in file.files}
    model = Model(saved["X"].shape[2], saved["weight_hh_l0"].shape[1])
    state = {f"recurrent.{name}": saved[name] for name in saved if name.endswith("_l0")}
    state |= {f"head.{name}": saved[f"head_{name}"] for name in ("weight", "bias")}
    model.load_state_dict(state)
    return model.eval(), saved


def predict(path, batch_size):
    """Inference with the weights of sklstm."""
    model, saved = load(path)
    X = saved["X"]

    @torch.inference_mode()
    def step():
        return torch.cat([model(x) for x in X.split(batch_size)])

    check_outputs(step().numpy(), saved["predictions"].numpy())
    return repeated(step)


def stream(path):
    """Inference for every step of one sequence, the states handed on."""
    model, saved = load(path)
    steps = saved["X"][0][:, None, None]

    @torch.inference_mode()
    def read():
        state = None
        for x in steps:
            h, state = model.recurrent(x, state)
            y = model.head(h[:, -1])
        return y

    check_outputs(read().numpy(), saved["predictions"].numpy()[:1])
    return repeated(read)


def import_time():
    """The wall time of `import torch`, without that of the interpreter."""

    def wall(code):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-P", "-c", code], check=True)
        return time.perf_counter() - start

    return lambda: (wall("import torch") - wall("pass"), "")
