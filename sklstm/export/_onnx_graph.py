"""An ONNX graph that is being written: nodes, constants, inputs and outputs by name."""

from contextlib import suppress
from typing import NamedTuple

import numpy as np

# to_onnx tells its callers what is missing; who only imports every module, as doctest
# does, needs no onnx.
with suppress(ImportError):
    import onnx
    from onnx import helper, numpy_helper

# From this operator set on, ReduceMax takes its axes as an input, as ReduceSum does.
AXES_ARE_INPUTS = 18


def tensor_type(dtype):
    """The number ONNX has for a NumPy type."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class Sequences(NamedTuple):
    """What a graph has of padded sequences; time comes first, as ONNX has it."""

    x: str  # the steps, float32 (T, B, F)
    lengths: str  # int64 (B,)
    exists: str  # bool (T, B, 1), whether a step is no padding


class Graph:
    """The graph; values are known by their names, arrays become constants."""

    def __init__(self, opset):
        self.opsets = {"": opset}
        self.nodes, self.constants = [], []
        self.inputs, self.outputs = [], []
        self._names = {}
        self._counts = {}

    def node(self, op, *inputs, name=None, **attributes):
        """Add a node of one output; return its name."""
        (output,) = self.nodes_of(op, *inputs, outputs=[name or self._new(op)],
                                  **attributes)  # fmt: skip
        return output

    def nodes_of(self, op, *inputs, outputs, **attributes):
        """Add a node whose outputs have these names; return them."""
        inputs = [self._name_of(value) for value in inputs]
        while not inputs[-1]:  # optional inputs at the end that are not there
            inputs.pop()
        name = self._new(f"{op}_node")
        self.nodes.append(
            helper.make_node(op, inputs, outputs, name=name, **attributes)
        )
        return outputs

    def _new(self, base):
        number = self._counts[base] = self._counts.get(base, 0) + 1
        return f"{base}_{number}"

    def _name_of(self, value):
        if isinstance(value, str):
            return value
        value = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        key = value.dtype.str, value.shape, value.tobytes()
        if value.dtype == object or key not in self._names:
            name = self._names[key] = self._new("constant")
            self.constants.append(numpy_helper.from_array(value, name))
        return self._names[key]

    def input(self, name, dtype, shape):
        """An input of the graph."""
        value = helper.make_tensor_value_info(name, tensor_type(dtype), shape)
        self.inputs.append(value)
        return name

    def output(self, name, dtype, shape):
        """Make the value of this name an output of the graph."""
        value = helper.make_tensor_value_info(name, tensor_type(dtype), shape)
        self.outputs.append(value)

    # ---- what ONNX says in more than one way, or in more than one node ---------

    def reduce(self, op, x, *axes):
        """ReduceSum or ReduceMax along the axes, which are gone then."""
        if op == "ReduceSum" or self.opsets[""] >= AXES_ARE_INPUTS:
            return self.node(op, x, np.array(axes), keepdims=0)
        return self.node(op, x, axes=axes, keepdims=0)

    def cast(self, x, dtype, **name):
        return self.node("Cast", x, to=tensor_type(dtype), **name)

    def squeeze(self, x, *axes):
        return self.node("Squeeze", x, np.array(axes))

    def unsqueeze(self, x, *axes):
        return self.node("Unsqueeze", x, np.array(axes))

    def reshape(self, x, *shape):
        """With 0 for an extent that stays; -1 for the one that follows."""
        return self.node("Reshape", x, np.array(shape))

    def where(self, condition, x, otherwise):
        return self.node("Where", condition, x, otherwise)

    def size(self, x, axis):
        """One extent of x, int64 ()."""
        return self.node("Gather", self.node("Shape", x), np.array(axis))

    def arange(self, n):
        return self.node("Range", np.array(0), n, np.array(1))

    def at_least_one(self, x):
        """x (T, B, F) of at least one step: runtimes do not scan or reduce none."""
        lacking = self.node("Max", self.node("Sub", 1, self.size(x, 0)), 0)
        pads = self.node(
            "Concat", [0, 0, 0], self.unsqueeze(lacking, 0), [0, 0], axis=0
        )
        return self.node("Pad", x, pads)

    def fill_forward(self, x, first):
        """Last numbers seen (B, F), of `first` on, and x (T, B, F) without NaN."""
        before, x_t, after, x_filled = (
            helper.make_tensor_value_info(name, tensor_type(np.float32), ["B", "F"])
            for name in ("seen_before", "x_t", "seen_after", "x_filled")
        )
        step = helper.make_graph(
            [
                helper.make_node("IsNaN", ["x_t"], ["is_missing"]),
                helper.make_node(
                    "Where", ["is_missing", "seen_before", "x_t"], ["x_filled"]
                ),
                helper.make_node("Identity", ["x_filled"], ["seen_after"]),
            ],
            "fill_forward",
            [before, x_t],
            [after, x_filled],
        )
        return self.nodes_of(
            "Scan", first, x, outputs=["seen_last", "filled"], body=step,
            num_scan_inputs=1,
        )  # fmt: skip

    def sequences(self, x, lengths):
        """Padded steps (T, B, F); what stands in the padding, NaN too, is replaced."""
        t = self.unsqueeze(self.arange(self.size(x, 0)), 1)
        exists = self.node("Less", t, self.unsqueeze(lengths, 0))
        exists = self.unsqueeze(exists, 2)
        return Sequences(self.where(exists, x, np.float32(0)), lengths, exists)

    def embed(self, model, prefix, x):
        """The output of a model put into the graph on x, and the number of its type."""
        model = onnx.compose.add_prefix(model, prefix)
        for opset in model.opset_import:
            if opset.domain:
                version = self.opsets.get(opset.domain, 0)
                self.opsets[opset.domain] = max(version, opset.version)
        (entry,) = model.graph.input
        self.node("Identity", x, name=entry.name)
        self.nodes.extend(model.graph.node)
        self.constants.extend(model.graph.initializer)
        (y,) = model.graph.output
        return y.name, y.type.tensor_type.elem_type

    def model(self, name, doc, properties, producer, version):
        """The model, checked."""
        graph = helper.make_graph(
            self.nodes, name, self.inputs, self.outputs, self.constants, doc_string=doc
        )
        opsets = [helper.make_opsetid(*item) for item in sorted(self.opsets.items())]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            producer_name=producer,
            producer_version=version,
            doc_string=doc,
            # the newest one, which onnx would write, is refused by older runtimes
            ir_version=helper.find_min_ir_version_for(opsets, ignore_unknown=True),
        )
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model, full_check=True)
        return model
