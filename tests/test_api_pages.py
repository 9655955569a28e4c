"""docs/api/index.rst lists every public name once."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

INDEX = Path(__file__).parents[1] / "docs" / "api" / "index.rst"


def listed():
    """Names in the tables of the page, by module."""
    if not INDEX.exists():
        pytest.skip("needs docs/api/index.rst, which is beside the tests in the source")
    names, module = {}, None
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   (\w+)", line):
            names.setdefault(module, []).append(match[1])
    return names


def public_names(module):
    """`__all__`, without what is documented at a module further up."""
    exported = importlib.import_module(module).__all__
    above = set()
    if "." in module:
        above = set(importlib.import_module(module.rpartition(".")[0]).__all__)
    return {name for name in exported if name not in above | {"__version__"}}


def test_every_module_is_listed():
    package = importlib.import_module("sklstm")
    internal = {"kernels", "network"}
    modules = {name for _, name, _ in pkgutil.iter_modules(package.__path__)}
    public = {name for name in modules - internal if not name.startswith("_")}
    assert {f"sklstm.{name}" for name in public} <= set(listed())


def test_every_name_is_listed_once():
    for module, names in listed().items():
        assert len(names) == len(set(names)), module
        assert set(names) == public_names(module), module
