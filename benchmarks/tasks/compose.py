"""Chorales in the manner of Bach's, written by a tagger and saved as MIDI.

    python benchmarks/tasks/compose.py chorales --data FOLDER

The first recipe for the chorales (text_recipes.py) is fitted to the training part. It
is given the first beats of some pieces of the test part and goes on by itself: each
note of the next step is drawn from its probability, whose log-odds are divided by a
temperature. Files go to the folder that is named, one for each piece and temperature.
Writing them needs mido.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import tagging_data
import text_data
from data import Unavailable
from report import skip
from scipy.special import expit
from step_baselines import nll_per_step
from tagging import NotesTagger
from text_recipes import TAGGERS

#: Steps of a quarter note each that are given, and that are drawn.
N_GIVEN, N_DRAWN = 16, 64
#: Quarter notes in a minute.
TEMPO = 80


def compose(tagger, given, temperature, seed):
    """The given steps and N_DRAWN more, rows of zeros and ones."""
    rng = np.random.default_rng(seed)
    state, notes, steps = tagger.initial_state(), np.zeros(tagging_data.N_NOTES), []
    for t in range(len(given) + N_DRAWN):
        logits, state = tagger.predict_step(notes, state, method="decision_function")
        if t < len(given):
            notes = given[t]
        else:
            notes = (rng.random(len(notes)) < expit(logits[0] / temperature)) * 1.0
        steps.append(notes)
    return np.array(steps)


def save_midi(roll, path):
    """Write a roll of zeros and ones; notes that go on are held."""
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO)))
    silence = np.zeros((1, roll.shape[1]))
    waited = 0
    for change in np.diff(np.vstack([silence, roll, silence]), axis=0):
        for kind, sign in (("note_off", -1), ("note_on", 1)):
            notes = np.flatnonzero(change == sign) + tagging_data.LOWEST_NOTE
            for note in notes.tolist():
                track.append(mido.Message(kind, note=note, velocity=64, time=waited))
                waited = 0
        waited += file.ticks_per_beat
    file.save(path)


def run(arguments):
    try:
        import mido  # noqa: F401
    except ImportError:
        raise Unavailable("pip install mido") from None
    parts = tagging_data.chorales(arguments.data)
    recipe = TAGGERS["JSB chorales"]["LSTM"][0].parameters
    if arguments.epochs is not None:
        recipe = recipe | {"max_iter": arguments.epochs}
    start = time.perf_counter()
    model = NotesTagger(recipe, seed=0).fit(parts["train"])
    seconds = time.perf_counter() - start
    nats = nll_per_step(model.decision_function(parts["test"]), parts["test"])
    print(f"{nats:.3f} nats a step in the test part, after a fit of {seconds:.0f} s.\n")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for k, piece in enumerate(parts["test"][: arguments.pieces]):
        for temperature in arguments.temperatures:
            roll = compose(model.tagger, piece[:N_GIVEN], temperature, seed=k)
            path = arguments.folder / f"chorale-{k}-{temperature}.mid"
            save_midi(roll, path)
            drawn = roll[N_GIVEN:].sum(axis=1).mean()
            print(f"{path}: {drawn:.2f} notes a step; Bach's {piece.sum(1).mean():.2f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--pieces", type=int, default=3)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.5, 0.8, 1])
    parser.add_argument("--epochs", type=int, help="instead of those of the recipe")
    text_data.add_data(parser)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except Unavailable as missing:
        skip("chorales", str(missing))


if __name__ == "__main__":
    main()
