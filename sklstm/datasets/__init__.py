"""Real data that come with the package: no loader needs a network."""

from ._beijing_pm25 import load_beijing_pm25
from ._japanese_vowels import load_japanese_vowels
from ._pronunciations import load_pronunciations
from ._shakespeare import load_shakespeare

__all__ = [
    "load_beijing_pm25",
    "load_japanese_vowels",
    "load_pronunciations",
    "load_shakespeare",
]
