"""TagDisplay: colours, HTML that holds text only, pictures, what it refuses."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from step_estimator_cases import sequences, small, small_fitted

from sklstm import LSTMClassifier, LSTMStepRegressor, LSTMTagger
from sklstm.inspection import TagDisplay
from sklstm.preprocessing import TokenEncoder

X = sequences()
BIO = ["B-loc", "I-loc", "O", "B-per", "I-per"]


def display(tokens=("Ada", "saw", "Rome"), tags=("B-per", "O", "B-loc"), **options):
    return TagDisplay(tags=[list(tags)], tokens=[list(tokens)], **options)


class Reader(HTMLParser):
    """Tags of HTML with their attributes, and the text between."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    @property
    def steps(self):
        return [attrs for tag, attrs in self.tags if tag == "span"]


def test_colors():
    shown = display(classes=BIO)
    assert list(shown.colors) == ["B-loc", "I-loc", "B-per", "I-per"]
    assert shown.colors["B-loc"] == shown.colors["I-loc"]
    assert shown.colors["B-loc"] != shown.colors["B-per"]
    # the same for every sentence, whichever tags are in it
    other = display(("Rome",), ("B-loc",), classes=BIO)
    assert other.colors == shown.colors
    # those of no scheme each have their own, as long as there are colours
    of_speech = display(classes=["DET", "NOUN", "NOUN-X", "VERB", 3, "O", None])
    assert len(set(of_speech.colors.values())) == len(of_speech.colors) == 5


def test_html():
    shown = display(probabilities=[[1.0, 0.7, 0.25]], classes=BIO)
    html = Reader(shown._repr_html_())
    assert re.sub(r"\s+", " ", html.text) == "Ada B-per saw Rome B-loc"
    first, second, third = html.steps
    assert first["title"] == "B-per, probability 1.000"
    assert second["title"] == "O, probability 0.700" and "style" not in second
    assert third["title"] == "B-loc, probability 0.250"
    strong, weak = (
        float(re.search(r"rgba\(\d+, \d+, \d+, ([\d.]+)\)", step["style"])[1])
        for step in (first, third)
    )
    assert 0 < weak < strong < 1


def test_text_is_no_html():
    evil = '<script>alert("&")</script>\'"'
    shown = TagDisplay(tags=[[evil, "O", None]], tokens=[[evil, evil, evil]])
    html = Reader(shown._repr_html_())
    assert {tag for tag, _ in html.tags} == {"div", "p", "span", "small"}
    assert html.text.count(evil) == 4
    assert html.steps[0]["title"] == f"{evil}, probability 1.000"
    assert all(set(attrs) <= {"title", "style"} for attrs in html.steps)


def test_unlabelled_steps():
    html = Reader(TagDisplay(tags=[[None, "O", "a"], []])._repr_html_())
    assert [sorted(attrs) for attrs in html.steps] == [
        [],
        ["title"],
        ["style", "title"],
    ]
    assert re.sub(r"\s+", " ", html.text) == "0 1 2 a"
    assert [tag for tag, _ in html.tags].count("p") == 2


@pytest.mark.parametrize("crf", [True, False])
def test_of_an_estimator(crf):
    model = small_fitted(LSTMTagger, X, crf=crf)
    shown = TagDisplay.from_estimator(model, X)
    assert shown.tags == model.predict(X).tolist()
    assert shown.tokens == [list(range(len(x))) for x in X]
    assert list(shown.classes) == ["down", "flat", "up"]
    for p, labels, probabilities in zip(
        model.predict_proba(X), shown.tags, shown.probabilities, strict=True
    ):
        column = np.searchsorted(model.classes_, labels)
        expected = p[np.arange(len(labels)), column] if len(labels) else []
        np.testing.assert_array_equal(probabilities, expected)
    i = next(i for i, x in enumerate(X) if len(x) == 3)
    for tokens in (["a", "b", "c"], [["a", "b", "c"]], ("a", "b", "c")):
        one = TagDisplay.from_estimator(model, X[i : i + 1], tokens=tokens)
        assert one.tokens == [["a", "b", "c"]]
    assert len(Reader(shown._repr_html_()).steps) == sum(map(len, X))


