"""TokenEncoder: what it learns, and how it stands among scikit-learn's transformers."""

import pickle
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray
from sklstm.sequences import _vocabulary as vocabularies

pytestmark = pytest.mark.filterwarnings(
    "ignore:Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

FILMS = ["A good film!", "not good, not a film", "Good. Not bad."]


def ids_of(X):
    return [x[:, 0].tolist() for x in X]


def learned(X, **params):
    return TokenEncoder(**params).fit(X).vocabulary_


# ---- what is learned -----------------------------------------------------------------


def test_worked_example():
    encoder = TokenEncoder()
    X = encoder.fit_transform(FILMS)
    # good 3, not 3, a 2, film 2; in one document each: ! , . bad
    assert encoder.vocabulary_ == {"good": 1, "not": 2, "a": 3, "film": 4}
    assert list(encoder.vocabulary_) == ["good", "not", "a", "film"]
    assert ids_of(X) == [[3, 1, 4, 0], [2, 1, 0, 2, 3, 4], [1, 0, 2, 0, 0]]
    assert X.dtype == np.int32 and X.feature_names is None
    assert X.vocabulary == ("<unk>", "good", "not", "a", "film")
    new = encoder.transform(["good bad ugly", "", "???"])
    assert ids_of(new) == [[1, 0, 0], [], [0, 0, 0]]
    assert new.vocabulary is X.vocabulary
    assert encoder.inverse_transform(new) == [
        ["good", "<unk>", "<unk>"],
        [],
        ["<unk>"] * 3,
    ]


@st.composite
def corpora(draw):
    token = st.sampled_from(["a", "b", "c", 1, 2, ("x", 1), 0.5])
    return draw(
        st.lists(st.lists(token, max_size=8), min_size=1, max_size=8).filter(any)
    )


@settings(deadline=None, max_examples=150)
@given(corpora(), st.integers(1, 3), st.integers(1, 8), st.integers(1, 9))
def test_the_vocabulary_by_hand(X, low, high, most):
    counts = Counter(token for document in X for token in document)
    within = Counter(token for document in X for token in set(document))
    kept = [t for t in counts if low <= within[t] <= high]  # by first appearance
    kept = sorted(kept, key=lambda t: -counts[t])[:most]
    encoder = TokenEncoder(min_df=low, max_df=high, max_features=most)
    if not kept:
        with pytest.raises(ValueError, match="After pruning, no terms remain"):
            encoder.fit(X)
        return
    ids = encoder.fit_transform(X)
    assert encoder.vocabulary_ == {token: i for i, token in enumerate(kept, 1)}
    assert list(encoder.vocabulary_) == kept
    assert ids.vocabulary == ("<unk>", *kept)
    expected = [[t if t in kept else "<unk>" for t in document] for document in X]
    assert encoder.inverse_transform(ids) == expected
    assert encoder.transform(X) == ids
    assert clone(encoder).fit(X).transform(X) == ids
    assert ids.lengths.tolist() == [len(document) for document in X]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.data())
def test_what_count_vectorizer_counts(X, data):
    """The same tokens, and the same of them kept, unless counts are equal."""
    params = {
        "analyzer": data.draw(st.sampled_from(["word", "char"])),
        "lowercase": data.draw(st.booleans()),
        "strip_accents": data.draw(st.sampled_from([None, "ascii", "unicode"])),
        "min_df": data.draw(st.sampled_from([1, 2, 0.0, 0.3])),
        "max_df": data.draw(st.sampled_from([1.0, 0.6, 3])),
    }
    pattern = r"\w+|[^\w\s]"
    counter = CountVectorizer(**params, token_pattern=pattern)
    if params["analyzer"] == "char":
        counter.set_params(token_pattern=r"(?u)\b\w\w+\b")  # or it warns
    try:
        counts = counter.fit_transform(X)
    except ValueError:
        with pytest.raises(ValueError, match="empty vocabulary|no terms remain"):
            TokenEncoder(**params).fit(X)
        return
    encoder = TokenEncoder(**params)
    ids = encoder.fit_transform(X)
    assert encoder.vocabulary_.keys() == counter.vocabulary_.keys()
    assert sorted(encoder.vocabulary_.values()) == list(
        range(1, len(counter.vocabulary_) + 1)
    )
    for token, column in counter.vocabulary_.items():
        found = [(x == encoder.vocabulary_[token]).sum() for x in ids]
        assert found == counts[:, [column]].toarray()[:, 0].tolist()
    analyze = counter.build_analyzer()
    assert ids.lengths.tolist() == [len(analyze(text)) for text in X]


