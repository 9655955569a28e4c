"""LSTMForecaster in the suites of scikit-learn and of sequences, and in its tools."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator
from test_forecaster import FIT, HORIZON, fitted, make_series
from test_persistence import WAYS

from sklstm import LSTMForecaster
from sklstm.utils import check_sequence_estimator

# Windows are drawn: a series of weight 2 is not the same as two series.
DRAWN = {
    f"check_sample_weight_equivalence_on_{kind}_data": "windows are drawn at random"
    for kind in ("dense", "sparse")
}


@pytest.mark.parametrize(
    "given",
    [{}, {"missing": "indicator", "quantile": [0.2, 0.8]}, {"scale": "last"}],
    ids=["plain", "missing", "last"],
)
@pytest.mark.filterwarnings("ignore")
def test_check_estimator(given):
    results = check_estimator(
        LSTMForecaster(4, max_iter=3, **given), on_skip=None, on_fail=None
    )
    failed = {
        r["check_name"]: r["exception"] for r in results if r["status"] == "failed"
    }
    for name in DRAWN:
        failed.pop(name, None)
    assert failed == {}
    passed = {r["check_name"] for r in results if r["status"] == "passed"}
    assert {
        "check_fit2d_1feature", "check_fit2d_1sample", "check_n_features_in",
        "check_methods_subset_invariance", "check_methods_sample_order_invariance",
        "check_estimators_pickle", "check_sample_weights_shape", "check_fit_idempotent",
        "check_readonly_memmap_input", "check_dict_unchanged",
    } <= passed  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_check_sequence_estimator():
    known = {
        "check_sample_weight": "windows are drawn at random",
        "check_sequences_of_no_steps": "there is nothing to forecast from",
    }
    results = check_sequence_estimator(
        LSTMForecaster(4), expected_failed_checks=known, on_fail="raise", on_skip=None
    )
    passed = [r["check_name"] for r in results if r["status"] == "passed"]
    assert len(passed) >= 10 and not set(passed) & set(known)


@pytest.mark.parametrize("way", WAYS)
def test_saved(way, tmp_path):
    cal = make_series([30] * 10, seed=2)
    X = make_series()
    for model in (
        fitted({"quantile": [0.1, 0.5, 0.9]}).calibrate(cal),
        fitted({"target": [0, 2], "missing": "ffill", "dtype": "float64"}),
    ):
        again = way(model, tmp_path)
        assert again.predict(X).tobytes() == model.predict(X).tobytes()
        assert again.get_params().keys() == model.get_params().keys()


def test_callbacks_see_the_series():
    pytest.importorskip("sklearn.callback")

    class Look:
        estimator_ = None

        def __init__(self):
            self.seen = []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **given):
            self.seen.append(given.get("X"))

        def on_fit_task_end(self, estimator, context, **given):
            return False

    look = Look()
    X = make_series()
    model = LSTMForecaster(4, **FIT)
    try:
        model.set_callbacks(look)
    except (TypeError, AttributeError) as error:
        pytest.skip(str(error))
    model.fit(X)
    assert look.seen and all(len(x) == len(X) for x in look.seen if x is not None)


def test_loss_curve_display():
    pytest.importorskip("matplotlib").use("agg")
    from sklstm.inspection import LossCurveDisplay

    display = LossCurveDisplay.from_estimator(fitted({}))
    assert len(display.ax_.lines) >= 1


@pytest.mark.parametrize("tool", ["to_onnx", "to_torch", "to_keras", "gradient_norms"])
def test_tools_that_are_for_others_say_so(tool):
    from sklstm import export, inspection

    if tool == "to_onnx":
        pytest.importorskip("onnx")
    model, X = fitted({}), make_series()
    function = getattr(export, tool, None) or getattr(inspection, tool)
    args = [model, X, [0] * len(X)][: 3 if tool == "gradient_norms" else 1]
    with pytest.raises(TypeError, match="LSTMForecaster"):
        function(*args)
    assert np.isfinite(model.predict(X)).all() and HORIZON == model.horizon
