"""Every public docstring is complete numpydoc."""

import inspect

import pytest

import sklstm
import sklstm.dask
import sklstm.datasets
import sklstm.export
import sklstm.forecasting
import sklstm.inspection
import sklstm.preprocessing
import sklstm.sequences
import sklstm.utils

numpydoc_validate = pytest.importorskip("numpydoc.validate")

MODULES = (
    sklstm,
    sklstm.dask,
    sklstm.datasets,
    sklstm.export,
    sklstm.forecasting,
    sklstm.inspection,
    sklstm.preprocessing,
    sklstm.sequences,
    sklstm.utils,
)

# GL01: the summary begins on the line of the quotes. GL02, GL03: blank lines are ruff's
# business. SA01, EX01, ES01: "See Also", "Examples" and an extended summary stand where
# they help; the examples that must be there are tested below. RT02: scikit-learn names
# what is returned.
IGNORED = {"GL01", "GL02", "GL03", "SA01", "EX01", "ES01", "RT02"}
# Metadata routing generates these.
GENERATED = ("set_", "get_metadata_routing", "get_params")


def public_objects():
    for module in MODULES:
        for name in module.__all__:
            thing = getattr(module, name)
            if not callable(thing):
                continue
            yield f"{module.__name__}.{name}"
            if not inspect.isclass(thing):
                continue
            for attribute in dir(thing):
                # partial_fit is there for some parameters only: a function, but not
                # in the dictionary of the class
                value = getattr(thing, attribute, None)
                if not attribute.startswith(("_", *GENERATED)) and (
                    inspect.isfunction(value) or inspect.ismethod(value)
                ):
                    if value_module(thing, attribute).startswith("sklstm"):
                        yield f"{module.__name__}.{name}.{attribute}"


def value_module(thing, attribute):
    return getattr(getattr(thing, attribute), "__module__", None) or ""


@pytest.mark.parametrize("name", sorted(set(public_objects())))
def test_numpydoc(name):
    report = numpydoc_validate.validate(name)
    errors = [
        f"{code}: {text}" for code, text in report["errors"] if code not in IGNORED
    ]
    assert not errors, "\n".join([name, *errors])


@pytest.mark.parametrize("module", MODULES)
def test_has_an_example(module):
    for name in module.__all__:
        thing = getattr(module, name)
        if callable(thing):
            assert ">>> " in inspect.getdoc(thing), name
