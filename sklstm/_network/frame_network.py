"""The network of clips: a chain of layers, the lower ones of which read frames."""

import numpy as np

from .layers.frames import cut
from .network import Network

# Bytes of the planes of a batch of `predict`, which bound its memory.
PREDICT_BYTES = 1 << 27


class FrameNetwork(Network):
    """A network whose data are frames (rows, height, width, channels).

    Weights know of no height and width: these come with the data of each call. States
    of a layer are rows (n, pixels * width). `seen` (n, height, width, channels) is what
    pixels were last before a clip begins, in units of the data and NaN for never.
    """

    def __init__(self, layers):
        super().__init__(layers)
        self.frames = layers[0]
        self._is_bidirectional = len(self.recurrents) > len(self.recurrent_layers)

    # ---- frames ------------------------------------------------------------------

    def frame_sizes(self, height, width):
        """Height and width of the states of each layer and direction."""
        return [
            frame[:2]
            for layer, frame in frames_of(self.layers, height, width, self.frames.pad)
            for _ in layer.directions
        ]

    def initial_states(self, n, height, width):
        """Zero h and c of each layer and direction, for data of this size."""
        sizes = self.frame_sizes(height, width)
        return [
            tuple(np.zeros((n, h * w * width), self.dtype) for width in widths)
            for (h, w), widths in zip(sizes, self.state_widths, strict=True)
        ]

    def _n_elements(self, n_sequences, n_steps, height, width):
        return elements_of(
            self.layers, n_sequences, n_steps, (height, width, *self.frames.pad)
        )

    # ---- prediction, after `load` --------------------------------------------------

    def _passes(
        self, data, starts, lengths, n_steps, states, pooled=None, *, keep=False,
        **options,
    ):  # fmt: skip
        """The clips in bounded memory: slices of them, their steps, and a run.

        A clip that alone is too long comes in parts, each of which begins where the one
        before ended: what is known of the clip is what the last one knows. It is whole
        where it is to go back, or is read from its end.
        """
        size = data.shape[1:3]
        if keep:
            a_step = self._n_elements(0, 1, *size)
        else:
            a_step = handed_on(self.body, (*size, *self.frames.pad))
        begin = self._by_name(states, pooled)
        yield from parts_of(
            self, data, starts, lengths, a_step, begin,
            whole=keep or self._is_bidirectional, keep=keep, **options,
        )  # fmt: skip

    def _by_name(self, states, pooled=None):
        """Where layers begin, by name; None for zeros."""
        if states is not None and not isinstance(states, dict):
            names = [part.name for part in self.recurrents]
            states = dict(zip(names, states, strict=True))
        if pooled is not None:
            states = {**(states or {}), self.reader.name: pooled}
        return states

    def _begin(self, states, seen):
        """The same, with what pixels were last."""
        states = self._by_name(states)
        if seen is not None:
            last = self.frames.seen_in_units(seen)
            states = {**(states or {}), self.frames.name: (last,)}
        return states

    def predict(self, data, starts, lengths, states=None, pooled=None, seen=None):
        """Raw outputs (n, K)."""
        raw = np.empty((len(starts), self.layers[-1].n_outputs), self.dtype)
        states = self._begin(states, seen)
        for batch, x, run in self._passes(data, starts, lengths, None, states, pooled):
            raw[batch] = self._through(self.layers, x, run)[0]
        return raw

    def last_outputs(self, data, starts, lengths, states=None, seen=None):
        """Of the uppermost layer the last outputs, pooled over space (n, H)."""
        states = self._begin(states, seen)
        return super().last_outputs(data, starts, lengths, states)

    def outputs(self, data, starts, lengths, states=None, seen=None):
        """Of the uppermost layer the outputs for every row of the data, pooled over
        space."""
        return super().outputs(data, starts, lengths, self._begin(states, seen))

    def kept(self, data, starts, lengths, states=None, seen=None):
        """Gates, hidden and cell states (rows, height, width, H) of every layer."""
        return super().kept(data, starts, lengths, self._begin(states, seen))


def frames_of(layers, height, width, pad):
    """Each layer with the frame that it reads; one that reads rows has the last."""
    frame = height, width, *pad
    for layer in layers:
        yield layer, frame
        if layer.reads_frames:
            frame = cut(frame, layer.patch_size)


def elements_of(layers, n_sequences, n_steps, frame):
    """Numbers that the layers hold in training on frames of this size."""
    height, width, *pad = frame
    return sum(
        layer.n_elements(n_sequences, n_steps, *[own] * layer.reads_frames)
        for layer, own in frames_of(layers, height, width, pad)
    )


def handed_on(layers, frame):
    """Numbers of a step that layers hand on to each other."""
    height, width, *pad = frame
    return sum(
        layer.plane_elements(own)
        for layer, own in frames_of(layers, height, width, pad)
    )


def parts_of(
    network, data, starts, lengths, a_step, states, *, whole=False, **options
):  # fmt: skip
    """Slices of the clips, in steps of which each has so many numbers `a_step`, and
    runs that begin with their states by name; clips too long in parts, unless whole."""
    limit = max(1, PREDICT_BYTES // (a_step * network.dtype.itemsize))
    for batch in network._batches(lengths + 1, limit):  # and the states of a clip
        part = states and {
            name: tuple(array[batch] for array in arrays)
            for name, arrays in states.items()
        }
        longest = int(lengths[batch].max(initial=0))
        step = max(1, longest if whole else min(longest, limit))
        run = None
        for begin in range(0, max(1, longest), step):
            if run is not None:
                part = {
                    name: tuple(end.copy() for end in ends)
                    for name, ends in run.ends.items()
                }
            some = np.clip(lengths[batch] - begin, 0, step)
            x = network._steps(data, starts[batch] + begin, some)
            run = network._run(x.schedule, states=part, **options)
            yield batch, x, run
