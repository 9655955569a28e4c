"""Cells of tables that hold figures, such as ``50, 1, 16, 32``, are not broken."""

import re

from docutils import nodes

# Numbers with what joins them, and perhaps one word: "0.61 ms", "6.63, 12.95".
FIGURES = re.compile(r"(?=.*\d)[\s\d.,:;/%()=<>≤≥≈~±×÷+–−-]*[^\W\d]*[\s\d.,:;/%()–−-]*")
LONGEST = 32


def mark(app, doctree):
    for entry in doctree.findall(nodes.entry):
        text = entry.astext()
        if len(text) <= LONGEST and FIGURES.fullmatch(text):
            entry["classes"].append("figures")


def setup(app):
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True}
