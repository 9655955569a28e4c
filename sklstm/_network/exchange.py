"""Parameters of a network under PyTorch's names, in its shapes, and back."""

import numpy as np

from .layers.bidirectional import SUFFIXES
from .workspace import aligned_empty


def torch_weights(network, parameters):
    """Copies of the recurrent parameters; those that PyTorch does not have, of
    peepholes and attention, follow its manner."""
    weights = tables_of(network, parameters)
    for k, layer in enumerate(layer_weights(network, parameters)):
        for name, value in layer.items():
            base, reverse, _ = name.partition("_reverse")
            weights[f"{base}_l{k}{reverse}"] = value
    attention = network.views(parameters).get("pooling")
    if attention:
        weights["attention"] = attention["w"].ravel().copy()
    return weights


def tables_of(network, parameters):
    """Copies of the tables of an embedding: `embedding`, or of several embedding_0 and
    so on, by the number of the column."""
    if network.tables is None:
        return {}
    tables = network.views(parameters)[network.tables.name]
    names = [f"embedding_{column}" for column in network.tables.columns]
    if len(names) == 1:
        names = ["embedding"]
    return {name: table.copy() for name, table in zip(names, tables.values())}


def layer_weights(network, parameters):
    """For each recurrent layer its parameters by the beginning of PyTorch's names."""
    views = network.views(parameters)
    return [
        {
            name + suffix: value
            for suffix, part in zip(SUFFIXES, layer.directions)
            for name, value in _to_torch(part, views[layer.name], suffix).items()
        }
        for layer in network.recurrent_layers
    ]


def encoder_decoder_weights(network, parameters):
    """Copies of the parameters of an encoder-decoder, each part in PyTorch's manner."""
    weights, views = tables_of(network, parameters), network.views(parameters)
    (weights["target_embedding"],) = views["target_embedding"].values()
    n_layers = len(network.encoder_layers)
    for k, layer in enumerate(layer_weights(network, parameters)):
        part = "encoder" if k < n_layers else "decoder"
        for name, value in layer.items():
            base, reverse, _ = name.partition("_reverse")
            weights[f"{part}_{base}_l{k % n_layers}{reverse}"] = value
    for k, bridges in enumerate(network.bridges or []):
        for state, bridge in zip("hc", bridges):
            w, b = (views[bridge.name][key] for key in "wb")
            weights[f"bridge_{state}_weight_l{k}"] = w.T
            weights[f"bridge_{state}_bias_l{k}"] = b
    for name, value in views.get("attention", {}).items():
        part, _, key = name.rpartition("_")
        if name == "v":
            weights["attention_v"] = value[0]
        elif key == "w":
            weights[f"attention_{part}_weight"] = value.T
        else:
            weights[f"attention_{part}_bias"] = value
    weights["head_weight"], weights["head_bias"] = network.head.as_linear(views["head"])
    return {name: value.copy() for name, value in weights.items()}


def frame_forecaster_weights(network, parameters):
    """Copies of the parameters of an encoder and a forecaster of frames."""
    weights, n_layers = {}, len(network.encoder_layers)
    for k, layer in enumerate(layer_weights(network, parameters)):
        part = "encoder" if k < n_layers else "forecaster"
        for name, value in layer.items():
            weights[f"{part}_{name}_l{k % n_layers}"] = value
    weights["head_weight"], weights["head_bias"] = (
        value.copy() for value in network.head(parameters)
    )
    return weights


def from_torch_weights(
    network,
    weights,
    head_weight,  # (K, H)
    head_bias,  # (K,)
    attention,  # (H,), the vector w of a pooling by attention, or None
    tables=(),  # (V, E) of each column of ids, in their order
):
    """A parameter vector of the weights of `torch.nn` modules.

    `weights` are for each layer a dict of weight_ih, weight_hh, bias_ih and bias_hh,
    for the direction that begins at the end with the suffix _reverse; for a cell that
    has them also of peephole. The head is a `torch.nn.Linear`.
    """
    parameters = aligned_empty((network.layout.size,), network.dtype)
    views = network.views(parameters)
    for layer, torch in zip(network.recurrent_layers, weights, strict=True):
        for suffix, part in zip(SUFFIXES, layer.directions):
            _from_torch(part, views[layer.name], torch, suffix)
    if tables:
        own = views[network.tables.name].values()
        for table, given in zip(own, tables, strict=True):
            table[:] = given
    if "pooling" in views:
        views["pooling"]["w"][:] = attention
    views["head"]["w"][:] = head_weight.T
    views["head"]["b"][:] = head_bias
    return parameters


def _to_torch(layer, weights, suffix):
    """The one bias of a gate is `bias_ih`, except where R h' has one of its own."""
    cell, H = layer.cell, layer.n_units
    order = list(cell.torch_order)
    bias = weights["b" + suffix].reshape(cell.slots, H)
    bias_hh = np.zeros((cell.gates, H), bias.dtype)
    bias_hh[2 * cell.gates - cell.slots :] = bias[cell.gates :]
    torch = {}
    if "w" + suffix in weights:  # of forecasters the lowest layer has no input
        columns = weights["w" + suffix].reshape(-1, cell.gates, H)
        rows = columns[:, order].reshape(-1, cell.gates * H).T
        torch["weight_ih"] = _as_kernels(layer, rows)
    torch |= {
        "weight_hh": _as_kernels(layer, weights["r" + suffix].T),
        "bias_ih": bias[order].ravel(),
        "bias_hh": bias_hh.ravel(),
    }
    if cell.n_own:
        torch["peephole"] = weights["p" + suffix].ravel().copy()
    return torch


def _as_kernels(layer, rows):
    """A copy of weights (4 H, n), of a convolution as `torch.nn.Conv2d` has them."""
    if layer.kernel_size is None:
        return rows.copy()
    by_tap = rows.reshape(len(rows), *layer.kernel_size, -1)
    return np.moveaxis(by_tap, -1, 1).copy()


def _from_torch(layer, weights, torch, suffix):
    """PyTorch's two biases of a gate are added, except where R h' has its own."""
    cell, H = layer.cell, layer.n_units
    order = list(cell.torch_order)
    columns = torch["weight_ih" + suffix].T.reshape(-1, cell.gates, H)
    weights["w" + suffix].reshape(-1, cell.gates, H)[:, order] = columns
    weights["r" + suffix][:] = torch["weight_hh" + suffix].T
    bias_ih, bias_hh = (
        torch[name + suffix].reshape(cell.gates, H) for name in ("bias_ih", "bias_hh")
    )
    alone = 2 * cell.gates - cell.slots  # the first gate whose R h' has a bias
    both = bias_ih + bias_hh
    both[alone:] = bias_ih[alone:]
    bias = weights["b" + suffix].reshape(cell.slots, H)
    bias[order] = both
    bias[cell.gates :] = bias_hh[alone:]
    if cell.n_own:
        weights["p" + suffix][:] = torch["peephole" + suffix].reshape(-1, H)
