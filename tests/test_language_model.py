"""LSTMLanguageModel: what it learns, and what it says of documents."""

import math

import numpy as np
import pytest
from language_cases import CELLS, LETTERS, STEPS, chain, network_of, small, true_log_p
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sklstm import LSTMLanguageModel, SequenceArray
from sklstm._estimators import language_model
from sklstm.preprocessing import TokenEncoder

X = chain(40)
WORDS = ["a cat sat", "a dog sat", "the cat ran .", "the dog ran .", ""]
every_cell = pytest.mark.parametrize("cell", CELLS)
both = pytest.mark.parametrize("contiguous", [False, True])
tied = pytest.mark.parametrize("tie_weights", [False, True])


@pytest.fixture(scope="module")
def model():
    return small(max_iter=5).fit(X)


# ---- what is learnt ------------------------------------------------------------------


@both
def test_it_learns_a_markov_chain_to_its_entropy(contiguous):
    train, test = chain(1500, 1), chain(1000, 2)
    model = LSTMLanguageModel(
        16, level="char", embedding_dim=8, max_iter=6, batch_size=16, random_state=0,
        contiguous=contiguous, tbptt=32, learning_rate_init=0.01,
    ).fit(train)  # fmt: skip
    best = sum(map(true_log_p, test)) / sum(len(x) + 1 for x in test)
    assert best - 0.02 < model.score(test) < best
    order = [*map(model.vocabulary_.index, LETTERS), -1]
    state = model.initial_state(4)
    if contiguous:  # in the middle of a text
        for document in train[:10]:
            for token in (None, *document):
                _, state = model.predict_step([token] * 4, state)
    _, state = model.predict_step([None] * 4, state)
    proba, _ = model.predict_step(["a", "b", "c", "a"], state)
    assert_allclose(proba[:3, order], STEPS, atol=0.05)
    first, _ = model.predict_step([None], model.initial_state())
    if not contiguous:
        assert_allclose(first[0, order], [1 / 3] * 3 + [0], atol=0.05)


def test_it_begins_with_the_shares_of_tokens():
    """So that the first epoch is no better and no worse than a model of single ones."""
    model = small(max_iter=1, learning_rate_init=1e-300, dtype="float64").fit(X)
    counts = np.array(["".join(X).count(letter) for letter in LETTERS])
    shares = np.append(counts, len(X)) / (counts.sum() + len(X))
    assert_allclose(model.loss_, -(shares * np.log(shares)).sum(), atol=0.1)


def test_of_a_network_without_weights_all_tokens_are_equally_probable(model):
    uniform = small(max_iter=5).fit(X)
    zeros = np.zeros_like(uniform._fitted.parameters)
    uniform._fitted = uniform._fitted.with_parameters(zeros)
    assert_allclose(uniform.perplexity(X), 5, rtol=1e-6)  # a, b, c, <unk> and the end
    assert_allclose(uniform.bits_per_character(X), math.log2(5), rtol=1e-6)
    assert_allclose(uniform.predict_proba(["a"]), 0.2, rtol=1e-6)


@every_cell
@tied
def test_every_cell(cell, tie_weights):
    model = small(cell=cell, tie_weights=tie_weights, max_iter=10).fit(X)
    assert model.loss_ < model.loss_curve_[0]
    assert model.cell == cell and model.out_activation_ == "softmax"


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_solver(dtype, solver):
    model = small(
        solver=solver, dtype=dtype, alpha=0.01, dropout=0.1, recurrent_dropout=0.1,
        tbptt=4, max_iter=8, learning_rate_init=0.1 if solver == "sgd" else 0.005,
    ).fit(X)  # fmt: skip
    assert model.loss_ < model.loss_curve_[0]


@pytest.mark.filterwarnings("ignore:Maximum iterations")
def test_lbfgs():
    model = small(solver="lbfgs", tbptt=None, max_iter=20).fit(X[:10])
    assert model.loss_ < 0.95 * model.loss_curve_[0]
    with pytest.raises(ValueError, match="does not support tbptt=64"):
        small(solver="lbfgs").fit(X)


# ---- the vocabulary ------------------------------------------------------------------


