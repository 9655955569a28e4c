"""The package itself: what it imports, and when."""

import pickle
import subprocess
import sys
import tomllib
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


def test_every_module_is_in_the_table_of_mutation_testing():
    root = Path(__file__).parents[1]
    if not (root / ".ci" / "mutation.toml").exists():
        pytest.skip("needs the source tree")
    with (root / ".ci" / "mutation.toml").open("rb") as file:
        table = tomllib.load(file)["tests"]
    package = root / "sklstm"
    modules = {
        path.relative_to(package).with_suffix("").as_posix()
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert table.keys() == modules
    files = {f"test_{name}.py" for names in table.values() for name in names}
    assert files <= {path.name for path in Path(__file__).parent.glob("test_*.py")}
