"""Japanese vowels: who of nine speakers said it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from .._sklearn.private import StrOptions, validate_params
from ..sequences import SequenceArray
from ..sequences._stacking import as_offsets
from ._resources import read_arrays, read_description


@validate_params(
    {"subset": [StrOptions({"train", "test", "all"})], "return_X_y": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def load_japanese_vowels(
    *, subset: Literal["train", "test", "all"] = "train", return_X_y: bool = False
) -> Bunch | tuple[SequenceArray, np.ndarray]:
    """Load the Japanese vowels (classification of sequences of unequal length).

    Nine male speakers say the vowels /ae/; which of them was it?

    =================   ==============
    Classes                          9
    Utterances          270 train, 370 test
    Steps                      7 to 29
    Features per step               12
    =================   ==============

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The utterances of the published split, or train and then test.

    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : SequenceArray of shape (n_utterances, None, 12)
            Coefficients of the LPC cepstrum, float64.
        target : ndarray of int, shape (n_utterances,)
            The speaker, 1 to 9.
        feature_names : list of str
            Names of the 12 features.
        target_names : ndarray of int, shape (9,)
            The classes, 1 to 9.
        DESCR : str
            Description, source and licence.
        filename : str
            The data file within the package.

    (data, target) : tuple if ``return_X_y`` is True
        The sequences and the speakers.

    Raises
    ------
    ValueError
        If ``subset`` is none of the three.

    References
    ----------
    .. [1] M. Kudo, J. Toyama, M. Shimbo (1999). "Multidimensional curve
       classification using passing-through regions". Pattern Recognition Letters
       20 (11-13), 1103-1111.

    Examples
    --------
    >>> from sklstm.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(subset="test", return_X_y=True)
    >>> X
    <SequenceArray: 370 sequences, 7 to 29 steps, 12 features, float64>
    >>> y[:3]
    array([1, 1, 1])
    """
    filename = "japanese_vowels.npz"
    arrays = read_arrays(filename)
    # Stored as integers of 1e-6: the quotient is the double nearest to the decimal.
    X = SequenceArray(arrays["micro"] / 1e6, as_offsets(arrays["lengths"]))
    y = arrays["speaker"].astype(np.int64)
    n_train = int(arrays["n_train"])
    part = {"train": slice(n_train), "test": slice(n_train, None), "all": slice(None)}
    X, y = X[part[subset]], y[part[subset]]
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        feature_names=[f"lpc_cepstrum_{i}" for i in range(1, X.n_features + 1)],
        target_names=np.arange(1, 10),
        DESCR=read_description("japanese_vowels.rst"),
        filename=filename,
    )
