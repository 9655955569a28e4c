"""Freeze PyTorch's numbers: `python tests/data/make_torch_numbers.py` in an environment
with PyTorch writes torch_lstm.npz (in float64, on ragged sequences) and torch_optim.npz
(steps of RMSprop, rates of OneCycleLR) beside this file."""

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


def one_cycle(n_steps):
    """The learning rate of each step, with PyTorch's defaults and a maximum of 0.8."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.8, total_steps=n_steps, cycle_momentum=False
    )
    rates = []
    for step in range(n_steps):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        if step < n_steps - 1:
            schedule.step()
    return {f"one_cycle/{n_steps}": np.array(rates)}


if __name__ == "__main__":
    numbers = {"torch_version": torch.__version__}
    for seed, (name, case) in enumerate(CASES.items()):
        numbers |= run(name, *case, np.random.default_rng(seed))
    np.savez_compressed(Path(__file__).parent / "torch_lstm.npz", **numbers)
    numbers = {"torch_version": torch.__version__, **rmsprop()}
    for n_steps in (1, 2, 3, 4, 10, 37, 200):
        numbers |= one_cycle(n_steps)
    np.savez_compressed(Path(__file__).parent / "torch_optim.npz", **numbers)
