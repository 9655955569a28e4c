"""Fitted networks for other programs."""

from ._onnx import to_onnx

__all__ = ["to_onnx"]
