"""What a person sees first: README, first page of the documentation, their figures."""

import ast
import re
import sys
import textwrap
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import sklstm

ROOT = Path(__file__).parents[1]
if not (ROOT / "README.md").exists():
    pytest.skip("needs the files beside the tests", allow_module_level=True)
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_PAGE = (ROOT / "docs" / "index.rst").read_text(encoding="utf-8")
PERFORMANCE = ROOT / "docs" / "performance"

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^]]*\]\(([^)\s]+)\)")
FIRST, *TASKS = FENCE.findall(README)
ESTIMATORS = {name for name in sklstm.__all__ if hasattr(getattr(sklstm, name), "fit")}


def run(code):
    """The names that a block makes, and the value of its last line."""
    np.random.seed(0)
    *before, last = ast.parse(code).body
    names = {}
    exec(compile(ast.Module(before, []), "README.md", "exec"), names)
    return names, eval(compile(ast.Expression(last.value), "README.md", "eval"), names)


# ---- code --------------------------------------------------------------------------


def first_page_block():
    """The one block of Python on the first page."""
    (block,) = re.findall(
        r"^\.\. code-block:: python\n\n((?: {3}.*\n|\n)+)", FIRST_PAGE, re.M
    )
    return textwrap.dedent(block)


@pytest.mark.parametrize("code", [FIRST, first_page_block()], ids=["README", "index"])
def test_the_first_block(code, capsys):
    """Eight lines, imports included, and what they print is what is said."""
    assert len([line for line in code.splitlines() if line]) == 8
    run(code)
    (accuracy,) = capsys.readouterr().out.split()
    assert f"{float(accuracy):.3f}" == "0.973"
    assert "It prints 0.973," in README and "It prints 0.973," in FIRST_PAGE


def probabilities(names, value):
    assert value.shape == (3, 9)
    assert_allclose(value.sum(axis=1), 1)


def ordered_quantiles(names, value):
    assert value.shape == (3, 3)
    assert (np.diff(value, axis=1) > 0).all()


def learnt_tags(names, value):
    assert [list(tags) for tags in value] == [["O", "LOC", "O", "O", "PER"]]


def a_day_with_intervals(names, value):
    assert value.shape == (1, 24, 3)
    assert (np.diff(value, axis=2) > 0).all()


def outliers(names, value):
    """More of them of the speaker that it does not know."""
    known = names["model"].predict(names["X"][names["y"] < 9])
    assert (value == -1).mean() > (known == -1).mean()


def phones(names, value):
    (answer,) = value
    assert set(answer) <= set(sum(names["y"], []))
    assert {"S", "N"} < set(answer)


def right_transcripts(names, value):
    assert_array_equal(value, names["y"][:3])


def a_text(names, value):
    (text,) = value
    assert len(text) == 40 or "".join(text).startswith("To be")


def frames(names, value):
    assert value.shape == (3, 2, 8, 8)
    assert names["model"].score(names["X"]) > 0


EXPECTED = {
    "LSTMClassifier": probabilities,
    "LSTMRegressor": ordered_quantiles,
    "LSTMTagger": learnt_tags,
    "LSTMForecaster": a_day_with_intervals,
    "LSTMAnomalyDetector": outliers,
    "LSTMSeq2Seq": phones,
    "LSTMTranscriber": right_transcripts,
    "LSTMLanguageModel": a_text,
    "ConvLSTMForecaster": frames,
}


@pytest.mark.parametrize("k", range(len(EXPECTED)), ids=EXPECTED)
def test_a_task(k):
    assert len(TASKS) == len(EXPECTED)
    (name, expected), code = list(EXPECTED.items())[k], TASKS[k]
    assert name in code
    expected(*run(code))


@pytest.mark.parametrize("page", [README, FIRST_PAGE], ids=["README", "index"])
def test_every_estimator_has_a_task(page):
    """GRU and RNN stand beside the LSTM without their full names on the site."""
    missing = {name for name in ESTIMATORS if name not in page}
    if page is FIRST_PAGE:
        missing = {name for name in missing if not name.startswith(("GRU", "RNN"))}
    assert not missing


@pytest.mark.parametrize("end", ["quickstart.py", "pytest -n auto"])
def test_the_two_commands(end):
    """.ci/run takes them from here, by their form."""
    assert len(re.findall(rf"^    python3 -m venv .*{end}$", README, re.MULTILINE)) == 1


