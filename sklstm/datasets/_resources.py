"""The files the loaders read."""

import gzip
from importlib import resources

import numpy as np


def read_arrays(filename):
    """The arrays of an `.npz` file in `data/`, by name."""
    path = resources.files(__package__).joinpath("data", filename)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def read_rows(filename):
    """The rows of a gzipped table in `data/`, each a list of texts: fields are divided
    by tabs, and there are no others in them."""
    path = resources.files(__package__).joinpath("data", filename)
    lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
    return [line.split("\t") for line in lines]


def read_description(filename):
    """An `.rst` file in `descr/`, with source, licence and citation."""
    path = resources.files(__package__).joinpath("descr", filename)
    return path.read_text(encoding="utf-8")
