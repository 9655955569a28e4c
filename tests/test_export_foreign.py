"""Weights from ONNX' operators, and from `weights_`: what is computed with them.

The oracle is the operator written out in NumPy, by the formulas of ONNX.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklstm import (
    GRUClassifier,
    GRURegressor,
    LSTMClassifier,
    LSTMRegressor,
    RNNClassifier,
    RNNRegressor,
)
from sklstm.export import from_keras, from_onnx, from_torch, to_keras, to_onnx, to_torch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((T, 3)) for T in (5, 1, 9, 2, 4, 7)]
LABELS = np.array(["b", "a", "c", "a", "b", "c"])
NUMBERS = 1000 + 50 * RNG.standard_normal(6)
SMALL = {"max_iter": 2, "random_state": 0}

# ---- the operators ------------------------------------------------------------------


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def operator(op, X, W, R, B, P, initial_h, initial_c, activation=np.tanh):
    """Y (T, H) and the last C of one direction over one sequence (T, F)."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    W, R, (Wb, Rb) = np.split(W, gates), np.split(R, gates), np.split(B, 2)
    Wb, Rb = np.split(Wb, gates), np.split(Rb, gates)
    H, C, Y = initial_h, initial_c, []
    for x in X:
        if op == "LSTM":
            (Wi, Wo, Wf, Wc), (Ri, Ro, Rf, Rc), (Pi, Po, Pf) = W, R, np.split(P, 3)
            (Wbi, Wbo, Wbf, Wbc), (Rbi, Rbo, Rbf, Rbc) = Wb, Rb
            i = sigmoid(x @ Wi.T + H @ Ri.T + Pi * C + Wbi + Rbi)
            f = sigmoid(x @ Wf.T + H @ Rf.T + Pf * C + Wbf + Rbf)
            C = f * C + i * np.tanh(x @ Wc.T + H @ Rc.T + Wbc + Rbc)
            H = sigmoid(x @ Wo.T + H @ Ro.T + Po * C + Wbo + Rbo) * np.tanh(C)
        elif op == "GRU":
            (Wz, Wr, Wh), (Rz, Rr, Rh) = W, R
            (Wbz, Wbr, Wbh), (Rbz, Rbr, Rbh) = Wb, Rb
            z = sigmoid(x @ Wz.T + H @ Rz.T + Wbz + Rbz)
            r = sigmoid(x @ Wr.T + H @ Rr.T + Wbr + Rbr)
            h = np.tanh(x @ Wh.T + r * (H @ Rh.T + Rbh) + Wbh)
            H = (1 - z) * h + z * H
        else:
            H = activation(x @ W[0].T + H @ R[0].T + Wb[0] + Rb[0])
        Y.append(H)
    return np.array(Y).reshape(len(X), len(initial_h)), H, C


def stack(op, layers, x, states, activation=np.tanh):
    """The last hidden states of the uppermost of several operators (D H,)."""
    place = 0
    for layer in layers:
        D, _, H = layer["R"].shape
        outputs, lasts = [], []
        for d in range(D):
            c = states["c"][place] if "c" in states else np.zeros(H)
            Y, last, _ = operator(
                op, x[::-1] if d else x, layer["W"][d], layer["R"][d], layer["B"][d],
                layer.get("P", np.zeros((D, 3 * H)))[d], states["h"][place], c,
                activation,
            )  # fmt: skip
            outputs.append(Y[::-1] if d else Y)
            lasts.append(last)
            place += 1
        x = np.hstack(outputs)
    return np.concatenate(lasts)


KINDS = {
    "LSTM": (LSTMRegressor, {}, {}),
    "peepholes": (LSTMRegressor, {"peephole": True}, {}),
    "GRU": (GRURegressor, {}, {"linear_before_reset": 1}),
    "RNN": (RNNRegressor, {}, {}),
    "ReLU": (RNNRegressor, {"activation": "relu"}, {"activations": ["Relu"]}),
}


