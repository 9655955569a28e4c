"""A census of malformed input: what is refused clearly, and what is not.

    python benchmarks/malformed.py [--all] [--only TEXT]

Builds some thousand inputs that make no sense, of wrong types, shapes and values, and
gives each to an entry point in a process of its own kind, which may crash. Prints how
many were refused with an error that names the offending thing, and lists the others:
crashes, inputs that were accepted without a word, errors that name nothing, errors of
another kind than ValueError and TypeError, and fits that failed but left another model
than before. `--all` prints every case with its answer.
"""

import argparse
import multiprocessing
import re
import warnings
from collections import Counter
from itertools import product

import numpy as np
from _malformed_inputs import (
    ANY_Y,
    BAD_VALUES,
    CHOICE,
    CLASSES,
    CLASSIFIER_Y,
    CONTAINERS,
    COUNT,
    GOOD,
    GROUPS,
    LABELS,
    NUMBERS,
    PARAMETERS,
    REGRESSOR_PARAMETERS,
    REGRESSOR_Y,
    SAME_STATE,
    SEQUENCE_ARRAYS,
    STEPS,
    STRANGE,
    STRANGE_X,
    WEIGHTS,
    spoilt,
    states,
)
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sklstm import GRUClassifier, LSTMClassifier, LSTMRegressor, RNNRegressor
from sklstm.export import from_keras, from_torch, to_keras, to_torch
from sklstm.inspection import gradient_norms, sequence_permutation_importance
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import check_sequences

CLEAR = ValueError, TypeError, NotFittedError, MemoryError
TIMEOUT = 60  # seconds for a case


# ---- the cases ----------------------------------------------------------------------

