"""Pronunciations: how English words sound."""

from __future__ import annotations

from typing import Literal

from sklearn.utils import Bunch

from .._sklearn.private import StrOptions, validate_params
from ._resources import read_description, read_rows

N_TRAIN = 9000


@validate_params(
    {"subset": [StrOptions({"train", "test", "all"})], "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def load_pronunciations(
    *, subset: Literal["train", "test", "all"] = "train", return_X_y: bool = False
) -> Bunch | tuple[list[str], list[list[str]]]:
    """Load 10,000 words of the CMU Pronouncing Dictionary (spelling to sound).

    A sequence of letters, and the sequence of phones that it is said with. The two are
    of different lengths, and nothing says which letters make which phone.

    =================   ==============
    Words               9000 train, 1000 test
    Letters of a word          3 to 20
    Phones of a word           2 to 17
    Different phones                69
    =================   ==============

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The words of a fixed split, or train and then test.

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of str
            The words, in small letters and with apostrophes, in the order of the
            alphabet.
        target : list of list of str
            The phones of each word in ARPAbet. Vowels end in their stress: 0 none, 1
            primary, 2 secondary.
        target_names : list of str
            The 69 phones.
        DESCR : str
            Description, source and licence.
        filename : str
            The data file within the package.

    (data, target) : tuple if ``return_X_y`` is True
        The words and their phones.

    Raises
    ------
    ValueError
        If ``subset`` is none of the three.

    Examples
    --------
    >>> from sklstm.datasets import load_pronunciations
    >>> X, y = load_pronunciations(subset="test", return_X_y=True)
    >>> X[0], y[0]
    ('abhorred', ['AH0', 'B', 'HH', 'AO1', 'R', 'D'])
    """
    filename = "pronunciations.tsv.gz"
    rows = read_rows(filename)
    part = {"train": slice(N_TRAIN), "test": slice(N_TRAIN, None), "all": slice(None)}
    X = [word for word, _ in rows[part[subset]]]
    y = [phones.split(" ") for _, phones in rows[part[subset]]]
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        target_names=sorted({phone for _, said in rows for phone in said.split(" ")}),
        DESCR=read_description("pronunciations.rst"),
        filename=filename,
    )
