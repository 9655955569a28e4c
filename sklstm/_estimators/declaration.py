"""What makes a public estimator of its class and its groups of parameters: signature,
validation and documentation.

A docstring is numpydoc. Each section has what the class says itself, then what its
bases say, but for what a class names in `_not_said`: of these sections and attributes
the bases behind it are silent. The parameters say what they mean, and the references
are those cited.
"""

import inspect
import re
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, Signature

from .._typing import Any, ArrayLike, DTypeLike, Literal, Sequence, np  # noqa: F401
from .checks import NO_JOBS
from .groups import titled
from .parameters import parameters_of
from .references import REFERENCES

# What is between the entries of a section.
ENTRIES = r"\n\n(?=\w+ : )"


def declared(*groups):
    """Decorator of a public estimator with the parameters of these groups."""
    parameters = parameters_of(*groups)

    def declare(cls):
        cls.__module__ = "sklstm"  # the place that pickles name, wherever it is defined
        cls.__init__ = _init(cls, parameters)
        cls._parameter_constraints = {
            name: parameter.domain.constraints for name, parameter in parameters.items()
        }
        cls._parameter_groups = titled(*groups)  # for pages
        if cls.__doc__:  # not python -OO
            cls.__doc__ = _docstring(cls, parameters)
        return cls

    return declare


def _init(cls, parameters):
    """An `__init__` of these parameters, only the first of which goes by position."""
    by_position, by_name = Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY
    kinds = [by_position, *len(parameters) * [by_name]]
    declared = (
        Parameter(name, kind, default=p.default, annotation=p.domain.annotation)
        for kind, (name, p) in zip(kinds, parameters.items())
    )
    signature = Signature([Parameter("self", by_position), *declared])

    def __init__(self, *args, **kwargs):
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            message = _explained(error, type(self), parameters, kwargs)
            raise TypeError(message) from None
        given.apply_defaults()
        self.__dict__.update(list(given.arguments.items())[1:])

    __init__.__signature__ = signature
    __init__.__annotations__ = {
        name: parameter.domain.annotation for name, parameter in parameters.items()
    }
    __init__.__module__ = cls.__module__
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def _explained(error, cls, names, given):
    """What is wrong with the arguments of a constructor."""
    if "n_jobs" in given and "n_jobs" not in names:
        return f"{cls.__name__} {NO_JOBS}"
    unknown = next((name for name in given if name not in names), "")
    similar = get_close_matches(unknown, names, 1)
    hint = f". Did you mean {similar[0]!r}?" if similar else ""
    return f"{cls.__name__}.__init__() {error}{hint}"


# ---- docstrings ----------------------------------------------------------------------


def _docstring(cls, parameters):
    summary, own = _sections(cls.__doc__)
    said, silent = [{"": summary}, own], set()
    for base in cls.__mro__[1:]:
        if base.__module__.startswith(__package__) and base.__doc__:
            # A summary, and a text without sections, is for readers of the code.
            _, sections = _sections(base.__doc__)
            if sections.keys() > {""}:
                said.append(_without(sections, silent))
        silent |= set(vars(base).get("_not_said", ()))
    together = {
        title: "\n\n".join(filter(None, (sections.get(title) for sections in said)))
        for title in ("", "Attributes", "See Also", "Notes", "Examples")
    }
    sections = {
        "Parameters": "\n\n".join(_entry(*item) for item in parameters.items()),
        "Attributes": _merged(together["Attributes"]),
        "See Also": together["See Also"].replace("\n\n", "\n"),
        "Notes": together["Notes"],
        "References": "",
        # written for one family
        "Examples": re.sub(r"\bLSTM\w+", cls.__name__, together["Examples"]),
    }
    everything = "\n".join([together[""], *sections.values()])
    cited = dict.fromkeys(re.findall(r"\[(\w+)\]_", everything))
    sections["References"] = "\n".join(map(_references().get, cited))
    titled = (f"{name}\n{'-' * len(name)}\n{text}" for name, text in sections.items())
    return "\n\n".join([together[""], *titled])


@cache
def _sections(docstring):
    """The summary, and texts by the titles of sections, "" for the first of them."""
    first, *parts = re.split(r"\n\n(.+)\n---+\n", inspect.cleandoc(docstring))
    summary, _, extended = first.partition("\n\n")
    return summary, {"": extended, **dict(zip(parts[::2], parts[1::2]))}


def _without(sections, silent):
    """Sections without some of them, or of the attributes."""
    kept = {title: text for title, text in sections.items() if title not in silent}
    if "Attributes" in kept:
        entries = re.split(ENTRIES, kept["Attributes"])
        kept["Attributes"] = "\n\n".join(
            entry for entry in entries if entry.partition(" : ")[0] not in silent
        )
    return kept


def _entry(name, parameter):
    default = repr(parameter.default).replace("'", '"').replace("e-0", "e-")
    return f"{name} : {parameter.domain.words}, default={default}\n{parameter.meaning}"


def _merged(entries):
    """Entries of a section, those of one name as one."""
    merged = {}
    for entry in re.split(ENTRIES, entries):
        head, text = entry.split("\n", 1)
        merged.setdefault(head, []).append(text)
    return "\n\n".join(
        f"{head}\n" + "\n\n".join(texts) for head, texts in merged.items()
    )


@cache
def _references():
    """References by their keys."""
    parts = re.split(r"^(?=\.\. \[)", REFERENCES.strip(), flags=re.M)[1:]
    return {part[4 : part.index("]")]: part.strip() for part in parts}