@pytest.mark.parametrize("page", [README, FIRST_PAGE], ids=["README", "index"])
def test_whether_it_is_released(page):
    """Until 0.1 is out no page says that pip alone would find it."""
    unreleased = sklstm.__version__.startswith("0.1.0.dev")
    assert ("which is not out yet" in page) == unreleased


# ---- links -------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "docs/performance/README.md"])
def test_relative_links_lead_somewhere(page):
    targets = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(targets) > 10
    for target in targets:
        path, _, _ = target.partition("#")
        if not re.match("https?:", target) and path:
            assert (ROOT / page).parent.joinpath(path).exists(), target


def test_the_package_index_gets_absolute_links():
    """Pictures and links of the README as the built metadata have them."""
    built = metadata.metadata("sklstm")
    text = built.get("Description") or built.get_payload()
    if not text:
        pytest.skip("this installation has no description")
    ours, theirs = LINK.findall(README), LINK.findall(text)
    assert len(theirs) == len(ours)
    for before, after in zip(ours, theirs, strict=True):
        if re.match("https?:|#", before):
            assert after == before
            continue
        picture = before.endswith((".svg", ".png"))
        host = "raw.githubusercontent.com" if picture else "github.com"
        assert after.startswith(f"https://{host}/")
        assert after.endswith(f"/{before}")
    assert FENCE.findall(text) == FENCE.findall(README)


# ---- figures -----------------------------------------------------------------------


def headline():
    folder = str(ROOT / "benchmarks")
    if not (ROOT / "benchmarks" / "headline.py").exists():
        pytest.skip("needs benchmarks/ beside the tests")
    sys.path.append(folder)
    import headline

    sys.path.remove(folder)
    return headline


def printed(text):
    """Tables of a page: lists of rows of texts."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    rows = [table.splitlines() for table in found]
    return [
        [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *body)]
        for head, _, *body in rows
    ]


def test_headline_tables_are_those_of_the_machines():
    cpu, gpu, three = headline().tables()
    assert printed(README) == [cpu, gpu]
    page = (PERFORMANCE / "README.md").read_text(encoding="utf-8")
    tables = printed(page)
    assert tables[:2] == [cpu, gpu] and three in tables


def test_text_answers_and_transcripts():
    """Each row is one of the table that it links to, on two threads."""
    page = (PERFORMANCE / "README.md").read_text(encoding="utf-8")
    _, _, section = page.partition("\n## Text, answers, transcripts\n")
    (_, *rows), *_ = printed(section)
    assert len(rows) == 7
    for work, ours, theirs, ratio in rows:
        (link,) = LINK.findall(work)
        measured = [
            (row[2].split()[0], row[3].split()[0], row[4])
            for table in printed((PERFORMANCE / link).read_text(encoding="utf-8"))
            for row in table
            if len(row) > 4 and row[1] == "2"
        ]
        assert (ours, theirs, ratio) in measured


def test_headline_ratios():
    """Of two figures of one machine and one run each, worked again."""
    cpu, gpu, _ = headline().tables()
    for _, ours, theirs, ratio, keras, keras_ratio, *_ in cpu[1:]:
        assert_allclose(float(theirs) / float(ours), float(ratio), rtol=0.01)
        if keras != "–":  # beside an epoch of its own, without the set-up of a fit
            assert_allclose(float(keras) / float(ours), float(keras_ratio), rtol=0.15)
    for _, ours, theirs, ratio, *_ in gpu[1:]:
        theirs, ratio = (
            [float(x) for x in text.split() if x != "to"] for text in (theirs, ratio)
        )
        assert_allclose(ratio, np.array(theirs) / float(ours), rtol=0.05)


@pytest.mark.parametrize("name", ["epochs_cpu", "epochs_gpu"])
def test_the_charts_show_the_tables(name):
    """Text is text in them, so that it can be read here too."""
    epochs = list(getattr(headline(), name.replace("epochs", "on"))())
    assert len(epochs) == 8
    svg = (PERFORMANCE / f"{name}.svg").read_text(encoding="utf-8")
    shown = re.findall(r">([^<>]+)</text>", svg)
    for epoch in epochs:
        for ms in (epoch.sklstm, *(ms for ms, _ in epoch.peers.values())):
            text = " to ".join(f"{float(x):.3g}" for x in ms.split(" to "))
            assert text in shown
        assert f"{epoch.units} units" in shown
