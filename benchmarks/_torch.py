"""What PyTorch does when it is timed: the plain training loop and inference."""

import subprocess
import sys
import time
import timeit

import numpy as np
import torch
from _harness import repeated
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
    dtype = getattr(torch, work.dtype)
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


def fit(work):
    X, lengths, y = map(torch.from_numpy, make_data(work))
    y = y[:, None]
    inputs = (X, lengths) if work.ragged else (X,)
    adam, adam_name = fastest_adam(model_of(work))

    def measure():
        torch.manual_seed(0)
        start = time.perf_counter()
        model = model_of(work)
        parameters = list(model.parameters())
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, **adam)
        criterion = torch.nn.MSELoss()
        for _ in range(work.epochs):
            total = torch.zeros(())
            order = torch.randperm(len(X))
            for begin in range(0, len(X), work.shape.B):
                rows = order[begin : begin + work.shape.B]
                optimizer.zero_grad()
                loss = criterion(model(*(x[rows] for x in inputs)), y[rows])
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
                optimizer.step()
                total += loss.detach() * len(rows)
            mean_loss = total.item() / len(X)
        seconds = time.perf_counter() - start
        return seconds, f"loss {mean_loss:.3f}, {adam_name} Adam"

    return measure


def layer(work):
    """Forward and backward over one minibatch; packing is not counted."""
    X, lengths, _ = make_data(work)
    B, H = work.shape.B, work.shape.H
    dtype = getattr(torch, work.dtype)
    x, lengths = torch.from_numpy(X[:B]), torch.from_numpy(lengths[:B])
    if work.ragged:
        x = pack(x, lengths)
    lstm = torch.nn.LSTM(work.shape.F, H, batch_first=True, dtype=dtype)
    parameters = list(lstm.parameters())
    d_last = torch.ones(B, H, dtype=dtype)

    def step():
        output, (h_n, _) = lstm(x)
        last = h_n[-1] if work.ragged else output[:, -1]
        torch.autograd.grad(last, parameters, d_last)

    return repeated(step)


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
