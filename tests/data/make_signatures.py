"""Write signatures.txt beside this file, the public signatures of the package:

    python tests/data/make_signatures.py

Whoever changes one sees it in the difference, and says so in CHANGELOG.md.
"""

import importlib
import inspect
import pkgutil
from pathlib import Path

import sklstm

PATH = Path(__file__).with_name("signatures.txt")


def public_modules():
    names = [name for _, name, _ in pkgutil.iter_modules(sklstm.__path__)]
    submodules = (f"sklstm.{name}" for name in names if not name.startswith("_"))
    return [sklstm, *map(importlib.import_module, sorted(submodules))]


def public_members(cls):
    """Public methods and properties that sklstm defines, with their names."""
    for name in dir(cls):
        if name.startswith("_") or name == "set_callbacks":  # of scikit-learn >= 1.9
            continue
        static = inspect.getattr_static(cls, name)
        member = static if isinstance(static, property) else getattr(cls, name)
        function = member.fget if isinstance(member, property) else member
        if (getattr(function, "__module__", None) or "").startswith("sklstm"):
            yield name, member


def described(name, thing):
    """A signature, in lines of its own where it is long."""
    if isinstance(thing, property):
        return f"{name} : property\n"
    if not callable(thing):
        return f"{name} : {type(thing).__name__}\n"
    parameters, star = [], False
    signature = inspect.signature(thing)
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not star:
            parameters.append("*")
        star = star or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        parameters.append(str(p.replace(annotation=p.empty)))
        if p.annotation is not p.empty:
            written, equals, default = parameters[-1].partition("=")
            default = f" = {default}" if equals else ""
            parameters[-1] = f"{written}: {annotation(p.annotation)}{default}"
    returns = signature.return_annotation
    end = "" if returns is signature.empty else f" -> {annotation(returns)}"
    line = f"{name}({', '.join(parameters)}){end}\n"
    if len(line) <= 100:
        return line
    inside = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{name}(\n{inside}){end}\n"


def annotation(value):
    return value if isinstance(value, str) else inspect.formatannotation(value)


def signatures():
    """The text of the file."""
    lines, classes = [], set()
    for module in public_modules():
        for name in sorted(module.__all__):
            thing, name = getattr(module, name), f"{module.__name__}.{name}"
            if thing in classes:
                continue  # it has two names
            lines.append(described(name, thing))
            if inspect.isclass(thing):
                classes.add(thing)
                lines += (
                    described(f"{name}.{member}", value)
                    for member, value in public_members(thing)
                )
    return "".join(lines)


if __name__ == "__main__":
    PATH.write_text(signatures(), encoding="utf-8")
