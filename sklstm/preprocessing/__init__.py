"""Transformers of sequences: text to ids, sound to frames, any 2-D transformer step by
step, stacked frames; timestamps to what a calendar says of them."""

from ._calendar_features import CalendarFeatures
from ._frame_stacker import FrameStacker
from ._log_mel import LogMel
from ._time_distributed import TimeDistributed
from ._token_encoder import TokenEncoder

__all__ = [
    "CalendarFeatures",
    "FrameStacker",
    "LogMel",
    "TimeDistributed",
    "TokenEncoder",
]
