"""Checkpoints: what a fit has come to, in a file from which the same fit goes on."""

import os
import pickle
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from .feeds import fingerprints

FORMAT = 1
NAME = "sklstm-checkpoint.pkl"


class Checkpoint:
    """A file in a folder, or below a URL that fsspec knows, written every so many
    epochs or after so much time, at the end of an epoch and of the fit.

    It is written beside its place and moved there, so that what stands there is whole.
    """

    def __init__(self, folder, interval=1):
        self.folder, self.interval = folder, interval
        self._written = time.monotonic()

    def identify(self, estimator, n_parts, samples):
        """Say which fit this is: by its parameters, its data and its parts."""
        from joblib import hash

        content = fingerprints(
            samples.data, samples.starts, samples.lengths, samples.target
        )
        parameters = estimator.get_params()
        for name in ("verbose", "warm_start"):
            parameters.pop(name, None)
        self.identity = {
            "estimator": type(estimator).__name__,
            "parameters": hash(parameters),
            "n_parts": n_parts,
            "data": hash((content, samples.weight)),
        }

    # ---- what a training is made of ----------------------------------------------

    def restore(self, training):
        """Take over what is there into a `Training`; epochs done, and the outcome if
        that fit has ended. (0, None) where there is nothing."""
        found = self._read()
        if found is None:
            return 0, None
        if found.get("format") != FORMAT or found["identity"] != self.identity:
            differs = [
                name
                for name, value in self.identity.items()
                if found.get("identity", {}).get(name) != value
            ]
            raise ValueError(
                f"The checkpoint in {str(self.folder)!r} is of another fit (it differs "
                f"in {', '.join(differs) or 'its format'}). Name another folder, or "
                "delete this one to begin anew."
            )
        training.restore(found["training"])
        return found["n_epochs"], found["outcome"]

    def epoch(self, n_epochs, training):
        """After an epoch behind which there is another one."""
        if isinstance(self.interval, timedelta):
            due = time.monotonic() - self._written >= self.interval.total_seconds()
        else:
            due = n_epochs % self.interval == 0
        if due:
            self._write(n_epochs, training, None)

    def done(self, training, outcome):
        """After the last epoch."""
        self._write(outcome.n_epochs, training, outcome)

    # ---- the file ----------------------------------------------------------------

    def _write(self, n_epochs, training, outcome):
        content = {
            "format": FORMAT,
            "identity": self.identity,
            "n_epochs": n_epochs,
            "outcome": outcome,
            "training": training.state(),
        }
        content = pickle.dumps(content, protocol=5)
        if _is_url(self.folder):
            files, path = _files(self.folder)
            files.makedirs(path, exist_ok=True)
            beside = f"{path}/{NAME}.part"
            files.pipe_file(beside, content)
            files.mv(beside, f"{path}/{NAME}")
        else:
            folder = Path(self.folder)
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=folder, prefix=NAME, delete=False
            ) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(file.name, folder / NAME)
        self._written = time.monotonic()

    def _read(self):
        try:
            if _is_url(self.folder):
                files, path = _files(self.folder)
                content = files.cat_file(f"{path}/{NAME}")
            else:
                content = (Path(self.folder) / NAME).read_bytes()
        except FileNotFoundError:
            return None
        return pickle.loads(content)


def _is_url(folder):
    return "://" in str(folder)


def _files(folder):
    from fsspec.core import url_to_fs

    files, path = url_to_fs(str(folder))
    return files, path.rstrip("/")


class Training:
    """All that changes while a network is trained."""

    def __init__(
        self, parameters, optimizer, learning_rate, monitor, best, dropout, rng, feed
    ):
        self.parameters, self.optimizer = parameters, optimizer
        self.learning_rate, self.monitor, self.best = learning_rate, monitor, best
        self.dropout, self.rng, self.feed = dropout, rng, feed

    def state(self):
        """Plain objects, for a checkpoint."""
        monitor = {
            name: value
            for name, value in vars(self.monitor).items()
            if name not in ("score", "start", "report")
        }
        return {
            "parameters": self.parameters,
            "optimizer": self.optimizer.state,
            "rate": self.learning_rate.rate,
            "monitor": monitor,
            "best": vars(self.best),
            "dropout": self.dropout and self.dropout.state,
            "rng": self.rng.get_state(),
            "feed": self.feed.state,
        }

    def restore(self, state):
        """Be where a training with this state was."""
        self.parameters[:] = state["parameters"]
        self.optimizer.restore(state["optimizer"])
        self.learning_rate.rate = state["rate"]
        monitor = dict(state["monitor"])
        # lists that others look at
        for name in ("loss_curve", "validation_scores"):
            values, own = monitor.pop(name), getattr(self.monitor, name)
            if own is not None:
                own[:] = values
        vars(self.monitor).update(monitor)
        vars(self.best).update(state["best"])
        if self.dropout is not None:
            vars(self.dropout).update(state["dropout"])
        self.rng.set_state(state["rng"])
        self.feed.state = state["feed"]
