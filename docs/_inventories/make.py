"""Cut the inventories of other projects to the names that these pages use:

    python docs/_inventories/make.py FOLDER

FOLDER has inventories as the projects publish them: `objects.inv` of scikit-learn as
sklearn.inv, and so on for each of PAGES in _extensions/other_projects.py. What is asked
for is found by a build without them, and by what pages and examples import. A name that
an inventory lacks, because it is newer, is written with the address that the project
gives to names of its kind, if it can be imported; each of these is printed. What is in
no inventory and cannot be imported is printed too, and makes the exit status 1.
"""

import builtins
import importlib
import inspect
import re
import sys
import zlib
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.application import Sphinx

HERE = Path(__file__).parent
DOCS = HERE.parent
sys.path.insert(0, str(DOCS / "_extensions"))

from other_projects import PAGES, imports  # noqa: E402

# Where the pages of a name are, for each of its kinds: {} is the name, {parent} that of
# its class or module.
ADDRESSES = {
    "python": {"": "library/{module}.html#{}", "module": "library/{}.html#module-{}"},
    "numpy": {"": "reference/generated/{}.html#{}"},
    "scipy": {"": "reference/generated/{}.html#{}"},
    "sklearn": {
        "": "modules/generated/{}.html#{}",
        "method": "modules/generated/{parent}.html#{}",
        "module": "api/{}.html#module-{}",
    },
    "pandas": {"": "reference/api/{}.html#{}"},
    "matplotlib": {"": "api/_as_gen/{}.html#{}"},
    "joblib": {"": "generated/{}.html#{}"},
    "torch": {"": "generated/{}.html#{}", "method": "generated/{parent}.html#{}"},
}
ELSEWHERE = {
    "numpy.datetime64": "reference/arrays.scalars.html#numpy.datetime64",
    "numpy.float32": "reference/arrays.scalars.html#numpy.float32",
    "numpy.float64": "reference/arrays.scalars.html#numpy.float64",
    "numpy.inf": "reference/constants.html#numpy.inf",
    "numpy.int32": "reference/arrays.scalars.html#numpy.int32",
    "numpy.int64": "reference/arrays.scalars.html#numpy.int64",
    "numpy.nan": "reference/constants.html#numpy.nan",
    "numpy.pi": "reference/constants.html#numpy.pi",
    "numpy.random.RandomState": "reference/random/legacy.html#numpy.random.RandomState",
    "numpy.random.default_rng": (
        "reference/random/generator.html#numpy.random.default_rng"
    ),
    "numpy.timedelta64": "reference/arrays.scalars.html#numpy.timedelta64",
    "numpy.uint8": "reference/arrays.scalars.html#numpy.uint8",
}
# Sections and terms of scikit-learn that are younger than its inventory may be.
SECTIONS = {
    "metadata_routing": "metadata_routing.html#metadata-routing",
    "df_output_transform": "modules/df_output_transform.html#df-output-transform",
}


def asked():
    """(role, name) of every reference that these pages cannot resolve themselves."""
    found = set()

    def note(app, env, node, contnode):
        if node.get("refdomain") in ("py", "std"):
            found.add((f"{node['refdomain']}:{node['reftype']}", node["reftarget"]))

    with TemporaryDirectory() as out:
        app = Sphinx(
            DOCS, DOCS, out, out, "dummy", status=None, warning=StringIO(),
            confoverrides={"plot_gallery": False, "intersphinx_mapping": {}},
        )  # fmt: skip
        app.connect("missing-reference", note, priority=1)
        app.build()
    return found | {("py:obj", name) for name in imports() | in_code()}


def in_code():
    """What pages and examples name by the usual short names, such as np.zeros."""
    short = {"np": "numpy", "plt": "matplotlib.pyplot", "pd": "pandas"}
    pages = [*DOCS.glob("*/*.rst"), *DOCS.glob("*.rst"), *DOCS.glob("examples/**/*.py")]
    names = set()
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for package, inside in re.findall(r"\b(np|plt|pd)\.(\w+(?:\.\w+)*)", text):
            name = f"{short[package]}.{inside}"
            # not what is there from elsewhere, or under another name
            thing, module = imported(name)
            if thing is None or (
                f"{getattr(thing, '__module__', module)}.{inside}" != name
            ):
                continue
            if name.endswith(getattr(thing, "__name__", name)):
                names.add(name)
    return names


