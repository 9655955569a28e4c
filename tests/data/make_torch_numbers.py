"""Freeze PyTorch's numbers: `python tests/data/make_torch_numbers.py` in an environment
with PyTorch writes beside this file, in float64 and on ragged sequences, torch_lstm.npz
(stacked layers one by one) and torch_cells.npz (GRU and RNN, layers stacked and in both
directions by PyTorch itself), and torch_optim.npz (steps of RMSprop)."""

from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

CASES = {
    # name: (F, hidden sizes, K, lengths)
    "one_layer": (3, (5,), 2, (4, 1, 7, 2)),
    "wide": (13, (20,), 3, (9, 3, 3, 1, 6)),
    "two_layers": (4, (17, 6), 3, (5, 8, 1, 3, 2)),
    "single_step": (2, (9, 9), 1, (1,)),
}


def run(name, F, sizes, K, lengths, rng):
    """Weights, inputs, outputs and all gradients of a cross-entropy or squared loss."""
    B = len(lengths)
    numbers = {"lengths": np.array(lengths)}
    x = [rng.standard_normal((T, F)) for T in lengths]
    numbers["x"] = np.concatenate(x)
    xs = [torch.tensor(a, requires_grad=True) for a in x]
    packed = pack_padded_sequence(
        pad_sequence(xs, batch_first=True),
        torch.tensor(lengths),
        batch_first=True,
        enforce_sorted=False,
    )
    parameters, states = {}, {}
    for k, H in enumerate(sizes):
        layer = torch.nn.LSTM(F if k == 0 else sizes[k - 1], H, batch_first=True)
        layer = layer.double()
        for key, value in layer.named_parameters():
            value.data = torch.tensor(0.5 * rng.standard_normal(tuple(value.shape)))
            if key.startswith("bias_hh"):
                value.data.zero_()
            parameters[key.replace("l0", f"l{k}")] = value
        for state in ("h_0", "c_0"):
            values = 0.7 * rng.standard_normal((1, B, H))
            states[f"{state}_l{k}"] = torch.tensor(values, requires_grad=True)
        packed, (h_last, c_last) = layer(
            packed, (states[f"h_0_l{k}"], states[f"c_0_l{k}"])
        )
        numbers[f"h_last_l{k}"] = h_last[0].detach().numpy()
        numbers[f"c_last_l{k}"] = c_last[0].detach().numpy()
        h, _ = pad_packed_sequence(packed, batch_first=True)
        h = [h[i, :T] for i, T in enumerate(lengths)]
        numbers[f"h_l{k}"] = torch.cat(h).detach().numpy()
    head = torch.nn.Linear(sizes[-1], K).double()
    for key, value in head.named_parameters():
        value.data = torch.tensor(rng.standard_normal(tuple(value.shape)))
        parameters[f"head_{key}"] = value
    output = head(h_last[0])
    if K > 1:
        target = torch.tensor(rng.integers(0, K, size=B))
        loss = torch.nn.functional.cross_entropy(output, target)
    else:
        target = torch.tensor(rng.standard_normal((B, 1)))
        loss = 0.5 * torch.nn.functional.mse_loss(output, target)
    loss.backward()
    numbers |= {
        "output": output.detach().numpy(),
        "target": target.numpy(),
        "loss": loss.item(),
        "d_x": np.concatenate([a.grad.numpy() for a in xs]),
    }
    for key, value in (parameters | states).items():
        numbers[key] = (
            value.detach().numpy().squeeze(0)
            if key in states
            else (value.detach().numpy())
        )
        grad = value.grad.numpy()
        numbers[f"d_{key}"] = grad.squeeze(0) if key in states else grad
    return {f"{name}/{key}": value for key, value in numbers.items()}


MODULES = {
    "lstm": (torch.nn.LSTM, {}),
    "gru": (torch.nn.GRU, {}),
    "rnn_tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
}


