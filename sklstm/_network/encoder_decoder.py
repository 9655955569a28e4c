"""The encoder-decoder: a network that writes a sequence of tokens about another one."""

from typing import NamedTuple

import numpy as np

from .flat_network import PREDICT_STEPS, FlatNetwork
from .layers.attention import Sources
from .layers.every_step import EveryStep
from .steps import Steps, StepsGradient


class Encoded(NamedTuple):
    """What decoding needs of n sequences."""

    states: list  # where the decoder begins: of each layer (n, width) of h and c
    which: np.ndarray  # (n,) which of the sequences in memory each is
    memory: Sources | None  # their encoder's outputs, where the decoder attends to them

    def at(self, indices):
        """Those of some of the sequences, also several times; memory is shared."""
        states = [tuple(part[indices] for part in layer) for layer in self.states]
        return Encoded(states, self.which[indices], self.memory)


class Tapes(NamedTuple):
    """What `backward` needs of a pass."""

    encoder: list
    bridges: list
    decoder: list
    target_steps: object
    source_steps: object
    attention: object
    dropout: object
    head: object


class Targets(NamedTuple):
    """What is written, token by token."""

    steps: Steps  # the tokens that the decoder reads
    begins: np.ndarray  # (B + 1,) rows of each sequence, one after the other

    @property
    def sequence(self):
        return np.repeat(np.arange(len(self.begins) - 1), np.diff(self.begins))

    @property
    def time(self):
        return np.arange(self.begins[-1]) - self.begins[self.sequence]


