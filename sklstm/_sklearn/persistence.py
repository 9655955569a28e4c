"""What a saved estimator says of its origin: the version of sklstm that wrote it."""

import inspect
import re
from functools import cache

import numpy as np

from .._version import __version__

_KEY = "_sklstm_version"


def _minor(version):
    """(0, 1) of "0.1.0": a patch release changes nothing of what is saved."""
    return tuple(int(part) for part in re.match(r"(\d+)\.(\d+)", version).groups())


def _refuse_later(name, version):
    """An error if a later version than this one saved an object."""
    here = __version__
    if version == here or _minor(version) <= _minor(here):
        return
    least = ".".join(map(str, _minor(version)))
    raise RuntimeError(
        f"This {name} was saved by sklstm {version}, but this is sklstm {here}, which "
        "cannot know what later versions save. Install the later one, "
        f"`pip install 'sklstm>={least}'`, or fit and save the model with sklstm "
        f"{here}. Weights alone go from any version to any other: "
        "sklstm.export.to_torch there, sklstm.export.from_torch here."
    )


def _blank(cls, version):
    """What unpickling begins with, before anything of the state is read."""
    _refuse_later(cls.__name__, version)
    return cls.__new__(cls)


_blank.__module__ = "sklstm"  # the place that pickles name


@cache
def _defaults(cls):
    """Parameters of an estimator that have a default."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def plain(value):
    """A part of the state in the types that every format trusts."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if type(value) is tuple:
        return tuple(map(plain, value))
    if isinstance(value, np.memmap):  # what joblib.load makes of arrays on disk
        return np.asarray(value)
    if isinstance(value, np.dtype):
        return value.name
    return value


class Versioned:
    """Mixin of estimators that any version can load which is not older.

    Pickles begin with the version. Formats that go by the state, such as skops, find it
    there, and only plain types beside it. A parameter that the version which saved an
    estimator did not have gets its default.
    """

    def __getstate__(self):
        return {_KEY: __version__, **plain(super().__getstate__())}

    def __reduce__(self):
        state = self.__getstate__()
        for name, value in vars(self).items():  # copies keep the type of a parameter
            if isinstance(value, np.dtype) and name in state:
                state[name] = value
        return _blank, (type(self), __version__), state

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop(_KEY, None)
        if version is not None:
            _refuse_later(type(self).__name__, version)
        super().__setstate__({**_defaults(type(self)), **state})
