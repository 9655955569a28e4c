"""What TokenEncoder takes for documents and tokens, by every container, and refuses."""

from collections import deque

import numpy as np
import pandas as pd
import pytest

from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

TEXTS = ["a b", "b c b", ""]
LISTS = [["a", "b"], ["b", "c", "b"], []]
IDS = [[2, 1], [1, 3, 1], []]
VOCABULARY = {"b": 1, "a": 2, "c": 3}


def encoder(**params):
    return TokenEncoder(**{"min_df": 1, **params})


def ids_of(X):
    return [x[:, 0].tolist() for x in X]


def objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def polars(items):
    return pytest.importorskip("polars").Series(items)


def arrow(items):
    return pytest.importorskip("pyarrow").array(items)


def chunks(items):
    return pytest.importorskip("pyarrow").chunked_array([items[:1], items[1:]])


def awkward(items):
    return pytest.importorskip("awkward").Array(items)


def arrow_strings(items):
    pytest.importorskip("pyarrow")
    return pd.Series(items, dtype="string[pyarrow]")


class NotAnArray:
    """What can be made an array, and does nothing else."""

    def __init__(self, items):
        self.items = items

    def __array__(self, dtype=None, copy=None):
        return objects(self.items)


OF_ANY = {
    "__array__": NotAnArray,
    "list": list,
    "tuple": tuple,
    "deque": deque,
    "generator": iter,
    "objects": objects,
    "Series": pd.Series,
    "Series with an index": lambda items: pd.Series(items, index=[7, 5, 6]),
    "polars": polars,
    "arrow": arrow,
    "chunks": chunks,
    "awkward": awkward,
}
OF_TEXT = {
    "strings": lambda items: np.array(items),
    "bytes": lambda items: np.array(items, dtype=bytes),
    "list of bytes": lambda items: [item.encode() for item in items],
    "Index": pd.Index,
    "string": lambda items: pd.Series(items, dtype="string"),
    "string[pyarrow]": arrow_strings,
    "category": lambda items: pd.Series(items, dtype="category"),
}
DOCUMENT = {
    "tuple": tuple,
    "deque": deque,
    "strings": lambda tokens: np.array(tokens, dtype=str),
    "objects": lambda tokens: np.array(tokens, dtype=object),
    "__array__": NotAnArray,
    "a column": lambda tokens: np.array(tokens, dtype=object)[:, np.newaxis],
    "Series": lambda tokens: pd.Series(tokens, dtype=object),
    "polars": lambda tokens: pytest.importorskip("polars").Series(tokens, dtype=str),
    "arrow": lambda tokens: arrow(tokens).cast(pytest.importorskip("pyarrow").string()),
}


def assert_encodes(make):
    """In fit, in fit_transform and in transform."""
    fitted = encoder()
    assert ids_of(fitted.fit_transform(make())) == IDS
    assert fitted.vocabulary_ == VOCABULARY
    assert all(type(token) is str for token in fitted.vocabulary_)
    assert encoder().fit(make()).vocabulary_ == VOCABULARY
    assert ids_of(encoder().fit(TEXTS).transform(make())) == IDS


@pytest.mark.parametrize("container", OF_ANY | OF_TEXT)
def test_text_in_any_container(container):
    assert_encodes(lambda: (OF_ANY | OF_TEXT)[container](TEXTS))


@pytest.mark.parametrize("container", OF_ANY)
def test_lists_in_any_container(container):
    assert_encodes(lambda: OF_ANY[container](LISTS))


@pytest.mark.parametrize("kind", DOCUMENT)
def test_documents_of_any_kind(kind):
    assert_encodes(lambda: [DOCUMENT[kind](tokens) for tokens in LISTS])
    assert_encodes(lambda: objects([DOCUMENT[kind](tokens) for tokens in LISTS]))


def test_text_beside_lists():
    assert_encodes(lambda: ["a b", ("b", "c", "b"), ""])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_dates_stay_dates(library):
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"])
    make = {"pandas": pd.Series, "polars": polars, "pyarrow": arrow}[library]
    fitted = encoder()
    assert ids_of(fitted.fit_transform([make(days)])) == [[1, 2, 1]]
    assert list(fitted.vocabulary_) == list(days[:2])


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64", "U2", "O"])
def test_a_matrix_has_a_document_in_each_row(dtype):
    X = np.array([[1, 2, 2], [3, 2, 1]]).astype(dtype)
    fitted = encoder()
    assert ids_of(fitted.fit_transform(X)) == [[2, 1, 1], [3, 1, 2]]
    assert list(fitted.vocabulary_) == [X[0, 1], X[0, 0], X[1, 0]]
    assert fitted.inverse_transform(fitted.transform(X)) == X.tolist()
    assert not any(isinstance(token, np.generic) for token in fitted.vocabulary_)


