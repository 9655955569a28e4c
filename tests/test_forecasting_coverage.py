"""Coverage of intervals by a table."""

import numpy as np
import pytest

from sklstm.forecasting import SeasonalNaive, backtest, coverage


def table(library, **more):
    frames = pytest.importorskip(library)
    columns = {
        "unique_id": [0] * 5,
        "y": [0.0, 1.0, 2.0, 3.0, np.nan],
        "a-lo-80": [0.0, 0.0, 3.0, 3.5, 0.0],
        "a-hi-80": [1.0, 1.0, 4.0, 4.0, 9.0],
        "a": [0.0] * 5,
        "my-lo-net-lo-99.5": [-9.0] * 5,
        "my-lo-net-hi-99.5": [9.0] * 5,
        "b-lo-50": [0.0] * 5,
        **more,
    }
    return frames.DataFrame(columns)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_by_hand(library):
    found = coverage(table(library))
    assert type(found) is type(table(library))
    assert list(found.columns) == ["forecaster", "level", "coverage", "width", "n"]
    assert list(found["forecaster"]) == ["a", "my-lo-net"]
    assert list(found["level"]) == [80.0, 99.5]
    assert list(found["coverage"]) == [50.0, 100.0]
    assert list(found["width"]) == [0.875, 18.0]
    assert list(found["n"]) == [4, 4]
    assert list(coverage(table(library), level=80)["forecaster"]) == ["a"]
    assert list(coverage(table(library), level=99.5)["level"]) == [99.5]


def test_no_value_has_come():
    (row,) = coverage(table("pandas", y=[np.nan] * 5), level=80).to_dict("records")
    assert np.isnan(row["coverage"]) and np.isnan(row["width"]) and row["n"] == 0


def test_of_a_backtest():
    pytest.importorskip("pandas")
    X = np.random.default_rng(0).standard_normal((2000, 12)).cumsum(axis=1)
    models = {
        "a": SeasonalNaive(4, quantile=[0.25, 0.75]).fit(X),
        "b": SeasonalNaive(4, quantile=[0.05, 0.1, 0.9, 0.95]).fit(X),
    }
    found = coverage(backtest(models, X))
    assert found["forecaster"].tolist() == ["a", "b", "b"]
    assert found["level"].tolist() == [50, 90, 80]
    # of few errors each, so that less is covered
    assert (found["coverage"] - [47, 85, 75]).abs().max() < 4
    assert found["n"].tolist() == [8000] * 3


def test_what_is_no_table():
    with pytest.raises(TypeError, match="Expected a table .* got ndarray"):
        coverage(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="no column 'y' among"):
        coverage(table("pandas").drop(columns="y"))
    with pytest.raises(ValueError, match="no pair of columns .* of level=50"):
        coverage(table("pandas"), level=50)
    with pytest.raises(ValueError, match="'<name>-hi-<level>' among"):
        coverage(table("pandas")[["y", "a", "b-lo-50"]])
