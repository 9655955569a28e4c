"""Weights, options and estimators that are refused on the way in or out."""

import numpy as np
import pytest
from export_cases import (
    LABELS,
    NUMBERS,
    SMALL,
    X,
    changed,
    in_keras,
    state_dict_of,
    zeros,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNRegressor,
)
from sklstm.export import from_keras, from_torch, to_keras, to_torch
from sklstm.preprocessing import FrameStacker

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WRONG_STATE_DICTS = {
    "units": (
        state_dict_of(3),
        LSTMClassifier(8),
        r"of hidden_layer_sizes=\(4,\), bidirectional=False, .*=\(8,\), bidir.*Pass "
        r"LSTMClassifier\(hidden_layer_sizes=4, bidirectional=False\)",
    ),
    "directions": (
        state_dict_of(3),
        LSTMClassifier(4, bidirectional=True),
        "Pass LSTM",
    ),
    "family": (
        state_dict_of(3),
        GRUClassifier(4),
        r"lstm.weight_hh_l0 has shape \(16, 4\): 4 units with 4 gates, so the network "
        r"is an LSTM \(4\). GRUClassifier is a GRU \(3\)",
    ),
    "no gates": (
        changed(**{"lstm.weight_hh_l0": zeros(10, 4)}),
        LSTMClassifier(4),
        r"lstm.weight_hh_l0 has shape \(10, 4\), .*with 4, 3 or 1 gates",
    ),
    "input matrix": (
        changed(**{"lstm.weight_ih_l0": zeros(12, 3)}),
        LSTMClassifier(4),
        r"lstm.weight_ih_l0 has shape \(12, 3\), but .* must have \(16, 3\)",
    ),
    "vector": (
        changed(**{"lstm.weight_ih_l0": zeros(16)}),
        LSTMClassifier(4),
        r"lstm.weight_ih_l0 has shape \(16,\)",
    ),
    "bias": (
        changed(**{"lstm.bias_hh_l0": zeros(4)}),
        LSTMClassifier(4),
        r"lstm.bias_hh_l0 has shape \(4,\), but .* must have \(16,\)",
    ),
    "missing bias": (
        changed(remove=["lstm.bias_hh_l0"]),
        LSTMClassifier(4),
        "'lstm.weight_ih_l0' but no bias_hh beside it",
    ),
    "missing direction": (
        changed(**{"lstm.weight_hh_l0_reverse": zeros(16, 4)}),
        LSTMClassifier(4, bidirectional=True),
        "no weight_ih_reverse beside it",
    ),
    "missing layer": (
        changed(**{"lstm.weight_ih_l2": zeros(16, 4)}),
        LSTMClassifier(4),
        "no 'lstm.weight_ih_l1', but layers above it",
    ),
    "no layers": (
        {"head.weight": zeros(3, 4)},
        LSTMClassifier(4),
        "no recurrent layer",
    ),
    "no head": (
        changed(remove=["head.weight", "head.bias"]),
        LSTMClassifier(4),
        "no linear layer for the head",
    ),
    "two heads": (
        changed(**{"other.weight": zeros(2, 4)}),
        LSTMClassifier(4),
        "linear layers at 'head', 'other'",
    ),
    "head": (
        changed(**{"head.weight": zeros(3, 8)}),
        LSTMClassifier(4),
        r"head.weight has shape \(3, 8\), but a head that reads 4 hidden states must "
        r"have \(3, 4\)",
    ),
    "bias of head": (
        changed(**{"head.bias": zeros(2)}),
        LSTMClassifier(4),
        r"head.bias has shape \(2,\)",
    ),
    "left over": (
        changed(**{"norm.weight": zeros(4), "norm.bias": zeros(4)}),
        LSTMClassifier(4),
        "'norm.weight', 'norm.bias', which have no place in LSTMClassifier",
    ),
    "projection": (
        changed(**{"lstm.weight_hr_l0": zeros(2, 4)}),
        LSTMClassifier(4),
        "lstm.weight_hr_l0 is a projection",
    ),
    "two modules": (
        changed(**{"more.weight_hh_l0": zeros(16, 4)}),
        LSTMClassifier(4),
        r"recurrent layers at 'lstm', 'more'. Say which are stacked",
    ),
    "NaN": (
        changed(**{"lstm.bias_ih_l0": np.full(16, np.nan)}),
        LSTMClassifier(4),
        "lstm.bias_ih_l0 holds NaN",
    ),
    "too large": (
        changed(**{"lstm.bias_ih_l0": np.full(16, 1e300)}),
        LSTMClassifier(4),
        "too large for dtype='float32'",
    ),
    "odd indicators": (
        state_dict_of(3),
        LSTMClassifier(4, missing="indicator"),
        "reads 3 features, but with missing='indicator'",
    ),
    "peephole": (
        state_dict_of(3),
        LSTMClassifier(4, peephole=True),
        "'lstm.weight_ih_l0' but no peephole beside it",
    ),
    "attention": (
        state_dict_of(3),
        LSTMClassifier(4, pooling="attention"),
        "holds no 'attention', but LSTMClassifier has pooling='attention'",
    ),
    "quantiles": (
        state_dict_of(3),
        LSTMRegressor(4, loss="quantile", quantile=[0.1, 0.9]),
        r"quantile=\[0.1, 0.9\]: its outputs are increments",
    ),
    "parameter": (
        state_dict_of(3),
        LSTMClassifier(4, dropout=2),
        "'dropout' parameter",
    ),
}