def read(path):
    """Lines of an inventory: kind ("py:class") and name, priority, address, text."""
    data = path.read_bytes().split(b"\n", 4)[4]
    entries = {}
    for line in zlib.decompress(data).decode().splitlines():
        name, kind, priority, address, text = _fields(line)
        entries[kind, name] = priority, address.replace("$", name), text
    return entries


def _fields(line):
    """Names may have blanks: the kind is the first field with a colon after them."""
    words = line.split(" ")
    at = next(
        i for i in range(1, len(words) - 2)
        if ":" in words[i] and words[i + 1].lstrip("-").isdigit()
    )  # fmt: skip
    name, (kind, priority, address) = " ".join(words[:at]), words[at : at + 3]
    return name, kind, priority, address, " ".join(words[at + 3 :])


def write(path, project, entries):
    """An inventory of version 2, the same for the same entries."""
    head = "# Sphinx inventory version 2\n# Project: {}\n# Version: \n{}\n"
    compressed = "# The remainder of this file is compressed using zlib."
    lines = (
        f"{name} {kind} {priority} {address} {text}\n"
        for (kind, name), (priority, address, text) in sorted(entries.items())
    )
    body = zlib.compress("".join(lines).encode(), 9)
    path.write_bytes(head.format(project, compressed).encode() + body)


def imported(name):
    """What a dotted name is, and the module that it was found in, or None twice."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            thing = module = importlib.import_module(".".join(parts[:n]))
        except ImportError:
            continue
        try:
            for part in parts[n:]:
                thing = getattr(thing, part)
        except (AttributeError, ImportError):  # experimental ones of scikit-learn
            continue
        return thing, module.__name__
    if hasattr(builtins, parts[0]):
        return getattr(builtins, parts[0]), "builtins"
    return None, None


def kind_of(name, thing):
    if inspect.ismodule(thing):
        return "module"
    if inspect.isclass(thing):
        return "exception" if issubclass(thing, BaseException) else "class"
    parent, _ = imported(name.rpartition(".")[0])
    if inspect.isclass(parent):
        return "method" if callable(thing) else "attribute"
    return "function" if callable(thing) else "data"


def project_of(name):
    first = name.partition(".")[0]
    known = first in sys.stdlib_module_names or hasattr(builtins, first)
    return "python" if known else first


def main(folder):
    full = {
        project: read(folder / f"{project}.inv")
        if (folder / f"{project}.inv").exists()
        else {}
        for project in PAGES
    }
    kept, lost = {project: {} for project in PAGES}, []
    for role, name in sorted(asked()):
        if role.startswith("std:"):
            kind = "std:term" if role == "std:term" else "std:label"
            plain = name.rpartition(":")[2]  # "sklearn:array-like"
            for project, entries in full.items():
                if found := entries.get((kind, plain)):
                    kept[project][kind, plain] = found
                    break
            else:
                if name in SECTIONS:
                    address = SECTIONS[name]
                    kept["sklearn"]["std:label", name] = "-1", address, name
                    print(f"by hand: {name}")
                else:
                    lost.append(f"{role} {name}")
            continue
        project = project_of(name)
        if project not in PAGES:
            continue
        thing, module = imported(name)
        found = {key: e for key, e in full[project].items() if key[1] == name}
        found = {k: e for k, e in found.items() if k[0].startswith("py:")}
        kind = thing is not None and kind_of(name, thing)
        if found and not (project == "sklearn" and kind == "module"):
            kept[project] |= found
        elif thing is not None:
            rules = ADDRESSES[project]
            address = ELSEWHERE.get(name) or rules.get(kind, rules[""]).format(
                *(2 * [name]), parent=name.rpartition(".")[0], module=module
            )
            kept[project][f"py:{kind}", name] = "1", address, "-"
            print(f"by rule: {name} {address}")
        else:
            lost.append(f"{role} {name}")
    for project, entries in kept.items():
        write(HERE / f"{project}.inv", project, entries)
    print(*(f"in no inventory: {name}" for name in lost), sep="\n")
    return bool(lost)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
