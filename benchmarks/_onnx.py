"""What ONNX Runtime does when it is timed: inference of the weights of sklstm."""

import os

import numpy as np
import onnxruntime
from _harness import repeated
from _work import check_outputs
from onnx import TensorProto, helper, numpy_helper

N_THREADS = int(os.environ["OMP_NUM_THREADS"])


def describe():
    options = session_options()
    text = f"intra_op_num_threads={options.intra_op_num_threads}"
    text += f", inter_op_num_threads={options.inter_op_num_threads}"
    return text, options.intra_op_num_threads


def session_options():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = N_THREADS
    options.inter_op_num_threads = 1
    return options


def gates_of_onnx(array):
    """Rows of the gates i, f, g, o in the order of ONNX, which is i, o, f, g."""
    i, f, g, o = np.split(array, 4)
    return np.concatenate([i, o, f, g])


def graph(weights):
    """The LSTM and the head, from x (T, B, F) to y (B, K)."""
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    W, R, b_ih, b_hh = (gates_of_onnx(weights[name]) for name in names)
    initializers = {
        "W": W[np.newaxis],
        "R": R[np.newaxis],
        "B": np.concatenate([b_ih, b_hh])[np.newaxis],
        "direction": np.array([0]),
        "head_weight": weights["head_weight"].astype(np.float32),
        "head_bias": weights["head_bias"].astype(np.float32),
    }
    nodes = [
        helper.make_node(
            "LSTM", ["x", "W", "R", "B"], ["", "h"], hidden_size=R.shape[1]
        ),
        helper.make_node("Squeeze", ["h", "direction"], ["h_last"]),
        helper.make_node(
            "Gemm", ["h_last", "head_weight", "head_bias"], ["y"], transB=1
        ),
    ]
    floats = TensorProto.FLOAT
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "lstm",
            [helper.make_tensor_value_info("x", floats, ["T", "B", W.shape[1]])],
            [
                helper.make_tensor_value_info(
                    "y", floats, ["B", len(weights["head_bias"])]
                )
            ],
            [numpy_helper.from_array(a, name) for name, a in initializers.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return model.SerializeToString()


def predict(path, batch_size):
    """Inference; batches lie in memory in the runtime's order, steps first."""
    with np.load(path) as file:
        saved = {name: file[name] for name in file.files}
    session = onnxruntime.InferenceSession(
        graph(saved), session_options(), providers=["CPUExecutionProvider"]
    )
    X = saved["X"]
    batches = [
        {"x": np.ascontiguousarray(X[begin : begin + batch_size].swapaxes(0, 1))}
        for begin in range(0, len(X), batch_size)
    ]

    def step():
        return [session.run(None, batch)[0] for batch in batches]

    check_outputs(np.concatenate(step()), saved["predictions"])
    return repeated(step)
