"""Weights from and to the recurrent operators of ONNX, without onnx."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._network.cells import CELLS
from .._typing import ArrayLike, Estimator
from ..sequences._columns import real_array
from ._common import check_gates, check_shape, check_units, fitted, reordered, unfitted

# Peepholes of the gates i, o, f.
PEEPHOLES = (0, 2, 1)
ACTIVATIONS = {
    "LSTM": ["Sigmoid", "Tanh", "Tanh"],
    "GRU": ["Sigmoid", "Tanh"],
    "RNN": ["Tanh"],
}
# Attributes of all three operators.
ATTRIBUTES = (
    "activations", "activation_alpha", "activation_beta", "clip", "direction",
    "hidden_size", "layout",
)  # fmt: skip
OF_ONE = {"LSTM": ("input_forget",), "GRU": ("linear_before_reset",), "RNN": ()}
NO_WEIGHTS = ("X", "sequence_lens", "initial_h", "initial_c")


def operator_weights(weights, k, directions, order, dtype):
    """W, R, B and P of a layer of `weights_`, with the gates in ONNX' order."""

    def in_order(name, order):
        both = [
            weights[f"{name}_l{k}{suffix}"] for suffix in ("", "_reverse")[:directions]
        ]
        return np.stack([reordered(one, order, axis=0) for one in both]).astype(dtype)

    bias = [in_order(f"bias_{part}", order) for part in ("ih", "hh")]
    onnx = {
        "W": in_order("weight_ih", order),
        "R": in_order("weight_hh", order),
        "B": np.concatenate(bias, axis=1),
    }
    if f"peephole_l{k}" in weights:
        onnx["P"] = in_order("peephole", PEEPHOLES)
    return onnx


