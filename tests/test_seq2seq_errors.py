"""What LSTMSeq2Seq refuses, and in which words."""

import numpy as np
import pandas as pd
import pytest
from seq2seq_cases import backwards, small, words
from sklearn.exceptions import NotFittedError

from sklstm import LSTMSeq2Seq
from sklstm._estimators.seq2seq import are_tokens
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

X = words()
Y = backwards(X)


@pytest.fixture(scope="module")
def model():
    return small().fit(X, Y)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"attention": "luong"}, "attention"),
        ({"attention": "dot"}, "attention='dot' does not go with bidirectional=True"),
        ({"level": "sentence"}, "level"),
        ({"min_count": 0}, "min_count"),
        ({"min_count": "most"}, "min_count"),
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 2.5}, "beam_size"),
        ({"length_penalty": "auto"}, "length_penalty"),
        ({"max_length": 0}, "max_length"),
        ({"max_length": "longest"}, "max_length"),
        ({"target_embedding_dim": 0}, "target_embedding_dim"),
        ({"embedding_dim": 0}, "embedding_dim"),
        ({"embedding_dim": "big"}, "embedding_dim"),
        ({"embedding_dim": None}, "X is text or tokens, but embedding_dim=None"),
        ({"learning_rate": 0.1}, "Did you mean learning_rate_init=0.1"),
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes is empty"),
        ({"solver": "lbfgs", "dropout": 0.5}, "does not support dropout"),
    ],
)
def test_parameters(params, match):
    model = small(**params)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=match):
        model.fit(X, Y)
    assert vars(model) == before


@pytest.mark.parametrize("name", ["pooling", "tbptt", "crf"])
def test_parameters_that_there_are_not(name):
    with pytest.raises(TypeError, match=f"LSTMSeq2Seq.*{name}"):
        LSTMSeq2Seq(**{name: None})


@pytest.mark.parametrize(
    ("params", "method"),
    [
        ({"beam_size": 0}, "predict"),
        ({"length_penalty": None}, "predict_n_best"),
        ({"max_length": -1}, "score"),
    ],
)
def test_decoding_that_is_set_after_the_fit(params, method):
    model = small().fit(X, Y).set_params(**params)
    given = (X, Y) if method == "score" else (X,)
    with pytest.raises(ValueError, match=next(iter(params))):
        getattr(model, method)(*given)


def test_more_answers_than_the_beam_has(model):
    match = r"n=4 is more than beam_size=3.*set_params\(beam_size=4\)"
    with pytest.raises(ValueError, match=match):
        model.predict_n_best(X, 4)
    with pytest.raises(ValueError, match="n == 0"):
        model.predict_n_best(X, 0)
    with pytest.raises(TypeError, match="n must be an instance of int"):
        model.predict_n_best(X, 1.5)


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("predict", (X,)), ("predict_n_best", (X,)), ("score", (X, Y)),
        ("score_samples", (X, Y)), ("attention_weights", (X, Y)),
    ],
)  # fmt: skip
def test_not_fitted(method, given):
    with pytest.raises(NotFittedError, match="LSTMSeq2Seq"):
        getattr(LSTMSeq2Seq(), method)(*given)
    with pytest.raises(AttributeError):
        _ = LSTMSeq2Seq().source_vocabulary_


# ---- y -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (None, ValueError, "requires y to be passed, but the target y is None"),
        ("ab", ValueError, "string object received"),
        (Y[1:], ValueError, r"\[40, 39\]. X has 40 sequences, y has 39 answers"),
        ([], ValueError, "y holds no documents"),
        (np.arange(40), TypeError, "Document 0 of y is a number, 0"),
        (
            [*Y[:5], None, *Y[6:]],
            ValueError,
            "Document 5 of y is None, a missing value",
        ),
        ([*Y[:5], np.nan, *Y[6:]], ValueError, "Document 5 of y is nan"),
        ([["a", None], *Y[1:]], ValueError, "Token 1 of document 0 of y is None"),
        ([["a", ["b"]], *Y[1:]], TypeError, r"Token 1 of document 0 of y is \['b'\]"),
        ({"a": "b"}, TypeError, r"y is of type dict"),
        (pd.DataFrame({"y": Y}), TypeError, "y is a DataFrame"),
        ([""] * 40, ValueError, "no token in any of the 40 document.* of y"),
    ],
)
def test_answers(y, error, match):
    with pytest.raises(error, match=match):
        small().fit(X, y)
    model = small()
    with pytest.raises(error, match=match):
        model.partial_fit(X, y)
    assert "_fitted" not in vars(model)


@pytest.mark.parametrize("method", ["score", "score_samples", "attention_weights"])
def test_answers_of_a_score(model, method):
    call = getattr(model, method)
    for y, match in (
        (Y[1:], "one for each sequence"),
        ([*Y[:-1], None], "Document 39"),
    ):
        with pytest.raises(ValueError, match=match):
            call(X, y)
    if method != "attention_weights":
        with pytest.raises(ValueError, match="requires y to be passed"):
            call(X, None)


