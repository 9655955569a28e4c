"""AlignmentDisplay: what it draws, of which models, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sklstm import LSTMSeq2Seq, LSTMTagger
from sklstm.inspection import AlignmentDisplay
from sklstm.preprocessing import TokenEncoder
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.usefixtures("plt")

WORDS = ["ab", "ba", "aab", "abb"]


@pytest.fixture(scope="module")
def model():
    return small().fit(WORDS, [list(word) for word in WORDS])


def small(**params):
    return LSTMSeq2Seq(4, max_iter=2, random_state=0, **params)


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_a_given_answer(model):
    display = AlignmentDisplay.from_estimator(model, "aab?", ["b", "$", "a"])
    (weights,) = model.attention_weights(["aab?"], [["b", "$", "a"]])
    assert_array_equal(display.weights, weights)
    assert_array_equal(display.im_.get_array(), weights)
    assert display.source == ["a", "a", "b", "?"]
    assert display.target == ["b", "$", "a"]
    assert labels(display.ax_.xaxis) == ["a", "a", "b", "?"]
    assert labels(display.ax_.yaxis) == ["b", "$", "a", "<end>"]
    display.figure_.canvas.draw()  # "$" is no formula


def test_the_predicted_answer(model):
    display = AlignmentDisplay.from_estimator(model, ["b", "a"])
    (answer,) = model.predict([["b", "a"]])
    assert display.target == answer
    assert display.weights.shape == (len(answer) + 1, 2)


def test_ids_and_pipelines():
    encoder = TokenEncoder(analyzer="char", min_df=1)
    X = encoder.fit_transform(WORDS)
    model = small().fit(X, WORDS)
    display = AlignmentDisplay.from_estimator(model, X[[2]], "ab")
    assert display.source == ["a", "a", "b"]
    whole = make_pipeline(encoder, small()).fit(WORDS, WORDS)
    other = AlignmentDisplay.from_estimator(whole, "aab", "ab")
    assert other.source == ["a", "a", "b"]
    assert_array_equal(other.weights, display.weights)
    alone = AlignmentDisplay.from_estimator(
        make_pipeline(small()).fit(WORDS, WORDS), "b"
    )
    assert alone.source == ["b"]


def test_sequences_of_numbers():
    X = [np.ones((T, 2)) for T in (3, 4, 5)]
    model = small().fit(X, ["a", "b", "a"])
    display = AlignmentDisplay.from_estimator(model, X[1], "ab")
    assert display.source is None
    assert display.weights.shape == (3, 4)
    assert display.ax_.get_xlabel() == "Time step"


def test_axes_and_styles(model, plt):
    _, ax = plt.subplots()
    display = AlignmentDisplay.from_estimator(
        model, "ab", "ab", ax=ax, im_kw={"cmap": "Blues"}
    )
    assert display.ax_ is ax
    assert display.im_.get_cmap().name == "Blues"
    again = AlignmentDisplay(weights=display.weights)
    assert again.plot() is again
    assert labels(again.ax_.yaxis) == ["0", "1", "<end>"]


def test_what_has_no_attention():
    with pytest.raises(TypeError, match="LSTMTagger has no attention_weights. Pass a"):
        AlignmentDisplay.from_estimator(LSTMTagger(), "ab")
    with pytest.raises(NotFittedError):
        AlignmentDisplay.from_estimator(LSTMSeq2Seq(), "ab")
    model = small(attention=None).fit(WORDS, WORDS)
    with pytest.raises(AttributeError, match="fitted with attention=None"):
        AlignmentDisplay.from_estimator(model, "ab")


def test_one_sequence_with_steps(model):
    with pytest.raises(ValueError, match="x has no steps"):
        AlignmentDisplay.from_estimator(model, "")
    two = SequenceArray(np.ones((3, 1)), [0, 1, 3], vocabulary=("<unk>", "a"))
    with pytest.raises(ValueError, match="x holds 2 sequences"):
        AlignmentDisplay.from_estimator(model, two)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weights": [0.5, 0.5]}, r"matrix .* got an array of shape \(2,\)"),
        ({"weights": np.empty((1, 0))}, "got an array of shape"),
        ({"weights": [[0.5, 1.5]]}, "has 1.5 at row 0, step 1"),
        ({"weights": [[np.nan]]}, "has nan at row 0, step 0"),
        (
            {"weights": np.ones((2, 3)), "target": "ab"},
            r"target has 2 token.*has 1 row",
        ),
        ({"weights": np.ones((2, 3)), "source": "ab"}, r"source has 2 token.*3 step"),
    ],
)
def test_what_cannot_be_drawn(options, match):
    with pytest.raises(ValueError, match=match):
        AlignmentDisplay(**options)
