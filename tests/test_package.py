"""The package itself: what it imports, and when; what it says of itself."""

import ast
import pickle
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

import sklstm

SUBMODULES = (
    "dask", "datasets", "export", "forecasting", "inspection", "preprocessing",
    "sequences", "utils",
)  # fmt: skip


SCRIPT = """
import sys
import sklstm
print(*sys.modules)
sklstm.inspection.GateDisplay
sklstm.utils
sklstm.forecasting.backtest
from sklstm import datasets
import sklstm.dask, sklstm.export, sklstm.forecasting
print(*sys.modules)
"""


def test_submodules_are_imported_when_asked_for():
    """Importing the package takes little longer than scikit-learn."""
    child = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    at_first, in_the_end = (set(line.split()) for line in child.stdout.splitlines())
    lazy = {f"sklstm.{name}" for name in SUBMODULES} - {"sklstm.sequences"}
    others = {"matplotlib", "onnx", "polars", "torch"}
    assert "sklstm._estimators.families" in at_first
    assert not at_first & (lazy | others)
    assert lazy - in_the_end == set()


@pytest.mark.parametrize("name", SUBMODULES)
def test_a_submodule_is_an_attribute(name):
    assert name in dir(sklstm)
    submodule = getattr(sklstm, name)
    assert submodule.__name__ == f"sklstm.{name}"
    for public in submodule.__all__:
        thing = getattr(submodule, public)
        assert pickle.loads(pickle.dumps(thing)) is thing


def test_what_is_not_there_is_not_found():
    assert set(sklstm.__all__) < set(dir(sklstm))
    assert not hasattr(sklstm, "Sequential")
    with pytest.raises(AttributeError, match="'sklstm' has no attribute 'inspectoin'"):
        _ = sklstm.inspectoin
    with pytest.raises(ImportError, match="cannot import name 'Sequential'"):
        from sklstm import Sequential  # noqa: F401


def test_the_version_is_one_and_the_metadata_say_where_things_are():
    found = metadata("sklstm")
    assert found["Version"] == version("sklstm") == sklstm.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev0|rc\d+)?", sklstm.__version__)
    assert found["Author"] == "The sklstm developers"
    urls = dict(line.split(", ") for line in found.get_all("Project-URL"))
    assert urls.keys() == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    classifiers = found.get_all("Classifier")
    assert "Typing :: Typed" in classifiers
    assert f"Programming Language :: Python :: 3.{sys.version_info[1]}" in classifiers


def private_names(tree):
    """What a module takes from scikit-learn that is not public."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "sklearn" and any(
                part.startswith("_") and not part.endswith("__") for part in parts
            ):
                yield name


@pytest.mark.parametrize(
    "code, found",
    [
        ("from sklearn.utils._x import a", ["sklearn.utils._x.a"]),
        ("from sklearn.utils import b, _a", ["sklearn.utils._a"]),
        ("import sklearn._x", ["sklearn._x"]),
        ("sklearn.utils._a(1)", ["sklearn.utils._a"]),
        ("from .._sklearn import a; from sklearn.base import clone", []),
        ("sklearn.__version__", []),
    ],
)
def test_private_names_are_found(code, found):
    assert list(private_names(ast.parse(code))) == found


def test_private_names_of_scikit_learn_are_in_one_file():
    package = Path(sklstm.__file__).parent
    found = {
        path.relative_to(package).as_posix(): list(private_names(ast.parse(text)))
        for path in package.rglob("*.py")
        if "sklearn" in (text := path.read_text("utf-8"))
    }
    assert found.pop("_sklearn/private.py")
    assert [name for names in found.values() for name in names] == []


@pytest.fixture(scope="module")
def source_tree():
    root = Path(__file__).parents[1]
    if not (root / ".ci" / "mutation.toml").exists():
        pytest.skip("needs the source tree")
    return root


def requirements(lines):
    """{"numpy": "1.26"} of "numpy>=1.26", "numpy >=1.26" or "numpy==1.26.0"."""
    pattern = r"\W*([\w-]+) ?[>=]=(\d[\d.]*)\W*"
    return dict(m.groups() for m in (re.fullmatch(pattern, x) for x in lines) if m)


def test_the_least_versions_are_those_that_are_tested(source_tree):
    with (source_tree / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    needed = requirements(project["dependencies"])
    assert len(needed) == len(project["dependencies"]), "a floor, no upper bound"
    tested = requirements(
        (source_tree / ".ci" / "minimum.txt").read_text().splitlines()
    )
    for name, least in needed.items():
        assert (tested[name] + ".").startswith(least + "."), name
    recipe = (source_tree / ".ci" / "conda" / "recipe.yaml").read_text().splitlines()
    assert needed.items() <= requirements(recipe).items()
    assert f'  version: "{sklstm.__version__}"' in recipe


def test_every_module_is_in_the_table_of_mutation_testing(source_tree):
    with (source_tree / ".ci" / "mutation.toml").open("rb") as file:
        table = tomllib.load(file)["tests"]
    package = source_tree / "sklstm"
    modules = {
        path.relative_to(package).with_suffix("").as_posix()
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert table.keys() == modules
    files = {f"test_{name}.py" for names in table.values() for name in names}
    assert files <= {path.name for path in Path(__file__).parent.glob("test_*.py")}
