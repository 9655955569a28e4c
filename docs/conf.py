"""Sphinx configuration. The build needs no network, and neither do the pages."""

import os
import re
import sys
import warnings
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sklearn.exceptions import ConvergenceWarning
from sphinx.addnodes import pending_xref
from sphinx.ext.autosummary import autosummary_table
from sphinx.util.logging import getLogger
from sphinx_gallery.sorting import FunctionSortKey

import sklstm

sys.path.insert(0, str(Path(__file__).parent))  # for animations.py

project = "sklstm"
author = "the sklstm developers"
copyright = "the sklstm developers, BSD-3-Clause"
version = release = sklstm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]

root_doc = "index"
exclude_patterns = ["README.md", "examples/*", "**/GALLERY_HEADER.rst", "_build"]
templates_path = ["_templates"]
nitpicky = True
# Objects of other projects: their pages are linked with SKLSTM_DOCS_INTERSPHINX=1,
# which needs the network; without it their names are text.
OTHERS = (
    "aeon awkward cloudpickle collections dask distributed joblib keras matplotlib "
    "numpy onnx onnxruntime pandas pickle polars pyarrow scipy skl2onnx sklearn skops "
    "skorch sktime threadpoolctl torch"
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({OTHERS.replace(' ', '|')})(\..*)?"),
    (r"py:exc", r"\w+(Error|Warning)"),
]
if os.environ.get("SKLSTM_DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "joblib": ("https://joblib.readthedocs.io/en/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
    }

# API pages: numpydoc's tables of methods and attributes, then every method.
autosummary_generate = True
autosummary_imported_members = True
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_class_members_toctree = False
numpydoc_attributes_as_param_list = True
# Quotes stay as they are: links of diagrams look for the words of a parameter's type.
smartquotes_action = "De"

myst_heading_anchors = 3
# Tables that a script prints begin at the level of its report.
suppress_warnings = ["myst.header"]

# The gallery from the first look to the details.
EXAMPLES = [
    "plot_classify_speakers.py",
    "plot_forecast_air_quality.py",
    "plot_future_covariates.py",
    "plot_forecast_intervals.py",
    "plot_many_series.py",
    "plot_quantile_forecast.py",
    "plot_rain.py",
    "plot_moving_digits.py",
    "plot_entities.py",
    "plot_activity.py",
    "plot_digits_from_sound.py",
    "plot_machine_fleet.py",
    "plot_online_alarms.py",
    "plot_text.py",
    "plot_shakespeare.py",
    "plot_spelling_to_sound.py",
    "plot_music.py",
    "plot_missing_values.py",
    "plot_grid_search.py",
    "plot_learning_curves.py",
    "plot_loss_curves.py",
    "plot_streaming.py",
    "plot_gates_over_time.py",
    "plot_permutation_importance.py",
    "plot_vanishing_gradients.py",
]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(quickstart|__init__)\.py",
    "within_subsection_order": FunctionSortKey(EXAMPLES.index, "by hand"),
    "backreferences_dir": "api/backreferences",
    "doc_module": ("sklstm",),
    "reference_url": {"sklstm": None},
    "image_scrapers": ("animations.scraper",),
    "matplotlib_animations": False,
    "show_memory": False,
    "min_reported_time": 0,
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "copyfile_regex": r".*\.svg",
}
# In an example such a warning is a mistake of the example.
for category in (ConvergenceWarning, FutureWarning, RuntimeWarning):
    warnings.simplefilter("error", category)

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "sklstm"
html_static_path = ["_static"]
html_css_files = ["sklstm.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {page: [] for page in ("index", "install", "changelog")}
html_theme_options = {
    "logo": {"text": f"sklstm {version}"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "github-dark",
}


# ---- mathematics without a script ----------------------------------------------------
# docutils turns LaTeX into MathML, which browsers show without MathJax and its server.


def _mathml(translator, node, block):
    try:
        translator.body.append(tex2mathml(node.astext(), as_block=block))
    except MathError as error:
        page = translator.builder.current_docname
        getLogger(__name__).warning("%s in %s", error, node.astext(), location=page)
    raise nodes.SkipNode


def _inline_math(translator, node):
    _mathml(translator, node, block=False)


def _display_math(translator, node):
    translator.body.append('<div class="equation">')
    try:
        _mathml(translator, node, block=True)
    finally:
        translator.body.append("</div>\n")


# ---- text that comes from elsewhere --------------------------------------------------


SCIKIT_LEARN = "https://scikit-learn.org/stable"
PAGES = {
    "accuracy_score": "modules/model_evaluation.html#accuracy-score",
    "df_output_transform": "modules/df_output_transform.html",
    "metadata_routing": "metadata_routing.html",
    "r2_score": "modules/model_evaluation.html#r2-score",
}


def _scikit_learn_links(app, what, name, obj, options, lines):
    """References of inherited docstrings within scikit-learn's documentation: links to
    the pages that are known, otherwise text."""
    if not (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        return

    def link(match):
        text, page = match[1].strip(), PAGES.get(match[2])
        return f"`{text} <{SCIKIT_LEARN}/{page}>`__" if page else text

    for i, line in enumerate(lines):
        line = re.sub(r":(?:ref|term):`([^<`]+) <([^>]+)>`", link, line)
        line = re.sub(r":ref:`(sphx_glr_[^<`]+)`", "scikit-learn's gallery", line)
        lines[i] = re.sub(r":term:`([^<`]+)`", r"\1", line)


def _literal_attributes(app, what, name, obj, options, lines):
    """``n_outputs_`` in a type is an attribute, not reStructuredText's reference."""
    for i, line in enumerate(lines):
        if re.match(r"\s*\w+ : ", line):
            lines[i] = re.sub(r"(?<=[(, ])(\w+_)(?=[,)])", r"``\1``", line)


def _no_citations_in_tables(app, doctree):
    """Summaries in tables of names, without what they cite."""
    for table in doctree.findall(autosummary_table):
        for paragraph in table.findall(nodes.paragraph):
            citations = [
                node
                for node in paragraph.children
                if isinstance(node, pending_xref) and node["refdomain"] == "citation"
            ]
            if citations:
                for node in citations:
                    paragraph.remove(node)
                text = re.sub(r"[\s,]+\.$", ".", paragraph.astext())
                paragraph.children = []
                paragraph += nodes.Text(text)


def _same_class(app, env, node, contnode):
    """The container under its other name."""
    target, also = node.get("reftarget", ""), "sklstm.sequences.SequenceArray"
    if node.get("refdomain") == "py" and target.startswith(also):
        return env.domains["py"].resolve_xref(
            env,
            node["refdoc"],
            app.builder,
            node["reftype"],
            target.replace(also, "sklstm.SequenceArray"),
            node,
            contnode,
        )


def _repository_links(app, docname, source):
    """Links that are right in the repository, to where the page is on the site."""
    if docname == "performance/README":
        source[0] = source[0].replace("../../benchmarks/README.md", "benchmarks.md")


def setup(app):
    app.add_html_math_renderer("mathml", (_inline_math, None), (_display_math, None))
    # before numpydoc takes the docstrings apart
    app.connect("autodoc-process-docstring", _literal_attributes, priority=100)
    app.connect("autodoc-process-docstring", _scikit_learn_links, priority=100)
    app.connect("doctree-read", _no_citations_in_tables)
    app.connect("missing-reference", _same_class)
    app.connect("source-read", _repository_links)


html_math_renderer = "mathml"
