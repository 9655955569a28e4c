"""LSTMTranscriber: what it learns, says and refuses."""

import copy

import numpy as np
import pytest
from ctc_cases import AllPaths
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from transcriber_cases import CELLS, METHODS, assert_same, outputs, small, spoken

from sklstm import LSTMTranscriber, SequenceArray, TranscriberState

X, Y = spoken()
may_stop_early = pytest.mark.filterwarnings("ignore:Maximum iterations")


@pytest.fixture(scope="module")
def learnt():
    """A model that has learnt, with a few errors left."""
    return LSTMTranscriber(
        16, max_iter=40, learning_rate_init=0.02, random_state=0
    ).fit(*spoken(150))


def with_params(model, **params):
    return copy.copy(model).set_params(**params)


# ---- what it learns ------------------------------------------------------------------


def test_it_learns(learnt):
    X, y = spoken(60, seed=5)
    assert learnt.score(X, y) > 0.9
    assert learnt.loss_ < 0.3 * learnt.loss_curve_[0]
    assert learnt.classes_.tolist() == ["a", "b", "c"]
    assert learnt.blank_ == 3 and learnt.n_outputs_ == 4
    assert learnt.out_activation_ == "softmax"
    predicted = learnt.predict(X)
    assert predicted.dtype == object and predicted.shape == (60,)
    assert all(type(text) is str for text in predicted)


def test_lists_of_labels():
    """Lists are learnt as strings are, to the bit, and come back as lists."""
    lists = [[{"a": 1, "b": 2, "c": 3}[k] for k in text] for text in Y]
    model, plain = small().fit(X, lists), small().fit(X, Y)
    assert model.classes_.tolist() == [1, 2, 3]
    for name, weights in plain.weights_.items():
        assert_array_equal(model.weights_[name], weights)
    texts = plain.predict(X)
    assert model.predict(X).tolist() == [["?abc".index(k) for k in t] for t in texts]
    assert model.score(X, lists) == plain.score(X, Y)


def test_scores(learnt):
    found = learnt.predict(X)
    assert learnt.score(X, found.tolist()) == 1
    worse = [text + "a" for text in found]
    n = sum(map(len, worse))
    assert_allclose(learnt.score(X, worse), 1 - len(X) / n)
    weight = np.arange(len(X))
    n = (weight * [*map(len, worse)]).sum()
    assert_allclose(learnt.score(X, worse, weight), 1 - weight.sum() / n)
    assert learnt.score(X, ["z"] * len(X)) < 1  # labels that it does not know
    with pytest.raises(ValueError, match="nothing to score"):
        learnt.score(X, Y, np.zeros(len(X)))


def test_outputs_of_steps(learnt):
    p = learnt.predict_proba(X)
    for x, of_steps, log_p in zip(X, p, learnt.predict_log_proba(X), strict=True):
        assert of_steps.shape == (len(x), 4)
        assert_allclose(of_steps.sum(axis=1), 1)
        assert_allclose(np.log(of_steps), log_p, 1e-9)
    i = int(np.argmax([len(x) for x in X]))
    best = p[i].argmax(axis=1)
    runs = best[np.r_[True, best[1:] != best[:-1]]]
    expected = "".join("abc"[k] for k in runs if k != learnt.blank_)
    assert learnt.predict(X)[i] == expected


# ---- probabilities of transcripts ----------------------------------------------------


def test_score_samples_are_sums_over_all_paths(learnt):
    short = [x[:4] for x in X[10:16]]
    raw = learnt.decision_function(short)
    for text in ("", "a", "ab", "aa", "cab"):
        expected = [
            AllPaths(part).log_p.get(tuple("abc".index(k) for k in text), -np.inf)
            for part in raw
        ]
        found = learnt.score_samples(short, [text] * len(short))
        assert_allclose(found, expected, 1e-11)
    assert learnt.score_samples(X[2:4], ["z", "abcabcabcabc"]).tolist() == [-np.inf] * 2


def test_n_best(learnt):
    searched = with_params(learnt, beam_size=60)
    short = [x[:3] for x in X[10:16]]
    for part, strings in zip(
        learnt.decision_function(short), searched.predict_n_best(short, 60), strict=True
    ):
        ranked = AllPaths(part).ranked()
        assert len(strings) == len(ranked)
        assert_allclose([s for s, _ in strings], [v for _, v in ranked], 1e-11)


