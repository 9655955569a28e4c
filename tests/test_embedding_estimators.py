"""Tokens and categories as input of the estimators: parameters, what is refused, and
the promises that hold for numbers."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from cases import (
    ALL,
    all_estimators,
    assert_same_bits,
    assert_same_outputs,
    every_estimator,
    make_target,
    outputs,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from token_cases import (
    OPTIONS,
    E,
    V,
    encoded,
    every_option,
    fitted,
    small,
    table,
    tokens,
)

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    LSTMStepRegressor,
    LSTMTagger,
)
from sklstm._training.gradient import minibatch_gradient
from sklstm.inspection import (
    GateDisplay,
    gradient_norms,
    sequence_permutation_importance,
)
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")

# ---- promises --------------------------------------------------------------------


@all_estimators
@every_option
def test_what_holds_for_numbers(Estimator, options):
    """Predictions alone and beside others, pickles, clones, and the same bits again."""
    X = tokens()
    model = fitted(Estimator, **options)
    together, other = outputs(model, X), tokens(seed=1)
    for i in range(len(X)):
        for method, value in outputs(model, X[i : i + 1]).items():
            assert_array_equal(value[0], together[method][i])
    loaded = pickle.loads(pickle.dumps(model))
    assert_same_outputs(outputs(loaded, other), outputs(model, other))
    assert_same_bits(clone(model).fit(X, make_target(Estimator, X)), model)
    assert model.weights_["embedding"].shape == (V, E)
    reads = E + (options.get("missing") == "indicator")
    assert model.weights_["weight_ih_l0"].shape[1] == reads


@every_option
def test_weights_do_not_depend_on_threads(threads, options):
    models = []
    for n in (1, 2):
        with threads(n):
            models.append(fitted(**options))
    assert_same_bits(*models)


@all_estimators
@pytest.mark.parametrize(
    "options", [o for o in OPTIONS if not o.get("bidirectional")], ids=str
)
def test_steps_are_the_whole(Estimator, options):
    model, X = fitted(Estimator, **options), tokens()
    for x in X[:3]:
        state = model.initial_state()
        for t, token in enumerate(x):
            y, state = model.predict_step([token], state)
            assert_array_equal(y, model.predict([x[: t + 1]]))
        cut = len(x) // 2
        state = model.initial_state()
        for token in x[:cut]:
            _, state = model.predict_step([[token]], state)
        expected = model.transform([x])
        assert_array_equal(model.transform([x[cut:]], initial_state=state), expected)


@every_estimator
@pytest.mark.parametrize("options", OPTIONS[:5], ids=str)
def test_as_a_network_that_reads_rows(Estimator, options):
    """One-hot rows times the table, in a network without one."""
    X, model = tokens(), fitted(Estimator, **options)
    rows = [np.eye(V)[x] @ np.float64(model.weights_["embedding"]) for x in X]
    plain = small(Estimator, **{**options, "embedding_dim": None})
    y = make_target(Estimator, X)
    # with the weights of the other one
    plain.fit(rows, y)
    network = model._fitted.make_network()
    plain._fitted = plain._fitted.with_parameters(
        model._fitted.parameters[network.dense].copy()
    )
    assert_same_outputs(outputs(plain, rows), outputs(model, X))
    assert_array_equal(plain.transform(rows), model.transform(X))


def test_a_table_that_is_learnt():
    """Whether a sequence has a token: no number of an id says it."""
    rng = np.random.default_rng(0)
    X = [rng.permutation(40)[:T] for T in rng.integers(5, 15, 400)]
    y = np.array([(np.isin(x, [3, 17, 30])).any() for x in X])
    params = {"pooling": "max", "max_iter": 15, "learning_rate_init": 0.01}
    model = small(embedding_dim=8, **params).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.95
    assert small(embedding_dim=None, **params).fit(X[:300], y[:300]).score(
        X[300:], y[300:]
    ) < 0.9  # fmt: skip


@pytest.mark.parametrize("trainable", [True, False])
def test_row_0_begins_at_zero_and_is_trained_where_it_is_seen(trainable):
    X = [x % V for x in tokens()]
    options = {"embedding_trainable": trainable, "learning_rate_init": 1e-12}
    assert_allclose(fitted(X=X, **options).weights_["embedding"][0], 0, atol=1e-6)
    options["learning_rate_init"] = 0.02
    assert fitted(X=X, **options).weights_["embedding"][0].any() == trainable
    unseen = [x[x > 0] for x in X]
    rows = fitted(X=unseen, **options).weights_["embedding"]
    assert not rows[0].any() and rows[1:].any(axis=1).all()


def test_an_id_beyond_the_table_is_row_0():
    model = fitted()
    X = [[1, 99, 2, V], [V - 1, 2**20], [1e30]]
    known = [[1, 0, 2, 0], [V - 1, 0], [0]]
    assert_same_outputs(outputs(model, X), outputs(model, known))
    state = model.initial_state()
    got = model.predict_step([99], state, method="predict_proba")[0]
    assert_array_equal(got, model.predict_proba([[0]]))


def test_only_rows_that_are_seen_are_trained():
    """Lazy steps: rows of ids that no sample has stay where they began."""
    X = [x[x != 4] for x in tokens()]
    X[0] = np.array([V - 1])
    first = fitted(X=X, learning_rate_init=1e-12).weights_["embedding"]
    for solver in ("adam", "adamw", "sgd", "rmsprop"):
        rows = fitted(X=X, solver=solver, alpha=0.1).weights_["embedding"]
        assert_array_equal(rows[4], first[4])
        assert (rows[1] != first[1]).any()


def test_gradients_of_tables_are_whole_for_who_asks():
    model, X = fitted(), encoded(tokens()).astype("float32")
    found = model._fitted
    arguments = (
        {**found.architecture, "n_features": 1, "n_outputs": 3}, found.parameters, X,
        found.target.encode(make_target(LSTMClassifier, X)), None, found.target.loss,
    )  # fmt: skip
    first, again = minibatch_gradient(*arguments), minibatch_gradient(*arguments)
    assert_array_equal(first.gradient, again.gradient)
    table = first.gradient[: V * E].reshape(V, E)
    assert table.any(axis=1).all()


# ---- forms of X ------------------------------------------------------------------


def test_forms_of_ids():
    X = tokens()
    expected = fitted(X=X)
    n = len(X)
    forms = {
        "columns": [x[:, np.newaxis] for x in X],
        "float": [x.astype(float) for x in X],
        "int8": [x.astype(np.int8) for x in X],
        "SequenceArray": SequenceArray.from_list([x.astype("f4") for x in X]),
        "encoded": encoded(X),
        "tables": [pd.DataFrame({"id": x}) for x in X],
    }
    for name, form in forms.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = fitted(X=form)
        assert_same_bits(model, expected)
        assert_same_outputs(outputs(model, form), outputs(expected, X))
        assert len(model.predict(form)) == n, name
    matrix = np.array([x[:1] for x in X if len(x)])
    y = np.arange(len(matrix)) % 2
    assert small().fit(matrix, y).predict(matrix).shape == y.shape


def test_as_numbers_without_embedding_dim():
    X = tokens()
    model = fitted(X=X, embedding_dim=None)
    assert "embedding" not in model.weights_
    assert "embedding" not in model._fitted.architecture


@every_estimator
def test_a_hint_where_ids_are_read_as_numbers(Estimator):
    X = encoded(tokens())
    y = make_target(Estimator, X)
    with pytest.warns(UserWarning, match="embedding_dim") as caught:
        model = small(Estimator, embedding_dim=None).fit(X, y)
    assert len(caught) == 1 and "vocabulary of 9" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)
        small(Estimator).fit(X, y)


def test_a_pipeline_from_text():
    texts = ["a good film", "a bad film", "good", "bad", "not bad", "not good"] * 4
    y = [1, 0, 1, 0, 1, 0] * 4
    model = make_pipeline(
        TokenEncoder(), small(max_iter=40, learning_rate_init=0.05)
    ).fit(texts, y)
    assert model.score(texts, y) == 1
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(
        loaded.predict_proba(texts + ["unheard of"]),
        model.predict_proba(texts + ["unheard of"]),
    )
    assert len(model[-1].weights_["embedding"]) == 1 + len(model[0].vocabulary_)


def test_number_of_rows():
    X = tokens(high=5)
    assert len(fitted(X=X).weights_["embedding"]) == 5
    assert len(fitted(X=encoded(X)).weights_["embedding"]) == 9
    weights = np.ones((7, E))
    assert len(fitted(X=X, embedding_weights=weights).weights_["embedding"]) == 7
    given = {12: np.ones(E)}
    assert len(fitted(X=X, embedding_weights=given).weights_["embedding"]) == 13
    # a sample of weight zero is not there
    y, weight = make_target(LSTMClassifier, X), np.ones(len(X))
    X[-1], weight[-1] = np.array([400]), 0
    assert len(small().fit(X, y, weight).weights_["embedding"]) == 5


@pytest.mark.parametrize("missing", ["ffill", "indicator"])
def test_missing_ids(missing):
    """Before the first one it is not known, later it is the last one."""
    X = [x.astype(float) for x in tokens()]
    X[0], X[1] = np.array([np.nan, 3, np.nan]), np.array([np.nan])
    model = fitted(X=X, missing=missing, bidirectional=True)
    if missing == "ffill":
        got = model.predict_proba([[np.nan, 3, np.nan], [np.nan]])
        assert_array_equal(got, model.predict_proba([[0, 3, 3], [0]]))
    mixed = table()
    mixed[0][:, 1] = np.nan
    model = fitted(X=mixed, missing=missing, categorical_features=[1, 3], solver="sgd")
    assert_array_equal(model._fitted.first_value[[1, 3]], 0)
    assert model._fitted.first_value[[0, 2]].all()
    state = model.initial_state()
    y, state = model.predict_step([np.nan, np.nan, 1.0, 2.0], state)
    assert_array_equal(y, model.predict([[[np.nan, np.nan, 1.0, 2.0]]]))


# ---- rows that are given ---------------------------------------------------------


def test_given_rows():
    X, rng = tokens(), np.random.default_rng(0)
    weights = rng.standard_normal((V, E))
    still = {"embedding_trainable": False}
    model = fitted(X=X, embedding_weights=weights, **still)
    assert_array_equal(model.weights_["embedding"], weights.astype("f4"))
    for form in (weights.tolist(), [weights], (dict(enumerate(weights)),)):
        assert_same_bits(fitted(X=X, embedding_weights=form, **still), model)
    none = fitted(X=X, embedding_weights=[None])
    assert_same_bits(none, fitted(X=X))
    # ids as keys, and tokens where X knows them; others begin as usual
    usual = fitted(X=X, learning_rate_init=1e-12).weights_["embedding"]
    by_id = fitted(X=X, embedding_weights={1: weights[1], 0: weights[0]}, **still)
    by_token = {"b": weights[1], "a": weights[0], "unheard of": np.ones(E)}
    by_token = fitted(X=encoded(X), embedding_weights=by_token, **still)
    for model in (by_id, by_token):
        rows = model.weights_["embedding"]
        assert_array_equal(rows[:2], weights[:2].astype("f4"))
        assert_allclose(rows[2:], usual[2:], atol=1e-6)
    trained = fitted(X=X, embedding_weights=weights).weights_["embedding"]
    assert 0 < np.abs(trained - weights).max() < 1
    X = table()
    given = [None, weights[:4]]
    model = fitted(X=X, categorical_features=[1, 3], embedding_weights=given, **still)
    assert_array_equal(model.weights_["embedding_3"], weights[:4].astype("f4"))
    swapped = fitted(
        X=X, categorical_features=[3, 1], embedding_weights=given[::-1], **still
    )
    assert_same_bits(swapped, model)


@pytest.mark.parametrize(
    "weights, message",
    [
        (np.ones((V, E + 1)), r"shape \(9, 6\).*embedding_dim=5"),
        (np.ones(E), r"shape \(5,\)"),
        (np.ones((0, E)), r"shape \(0, 5\)"),
        (np.full((V, E), np.nan), "embedding_weights holds NaN"),
        (np.full((V, E), 1e300), "too large for float32"),
        ([["a"] * E] * V, "embedding_weights holds .*not real numbers"),
        ({1: np.ones(E - 1)}, r"embedding_weights\[1\] has shape \(4,\)"),
        ({1: np.full(E, np.inf)}, r"embedding_weights\[1\] holds NaN or infinity"),
        ({"the": np.ones(E)}, "key 'the', but X has no vocabulary"),
        ({-1: np.ones(E)}, "key -1"),
        ({1.5: np.ones(E)}, "key 1.5"),
    ],
)
def test_rows_that_cannot_be_given(weights, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fitted(embedding_weights=weights)


def test_rows_that_do_not_go_with_a_vocabulary():
    X = encoded(tokens())
    with pytest.raises(ValueError, match="8 rows.*vocabulary of X has 9 tokens"):
        fitted(X=X, embedding_weights=np.ones((8, E)))
    with pytest.raises(ValueError, match="none of the tokens.*'the'.*'b'"):
        fitted(X=X, embedding_weights={"the": np.ones(E)})
    for given in (np.ones((V, E)), [np.ones((V, E))], 3 * [None]):
        with pytest.raises(ValueError, match="embedding_weights must be a list of 2"):
            fitted(X=table(), categorical_features=[1, 3], embedding_weights=given)


# ---- what is refused -------------------------------------------------------------


BAD_IDS = {
    "negative": (-1, "X holds -1 at"),
    "fraction": (2.5, "X holds 2.5 at"),
    "NaN": (np.nan, "NaN"),
    "infinity": (np.inf, "infinity"),
}


@pytest.mark.parametrize("kind", BAD_IDS)
@every_estimator
def test_values_that_are_no_ids(Estimator, kind):
    value, message = BAD_IDS[kind]
    X = [x.astype(float) for x in tokens()]
    bad = copy.deepcopy(X)
    bad[7] = np.array([1, 2, value, 0])
    message += ".*sample 7, step 2, feature 0"
    y, model = make_target(Estimator, X), fitted(Estimator)
    before = dict(vars(model))
    calls = [
        lambda: model.fit(bad, y),
        lambda: model.partial_fit(bad, y),
        lambda: model.predict(bad),
        lambda: model.transform(bad),
        lambda: model.score(bad, y),
        lambda: small(Estimator, early_stopping=True).fit(X, y, X_val=bad, y_val=y),
        lambda: gradient_norms(model, bad, y),
    ]
    if is_classifier(model):
        calls += [lambda: model.predict_proba(bad)]
    for call in calls:
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert kind in ("NaN", "infinity") or "TokenEncoder" in str(caught.value)
    state = model.initial_state(2)
    where = "sequence 1, feature 0"
    with pytest.raises(ValueError, match=BAD_IDS[kind][1] + ".*" + where):
        model.predict_step([[1], [value]], state)
    assert vars(model) == before


def test_ids_need_no_padding():
    """What a SequenceArray of ids becomes in an array has -1 behind the ends."""
    X = encoded(tokens())
    with pytest.raises(ValueError, match="X holds -1 at sample.*pass a SequenceArray"):
        fitted(X=X.to_padded())
    fitted(X=X)


def test_ids_that_are_too_large(monkeypatch):
    X = tokens()
    X[2] = np.array([2**24])
    with pytest.raises(ValueError, match="largest id in feature 0 of X is 16777216"):
        fitted(X=X)
    monkeypatch.setattr(
        "sklstm._estimators.tokens.available_memory", lambda: (10**6, "the test")
    )
    X[2] = np.array([2**23])
    with pytest.raises(MemoryError, match="8388608: a table.*160.0 MiB.*the test"):
        fitted(X=X)


def test_another_vocabulary():
    X, y = tokens(), make_target(LSTMClassifier, tokens())
    ids, other = encoded(X), encoded(X, words="abxdefghi")
    more = encoded(X, words="abcdefghij")
    model = small(warm_start=True).fit(ids, y)
    for X_other, what in ((other, "id 2 is 'x', not 'c'"), (more, "10 tokens, not 9")):
        calls = [
            lambda X=X_other: model.fit(X, y),
            lambda X=X_other: model.partial_fit(X, y),
            lambda X=X_other: model.predict(X),
            lambda X=X_other: model.transform(X),
            lambda X=X_other: small(early_stopping=True).fit(ids, y, X_val=X, y_val=y),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=f"another vocabulary.*{what}"):
                call()
    # an equal one, another object, and ids that do not say what they are of
    assert_array_equal(model.predict(encoded(X)), model.predict(X))
    assert_array_equal(model.predict(pickle.loads(pickle.dumps(ids))), model.predict(X))


# ---- fits that go on -------------------------------------------------------------


@every_estimator
def test_partial_fit_keeps_the_table_of_its_first_call(Estimator):
    X = tokens(high=5)
    y = make_target(Estimator, X)
    first = {"classes": np.unique(y)} if is_classifier(Estimator()) else {}
    model = small(Estimator).partial_fit(X, y, **first)
    later = [np.array([7, 1, 400])] * 4
    model.partial_fit(later, y[:4])
    assert len(model.weights_["embedding"]) == 5
    assert_same_outputs(outputs(model, later), outputs(model, [[0, 1, 0]] * 4))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_warm_start_goes_on(options):
    X, y = tokens(), make_target(LSTMClassifier, tokens())
    model = small(warm_start=True, **options).fit(X, y)
    before = model.weights_["embedding"]
    loaded = pickle.loads(pickle.dumps(model))
    assert_same_bits(model.fit(X, y), loaded.fit(X, y))
    moved = (model.weights_["embedding"] != before).any()
    assert moved == options.get("embedding_trainable", True)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"embedding_dim": 4}, "embedding_dim=5.*embedding_dim=4"),
        ({"embedding_dim": None}, "embedding_dim=5.*embedding_dim=None"),
        ({"embedding_trainable": False}, "embedding_trainable=True.*=False"),
    ],
)
def test_what_cannot_change_between_fits_that_continue(change, message):
    X, y = tokens(), make_target(LSTMClassifier, tokens())
    model = small(warm_start=True).fit(X, y).set_params(**change)
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(X, y)
    numbers = small(warm_start=True, embedding_dim=None).fit(X, y)
    with pytest.raises(ValueError, match="embedding_dim=None.*embedding_dim=5"):
        numbers.set_params(embedding_dim=E).fit(X, y)
    model = small(warm_start=True, categorical_features=[1]).fit(table(), y)
    with pytest.raises(ValueError, match=r"categorical_features=\(1,\).*\(3,\)"):
        model.set_params(categorical_features=[3]).fit(table(), y)


def test_early_stopping():
    X = tokens(60)
    y = np.array([(x == 2).any() for x in X])
    model = small(early_stopping=True, max_iter=20).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_
    assert_same_bits(clone(model).fit(X, y), model)
    late = [np.append(x, 99) for x in X[:9]]  # beyond the table
    small(early_stopping=True).fit(X, y, X_val=late, y_val=y[:9])


def test_a_state_of_another_table():
    """Of the same network but for the rows: the state is not of it."""
    state = fitted().initial_state()
    with pytest.raises(ValueError, match="embedding="):
        fitted(X=tokens(high=5)).predict_step([1], state)


@all_estimators
def test_nothing_is_known_before_fit(Estimator):
    with pytest.raises(NotFittedError):
        small(Estimator).predict(tokens())
    assert set(ALL) >= {Estimator}


# ---- to look at ------------------------------------------------------------------


def test_inspection(plt):
    X = tokens()
    for model in (fitted(), fitted(LSTMRegressor, bidirectional=True)):
        y = make_target(type(model), X)
        norms = gradient_norms(model, X, y)
        assert all(value.all() for value in norms.norms.values())
        display = GateDisplay.from_estimator(model, X[0])
        assert len(display.axes_) == 4
        importance = sequence_permutation_importance(
            model, X, y, n_repeats=2, random_state=0
        )
        assert importance.importances_mean.shape == (1,)


@pytest.mark.parametrize("output", ["last", "sequence", "gates"])
def test_transform(output):
    X, model = tokens(), fitted(GRUClassifier)
    whole = model.transform(X, output)
    for i in (0, 3, 4):
        one = model.transform(X[i : i + 1], output)
        if output == "last":
            assert_array_equal(one[0], whole[i])
        elif output == "sequence":
            assert_array_equal(one[0], whole[i])
        else:
            for name, value in one.items():
                assert_array_equal(value[0], whole[name][i])


def test_a_regressor_in_other_units():
    """New units of y that partial_fit learns of change nothing of the tables' steps."""
    X = tokens()
    y = make_target(GRURegressor, X)
    model = small(GRURegressor).partial_fit(X, y).partial_fit(X, 1000 * y)
    assert np.isfinite(model.predict(X)).all()


