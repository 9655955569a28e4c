"""A part of the census of malformed input, of benchmarks/malformed.py."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not (BENCHMARKS / "malformed.py").exists():
    pytest.skip("needs benchmarks/ beside the tests", allow_module_level=True)
sys.path.append(str(BENCHMARKS))
import malformed  # noqa: E402

sys.path.remove(str(BENCHMARKS))
CASES = malformed.cases()


@pytest.mark.parametrize("part", range(8))
def test_malformed_input_is_refused(part):
    """With an error of the right kind, and an earlier fit is as before."""
    answers = {}
    for name in list(CASES)[part::40]:
        kind, said = malformed.answer(*CASES[name])
        if kind not in ("refused", "warned", "skipped"):
            answers[name] = kind, said
    assert answers == {}


def test_the_census_sees_what_is_wrong():
    def broken():
        return {}["key"]

    def spoils():
        raise SystemExit("a fit that failed has changed the model")

    def says_nothing():
        raise ValueError("3")

    assert malformed.answer(broken, "X") == ("bare error", "KeyError: 'key'")
    assert malformed.answer(spoils, "X")[0] == "changed"
    assert malformed.answer(says_nothing, "X") == ("nothing named", "ValueError: 3")
    assert malformed.answer(lambda: 1, "X") == ("accepted in silence", "")