def test_scores_of_the_n_best_are_those_of_score_samples(learnt):
    searched = with_params(learnt, beam_size=8)
    for n in (1, 3, 8):
        best = searched.predict_n_best(X, n)
        assert best.dtype == object and max(map(len, best)) == n
        assert [strings[0][1] for strings in best] == searched.predict(X).tolist()
        for k in range(n):
            there = [i for i, strings in enumerate(best) if len(strings) > k]
            texts = [best[i][k][1] for i in there]
            scores = searched.score_samples([X[i] for i in there], texts)
            assert scores.tolist() == [best[i][k][0] for i in there]  # to the bit
    (one,) = learnt.predict_n_best(X[7:8], 1)
    assert one == [(learnt.score_samples(X[7:8], [one[0][1]])[0], one[0][1])]
    assert one[0][1] == learnt.predict(X)[7]


def test_more_than_a_search_has_left(learnt):
    with pytest.raises(ValueError, match=r"n=5 is more than beam_size=1.*beam_size=5"):
        learnt.predict_n_best(X)
    with pytest.raises(ValueError, match="n == 0"):
        learnt.predict_n_best(X, 0)


def test_a_search_finds_more_probable_transcripts(learnt):
    greedy, searched = learnt, with_params(learnt, beam_size=20)
    p_greedy = learnt.score_samples(X, greedy.predict(X).tolist())
    p_searched = learnt.score_samples(X, searched.predict(X).tolist())
    assert (p_searched >= p_greedy - 1e-12).all()
    unsure = small(max_iter=10).fit(X, Y)
    p_greedy = unsure.score_samples(X, unsure.predict(X).tolist())
    found = with_params(unsure, beam_size=20).predict(X).tolist()
    assert (unsure.score_samples(X, found) > p_greedy + 1e-3).any()


def test_a_bonus_for_labels(learnt):
    texts = [
        with_params(learnt, beam_size=9, insertion_bonus=bonus).predict(X)
        for bonus in (-30.0, 0.0, 30.0)
    ]
    lengths = [sum(map(len, of_bonus)) for of_bonus in texts]
    assert lengths[0] < lengths[1] < lengths[2]


# ---- alignment -----------------------------------------------------------------------


def test_align(learnt):
    spans = learnt.align(X, Y)
    assert spans.dtype == object and spans.shape == (len(X),)
    for x, text, of_labels in zip(X, Y, spans, strict=True):
        assert len(of_labels) == len(text)
        flat = [t for span in of_labels for t in span]
        assert flat == sorted(flat)
        assert all(0 <= first <= last < len(x) for first, last in of_labels)
        assert all(type(t) is int for t in flat)
        for (_, last), (first, _), a, b in zip(
            of_labels, of_labels[1:], text, text[1:], strict=False
        ):
            assert first > last + (a == b)
    assert learnt.align(X[:1], [""])[0] == []
    # the path of the transcript that is predicted is the most probable of all
    i = int(np.argmax([len(text) for text in learnt.predict(X)]))
    best = learnt.predict_proba(X)[i].argmax(axis=1)
    (of_labels,) = learnt.align(X[i : i + 1], learnt.predict(X)[i : i + 1].tolist())
    for label, (first, last) in zip(learnt.predict(X)[i], of_labels, strict=True):
        assert (best[first : last + 1] == "abc".index(label)).all()


