"""What editors show, which read the code and do not run it."""

import ast
import inspect
import re
from pathlib import Path
from runpy import run_path
from typing import get_type_hints

import pytest

import sklstm
import sklstm.datasets
import sklstm.export
import sklstm.forecasting
import sklstm.inspection
import sklstm.preprocessing
import sklstm.sequences
import sklstm.utils
from sklstm import _typing

MODULES = (
    sklstm,
    sklstm.datasets,
    sklstm.export,
    sklstm.forecasting,
    sklstm.inspection,
    sklstm.preprocessing,
    sklstm.sequences,
    sklstm.utils,
)
PACKAGE = Path(sklstm.__file__).parent
# Made by scikit-learn, which knows their names when it runs.
MADE_ELSEWHERE = r"set_\w+_request|set_output|set_callbacks|get_params"


@pytest.fixture(scope="module")
def jedi():
    return pytest.importorskip("jedi")


def test_what_they_read_is_installed():
    for name in ("py.typed", "_estimators/public.pyi"):
        assert (PACKAGE / name).exists()


def test_what_they_read_is_up_to_date():
    script = Path(__file__).parents[1] / ".ci" / "stubs"
    if not script.exists():
        pytest.skip("needs the source tree")
    made = run_path(str(script))["stub"]()
    found = (PACKAGE / "_estimators" / "public.pyi").read_text(encoding="utf-8")
    assert made == found, "python .ci/stubs writes it anew"


def test_what_they_read_is_python():
    """Of which every annotation is a type."""
    path = PACKAGE / "_estimators" / "public.pyi"
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation:
            eval(ast.unparse(node.annotation), vars(_typing))  # raises, if it is none


def test_conditions_are_those_that_checkers_know():
    """Pyright knows no other name for it, and would take both branches."""
    for path in PACKAGE.rglob("*.py"):
        assert "TYPE_CHECKING as" not in path.read_text(encoding="utf-8"), path


def public_names():
    """Dotted names and docstrings of classes, functions and methods."""
    for module in MODULES:
        for name in module.__all__:
            thing, dotted = getattr(module, name), f"{module.__name__}.{name}"
            if not callable(thing):
                continue
            yield dotted, inspect.getdoc(thing)
            for attribute in dir(thing) if inspect.isclass(thing) else ():
                if not re.fullmatch(rf"_.*|{MADE_ELSEWHERE}", attribute):
                    member = getattr(thing, attribute, None)
                    if inspect.isroutine(member) and hasattr(member, "__module__"):
                        yield f"{dotted}.{attribute}", inspect.getdoc(member)


def test_hover_shows_the_docstring_of_everything_public(jedi):
    names = list(dict(public_names()).items())
    assert len(names) > 150
    imports = f"import {', '.join(module.__name__ for module in MODULES)}"
    for begin in range(0, len(names), 50):  # jedi infers so much a script and no more
        some = names[begin : begin + 50]
        script = jedi.Script("\n".join([imports, *(name for name, _ in some)]))
        for number, (name, docstring) in enumerate(some, 2):
            found = script.help(number, len(name))
            shown = [inspect.cleandoc(text.docstring(raw=True)) for text in found]
            assert shown == [inspect.cleandoc(docstring)], name


def functions():
    """Functions, constructors, methods and properties that users call, by name."""
    for module in MODULES:
        for name in module.__all__:
            thing, dotted = getattr(module, name), f"{module.__name__}.{name}"
            if not inspect.isclass(thing):
                yield dotted, thing
                continue
            for attribute in ("__init__", *dir(thing)):
                member = inspect.getattr_static(thing, attribute)
                if isinstance(member, property):
                    member = member.fget
                else:
                    member = getattr(thing, attribute)
                home = getattr(member, "__module__", None) or ""
                public = attribute == "__init__" or not attribute.startswith("_")
                if public and home.startswith("sklstm"):
                    yield f"{dotted}.{attribute}", member


FUNCTIONS = {name: thing for name, thing in functions() if callable(thing)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_everything_public_is_annotated(name):
    function = inspect.unwrap(FUNCTIONS[name])
    parameters = inspect.signature(function).parameters.values()
    missing = {p.name for p in parameters if p.annotation is p.empty}
    assert missing <= {"self"}
    # whose names are there, of sklstm._typing where an import would go in a circle
    hints = get_type_hints(function, localns=vars(_typing))
    assert "return" in hints or name.endswith(".__init__")


CALLS = {
    "LSTMClassifier(": [
        "hidden_layer_sizes: int | Sequence[int]=(64,)",
        'pooling: Literal["last", "mean", "max", "attention"]="last"',
        "peephole: bool=False",
        'class_weight: dict | list[dict] | Literal["balanced"] | None=None',
    ],
    "GRURegressor(": [
        'forget_bias: float | Literal["chrono"]=0.0',
        "quantile: float | Sequence[float]=0.5",
        "max_grad_norm: float | None=1.0",
    ],
    "RNNRegressor(": ['activation: Literal["tanh", "relu"]="tanh"'],
    "LSTMClassifier().fit(": [
        "X: SequencesLike",
        "y: ArrayLike",
        "groups: ArrayLike | None=None",
    ],
    "LSTMClassifier().partial_fit(": ["classes: ArrayLike | None=None"],
    "GRURegressor().fit(": ["X_val: SequencesLike | None=None"],
    "RNNRegressor().predict_step(": ["X: ArrayLike", "state: State"],
    "check_sequences(": ["X: SequencesLike", "dtype: DTypeLike | None=None"],
    "SequenceArray.from_list(": ["sequences: Sequence[ArrayLike]"],
    "SequenceArray([[0.0]], [0, 1]).to_padded(": ["n_steps: int | None=None"],
    "FrameStacker(": ["n_frames: int=8", "step: int | None=None"],
    "LogMel(": ["sample_rate: float=16_000", "fmax: float | None=None"],
    "TokenEncoder(": ["min_df: float=2", 'unknown_token: Hashable="<unk>"'],
    "TimeDistributed(None).fit(": ["X: SequencesLike", "y: ArrayLike | None=None"],
    "GateDisplay.from_estimator(": ["x: SequenceArray | ArrayLike", "layer: int=-1"],
    "from_torch(": ["state_dict: Mapping[str, Any]", "head: str | None=None"],
}
IMPORTS = """\
from sklstm import GRURegressor, LSTMClassifier, RNNRegressor
from sklstm.export import from_torch
from sklstm.inspection import GateDisplay
from sklstm.preprocessing import FrameStacker, LogMel, TimeDistributed, TokenEncoder
from sklstm.sequences import SequenceArray, check_sequences
"""


@pytest.mark.parametrize("call", CALLS)
def test_help_on_a_call(jedi, call):
    (signature,) = jedi.Script(IMPORTS + call).get_signatures()
    shown = [parameter.to_string() for parameter in signature.params]
    for expected in CALLS[call]:
        assert expected in shown
    docstring = signature.docstring()
    assert "\nParameters\n----------\n" in docstring
    for parameter in signature.params:
        name = parameter.name
        assert re.search(rf"^{name} : ", docstring, flags=re.M), name
    assert not re.search(r"\{\w+\}", docstring)


def test_completion_of_a_fitted_estimator(jedi):
    source = "import sklstm\nmodel = sklstm.LSTMClassifier().fit([], [])\nmodel."
    names = {completion.name for completion in jedi.Script(source).complete()}
    assert {"alpha", "classes_", "weights_", "predict_proba", "partial_fit"} <= names
    source = "import sklstm\nsklstm."
    names = {completion.name for completion in jedi.Script(source).complete()}
    assert set(dir(sklstm)) <= names