def test_the_vocabulary_falls_in_frequency():
    model = small(level="word").fit(WORDS)
    assert model.vocabulary_ == ("<unk>", "a", "cat", "sat", "dog", "the", "ran", ".")
    assert small(level="word", max_tokens=2).fit(WORDS).vocabulary_ == (
        "<unk>", "a", "cat",
    )  # fmt: skip
    assert small(level="word", min_count=1).fit(["one two", "one"]).vocabulary_ == (
        "<unk>", "one", "two",
    )  # fmt: skip
    assert small(level="word").fit(["one two", "one"]).vocabulary_ == ("<unk>", "one")
    assert small().fit(["ba", "b"]).vocabulary_ == ("<unk>", "b", "a")


def test_unknown_tokens_are_as_probable_as_unk():
    model = small(level="word").fit([*WORDS, "a bird sat"])
    documents = ["a bird sat", "a <unk> sat", "a fish sat", "a cat sat"]
    found = model.score_samples(documents)
    assert found[0] == found[1] == found[2] != found[3]
    assert np.isfinite(model.perplexity(["x y z"]))


def test_unk_is_possible_where_nothing_was_unknown(model):
    assert model.vocabulary_ == ("<unk>", "b", "a", "c")
    assert 0 < model.predict_proba(["a"])[0, 0] < 0.1
    assert np.isfinite(model.perplexity(["xyz", "é"]))


def test_ids_of_a_token_encoder():
    encoder = TokenEncoder(min_df=1)
    ids = encoder.fit_transform(WORDS)
    model = small(level="word", min_count=7).fit(ids)
    assert model.vocabulary_ == ids.vocabulary
    again = small(level="word", min_count=1).fit([str(x).split() for x in WORDS])
    assert set(again.vocabulary_) == set(model.vocabulary_)
    assert_array_equal(model.score_samples(ids), model.score_samples(WORDS))
    pipeline = make_pipeline(TokenEncoder(min_df=1), small(level="word"))
    pipeline.fit(WORDS)
    assert pipeline.score(WORDS) == model.score(ids)
    assert_array_equal(pipeline.score_samples(WORDS), model.score_samples(ids))
    other = SequenceArray([[2], [1]], [0, 2], vocabulary=["?", "cat", "a"])
    assert_array_equal(model.score_samples(other), model.score_samples(["a cat"]))


def test_tokens_of_any_kind():
    documents = [[60, 62, 64], [62, 64], [(1, 2), "x", 60], []]
    model = small(level="word", min_count=1).fit(documents)
    assert set(model.vocabulary_) == {"<unk>", 60, 62, 64, (1, 2), "x"}
    (found,) = model.generate(3, prefix=[60], random_state=0)
    assert isinstance(found, list)
    chars = small(level="char").fit(documents)
    assert isinstance(chars.generate(3, random_state=0)[0], list | str)


# ---- how probable --------------------------------------------------------------------


def by_hand(model, document):
    """log p of a document token by token."""
    p, state = model.predict_step(
        [None], model.initial_state(), method="predict_log_proba"
    )
    total = 0.0
    for token in document:
        id = model.vocabulary_.index(token) if token in model.vocabulary_ else 0
        total += p[0, id]
        p, state = model.predict_step([token], state, method="predict_log_proba")
    return total + p[0, -1]


@every_cell
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@tied
def test_a_step_equals_the_whole(cell, dtype, tie_weights):
    model = small(cell=cell, dtype=dtype, tie_weights=tie_weights).fit(X)
    documents = ["", "a", "abcbca", "bbxba" * 30]
    found = model.score_samples(documents)
    assert found.dtype == np.float64 and found.shape == (4,)
    assert found.tolist() == [by_hand(model, document) for document in documents]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@tied
