"""Answers as targets: parts, ids with the mark, how long one may be."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklstm._sklearn.persistence import plain
from sklstm._targets.sequence_of_tokens import AnswerReader, Answers, answers_of
from sklstm._training.feeds import TrainingSet, in_order_of_content
from sklstm._training.samples import Samples
from sklstm._training.split import sample_keys
from sklstm.sequences import SequenceArray

Y = ["ab", "", "bba", "c"]
ASKED = [3, 0, 1, 7]


def reader(**params):
    return AnswerReader("LSTMSeq2Seq", **params)


def answers(y=Y, asked=ASKED, **params):
    return Answers(reader(**params).check(y), np.array(asked))


def test_ids_and_the_mark():
    y = answers()
    target = reader().fit(y)
    encoded = target.encode(y)
    assert target.vocabulary.tokens == ("<unk>", "b", "a", "c")
    mark = target.n_outputs - 1
    assert mark == target.vocabulary.mark == 4
    assert encoded.values.tolist() == [2, 1, mark, mark, 1, 1, 2, mark, 3, mark]
    assert encoded.offsets.tolist() == [0, 3, 4, 8, 10]
    assert encoded.counts.tolist() == [3, 1, 4, 2]
    assert encoded[[3, 0]].values.tolist() == [3, mark, 2, 1, mark]
    assert encoded[1:3].has_own_steps


def test_parts_of_answers_keep_how_long_the_sequences_are():
    y = answers()
    for which in (slice(1, 3), [1, 2], np.array([False, True, True, False])):
        part = y[which]
        assert part.as_given() == [[], ["b", "b", "a"]]
        assert part.asked.tolist() == [0, 1]
        assert reader().fit(part).longest == (3, 1)
    samples = Samples(SequenceArray(np.ones((11, 1)), [0, 3, 3, 4, 11]), y)
    assert samples.as_given()[1] == [["a", "b"], [], ["b", "b", "a"], ["c"]]


def test_how_many_tokens_an_answer_may_have():
    target = reader().fit(answers(["abc", "a"], [4, 2]))
    lengths = np.array([0, 2, 4, 5, 6, 8, 40])
    assert target.most_tokens(lengths).tolist() == [6, 6, 6, 8, 10, 12, 60]
    assert target.most_tokens(lengths, 9).tolist() == [9] * 7
    later, change = target.follow(answers(["aaaa"], [3]), None)
    assert (later.longest, change) == ((4, 4), None)
    assert target.longest == (3, 4)
    no_steps = reader().fit(answers(["ab"], [0]))
    assert no_steps.most_tokens(np.array([0, 3])).tolist() == [4, 12]


def test_unknown_tokens():
    target = reader(level="word").fit(
        answers(["a a b", "a", "b b x", "x y"], level="word")
    )
    assert target.vocabulary.tokens == ("<unk>", "a", "b", "x")
    encoded = target.encode(answers(["y a x"], [1], level="word"))
    assert encoded.values.tolist() == [0, 1, 3, 4]


def test_a_target_is_made_of_its_state():
    target = reader(level="word").fit(answers(["a a b b"], [1], level="word"))
    again = answers_of(**plain(target.state))
    assert again.state == target.state
    assert again.attributes == {
        "target_vocabulary_": ("<unk>", "a", "b"),
        "n_outputs_": 4,
    }
    assert again.vocabulary == target.vocabulary


def test_text_is_read_as_in_the_first_fit():
    target = reader(level="word").fit(answers(["a a"], [1], level="word"))
    reader(level="word").check_same(target, answers())
    with pytest.raises(ValueError, match="level='word', the parameters say 'char'"):
        reader().check_same(target, answers())


def training_set(y, X, weight=None):
    y = Answers(reader().check(y), X.lengths)
    return TrainingSet(*X._as_rows(), reader().fit(y).encode(y), weight), y


def test_samples_of_one_content_are_merged():
    """By sequence and answer, which have lengths of their own."""
    X = SequenceArray(np.array([[1], [2], [1], [2], [1], [2], [3.0]]), [0, 2, 4, 6, 7])
    samples, y = training_set(["ab", "ab", "abb", "ab"], X)
    batch = in_order_of_content(samples)
    assert len(batch.starts) == 3
    assert sorted(batch.weight) == [1, 1, 2]
    merged = np.flatnonzero(batch.weight == 2)
    assert batch.target[merged].values.tolist() == [2, 1, 3]
    keys = sample_keys(X, samples.target)
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 3
    order = [3, 2, 0, 1]
    assert_array_equal(sample_keys(X[order], samples.target[order]), keys[order])


def test_keys_do_not_depend_on_the_lengths_beside_them():
    """As many tokens and ends as steps are no special case."""
    X = SequenceArray(np.arange(5.0)[:, np.newaxis], [0, 3, 5])
    target = reader().fit(answers(["ab", "a", "abb"], [1, 1, 1]))
    alike, others = (
        target.encode(answers(y, X.lengths)) for y in (["ab", "a"], ["ab", "abb"])
    )
    assert alike.lengths.tolist() == X.lengths.tolist()
    assert sample_keys(X, alike)[0] == sample_keys(X, others)[0]
    assert sample_keys(X, alike)[1] != sample_keys(X, others)[1]
