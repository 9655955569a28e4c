"""What goes on with a clip: an encoder and a forecaster (Shi et al. 2015)."""

from typing import NamedTuple

import numpy as np

from .._kernels import Schedule
from .flat_network import FlatNetwork
from .frame_network import PREDICT_BYTES, elements_of, frames_of, handed_on, parts_of
from .planes import Planes
from .steps import Run, Steps, StepsGradient


class Tapes(NamedTuple):
    """What `backward` needs of a pass."""

    encoder: list
    forecaster: list
    head: object


class FrameForecaster(FlatNetwork):
    """An encoder reads the frames so far, and a forecaster of as many layers of the
    same sizes makes those to come; each of its layers begins with the states that the
    layer of the same number in the encoder ended with, and the lowest reads nothing.
    The head reads all of its layers, pixel by pixel.

    Raw outputs are patches in units of the network: for the loss (n horizon, pixels,
    K), one clip after the other, in `predict` (n, horizon, height, width, K), which are
    those of the patches. Height and width come with the data of each call. States are
    those of the encoder, rows (n, pixels * width).
    """

    pooling = None

    def __init__(self, encoder, forecaster, head, horizon):
        self.encoder, self.forecaster, self.head_layer = encoder, forecaster, head
        self.horizon = horizon
        self.frames = encoder[0]
        super().__init__([*encoder, *forecaster, head])
        self.encoder_layers = [layer for layer in encoder if layer.directions]
        self.forecaster_layers = [layer for layer in forecaster if layer.directions]
        self.state_widths = [layer.state_widths for layer in self.encoder_layers]

    # ---- frames and states -------------------------------------------------------

    def frame_sizes(self, height, width):
        """Height and width of the states of each layer of the encoder."""
        layers = frames_of(self.encoder, height, width, self.frames.pad)
        return [frame[:2] for layer, frame in layers if layer.directions]

    def initial_states(self, n, height, width):
        """Zero h and c of each layer of the encoder, for data of this size."""
        sizes = self.frame_sizes(height, width)
        return [
            tuple(np.zeros((n, h * w * width), self.dtype) for width in widths)
            for (h, w), widths in zip(sizes, self.state_widths, strict=True)
        ]

    def _run(self, schedule=None, **options):
        """A run with all threads: layers know how many a frame is worth."""
        return Run(self._memory, **options)

    # ---- forward -----------------------------------------------------------------

    def _encode(self, source, run):
        """What each layer of the encoder ended with, the frame, and tapes."""
        x, ends, tapes, frame = source, [], [], None
        for layer in self.encoder:
            x, tape = layer.forward(x, run)
            tapes.append(tape)
            if layer is self.frames:
                frame = x.values.frame
            if layer.directions:
                ends.append(x.ends)
        return ends, frame, tapes

    def _forecast(self, states, frame, n_steps, run):
        """Outputs of so many steps of each layer of the forecaster, and tapes."""
        n = len(states[0][0])
        lengths = np.full(n, n_steps, np.intp)
        schedule = Schedule(
            np.zeros(n, np.intp), lengths, self.strip_rows, n_rows=n_steps
        )
        height, width, *pad = frame
        nothing = Planes(None, 0, height, width, 0, *pad)
        x, each, tapes = Steps(nothing, schedule.data_rows, schedule), [], []
        run.states = {
            layer.name: state
            for layer, state in zip(self.forecaster_layers, states, strict=True)
        }
        for layer in self.forecaster:
            x, tape = layer.forward(x, run)
            tapes.append(tape)
            if layer.directions:
                each.append(x)
        return each, tapes

    def forward_of(self, batch, *, keep=False, masks=None, tbptt=None):
        """Raw outputs (n horizon, pixels, K) of a minibatch, a view of the workspace,
        and the tapes for `backward`."""
        if tbptt is not None:
            raise ValueError("A forecaster goes back over all frames of a clip.")
        return self.forward(
            batch.data, batch.starts, batch.lengths, keep=keep, masks=masks
        )

    def forward(self, data, starts, lengths, *, keep=False, masks=None, states=None):
        """The same; `states` are where the encoder begins."""
        source = self._steps(data, starts, lengths)
        run = self._run(
            source.schedule, keep=keep, masks=masks, states=self._by_name(states)
        )
        ends, frame, encoder = self._encode(source, run)
        layers, forecaster = self._forecast(ends, frame, self.horizon, run)
        raw, head = self.head_layer.forward(layers, run)
        return raw, Tapes(encoder, forecaster, head)

    def _by_name(self, states, seen=None):
        """Where the encoder begins, by name; None for zeros."""
        if states is not None:
            names = [layer.name for layer in self.encoder_layers]
            states = dict(zip(names, states, strict=True))
        if seen is not None:
            last = self.frames.seen_in_units(seen)
            states = {**(states or {}), self.frames.name: (last,)}
        return states

    # ---- backward ----------------------------------------------------------------

    def backward(self, d_output, tapes):
        """The flat gradient of the batch of these tapes; lives in the workspace."""
        gradient, views = self._zero_gradient()
        head = self.head_layer
        d_layers = head.backward(d_output, tapes.head, views[head.name])
        d_y, d_states = None, {}
        for layer, tape in zip(reversed(self.forecaster), reversed(tapes.forecaster)):
            if not layer.directions:
                d_y = layer.backward(d_y, tape, None)
                continue
            own = d_layers.pop()
            if d_y is not None:
                own.values[:] += d_y.values
            d_y = layer.backward(own, tape, views[layer.name], d_states)
        d_ends = [d_states[layer.name] for layer in self.forecaster_layers]
        d_y = StepsGradient()
        for layer, tape in zip(reversed(self.encoder), reversed(tapes.encoder)):
            if layer.directions:
                d_y = d_y._replace(ends=d_ends.pop())
            d_y = layer.backward(d_y, tape, views.get(layer.name))
        return gradient

    def _n_elements(self, n_sequences, n_steps, height, width):
        """Of contexts with so many steps in all, and as many forecasts."""
        frame = height, width, *self.frames.pad
        total = elements_of(self.encoder, n_sequences, n_steps, frame)
        *_, (_, frame) = frames_of(
            [*self.encoder, self.head_layer], *frame[:2], frame[2:]
        )
        above = [*self.forecaster, self.head_layer]
        n_ahead = n_sequences * self.horizon
        return total + elements_of(above, n_sequences, n_ahead, frame)

    # ---- prediction, after `load` ------------------------------------------------

    def encode(self, data, starts, lengths, states=None, seen=None):
        """What each layer of the encoder ends with, in memory of its own."""
        size = data.shape[1:3]
        ends = [
            tuple(np.empty_like(part) for part in layer)
            for layer in self.initial_states(len(starts), *size)
        ]
        passes = parts_of(
            self, data, starts, lengths,
            handed_on(self.encoder, (*size, *self.frames.pad)),
            self._by_name(states, seen),
        )  # fmt: skip
        for batch, x, run in passes:
            for layer, own in zip(ends, self._encode(x, run)[0], strict=True):
                for part, end in zip(layer, own, strict=True):
                    part[batch] = end
        return ends

    def encode_step(self, frames, states):
        """The states after the next frames (n, height, width, channels) of n clips,
        the bits of `encode`; those before are left alone."""
        x, before, after = frames, iter(states), []
        for layer in self.encoder:
            state = next(before) if layer.directions else None
            x, state = layer.step(x, state)
            if layer.directions:
                after.append(state)
        return after

    def forecast(self, states, height, width):
        """Raw outputs (n, horizon, height, width, K) that follow these states, height
        and width being those of the data, on the right those of the patches."""
        n, p = len(states[0][0]), self.frames.patch_size
        frame = height // p, width // p, *self.frames.pad
        n_outputs = self.head_layer.n_outputs
        shape = n, self.horizon, *frame[:2], n_outputs
        raw = np.empty(shape, self.dtype)
        a_step = handed_on(self.forecaster, frame)
        a_step += frame[0] * frame[1] * n_outputs
        limit = max(1, PREDICT_BYTES // (a_step * self.dtype.itemsize))
        # of many clips the whole, of one as many steps as there is room for
        some = max(1, limit // self.horizon)
        step = min(self.horizon, limit)
        for begin in range(0, n, some):
            clips = slice(begin, begin + some)
            own = [tuple(part[clips] for part in layer) for layer in states]
            for t in range(0, self.horizon, step):
                ahead = min(step, self.horizon - t)
                run = self._run()
                layers, _ = self._forecast(own, frame, ahead, run)
                part, _ = self.head_layer.forward(layers, run)
                raw[clips, t : t + ahead] = part.reshape(
                    -1, ahead, *frame[:2], n_outputs
                )  # fmt: skip
                own = [tuple(end.copy() for end in y.ends) for y in layers]
        return raw

    def predict(self, data, starts, lengths, states=None, seen=None):
        """Raw outputs (n, horizon, height, width, K) that follow each clip."""
        n, size, parts = len(starts), data.shape[1:3], []
        a_clip = [part for layer in self.initial_states(1, *size) for part in layer]
        some = max(1, PREDICT_BYTES // sum(part.nbytes for part in a_clip))
        for begin in range(0, max(1, n), some):
            clips = slice(begin, begin + some)
            before = states and [tuple(part[clips] for part in own) for own in states]
            last = None if seen is None else seen[clips]
            ends = self.encode(data, starts[clips], lengths[clips], before, last)
            parts.append(self.forecast(ends, *size))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict_of(self, rows, target):
        """The same of clips with known targets, as the loss reads it."""
        raw = self.predict(*rows)
        n, horizon, height, width, n_outputs = raw.shape
        return raw.reshape(n * horizon, height * width, n_outputs)

    def step(self, x, states, pooled=None):
        """Raw outputs (n, horizon, height, width, K) after the next frames of n clips,
        the states then, and nothing pooled."""
        states = self.encode_step(x, states)
        return self.forecast(states, *x.shape[1:3]), tuple(states), None
