"""What Python knows of a cell, once: its row in C, its names and orders elsewhere."""

from typing import NamedTuple

from .._kernels import CELLS as ROWS


class Cell(NamedTuple):
    """A cell. Orders are places: of its slots in PyTorch's, of PyTorch's in others'."""

    number: int  # from here to `memory` the row in cells.h
    gates: int
    slots: int
    has_c: bool
    n_own: int
    memory: int
    family: str  # of PyTorch's module and ONNX's operator
    torch_order: tuple
    onnx_order: tuple
    keras_order: tuple
    slot_names: tuple = ()  # what is in the first slots after a step
    own_slots: tuple = ()  # d_z times c gives the gradient of its own parameters:
    own_states: tuple = ()  # c before the step, or after it
    onnx_attributes: dict = {}


_LSTM = {
    "family": "LSTM",
    "torch_order": (0, 1, 2, 3),
    "onnx_order": (0, 3, 1, 2),
    "keras_order": (0, 1, 2, 3),
    "slot_names": ("input_gate", "forget_gate", "cell_candidate", "output_gate"),
}
_RNN = {
    "family": "RNN",
    "torch_order": (0,),
    "onnx_order": (0,),
    "keras_order": (0,),
}
_KNOWN = {
    "lstm": _LSTM,
    "lstm_peephole": {
        **_LSTM,
        "own_slots": (0, 1, 3),
        "own_states": ("before", "before", "after"),
    },
    "gru": {
        "family": "GRU",
        "torch_order": (1, 2, 0),
        "onnx_order": (1, 0, 2),
        "keras_order": (1, 0, 2),
        "slot_names": ("candidate", "reset_gate", "update_gate"),
        "onnx_attributes": {"linear_before_reset": 1},
    },
    "rnn_tanh": _RNN,
    "rnn_relu": {**_RNN, "onnx_attributes": {"activations": ["Relu"]}},
}

CELLS = {name: Cell(*row, **_KNOWN[name]) for name, row in ROWS.items()}
