"""Data, measures and baselines of the benchmarks of transcription, worked by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

TASKS = Path(__file__).parents[1] / "benchmarks" / "tasks"
if not (TASKS / "transcription_data.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(TASKS))
from transcription_baselines import (  # noqa: E402
    CutDigits,
    boundary_distances,
    label_error_rate,
    loud_runs,
    n_edits,
    pieces,
)
from transcription_data import (  # noqa: E402
    HEIGHT,
    NOISES,
    Press,
    is_verse,
    joined,
    strings,
)

from sklstm.preprocessing import LogMel  # noqa: E402

sys.path.remove(str(TASKS))


@pytest.mark.parametrize(
    "expected, got, edits",
    [
        ("kitten", "sitting", 3),
        ("abc", "abc", 0),
        ("", "ab", 2),
        ("ab", "", 2),
        ("", "", 0),
        ("abcd", "bcd", 1),
        ("aab", "ab", 1),
        ("ab", "ba", 2),
    ],
)
def test_edits(expected, got, edits):
    assert n_edits(expected, got) == edits
    assert n_edits(list(expected), list(got)) == edits
    assert n_edits(got, expected) == edits


def test_error_rate_is_over_all_labels():
    assert label_error_rate(["abcd", "e"], ["abcd", ""]) == pytest.approx(20)


def test_borders():
    """Seven frames make three steps of three, the first with two copies."""
    path, bounds = [(0, 0), (2, 2)], np.array([[0, 200], [300, 500]])
    # midway between steps 0 and 2 is 1.5 steps, 4.5 - 2 frames, minus half a one
    (distance,) = boundary_distances([path], [bounds], [7], 3, 80)
    assert distance == pytest.approx(abs(2 - 250 / 80) / 3)
    assert_allclose(boundary_distances([path], [bounds], [9], 1, 250), 0)


def test_loud_runs():
    level = np.array([0, 9, 9, 0, 9, 0, 0, 0, 9, 0.0])
    frames = np.column_stack([level, level])
    assert_array_equal(loud_runs(frames, 0.5, 2), [[1, 4], [8, 8]])
    assert_array_equal(loud_runs(frames, 0.5, 1), [[1, 2], [4, 4], [8, 8]])
    assert_array_equal(loud_runs(frames, 0.5, 4), [[1, 8]])
    assert len(loud_runs(np.ones((4, 2)), 0.5, 1)) == 0


def test_pieces():
    frames = np.arange(16.0).reshape(16, 1)
    assert_array_equal(pieces(frames), [*np.arange(0.5, 16, 2), 16])
    assert_array_equal(pieces(frames[:1]), [*np.zeros(8), 1])


@pytest.fixture
def takes():
    """Digits that are constants, two takes of each by two speakers."""
    return {
        (speaker, digit): [np.full(100 * (k + 1), 100 * k + int(digit)) for k in (1, 2)]
        for speaker in ("ann", "bob")
        for digit in "0123456789"
    }


def test_strings_are_what_their_bounds_say(takes):
    drawn = strings(takes, 40, seed=3)
    lengths = {len(y) for y in drawn.transcripts}
    assert lengths <= set(range(3, 8)) and len(lengths) > 3
    joints = []
    for sound, y, bounds in zip(*drawn, strict=True):
        assert (np.diff(bounds.ravel()) >= 0).all() and bounds[-1, 1] <= len(sound)
        for digit, (begin, end) in zip(y, bounds, strict=True):
            assert (sound[begin:end] % 100 == int(digit)).all()
        joints += (bounds[1:, 0] - bounds[:-1, 1]).tolist()
    assert 0.3 < np.mean(np.array(joints) == 0) < 0.7
    again = strings(takes, 40, seed=3)
    assert again.transcripts == drawn.transcripts
    assert all(map(np.array_equal, again.sounds, drawn.sounds))
    assert strings(takes, 40, seed=4).transcripts != drawn.transcripts


def test_parts_are_joined(takes):
    together = joined(takes, takes)
    assert len(together["ann", "3"]) == 4


def test_cut_digits():
    """Tones in noise, with pauses between them, are cut and told apart."""
    rng = np.random.default_rng(0)
    t = np.arange(1600) / 8000
    noise = 500 * rng.standard_normal(1600)
    tones = {
        ("ann", digit): [
            (9000 * np.sin(2 * np.pi * f * t) + noise)[:n].astype(np.int16)
            for n in (1200, 1400, 1600)
        ]
        for digit, f in zip("123", (400, 900, 1800), strict=True)
    }
    pause = np.round(2 * rng.standard_normal(1200)).astype(np.int16)
    drawn = strings(tones, 30, seed=0)
    sounds, bounds = [], []
    for sound, _, bound in zip(*drawn, strict=True):
        parts = [pause]
        for begin, end in bound:
            parts += [sound[begin:end], pause]
        sounds.append(np.concatenate(parts))
        begins = np.cumsum([0, *map(len, parts)])
        bounds.append(np.column_stack([begins[1:-1:2], begins[2::2]]))
    drawn = drawn._replace(sounds=sounds, bounds=bounds)
    cutter = CutDigits(LogMel(8000)).fit(tones, drawn)
    assert label_error_rate(drawn.transcripts, cutter.predict(sounds)) == 0
    told = cutter.predict_cut(sounds, bounds)
    assert label_error_rate(drawn.transcripts, told) == 0


@pytest.mark.parametrize(
    "line, verse",
    [
        ("To be, or not to be: that is", True),
        ("**HAMLET**", False),
        ("_Exit Ghost and others_", False),
        ("Ay.", False),
        ("A line that is by far too long to be printed whole", False),
    ],
)
def test_verses(line, verse):
    assert is_verse(line) == verse


def test_print():
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    press, lines = Press(), ["Who is there?", "Stand, and unfold yourself."]
    for noise in NOISES:
        images = press.print(lines, 0, noise)
        assert [image.shape[1] for image in images] == [HEIGHT] * 2
        assert len(images[0]) < len(images[1])
        assert all(image.dtype == np.float32 for image in images)
        for a, b in zip(images, press.print(lines, 0, noise), strict=True):
            assert_array_equal(a, b)
        assert not np.array_equal(images[0], press.print(lines, 1, noise)[0])
