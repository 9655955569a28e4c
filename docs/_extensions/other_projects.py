"""Links to the documentation of other projects, from inventories beside these pages.

What stands in double backquotes and is the name of a public object, of this package, of
scikit-learn or of another one from which the pages import it, is a link to it:
``GridSearchCV``.
"""

import re
from functools import cache
from importlib import import_module
from pathlib import Path

from docutils import nodes
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

DOCS = Path(__file__).parents[1]
# Where each project's pages are; their inventories are cut by _inventories/make.py.
PAGES = {
    "python": "https://docs.python.org/3/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "sklearn": "https://scikit-learn.org/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "matplotlib": "https://matplotlib.org/stable/",
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
MAPPING = {name: (pages, f"_inventories/{name}.inv") for name, pages in PAGES.items()}

PUBLIC = (
    "sklstm sklstm.sequences sklstm.preprocessing sklstm.forecasting "
    "sklstm.inspection sklstm.datasets sklstm.export sklstm.utils"
).split()
SCIKIT_LEARN = (
    "calibration compose decomposition ensemble exceptions feature_extraction.text "
    "feature_selection frozen impute inspection linear_model metrics model_selection "
    "multiclass multioutput neural_network pipeline preprocessing svm"
).split()
OF_OTHERS_TOO = {"Normalizer"}  # aeon's, in the pages
IMPORT = re.compile(
    r"^ *from ((?:joblib|matplotlib|numpy|pandas|scipy|sklearn)(?:\.\w+)*) "
    r"import (\([^)]*\)|[\w, ]+)",
    re.M,
)


def imports():
    """Full names of what pages and examples import from other projects."""
    names = set()
    for path in sorted([*DOCS.rglob("*.rst"), *DOCS.rglob("*.py")]):
        made = {"auto_examples", "generated", "backreferences", "_extensions", "_build"}
        if made & set(path.relative_to(DOCS).parts):
            continue
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^( *)(>>>|\.\.\.) ", r"\1", text, flags=re.M)
        for module, things in IMPORT.findall(text):
            for thing in things.strip("()").split(","):
                if name := thing.partition(" as ")[0].strip():
                    names.add(f"{module}.{name}")
    return names


@cache
def full_names():
    """Full names by short ones that cannot be mistaken for a word of the text."""
    names = {}
    for module in (f"sklearn.{name}" for name in SCIKIT_LEARN):
        things = vars(import_module(module)).items()
        names |= {
            name: f"{module}.{name}"
            for name, thing in things
            if (getattr(thing, "__module__", None) or "").startswith(module)
        }
    for module in PUBLIC:
        names |= {name: f"{module}.{name}" for name in import_module(module).__all__}
    names |= {name.rpartition(".")[2]: name for name in sorted(imports())}
    names["SequenceArray"] = "sklstm.SequenceArray"
    return {
        short: name
        for short, name in names.items()
        if re.search(r"[A-Z]|\w_\w", short)
        and short not in OF_OTHERS_TOO
        and not short.startswith("_")
    }


# Words in the types of parameters.
TYPES = {
    "ndarray": ":obj:`ndarray <numpy.ndarray>`",
    "array-like": ":term:`array-like <sklearn:array-like>`",
    "callable": ":term:`callable <python:callable>`",
    "RandomState instance": ":obj:`RandomState instance <numpy.random.RandomState>`",
    "DataFrame": ":obj:`DataFrame <pandas.DataFrame>`",
    "DataFrames": ":obj:`DataFrames <pandas.DataFrame>`",
    "Bunch": ":obj:`Bunch <sklearn.utils.Bunch>`",
    "sklearn.utils.Bunch": ":obj:`Bunch <sklearn.utils.Bunch>`",
    "Axes": ":obj:`Axes <matplotlib.axes.Axes>`",
    "Figure": ":obj:`Figure <matplotlib.figure.Figure>`",
    "SequenceArray": ":obj:`SequenceArray <sklstm.SequenceArray>`",
}
WORD = "|".join(sorted(TYPES, reverse=True))
WORD = re.compile(rf"(?<![\w.`:<-])({WORD})(?![\w.`>-]|s\b)")


def link_types(app, what, name, obj, options, lines):
    """In ``X : ndarray of shape (n,)`` the type is a link."""
    for i, line in enumerate(lines):
        head, colon, types = line.partition(" : ")
        if colon and re.fullmatch(r" *[\w*, ]+", head):
            lines[i] = head + colon + WORD.sub(lambda match: TYPES[match[1]], types)


class NamesAreLinks(SphinxTransform):
    """Names in double backquotes, as references."""

    default_priority = 5

    def apply(self, **kwargs):
        names = full_names()
        for node in list(self.document.findall(nodes.literal)):
            name = node.astext()
            if name not in names or node["classes"]:
                continue
            if isinstance(node.parent, (nodes.title, nodes.reference, pending_xref)):
                continue
            node.replace_self(
                pending_xref(
                    "",
                    node.deepcopy(),
                    refdoc=self.env.docname,
                    refdomain="py",
                    reftype="obj",
                    reftarget=names[name],
                    refexplicit=True,
                    refwarn=True,
                )
            )


def setup(app):
    app.setup_extension("sphinx.ext.autodoc")
    app.add_transform(NamesAreLinks)
    # before numpydoc takes the docstrings apart
    app.connect("autodoc-process-docstring", link_types, priority=110)
    return {"parallel_read_safe": True}