def one_cell(cell, F, H, lengths, rng, states, **options):
    """A module on ragged sequences: outputs, and gradients of sums of them.

    The loss is sum(h d_h) + sum(h_n d_h_n) + sum(c_n d_c_n) with random d_h, d_h_n and
    d_c_n, the last only in one direction. With `states` the initial states are random,
    else zero.
    """
    make, more = MODULES[cell]
    module = make(F, H, batch_first=True, **options, **more).double()
    numbers = {"lengths": np.array(lengths)}
    for key, value in module.named_parameters():
        value.data = torch.tensor(0.5 * rng.standard_normal(tuple(value.shape)))
        numbers[key] = value.detach().numpy()
    x = [torch.tensor(rng.standard_normal((T, F)), requires_grad=True) for T in lengths]
    packed = pack_padded_sequence(
        pad_sequence(x, batch_first=True),
        torch.tensor(lengths),
        batch_first=True,
        enforce_sorted=False,
    )
    n_states = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    names = ["h", "c"] if cell == "lstm" else ["h"]
    scale = 0.7 if states else 0.0
    initial = {
        f"{name}_0": torch.tensor(
            scale * rng.standard_normal((n_states, len(lengths), H)), requires_grad=True
        )
        for name in names
    }
    given = tuple(initial.values())
    h, last = module(packed, given if cell == "lstm" else given[0])
    h, _ = pad_packed_sequence(h, batch_first=True)
    outputs = {"h": torch.cat([h[i, :T] for i, T in enumerate(lengths)])}
    last = last if cell == "lstm" else (last,)
    outputs |= {f"{name}_n": value for name, value in zip(names, last, strict=True)}
    if options.get("bidirectional"):
        outputs.pop("c_n", None)
    loss = 0
    for key, value in outputs.items():
        d_value = rng.standard_normal(tuple(value.shape))
        loss = loss + (value * torch.tensor(d_value)).sum()
        numbers |= {key: value.detach().numpy(), f"d_{key}": d_value}
    loss.backward()
    numbers |= {"x": np.concatenate([a.detach().numpy() for a in x])}
    numbers |= {"d_x": np.concatenate([a.grad.numpy() for a in x])}
    for key, value in module.named_parameters():
        numbers[f"d_{key}"] = value.grad.numpy()
    if states:
        for key, value in initial.items():
            numbers |= {key: value.detach().numpy(), f"d_{key}": value.grad.numpy()}
    return numbers


def cells():
    two, both = {"num_layers": 2}, {"num_layers": 2, "bidirectional": True}
    cases = {
        "gru-one": ("gru", 9, True, {}),
        "rnn_tanh-one": ("rnn_tanh", 9, True, {}),
        "rnn_relu-one": ("rnn_relu", 9, True, {}),
        "lstm-stacked": ("lstm", 5, False, two),
        "gru-stacked": ("gru", 5, False, two),
        "lstm-bidirectional": ("lstm", 4, False, both),
        "gru-bidirectional": ("gru", 4, False, both),
        "rnn_relu-bidirectional": ("rnn_relu", 4, False, both),
    }
    numbers = {}
    for seed, (case, (cell, H, states, options)) in enumerate(cases.items()):
        rng = np.random.default_rng(seed)
        values = one_cell(cell, 3, H, (4, 1, 7, 2), rng, states, **options)
        numbers |= {f"{case}/{key}": value for key, value in values.items()}
    return numbers


def rmsprop():
    """Parameters before the first and after each of seven steps."""
    rng = np.random.default_rng(0)
    gradients = 10.0 ** rng.uniform(-4, 1, (7, 6)) * rng.choice([-1, 1], (7, 6))
    parameters = torch.tensor(np.arange(6.0), requires_grad=True)
    settings = {"lr": 0.01, "alpha": 0.95, "eps": 1e-6}
    optimizer = torch.optim.RMSprop([parameters], **settings)
    steps = [parameters.detach().numpy().copy()]
    for gradient in gradients:
        parameters.grad = torch.tensor(gradient)
        optimizer.step()
        steps.append(parameters.detach().numpy().copy())
    numbers = {"gradients": gradients, "parameters": np.array(steps), **settings}
    return {f"rmsprop/{key}": value for key, value in numbers.items()}


if __name__ == "__main__":
    numbers = {"torch_version": torch.__version__}
    for seed, (name, case) in enumerate(CASES.items()):
        numbers |= run(name, *case, np.random.default_rng(seed))
    np.savez_compressed(Path(__file__).parent / "torch_lstm.npz", **numbers)
    numbers = {"torch_version": torch.__version__, **cells()}
    np.savez_compressed(Path(__file__).parent / "torch_cells.npz", **numbers)
    numbers = {"torch_version": torch.__version__, **rmsprop()}
    np.savez_compressed(Path(__file__).parent / "torch_optim.npz", **numbers)