@pytest.mark.parametrize("form", [str, list])
def test_tokens_of_text(form):
    texts = ["Ada saw Rome .", "in Rome", "", "Ada"] * 5
    names = {"Ada": "B-per", "Rome": "B-loc"}
    y = [[names.get(token, "O") for token in text.split()] for text in texts]
    given = texts if form is str else [text.split() for text in texts]
    encoder = TokenEncoder(lowercase=False)
    model = make_pipeline(encoder, small(LSTMTagger, embedding_dim=4)).fit(given, y)
    shown = TagDisplay.from_estimator(model, given[:3])
    assert shown.tokens == [text.split() for text in texts[:3]]
    ids = encoder.transform(given[:3])
    shown = TagDisplay.from_estimator(model[-1], ids)
    known = set(encoder.vocabulary_)
    expected = [
        [t if t in known else "<unk>" for t in text.split()] for text in texts[:3]
    ]
    assert shown.tokens == expected


def test_picture(plt):
    shown = TagDisplay(
        tags=[["B-per", "O", "B-loc"] * 30, [None], []],
        tokens=[["Ada", "saw $x$", "Rome"] * 30, ["?"], []],
        probabilities=[[0.5, 1.0, 0.9] * 30, [1.0], []],
    )
    assert shown.plot() is shown
    assert [len(patches) for patches in shown.patches_] == [90, 1, 0]
    assert [text.get_text() for text in shown.texts_[0][:2]] == ["Ada", "saw $x$"]
    ada, saw, rome = shown.patches_[0][:3]
    assert ada.get_alpha() < rome.get_alpha() < 1
    assert saw.get_facecolor()[3] == 0
    bottom = max(patch.get_y() for patch in shown.patches_[0])
    assert shown.patches_[1][0].get_y() > bottom > 1  # lines are wrapped
    right = max(p.get_x() + p.get_width() for p in shown.patches_[0])
    assert right <= shown.ax_.get_xlim()[1]
    shown.figure_.canvas.draw()
    _, ax = plt.subplots()
    assert shown.plot(ax, text_kw={"color": "red"}).ax_ is ax
    assert shown.texts_[0][0].get_color() == "red"


def test_refused():
    with pytest.raises(ValueError, match="tags is empty"):
        TagDisplay(tags=[])
    with pytest.raises(ValueError, match="Sample 0 has 2 of tokens, but 3 steps"):
        display(("Ada", "saw"))
    with pytest.raises(ValueError, match=r"tokens is of 2 sequence\(s\), but tags"):
        TagDisplay(tags=[["a"]], tokens=[["x"], ["y"]])
    for p in (1.5, np.nan):
        with pytest.raises(ValueError, match="for sample 0, step 1, which is no prob"):
            display(probabilities=[[0.5, p, 1]])
    model = small_fitted(LSTMTagger, X)
    tokens = [["a"] * len(x) for x in X]
    tokens[7] = tokens[7] + ["b"]
    n = len(X[7])
    with pytest.raises(ValueError, match=f"Sample 7 has {n + 1} of tokens, but {n}"):
        TagDisplay.from_estimator(model, X, tokens=tokens)


def test_no_tagger():
    of_one = LSTMClassifier(3, max_iter=2, random_state=0)
    whole = [x for x in X if len(x)]
    several = small(LSTMTagger).fit(X, [(x > 0).astype(int) for x in X])
    for model in (
        of_one.fit(whole, np.arange(len(whole)) % 2),
        small_fitted(LSTMStepRegressor, X),
        several,
    ):
        with pytest.raises(TypeError, match="does not predict one label for every st"):
            TagDisplay.from_estimator(model, whole)