# ---- targets at steps --------------------------------------------------------------


def at_steps(Estimator, X):
    """A label or number at each step, which its id says."""
    if Estimator is LSTMTagger:
        return [["B" if k % 3 == 0 else "O" for k in x] for x in X]
    return [np.sin(x.astype(float)) for x in X]


STEP_OPTIONS = [
    (LSTMTagger, {}),
    (LSTMTagger, {"crf": False, "dropout": 0.3, "bidirectional": False}),
    (LSTMTagger, {"embedding_trainable": False, "dtype": "float64"}),
    (LSTMStepRegressor, {"bidirectional": False, "missing": "indicator"}),
    (LSTMStepRegressor, {"solver": "lbfgs"}),
]


@pytest.mark.parametrize("Estimator, options", STEP_OPTIONS)
def test_targets_at_steps(threads, Estimator, options):
    X = [x for x in tokens() if len(x)]
    y = at_steps(Estimator, X)
    with threads(2):
        again = small(Estimator, **options).fit(X, y)
    model = small(Estimator, **options).fit(X, y)
    assert_same_bits(model, again)
    assert model.weights_["embedding"].shape == (V, E)
    together = model.predict(X)
    for i in range(len(X)):
        assert_array_equal(model.predict(X[i : i + 1])[0], together[i])
    loaded = pickle.loads(pickle.dumps(model))
    beyond = model.predict([[V, 2]])[0]
    assert_array_equal(loaded.predict([[0, 2]])[0], beyond)
    bad = [*X[:2], np.array([1, -3])]
    for call in (model.predict, lambda X: model.fit(X, at_steps(Estimator, X))):
        with pytest.raises(ValueError, match="X holds -3 at sample 2, step 1"):
            call(bad)
    if Estimator is LSTMStepRegressor and not model.bidirectional:
        state = model.initial_state()
        for k, token in enumerate(X[5]):
            got, state = model.predict_step([token], state)
            assert_array_equal(np.ravel(got)[0], together[5][k])


@pytest.mark.parametrize("Estimator", [LSTMTagger, LSTMStepRegressor])
def test_targets_at_steps_are_learnt(Estimator):
    X = [x for x in tokens(80) if len(x)]
    y = at_steps(Estimator, X)
    model = small(Estimator, max_iter=40).fit(X, y)
    assert model.score(X, y) > 0.95
    columns = [np.c_[np.ones(len(x)), x] for x in X]
    params = {"categorical_features": [1], "max_iter": 40}
    assert small(Estimator, **params).fit(columns, y).score(columns, y) > 0.95
