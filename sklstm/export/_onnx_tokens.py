"""Networks that say tokens, as ONNX nodes: an encoder, and a step of a decoder.

A step of a language model is one of a decoder that has nothing to look back at.
"""

from typing import NamedTuple

import numpy as np

from .._network.cells import CELLS
from ._onnx_network import layers, read_ids
from ._onnx_weights import operator_weights

F32, I64 = np.float32, np.int64


class Part(NamedTuple):
    """What the nodes of recurrent layers have to know of one of two networks."""

    architecture: dict
    weights: dict
    embedding: dict | None
    n_inputs: int
    missing: str
    first_value: np.ndarray | None

    @classmethod
    def of(cls, found, prefix, **architecture):
        """The layers whose weights have a prefix."""
        weights = {
            name.removeprefix(prefix): value
            for name, value in found.weights.items()
            if not prefix or name.startswith(prefix) or name.startswith("embedding")
        }
        return cls(
            {**found.architecture, "pooling": None, **architecture}, weights,
            found.embedding, found.n_inputs, found.missing, found.first_value,
        )  # fmt: skip


def states_of(architecture):
    """Names and units of the states of each layer: h and, where there is one, c."""
    names = "hc" if CELLS[architecture["cell"]].has_c else "h"
    return [
        {f"{name}_l{k}": size for name in names}
        for k, size in enumerate(architecture["hidden_layer_sizes"])
    ]


def write_encoder(graph, found, sequences):
    """Outputs `memory` (batch, time, S), where a decoder looks at it, and of each layer
    the states that the decoder begins with."""
    part = Part.of(found, "encoder_")
    sequences, x = read_ids(graph, part, sequences)
    ends = []
    h, _, check = layers(graph, part, sequences, x, None, ends)
    for k, (of_layer, states) in enumerate(zip(ends, states_of(part.architecture))):
        for (name, size), end in zip(states.items(), of_layer, strict=True):
            state = end
            if part.architecture["bidirectional"]:
                weight, bias = (
                    found.weights[f"bridge_{name[0]}_{key}_l{k}"].astype(F32)
                    for key in ("weight", "bias")
                )
                state = graph.node("Gemm", end, weight, bias, transB=1)
            graph.node("Add", state, check, name=name)
            graph.output(name, F32, ["batch", size])
    if found.architecture["attention"] is None:
        return
    h = graph.node("Add", graph.where(sequences.exists, h, F32(0)), check)
    graph.node("Transpose", h, perm=[1, 0, 2], name="memory")
    size = part.architecture["hidden_layer_sizes"][-1]
    size *= 1 + part.architecture["bidirectional"]
    graph.output("memory", F32, ["batch", "time", size])


def write_decoder(graph, found, table, prefix=""):
    """One step: inputs `token` and the states, and what there is to look back at;
    outputs `log_probabilities` (batch, V) and the states behind the step."""
    architecture = found.architecture
    part = Part.of(found, prefix, bidirectional=False)
    cell = CELLS[architecture["cell"]]
    token = graph.input("token", I64, ["batch"])
    states = {
        name: graph.input(name, F32, ["batch", size])
        for of_layer in states_of(architecture)
        for name, size in of_layer.items()
    }
    attention = architecture.get("attention")
    if "attention" in architecture:  # whether there is something to look at or not
        lengths = graph.input("sequence_lens", np.int32, ["batch"])
    if attention is not None:
        S = architecture["hidden_layer_sizes"][-1]
        S *= 1 + architecture["bidirectional"]
        memory = graph.input("memory", F32, ["batch", "time", S])
    x = graph.node("Gather", found.weights[table].astype(F32), token, axis=0)
    h = graph.unsqueeze(x, 0)
    for k, of_layer in enumerate(states_of(architecture)):
        weights = operator_weights(part.weights, k, 1, cell.onnx_order, F32)
        peepholes = [weights.pop("P")] if "P" in weights else []
        after = graph.nodes_of(
            cell.family,
            h,
            *weights.values(),
            "",
            *(graph.unsqueeze(states[name], 0) for name in of_layer),
            *peepholes,
            outputs=["", *(f"Y_{name}" for name in of_layer)],
            hidden_size=architecture["hidden_layer_sizes"][k],
            **cell.onnx_attributes,
        )[1:]
        for (name, size), state in zip(of_layer.items(), after, strict=True):
            graph.node("Squeeze", state, np.array([0]), name=f"next_{name}")
            graph.output(f"next_{name}", F32, ["batch", size])
        h = after[0]
    rows = graph.squeeze(h, 0)
    if attention is not None:
        rows = _attend(graph, found, rows, memory, lengths)
    weight, bias = (found.weights[f"head_{key}"] for key in ("weight", "bias"))
    raw = graph.node("Gemm", rows, weight.astype(F32), bias.astype(F32), transB=1)
    graph.node("LogSoftmax", raw, axis=1, name="log_probabilities")
    graph.output("log_probabilities", F32, ["batch", len(bias)])


def _attend(graph, found, h, memory, lengths):
    """h~ = tanh(W_c [context; h] + b_c), and an output `attention` (batch, time)."""
    weights = {
        name.removeprefix("attention_"): value.astype(F32)
        for name, value in found.weights.items()
        if name.startswith("attention_")
    }
    q = h
    if "query_weight" in weights:
        q = graph.node("MatMul", h, weights["query_weight"].T.copy())
    if "v" in weights:
        keys = graph.node("MatMul", memory, weights["key_weight"].T.copy())
        sums = graph.node("Tanh", graph.node("Add", keys, graph.unsqueeze(q, 1)))
        scores = graph.node("MatMul", sums, weights["v"].reshape(-1, 1))
    else:
        scores = graph.node("MatMul", memory, graph.unsqueeze(q, 2))
    scores = graph.squeeze(scores, 2)
    steps = graph.unsqueeze(graph.arange(graph.size(memory, 1)), 0)
    exists = graph.node("Less", steps, graph.unsqueeze(graph.cast(lengths, I64), 1))
    scores = graph.where(exists, scores, F32(np.finfo(F32).min))
    share = graph.node("Softmax", scores, axis=1)
    share = graph.where(exists, share, F32(0))
    graph.node("Identity", share, name="attention")
    graph.output("attention", F32, ["batch", "time"])
    context = graph.node("MatMul", graph.unsqueeze(share, 1), memory)
    both = graph.node("Concat", graph.squeeze(context, 1), h, axis=1)
    combined = graph.node(
        "Gemm", both, weights["combine_weight"], weights["combine_bias"], transB=1
    )
    return graph.node("Tanh", combined)
