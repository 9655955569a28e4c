"""A vocabulary that the user gives, checked: a list of tokens, or a mapping to ids."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from ..sequences._columns import doubled, is_missing
from ..sequences._vocabulary import first_unhashable


def given_vocabulary(vocabulary, unknown_token):
    """A vocabulary that the user gives, by ids 1, 2..., as a dict."""
    if isinstance(vocabulary, Mapping):
        return _given_mapping(vocabulary, unknown_token)
    if isinstance(vocabulary, (str, bytes)):
        raise TypeError(
            f"vocabulary is a text, {vocabulary!r}; expected a list of tokens or a "
            "mapping of tokens to ids."
        )
    if isinstance(vocabulary, (set, frozenset)):
        try:
            tokens = sorted(vocabulary)
        except TypeError as error:
            raise TypeError(
                f"vocabulary is a set, whose tokens cannot be put in order: {error}. "
                "Pass a list of them."
            ) from error
    else:
        tokens = list(vocabulary)
    _check_tokens(tokens)
    for i, j, token in doubled(tokens):
        raise ValueError(
            f"vocabulary has the token {token!r} twice, at {i} and at {j}. Each has "
            "one id."
        )
    if tokens[:1] == [unknown_token]:
        del tokens[0]
    if unknown_token in tokens:
        raise ValueError(
            f"vocabulary has the unknown token {unknown_token!r} at "
            f"{tokens.index(unknown_token)}, but its id is 0: put it first, leave it "
            "out, or choose another unknown_token."
        )
    _check_not_empty(tokens)
    return {token: id for id, token in enumerate(tokens, 1)}


def _given_mapping(vocabulary, unknown_token):
    for token, id in vocabulary.items():
        if not isinstance(id, Integral) or isinstance(id, (bool, np.bool_)):
            raise TypeError(
                f"vocabulary maps the token {token!r} to {id!r}; expected an integer."
            )
    ids = {token: int(id) for token, id in vocabulary.items()}
    _check_tokens(ids)
    if ids.get(unknown_token) == 0:
        del ids[unknown_token]
    if unknown_token in ids:
        raise ValueError(
            f"vocabulary maps the unknown token {unknown_token!r} to "
            f"{ids[unknown_token]}, but its id is 0. Leave it out, or choose another "
            "unknown_token."
        )
    _check_not_empty(ids)
    token_of = {}
    for token, id in ids.items():
        if id in token_of:
            raise ValueError(
                f"vocabulary has the id {id} twice, of {token_of[id]!r} and of "
                f"{token!r}."
            )
        token_of[id] = token
    if 0 in token_of:
        raise ValueError(
            f"vocabulary maps {token_of[0]!r} to 0, which is the id of all unknown "
            "tokens. Ids begin with 1: pass the tokens as a list in their order, or "
            f"unknown_token={token_of[0]!r}."
        )
    for id in range(1, len(ids) + 1):
        if id not in token_of:
            raise ValueError(
                f"vocabulary has {len(ids)} tokens, but none with the id {id}: ids are "
                f"1 to {len(ids)}, without a gap. Pass the tokens as a list instead."
            )
    return {token_of[id]: id for id in range(1, len(ids) + 1)}


def _check_tokens(tokens):
    found = first_unhashable(tokens)
    if found is not None:
        raise TypeError(
            f"Token {found[0]} of the vocabulary is {found[1]!r}, of type "
            f"{type(found[1]).__name__}, which cannot be the key of a dict."
        )
    for j, token in enumerate(tokens):
        if is_missing(token):
            raise ValueError(
                f"Token {j} of the vocabulary is {token!r}, a missing value."
            )


def _check_not_empty(tokens):
    if not tokens:
        raise ValueError(
            "empty vocabulary passed to fit; expected one token beside the unknown "
            "one. With vocabulary=None it is learned from the documents."
        )
