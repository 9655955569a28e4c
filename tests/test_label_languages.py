"""Language models in the search for transcripts: a function, KenLM, a network."""

import copy
import math
import sys
from types import ModuleType

import numpy as np
import pytest
from ctc_cases import AllPaths
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklstm import LSTMLanguageModel, LSTMTranscriber
from sklstm._network.decoding_ctc import Decoder
from sklstm._targets.label_languages import language_of

LABELS = ["a", "b"]


def bigram(prefix, label):
    """Log-probabilities that know the last label; "b" may not follow itself."""
    p = {None: [0.6, 0.3, 0.1], "a": [0.2, 0.5, 0.3], "b": [0.7, 0.0, 0.3]}
    p = p[prefix[-1] if prefix else None][[*LABELS, None].index(label)]
    return math.log(p) if p else -math.inf


def total(function, labels):
    """What it says of a whole string."""
    names = [LABELS[k] for k in labels]
    return sum(
        function(tuple(names[:i]), label) for i, label in enumerate([*names, None])
    )


class Kenlm:
    """The face of `kenlm`, over a function; words that are not known are refused."""

    def __init__(self, function, monkeypatch):
        module = ModuleType("kenlm_double")

        class State:
            prefix = None

        class Model:
            __module__ = "kenlm_double"

            def BeginSentenceWrite(self, state):
                state.prefix = ()

            def BaseScore(self, state, word, after):
                label = None if word == "</s>" else word
                after.prefix = (*state.prefix, label)
                return function(state.prefix, label) / math.log(10)

        module.State, module.Model = State, Model
        monkeypatch.setitem(sys.modules, "kenlm_double", module)
        self.model = Model()


def best_of_all(x, function, weight, bonus):
    """Strings ranked by the formula, of all that there are."""
    scores = {
        labels: log_p + weight * total(function, labels) + bonus * len(labels)
        for labels, log_p in AllPaths(x).log_p.items()
    }
    scores = {labels: score for labels, score in scores.items() if score > -np.inf}
    return sorted(scores.items(), key=lambda pair: -pair[1])


@pytest.mark.parametrize("kind", ["function", "kenlm"])
@pytest.mark.parametrize(("weight", "bonus"), [(1.0, 0.0), (0.5, 0.8), (3.0, -1.0)])
def test_ranking_of_all_strings(kind, weight, bonus, monkeypatch):
    model = bigram if kind == "function" else Kenlm(bigram, monkeypatch).model
    language = language_of(model, LABELS)
    rng = np.random.default_rng(0)
    for T in (0, 1, 2, 4, 5):
        x = rng.standard_normal((T, 3))
        expected = best_of_all(x, bigram, weight, bonus)
        decoder = Decoder(len(expected) + 5, language, weight, bonus)
        (found,) = decoder.best(x, np.array([0, T]))
        there = [(tuple(labels), score) for score, labels in found]
        there = [pair for pair in there if pair[1] > -np.inf]
        assert [labels for labels, _ in there] == [labels for labels, _ in expected]
        assert_allclose([s for _, s in there], [s for _, s in expected], 1e-12, 1e-12)


def test_a_narrow_search_ends_with_the_same_scores():
    x = 2 * np.random.default_rng(1).standard_normal((12, 3))
    decoder = Decoder(4, language_of(bigram, LABELS), 0.7, 0.2)
    (found,) = decoder.best(x, np.array([0, 12]))
    alone = Decoder(4, None, 0.0, 0.0)
    for score, labels in found:
        (exact,) = alone._ranked(x, np.array([0, 12]), [[(labels, 0.0)]])
        expected = exact[0][0] + 0.7 * total(bigram, labels) + 0.2 * len(labels)
        assert_allclose(score, expected, 1e-13)


def test_sequences_do_not_depend_on_neighbours():
    x = np.random.default_rng(0).standard_normal((30, 3))
    offsets = np.array([0, 10, 10, 13, 30])
    decoder = Decoder(3, language_of(bigram, LABELS), 0.5, 0.0)
    together = decoder.best(x, offsets)
    for b in range(4):
        part = x[offsets[b] : offsets[b + 1]]
        assert decoder.best(part, np.array([0, len(part)])) == together[b : b + 1]


def test_a_sequence_that_is_no_numbers():
    x = np.zeros((4, 3))
    x[1] = np.nan
    decoder = Decoder(3, language_of(bigram, LABELS), 0.5, 0.0)
    found = decoder.best(x, np.array([0, 3, 4]))
    assert found[0] == [] and len(found[1]) == 3