SMALL = {"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0}
MODELS = {"classifier": LSTMClassifier, "regressor": RNNRegressor}
X_WORDS = "X|[Ss]equence|[Ss]ample|feature|step|array|table|DataFrame|Complex"
Y_WORDS = r"\by\b|label|target|class|samples: "


def fresh(task, **params):
    return MODELS[task](**SMALL, **params)


def fitted(task, **params):
    model = fresh(task, **params)
    return model.fit(GOOD, LABELS if task == "classifier" else NUMBERS)


def refit(task, *args, method="fit", params=None, **kwargs):
    """Fit a fitted estimator again; a failure must not change it."""
    model = fitted(task)
    before = model.predict(GOOD)
    model.set_params(**(params or {}))
    try:
        getattr(model, method)(*args, **kwargs)
    except BaseException:
        model.set_params(
            **{name: fresh(task).get_params()[name] for name in params or {}}
        )
        if not np.array_equal(model.predict(GOOD), before):
            raise SystemExit("a fit that failed has changed the model") from None
        raise


def given(value):
    return {"iterator": iter(LABELS), "generator": (x for x in np.ones((2, 2)))}.get(
        value if isinstance(value, str) else None, value
    )


def inputs():
    """Factories of X that is malformed for everybody, by name."""
    found = {f"X {name}": make for name, make in STRANGE_X.items()}
    for (what, value), (form, contain) in product(
        BAD_VALUES.items(), CONTAINERS.items()
    ):
        found[f"X {what} in {form}"] = lambda v=value, c=contain: c(spoilt(v))
    return found


def cases():
    """What to call and the words that an error must have, by name."""
    found = {}
    X_entries = {
        "fit": lambda X: refit("classifier", X, LABELS),
        "partial_fit": lambda X: refit("regressor", X, NUMBERS, method="partial_fit"),
        "predict": lambda X: fitted("classifier").predict(X),
        "predict_proba": lambda X: fitted("classifier").predict_proba(X),
        "transform": lambda X: fitted("regressor").transform(X, output="sequence"),
        "score": lambda X: fitted("regressor").score(X, NUMBERS),
        "check_sequences": check_sequences,
        "X_val": lambda X: refit(
            "classifier", GOOD, LABELS, X_val=X, y_val=LABELS,
            params={"early_stopping": True},
        ),
        "TimeDistributed": lambda X: TimeDistributed(StandardScaler()).fit_transform(X),
        "FrameStacker": lambda X: FrameStacker(2).fit(GOOD).transform(X),
        "gradient_norms": lambda X: gradient_norms(fitted("classifier"), X, LABELS),
        "permutation": lambda X: sequence_permutation_importance(
            fitted("classifier"), X, LABELS, n_repeats=1
        ),
    }  # fmt: skip
    lets_nan_through = ("TimeDistributed", "FrameStacker")
    for k, (what, make) in enumerate(inputs().items()):
        # every input at the main doors, and at one more in turn
        others = list(X_entries)[3:]
        for entry in ("fit", "predict", others[k % len(others)]):
            may_be_missing = re.search(r"NaN|\bNA\b|NaT|None in|null|pad", what)
            if entry in lets_nan_through and may_be_missing:
                continue
            if what.startswith("X 1e39") and entry in (
                *lets_nan_through,
                "check_sequences",
            ):
                continue  # a number in float64
            found[f"{entry}: {what}"] = (
                lambda make=make, call=X_entries[entry]: call(make()), X_WORDS,
            )  # fmt: skip
    for task, own in (("classifier", CLASSIFIER_Y), ("regressor", REGRESSOR_Y)):
        for what, y in {**ANY_Y, **own}.items():
            found[f"fit {task}: y {what}"] = (
                lambda y=y, task=task: refit(task, GOOD, given(y)), Y_WORDS,
            )  # fmt: skip
        for what, y in ANY_Y.items():
            found[f"score {task}: y {what}"] = (
                lambda y=y, task=task: fitted(task).score(GOOD, given(y)), "y|samples",
            )  # fmt: skip
        for what, weight in WEIGHTS.items():
            y = LABELS if task == "classifier" else NUMBERS
            for method in ("fit", "partial_fit"):
                found[f"{method} {task}: weight {what}"] = (
                    lambda w=weight, m=method, t=task, y=y: refit(t, GOOD, y, w,
                    method=m),
                    "weight",
                )  # fmt: skip
    for what, groups in GROUPS.items():
        found[f"groups {what}"] = (
            lambda g=groups: refit(
                "classifier", GOOD, LABELS, groups=g,
                params={"early_stopping": True, "validation_fraction": 0.4},
            ),
            "group",
        )  # fmt: skip
    for what, classes in CLASSES.items():
        found[f"classes {what}"] = (
            lambda c=classes: fresh("classifier").partial_fit(GOOD, LABELS, classes=c),
            "class",
        )
    for task, table in (
        ("classifier", PARAMETERS),
        ("regressor", REGRESSOR_PARAMETERS),
    ):
        for name, values in table.items():
            for what, value in values.items():
                params = {name: value}
                params |= (
                    {"loss": name.partition("_")[0]}
                    if task != "classifier" and (name != "loss")
                    else {}
                )
                y = LABELS if task == "classifier" else NUMBERS
                found[f"{name} {what}"] = (
                    lambda p=params, t=task, y=y: refit(t, GOOD, y, params=p), name,
                )  # fmt: skip
    for name, values in {"n_frames": COUNT, "step": COUNT, "remainder": CHOICE}.items():
        for what, value in values.items():
            if (name, what) != ("step", "None"):
                found[f"FrameStacker {name} {what}"] = (
                    lambda n=name, v=value: FrameStacker(**{n: v}).fit_transform(GOOD),
                    name,
                )
    for name, value in (("n_frames", 2**63), ("n_frames", 10**30)):
        found[f"FrameStacker {name} {value}"] = (
            lambda n=name, v=value: FrameStacker(**{n: v}).fit_transform(GOOD), name,
        )  # fmt: skip
    for what, inner in {
        **STRANGE,
        "predictor": LogisticRegression(),
        "type": KMeans,
    }.items():
        found[f"TimeDistributed of {what}"] = (
            lambda t=inner: TimeDistributed(t).fit(GOOD), "transformer",
        )  # fmt: skip
    for task, params in (("classifier", {}), ("regressor", {"pooling": "mean"})):
        make = lambda task=task, params=params: fitted(task, **params)  # noqa: E731
        for what in states(make()):
            if not SAME_STATE.fullmatch(what) and (task, what) != (
                "regressor", "pooled given",
            ):  # fmt: skip
                found[f"state of a {task}: {what}"] = (
                    lambda m=make, w=what: step_with(m(), w), "state|[Bb]egin",
                )  # fmt: skip
    for what, x in STEPS.items():
        found[f"step {what}"] = (
            lambda x=x: (m := fitted("classifier")).predict_step(
                given(x), m.initial_state(2)
            ),
            "X|feature|step",
        )
    for what, n in {**COUNT, "2**62": 2**62}.items():
        if n is None:
            continue
        found[f"initial_state {what}"] = (
            lambda n=n: fitted("classifier").initial_state(n), "n_sequences",
        )  # fmt: skip
    for what, make in SEQUENCE_ARRAYS.items():
        found[f"SequenceArray {what}"] = (
            make,
            "offsets|data|names?|index|Ind|[Ss]equence|ample|X|mask|olumn|able|by|Exp|exp"
        )  # fmt: skip
    for what, value in {**STRANGE, "fitted": 0, "weights of another": {"a": 1}}.items():
        found[f"from_torch {what}"] = (
            lambda v=value: from_torch(v, GRUClassifier(3)), "state_dict|weight",
        )  # fmt: skip
        found[f"from_keras {what}"] = (
            lambda v=value: from_keras(v, GRUClassifier(3)), "weights|list",
        )  # fmt: skip
        found[f"to_torch {what}"] = lambda v=value: to_torch(v), "estimator|got|fitted"
        found[f"to_keras {what}"] = lambda v=value: to_keras(v), "estimator|got|fitted"
        found[f"to_torch {what} as recurrent"] = (
            lambda v=value: to_torch(fitted("classifier"), recurrent=v), "recurrent",
        )  # fmt: skip
        found[f"from_torch {what} as head"] = (
            lambda v=value: from_torch(
                to_torch(fitted("classifier")), LSTMClassifier(3), head=v
            ),
            "head",
        )  # fmt: skip
    for what in ("to_torch None as recurrent", "to_torch text as recurrent"):
        del found[what]
    del found["from_torch None as head"]
    for name, value in (
        ("axis", "steps"), ("axis", None), ("n_repeats", 0), ("n_repeats", 1.5),
        ("from_end", 2),
        ("scoring", "no"), ("scoring", 3), ("random_state", "a"), ("sample_weight",
        [1]),
        ("from_end", True),
    ):  # fmt: skip
        found[f"permutation {name} {value}"] = (
            lambda n=name, v=value: sequence_permutation_importance(
                fitted("classifier"), GOOD, LABELS, **{n: v}
            ),
            name if name != "sample_weight" else "weight|samples",
        )
    for what, call in {
        "predict": lambda: LSTMRegressor().predict(GOOD),
        "transform": lambda: LSTMRegressor().transform(GOOD),
        "initial_state": lambda: LSTMRegressor().initial_state(),
        "score": lambda: LSTMRegressor().score(GOOD, NUMBERS),
        "FrameStacker": lambda: FrameStacker().transform(GOOD),
        "TimeDistributed": lambda: TimeDistributed(StandardScaler()).transform(GOOD),
        "gradient_norms": lambda: gradient_norms(LSTMRegressor(), GOOD, NUMBERS),
    }.items():
        found[f"not fitted: {what}"] = call, "not fitted"
    return found


def step_with(model, what):
    return model.predict_step(np.ones((2, 2)), states(model)[what])


# ---- running them -------------------------------------------------------------------


def answer(call, words):
    """The kind of the answer to a case, and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except ImportError as error:
            return "skipped", str(error)
        except IndexError as error:
            # which is what an index gets
            kind = "refused" if "index" in words and str(error) else "bare error"
            return kind, f"IndexError: {error}"
        except CLEAR as error:
            said = f"{type(error).__name__}: {error}"
            named = re.search(words, str(error)) and len(str(error)) > 20
            return "refused" if named else "nothing named", said
        except SystemExit as error:
            return "changed", str(error)
        except BaseException as error:
            return "bare error", f"{type(error).__name__}: {error}"
    ours = [w for w in caught if "Maximum iterations" not in str(w.message)]
    for w in ours:
        if "encountered in" in str(w.message):  # what NumPy says of a bad number
            return "bare error", f"{w.category.__name__}: {w.message}"
    if ours:
        return "warned", f"{ours[0].category.__name__}: {ours[0].message}"
    return "accepted in silence", ""


def child(connection):
    """Answer for the names that come in, until there are no more."""
    table = cases()
    for name in iter(connection.recv, None):
        connection.send(answer(*table[name]))


class Guarded:
    """A process that answers, and is replaced when it dies or hangs."""

    def __init__(self):
        self.context = multiprocessing.get_context("spawn")
        self.process = None

    def ask(self, name):
        if self.process is None:
            self.here, there = self.context.Pipe()
            self.process = self.context.Process(
                target=child, args=(there,), daemon=True
            )
            self.process.start()
            there.close()
        try:
            self.here.send(name)
            if self.here.poll(TIMEOUT):
                return self.here.recv()
            said = f"no answer in {TIMEOUT} s"
            self.process.kill()
        except (EOFError, OSError):
            said = ""
        self.process.join()
        code, self.process = self.process.exitcode, None
        return "crashed", said or f"exit code {code}"

    def close(self):
        if self.process is not None:
            self.here.send(None)
            self.process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="print every case")
    parser.add_argument("--only", default="", help="cases whose names hold this")
    arguments = parser.parse_args()
    names = [name for name in cases() if arguments.only in name]
    guarded, answers = Guarded(), {}
    for name in names:
        answers[name] = guarded.ask(name)
    guarded.close()
    kinds = Counter(kind for kind, _ in answers.values())
    for kind in (
        "crashed", "changed", "accepted in silence", "bare error", "nothing named",
        "warned", *(["refused", "skipped"] if arguments.all else []),
    ):  # fmt: skip
        print(f"\n== {kind}: {kinds[kind]}")
        for name, (found, said) in answers.items():
            if found == kind:
                print(f"{name:50} {' '.join(said.split())[:160]}")
    tried = len(names) - kinds.pop("skipped", 0)
    print(f"\n{tried} tried: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}")


if __name__ == "__main__":
    main()
