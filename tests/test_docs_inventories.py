"""The inventories of docs/_inventories have what the pages name, and it exists."""

import importlib
import importlib.util
import re
import sys
import zlib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
if not (DOCS / "_inventories").exists():
    pytest.skip("needs docs, which is beside the tests", allow_module_level=True)
INVENTORIES = sorted((DOCS / "_inventories").glob("*.inv"))


def entries(path):
    """Names of Python objects with their kinds and addresses."""
    *head, body = path.read_bytes().split(b"\n", 4)
    assert head[0] == b"# Sphinx inventory version 2"
    lines = zlib.decompress(body).decode().splitlines()
    assert lines, path
    for line in lines:
        if match := re.fullmatch(r"(\S+) py:(\w+) -?\d+ (\S*) .*", line):
            yield match.groups()


def found(name):
    """What a dotted name is."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        if name.startswith("sklearn.model_selection.Halving"):
            importlib.import_module("sklearn.experimental.enable_halving_search_cv")
        for part in parts[n:]:
            thing = getattr(thing, part)
        return thing
    return getattr(importlib.import_module("builtins"), name)


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_names_exist_and_have_an_address(path):
    if path.stem != "python" and not importlib.util.find_spec(path.stem):
        pytest.skip(f"needs {path.stem}")
    if path.stem == "sklearn" and not importlib.util.find_spec("sklearn.callback"):
        pytest.skip("names of scikit-learn 1.9")
    for name, kind, address in entries(path):
        thing = found(name)
        if kind in ("class", "exception"):
            assert isinstance(thing, type), name
        assert ".html" in address, name


def test_what_the_pages_import_is_in_them():
    pytest.importorskip("sphinx")
    sys.path.insert(0, str(DOCS / "_extensions"))
    try:
        other_projects = importlib.import_module("other_projects")
    finally:
        sys.path.pop(0)
    assert {path.stem for path in INVENTORIES} == set(other_projects.PAGES)
    known = {name for path in INVENTORIES for name, _, _ in entries(path)}
    missing = other_projects.imports() - known
    assert not missing, "run docs/_inventories/make.py"
    assert "sklearn.model_selection.GridSearchCV" in known
