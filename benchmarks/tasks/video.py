"""The next frames of clips: digits that move, and rain seen by radars.

    python benchmarks/tasks/video.py --data FOLDER
    python benchmarks/tasks/video.py --only digits --seeds 1
    python benchmarks/tasks/video.py --data FOLDER --choose

Moving MNIST: two digits of 64 x 64 pixels that bounce off the borders, 10 frames shown
and 10 forecast; "digits" has them at half the size. The images of the digits in the
test are in no training clip. Rain: half an hour ahead, in squares of 128 x 128 km, of
the last two hours of a day of which what came before is fitted on. Beside
ConvLSTMForecaster stand the last frame, its trend, and optical flow (pysteps). "The
whole image" is told what is around the squares too. `--choose` scores all recipes on
validation data instead.
"""

import time
import warnings
from pathlib import Path

import data
import numpy as np
import text_data
import video_baselines
import video_data
from joblib import Parallel, delayed
from models import Missing
from report import make_parser, mean_sd, print_setting, print_table, skip
from video_recipes import RECIPES

import sklstm

N_CLIPS, N_TEST_CLIPS = 2000, 500
SHOWN = 10
#: Frames of a training clip: of its windows more than half show ten.
N_FRAMES = 30
THRESHOLDS = (0.5, 2.0)  # mm/h
MEASURES = ("squared error", *(f"critical success at {x} mm/h" for x in THRESHOLDS))
MINUTES = 5
#: How many times ConvLSTM's error the last frame's is to be.
GOALS = {"digits": 2.5, "digits 64": 2.5}


def make_network(recipe, seed, horizon, **parameters):
    try:
        return sklstm.ConvLSTMForecaster(
            horizon=horizon, random_state=seed, **parameters, **recipe
        )
    except (AttributeError, TypeError) as error:
        raise Missing(f"sklstm {sklstm.__version__}: {error}") from error


def timed(make):
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


# ---- moving digits -----------------------------------------------------------------


def frame_errors(truth, forecasts):
    """Squared errors summed over a frame, means over clips, by frame (horizon,)."""
    return np.square(truth - forecasts, dtype=np.float64).sum(axis=(2, 3)).mean(axis=0)