def test_validation_data():
    model = small(early_stopping=True)
    with pytest.raises(ValueError, match="In X_val.*Document 0 of y is None"):
        model.fit(X, Y, X_val=X[:3], y_val=[None, "a", "b"])
    with pytest.raises(ValueError, match="In X_val.*Document 1 is None"):
        model.fit(X, Y, X_val=["a", None], y_val=["a", "b"])
    with pytest.raises(ValueError, match="In X_val.*X has 3 sequences, y has 2"):
        model.fit(X, Y, X_val=X[:3], y_val=Y[:2])


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.ones(39), r"shape \(39,\), expected \(40,\)"),
        (np.zeros(40), "All sample weights are zero"),
        (-np.ones(40), "Negative values in sample_weight"),
        (["heavy"] * 40, "could not convert"),
        (np.full(40, np.nan), "NaN"),
    ],
)
def test_weights(model, weight, match):
    with pytest.raises(ValueError, match=match):
        small().fit(X, Y, weight)
    with pytest.raises(ValueError, match=match):
        model.score(X, Y, weight)


# ---- X -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (None, (TypeError, ValueError), "None"),
        ("abc", ValueError, "string object received"),
        ([], ValueError, "0 sample"),
        (["ab", None] * 20, ValueError, "Document 1 is None, a missing value"),
        (["ab", 3] * 20, TypeError, "Document 1 is a number, 3"),
        ([["a"], ["b", float("nan")]] * 20, ValueError, "Token 1 of document 1 is nan"),
        ([["a"], ["b", {}]] * 20, TypeError, "Token 1 of document 1 is {}"),
        ({"ab": 1}, TypeError, "dict"),
        (pd.DataFrame({"text": X}), ValueError, "text"),
        ((word for word in X), TypeError, "generator"),
        ([""] * 40, ValueError, r"no token in any of the 40 document\(s\) of X"),
    ],
)
def test_sequences(given, error, match):
    with pytest.raises(error, match=match):
        small().fit(given, Y)


def test_text_where_numbers_were():
    numbers = [np.ones((3, 2))] * 4
    model = small(embedding_dim=None).fit(numbers, Y[:4])
    for call in (model.predict, model.predict_n_best):
        with pytest.raises(ValueError, match="X is text or tokens.*fitted on numbers"):
            call(X)
    with pytest.raises(ValueError, match="X is text or tokens.*fitted on numbers"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="X has 3 features, but LSTMSeq2Seq"):
        model.predict([np.ones((3, 3))])
    with pytest.raises(ValueError, match="NaN"):
        model.predict([np.full((3, 2), np.nan)])


def test_numbers_where_text_was(model):
    with pytest.raises(ValueError, match="X holds 0.5 at sample 0, step 0, feature 0"):
        model.predict([[0.5, 1.0]])
    with pytest.raises(ValueError, match="X has 2 features"):
        model.predict([np.ones((3, 2))])


def test_another_vocabulary(model):
    other = TokenEncoder(analyzer=list, min_df=1).fit_transform(["zyx"])
    with pytest.raises(ValueError, match="X was encoded with another vocabulary"):
        model.predict(other)
    with pytest.raises(ValueError, match="X_val was encoded with another vocabulary"):
        small(early_stopping=True).fit(X, Y, X_val=other[[0, 0]], y_val=["a", "b"])


def test_what_cannot_change_between_fits():
    model = small(warm_start=True).fit(X, Y)
    for params in (
        {"attention": None}, {"bidirectional": False}, {"cell": "gru"},
        {"embedding_dim": 6}, {"target_embedding_dim": 6}, {"level": "word"},
        {"hidden_layer_sizes": 7}, {"dtype": "float64"},
    ):  # fmt: skip
        (name,) = params
        before = model.get_params()[name]
        model.set_params(**params)
        with pytest.raises(ValueError, match=f"{name}.* cannot change between fits"):
            model.fit(X, Y)
        model.set_params(**{name: before})
    model.fit(X, Y)
    assert len(model.loss_curve_) == 6


def test_what_is_tokens():
    yes = [
        ["ab"], np.array(["ab"]), [["a"]], [[], ["a"]], [("a", 1)], [[("a", 1)]],
        np.array([["a", "b"]]), pd.Series(["a"]), [b"a"], [[1, "a"]], [[None, "a"]],
        [pd.Series(["a"])], [np.array(["a"], dtype=object)], [np.array(["a"])], ["", 3],
    ]  # fmt: skip
    no = [
        [[1.0]], [[1, 2]], np.ones((2, 3)), [np.ones((2, 3))], [[(1.0, 2.0)]], None, 3,
        [pd.DataFrame({"a": [1]})], pd.DataFrame({"a": ["b"]}), [[True]], [[None, 1.0]],
        SequenceArray(np.ones((1, 1)), [0, 1]), iter(["a"]), pd.Series([[1.0]]),
        [np.array([1, 2], dtype=object)],
    ]  # fmt: skip
    for given in yes:
        assert are_tokens(given), given
    for given in no:
        assert not are_tokens(given), given
    for given in ([[]], [[], []], [np.array([], dtype=object)]):
        assert are_tokens(given, True)
        assert not are_tokens(given)


def test_numbers_that_overflow():
    model = small(embedding_dim=None, dtype="float32").fit(
        [np.ones((2, 1)), np.zeros((3, 1))], ["a", "b"]
    )
    vector = vars(model)["_fitted"].parameters.copy()
    vector[:] = np.nan
    model._fitted = model._fitted.with_parameters(vector)
    with pytest.warns(RuntimeWarning, match="The prediction of 2 sequences"):
        model.predict([np.ones((2, 1)), np.zeros((3, 1))])
    with pytest.warns(RuntimeWarning, match="The log-probability of sequence 0"):
        assert np.isnan(model.score_samples([np.ones((2, 1))], ["a"])).all()
