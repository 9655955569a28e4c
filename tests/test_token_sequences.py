"""Documents and their vocabulary, as language models and encoder-decoders have them."""

import numpy as np
import pandas as pd
import pytest

from sklstm._targets.token_sequences import Documents, TokenReader, Vocabulary
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray


def reader(**params):
    return TokenReader("LSTMLanguageModel", **params)


def encoded(X, **params):
    documents = reader(**params).check(X)
    vocabulary = reader(**params).fit(documents)
    ids, offsets = vocabulary.encode(documents)
    assert ids.dtype == offsets.dtype == np.intp
    parts = [ids[a:b].tolist() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
    return vocabulary, parts


def test_characters_by_falling_frequency_and_then_as_they_were_seen():
    vocabulary, ids = encoded(["abca", "", "c d"])
    assert vocabulary.tokens == ("<unk>", "a", "c", "b", " ", "d")
    assert ids == [[1, 3, 2, 1], [], [2, 4, 5]]
    assert (vocabulary.mark, vocabulary.size) == (6, 7)


def test_words_and_punctuation_keep_their_case():
    X = ["The cat's mat; the cat.", "The the cat's"]
    vocabulary, ids = encoded(X, level="word")
    assert vocabulary.tokens == ("<unk>", "cat", "The", "'", "s", "the")
    assert ids == [[2, 1, 3, 4, 0, 0, 5, 1, 0], [2, 5, 1, 3, 4]]


def test_words_are_those_of_the_encoder():
    X = ["Don't stop_me (now), 3.5 %!", "über-groß\tÄ"]
    documents = reader(level="word").check(X)
    encoder = TokenEncoder(lowercase=False, min_df=1)
    assert documents.as_given() == encoder.inverse_transform(encoder.fit_transform(X))


def test_min_count_counts_tokens_and_not_documents():
    assert encoded(["a a b"], level="word")[0].tokens == ("<unk>", "a")
    lists = [["a", "a", "b"]]
    assert encoded(lists, level="word")[1] == [[1, 1, 0]]
    assert encoded(lists)[1] == [[1, 1, 2]]
    assert encoded(lists, min_count=2)[1] == [[1, 1, 0]]
    assert encoded(["a b"], level="word", min_count=1)[1] == [[1, 2]]


def test_max_tokens_are_the_most_frequent():
    vocabulary, ids = encoded(["abcbcc"], max_tokens=2)
    assert vocabulary.tokens == ("<unk>", "c", "b")
    assert ids == [[0, 2, 1, 2, 1, 1]]


def test_the_unknown_token_has_its_id():
    vocabulary, ids = encoded([["<unk>", "<unk>", "a"]])
    assert vocabulary.tokens == ("<unk>", "a")
    assert ids == [[0, 0, 1]]


def test_other_documents_have_unknown_tokens():
    vocabulary, _ = encoded(["ab"])
    ids, offsets = vocabulary.encode(reader().check(["bxa", "", "y"]))
    assert ids.tolist() == [2, 0, 1, 0]
    assert offsets.tolist() == [0, 3, 3, 4]
    assert vocabulary.decode(ids) == ["b", "<unk>", "a", "<unk>"]
    ids, _ = vocabulary.encode(reader().check(["", ""]))
    assert ids.shape == (0,)


def test_ids_of_an_encoder_bring_their_vocabulary():
    encoder = TokenEncoder(unknown_token="?")
    X = encoder.fit_transform(["a b c b", "b a"])
    vocabulary, ids = encoded(X, min_count=9, max_tokens=1)
    assert vocabulary.tokens == X.vocabulary == ("?", "b", "a")
    assert ids == [[2, 1, 0, 1], [1, 2]] == [x.ravel().tolist() for x in X]
    assert reader().check(X).as_given() == encoder.inverse_transform(X)
    assert encoded(X.astype("float32"))[1] == ids
    # those of another one are told by their tokens
    other = TokenEncoder(min_df=1).fit_transform([["c", "a"]])
    assert vocabulary.encode(reader().check(other))[0].tolist() == [0, 2]
    assert vocabulary.encode(reader().check([["?"]]))[0].tolist() == [0]


def test_tokens_of_any_kind():
    X = [[404, ("a", 1), 404.0], np.array([1, 2]), (True,), "x"]
    vocabulary, ids = encoded(X)
    assert ids == [[1, 3, 1], [2, 4], [2], [5]]
    assert vocabulary.tokens[2:4] == (1, ("a", 1))


@pytest.mark.parametrize("kind", [np.array, pd.Series, tuple, list])
def test_texts_in_any_container(kind):
    assert encoded(kind(["ab", "b"]))[1] == encoded(["ab", "b"])[1]
    assert encoded([b"ab", "b"])[1] == encoded(["ab", "b"])[1]


def test_parts_have_the_vocabulary_of_what_they_hold():
    documents = reader().check(["xyz", "ba", "xab", "b"])
    for which in (slice(1, 4), [1, 2, 3], np.array([False, True, True, True])):
        part = documents[which]
        assert isinstance(part, Documents)
        assert part.as_given() == [["b", "a"], ["x", "a", "b"], ["b"]]
        assert reader().fit(part).tokens == ("<unk>", "b", "a", "x")
        assert reader().check(part) is part
    X = TokenEncoder().fit_transform(["a b", "b a"])
    assert reader().fit(reader().check(X)[1:]).tokens == X.vocabulary


def test_a_vocabulary_is_made_of_its_state():
    vocabulary, _ = encoded(["abba", "c"])
    again = Vocabulary(**vocabulary.state)
    assert again == vocabulary != Vocabulary(("<unk>", "a"))
    documents = reader().check(["cab?"])
    assert again.encode(documents)[0].tolist() == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ("abc", ValueError, r"string object received. Pass a list of documents: y ="),
        (None, ValueError, "LSTMSeq2Seq requires y to be passed, but it is None"),
        ([], ValueError, "minimum of 1 is required by LSTMSeq2Seq: y holds no"),
        ([["a"], None], ValueError, "Document 1 of y is None, a missing value"),
        ([["a", float("nan")]], ValueError, "Token 1 of document 0 of y is nan"),
        ([["a"], ["b", ["c"]]], TypeError, r"Token 1 of document 1 of y is \['c'\]"),
        (["a", 3], TypeError, r"Document 1 of y is a number, 3; .* is y = \[x\]"),
        ({"a": 1}, TypeError, r"y is of type dict; .*Pass list\(y.values\(\)\)"),
        (pd.DataFrame({"a": ["b"]}), TypeError, r"y is a DataFrame.* y\[column\]"),
        (SequenceArray(np.ones((3, 2)), [0, 3]), ValueError, "y has 2 features"),
    ],
)
def test_what_holds_no_documents(X, error, match):
    with pytest.raises(error, match=match):
        TokenReader("LSTMSeq2Seq", "y").check(X)


def test_unk_is_one_word():
    """As it stands in corpora whose rare words were replaced."""
    documents = TokenReader("Name", level="word").check(["a <unk> b <unk>s, <x>"])
    assert documents.as_given() == [
        ["a", "<unk>", "b", "<unk>", "s", ",", "<", "x", ">"]
    ]


def test_bytes_that_are_no_text():
    with pytest.raises(UnicodeDecodeError) as caught:
        reader().check(["a", b"\xff"])
    assert caught.value.__notes__ == ["That was the analysis of document 1, b'\\xff'."]


def test_no_token_is_left():
    with pytest.raises(ValueError, match=r"no token in any of the 2 document.* of y"):
        TokenReader("LSTMSeq2Seq", "y").fit(reader().check(["", ""]))
    match = "of 2 token.* is there 1 time.*min_count is 2. Pass a smaller min_count"
    with pytest.raises(ValueError, match=match):
        encoded(["a b"], level="word")
    with pytest.raises(ValueError, match="No token of X gets an id"):
        encoded([["<unk>"]])
