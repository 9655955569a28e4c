"""Tags of the gallery: the line "Tags: ..." at the end of an example's introduction
becomes links to a page that lists the examples of each tag."""

import ast
import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref


def anchor(tag):
    return "tag-" + re.sub(r"\W+", "-", tag.lower())


def split(text):
    """The tags of a line "Tags: one, two"."""
    return [tag.strip() for tag in " ".join(text.split())[len("Tags:") :].split(",")]


def write_page(app):
    """auto_examples/tags.rst, from the introductions of all examples in their order."""
    examples, order = {}, app.config.sphinx_gallery_conf["within_subsection_order"]
    sources = Path(app.srcdir, "examples").glob("*/plot_*.py")
    for path in sorted(sources, key=lambda path: order(path.name)):
        introduction = ast.get_docstring(ast.parse(path.read_text("utf8")))
        for tag in split(introduction.strip().split("\n\n")[-1]):
            examples.setdefault(tag, []).append(f"{path.parent.name}/{path.stem}")
    names = sorted(examples, key=str.lower)
    lines = ["================", "Examples by tag", "================", ""]
    lines += [" · ".join(f":ref:`{tag} <{anchor(tag)}>`" for tag in names), ""]
    for tag in names:
        title = tag[0].upper() + tag[1:]
        lines += [f".. _{anchor(tag)}:", "", title, "-" * len(title), ""]
        lines += [f"- :doc:`/auto_examples/{name}`" for name in examples[tag]] + [""]
    page, text = Path(app.srcdir, "auto_examples", "tags.rst"), "\n".join(lines)
    if not page.exists() or page.read_text("utf8") != text:
        page.write_text(text, "utf8")


def link(app, doctree):
    """Links in the place of the line "Tags: ..." of an example."""
    if not app.env.docname.startswith("auto_examples/"):
        return
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if not paragraph.astext().startswith("Tags: "):
            continue
        tags = split(paragraph.astext())
        paragraph.children = []
        paragraph += nodes.Text("Tags: ")
        for k, tag in enumerate(tags):
            reference = pending_xref(
                "",
                nodes.inline("", tag),
                refdomain="std",
                reftype="ref",
                reftarget=anchor(tag),
                refexplicit=True,
                refwarn=True,
                refdoc=app.env.docname,
            )
            paragraph += [nodes.Text(" · "), reference] if k else [reference]