def test_shares_of_documents():
    X = [["a"], ["a", "b"], ["a", "b", "c"], ["a", "d"]]
    assert set(learned(X, min_df=0.5)) == {"a", "b"}
    assert set(learned(X, min_df=0.51)) == {"a"}
    assert set(learned(X, min_df=1, max_df=0.5)) == {"b", "c", "d"}
    assert set(learned(X, min_df=1, max_df=1)) == {"c", "d"}  # one document
    assert set(learned(X, min_df=1.0)) == {"a"}  # all of them
    assert set(learned(X, min_df=0.0)) == set("abcd")
    assert set(learned(X, min_df=np.int64(2), max_df=np.float64(1))) == {"a", "b"}


def test_a_token_counts_once_in_a_document():
    X = [["a"] * 9, ["b"], ["b"]]
    assert learned(X) == {"b": 1}
    assert learned(X, min_df=1) == {"a": 1, "b": 2}


def test_the_unknown_token_has_id_0():
    X = [["the", "<unk>", "sat"], ["<unk>", "sat", "the"]]
    encoder = TokenEncoder()
    assert ids_of(encoder.fit_transform(X)) == [[1, 0, 2], [0, 2, 1]]
    assert encoder.inverse_transform(encoder.transform(X)) == X
    encoder = TokenEncoder(unknown_token="sat", min_df=1)
    assert ids_of(encoder.fit_transform(X)) == [[1, 2, 0], [2, 0, 1]]
    assert encoder.transform([["dog"]]).vocabulary == ("sat", "the", "<unk>")
    for unknown in (-1, ("un", "known"), 0.5, b"?"):
        encoder = TokenEncoder(unknown_token=unknown, min_df=1).fit([["a", unknown]])
        assert encoder.vocabulary_ == {"a": 1}
        assert encoder.inverse_transform([[0, 1]]) == [[unknown, "a"]]
    with pytest.raises(ValueError, match="no terms remain"):
        TokenEncoder(min_df=1).fit([["<unk>"]])


# ---- parameters ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, text, tokens",
    [
        ({}, "It's I, a 3.14-mm Émile_b!", "it ' s i , a 3 . 14 - mm émile_b !"),
        ({"lowercase": False}, "Ab A", "Ab A"),
        ({"strip_accents": "unicode"}, "Été", "ete"),
        ({"strip_accents": "ascii"}, "Été", "ete"),
        ({"strip_accents": lambda s: s.replace("é", "e")}, "aé", "ae"),
        ({"token_pattern": r"(?u)\b\w\w+\b"}, "a bc, d", "bc"),
        ({"token_pattern": r"<(\w+)>"}, "<a> b <c>", "a c"),
        ({"tokenizer": str.split}, "A b-c", "a b-c"),
        ({"tokenizer": str.split, "token_pattern": None}, "A b-c", "a b-c"),
        ({"preprocessor": lambda s: s[2:]}, "A B", "B"),
        ({"stop_words": ["the", "of"]}, "The end of the day", "end day"),
        ({"stop_words": "english"}, "The end of the day", "end day"),
        ({"analyzer": "char"}, "A é", ["a", " ", "é"]),
        ({"analyzer": "char", "lowercase": False}, "A  \n b", ["A", " ", "b"]),
        ({"analyzer": lambda s: s.split("|")}, "A |b", ["A ", "b"]),
    ],
)
def test_analysis(params, text, tokens):
    if isinstance(tokens, str):
        tokens = tokens.split()
    encoder = TokenEncoder(min_df=1, **params)
    assert encoder.inverse_transform(encoder.fit_transform([text])) == [tokens]
    assert list(encoder.vocabulary_) == list(dict.fromkeys(tokens))


def test_the_default_pattern_loses_nothing_but_white_space():
    text = "\tDon't 'mind': 3.5% of \N{GRINNING FACE} a_b…\n"
    pattern = re.compile(TokenEncoder().token_pattern)
    assert "".join(pattern.findall(text)) == re.sub(r"\s", "", text)
    assert len(learned([text], min_df=1)) == len(set(pattern.findall(text.lower())))
    assert len(pattern.findall(text)) == 15


