"""Networks of other libraries in, and ours out to them."""

from ._keras import from_keras, to_keras
from ._onnx import to_onnx
from ._onnx_weights import from_onnx
from ._torch import from_torch, to_torch

__all__ = ["from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch"]
