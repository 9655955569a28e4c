"""Transformers of sequences: text to ids, any 2-D transformer step by step, frames."""

from ._frame_stacker import FrameStacker
from ._time_distributed import TimeDistributed
from ._token_encoder import TokenEncoder

__all__ = ["FrameStacker", "TimeDistributed", "TokenEncoder"]