def weights_of(kind, sizes, D, n_features=3, seed=1, scale=0.5):
    """Layers of an operator, all of them random."""
    rng = np.random.default_rng(seed)
    op = kind if kind in ("LSTM", "GRU") else {"peepholes": "LSTM"}.get(kind, "RNN")
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    layers = []
    for H in sizes:
        shapes = {
            "W": (D, gates * H, n_features), "R": (D, gates * H, H),
            "B": (D, 2 * gates * H),
        }  # fmt: skip
        if kind == "peepholes":
            shapes["P"] = (D, 3 * H)
        layer = {k: scale * rng.standard_normal(shape) for k, shape in shapes.items()}
        attributes = KINDS[kind][2]
        if "activations" in attributes:
            attributes = {"activations": ["Relu"] * D}
        layers.append({**layer, **attributes})
        n_features = D * H
    return op, layers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(4,), (5, 3)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_computes_what_the_operator_does(kind, sizes, bidirectional):
    Estimator, own, _ = KINDS[kind]
    D = 1 + bidirectional
    op, layers = weights_of(kind, sizes, D)
    estimator = Estimator(sizes, bidirectional=bidirectional, dtype="float64", **own)
    model = from_onnx(layers, estimator)
    names = "hc" if op == "LSTM" else "h"
    given = {
        name: [RNG.standard_normal((len(X), H)) for H in sizes for _ in range(D)]
        for name in names
    }
    state = model.initial_state(**given)
    got = model.predict(X, initial_state=state)
    assert got.shape == (len(X), D * sizes[-1])
    assert_allclose(got, model.transform(X, initial_state=state), 1e-12)
    activation = (lambda a: np.maximum(a, 0)) if kind == "ReLU" else np.tanh
    for i, x in enumerate(X):
        states = {name: [part[i] for part in parts] for name, parts in given.items()}
        expected = stack(op, layers, x, states, activation)
        assert_allclose(got[i], expected, 1e-10, 1e-12)


def published_vectors():
    """Operator, name, X, H, W and R, and biases or peepholes of ONNX' node tests.

    Those of the GRU are read with linear_before_reset=1, the cell that sklstm has.
    """
    x = np.arange(1.0, 7).reshape(1, 3, 2)
    yield "LSTM", "defaults", x, 3, 0.1, {}
    yield (
        "LSTM",
        "initial_bias",
        np.arange(1.0, 10).reshape(1, 3, 3),
        4,
        0.1,
        {"b": 0.1},
    )
    x = np.arange(1.0, 9).reshape(1, 2, 4)
    yield "LSTM", "with_peepholes", x, 3, 0.1, {"p": 0.1}
    x = np.arange(1.0, 7).reshape(1, 3, 2)
    yield "GRU", "defaults", x, 5, 0.1, {}
    yield "GRU", "initial_bias", np.arange(1.0, 10).reshape(1, 3, 3), 3, 0.1, {"b": 0.1}
    yield "RNN", "defaults", x, 4, 0.1, {}
    yield "RNN", "initial_bias", np.arange(1.0, 10).reshape(1, 3, 3), 5, 0.1, {"b": 0.1}