def test_sequences_of_numbers():
    numbers = SequenceArray.from_list([[5, 7], [], [5]])
    padded = numbers.to_padded()
    for X in (numbers, padded, padded.astype("float32"), [[5, 7], [], [5]]):
        fitted = encoder()
        assert ids_of(fitted.fit_transform(X)) == [[1, 2], [], [1]]
        assert fitted.vocabulary_ == {5.0: 1, 7.0: 2}
    tensors = pytest.importorskip("torch")
    X = [tensors.tensor([5, 7]), tensors.tensor([]), tensors.tensor([5])]
    assert ids_of(encoder().fit_transform(X)) == [[1, 2], [], [1]]


def test_ids_are_read_as_their_tokens():
    ids = encoder(min_df=2).fit_transform(LISTS)
    assert ids.vocabulary == ("<unk>", "b")
    for again in (ids, ids.astype("float32"), ids[::1]):
        fitted = encoder()
        assert fitted.fit_transform(again) == ids
        assert fitted.vocabulary_ == {"b": 1}
    assert ids_of(encoder(unknown_token="?").fit(LISTS).transform(ids[:2])) == [
        [0, 1],
        [1, 0, 1],
    ]


@pytest.mark.parametrize(
    "tokens",
    [
        [1, "1", (1,), ("a", "b"), frozenset("ab"), b"1", 1.5, 1j, pd.Timestamp(0)],
        [2**70, -1, 10**400],
        [np.int64(5), np.str_("x"), np.datetime64("2020-01-01"), 0.25],
    ],
)
def test_tokens_need_no_order(tokens):
    fitted = encoder()
    assert ids_of(fitted.fit_transform([tokens, tokens[::-1]])) == [
        list(range(1, len(tokens) + 1)),
        list(range(len(tokens), 0, -1)),
    ]
    assert fitted.inverse_transform([[2], [1, 3]]) == [
        [tokens[1]],
        [tokens[0], tokens[2]],
    ]


def test_tokens_are_told_apart_as_keys_are():
    fitted = encoder()
    assert ids_of(fitted.fit_transform([[1, 1.0, True, np.int8(1)], ["1"]])) == [
        [1, 1, 1, 1],
        [2],
    ]


# ---- refused -------------------------------------------------------------------------

NO_TEXTS = {
    "text": ("abc", ValueError, "string object received"),
    "bytes": (b"abc", ValueError, "string object received"),
    "numpy's text": (np.str_("abc"), ValueError, "string object received"),
    "None": (None, TypeError, "Expected documents.*got NoneType"),
    "number": (3, TypeError, "of type int, 3; expected documents"),
    "dict": ({"a": "b"}, TypeError, r"got dict\. Pass list\(X\.values"),
    "set": ({"a"}, TypeError, "got set.*no order"),
    "scalar array": (np.array("a"), TypeError, "Expected documents.*array"),
    "masked": (np.ma.array([1, 2]), TypeError, "masked array"),
    "DataFrame": (pd.DataFrame({"x": ["a"]}), TypeError, r"X\[column\]"),
    "3-D": (np.zeros((2, 3, 4)), ValueError, "4 features, but a token is one"),
    "SequenceArray": (
        SequenceArray(np.zeros((3, 2)), [0, 3]),
        ValueError,
        "2 features, but a token is one value",
    ),
}
NO_DOCUMENTS = {
    "None": (None, ValueError, "is None, a missing value"),
    "nan": (np.nan, ValueError, "is nan, a missing value"),
    "NA": (pd.NA, ValueError, "is <NA>, a missing value"),
    "NaT": (pd.NaT, ValueError, "is NaT, a missing value"),
    "int": (3, TypeError, r"is a number, 3; expected a text or a list.*X = \[x\]"),
    "float": (np.float32(0.5), TypeError, "is a number"),
    "bool": (True, TypeError, "is a number, True"),
    "dict": ({"a": 1}, TypeError, r"of type dict.*list\(x\.values"),
    "set": ({"a"}, TypeError, "of type set.*no order"),
    "iterator": (iter("ab"), TypeError, r"Pass list\(x\)"),
    "object": (object(), TypeError, "of type object"),
    "scalar array": (np.array(3), TypeError, r"array\(3\)"),
    "masked": (np.ma.array([1]), TypeError, "masked array"),
}
NO_TOKENS = {
    "None": (None, ValueError, "is None, a missing value.*'<missing>'"),
    "nan": (float("nan"), ValueError, "is nan, a missing value"),
    "numpy's nan": (np.float64("nan"), ValueError, "nan.*a missing value"),
    "NA": (pd.NA, ValueError, "is <NA>, a missing value"),
    "NaT": (pd.NaT, ValueError, "is NaT, a missing value"),
    "list": (["b"], TypeError, r"is \['b'\], of type list.*can be a tuple"),
    "dict": ({}, TypeError, "is {}, of type dict"),
    "array": (np.zeros(2), TypeError, "of type ndarray, which cannot be the key"),
    "a tuple of lists": (("b", ["c"]), TypeError, r"\('b', \['c'\]\), of type tuple"),
}