@both
def test_scores_do_not_depend_on_what_is_beside(dtype, tie_weights, contiguous):
    model = small(
        dtype=dtype, tie_weights=tie_weights, contiguous=contiguous,
        hidden_layer_sizes=(40, 5),
    ).fit(X)  # fmt: skip
    documents = [*chain(30, 5), "", "ab" * 200]
    found = model.score_samples(documents)
    alone = [model.score_samples([document])[0] for document in documents]
    assert found.tolist() == alone
    assert model.score_samples(documents[::-1]).tolist() == alone[::-1]
    with threadpool_limits(1, user_api="openmp"):
        assert model.score_samples(documents).tolist() == alone
    proba = model.predict_proba(documents)
    assert_array_equal(proba[::-1], model.predict_proba(documents[::-1]))
    for document, p in zip(documents, proba):
        assert_array_equal(model.predict_proba([document])[0], p)
    with threadpool_limits(3, user_api="openmp"):
        assert model.score_samples(documents).tolist() == alone
        assert_array_equal(model.predict_proba(documents), proba)


@both
def test_scores_are_means_over_tokens_and_ends(contiguous):
    model = small(contiguous=contiguous).fit(X)
    documents = ["abc", "", "ba"]
    n = 4 + 1 + 3
    if contiguous:
        tokens = [None, *"abc", None, None, *"ba"]
        true = [*"abc", None, None, *"ba", None]
        state, log_p = model.initial_state(), 0.0
        for token, following in zip(tokens, true):
            p, state = model.predict_step([token], state, method="predict_log_proba")
            log_p += p[
                0, -1 if following is None else model.vocabulary_.index(following)
            ]
        assert not np.isclose(log_p, model.score_samples(documents).sum(), rtol=1e-7)
    else:
        log_p = model.score_samples(documents).sum()
    assert_allclose(model.score(documents), log_p / n, rtol=1e-12)
    assert model.perplexity(documents) == math.exp(-model.score(documents))
    assert model.bits_per_character(documents) == -model.score(documents) / math.log(2)


def test_weights_of_documents_in_a_score(model):
    a, b = ["ab", "c"], ["ab", "ab", "ab", "c"]
    assert_allclose(model.score(a, sample_weight=[3, 1]), model.score(b), rtol=1e-12)
    with pytest.raises(ValueError, match="nothing to score"):
        model.score(a, sample_weight=[0, 0])


@both
def test_long_texts_are_read_in_pieces(monkeypatch, contiguous):
    model = small(contiguous=contiguous).fit(X)
    documents = ["ab" * 50, "c", "", "abc" * 10, "b" * 9]
    expected = model.score(documents), model.score_samples(documents).tolist()
    monkeypatch.setattr(language_model, "PREDICT_STEPS", 8)
    assert (model.score(documents), model.score_samples(documents).tolist()) == expected


def test_contiguous_can_be_set_after_a_fit(model):
    score = model.score(X)
    other = small(max_iter=5, contiguous=False).fit(X).set_params(contiguous=True)
    assert other.score(X) != score
    assert other.set_params(contiguous=False).score(X) == score


def test_perplexity_is_never_infinite():
    model = small().fit(X)
    parameters = model._fitted.parameters.copy() * 1e5
    model._fitted = model._fitted.with_parameters(parameters)
    assert np.isfinite(model.perplexity(["xxxx"]))
    assert np.isfinite(model.score_samples(["xxxx"])).all()


def test_bits_are_for_characters():
    model = small(level="word").fit(WORDS)
    with pytest.raises(AttributeError, match="level='char', but .* level='word'"):
        model.bits_per_character(WORDS)


# ---- what comes next -----------------------------------------------------------------


def test_probabilities_are_in_the_order_of_the_vocabulary(model):
    proba = model.predict_proba(X)
    assert proba.shape == (40, len(model.vocabulary_) + 1)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(np.exp(model.predict_log_proba(X)), proba)
    log_p = model.predict_log_proba(["", "a", "ab"])
    column = model.vocabulary_.index
    expected = log_p[0, column("a")] + log_p[1, column("b")] + log_p[2, -1]
    assert expected == model.score_samples(["ab"])[0]


def test_steps_side_by_side(model):
    state = model.initial_state(3)
    proba, state = model.predict_step([None] * 3, state)
    for tokens in ("aba", "bbb", "cax"):
        proba, state = model.predict_step(list(tokens), state)
    assert_array_equal(proba, model.predict_proba(["abc", "bba", "abx"]))
    proba, _ = model.predict_step(np.array(["a", "b", "c"]), state)
    assert_array_equal(proba, model.predict_proba(["abca", "bbab", "abxc"]))