PUBLISHED = list(published_vectors())


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: f"{case[0]}-{case[1]}")
@pytest.mark.parametrize("begin", [0.0, 0.5])
def test_published_node_vectors(case, begin):
    """From zeros as they are published, and from an initial state."""
    op, name, x, H, size, extra = case
    gates, F = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], x.shape[2]
    layer = {
        "W": np.full((1, gates * H, F), size),
        "R": np.full((1, gates * H, H), size),
    }
    if "b" in extra:
        bias = np.full((1, gates * H), extra["b"])
        layer["B"] = np.concatenate([bias, np.zeros_like(bias)], axis=1)
    if "p" in extra:
        layer["P"] = np.full((1, 3 * H), extra["p"])
    attributes = {"linear_before_reset": 1} if op == "GRU" else {}
    own = {"peephole": True} if "p" in extra else {}
    Estimator = {"LSTM": LSTMRegressor, "GRU": GRURegressor, "RNN": RNNRegressor}[op]
    model = from_onnx({**layer, **attributes, "hidden_size": H}, Estimator(H, **own))
    n = x.shape[1]
    h = np.full((1, n, H), begin)
    given = {"h": h, "c": -2 * h} if op == "LSTM" else {"h": h}
    got = model.predict(
        list(x.swapaxes(0, 1)), initial_state=model.initial_state(**given)
    )
    full = {"B": np.zeros((1, 2 * gates * H)), **layer}
    for i in range(n):
        states = {name: part[:, i] for name, part in given.items()}
        assert_allclose(got[i], stack(op, [full], x[:, i], states), 1e-5, 1e-6)

    pytest.importorskip("onnx")
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    inputs = {
        "X": x, **full, "sequence_lens": None, "initial_h": given["h"],
        "initial_c": given.get("c"), "P": layer.get("P"),
    }  # fmt: skip
    order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    order = order if op == "LSTM" else order[:6]
    feed = {k: v.astype("float32") for k, v in inputs.items() if v is not None}
    names = [k if inputs[k] is not None else "" for k in order]
    node = helper.make_node(op, names, ["", "Y_h"], hidden_size=H, **attributes)
    graph = helper.make_graph(
        [node],
        "node",
        [
            helper.make_tensor_value_info(k, TensorProto.FLOAT, feed[k].shape)
            for k in feed
        ],
        [helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, None)],
    )
    proto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    (Y_h,) = ReferenceEvaluator(proto).run(None, feed)
    assert_allclose(got, Y_h[0], 1e-5, 1e-6)
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (Y_h,) = session.run(None, feed)
    assert_allclose(got, Y_h[0], 1e-5, 1e-6)


# ---- there and back -----------------------------------------------------------------


def onnx_layers(model):
    """`weights_` in the operator's layout, written out."""
    family = type(model).__name__.removesuffix("Regressor").removesuffix("Classifier")
    order = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}[family]
    suffixes = ["", "_reverse"] if model.bidirectional else [""]
    layers = []
    for k in range(len(np.atleast_1d(model.hidden_layer_sizes))):

        def rows(name, order=order, k=k):
            parts = [model.weights_[f"{name}_l{k}{s}"] for s in suffixes]
            return np.stack(
                [
                    np.concatenate(
                        [
                            part.reshape(len(order), -1, *part.shape[1:])[g]
                            for g in order
                        ]
                    )
                    for part in parts
                ]
            )

        layer = {
            "W": rows("weight_ih"),
            "R": rows("weight_hh"),
            "B": np.hstack([rows("bias_ih"), rows("bias_hh")]),
        }
        if f"peephole_l{k}" in model.weights_:
            layer["P"] = rows("peephole", [0, 2, 1])
        if family == "GRU":
            layer["linear_before_reset"] = 1
        if getattr(model, "activation", "") == "relu":
            layer["activations"] = [b"Relu"] * len(suffixes)
        layers.append(layer)
    return layers


def head_of(model):
    return model.weights_["head_weight"], model.weights_["head_bias"]


