"""Pages of estimators: parameters in the groups in which the code declares them, and
what all estimators have alike folded.

The text is that of the docstrings; here are only its order and what is folded at first.
"""

import re
from importlib import import_module

from docutils import nodes
from sphinx.addnodes import desc, desc_content, desc_signature
from sphinx.ext.autosummary import autosummary_table
from sphinx_design.shared import create_component

# What every estimator has, in nearly the same words.
COMMON = {"Optimizer", "Stopping", "Data", "Tokens and categories", "Training"}
OF_TRAINING = {
    "loss_", "loss_curve_", "best_loss_", "validation_scores_",
    "best_validation_score_", "n_iter_", "t_", "n_layers_",
}  # fmt: skip
OF_SCIKIT_LEARN = re.compile(
    r"get_metadata_routing|[gs]et_params|set_output|set_callbacks|set_\w+_request"
)


def _names(item):
    """Names of an entry of a list: ``a, b : int`` has two."""
    term = next(iter(item.findall(nodes.term)))
    return re.split(r",\s*", term.astext().partition(" : ")[0].strip())


def _folded(title, names, children, opened):
    """Content under a title that says what is in it."""
    heading = nodes.inline("", title, classes=["group-title"])
    inside = nodes.inline("", ", ".join(names), classes=["group-names"])
    return create_component(
        "dropdown",
        [],
        type="dropdown",
        has_title=True,
        opened=opened,
        icon=None,
        chevron=None,
        container_classes=["group"],
        title_classes=[],
        body_classes=[],
        children=[nodes.rubric("", "", heading, nodes.Text(" "), inside), *children],
    )


def _grouped(field, groups):
    """The entries of a field of definitions, in groups of names."""
    name, body = field
    if not (body.children and isinstance(body[0], nodes.definition_list)):
        return
    items = {}
    for item in body[0]:
        first, *_ = _names(item)
        items[first] = item
        kind = "param" if name.astext() == "Parameters" else "attr"
        item[0]["ids"].append(f"{kind}-{first}".rstrip("_"))
    body.clear()
    for title, members in groups(items).items():
        some = [items[member] for member in members]
        entries = nodes.definition_list("", *some)
        body += _folded(title, members, [entries], title not in COMMON)
    body["classes"].append("grouped")


def _parameter_groups(cls):
    return lambda items: {
        title: [name for name in names if name in items]
        for title, names in cls._parameter_groups.items()
    }


def _attribute_groups(items):
    of_training = [name for name in items if name in OF_TRAINING]
    others = [name for name in items if name not in OF_TRAINING]
    return {"Fitted": others, "Training": of_training} if of_training else {"": others}


def _references_folded(content):
    """The papers behind all parameters, which a reader comes to from one of them."""
    citations = [node for node in content if isinstance(node, nodes.citation)]
    if len(citations) < 3:
        return
    heading = content[content.index(citations[0]) - 1]
    assert heading.astext() == "References", heading
    place = content.index(heading)
    for node in (heading, *citations):
        content.remove(node)
    content.insert(place, _folded("References", [], citations, False))


def _inherited_last(content):
    """Methods that every estimator of scikit-learn has, folded below the others."""
    theirs = [
        node
        for node in content.children
        if isinstance(node, desc)
        and OF_SCIKIT_LEARN.fullmatch(node[0].get("fullname", "").rpartition(".")[2])
    ]
    if len(theirs) < 3:
        return
    names = [node[0]["fullname"].rpartition(".")[2] for node in theirs]
    for node in theirs:
        node[0]["_toc_name"] = ""  # not beside the page
        content.remove(node)
    content += _folded("Of every estimator of scikit-learn", names, theirs, False)
    for table in content.findall(autosummary_table):
        for row in list(table.findall(nodes.row)):
            if re.match(r"set_\w+_request\b", row.astext().strip()):
                row.parent.remove(row)


def let_signatures_break(app, doctree):
    """Places to break a signature in a table, where Sphinx writes blanks that don't."""
    for table in doctree.findall(autosummary_table):
        for row in table.findall(nodes.row):
            for text in list(row[0].findall(nodes.Text)):
                broken = nodes.Text(text.replace(", ", ",\N{ZERO WIDTH SPACE} "))
                text.parent.replace(text, broken)


def arrange(app, doctree):
    """Rearrange the pages of classes that have groups of parameters."""
    for signature in doctree.findall(desc_signature):
        content = signature.parent[-1]
        if signature.parent.get("objtype") != "class" or not isinstance(
            content, desc_content
        ):
            continue
        cls = getattr(import_module(signature["module"]), signature["fullname"], None)
        if hasattr(cls, "set_params"):
            _inherited_last(content)
        if not hasattr(cls, "_parameter_groups"):
            continue
        _references_folded(content)
        for field in list(content.findall(nodes.field)):
            if field.parent.parent is not content:
                continue  # of a method
            if field[0].astext() == "Parameters":
                _grouped(field, _parameter_groups(cls))
            elif field[0].astext() == "Attributes":
                _grouped(field, _attribute_groups)


def setup(app):
    app.connect("doctree-read", let_signatures_break)
    # before the contents of pages are collected
    app.connect("doctree-read", arrange, priority=400)
    return {"parallel_read_safe": True}
