"""Hamlet: a play as its speeches."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from .._sklearn.private import validate_params
from ._resources import read_description, read_rows


@validate_params({"return_X_y": ["boolean"]}, prefer_skip_nested_validation=True)
def load_shakespeare(
    *, return_X_y: bool = False
) -> Bunch | tuple[list[str], np.ndarray]:
    """Load Hamlet by William Shakespeare (text, speech by speech).

    For language models, and to tell who is speaking.

    =================   ==============
    Speeches                      1138
    Lines                         4003
    Characters                  155885
    Speakers                        39
    Acts                             5
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : list of str
            The speeches in the order of the play, their lines divided by ``"\\n"``,
            without stage directions.
        target : ndarray of str, shape (1138,)
            Who speaks, as the text writes it.
        target_names : ndarray of str, shape (39,)
            All speakers, in the order of the alphabet.
        act : ndarray of int, shape (1138,)
            The act, 1 to 5. What is held out of a play is best a whole act.
        scene : ndarray of int, shape (1138,)
            The scene of the act, from 1 on.
        DESCR : str
            Description, source and licence.
        filename : str
            The data file within the package.

    (data, target) : tuple if ``return_X_y`` is True
        The speeches and the speakers.

    Raises
    ------
    ValueError
        If ``return_X_y`` is no bool.

    Examples
    --------
    >>> from sklstm.datasets import load_shakespeare
    >>> play = load_shakespeare()
    >>> for speaker, speech in zip(play.target[:2], play.data[:2], strict=True):
    ...     print(f"{speaker}: {speech}")
    BERNARDO: Who's there?
    FRANCISCO: Nay, answer me: stand, and unfold yourself.
    >>> [int(sum(play.act == act)) for act in range(1, 6)]
    [251, 201, 250, 179, 257]
    """
    filename = "hamlet.tsv.gz"
    act, scene, speaker, speech = zip(*read_rows(filename), strict=True)
    X, y = [lines.replace("|", "\n") for lines in speech], np.array(speaker)
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        target_names=np.unique(y),
        act=np.array(act, dtype=np.int64),
        scene=np.array(scene, dtype=np.int64),
        DESCR=read_description("shakespeare.rst"),
        filename=filename,
    )