class Digits:
    """Clips of two digits, 10 frames shown and 10 forecast."""

    def __init__(self, name, arguments):
        self.name, self.choose = name, arguments.choose
        self.side = 64 if name == "digits 64" else 32
        self.images = video_data.digit_images(Path(arguments.cache))
        part = "valid" if self.choose else "test"
        self.test = self._clips(part, N_TEST_CLIPS, seed=10**6)

    def _clips(self, part, n, seed, **options):
        images = self.images[part]
        return video_data.moving_digits(images, n, seed, side=self.side, **options)

    def describe(self):
        n = {part: len(images) for part, images in self.images.items()}
        others = n["valid" if self.choose else "test"]
        return (
            f"{N_CLIPS} clips of {N_FRAMES} frames for training, others for each seed, "
            f"of {n['train']} images; {N_TEST_CLIPS} clips of {others} other images to "
            f"be forecast; {self.side} x {self.side} pixels from 0 to 1."
        )

    def score(self, recipe, seed):
        """Errors by frame and seconds of the fit."""
        warnings.simplefilter("ignore")  # max_iter reached: a recipe knows its epochs
        model = make_network(
            recipe, seed, self.test.shape[1] - SHOWN, context_length=SHOWN
        )
        train = self._clips("train", N_CLIPS, seed, n_frames=N_FRAMES)
        _, seconds = timed(lambda: model.fit(train))
        forecasts = model.predict(self.test[:, :SHOWN])
        return frame_errors(self.test[:, SHOWN:], forecasts), seconds

    def baselines(self):
        shown, truth = self.test[:, :SHOWN], self.test[:, SHOWN:]
        horizon = truth.shape[1]
        mean = self._clips("train", N_CLIPS, seed=0).mean(axis=(0, 1))
        made = {
            "mean of the training frames": lambda: mean,
            "last frame": lambda: video_baselines.persistence(shown, horizon),
            "linear extrapolation": lambda: video_baselines.trend(
                shown, horizon, high=1
            ),
        }
        if (lacking := video_baselines.missing()) is None:
            made["optical flow"] = lambda: video_baselines.optical_flow(shown, horizon)
        else:
            skip("optical flow", f"It needs {lacking}")
        for label, make in made.items():
            yield label, [(frame_errors(truth, make()), np.nan)]

    def print_tables(self, runs):
        """`runs` has by label pairs of errors and seconds, one for each seed."""
        if not self.choose:
            print(f"Bar: {GOALS[self.name]} times better than the last frame.\n")
        by_name = {
            label: np.array([errors.mean() for errors, _ in its])
            for label, its in runs.items()
        }
        rows = []
        for label, its in runs.items():
            errors, seconds = zip(*its, strict=True)
            ratios = [
                mean_sd(by_name[base].mean() / by_name[label], 2)
                for base in ("last frame", "linear extrapolation")
            ]
            cells = [
                mean_sd([e[k] for e in errors], 1)
                for k in (0, len(errors[0]) // 2 - 1, -1)
            ]
            rows.append([label, mean_sd(by_name[label], 1), *ratios, *cells,
                         seconds_of(seconds)])  # fmt: skip
        print_table(
            ["forecast", "squared error of a frame", "last frame ÷",
             "linear extrapolation ÷", "frame 1", "frame 5", "frame 10", "fit, s"],
            rows,
        )  # fmt: skip


def seconds_of(seconds):
    return "" if np.isnan(seconds).any() else f"{np.mean(seconds):.0f}"


# ---- rain --------------------------------------------------------------------------


def rain_scores(truth, forecasts):
    """By frame (horizon,): mean squared error, then the critical success index at each
    threshold, hits over hits, misses and false alarms of all pixels."""
    axes = (0, 2, 3)
    rows = [np.square(truth - forecasts, dtype=np.float64).mean(axis=axes)]
    for threshold in THRESHOLDS:
        was, said = truth >= threshold, forecasts >= threshold
        rows.append((was & said).sum(axis=axes) / (was | said).sum(axis=axes))
    return np.array(rows)


class Radar:
    """Rain of the next half hour."""

    def __init__(self, name, arguments):
        self.choose = arguments.choose
        rates = video_data.rain(arguments.data)
        self.rain = video_data.Rain(rates, choose=self.choose)
        self.truth = self.rain.truth()

    def describe(self):
        rain = self.rain
        return (
            f"{len(rain.fitted)} squares, which overlap, of {rain.begin} frames are "
            f"fitted on; {len(self.truth)} forecasts, of {len(rain.tested)} squares "
            f"that do not, in the frames {rain.begin + 1} to {rain.end}."
        )

    def score(self, recipe, seed):
        """Scores of squares, of the whole image, and seconds of the fit."""
        warnings.simplefilter("ignore")
        recipe = dict(recipe)
        forth, back = video_data.TRANSFORMS[recipe.pop("transform")]
        model = make_network(
            recipe, seed, video_data.HORIZON, context_length=video_data.CONTEXT
        )
        squares = forth(self.rain.training())
        _, seconds = timed(lambda: model.fit(squares))

        def forecasts(contexts):
            # below what the transform has of no rain there is none
            made = np.maximum(model.predict(forth(contexts)), forth(np.float32(0)))
            return back(made)

        own = rain_scores(self.truth, forecasts(self.rain.contexts()))
        whole = forecasts(self.rain.whole_contexts())
        return own, rain_scores(self.truth, self.rain.squares_of(whole)), seconds

    def baselines(self):
        rain, horizon = self.rain, video_data.HORIZON
        contexts = rain.contexts()
        last = video_baselines.persistence(contexts, horizon)
        yield "last frame", [(rain_scores(self.truth, last), np.nan)]
        if (lacking := video_baselines.missing()) is not None:
            skip("optical flow", f"It needs {lacking}")
            return
        forth, _ = video_data.TRANSFORMS["log"]
        moved = video_baselines.optical_flow(contexts, horizon, forth)
        yield "optical flow", [(rain_scores(self.truth, moved), np.nan)]
        moved = video_baselines.optical_flow(rain.whole_contexts(), horizon, forth)
        moved = rain.squares_of(moved)
        label = "optical flow, the whole image"
        yield label, [(rain_scores(self.truth, moved), np.nan)]

    def print_tables(self, runs):
        rows = {}
        for label, its in runs.items():
            rows[label] = [(run[0], run[-1]) for run in its]
            if len(its[0]) > 2:
                rows[f"{label}, the whole image"] = [(run[1], np.nan) for run in its]
        self._print_measures(rows)
        flow = {label: its for label, its in rows.items() if "flow" in label}
        for own in (label for label in rows if label.startswith("ConvLSTM")):
            for label, its in flow.items():
                if ("whole" in label) == ("whole" in own):
                    print(f"{own}: {where_better(its, rows[own])}\n")

    def _print_measures(self, rows):
        ahead = [f"{MINUTES * k} min" for k in range(1, video_data.HORIZON + 1)]
        last = rows["last frame"][0][0][0]
        titles = ["Mean squared error, (mm/h)², as 1 - error ÷ that of the last frame"]
        titles += [f"Critical success index at {x} mm/h" for x in THRESHOLDS]
        for k, title in enumerate(titles):
            print(f"{title}:\n")
            table = []
            for label, its in rows.items():
                scores = [run[k] if k else 1 - run[k] / last for run, _ in its]
                all_of_them = [s.mean() for s in scores]
                if not k:
                    all_of_them = [1 - run[0].mean() / last.mean() for run, _ in its]
                cells = [mean_sd(column, 3) for column in zip(*scores, strict=True)]
                seconds = [s for _, s in its]
                table.append([label, *cells, mean_sd(all_of_them, 3),
                              seconds_of(seconds)])  # fmt: skip
            print_table(["forecast", *ahead, "all", "fit, s"], table)


def where_better(flow, network):
    """In words: at which times and measures optical flow is better than a network."""
    flow, network = (
        np.mean([run for run, _ in its], axis=0) for its in (flow, network)
    )
    better = np.vstack([flow[:1] < network[:1], flow[1:] > network[1:]])
    parts = []
    for name, its in zip(MEASURES, better, strict=True):
        minutes = [str(MINUTES * (k + 1)) for k in np.flatnonzero(its)]
        if minutes:
            parts.append(f"in {name} at {', '.join(minutes)} minutes")
    if not parts:
        return "optical flow is better nowhere."
    return f"optical flow is better {'; '.join(parts)}."


SETS = {"digits": Digits, "digits 64": Digits, "radar": Radar}


# ---- tables ------------------------------------------------------------------------


def print_set(name, arguments, parallel):
    task = SETS[name](name, arguments)
    print(f"{task.describe()}\n", flush=True)
    runs = dict(task.baselines())
    recipes = RECIPES[name] if arguments.choose else RECIPES[name][:1]
    for recipe in recipes:
        text = ", ".join(f"{name}={value!r}" for name, value in recipe.items())
        if not arguments.choose:
            print(f"The recipe is {text}.\n", flush=True)
        label = f"ConvLSTM, {text}" if arguments.choose else "ConvLSTM"
        runs[label] = parallel(
            delayed(task.score)(recipe, seed) for seed in range(arguments.seeds)
        )
    task.print_tables(runs)


def main():
    parser = make_parser(__doc__, SETS)
    text_data.add_data(parser)
    parser.add_argument(
        "--cache",
        default=data.CACHE,
        help=f"where downloaded archives are kept; default {data.CACHE}",
    )
    parser.add_argument(
        "--choose",
        action="store_true",
        help="score all recipes on validation data instead of the first on test data",
    )
    arguments = parser.parse_args()
    print_setting("Next frames", arguments)
    print("± is the standard deviation over seeds.\n")
    with Parallel(arguments.jobs) as parallel:
        for name in arguments.only:
            print(f"### {name}\n")
            try:
                print_set(name, arguments, parallel)
            except (Missing, data.Unavailable) as missing:
                skip(name, str(missing))


if __name__ == "__main__":
    main()