def from_onnx(
    layers: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    estimator: Estimator,
    *,
    head: tuple[ArrayLike, ArrayLike] | None = None,
    classes: ArrayLike | None = None,
    multilabel: bool = False,
    target_mean: float | ArrayLike | None = None,
    target_scale: float | ArrayLike | None = None,
) -> Estimator:
    """Make a fitted estimator of the weights of ONNX' operators LSTM, GRU or RNN.

    The model is a stack of them and a linear head, which reads the last hidden states
    (``Y_h``), or with `pooling` the mean or maximum of all. What comes back predicts,
    transforms and is saved like any fitted estimator. onnx itself is not needed.

    Parameters
    ----------
    layers : dict or list of dict
        Inputs and attributes of the operator, or of each of several, the lowest first,
        by their names in ONNX: ``W`` (D, gates H, F), ``R`` (D, gates H, H), ``B``
        (D, 2 gates H) and of an LSTM ``P`` (D, 3 H), with D directions. Without ``B``
        or ``P`` these are zeros. The gates are in ONNX' order: input, output, forget,
        cell of an LSTM, update, reset, hidden of a GRU. Attributes that are left out
        have ONNX' defaults; so a GRU needs ``linear_before_reset=1``.

    estimator : estimator
        An unfitted estimator that says what the weights are of: its class is the family
        of cells and the task, ``hidden_layer_sizes``, ``bidirectional``, ``pooling``,
        ``peephole`` and ``activation`` the network, ``dtype`` the precision. The rest
        of its parameters is for what comes after. It is not changed.

    head : tuple of array, default=None
        Weight (K, D H) and bias (K,) of the linear head, as ``Gemm`` with ``transB=1``
        takes them. None is the identity: the outputs are the last hidden states
        themselves.

    classes : array-like of shape (n_classes,), default=None
        Labels of the outputs of the head, in their order; with one output two labels,
        of which it is the log-odds of the second. None is 0, 1, ... Only for
        classifiers, taggers and transcribers; of these the last output is the blank's,
        which has no label, and a string of labels lets predictions be strings.

    multilabel : bool, default=False
        Whether each output is a label of its own, with a logistic function. Only for
        classifiers.

    target_mean : float or array-like of shape (n_outputs,), default=None
        Mean that was taken off the targets before the model was trained on them. None
        is 0. Only for regressors.

    target_scale : float or array-like of shape (n_outputs,), default=None
        What targets were divided by then: predictions are ``target_scale * output +
        target_mean``. None is 1. Only for regressors.

    Returns
    -------
    model : estimator
        A fitted clone of `estimator`.

    Raises
    ------
    TypeError
        If a layer is no mapping, `estimator` no recurrent estimator, or weights are not
        real numbers.
    ValueError
        If weights are missing or left over, or of another shape than `estimator` has
        them, if an attribute makes the operator another cell than ours, if `classes`
        do not fit the head, or if `estimator` has what ONNX has not:
        ``pooling="attention"``, a list of quantiles. The message names layer and key.

    See Also
    --------
    to_onnx : The way back, as a whole model.
    from_torch : The same from PyTorch; why it takes an estimator.

    Notes
    -----
    ``initial_h`` and ``initial_c`` are no weights: they are what
    :meth:`~sklstm.LSTMClassifier.initial_state` takes, layer by layer, for
    ``predict(X, initial_state=...)``. ``sequence_lens`` are the lengths of the
    sequences in X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.export import from_onnx
    >>> layer = {
    ...     "W": np.full((1, 12, 4), 0.1),
    ...     "R": np.full((1, 12, 3), 0.1),
    ...     "P": np.full((1, 9), 0.1),
    ... }
    >>> model = from_onnx(layer, LSTMRegressor(3, peephole=True))
    >>> X = np.arange(1.0, 9).reshape(2, 1, 4)
    >>> state = model.initial_state(h=np.zeros((1, 2, 3)), c=np.zeros((1, 2, 3)))
    >>> model.predict(X, initial_state=state).round(3)  # Y_h
    array([[0.375, 0.375, 0.375],
           [0.68 , 0.68 , 0.68 ]])
    """
    model = unfitted(estimator, "ONNX", multilabel, ("peephole",))
    layers = [layers] if isinstance(layers, Mapping) else layers
    if not isinstance(layers, (list, tuple)) or not layers:
        raise TypeError(
            "layers must be a dict of the inputs and attributes of an operator, or a "
            f"list of them, got {layers!r}."
        )
    units, directions, weights = [], [], []
    n_features = n_inputs = None
    for k, layer in enumerate(layers):
        layer = _Layer(f"layers[{k}]", layer, model)
        weights.append(layer.as_torch(n_inputs))
        units.append(layer.n_units)
        directions.append(layer.n_directions)
        n_features = n_features or layer.n_inputs
        n_inputs = layer.n_directions * layer.n_units
    if len(set(directions)) > 1:
        raise ValueError(
            f"The layers have {directions} directions, but all layers of "
            f"{type(model).__name__} have as many."
        )
    check_units(units, directions[0] == 2, model)
    return fitted(
        model, n_features, weights, _head(head, n_inputs), classes=classes,
        multilabel=multilabel, target_mean=target_mean, target_scale=target_scale,
    )  # fmt: skip


def _head(head, n_inputs):
    """Key, weight and bias of the head."""
    if head is None:
        return "head", np.eye(n_inputs), np.zeros(n_inputs)
    if not isinstance(head, (list, tuple)) or len(head) != 2:
        raise TypeError(
            f"head must be a tuple of two arrays, weight and bias, got {head!r}."
        )
    weight, bias = (real_array(f"head[{k}]", part) for k, part in enumerate(head))
    K = len(weight) if weight.ndim else 1
    what = f"the weight of a head that reads {n_inputs} hidden states"
    check_shape("head[0]", weight, (max(1, K), n_inputs), what)
    check_shape("head[1]", bias, (K,), "the bias of the head")
    return "head[0]", weight, bias