def test_lists_are_taken_as_they_are():
    encoder = TokenEncoder(min_df=1, strip_accents="ascii", stop_words=["A"])
    assert list(encoder.fit([["A", "é b", ""]]).vocabulary_) == ["A", "é b", ""]


@pytest.mark.parametrize(
    "params, message",
    [
        ({"analyzer": "char_wb"}, "char_wb.*one character a step.*analyzer='char'"),
        ({"analyzer": "words"}, "'analyzer' parameter"),
        ({"lowercase": "yes"}, "'lowercase' parameter"),
        ({"strip_accents": "all"}, "'strip_accents' parameter"),
        ({"preprocessor": 3}, "'preprocessor' parameter"),
        ({"tokenizer": "split"}, "'tokenizer' parameter"),
        ({"token_pattern": 3}, "'token_pattern' parameter"),
        ({"token_pattern": None}, "token_pattern=None needs a tokenizer"),
        ({"token_pattern": "(a)(b)"}, "1 capturing group"),
        ({"stop_words": "german"}, "'stop_words' parameter"),
        ({"min_df": 0}, "'min_df' parameter"),
        ({"min_df": 1.5}, "'min_df' parameter"),
        ({"min_df": True}, "'min_df' parameter.*must be a number, got True"),
        ({"min_df": None}, "'min_df' parameter"),
        ({"min_df": -0.5}, "'min_df' parameter"),
        ({"max_df": 0}, "'max_df' parameter"),
        ({"max_df": -1}, "'max_df' parameter"),
        ({"max_df": np.True_}, "'max_df' parameter.*must be a number"),
        ({"max_features": 0}, "'max_features' parameter"),
        ({"max_features": 2.0}, "'max_features' parameter"),
        ({"max_features": True}, "'max_features' parameter.*must be a number"),
        ({"vocabulary": 3}, "'vocabulary' parameter"),
        ({"unknown_token": ["?"]}, r"unknown_token.*key of a dict.*\['\?'\]"),
        ({"unknown_token": None}, "unknown_token.*None"),
        ({"unknown_token": np.nan}, "unknown_token.*nan"),
        ({"min_df": 3}, r"5 token\(s\) in 2 document.*is in 2, with min_df=3"),
        ({"max_df": 1, "min_df": 2}, "no terms remain.*Try a lower min_df"),
        ({"stop_words": ["b", "a", "c", "d", "e"]}, "empty vocabulary"),
    ],
)
def test_bad_parameters(params, message):
    fitted = TokenEncoder().fit(FILMS)
    before, X = dict(vars(fitted)), ["a b", "b c d e"]
    for encoder in (TokenEncoder(**params), fitted.set_params(**params)):
        for method in (encoder.fit, encoder.fit_transform):
            with pytest.raises(ValueError, match=message):
                method(X)
    fitted.set_params(**{name: before[name] for name in params})
    assert vars(fitted) == before
    assert not hasattr(TokenEncoder(**params), "vocabulary_")


def test_no_document_and_no_token():
    for X in ([], (), np.array([], dtype=object), np.empty((0, 3))):
        with pytest.raises(ValueError, match="X holds no documents"):
            TokenEncoder().fit(X)
        assert TokenEncoder().fit(FILMS).transform(X).shape == (0, None, 1)
    for X in (["", " \n"], [[], ()], np.empty((2, 0))):
        with pytest.raises(ValueError, match=r"empty vocabulary.*2 document\(s\)"):
            TokenEncoder().fit(X)
        ids = TokenEncoder().fit(FILMS).transform(X)
        assert ids.lengths.tolist() == [0, 0] and ids.dtype == np.int32


def test_more_tokens_than_float32_tells_apart(monkeypatch):
    monkeypatch.setattr(vocabularies, "MOST", 5)
    assert len(learned([["a", "b", "c", "d"]], min_df=1)) == 4
    for params in ({"min_df": 1}, {"vocabulary": list("abcde")}):
        with pytest.raises(ValueError, match="vocabulary of 6 tokens.*max_features"):
            TokenEncoder(**params).fit([["a", "b", "c", "d", "e"]])


# ---- a vocabulary that is given ------------------------------------------------------


