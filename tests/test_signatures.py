"""Public signatures stay as they are unless somebody says so, and those of the
estimators, which are made of groups of parameters, are Python as it is written by hand.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path
from runpy import run_path
from typing import get_type_hints

import pytest

import sklstm
from sklstm._estimators import parameters as groups
from sklstm._estimators import task_parameters
from sklstm._estimators.declaration import declared
from sklstm._estimators.families import LSTM
from sklstm._estimators.parameters import (
    NONE,
    Parameter,
    integer,
    number,
    options,
    parameters_of,
)

DATA = Path(__file__).parent / "data"
ESTIMATORS = [
    getattr(sklstm, family + task)
    for family in ("GRU", "LSTM", "RNN")
    for task in ("Classifier", "Regressor")
]
ESTIMATORS += [sklstm.LSTMTagger, sklstm.LSTMStepRegressor, sklstm.LSTMForecaster]
ESTIMATORS += [sklstm.LSTMAnomalyDetector, sklstm.LSTMLanguageModel]
ESTIMATORS += [sklstm.LSTMSeq2Seq, sklstm.LSTMTranscriber]
OF_CLIPS = [
    sklstm.ConvLSTMClassifier, sklstm.ConvLSTMForecaster, sklstm.ConvLSTMRegressor,
]  # fmt: skip
ESTIMATORS += OF_CLIPS
every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


def first_of(Estimator):
    """The name of the only parameter that goes by position."""
    return "hidden_channels" if Estimator in OF_CLIPS else "hidden_layer_sizes"


def test_signatures_are_frozen():
    made = run_path(str(DATA / "make_signatures.py"))["signatures"]()
    frozen = (DATA / "signatures.txt").read_text(encoding="utf-8")
    assert made == frozen, "python tests/data/make_signatures.py writes it anew"


@every_estimator
def test_a_signature_is_one_that_is_written_by_hand(Estimator):
    init, parameters = Estimator.__init__, inspect.signature(Estimator).parameters
    names, kinds = list(parameters), [p.kind for p in parameters.values()]
    assert list(inspect.signature(init).parameters) == ["self", *names]
    assert names[0] == first_of(Estimator)
    assert kinds[0] == inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert set(kinds[1:]) == {inspect.Parameter.KEYWORD_ONLY}
    assert init.__qualname__ == f"{Estimator.__name__}.__init__"
    assert vars(Estimator(5)) == {**Estimator().get_params(), names[0]: 5}


@every_estimator
@pytest.mark.parametrize(
    "args, kwargs, message",
    [
        ((), {"alpha_": 1}, "keyword argument 'alpha_'. Did you mean 'alpha'?"),
        ((), {"hidden_size": 8}, "'hidden_size'. Did you mean '{similar}'?"),
        ((), {"{first}_": 8}, "'{first}_'. Did you mean '{first}'?"),
        ((), {"xyz": 1}, "got an unexpected keyword argument 'xyz'"),
        ((5, 1.0), {}, "too many positional arguments"),
        ((5,), {"{first}": 5}, "values for argument '{first}'"),
    ],
)  # fmt: skip
def test_wrong_arguments(Estimator, args, kwargs, message):
    first = first_of(Estimator)
    kwargs = {name.format(first=first): value for name, value in kwargs.items()}
    similar = "kernel_size" if Estimator in OF_CLIPS else first
    message = message.format(first=first, similar=similar)
    with pytest.raises(TypeError) as caught:
        Estimator(*args, **kwargs)
    assert str(caught.value).startswith(f"{Estimator.__name__}.__init__() ")
    assert str(caught.value).endswith(message)


def test_wrong_arguments_of_a_subclass():
    class Mine(sklstm.LSTMClassifier):
        pass

    class Smaller(sklstm.LSTMClassifier):
        def __init__(self, size=3):
            super().__init__(hidden_layer_sizes=size, sized=True)

    with pytest.raises(TypeError, match=r"Mine.__init__\(\) got an unexpected"):
        Mine(alpha_=1)
    with pytest.raises(TypeError, match="got an unexpected keyword argument 'sized'$"):
        Smaller()


@every_estimator
def test_a_class_has_no_parameters(Estimator):
    """A name that is misspelt is an error, not the default of another one."""
    for name in Estimator().get_params():
        assert not hasattr(Estimator, name)


@every_estimator
def test_pickles_name_the_public_place(Estimator):
    assert Estimator.__module__ == "sklstm"
    assert Estimator.__qualname__ == Estimator.__name__
    assert getattr(sklstm, Estimator.__name__) is Estimator


@every_estimator
def test_annotations_are_types(Estimator):
    hints = get_type_hints(Estimator.__init__)
    assert list(hints) == list(inspect.signature(Estimator).parameters)
    assert hints[first_of(Estimator)] == int | Sequence[int]
    assert hints["max_grad_norm"] == float | None
    names = ["fit", "partial_fit", "predict", "predict_step", "transform", "score"]
    if Estimator is sklstm.LSTMAnomalyDetector:  # has no y
        names = ["fit", "predict", "score_steps", "score_step", "transform"]
    if Estimator is sklstm.LSTMLanguageModel:  # steps are tokens
        names = ["fit", "partial_fit", "predict_proba", "score_samples", "transform"]
    without_state = sklstm.LSTMForecaster, sklstm.LSTMSeq2Seq
    if Estimator in (*without_state, sklstm.ConvLSTMForecaster):
        names = ["fit", "partial_fit", "predict", "score"]
    for name in names:
        hints = get_type_hints(getattr(Estimator, name))
        assert {"X", "return"} <= hints.keys(), name


@every_estimator
def test_defaults_are_within_their_constraints(Estimator):
    Estimator()._validate_params()


def test_every_declaration_is_complete():
    found = {
        f"{group.__name__}.{name}": parameter
        for group in [*vars(groups).values(), *vars(task_parameters).values()]
        if inspect.isclass(group)
        for name, parameter in parameters_of(group).items()
    }
    assert len(found) > 35
    for name, parameter in found.items():
        assert parameter.meaning.strip(), name
        assert parameter.domain.constraints, name
    names = {name.partition(".")[2] for name in found}
    used = {name for Estimator in ESTIMATORS for name in Estimator().get_params()}
    assert names == used


# ---- what is made of a declaration ---------------------------------------------------


class Size:
    size = Parameter(3, integer() | options("auto")).means("""
        How large: see [Gers2000]_.

        - nothing is too large.
        """)
    slope = Parameter(None, number(0) | NONE).means("How steep.")


class Steeper:
    slope = Parameter(1e-8, number(0)).means("How steep it is.")


class Plumbing:
    """Something else.

    Why it is there.
    """


class Task(LSTM, Plumbing):
    """Something.

    What everything of this kind does.

    Attributes
    ----------
    classes_ : int
        How many.

    Examples
    --------
    >>> from sklstm import LSTMClassifier
    >>> LSTMClassifier()
    """


Task.__module__ = Plumbing.__module__ = LSTM.__module__


def made(*parts):
    class Made(Task):
        """A class.

        See Also
        --------
        LSTMRegressor : Another one.
        """

    return declared(*parts)(Made)


def test_the_last_group_says_what_a_parameter_is_and_the_first_where():
    parameters = inspect.signature(made(Size, Steeper)).parameters.values()
    assert [(p.name, p.default) for p in parameters] == [("size", 3), ("slope", 1e-8)]
    assert [p.annotation for p in parameters] == [
        'int | Literal["auto"]',
        "float",
    ]


def test_sections_are_of_a_class_then_of_its_bases():
    doc = made(Size).__doc__
    assert doc.startswith(
        """\
A class.

What everything of this kind does.

Parameters
----------
size : int or "auto", default=3
    How large: see [Gers2000]_.

    - nothing is too large.

slope : float or None, default=None
    How steep.

Attributes
----------
classes_ : int
    How many.

weights_ : dict of str to ndarray
    Weights of the network"""
    )
    assert "Why it is there" not in doc
    assert "LSTMRegressor : Another one.\n\nNotes\n-----\nInput weights" in doc
    assert doc.count(".. [") == 1
    assert ".. [Gers2000] F. A. Gers, J. Schmidhuber and F. Cummins" in doc
    assert doc.endswith(">>> from sklstm import Made\n>>> Made()")