def test_a_function_is_asked_once_for_each_string():
    asked = []

    def function(prefix, label):
        asked.append((prefix, label))
        return -1.0

    x = np.random.default_rng(0).standard_normal((9, 3))
    decoder = Decoder(3, language_of(function, LABELS), 0.5, 0.0)
    decoder.best(x, np.array([0, 9]))
    assert len(set(asked)) == len(asked)
    assert asked[:3] == [((), "a"), ((), "b"), ((), None)]


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "x", 1j])
def test_what_is_no_logarithm_of_a_probability(value):
    language = language_of(lambda prefix, label: value, LABELS)
    with pytest.raises(ValueError, match=r"language_model\(\(\), 'a'\) is "):
        language.begin()


def test_what_is_frozen_is_what_is_in_it(monkeypatch):
    expected = language_of(bigram, LABELS).begin().scores
    for model in (bigram, Kenlm(bigram, monkeypatch).model):
        frozen = clone(LSTMTranscriber(language_model=FrozenEstimator(model)))
        assert frozen.language_model.estimator is model
        found = language_of(frozen.language_model, LABELS).begin().scores
        assert_allclose(found, expected)


def test_what_is_no_language_model():
    with pytest.raises(TypeError, match="language_model=3 is none of a callable"):
        language_of(3, LABELS)


def test_words_of_kenlm(monkeypatch):
    asked = []

    def function(prefix, label):
        asked.append(label)
        return -1.0

    model = Kenlm(function, monkeypatch).model
    language = language_of(model, ["a", " ", 3])
    assert_allclose(language.begin().scores, -1.0)
    assert asked == ["a", "<space>", "3", None]
    language.go_on([language.begin()], [1])
    assert "<space>" in asked


# ---- a network -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def language_model():
    rng = np.random.default_rng(0)
    texts = ["ab" * int(n) for n in rng.integers(1, 5, 40)]
    return LSTMLanguageModel(8, level="char", max_iter=20, random_state=0).fit(texts)


def test_a_network_says_what_its_scores_are(language_model):
    language = language_of(language_model, ["b", "x", "a"])
    begun = language.begin()
    assert begun.scores.shape == (4,)
    (after_a,) = language.go_on([begun], [2])
    a_b, a_x = language.go_on([after_a, after_a], [0, 1])
    for steps, text in [
        ((begun.scores[2], after_a.scores[0], a_b.scores[3]), "ab"),
        ((begun.scores[3],), ""),
        ((begun.scores[2], after_a.scores[1], a_x.scores[3]), "ax"),
    ]:
        assert_allclose(sum(steps), language_model.score_samples([text])[0], 1e-6)
    assert language.go_on([], []) == []
    # to the bit, whatever is beside it
    (alone,) = language.go_on([after_a], [1])
    assert (alone.scores == a_x.scores).all()


def test_a_network_that_knows_other_tokens(language_model):
    with pytest.raises(ValueError, match="knows none of the labels.*level='char'"):
        language_of(language_model, ["x", "y"])


# ---- the estimator -------------------------------------------------------------------


@pytest.fixture(scope="module")
def transcriber():
    rng = np.random.default_rng(0)
    y = ["".join(rng.choice([*"ab"], rng.integers(0, 4))) for _ in range(30)]
    X = [rng.standard_normal((8, 2)) for _ in y]
    return LSTMTranscriber(5, max_iter=2, random_state=0).fit(X, y), X


def test_a_language_model_can_be_set_after_a_fit(transcriber, language_model):
    model, X = transcriber
    found = []
    for language in (bigram, language_model, FrozenEstimator(language_model)):
        searched = copy.copy(model).set_params(
            beam_size=6, language_model=language, lm_weight=0.8, insertion_bonus=1.5
        )
        found.append(searched.predict(X).tolist())
        best = searched.predict_n_best(X, 2)
        assert [strings[0][1] for strings in best] == found[-1]
        (alone,) = searched.predict_n_best(X[3:4], 6)
        assert alone[:2] == best[3]
        for score, text in alone:
            said = (
                total(bigram, [LABELS.index(k) for k in text])
                if language is bigram
                else language_model.score_samples([text])[0]
            )
            exact = searched.score_samples(X[3:4], [text])[0]
            assert_allclose(score, exact + 0.8 * said + 1.5 * len(text), 1e-6)
    assert found[1] == found[2]
    assert found[0] != model.predict(X).tolist()


def test_a_model_that_was_cloned_says_what_to_do(transcriber, language_model):
    model, X = transcriber
    unfitted = clone(LSTMTranscriber(beam_size=3, language_model=language_model))
    searched = copy.copy(model)
    searched.set_params(beam_size=3, language_model=unfitted.language_model)
    with pytest.raises(ValueError, match="is not fitted.*FrozenEstimator"):
        searched.predict(X)


def test_a_language_model_needs_a_search(transcriber):
    model, X = transcriber
    searched = copy.copy(model).set_params(language_model=bigram)
    with pytest.raises(ValueError, match="language_model has no part in beam_size=1"):
        searched.predict(X)
    searched.set_params(beam_size=4, lm_weight=0)
    plain = copy.copy(model).set_params(beam_size=4)
    assert searched.predict(X).tolist() == plain.predict(X).tolist()