@pytest.mark.parametrize(
    "vocabulary",
    [
        ["b", "a", 3],
        ("b", "a", 3),
        {"b": 1, "a": 2, 3: 3},
        {"a": np.int64(2), 3: 3, "b": 1},
        {"b": None, "a": None, 3: None}.keys(),
        ("<unk>", "b", "a", 3),
        {"<unk>": 0, "a": 2, "b": 1, 3: 3},
        np.array(["b", "a", 3], dtype=object),
    ],
)
def test_given_vocabulary(vocabulary):
    encoder = TokenEncoder(vocabulary=vocabulary, min_df=9, max_df=1, max_features=1)
    ids = encoder.fit_transform([["a", "x", "b"], [3, 3.0]])
    assert ids_of(ids) == [[2, 0, 1], [3, 3]]
    assert list(encoder.vocabulary_.items()) == [("b", 1), ("a", 2), (3, 3)]
    assert all(type(i) is int for i in encoder.vocabulary_.values())
    assert ids.vocabulary == ("<unk>", "b", "a", 3)
    assert encoder.vocabulary is vocabulary and len(vocabulary) >= 3
    again = TokenEncoder(vocabulary=ids.vocabulary)
    assert again.fit_transform([["a", "x", "b"], [3, 3]]) == ids


def test_a_set_is_put_in_order():
    assert learned(["c"], vocabulary={"c", "a", "b"}) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(TypeError, match="a set.*cannot be put in order.*Pass a list"):
        learned(["c"], vocabulary={"c", 1})


@pytest.mark.parametrize(
    "vocabulary, error, message",
    [
        ([], ValueError, "empty vocabulary passed to fit"),
        ({}, ValueError, "empty vocabulary passed to fit"),
        (["<unk>"], ValueError, "empty vocabulary passed to fit"),
        ({"<unk>": 0}, ValueError, "empty vocabulary passed to fit"),
        ("abc", TypeError, "vocabulary is a text, 'abc'"),
        (["a", "b", "a"], ValueError, "token 'a' twice, at 0 and at 2"),
        (["a", "<unk>"], ValueError, "unknown token '<unk>' at 1, but its id is 0"),
        (["a", None], ValueError, "Token 1 of the vocabulary is None, a missing"),
        (["a", float("nan")], ValueError, "Token 1 of the vocabulary is nan"),
        (["a", ["b"]], TypeError, r"Token 1 of the vocabulary is \['b'\], of type"),
        ({"a": 1, "b": 1}, ValueError, "id 1 twice, of 'a' and of 'b'"),
        ({"a": 1, "b": 3}, ValueError, "2 tokens, but none with the id 2"),
        ({"a": 1, "b": -1}, ValueError, "none with the id 2"),
        ({"a": 0, "b": 1}, ValueError, "maps 'a' to 0.*unknown_token='a'"),
        ({"a": 1, "<unk>": 2}, ValueError, "unknown token '<unk>' to 2, but its id"),
        ({"a": 1.0}, TypeError, "'a' to 1.0; expected an integer"),
        ({"a": "1"}, TypeError, "'a' to '1'; expected an integer"),
        ({"a": True}, TypeError, "'a' to True; expected an integer"),
        ({None: 1}, ValueError, "Token 0 of the vocabulary is None"),
    ],
)
def test_bad_vocabulary(vocabulary, error, message):
    fitted = TokenEncoder().fit(FILMS).set_params(vocabulary=vocabulary)
    learnt = fitted.vocabulary_
    for encoder in (TokenEncoder(vocabulary=vocabulary), fitted):
        for method in (encoder.fit, encoder.fit_transform):
            with pytest.raises(error, match=message):
                method(["a b"])
    assert fitted.vocabulary_ is learnt


def test_upper_case_that_no_text_has():
    match = "the token 'Bc', but text is made lower case first"
    with pytest.warns(UserWarning, match=match) as caught:
        TokenEncoder(vocabulary=["a", "Bc"]).fit(["a Bc"])
    assert caught[0].filename == __file__
    TokenEncoder(vocabulary=["a", "Bc"], lowercase=False).fit(["a Bc"])
    TokenEncoder(vocabulary=["a", "Bc"], preprocessor=str).fit(["a Bc"])
    TokenEncoder(vocabulary=["a", "Bc"], analyzer=str.split).fit(["a Bc"])
    TokenEncoder(vocabulary=["a", "Bc"]).fit([["a", "Bc"]])
    TokenEncoder(vocabulary=["a", 1]).fit(["a Bc"])


# ---- back ----------------------------------------------------------------------------


