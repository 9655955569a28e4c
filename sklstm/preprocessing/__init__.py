"""Transformers of sequences: text to ids, any 2-D transformer step by step, frames;
timestamps to what a calendar says of them."""

from ._calendar_features import CalendarFeatures
from ._frame_stacker import FrameStacker
from ._time_distributed import TimeDistributed
from ._token_encoder import TokenEncoder

__all__ = ["CalendarFeatures", "FrameStacker", "TimeDistributed", "TokenEncoder"]