class EncoderDecoder(FlatNetwork):
    """An encoder, a decoder that begins with the states that the encoder ended with
    (Sutskever et al. 2014), and a head over tokens.

    The decoder has the sizes of the encoder. At each step it reads the token before,
    first the mark, which is the last of the tokens, and the head gives log p of the
    next one; the mark ends a sequence. In training and in scoring the tokens before are
    those of the target. It runs over all steps in one call and attends to the outputs
    of the encoder afterwards (Luong et al. 2015, without input feeding), so that
    nothing but the states goes from step to step.

    Where the encoder reads in both directions, `bridges` make a state of the two that a
    layer ended with.
    """

    reads_target = True

    def __init__(self, encoder, bridges, decoder, attention, dropout, head):
        self.encoder, self.decoder = encoder, decoder
        self.bridges = bridges  # of each layer those of h and c, or None
        self.attention_layer = attention
        self.dropout = dropout
        self.head = head
        source = encoder[0] if encoder[0].has_tables else None
        between = [bridge for of_layer in bridges or [] for bridge in of_layer]
        above = [layer for layer in (attention, dropout, head) if layer is not None]
        super().__init__([*encoder, *between, *decoder, *above], source)
        self._at_targets = {layer.name for layer in (*decoder, *above)}
        self.encoder_layers = [layer for layer in encoder if layer.directions]
        self.decoder_layers = [layer for layer in decoder if layer.directions]
        self.mark = head.n_outputs - 1
        self.state_widths = [layer.state_widths for layer in self.decoder_layers]
        top, last = self.encoder_layers[-1], self.decoder_layers[-1]
        self._source_steps = EveryStep(
            "source_steps", top.n_outputs, top.n_outputs, self.dtype
        )
        self._target_steps = EveryStep(
            "target_steps", last.n_outputs, last.n_outputs, self.dtype
        )

    # ---- what goes in ----------------------------------------------------------

    def _targets(self, target):
        """The tokens before those of a target, of each sequence the mark first."""
        begins = np.asarray(target.offsets, np.intp)
        N, lengths = int(begins[-1]), np.diff(begins)
        ids = np.empty((N, 1), np.intp)
        ids[1:, 0] = target.values[:-1]
        ids[begins[:-1][lengths > 0], 0] = self.mark
        return Targets(self._steps(ids, begins[:-1], lengths), begins)

    def _run_over(self, source, targets, **options):
        each = [(layer, source.schedule) for layer in self.encoder_layers]
        if targets is not None:
            schedule = targets.steps.schedule
            each += [(layer, schedule) for layer in self.decoder_layers]
        return self._run_of(each, **options)

    # ---- forward ---------------------------------------------------------------

    def _encode(self, source, run):
        """Outputs at all steps, what each layer ended with, and tapes."""
        x, ends, tapes = source, [], []
        for layer in self.encoder:
            x, tape = layer.forward(x, run)
            tapes.append(tape)
            if layer.directions:
                ends.append(x.ends)
        return x, ends, tapes

    def _begin(self, ends, run):
        """Where each layer of the decoder begins, and tapes."""
        if self.bridges is None:
            return ends, []
        states, tapes = [], []
        for bridges, of_layer in zip(self.bridges, ends, strict=True):
            pairs = [
                bridge.forward(end, run)
                for bridge, end in zip(bridges, of_layer, strict=True)
            ]
            states.append(tuple(state for state, _ in pairs))
            tapes.append([tape for _, tape in pairs])
        return states, tapes

    def _decode(self, ends, targets, run):
        """Rows (N, width) of the uppermost layer of the decoder, and three tapes."""
        states, bridge_tapes = self._begin(ends, run)
        run.states = {
            layer.name: state
            for layer, state in zip(self.decoder_layers, states, strict=True)
        }
        x, decoder_tapes = self._through(self.decoder, targets.steps, run)
        rows, target_tape = self._target_steps.forward(x, run)
        return rows, bridge_tapes, decoder_tapes, target_tape

    def _rows(self, source, targets, run):
        """What the head reads, (N, K) rows, and tapes but for that of the head."""
        y, ends, encoder_tapes = self._encode(source, run)
        rows, *decoder_tapes = self._decode(ends, targets, run)
        source_tape = attention_tape = dropout_tape = None
        if self.attention_layer is not None:
            memory, source_tape, key_tape = self._memory_of(y, run)
            rows, attention_tape = self.attention_layer.forward(
                rows, run, memory, targets.begins, key_tape
            )
        if self.dropout is not None:
            rows, dropout_tape = self.dropout.forward(rows, run, targets)
        return rows, Tapes(
            encoder_tapes,
            *decoder_tapes,
            source_tape,
            attention_tape,
            dropout_tape,
            None,
        )

    def _memory_of(self, y, run):
        """The encoder's outputs as attention reads them, and tapes of both steps."""
        values, source_tape = self._source_steps.forward(y, run)
        memory, key_tape = self.attention_layer.sources(
            values, offsets_of(y.schedule), run
        )
        return memory, source_tape, key_tape

    def forward_of(self, batch, *, keep=False, masks=None, tbptt=None):
        """What the loss reads of a minibatch, whose targets the decoder reads too, and
        the tapes for `backward`."""
        if tbptt is not None:
            raise ValueError(
                "An encoder-decoder goes back over all steps of a sequence."
            )
        source = self._steps(batch.data, batch.starts, batch.lengths)
        targets = self._targets(batch.target)
        run = self._run_over(source, targets, keep=keep, masks=masks)
        rows, tapes = self._rows(source, targets, run)
        scores, head_tape = self.head.forward(rows, run)
        return scores, tapes._replace(head=head_tape)

    def _n_elements(self, n_sequences, n_steps):
        """Of targets with as many tokens as sources have steps."""
        n_targets = n_steps + n_sequences
        total = sum(layer.n_elements(n_sequences, n_steps) for layer in self.encoder)
        for layer in self.layers[len(self.encoder) :]:
            rows = n_targets if layer.name in self._at_targets else n_sequences
            total += layer.n_elements(n_sequences, rows)
        for steps in self._source_steps, self._target_steps:
            total += steps.n_elements(n_sequences, n_targets)
        return total

    # ---- backward --------------------------------------------------------------

    def backward(self, d_output, tapes):
        """The flat gradient of the batch of these tapes; lives in the workspace.

        `d_output` is that of the loss with respect to what `forward_of` gave.
        """
        gradient, views = self._zero_gradient()
        d_rows = self.head.backward(d_output, tapes.head, views.get(self.head.name))
        if self.dropout is not None:
            d_rows = self.dropout.backward(d_rows, tapes.dropout, None)
        d_source = StepsGradient()
        if self.attention_layer is not None:
            d_rows, d_values = self.attention_layer.backward(
                d_rows, tapes.attention, views[self.attention_layer.name]
            )
            d_source = self._source_steps.backward(d_values, tapes.source_steps, None)
        d_y, d_states = (
            self._target_steps.backward(d_rows, tapes.target_steps, None),
            {},
        )
        for layer, tape in zip(reversed(self.decoder), reversed(tapes.decoder)):
            options = {"d_states": d_states} if layer.directions else {}
            d_y = layer.backward(d_y, tape, views.get(layer.name), **options)
        d_ends = self._back_over_bridges(
            [d_states[layer.name] for layer in self.decoder_layers], tapes, views
        )
        d_y = d_source
        for layer, tape in zip(reversed(self.encoder), reversed(tapes.encoder)):
            if layer.directions:
                d_y = d_y._replace(ends=d_ends.pop())
            d_y = layer.backward(d_y, tape, views.get(layer.name))
        return gradient

    def _back_over_bridges(self, d_states, tapes, views):
        """Gradients of what each layer of the encoder ended with."""
        if self.bridges is None:
            return d_states
        return [
            tuple(
                bridge.backward(d_state, tape, views[bridge.name])
                for bridge, d_state, tape in zip(*of_layer, strict=True)
            )
            for of_layer in zip(self.bridges, d_states, tapes.bridges, strict=True)
        ]

    # ---- prediction, after `load` ----------------------------------------------

    def predict_of(self, rows, target):
        """What the head reads (N, K) at the steps of known targets."""
        parts = [
            self._rows(source, targets, self._run_over(source, targets))[0].copy()
            for _, source, targets in self._passes(*rows, target)
        ]
        if len(parts) == 1:
            return parts[0]
        width = self.head.input_width
        return np.concatenate([np.empty((0, width), self.dtype), *parts])

    def _passes(self, data, starts, lengths, target):
        """The sequences in bounded memory: slices of them, their steps, and those of
        the targets."""
        # weights of attention take no more than rows do
        products = lengths * target.lengths // self.head.n_inputs
        longest = np.maximum.reduce([lengths, target.lengths, products])
        for batch in self._batches(longest, self._at_once(data, PREDICT_STEPS)):
            source = self._steps(data, starts[batch], lengths[batch])
            yield batch, source, self._targets(target[batch])

    def attention(self, data, starts, lengths, target):
        """A list with the weights of each sequence (its steps of the decoder, of the
        encoder): of one that writes n tokens and the mark n + 1 rows."""
        layer, lanes, every = self.attention_layer, self.kernels.padded(1), []
        for _, source, targets in self._passes(data, starts, lengths, target):
            run = self._run_over(source, targets)
            y, ends, _ = self._encode(source, run)
            rows, *_ = self._decode(ends, targets, run)
            memory, *_ = self._memory_of(y, run)
            weights, groups, *_ = layer.weights(rows, memory, targets.begins, run)
            for b, place in enumerate(groups.places[:-1]):
                S = memory.offsets[b + 1] - memory.offsets[b]
                T = targets.begins[b + 1] - targets.begins[b]
                padded = -(-S // lanes) * lanes
                part = weights[place : place + T * padded].reshape(T, padded)
                every.append(part[:, :S].copy())
        return every

    def encode(self, data, starts, lengths):
        """What decoding needs of these sequences, in memory of its own."""
        source = self._steps(data, starts, lengths)
        run = self._run_over(source, None)
        y, ends, _ = self._encode(source, run)
        states, _ = self._begin(ends, run)
        states = [tuple(part.copy() for part in layer) for layer in states]
        memory = None
        if self.attention_layer is not None:
            values, _ = self._source_steps.forward(y, run)
            memory, _ = self.attention_layer.sources(values, offsets_of(y.schedule))
        return Encoded(states, np.arange(len(starts)), memory)

    def initial_states(self, n):
        """Zero h and, for a cell that has it, c of each layer of the decoder."""
        return [
            tuple(np.zeros((n, width), self.dtype) for width in widths)
            for widths in self.state_widths
        ]

    def step(self, ids, states, encoded, source):
        """Logarithms of probabilities (m, V), in float64, of what follows the tokens
        `ids` (m,), of which each is of the sequence `source` (m,) of `encoded`, and the
        states then, of which those before are left alone."""
        x, before, after = np.asarray(ids).reshape(-1, 1), iter(states), []
        for layer in self.decoder:
            state = next(before) if layer.directions else None
            x, state = layer.step(x, state)
            if layer.directions:
                after.append(state)
        if self.attention_layer is not None:
            which = encoded.which[np.asarray(source, np.intp)]
            x = self.attention_layer.step(x, encoded.memory, which)
        scores, _ = self.head.step(x, None)
        return scores, after


def offsets_of(schedule):
    """Rows (B + 1,) of each sequence, one after the other."""
    lengths = np.bincount(schedule.sequence, minlength=schedule.n_sequences)
    return np.append(0, np.cumsum(lengths))