def test_ids_in_any_form():
    encoder = TokenEncoder().fit(FILMS)
    expected = [["good", "not"], ["<unk>", "film"]]
    for ids in (
        [[1, 2], [0, 4]],
        [np.array([1, 2]), np.float32([0, 4])],
        np.array([[1, 2], [0, 4]]),
        np.array([[[1.0], [2.0]], [[0.0], [4.0]]]),
        SequenceArray([[1], [2], [0], [4]], [0, 2, 4]),
        encoder.transform([["good", "not"], ["?", "film"]]).astype("float32"),
    ):
        assert encoder.inverse_transform(ids) == expected
    padded = np.array([[[1.0], [np.nan]], [[np.nan], [np.nan]]])
    assert encoder.inverse_transform(padded) == [["good"], []]
    assert encoder.inverse_transform(encoder.transform(FILMS)[:0]) == []


@pytest.mark.parametrize(
    "ids, message",
    [
        ([[1, 2], [0, 5]], "ids from 0 to 4; got 5.* at sample 1, step 1"),
        ([[1, -1]], "got -1.* at sample 0, step 1"),
        ([[1, 0.5]], "got 0.5 at sample 0, step 1"),
        ([[1, np.nan]], "contains NaN: sample 0, step 1"),
        ([np.ones((2, 2))], "one column of ids, got 2 columns"),
        ([["good"]], "text"),
    ],
)
def test_what_is_no_id(ids, message):
    with pytest.raises(ValueError, match=message):
        TokenEncoder().fit(FILMS).inverse_transform(ids)


def test_ids_of_another_vocabulary():
    one, other = TokenEncoder().fit(FILMS), TokenEncoder(min_df=1).fit(FILMS)
    ids = one.transform(FILMS)
    with pytest.raises(ValueError, match="another vocabulary, of 5 tokens.*has 9"):
        other.inverse_transform(ids)
    back = pickle.loads(pickle.dumps(one))
    assert back.inverse_transform(ids) == one.inverse_transform(ids)


def test_parameters_that_are_set_later():
    """What was learned stays until the next fit; the analysis is that of today."""
    encoder = TokenEncoder().fit(FILMS)
    encoder.set_params(unknown_token="?", min_df=1, vocabulary=["x"])
    ids = encoder.transform(FILMS)
    assert ids.vocabulary == ("<unk>", "good", "not", "a", "film")
    assert encoder.inverse_transform([[0]]) == [["<unk>"]]
    encoder.set_params(lowercase=False)
    assert ids_of(encoder.transform(["A a"])) == [[0, 3]]


# ---- one fit after another -----------------------------------------------------------


def test_analysis_is_done_once():
    calls = []

    def tokenizer(text):
        calls.append(text)
        return text.split()

    encoder = TokenEncoder(tokenizer=tokenizer, min_df=1)
    encoder.fit_transform(iter(["a b", "c"]))
    assert calls == ["a b", "c"]
    encoder.fit(["d"])
    encoder.transform(["e"])
    assert calls == ["a b", "c", "d", "e"]


def test_an_interrupted_fit_leaves_an_earlier_one():
    def tokenizer(text):
        if text == "stop":
            raise KeyboardInterrupt
        return text.split()

    encoder = TokenEncoder(tokenizer=tokenizer, min_df=1).fit(["a b"])
    before = dict(vars(encoder))
    for method in (encoder.fit, encoder.fit_transform):
        with pytest.raises(KeyboardInterrupt):
            method(["c d", "stop"])
    assert vars(encoder) == before and encoder.vocabulary_ == {"a": 1, "b": 2}
    encoder.fit(["c"])
    assert encoder.vocabulary_ == {"c": 1}


def test_an_earlier_result_is_not_touched_by_a_later_fit():
    encoder = TokenEncoder(min_df=1)
    ids = encoder.fit_transform(["a b"])
    encoder.fit(["c d e"])
    assert ids.vocabulary == ("<unk>", "a", "b") and ids_of(ids) == [[1, 2]]


def test_a_million_tokens():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(50_000)]
    numbers = np.minimum(rng.zipf(1.3, 1_000_000), 50_000) - 1
    X = [[words[i] for i in part] for part in np.split(numbers, 20_000)]
    encoder = TokenEncoder()
    ids = encoder.fit_transform(X)
    assert encoder.transform(X) == ids
    assert ids.lengths.sum() == 1_000_000
    counts = np.bincount(ids.data[:, 0])[1:]
    assert (np.diff(counts) <= 0).all()
