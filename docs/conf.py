"""Sphinx configuration. The build needs no network, and neither do the pages."""

import re
import sys
import tomllib
import warnings
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sklearn.exceptions import ConvergenceWarning
from sphinx.addnodes import pending_xref
from sphinx.ext.autosummary import autosummary_table
from sphinx.util.logging import getLogger
from sphinx_gallery.sorting import ExplicitOrder, FunctionSortKey

import sklstm

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS / "_extensions")]

import example_tags  # noqa: E402
import other_projects  # noqa: E402
import pictures  # noqa: E402
import source_links  # noqa: E402

project = "sklstm"
author = "the sklstm developers"
copyright = "the sklstm developers, BSD-3-Clause"
version = release = sklstm.__version__
URLS = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))
URLS = URLS["project"]["urls"]
REPOSITORY, SITE = URLS["Source"], URLS["Documentation"].rstrip("/")
# Where these pages stand: a folder for each release and for what is to come.
FOLDER = "dev" if "dev" in version else version.rpartition(".")[0]

extensions = [
    "class_pages",
    "figures",
    "other_projects",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]

root_doc = "index"
exclude_patterns = ["README.md", "examples/**", "**/GALLERY_HEADER.rst", "_build"]
templates_path = ["_templates"]
nitpicky = True
# Other projects: those with an inventory are linked; names of these are text.
WITHOUT_INVENTORY = (
    "aeon awkward cloudpickle dask distributed keras onnx onnxruntime polars pyarrow "
    "skl2onnx skops skorch sktime threadpoolctl"
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({WITHOUT_INVENTORY.replace(' ', '|')})(\..*)?"),
]
intersphinx_mapping = other_projects.MAPPING
linkcode_resolve = source_links.resolver(REPOSITORY, version)

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

# The gallery: its sections, in each the examples from the first look to the details.
EXAMPLES = {
    "classification": ["classify_speakers", "grouped_recordings", "streaming"],
    "forecasting": [
        "forecast_air_quality",
        "future_covariates",
        "forecast_intervals",
        "many_series",
        "quantile_forecast",
        "missing_values",
    ],
    "steps": ["activity", "entities"],
    "text": ["text", "shakespeare", "spelling_to_sound"],
    "sound": ["digits_from_sound", "music"],
    "video": ["rain", "moving_digits"],
    "anomalies": ["machine_fleet", "online_alarms"],
    "model_selection": ["grid_search", "learning_curves", "loss_curves"],
    "inspection": ["permutation_importance", "gates_over_time", "vanishing_gradients"],
}
IN_ORDER = [f"plot_{name}.py" for names in EXAMPLES.values() for name in names]

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(quickstart|__init__)\.py",
    "subsection_order": ExplicitOrder([f"examples/{name}" for name in EXAMPLES]),
    "within_subsection_order": FunctionSortKey(IN_ORDER.index, "by hand"),
    "backreferences_dir": "api/backreferences",
    "doc_module": ("sklstm",),
    "reference_url": {"sklstm": None},
    "image_scrapers": ("pictures.scraper",),
    "reset_modules": ("matplotlib", "pictures.style"),
    "image_srcset": ["2x"],
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
html_baseurl = f"{SITE}/{FOLDER}/"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
# The address of a page that has another name now.
html_additional_pages = {"under_the_bonnet": "moved.html"}
html_context = {"moved": {"under_the_bonnet": "internals.html"}}
html_static_path = ["_static"]
html_css_files = ["sklstm.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {page: [] for page in ("index", "install", "changelog")}
html_theme_options = {
    "logo": {"text": "sklstm", "alt_text": "sklstm"},
    "icon_links": [
        {"name": "Source code", "url": REPOSITORY, "icon": "fa-brands fa-github"}
    ],
    # One file for all versions, which .ci/publish writes. Where it cannot be read, as
    # in a folder without network, the button shows the version alone.
    "switcher": {
        "json_url": f"{SITE}/switcher.json",
        "version_match": FOLDER,
    },
    "check_switcher": False,
    "show_version_warning_banner": True,
    "navbar_align": "left",
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    "header_links_before_dropdown": 8,
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


def _performance_pages(app, docname, source):
    """The pages below one of docs/performance, which reads well without them too."""
    folder, _, name = docname.rpartition("/")
    if name != "README" or not folder.startswith("performance"):
        return
    if folder == "performance":
        pages = ["*/README", "tasks", "ablation", "benchmarks"]
    else:  # of a machine
        others = app.env.found_docs - {docname}
        pages = ["*"] if any(page.startswith(f"{folder}/") for page in others) else []
    if pages:
        lines = "```{toctree}", ":hidden:", ":glob:", *pages, "```"
        source[0] += "\n" + "\n".join(lines) + "\n"


def setup(app):
    app.add_html_math_renderer("mathml", (_inline_math, None), (_display_math, None))
    # before numpydoc takes the docstrings apart
    app.connect("autodoc-process-docstring", _literal_attributes, priority=100)
    app.connect("doctree-read", _no_citations_in_tables)
    app.connect("missing-reference", _same_class)
    app.connect("source-read", _repository_links)
    app.connect("source-read", _performance_pages)
    # after sphinx-gallery has made its pages
    app.connect("builder-inited", pictures.put_cards, priority=900)
    app.connect("builder-inited", example_tags.write_page, priority=900)
    app.connect("doctree-read", example_tags.link)


html_math_renderer = "mathml"
