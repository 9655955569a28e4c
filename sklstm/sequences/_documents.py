"""Documents: text or sequences of tokens, out of any container that holds them."""

from array import array
from collections.abc import Iterable
from numbers import Number
from operator import ne

import numpy as np

from ._array import SequenceArray
from ._check import check_sequences
from ._columns import is_frame, is_missing
from ._foreign import refuse_foreign, refuse_types
from ._peers import package_of
from ._vocabulary import first_unhashable

DOCUMENTS = "documents, a list of text or of lists of tokens"
TOKENS = "a text or a list of tokens"
# Types of which no value is missing.
ALWAYS_THERE = {str, int, bool, bytes, tuple}


def read_documents(X, what="X"):
    """The documents of X, a list of whatever stands for one."""
    if isinstance(X, (str, bytes)):
        raise ValueError(
            "Iterable over raw text documents expected, string object received. Pass a "
            f"list of documents: {what} = [x] if this is one, x."
        )
    if type(X) is np.ndarray and X.ndim == 3 and X.dtype.kind in "iuf":
        X = check_sequences(X)  # which knows its padding
    if isinstance(X, SequenceArray):
        return _tokens_of_steps(X, what)
    if isinstance(X, (dict, set, frozenset)) or X is None:
        refuse_types(X, what, DOCUMENTS)
    _refuse_containers(X, what)
    if is_frame(X):
        raise TypeError(
            f"{what} is a DataFrame, but {DOCUMENTS} is expected. Pass the column of "
            f"the documents, {what}[column], or {what}.to_numpy() if there is a token "
            "in each cell."
        )
    documents = _as_list(X, what, DOCUMENTS)
    if not isinstance(documents, list):
        raise TypeError(f"Expected {DOCUMENTS}, got {X!r}.")
    return documents


def _tokens_of_steps(sequences, what):
    """Documents of a SequenceArray: what its ids stand for, else its numbers."""
    if sequences.n_features != 1:
        raise ValueError(
            f"{what} has {sequences.n_features} features, but a token is one value at "
            "each step."
        )
    if sequences.vocabulary is None:
        return [x[:, 0].tolist() for x in sequences]
    return decoded(sequences, sequences.vocabulary)


def decoded(sequences, vocabulary):
    """A list of tokens for each sequence of ids, which are in the vocabulary."""
    by_id = np.fromiter(vocabulary, dtype=object, count=len(vocabulary))
    tokens = by_id[sequences._data[:, 0].astype(np.intp)].tolist()
    offsets = sequences._offsets.tolist()
    return [tokens[a:b] for a, b in zip(offsets[:-1], offsets[1:], strict=True)]


def _as_list(values, what, expected):
    """The items of a list or an array of any package, as Python has them."""
    if isinstance(values, (list, tuple)):
        return list(values)
    _refuse_containers(values, what)
    for name in ("to_list", "to_pylist"):
        if hasattr(values, name):
            return getattr(values, name)()
    if hasattr(values, "__array__"):
        return np.asarray(values).tolist()
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{what} is of type {type(values).__name__}, {values!r}; expected "
            f"{expected}."
        )
    return list(values)


def _refuse_containers(values, what):
    """Raise for those of other packages whose items are not to be had one by one."""
    if package_of(values) not in ("awkward", "pyarrow") or hasattr(values, "columns"):
        refuse_foreign(values, what)


def _place(i, what):
    """Which document it is, in words."""
    return f"document {i}" if what == "X" else f"document {i} of {what}"


def tokens_of(document, i, what="X"):
    """Tokens of document `i`, which is no text, as a list."""
    if isinstance(document, (list, tuple)):
        return document
    name = _place(i, what).capitalize()
    if is_missing(document):
        raise ValueError(
            f"{name} is {document!r}, a missing value; expected {TOKENS}. Leave it "
            "out, or pass an empty text for a document without tokens."
        )
    if isinstance(document, (Number, np.generic)):
        raise TypeError(
            f"{name} is a number, {document!r}; expected {TOKENS}. {what} is a list of "
            f"documents: a single sequence of numbers x is {what} = [x]."
        )
    refuse_types(document, name, TOKENS)
    if getattr(document, "ndim", 1) == 2 and document.shape[1] == 1:
        document = document[:, 0]
    tokens = _as_list(document, name, TOKENS)
    if not isinstance(tokens, list):
        raise TypeError(f"{name} is {document!r}; expected {TOKENS}.")
    return tokens


def numbered(
    documents,
    analyze,  # (document) -> tokens, of text
    numbers_of,  # (tokens) -> their numbers
    analyze_all=False,  # whether it is given documents of any kind
    what="X",
):
    """Numbers of all tokens (N,), and of how many each document has (n,)."""
    numbers, lengths = array("i"), []
    for i, document in enumerate(documents):
        if isinstance(document, (str, bytes)) or analyze_all:
            if is_missing(document):
                tokens_of(document, i, what)  # raises
            tokens = _analyzed(document, i, analyze, what)
        else:
            tokens = tokens_of(document, i, what)
        unsure = set(map(type, tokens)) - ALWAYS_THERE
        # only NaN is another number than itself
        if unsure and (unsure != {float} or any(map(ne, tokens, tokens))):
            _refuse_missing(tokens, i, what)
        before = len(numbers)
        try:
            numbers.extend(numbers_of(tokens))
        except TypeError:
            _refuse_unhashable(tokens, i, what)
            raise
        lengths.append(len(numbers) - before)
    return np.array(numbers, dtype=np.intc), np.array(lengths, dtype=np.intp)


def _analyzed(document, i, analyze, what):
    """The tokens that an analyzer finds in document `i`, as a list."""
    try:
        tokens = analyze(document)
        return tokens if type(tokens) is list else list(tokens)
    except Exception as error:
        where = _place(i, what)
        error.add_note(f"That was the analysis of {where}, {_short(document)}.")
        raise


def _short(document):
    text = repr(document)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _refuse_missing(tokens, i, what):
    for j, token in enumerate(tokens):
        if is_missing(token):
            raise ValueError(
                f"Token {j} of {_place(i, what)} is {token!r}, a missing value. Leave "
                "it out, or give what is missing a token of its own, such as "
                "'<missing>'."
            )


def _refuse_unhashable(tokens, i, what):
    found = first_unhashable(tokens)
    if found is not None:
        j, token = found
        raise TypeError(
            f"Token {j} of {_place(i, what)} is {_short(token)}, of type "
            f"{type(token).__name__}, which cannot be the key of a dict. A document is "
            "a text or a flat list of tokens; a token that is a list can be a tuple."
        ) from None