CLASSIFIERS = {
    LSTMRegressor: LSTMClassifier,
    GRURegressor: GRUClassifier,
    RNNRegressor: RNNClassifier,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back_to_the_bit(kind, bidirectional, dtype):
    Estimator, own, _ = KINDS[kind]
    Classifier = CLASSIFIERS[Estimator]
    options = {**own, "bidirectional": bidirectional, "dtype": dtype, **SMALL}
    model = Classifier((5, 4), **options).fit(X, LABELS)
    again = from_onnx(onnx_layers(model), clone(model), head=head_of(model))
    assert_array_equal(again._fitted.parameters, model._fitted.parameters)
    again = from_torch(model.weights_, clone(model), classes=model.classes_)
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    for name, value in model.weights_.items():
        assert_array_equal(again.weights_[name], value, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["last", "mean", "attention"])
def test_weights_of_a_regressor_predict_in_the_units_of_y(kind, pooling):
    Estimator, own, _ = KINDS[kind]
    options = {**own, "pooling": pooling, "dtype": "float64", **SMALL}
    model = Estimator((5, 4), **options).fit(X, NUMBERS)
    again = from_torch(model.weights_, clone(model))
    assert_allclose(again.predict(X), model.predict(X), 1e-12)
    if pooling != "attention":
        again = from_onnx(onnx_layers(model), clone(model), head=head_of(model))
        assert_allclose(again.predict(X), model.predict(X), 1e-12)


def test_poisson_and_two_classes_and_a_pickled_file(tmp_path):
    model = LSTMRegressor(4, loss="poisson", **SMALL).fit(X, np.arange(6.0))
    again = from_torch(model.weights_, clone(model))
    assert_allclose(again.predict(X), model.predict(X), 1e-6)
    model = LSTMClassifier(4, peephole=True, **SMALL).fit(X, LABELS == "a")
    np.savez(tmp_path / "weights.npz", **model.weights_)
    with np.load(tmp_path / "weights.npz") as weights:
        again = from_torch(weights, clone(model), classes=[False, True])
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    again.partial_fit(X, LABELS == "a")
    assert np.any(again.weights_["peephole_l0"] != model.weights_["peephole_l0"])


def test_through_a_file_of_onnx():
    """The nodes that `to_onnx` writes are read back."""
    pytest.importorskip("skl2onnx")
    from onnx import helper, numpy_helper

    for Estimator, own in (
        (LSTMClassifier, {"peephole": True, "bidirectional": True}),
        (GRUClassifier, {}),
    ):
        model = Estimator((5, 4), **own, **SMALL).fit(X, LABELS)
        graph = to_onnx(model).graph
        arrays = {a.name: numpy_helper.to_array(a) for a in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        layers = []
        for node in graph.node:
            if node.op_type in ("LSTM", "GRU"):
                names = ["X", "W", "R", "B", "sequence_lens", "initial_h"]
                given = dict(zip([*names, "initial_c", "P"], node.input))
                layer = {k: arrays[given[k]] for k in "WRBP" if given.get(k)}
                for a in node.attribute:
                    layer[a.name] = helper.get_attribute_value(a)
                layers.append(layer)
        again = from_onnx(
            layers, clone(model), head=head_of(model), classes=model.classes_
        )
        assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_what_others_have_not_stays_refused():
    model = LSTMRegressor(4, peephole=True, **SMALL).fit(X, NUMBERS)
    for export in (to_torch, to_keras):
        with pytest.raises(ValueError, match="peephole=True, but"):
            export(model)
    with pytest.raises(ValueError, match="peephole=True, but Keras has not"):
        from_keras([], LSTMRegressor(4, peephole=True))


# ---- what is refused ----------------------------------------------------------------


def weights(**change):
    """`weights_` of an LSTM of 4 units that reads 3 features."""
    shapes = {
        "weight_ih_l0": (16, 3), "weight_hh_l0": (16, 4), "bias_ih_l0": (16,),
        "bias_hh_l0": (16,), "peephole_l0": (12,), "attention": (4,),
        "head_weight": (1, 4), "head_bias": (1,),
    }  # fmt: skip
    weights = {name: RNG.standard_normal(shape) for name, shape in shapes.items()}
    weights |= change
    return {name: value for name, value in weights.items() if value is not None}


PEEPHOLES = LSTMRegressor(4, peephole=True, pooling="attention")
WRONG_WEIGHTS = {
    "no peepholes": (
        weights(peephole_l0=None),
        PEEPHOLES,
        "'weight_ih_l0' but no peephole beside",
    ),
    "peepholes of none": (
        weights(),
        LSTMRegressor(4, pooling="attention"),
        "holds 'peephole_l0', but LSTMRegressor has no peep.*peephole=True",
    ),
    "shape": (
        weights(peephole_l0=np.zeros(16)),
        PEEPHOLES,
        r"peephole_l0 has shape \(16,\), but peephole of 4 units.*\(12,\)",
    ),
    "matrix": (
        weights(peephole_l0=np.zeros((3, 4))),
        PEEPHOLES,
        r"peephole_l0 has shape \(3, 4",
    ),
    "NaN": (
        weights(peephole_l0=np.full(12, np.nan)),
        PEEPHOLES,
        "peephole_l0 holds NaN",
    ),
    "no attention": (weights(attention=None), PEEPHOLES, "holds no 'attention', but"),
    "attention of none": (
        weights(),
        LSTMRegressor(4, peephole=True),
        "'attention', which have no place",
    ),
    "shape of attention": (
        weights(attention=np.zeros(8)),
        PEEPHOLES,
        r"attention has shape \(8,\).*\(4,\)",
    ),
    "no head": (
        weights(head_weight=None),
        PEEPHOLES,
        "no linear layer for the head",
    ),
    "bias of the head": (
        weights(head_bias=np.zeros(2)),
        PEEPHOLES,
        r"head_bias has shape \(2,\)",
    ),
    "two heads": (
        weights(**{"fc.weight": np.zeros((1, 4))}),
        PEEPHOLES,
        "layers at 'head', 'fc'",
    ),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_wrong_weights(case):
    given, estimator, match = WRONG_WEIGHTS[case]
    with pytest.raises(ValueError, match=match):
        from_torch(given, estimator)


def layer_of(kind="LSTM", D=1, **change):
    (layer,) = weights_of(kind, (4,), D)[1]
    return {k: v for k, v in {**layer, **change}.items() if v is not None}


LSTM = LSTMRegressor(4)
WRONG_LAYERS = {
    "no layer": ([], LSTM, "layers must be a dict"),
    "an array": (np.zeros(3), LSTM, "layers must be a dict"),
    "a list in it": ([[1]], LSTM, r"layers\[0\] must be a dict.*got list"),
    "no W": (layer_of(W=None), LSTM, r"layers\[0\] holds no 'W'"),
    "no R": (layer_of(R=None), LSTM, r"layers\[0\] holds no 'R'"),
    "two axes": (
        layer_of(W=np.zeros((16, 3))),
        LSTM,
        r"\['W'\] has shape \(16, 3\).*three",
    ),
    "W": (
        layer_of(W=np.zeros((1, 12, 3))),
        LSTM,
        r"\['W'\] has shape \(1, 12, 3\).*\(1, 16, 3\)",
    ),
    "B": (
        layer_of(B=np.zeros((1, 16))),
        LSTM,
        r"\['B'\] has shape \(1, 16\).*\(1, 32\)",
    ),
    "directions": (layer_of(B=np.zeros((2, 32))), LSTM, r"\['B'\] has shape \(2, 32\)"),
    "NaN": (
        layer_of(B=np.full((1, 32), np.nan)),
        LSTM,
        r"layers\[0\]\['B'\] holds NaN",
    ),
    "text": (layer_of(B="b"), LSTM, r"layers\[0\]\['B'\] holds <U1"),
    "P of none": (
        layer_of("peepholes"),
        LSTM,
        r"holds 'P'.*peephole=False. Pass one with peeph",
    ),
    "P": (
        layer_of("peepholes", P=np.zeros((1, 16))),
        LSTMRegressor(4, peephole=True),
        r"\['P'\] has shape \(1, 16\).*\(1, 12\)",
    ),
    "P of a GRU": (
        layer_of("GRU", P=np.zeros((1, 12))),
        GRURegressor(4),
        "'P', which GRU of ONNX",
    ),
    "family": (
        layer_of("GRU"),
        LSTM,
        r"a GRU \(3\). LSTMRegressor is an LSTM|which LSTM",
    ),
    "units": (layer_of(), LSTMRegressor(8), r"hidden_layer_sizes=\(4,\).*Pass LSTM"),
    "one direction": (layer_of(), LSTMRegressor(4, bidirectional=True), "Pass LSTM"),
    "two directions": (layer_of(D=2), LSTM, r"bidirectional=True\)"),
    "layers of several": (
        [layer_of(D=2), layer_of()],
        LSTMRegressor((4, 4)),
        r"have \[2, 1\] directions|W",
    ),
    "reverse": (layer_of(direction="reverse"), LSTM, "direction='reverse'.*beginning"),
    "reset": (
        layer_of("GRU", linear_before_reset=0),
        GRURegressor(4),
        "linear_before_reset=0, but .*no weights of one make the other",
    ),
    "default reset": (
        layer_of("GRU", linear_before_reset=None),
        GRURegressor(4),
        "linear_before_reset=0, but GRURegressor is GRU with linear_before_reset=1",
    ),
    "input_forget": (layer_of(input_forget=1), LSTM, "input_forget=1, but"),
    "clip": (layer_of(clip=3.0), LSTM, "clip=3.0, but"),
    "alpha": (layer_of(activation_alpha=[0.1]), LSTM, "activation_alpha=.*but"),
    "hidden_size": (layer_of(hidden_size=5), LSTM, "hidden_size=5, but"),
    "activations": (
        layer_of(activations=["HardSigmoid", "Tanh", "Tanh"]),
        LSTM,
        "activations=.'HardSigmoid'.*but",
    ),
    "relu": (
        layer_of("ReLU"),
        RNNRegressor(4),
        "activations=.'Relu'.*estimator of that acti",
    ),
    "tanh": (
        layer_of("RNN"),
        RNNRegressor(4, activation="relu"),
        r"activations=.'tanh'.*'Relu'.*estimator of that acti",
    ),
    "initial_h": (
        layer_of(initial_h=np.zeros((1, 1, 4))),
        LSTM,
        r"no weight.*initial_state\(h",
    ),
    "X": (layer_of(X=np.zeros((1, 1, 4))), LSTM, "no weight: sequences go to predict"),
    "unknown": (layer_of(w=1), LSTM, "holds 'w', which LSTM of ONNX does not have"),
    "attention": (
        layer_of(),
        LSTMRegressor(4, pooling="attention"),
        "attention', but ONNX has not",
    ),
}


@pytest.mark.parametrize("case", WRONG_LAYERS)
def test_wrong_layers(case):
    given, estimator, match = WRONG_LAYERS[case]
    with pytest.raises((ValueError, TypeError), match=match):
        from_onnx(given, estimator)


@pytest.mark.parametrize(
    "head, match",
    [
        (np.zeros((1, 4)), "head must be a tuple of two arrays"),
        ((np.zeros((1, 4)),), "head must be a tuple of two arrays"),
        ((np.zeros((4, 1)), np.zeros(4)), r"head\[0\] has shape \(4, 1\).*\(4, 4\)"),
        ((np.zeros((2, 4)), np.zeros(3)), r"head\[1\] has shape \(3,\).*\(2,\)"),
        ((0.0, 0.0), r"head\[0\] has shape \(\)"),
        ((np.zeros((2, 4)), [1, np.inf]), r"head\[1\] holds NaN or infinity"),
    ],
)
def test_wrong_heads(head, match):
    with pytest.raises((ValueError, TypeError), match=match):
        from_onnx(layer_of(), LSTM, head=head)


def test_defaults_of_onnx_may_be_written_out():
    layer = layer_of(
        activations=["Sigmoid", "tanh", b"Tanh"], direction=b"forward", clip=None,
        hidden_size=4, layout=1, input_forget=0, activation_alpha=[],
    )  # fmt: skip
    assert_array_equal(
        from_onnx([layer], LSTM).predict(X), from_onnx(layer_of(), LSTM).predict(X)
    )
    without = from_onnx(layer_of(B=None), LSTM)
    zeros = from_onnx(layer_of(B=np.zeros((1, 32))), LSTM)
    assert_array_equal(without.predict(X), zeros.predict(X))
