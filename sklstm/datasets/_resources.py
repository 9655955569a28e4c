"""The files the loaders read."""

from importlib import resources

import numpy as np


def read_arrays(filename):
    """Return the arrays of a data file.

    Parameters
    ----------
    filename : str
        Name of an ``.npz`` file in ``data/``.

    Returns
    -------
    arrays : dict of ndarray
        Its arrays by name.
    """
    path = resources.files(__package__).joinpath("data", filename)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def read_description(filename):
    """Return the text of a description.

    Parameters
    ----------
    filename : str
        Name of an ``.rst`` file in ``descr/``.

    Returns
    -------
    text : str
        The description, with source, licence and citation.
    """
    path = resources.files(__package__).joinpath("descr", filename)
    return path.read_text(encoding="utf-8")