def assert_refused(X, error, match):
    """Whatever the method, and an earlier fit stays as it was."""
    fitted = encoder().fit(TEXTS)
    before = dict(vars(fitted))
    for method in (encoder().fit, fitted.fit, fitted.fit_transform, fitted.transform):
        with pytest.raises(error, match=match):
            method(X)
    assert vars(fitted) == before
    assert all(vars(fitted)[name] is value for name, value in before.items())
    assert fitted.vocabulary_ == VOCABULARY


@pytest.mark.parametrize("kind", NO_TEXTS)
def test_what_holds_no_documents(kind):
    assert_refused(*NO_TEXTS[kind])


@pytest.mark.parametrize("kind", NO_DOCUMENTS)
def test_what_is_no_document(kind):
    document, error, message = NO_DOCUMENTS[kind]
    if kind == "iterator":  # its own message; it is never begun
        assert_refused(["a", document], error, f"Document 1.*{message}")
        return
    assert_refused(["a", document], error, f"Document 1.*{message}")
    assert_refused([["a"], [], document, None], error, f"Document 2.*{message}")


@pytest.mark.parametrize("kind", NO_TOKENS)
def test_what_is_no_token(kind):
    token, error, message = NO_TOKENS[kind]
    match = f"Token 2 of document 1 is.*{message.removeprefix('is ')}"
    assert_refused([["a"], ["a", "b", token, "c"], [None]], error, match)
    assert_refused([[], ("a", "b", token)], error, match)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_documents_in_columns(missing):
    assert_refused(pd.Series(["a", missing, "b"]), ValueError, "Document 1 is")
    assert_refused(objects(["a", missing, "b"]), ValueError, "Document 1 is")
    assert_refused(pd.Series([["a"], missing]), ValueError, "Document 1 is")
    text = pd.Series(["a", missing], dtype="string")
    assert_refused(text, ValueError, "Document 1 is <NA>, a missing value")
    matrix = np.array([["a", "b"], ["a", missing]], dtype=object)
    assert_refused(matrix, ValueError, "Token 1 of document 1 is")
    assert_refused(np.array([[1, np.nan]]), ValueError, "Token 1 of document 0 is nan")


def test_polars_and_arrow():
    pl = pytest.importorskip("polars")
    assert_refused(pl.Series(["a", None]), ValueError, "Document 1 is None")
    assert_refused(pl.DataFrame({"x": ["a"]}), TypeError, r"X\[column\]")
    assert_refused(pl.LazyFrame({"x": ["a"]}), TypeError, r"x\.collect\(\)")
    pa = pytest.importorskip("pyarrow")
    assert_refused(pa.array(["a", None]), ValueError, "Document 1 is None")
    assert_refused(pa.table({"x": ["a"]}), TypeError, "pyarrow.Table")


def test_a_callable_is_given_documents_of_any_kind():
    records = [{"words": "a b"}, {"words": "b c b"}, {"words": ""}]

    def analyzer(record):
        return iter(record["words"].split())

    fitted = encoder(analyzer=analyzer)
    assert ids_of(fitted.fit_transform(records)) == IDS
    lower = encoder(analyzer=lambda tokens: [token.lower() for token in tokens])
    assert ids_of(lower.fit_transform([["A", "b"], ("B", "C", "b"), []])) == IDS
    assert ids_of(encoder(analyzer=str.split).fit_transform(TEXTS)) == IDS
    seen = []
    encoder(analyzer=lambda text: seen.append(text) or ["a"]).fit([b"ab", "c"])
    assert seen == ["ab", "c"]
    with pytest.raises(ValueError, match="Document 1 is None, a missing value"):
        encoder(analyzer=analyzer).fit([records[0], None])
    with pytest.raises(ValueError, match="Token 1 of document 0 is None"):
        encoder(analyzer=lambda text: ["a", None]).fit(["a"])
    with pytest.raises(TypeError, match=r"Token 0 of document 0 is \['a'\]"):
        encoder(analyzer=lambda text: [["a"]]).fit(["a"])


@pytest.mark.parametrize(
    "document, error",
    [("c", KeyError), (b"\xff", UnicodeDecodeError)],
)
def test_errors_of_the_analysis_say_where(document, error):
    def tokenizer(text):
        return {"a": ["a"]}[text]

    with pytest.raises(error) as caught:
        encoder(tokenizer=tokenizer).fit(["a", "a", document])
    (note,) = caught.value.__notes__
    assert note == f"That was the analysis of document 2, {document!r}."
    with pytest.raises(TypeError) as caught:
        encoder(analyzer=lambda text: None).fit(["a" * 100])
    assert caught.value.__notes__ == [
        f"That was the analysis of document 0, 'aaa{56 * 'a'}...."
    ]