def test_align_refuses(learnt):
    with pytest.raises(ValueError, match="not in classes: 'z' at sample 1, label 2"):
        learnt.align(X[11:13], ["a", "abz"])
    n = len(X[12])
    match = rf"Sample 1 has {n} step\(s\), and its transcript of {n + 1} label"
    with pytest.raises(ValueError, match=match) as error:
        learnt.align(X[11:13], ["a", "ab" * ((n + 1) // 2) + "a" * ((n + 1) % 2)])
    assert "infeasible" not in str(error.value)


# ---- transcripts that do not fit -----------------------------------------------------


def too_long():
    y = list(Y)
    y[5], y[9] = "ab" * 20, "cc" * 20
    return y


def test_infeasible_error():
    with pytest.raises(ValueError, match=r"Sample 5 has \d+ step.*40 label.*needs 40"):
        small().fit(X, too_long())
    with pytest.raises(ValueError, match="Sample 9 .*needs 79.*infeasible='drop'"):
        small().fit(X, too_long(), sample_weight=np.arange(len(X)) != 5)
    with pytest.raises(ValueError, match="In X_val.* Sample 5"):
        small(early_stopping=True).fit(X, Y, X_val=X, y_val=too_long())
    with pytest.raises(ValueError, match="Sample 5"):
        small().partial_fit(X, too_long(), classes="abc")
    model = small().fit(X, Y)
    before = model.weights_
    with pytest.raises(ValueError, match="Sample 5"):
        model.fit(X, too_long())
    assert_array_equal(model.weights_["head_bias"], before["head_bias"])


@pytest.mark.parametrize("incremental", [False, True])
def test_infeasible_drop(incremental):
    kept = np.setdiff1d(np.arange(len(X)), [5, 9])
    some = [X[i] for i in kept], [Y[i] for i in kept]
    weight = np.arange(1.0, len(X) + 1)

    def fitted(X, y, weight):
        model = small(infeasible="drop")
        if incremental:
            return model.partial_fit(X, y, weight, classes="abc")
        return model.fit(X, y, weight)

    expected = fitted(*some, weight[kept])
    with pytest.warns(UserWarning, match="2 of 40 samples are left out"):
        model = fitted(X, too_long(), weight)
    for name, weights in expected.weights_.items():
        assert_array_equal(model.weights_[name], weights)
    with pytest.raises(ValueError, match="Each of the 2 transcripts .*nothing to fit"):
        fitted(X[1:3], ["abc" * 20] * 2, weight[:2])


def test_predictions_need_no_room(learnt):
    """A score counts what does not fit as any other error."""
    assert learnt.score(X, too_long()) < learnt.score(X, Y)


def test_empty_transcripts_and_sequences():
    model = small().fit([np.empty((0, 2)), *X], ["", *Y])
    assert model.predict([np.empty((0, 2))]).tolist() == [""]
    assert model.score_samples([np.empty((0, 2))] * 2, ["", "a"]).tolist() == [
        0.0, -np.inf,
    ]  # fmt: skip
    searched = with_params(model, beam_size=3)
    assert searched.predict_n_best([np.empty((0, 2))], 3)[0] == [(0.0, "")]
    (p,) = model.predict_proba([np.empty((0, 2))])
    assert p.shape == (0, 4)
    with pytest.raises(ValueError, match="Sample 0 has 0 step"):
        small().fit([np.empty((0, 2)), *X], ["a", *Y])
    # a minibatch of nothing else
    model = small(batch_size=3).fit([x[:0] for x in X[:6]] + X, [""] * 6 + Y)
    assert np.isfinite(model.loss_curve_).all()


# ---- promises ------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_answer_does_not_depend_on_neighbours(cell, bidirectional, dtype):
    model = small(cell=cell, bidirectional=bidirectional, dtype=dtype).fit(X, Y)
    searched = with_params(model, beam_size=5)
    together, best = outputs(model, X), searched.predict_n_best(X, 5)
    texts, spans = searched.predict(X), model.align(X, Y)
    scores = model.score_samples(X, Y)
    for i in (0, 7, 12, 39):
        one = slice(i, i + 1)
        assert_same(outputs(model, X[one]), {k: v[one] for k, v in together.items()})
        assert searched.predict_n_best(X[one], 5)[0] == best[i]
        assert searched.predict_n_best(X[one], 2)[0] == best[i][:2]
        assert searched.predict(X[one])[0] == texts[i]
        assert model.align(X[one], Y[one])[0] == spans[i]
        assert model.score_samples(X[one], Y[one])[0] == scores[i]


@may_stop_early
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads_change_no_bit(solver, monkeypatch):
    monkeypatch.setattr("sklstm._network.decoding_ctc.PARALLEL_CELLS", 0)
    X, y = spoken(60, seed=3, longest=9)
    found = []
    for n_threads in (1, 2, 3, 8):
        with threadpool_limits(n_threads, user_api="openmp"):
            model = small(hidden_layer_sizes=40, solver=solver, batch_size=30).fit(X, y)
            best = with_params(model, beam_size=4).predict_n_best(X, 4).tolist()
            said = outputs(model, X) | {"align": model.align(X, y).tolist()}
            found.append((model.weights_, best, said))
    for weights, best, said in found[1:]:
        for name, value in weights.items():
            assert_array_equal(value, found[0][0][name])
        assert best == found[0][1]
        assert_same(said, found[0][2])


def test_weights_are_copies():
    """Of one minibatch a weight of 3 is the sample three times, to the bit."""
    weight = np.arange(len(X)) % 3 + 1
    copies = np.repeat(np.arange(len(X)), weight)
    many = [X[i] for i in copies], [Y[i] for i in copies]
    one = small(batch_size=1000).fit(X, Y, weight)
    other = small(batch_size=1000).fit(*many)
    assert one.loss_curve_ == other.loss_curve_
    for name, value in one.weights_.items():
        assert_array_equal(other.weights_[name], value)


def test_a_weight_of_zero_is_not_there():
    weight = np.arange(len(X)) % 2
    some = small().fit(X[1::2], Y[1::2])
    model = small().fit(X, Y, weight)
    for name, value in some.weights_.items():
        assert_array_equal(model.weights_[name], value)


def test_the_first_epoch_begins_with_short_sequences(monkeypatch):
    seen = []
    original = LSTMTranscriber._feed

    def feed(self, *args):
        found = original(self, *args)
        epoch = found.epoch

        def watched(rng):
            batches = list(epoch(rng))
            seen.append([T for batch in batches for T in batch.lengths.tolist()])
            return batches

        found.epoch = watched
        return found

    monkeypatch.setattr(LSTMTranscriber, "_feed", feed)
    lengths = sorted(map(len, X))
    model = small(warm_start=True).fit(X, Y).fit(X, Y)
    assert [order == lengths for order in seen] == [True] + 5 * [False]
    seen.clear()
    small(shuffle=False).fit(X, Y)
    assert seen[0] == [*map(len, X)]
    model = small().partial_fit(X, Y, classes="abc").partial_fit(X, Y)
    assert [order == lengths for order in seen[3:]] == [True, False]
    assert model.t_ == 2 * len(X)


# ---- step by step --------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("missing", ["error", "ffill", "indicator"])
def test_steps_are_the_whole(cell, missing):
    rng = np.random.default_rng(0)
    X, y = spoken()
    if missing != "error":
        for x in X[::2]:
            x[1::3, 0] = np.nan
    model = small(cell=cell, missing=missing).fit(X, y)
    # weights at random, so that there are labels at all
    model._fitted = model._fitted.with_parameters(
        3 * rng.standard_normal(model._fitted.parameters.shape).astype(np.float32)
    )
    expected = outputs(model, X)
    assert len("".join(expected["predict"])) > 20
    for name in METHODS:
        n = min(len(x) for x in X[20:25])
        state, steps = model.initial_state(5), []
        for t in range(n):
            got, state = model.predict_step(
                [x[t] for x in X[20:25]], state, method=name
            )
            steps.append(got)
            assert isinstance(state, TranscriberState) and state.n_sequences == 5
        for i in range(5):
            of_one = [step[i] for step in steps]
            if name == "predict":
                assert "".join(of_one) == model.predict([X[20 + i][:n]])[0]
                assert max(map(len, of_one)) <= 1
            else:
                assert_array_equal(of_one, expected[name][20 + i][:n])


def test_steps_of_lists():
    model = small().fit(X, [list(text) for text in Y])
    got, _ = model.predict_step(X[9][0], model.initial_state())
    assert got.dtype == object and type(got[0]) is list


def test_going_on_from_a_state(learnt):
    x = X[19]
    whole, p = learnt.predict([x])[0], learnt.predict_proba([x])[0]
    h = learnt.transform([x])
    assert len(whole) >= 3
    for cut in range(1, len(x)):
        state = learnt.initial_state()
        for step in x[:cut]:
            _, state = learnt.predict_step(step, state)
        first = learnt.predict([x[:cut]])[0]
        rest = learnt.predict([x[cut:]], initial_state=state)[0]
        assert first + rest == whole
        (of_rest,) = learnt.predict_proba([x[cut:]], initial_state=state)
        assert_array_equal(of_rest, p[cut:])
        assert_array_equal(learnt.transform([x[cut:]], initial_state=state), h)
    state = learnt.initial_state(h=np.zeros((1, 1, 16)))
    assert learnt.predict([x], initial_state=state)[0] == whole


def test_states_that_are_none(learnt):
    state = learnt.initial_state(2)
    step = [X[9][0], X[9][1]]
    with pytest.raises(TypeError, match="state must be what initial_state.*got State"):
        learnt.predict_step(step, state.network)
    with pytest.raises(TypeError, match="initial_state must be what.*got tuple"):
        learnt.predict(X[:2], initial_state=(1, 2))
    for last in (np.zeros(1, np.intp), np.zeros(2), np.array([0, 4]), [0, 0], None):
        with pytest.raises(ValueError, match="state.last is not what predict_step"):
            learnt.predict_step(step, state._replace(last=last))
        with pytest.raises(ValueError, match="initial_state.last is not"):
            learnt.predict_proba(X[:2], initial_state=state._replace(last=last))
    with pytest.raises(TypeError, match="state must be what .* got NoneType"):
        learnt.predict_step(step, state._replace(network=None))
    broken = state.network._replace(layers=())
    with pytest.raises(ValueError, match=r"layers has 0 part\(s\)"):
        learnt.predict_step(step, state._replace(network=broken))
    with pytest.raises(ValueError, match="method='transform' is none of predict, "):
        learnt.predict_step(step, state, method="transform")
    other = small().fit(X, Y)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        other.predict_step(step, state)
    both = small(bidirectional=True).fit(X, Y)
    with pytest.raises(ValueError, match="bidirectional network cannot be streamed"):
        both.predict_step(X[9][0], both.initial_state())


# ---- what is refused -----------------------------------------------------------------


def test_what_does_not_fit_together():
    with pytest.raises(ValueError, match=r"\[40, 39\]. y needs a transcript for each"):
        small().fit(X, Y[1:])
    with pytest.raises(ValueError, match="y is empty"):
        small().fit(X, [])
    with pytest.raises(ValueError, match="no label in any of its 40 transcripts"):
        small().fit(X, [""] * 40)
    with pytest.raises(ValueError, match="Negative values in sample_weight: sample 3"):
        small().fit(X, Y, np.where(np.arange(40) == 3, -1.0, 1.0))
    for params, match in [
        ({"beam_size": 0}, "beam_size"),
        ({"lm_weight": -1}, "lm_weight"),
        ({"insertion_bonus": "x"}, "insertion_bonus"),
        ({"infeasible": "skip"}, "infeasible"),
    ]:
        with pytest.raises(ValueError, match=match):
            small(**params).fit(X, Y)
        if "infeasible" not in params:
            with pytest.raises(ValueError, match=match):
                small().fit(X, Y).set_params(**params).predict(X)
    for name in ("crf", "constraints", "class_weight", "unlabeled", "pooling", "tbptt"):
        with pytest.raises(TypeError, match=name):
            LSTMTranscriber(**{name: None})


def test_one_label_alone():
    model = small().fit(X, ["a" * (len(x) > 3) for x in X])
    assert model.classes_.tolist() == ["a"] and model.n_outputs_ == 2
    assert set(model.predict(X)) <= {"", "a"}


def test_ids_say_what_belongs_together(learnt):
    import pandas as pd

    ids = [f"s{i}" for i in range(len(X))]
    array = SequenceArray.from_list(X)
    array = SequenceArray(array.data, array.offsets, ids=ids)
    order = np.random.default_rng(0).permutation(len(X))
    y = pd.Series(Y, index=ids).iloc[order]
    assert learnt.score(array, y) == learnt.score(X, Y)
    assert learnt.align(array, y).tolist() == learnt.align(X, Y).tolist()
    one, other = small().fit(array, y), small().fit(X, Y)
    assert_array_equal(one.weights_["head_bias"], other.weights_["head_bias"])


@pytest.mark.filterwarnings("always:The loss was not finite")
def test_a_loss_that_is_not_finite_leaves_the_last_good_weights():
    huge = [1e30 * x for x in X]
    with pytest.warns(ConvergenceWarning, match="not finite|diverged"):
        model = small(learning_rate_init=1e30, max_grad_norm=None, cell="rnn_relu").fit(
            huge, Y
        )
    assert all(np.isfinite(w).all() for w in model.weights_.values())
