"""The diagram of estimators in a notebook: links to pages, and what parameters mean."""

import inspect
import re
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

import sklstm
import sklstm.forecasting
import sklstm.preprocessing
import sklstm.utils
from sklstm._sklearn.private import PAGES

MODULES = sklstm, sklstm.preprocessing, sklstm.forecasting, sklstm.utils
ESTIMATORS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if inspect.isclass(getattr(module, name))
    and issubclass(getattr(module, name), BaseEstimator)
}
every_estimator = pytest.mark.parametrize("name", ESTIMATORS)
# What must be passed to a constructor.
GIVEN = {
    "sklstm.preprocessing.TimeDistributed": StandardScaler,
    "sklstm.utils.PyODAdapter": sklstm.LSTMAnomalyDetector,
}
has_tooltips = pytest.mark.skipif(
    find_spec("sklearn.callback") is None,
    reason="scikit-learn 1.8 has none",
)


def made(name):
    return ESTIMATORS[name](*(make() for make in [GIVEN.get(name)] if make))


class Diagram(HTMLParser):
    """Links to pages, and of parameters with what they say."""

    def __init__(self, text):
        super().__init__()
        self.pages, self.parameters, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("br", "input"):
            return
        attrs = dict(attrs)
        self.open.append(attrs.get("class", ""))
        if tag == "a" and self.open[-1].startswith("sk-estimator-doc-link"):
            self.pages.append(attrs["href"])
        elif tag == "a" and "href" in attrs and self.open[-1] == "param-doc-link":
            self.parameters.append([attrs["href"], "", ""])

    def handle_endtag(self, tag):
        if self.open:  # scikit-learn closes more than it has opened
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "param-doc-link":
            self.parameters[-1][1] += data.strip()
        if self.open and self.open[-1] == "param-doc-description":
            self.parameters[-1][2] += f"{data.strip()}\n"


def page_of(name):
    return f"{PAGES}/api/generated/{name}.html"


def test_the_estimators():
    assert len(ESTIMATORS) == 23


def test_where_the_pages_are():
    version = "dev" if ".dev" in sklstm.__version__ else "stable"
    assert PAGES == f"https://sklstm.github.io/sklstm/{version}"


def test_the_address_is_that_of_the_project():
    project = Path(__file__).parents[1] / "pyproject.toml"
    if not project.exists():
        pytest.skip("needs the source tree")
    site, _ = PAGES.rsplit("/", 1)
    (url,) = re.findall(r'^Documentation = "(.*?)/?"', project.read_text(), flags=re.M)
    assert url == site


@every_estimator
def test_link_of_every_estimator(name):
    assert made(name)._get_doc_link() == page_of(name)


@every_estimator
def test_the_api_lists_what_is_linked(name):
    index = Path(__file__).parents[1] / "docs" / "api"
    if not index.exists():
        pytest.skip("needs the source tree")
    text = "\n".join(page.read_text() for page in index.glob("*.rst"))
    assert re.search(rf"^   {name.rsplit('.')[-1]}$", text, flags=re.M)


@every_estimator
def test_diagram_links_to_the_page(name):
    inner = [f"sklstm.{GIVEN[name].__name__}"] if "PyOD" in name else []
    pages = Diagram(estimator_html_repr(made(name))).pages
    assert pages[0] == page_of(name)
    assert pages[1:] == [page_of(one) for one in inner] or name in GIVEN


@has_tooltips
@every_estimator
def test_every_parameter_has_a_link_and_a_tooltip(name):
    model = made(name)
    parameters = Diagram(estimator_html_repr(model)).parameters
    own = [p for p in parameters if p[0].startswith(f"{page_of(name)}#")]
    assert sorted(p[1] for p in own) == sorted(model.get_params(deep=False))
    for link, parameter, tooltip in own:
        check_entry(type(model), link, parameter, tooltip)


def check_entry(cls, link, parameter, tooltip):
    """The link goes to the entry of this one, and the tooltip is this entry."""
    entry = re.search(
        rf"^{parameter} : (.+)\n((?:    .*\n|\n)+)", cls.__doc__ + "\n", flags=re.M
    ) or re.search(
        rf"^{parameter} : (.+)\n((?:    .*\n|\n)+)",
        inspect.getdoc(cls) + "\n",
        flags=re.M,
    )
    of_type = entry[1].replace("`", "")
    assert link.endswith(f"#:~:text={quote(parameter)},-{quote(of_type)}")
    words = tooltip.split()
    assert words == f"{parameter}: {entry[1]} {entry[2]}".split()
    assert len(words) > 5


@has_tooltips
def test_diagram_of_a_fitted_pipeline():
    X = np.random.default_rng(0).standard_normal((4, 6, 1))
    model = make_pipeline(
        sklstm.preprocessing.TimeDistributed(StandardScaler()),
        sklstm.preprocessing.FrameStacker(2),
        sklstm.LSTMClassifier(3, max_iter=500, solver="lbfgs"),
    )
    model.fit(X, [0, 1, 0, 1])
    diagram = Diagram(estimator_html_repr(model))
    for name in ("preprocessing.TimeDistributed", "preprocessing.FrameStacker",
                 "LSTMClassifier"):  # fmt: skip
        assert page_of(f"sklstm.{name}") in diagram.pages
    for step in model:
        page = page_of(f"{type(step).__module__}.{type(step).__name__}")
        found = [p for p in diagram.parameters if p[0].startswith(f"{page}#")]
        fitted = {
            name
            for name, _ in inspect.getmembers(step)
            if name.endswith("_") and not name.startswith("_")
        }
        assert fitted
        expected = {*step.get_params(deep=False), *fitted}
        assert {p[1] for p in found} == expected
        for entry in found:
            check_entry(type(step), *entry)


def test_estimators_of_others_have_no_page():
    class Own(sklstm.LSTMClassifier):
        pass

    assert Own()._get_doc_link() == ""


def test_names_and_values_are_escaped():
    evil = "<script>alert('x')</script>"
    text = estimator_html_repr(sklstm.LSTMClassifier(solver=evil))
    assert evil not in text
    assert "&lt;script&gt;" in text
