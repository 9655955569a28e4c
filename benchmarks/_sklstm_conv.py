"""What sklstm does with a layer whose states are images, when it is timed."""

import numpy as np
from _conv_work import make_data, peak_of, repeated
from _sklstm import describe

from sklstm._kernels import Schedule
from sklstm._network.layers.conv_recurrent import ConvRecurrent
from sklstm._network.planes import planes_in
from sklstm._network.steps import Run, Steps, StepsGradient
from sklstm._network.workspace import Memory, Workspace

__all__ = ["describe", "layer", "memory"]


def make_step(work):
    """Forward and backward, as a minibatch of training has them: with the schedule of
    its clips and with the packing of the weights. Frames are planes already."""
    data, kernel = make_data(work), (work.kernel, work.kernel)
    lstm = ConvRecurrent(
        "l0", work.F, work.H, np.float32, kernel_size=kernel, reads_data=True
    )
    given = {"w": data.w, "r": data.r, "b": data.b}
    weights = {name: given[name].reshape(lstm.shapes[name]) for name in given}
    clips = np.arange(work.B) * work.T, np.full(work.B, work.T)
    n_rows = work.B * work.T
    frame = work.side, work.side, work.kernel // 2, work.kernel // 2
    planes = planes_in(
        Workspace(np.float32), "x", lstm.kernels, frame, n_rows, work.F
    )  # fmt: skip
    planes.clear_margins().image[:] = data.x.reshape(planes.image.shape)
    rows = Schedule(*clips, n_rows=n_rows).data_rows
    d_h = np.zeros((n_rows, work.side**2, lstm.width), np.float32)
    d_h[..., : work.H] = data.d_h.reshape(n_rows, -1, work.H)[rows]
    d_y = StepsGradient(d_h.reshape(n_rows, -1))
    memory = Memory(np.float32)

    def step():
        schedule = Schedule(*clips, n_rows=n_rows)
        x = Steps(planes, schedule.data_rows, schedule)
        lstm.load(weights, backward=True)
        _, tape = lstm.forward(x, Run(memory, keep=True))
        d_weights = {name: np.zeros_like(value) for name, value in weights.items()}
        lstm.backward(d_y, tape, d_weights)
        return list(d_weights.values())

    return step


def layer(work):
    return repeated(make_step(work))


def memory(work):
    return peak_of(make_step, work)
