"""Where the source of an object is: the [source] links of the API pages.

Public classes name the place that pickles name, ``sklstm``, as their module, so that
`inspect` does not find their file; it is the one that has their definition.
"""

import ast
import inspect
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import sklearn

import sklstm

PACKAGE = Path(sklstm.__file__).parent
SCIKIT_LEARN = "https://github.com/scikit-learn/scikit-learn"


@cache
def _classes():
    """Files and lines of the classes of the package, by name."""
    places = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                first = min([node, *node.decorator_list], key=lambda n: n.lineno)
                place = path, first.lineno, node.end_lineno
                places.setdefault(node.name, []).append(place)
    return places


def _is_defined_in(path, cls):
    name = ".".join(("sklstm", *path.relative_to(PACKAGE).with_suffix("").parts))
    return getattr(sys.modules.get(name), cls.__name__, None) is cls


def place(module, fullname):
    """File, first and last line of an object, or None."""
    thing = import_module(module)
    for name in fullname.split("."):
        thing = getattr(thing, name, None)
    thing = thing.fget if isinstance(thing, property) else thing
    if inspect.isclass(thing):
        for path, first, last in _classes().get(thing.__name__, ()):
            if _is_defined_in(path, thing):
                return path, first, last
    try:
        thing = inspect.unwrap(thing)
        lines, first = inspect.getsourcelines(thing)
        return Path(inspect.getsourcefile(thing)), first, first + len(lines) - 1
    except (TypeError, OSError):  # a value; a function without a file
        return None


def resolver(repository, version):
    """`linkcode_resolve` for a repository: its tag of the version, or ``main`` where
    the version is none that was released."""
    revision = "main" if "dev" in version else f"v{version}"

    def resolve(domain, info):
        if domain != "py" or not (found := place(info["module"], info["fullname"])):
            return None
        path, first, last = found
        lines = f"#L{first}-L{last}"
        for folder, address, at in (
            (PACKAGE, repository, revision),
            (Path(sklearn.__file__).parent, SCIKIT_LEARN, sklearn.__version__),
        ):
            if path.is_relative_to(folder):
                inside = path.relative_to(folder.parent).as_posix()
                return f"{address}/blob/{at}/{inside}{lines}"
        return None

    return resolve
