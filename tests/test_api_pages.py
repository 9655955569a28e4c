"""The pages of docs/api list every public name once, and name where it is."""

import importlib
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import sklstm

DOCS = Path(__file__).parents[1] / "docs"
if not (DOCS / "api").exists():
    pytest.skip("needs docs, which is beside the tests", allow_module_level=True)


def listed():
    """Names in the tables of the pages, by module."""
    names = {}
    for path in sorted((DOCS / "api").glob("*.rst")):
        module = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = match[1]
                names.setdefault(module, [])
            elif module and (match := re.fullmatch(r"   (\w+)", line)):
                names[module].append(match[1])
    return names


def public_names(module):
    """`__all__`, without what is documented at a module further up."""
    exported = importlib.import_module(module).__all__
    above = set()
    if "." in module:
        above = set(importlib.import_module(module.rpartition(".")[0]).__all__)
    return {name for name in exported if name not in above | {"__version__"}}


def test_every_module_has_a_page_in_the_contents():
    modules = {name for _, name, _ in pkgutil.iter_modules(sklstm.__path__)}
    public = {name for name in modules if not name.startswith("_")}
    assert {"sklstm", *(f"sklstm.{name}" for name in public)} == set(listed())
    contents = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    for name in {"sklstm"} | public:
        assert f"\n   {name}\n" in contents
        assert f"<{name}>`" in contents


def test_every_name_is_listed_once():
    for module, names in listed().items():
        assert len(names) == len(set(names)), module
        assert set(names) == public_names(module), module


# ---- groups of parameters ------------------------------------------------------------

ESTIMATORS = [
    cls
    for cls in (getattr(sklstm, name) for name in sklstm.__all__)
    if hasattr(cls, "_parameter_constraints")
]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_every_parameter_is_in_one_group(Estimator):
    grouped = [name for names in Estimator._parameter_groups.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(Estimator().get_params())


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_groups_in_the_order_in_which_they_are_read(Estimator):
    titles = list(Estimator._parameter_groups)
    assert titles[0] == "Network"
    assert titles[-3:] == ["Optimizer", "Stopping", "Data"]
    assert len(titles) <= 7


def test_a_parameter_stands_in_the_same_group_of_all_estimators():
    groups = {}
    for Estimator in ESTIMATORS:
        for title, names in Estimator._parameter_groups.items():
            for name in names:
                groups.setdefault(name, set()).add(title)
    # a tagger says more of its labels than their weights
    assert groups.pop("class_weight") == {"Classes", "Labels"}
    assert {name for name, titles in groups.items() if len(titles) > 1} <= {
        "level",
        "min_count",
        "beam_size",
        "horizon",
        "context_length",
        "windows_per_epoch",
    }


# ---- links to the source -------------------------------------------------------------


@pytest.fixture(scope="module")
def resolve():
    sys.path.insert(0, str(DOCS / "_extensions"))
    try:
        source_links = pytest.importorskip("source_links")
    finally:
        sys.path.pop(0)
    return source_links.resolver("REPOSITORY", "0.1.0")


def linked_lines(url):
    path, first, last = re.fullmatch(
        r"REPOSITORY/blob/v0\.1\.0/(sklstm/[\w/]+\.py)#L(\d+)-L(\d+)", url
    ).groups()
    lines = (DOCS.parent / path).read_text(encoding="utf-8").splitlines()
    return lines[int(first) - 1 : int(last)]


@pytest.mark.parametrize("module", sorted(listed()))
def test_the_source_of_every_name_is_linked(resolve, module):
    for name in public_names(module):
        lines = linked_lines(resolve("py", {"module": module, "fullname": name}))
        code = "\n".join(lines)
        assert re.search(rf"^(class|def) {name}\b", code, flags=re.M), name
        assert re.match(r"(class|def) |@", code), name


def test_sources_of_methods(resolve):
    def url(name):
        return resolve("py", {"module": "sklstm", "fullname": name})

    assert "    def fit(" in linked_lines(url("LSTMClassifier.fit"))[0]
    assert "    def weights_(" in "\n".join(
        linked_lines(url("LSTMTagger.weights_"))[:2]
    )
    theirs = url("LSTMClassifier.get_params")
    assert theirs.startswith("https://github.com/scikit-learn/scikit-learn/blob/")
    assert re.search(r"/sklearn/base\.py#L\d+-L\d+$", theirs)
    assert url("__version__") is None


def test_sources_of_a_version_that_is_not_released():
    source_links = sys.modules["source_links"]
    resolve = source_links.resolver("REPOSITORY", "0.2.0.dev0")
    url = resolve("py", {"module": "sklstm", "fullname": "State"})
    assert url.startswith("REPOSITORY/blob/main/sklstm/_estimators/state.py#L")
