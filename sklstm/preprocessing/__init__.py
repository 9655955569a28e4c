"""Transformers of sequences: any 2-D transformer step by step, and frame stacking."""

from ._frame_stacker import FrameStacker
from ._time_distributed import TimeDistributed

__all__ = ["FrameStacker", "TimeDistributed"]
