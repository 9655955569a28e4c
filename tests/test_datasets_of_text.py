"""The bundled texts: what the sources say, copied from them by hand."""

import hashlib
import re
from importlib import resources

import numpy as np
import pytest

from sklstm.datasets import load_pronunciations, load_shakespeare

pytestmark = pytest.mark.filterwarnings("error")


# ---- Hamlet -----------------------------------------------------------------------

# How many headings the source has of each.
HEADINGS = {"HAMLET": 359, "HORATIO": 109, "OPHELIA": 58, "Ghost": 14, "LUCIANUS": 1}


def test_hamlet_has_the_speeches_of_the_source():
    play = load_shakespeare()
    assert [type(speech) for speech in play.data] == [str] * 1138
    assert play.target.shape == play.act.shape == play.scene.shape == (1138,)
    for speaker, n in HEADINGS.items():
        assert (play.target == speaker).sum() == n, speaker
    np.testing.assert_array_equal(play.target_names, sorted(set(play.target)))
    assert len(play.target_names) == 39
    assert play.data[0] == "Who's there?"
    assert play.data[-1].splitlines()[-1] == "Go, bid the soldiers shoot."
    assert play.target[-1] == "PRINCE FORTINBRAS"


def test_hamlet_where_one_knows_it():
    play = load_shakespeare()
    starts = [speech[:60] for speech in play.data]
    i = starts.index("To be, or not to be: that is the question:\nWhether 'tis nobl")
    assert (play.act[i], play.scene[i], play.target[i]) == (3, 1, "HAMLET")
    assert play.data[i].endswith("in thy orisons\nBe all my sins remember'd.")
    # a direction within the speech, and one that takes several lines
    (i,) = (i for i, s in enumerate(play.data) if "Alas, poor Yorick" in s)
    assert play.data[i].startswith("Let me see.\nAlas, poor Yorick! I knew him, ")
    assert (play.act[i], play.scene[i]) == (5, 1)


def test_hamlet_is_in_the_order_of_the_play():
    play = load_shakespeare()
    place = list(zip(play.act.tolist(), play.scene.tolist(), strict=True))
    scenes = [5, 2, 4, 7, 2]
    assert place == sorted(place)
    assert sorted(set(place)) == [
        (act, scene)
        for act, n in enumerate(scenes, start=1)
        for scene in range(1, n + 1)
    ]
    assert np.bincount(play.act).tolist() == [0, 251, 201, 250, 179, 257]


def test_hamlet_is_text_alone():
    play = load_shakespeare()
    assert re.sub(r"[A-Za-z\n !&',.:;?-]", "", "".join(play.data)) == ""
    lines = [line for speech in play.data for line in speech.split("\n")]
    assert len(lines) == 4003
    assert all(line and line == line.strip() for line in lines)
    assert not any(re.match(r"(Re-)?(Enter|Exeunt|Exit) [A-Z]", line) for line in lines)
    assert sum(map(len, play.data)) == 155885


def test_hamlet_is_as_described():
    play = load_shakespeare()
    X, y = load_shakespeare(return_X_y=True)
    assert X == play.data
    np.testing.assert_array_equal(y, play.target)
    text = " ".join(play.DESCR.split())
    assert "1138, of 4003 lines and 155885 characters" in text
    assert "5, of 251, 201, 250, 179 and 257 speeches" in text
    assert "public domain" in text


# ---- pronunciations ---------------------------------------------------------------


def test_pronunciations_are_those_of_the_source():
    X, y = load_pronunciations(subset="all", return_X_y=True)
    said = dict(zip(X, map(" ".join, y), strict=True))
    assert len(said) == len(X) == 10_000
    for word, phones in SAID.items():
        assert said[word] == phones


# First pronunciations, also where the source has others.
SAID = {
    "abhorred": "AH0 B HH AO1 R D",
    "abide": "AH0 B AY1 D",
    "acceptable": "AE0 K S EH1 P T AH0 B AH0 L",
    "zuccaro": "Z UW0 K AA1 R OW0",
    "zweig": "Z W AY1 G",
}


def test_pronunciations_are_words_and_phones():
    bunch = load_pronunciations(subset="all")
    assert all(re.fullmatch(r"[a-z]+('[a-z]+)*", word) for word in bunch.data)
    assert [min(map(len, bunch.data)), max(map(len, bunch.data))] == [3, 20]
    lengths = [len(phones) for phones in bunch.target]
    assert [min(lengths), max(lengths)] == [2, 17]
    phones = sorted({phone for said in bunch.target for phone in said})
    assert bunch.target_names == phones
    vowels = {phone[:-1] for phone in phones if phone[-1] in "012"}
    assert len(vowels) == 15
    assert len(phones) == 15 * 3 + 24
    for said in bunch.target:
        assert any(phone[-1] in "012" for phone in said)


def test_pronunciations_have_a_split_by_hash():
    """No word of the train part comes behind one of the test part."""

    def digests(subset):
        words = load_pronunciations(subset=subset).data
        assert words == sorted(words)
        return [hashlib.sha256(word.encode()).hexdigest() for word in words]

    train, test = digests("train"), digests("test")
    assert (len(train), len(test)) == (9000, 1000)
    assert max(train) < min(test)


def test_pronunciations_all_is_train_and_test():
    X, y = load_pronunciations(subset="all", return_X_y=True)
    parts = [load_pronunciations(subset=s, return_X_y=True) for s in ("train", "test")]
    assert X == parts[0][0] + parts[1][0]
    assert y == parts[0][1] + parts[1][1]


@pytest.mark.parametrize("subset", ["train", "test"])
def test_pronunciations_bunch(subset):
    bunch = load_pronunciations(subset=subset)
    X, y = load_pronunciations(subset=subset, return_X_y=True)
    assert (bunch.data, bunch.target) == (X, y)
    # of all words, whatever the subset is
    assert bunch.target_names == load_pronunciations(subset="all").target_names
    n = len({phone for said in y for phone in said})
    assert re.search(rf"phones: .*\b{n} (of them )?in {subset}", bunch.DESCR)
    assert "Copyright (C) 1993-2015 Carnegie Mellon University." in bunch.DESCR
    assert "must retain the above copyright" in bunch.DESCR


# ---- both -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loader", "options"),
    [
        (load_shakespeare, {"return_X_y": "yes"}),
        (load_pronunciations, {"return_X_y": 1.5}),
        (load_pronunciations, {"subset": None}),
        (load_pronunciations, {"subset": "validation"}),
    ],
)
def test_bad_parameters(loader, options):
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter"):
        loader(**options)


@pytest.mark.parametrize("loader", [load_shakespeare, load_pronunciations])
def test_loaders_give_new_lists(loader):
    X, y = loader(return_X_y=True)
    first = X[0], list(y[0])
    X[0], y[0] = "", ""
    again, and_y = loader(return_X_y=True)
    assert (again[0], list(and_y[0])) == first


@pytest.mark.parametrize("loader", [load_shakespeare, load_pronunciations])
def test_files_are_small(loader):
    file = resources.files("sklstm.datasets").joinpath("data", loader().filename)
    assert 0 < len(file.read_bytes()) < 100_000