def test_a_document_goes_on_from_a_state(model):
    _, state = model.predict_step([None, None], model.initial_state(2))
    _, state = model.predict_step(["a", "b"], state)
    proba = model.predict_proba(["bc", ""], initial_state=state)
    assert_array_equal(proba, model.predict_proba(["abc", "b"]))
    hidden = model.transform(["bc", ""], initial_state=state)
    assert_array_equal(hidden, model.transform(["abc", "b"]))
    steps = model.transform(["bc", ""], "sequence", initial_state=state)
    assert steps.lengths.tolist() == [2, 0]
    assert_array_equal(steps[0], model.transform(["abc"], "sequence")[0][1:])
    with pytest.raises(ValueError, match="of 2 sequence.s., but X has 1"):
        model.predict_proba(["a"], initial_state=state)


def test_hidden_states_are_those_at_the_tokens(model):
    documents = ["abc", "", "ba"]
    last, steps = model.transform(documents), model.transform(documents, "sequence")
    assert last.shape == (3, 5) and steps.lengths.tolist() == [3, 0, 2]
    for document, row, own in zip(documents, last, steps):
        for k in range(len(document)):
            assert_array_equal(own[k], model.transform([document[: k + 1]])[0])
        if document:
            assert_array_equal(own[-1], row)
    gates = model.transform(documents, "gates")
    assert gates["hidden_state_l1"] == steps
    assert gates["forget_gate_l0"].lengths.tolist() == [3, 0, 2]
    names = ["lstmlanguagemodel0", "lstmlanguagemodel4"]
    assert model.get_feature_names_out()[[0, 4]].tolist() == names


def test_frames_of_hidden_states():
    pd = pytest.importorskip("pandas")
    model = small().set_output(transform="pandas").fit(X)
    series = pd.Series(["ab", "c"], index=["x", "y"])
    assert model.transform(series).index.tolist() == ["x", "y"]
    assert_array_equal(model.score_samples(series), model.score_samples(["ab", "c"]))


# ---- weights -------------------------------------------------------------------------


@tied
def test_names_of_weights(tie_weights):
    model = small(tie_weights=tie_weights).fit(X)
    weights = model.weights_
    V = len(model.vocabulary_) + 1
    assert weights["embedding"].shape == (V, 5)
    assert weights["head_weight"].shape == (V, 5)
    assert weights["head_bias"].shape == (V,)
    same = (weights["embedding"] == weights["head_weight"]).all()
    assert same == tie_weights
    network = model._fitted.make_network()
    n = sum(w.size for name, w in weights.items() if "bias_hh" not in name)
    assert network.layout.size == n - tie_weights * V * 5


def test_tied_weights_need_one_size():
    message = "embedding_dim=5 numbers, but the uppermost layer has 6 units"
    with pytest.raises(ValueError, match=message):
        small(tie_weights=True, hidden_layer_sizes=(5, 6)).fit(X)
    small(tie_weights=True, hidden_layer_sizes=5).fit(X)


def test_a_network_of_numpy():
    """One layer, written out."""
    model = small(hidden_layer_sizes=4, dtype="float64", max_iter=5).fit(X)
    w, h, c = model.weights_, np.zeros(4), np.zeros(4)
    ids = [4, *(model.vocabulary_.index(letter) for letter in "abca"), 4]
    total = 0.0
    for a, b in zip(ids, ids[1:]):
        z = w["weight_ih_l0"] @ w["embedding"][a] + w["weight_hh_l0"] @ h
        i, f, g, o = np.split(z + w["bias_ih_l0"], 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        logits = w["head_weight"] @ h + w["head_bias"]
        total += logits[b] - np.log(np.exp(logits).sum())
    assert_allclose(model.score_samples(["abca"]), [total], rtol=1e-9)


def test_the_table_of_the_head_has_a_row_for_the_end():
    network, parameters = network_of(7, tie_weights=True, sizes=(5, 4))
    weight, bias = network.head(parameters)
    assert weight.shape == (7, 4) and bias.shape == (7,)
    assert_array_equal(weight, network.views(parameters)["embedding"]["w0"])