@pytest.mark.parametrize("case", WRONG_STATE_DICTS)
def test_wrong_state_dicts(case):
    state_dict, estimator, message = WRONG_STATE_DICTS[case]
    with pytest.raises(ValueError, match=message):
        from_torch(state_dict, estimator)


def keras_weights(*shapes):
    return [np.zeros(shape) for shape in shapes]


ONE_LSTM = (3, 16), (4, 16), (16,), (4, 2), (2,)
WRONG_WEIGHTS = {
    "number": (ONE_LSTM[:-1], LSTMRegressor(4), r"holds 4 arrays, of shapes \(3, 16\)"),
    "two layers": (ONE_LSTM, LSTMRegressor((4, 4)), "has 8: kernel, recurrent kernel"),
    "units": (ONE_LSTM, LSTMRegressor(8), r"LSTMRegressor\(hidden_layer_sizes=4,"),
    "family": (ONE_LSTM, RNNRegressor(4), r"weights\[1\] .* is an LSTM \(4\)"),
    "kernel": (
        ((3, 12), *ONE_LSTM[1:]),
        LSTMRegressor(4),
        r"weights\[0\] has shape \(3, 12\), but the kernel .* must have \(3, 16\)",
    ),
    "bias": (
        (*ONE_LSTM[:2], (4,), *ONE_LSTM[3:]),
        LSTMRegressor(4),
        r"weights\[2\] has shape \(4,\)",
    ),
    "dense": (
        (*ONE_LSTM[:3], (5, 2), (2,)),
        LSTMRegressor(4),
        r"weights\[3\] has shape \(5, 2\), but .* must have \(4, 2\)",
    ),
    "bias of dense": (
        (*ONE_LSTM[:3], (4, 2), (3,)),
        LSTMRegressor(4),
        r"weights\[4\] has shape \(3,\)",
    ),
    "directions": (
        (*ONE_LSTM[:3], (3, 20), (5, 20), (20,), (9, 2), (2,)),
        LSTMRegressor(4, bidirectional=True),
        r"directions of a layer differ in their units: \[4, 5\]",
    ),
    "reset_after": (
        ((3, 12), (4, 12), (12,), (4, 2), (2,)),
        GRURegressor(4),
        r"weights\[2\] has shape \(12,\).*reset_after=True",
    ),
    "peephole": (ONE_LSTM, LSTMRegressor(4, peephole=True), "Keras has not peepholes"),
    # its kernel and bias are no mean and scale of targets
    "two dense": (ONE_LSTM + ((2, 1), (1,)), LSTMRegressor(4), "holds 7 arrays"),
    "two dense of a classifier": (
        ONE_LSTM + ((2, 3), (3,)),
        LSTMClassifier(4),
        "holds 7 arrays",
    ),
    "two dense of one unit": (
        (*ONE_LSTM[:3], (4, 1), (1,), (1, 1), (1,)),
        LSTMRegressor(4),
        "holds 7 arrays",
    ),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_keras_weights(case):
    shapes, estimator, message = WRONG_WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        from_keras(keras_weights(*shapes), estimator)


WRONG_OPTIONS = {
    "too few": (
        LSTMClassifier,
        {"classes": ["a", "b"]},
        "has 2 labels, .* has 3 out",
    ),
    "one": (LSTMClassifier, {"classes": ["a"]}, "classes has 1 label"),
    "twice": (LSTMClassifier, {"classes": ["a", "b", "a"]}, "holds a label twice"),
    "mixed": (
        LSTMClassifier,
        {"classes": [None, "b", 3]},
        "not a 1-D array of labels",
    ),
    "continuous": (LSTMClassifier, {"classes": [0.5, 1.5, 2]}, "Unknown label type"),
    "multilabel": (
        LSTMClassifier,
        {"multilabel": True, "classes": [0, 1, 2]},
        "multilabel=True needs",
    ),
    "units": (LSTMClassifier, {"target_mean": 1.0}, "LSTMClassifier is a classifier"),
    "classes": (LSTMRegressor, {"classes": [0, 1, 2]}, "LSTMRegressor is a regressor"),
    "shape": (LSTMRegressor, {"target_mean": [1, 2]}, r"target_mean has shape \(2,\)"),
    "scale": (
        LSTMRegressor,
        {"target_scale": [1, 2, 0]},
        "scale must be positive",
    ),
    "mean": (LSTMRegressor, {"target_mean": np.inf}, "target_mean must be numbers"),
    "scale of text": (
        LSTMRegressor,
        {"target_scale": "three"},
        "target_scale must be positive numbers, got 'three'",
    ),
    "ragged mean": (
        LSTMRegressor,
        {"target_mean": [1, [2, 3]]},
        "target_mean must be numbers",
    ),
    "recurrent": (LSTMRegressor, {"recurrent": "gru"}, "at 'gru', but at 'lstm'"),
    "recurrent twice": (
        LSTMRegressor,
        {"recurrent": ["lstm", "lstm"]},
        r"recurrent=\['lstm', 'lstm'\] holds 'lstm' twice",
    ),
    "head": (
        LSTMRegressor,
        {"head": "fc"},
        "no 'fc.weight' in state_dict",
    ),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options(case):
    estimator, options, message = WRONG_OPTIONS[case]
    with pytest.raises(ValueError, match=message):
        from_torch(state_dict_of(3), estimator(4), **options)


def test_units_for_counts():
    with pytest.raises(ValueError, match="loss='poisson' does not standardise"):
        from_torch(state_dict_of(1), LSTMRegressor(4, loss="poisson"), target_scale=2)


def test_wrong_types():
    state_dict = state_dict_of(3)
    with pytest.raises(TypeError, match="state_dict must be a mapping.*got list"):
        from_torch(list(state_dict), LSTMClassifier(4))
    with pytest.raises(TypeError, match="weights must be a list of arrays, got dict"):
        from_keras(state_dict, LSTMClassifier(4))
    with pytest.raises(TypeError, match="head.bias holds complex128"):
        from_torch(changed(**{"head.bias": 1j * zeros(3)}), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"got LSTMClassifier. Pass an instance"):
        from_torch(state_dict, LSTMClassifier)
    pipeline = make_pipeline(FrameStacker(2), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"got Pipeline. Pass its last step"):
        from_torch(state_dict, pipeline)
    with pytest.raises(TypeError, match=r"got GridSearchCV. Pass its best_estimator_"):
        search = GridSearchCV(LSTMClassifier(2, **SMALL), {"alpha": [0.1]}, cv=2)
        to_torch(search.fit(X, LABELS))


@pytest.mark.parametrize("path", [3, ["lstm"], {"lstm": 0}, b"lstm", np.nan, len])
@pytest.mark.parametrize("name", ["recurrent", "head"])
def test_a_path_is_a_string(name, path):
    model = LSTMClassifier(4, **SMALL).fit(X, LABELS)
    with pytest.raises(TypeError, match=f"{name}=.* is no path.*'encoder.lstm'"):
        to_torch(model, **{name: path})


@in_keras
def test_models_instead_of_their_weights(torch, keras):
    with pytest.raises(TypeError, match=r"Pass model.state_dict\(\)"):
        from_torch(torch.nn.LSTM(3, 4), LSTMClassifier(4))
    with pytest.raises(TypeError, match=r"Pass model.get_weights\(\)"):
        from_keras(keras.layers.LSTM(4), LSTMClassifier(4))


NO_COUNTERPART = {
    "peephole": LSTMRegressor(4, peephole=True, **SMALL),
    "attention": GRURegressor(4, pooling="attention", **SMALL),
    "quantile": RNNRegressor(4, loss="quantile", quantile=[0.1, 0.9], **SMALL),
}


@pytest.mark.parametrize("case", NO_COUNTERPART)
@pytest.mark.parametrize("export", [to_torch, to_keras])
def test_what_has_no_counterpart(case, export):
    model = clone(NO_COUNTERPART[case])
    with pytest.raises(NotFittedError):
        export(model)
    model.fit(X, NUMBERS)
    with pytest.raises(ValueError, match=case):
        export(model)


def test_the_fitted_network_counts_and_not_the_parameters():
    model = LSTMRegressor(4, **SMALL).fit(X, NUMBERS)
    expected = to_torch(model)
    model.set_params(hidden_layer_sizes=9, peephole=True, dtype="float64")
    for name, value in to_torch(model).items():
        assert_array_equal(value, expected[name])
        assert value.dtype == np.float32