class _Layer:
    """An operator of ONNX, once it is known to be a layer of ours."""

    def __init__(self, key, given, model):
        self.key, self.model = key, model
        if not isinstance(given, Mapping):
            raise TypeError(
                f"{key} must be a dict of the inputs and attributes of an operator, "
                f"got {type(given).__name__}."
            )
        self.cell = CELLS[model._cell]
        self.op, self.order = self.cell.family, self.cell.onnx_order
        self.needed = self.cell.onnx_attributes
        inputs = ("W", "R", "B", "P") if self.op == "LSTM" else ("W", "R", "B")
        known = (*inputs, *ATTRIBUTES, *OF_ONE[self.op])
        self.arrays = {}
        for name, value in given.items():
            if name in NO_WEIGHTS:
                raise ValueError(
                    f"{key}[{name!r}] is no weight: sequences go to predict, initial "
                    "states to initial_state(h=..., c=...)."
                )
            if name not in known:
                raise ValueError(
                    f"{key} holds {name!r}, which {self.op} of ONNX does not have. It "
                    f"has {', '.join(known)}."
                )
            if name in inputs and value is not None:
                self.arrays[name] = real_array(f"{key}[{name!r}]", value)
        for name in ("W", "R"):
            array = self.arrays.get(name)
            if array is None:
                raise ValueError(f"{key} holds no {name!r}.")
            if array.ndim != 3 or len(array) not in (1, 2):
                raise ValueError(
                    f"{key}[{name!r}] has shape {array.shape}, but must have three "
                    "axes, of which the first is 1 direction or 2."
                )
        self.n_directions, _, self.n_inputs = self.arrays["W"].shape
        self.n_units = check_gates(f"{key}['R']", self.arrays["R"][0], model, axis=0)
        self._check_attributes(given)

    def _check_attributes(self, given):
        D, name = self.n_directions, type(self.model).__name__
        expected = {
            "direction": {1: "forward", 2: "bidirectional"}[D],
            "hidden_size": self.n_units,
            "clip": None,
            "activation_alpha": None,
            "activation_beta": None,
            "input_forget": 0,
            "linear_before_reset": 1 if self.op == "GRU" else 0,
            "activations": self.needed.get("activations", ACTIVATIONS[self.op]) * D,
        }
        # what ONNX takes where it is not given; of the others what is expected
        defaults = {"linear_before_reset": 0, "activations": ACTIVATIONS[self.op] * D}
        advice = {
            "linear_before_reset": "Only a GRU that resets after the recurrent product "
            "is that of sklstm, PyTorch and cuDNN; no weights of one make the other.",
            "direction": f"W is of {D} direction(s), of which a lone one must begin at "
            "the beginning.",
            "activations": "Pass an estimator of that activation."
            if self.op == "RNN"
            else "No others are there.",
        }
        for attribute, needed in expected.items():
            found = _plain(given.get(attribute))
            found = _plain(defaults.get(attribute, needed)) if found is None else found
            if found != _plain(needed):
                raise ValueError(
                    f"{self.key} has {attribute}={given.get(attribute, found)!r}, but "
                    f"{name} is {self.op} with {attribute}={needed!r}. "
                    + advice.get(attribute, "That is another function.")
                )

    def as_torch(self, n_inputs):
        """Both directions by PyTorch's names; `n_inputs` are those there must be."""
        D, H = self.n_directions, self.n_units
        gates = self.cell.gates
        n_inputs = n_inputs or self.n_inputs
        peephole = self.model._cell == "lstm_peephole"
        if "P" in self.arrays and not peephole:
            raise ValueError(
                f"{self.key} holds 'P', the weights of peepholes, but "
                f"{type(self.model).__name__} has peephole=False. Pass one with "
                "peephole=True."
            )
        shapes = {
            "W": (D, gates * H, n_inputs),
            "R": (D, gates * H, H),
            "B": (D, 2 * gates * H),
            "P": (D, 3 * H),
        }
        arrays = {}
        for name, shape in shapes.items():
            arrays[name] = self.arrays.get(name, np.zeros(shape))
            what = f"{self.op} of {H} units that reads {n_inputs} features"
            check_shape(f"{self.key}[{name!r}]", arrays[name], shape, what)
        ours, peepholes = np.argsort(self.order), np.argsort(PEEPHOLES)
        torch = {}
        for d, suffix in enumerate(("", "_reverse")[:D]):
            bias_ih, bias_hh = np.split(arrays["B"][d], 2)
            torch |= {
                "weight_ih" + suffix: reordered(arrays["W"][d], ours, axis=0),
                "weight_hh" + suffix: reordered(arrays["R"][d], ours, axis=0),
                "bias_ih" + suffix: reordered(bias_ih, ours, axis=0),
                "bias_hh" + suffix: reordered(bias_hh, ours, axis=0),
            }
            if peephole:
                torch["peephole" + suffix] = reordered(
                    arrays["P"][d], peepholes, axis=0
                )
        return torch


def _plain(value):
    """An attribute for comparison: onnx has bytes for text, and arrays for lists."""
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value] or None
    return value
