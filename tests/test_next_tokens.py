"""The next token of each step: rows that are read, what belongs to them, the target."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklstm._targets.next_tokens import (
    NextTokenReader,
    NextTokens,
    as_corpus,
    documents_of,
    read_tokens,
)
from sklstm._targets.token_sequences import TokenReader, Vocabulary

MARK = 9
IDS, OFFSETS = np.array([1, 2, 3, 4, 5, 6]), np.array([0, 2, 2, 5, 6, 6])
READ = [9, 1, 2, 9, 9, 3, 4, 5, 9, 6, 9]
NEXT = [1, 2, 9, 9, 3, 4, 5, 9, 6, 9, 9]


def test_a_document_is_read_from_its_mark_on_and_ends_with_it():
    X, y = read_tokens(IDS, OFFSETS, MARK)
    assert X.data[:, 0].tolist() == READ and y.values.tolist() == NEXT
    assert X.starts.tolist() == [0, 3, 4, 8, 10]
    assert X.lengths.tolist() == y.lengths.tolist() == [3, 1, 4, 2, 1]
    assert X.shape == (5, None, 1) and len(X) == len(y) == 5
    assert y.offsets.tolist() == X._offsets.tolist() == [0, 3, 4, 8, 10, 11]
    assert y.values.dtype == np.intp and X.data.dtype == np.int32


def test_some_of_the_documents():
    X, y = read_tokens(IDS, OFFSETS, MARK)
    vocabulary = Vocabulary(["<unk>", *"abcdef"])
    X.given = documents_of(IDS, OFFSETS, vocabulary), None, np.arange(5.0)
    for which in ([2, 0], np.array([0, 0, 1, 0, 1], bool), slice(1, 3)):
        part, target = X[which], y[which]
        rows = [
            part.data[start : start + n, 0]
            for start, n in zip(part.starts, part.lengths)
        ]
        for row, start, n in zip(rows, part.starts, part.lengths):
            assert row.tolist() == READ[start : start + n]
        assert_array_equal(part.lengths, target.lengths)
        documents, none, weight = part.given
        assert (
            none is None and documents.lengths.tolist() == (part.lengths - 1).tolist()
        )
        assert_array_equal(weight, np.arange(5.0)[which])
        for row, document in zip(rows, documents):
            assert row[1:].tolist() == document[:, 0].tolist()


@pytest.mark.parametrize("n_steps", [1, 2, 5, 11, 50])
def test_a_corpus_is_all_documents_in_parts(n_steps):
    X, y = read_tokens(IDS, OFFSETS, MARK)
    X.given = documents_of(IDS, OFFSETS, Vocabulary(["<unk>", *"abcdef"])), None, None
    weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    corpus, target = as_corpus(X, y, n_steps, weight)
    assert target.values.tolist() == NEXT
    assert target.weight.tolist() == [1, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5]
    assert len(corpus) == len(target) == -(-11 // n_steps)
    assert corpus.lengths.max() <= n_steps and corpus.lengths.sum() == 11
    assert_array_equal(corpus.starts, np.arange(0, 11, n_steps))
    assert as_corpus(X, y, n_steps, None)[1].weight is None
    half = corpus[: len(corpus) // 2 + 1].joined()
    assert half.starts.tolist() == [0]
    assert half.lengths.tolist() == [min(11, (len(corpus) // 2 + 1) * n_steps)]
    assert half.given is X.given


def target(level="char"):
    return NextTokens(("<unk>", "a", "b"), level)


def test_a_target_of_its_state():
    again = NextTokens(**target().state)
    assert again.state == target().state == {
        "tokens": ("<unk>", "a", "b"), "level": "char",
    }  # fmt: skip
    assert again.n_outputs == 4 and again.mark == 3
    assert again.attributes == {"vocabulary_": ("<unk>", "a", "b")}


def test_texts():
    assert target().text([1, 2, 2]) == "abb" and target().text([]) == ""
    assert target("word").text([2, 1]) == ["b", "a"]
    assert NextTokens(("<unk>", 7), "char").text([1, 1]) == [7, 7]


def test_the_score_is_the_mean_log_probability():
    _, y = read_tokens(IDS, OFFSETS, MARK)
    log_p = -np.arange(11.0)
    assert target().scorer(y, None)(log_p) == (-5.0, 5.0)
    weight = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    assert target().scorer(y, weight)(log_p) == (-5.5, 5.5)
    score, loss = target().scorer(y, np.arange(1.0, 6.0))(log_p)
    expected = np.average(log_p, weights=np.repeat(np.arange(1.0, 6.0), y.lengths))
    assert_allclose([score, -loss], expected)


def test_the_labels_of_y_are_the_tokens():
    reader = NextTokenReader("Name", "word", False, None)
    documents = TokenReader("Name", level="word", min_count=1).check(["a b", "b"])
    _, y = read_tokens(documents.values, documents.offsets, 3)
    made = reader.fit(y.replace(labels=("<unk>", "b", "a")), None)
    assert made.vocabulary.tokens == ("<unk>", "b", "a") and made.level == "word"
    assert made.encode(y.replace(labels=("x",))).labels is None
    with pytest.raises(ValueError, match="level cannot change.*level='char', the"):
        reader.check_same(target("char"), y)
    reader.check_same(target("word"), y)


def test_parameters_that_do_not_go_together():
    with pytest.raises(ValueError, match="contiguous=True .* tbptt is None"):
        NextTokenReader("Name", "word", True, None).check_parameters(False)
    with pytest.raises(ValueError, match=r"embedding_dim=3 .* 4 units.*dim=4"):
        NextTokenReader("Name", "word", True, 3, (3, 4)).check_parameters(False)
    NextTokenReader("Name", "word", True, 3, (4, 4)).check_parameters(False)
    NextTokenReader("Name", "word", False, None).check_parameters(True)
