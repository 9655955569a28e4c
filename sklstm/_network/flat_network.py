"""What every network is: layers over one flat parameter vector."""

import math

import numpy as np

from .._kernels import Schedule, effective_n_threads, kernels_for, n_threads_for
from .initializers import InitialValues
from .parameters import Layout, Touched
from .steps import Run, Steps
from .workspace import Memory, aligned_empty

# Sequences of a strip: many read the packed weights less often, few leave no thread
# waiting where lengths differ.
STRIP_ROWS = 8
# From so many bytes of the largest matrix of weights on strips are higher: L2 does not
# hold them, and a strip reads them at every step. The bits of sums over samples follow
# the strips, so these are not taken from the processor.
WIDE = {1 << 22: 64, (1 << 20) + 1: 16}
# Row-steps of a batch of `predict`, which bounds its memory.
PREDICT_STEPS = 65_536
# Numbers that it reads at a time where rows lie elsewhere.
READ_NUMBERS = 500_000


class FlatNetwork:
    """Layers that share a flat vector of parameters, their memory and their threads.

    What tables there are, of which a minibatch has some rows, stand first in the
    vector, and `dense` is the part behind them. `tables` is the layer that has those of
    columns of X, None where there is none. How data go through the layers is what
    networks differ in.
    """

    reads_target = False  # whether outputs depend on the targets

    def __init__(self, layers, tables=None):
        self.layers = layers
        self.tables = tables
        self.dtype = layers[0].dtype
        self.kernels = kernels_for(self.dtype)
        self.recurrent_layers = [layer for layer in layers if layer.directions]
        self.recurrents = [
            part for layer in self.recurrent_layers for part in layer.directions
        ]
        # of whose tables a minibatch has some rows
        self.embeddings = [
            layer for layer in layers if layer.has_tables and not layer.shared
        ]
        others = [layer for layer in layers if layer not in self.embeddings]
        shapes = {
            f"{layer.name}.{key}": shape
            for layer in [*self.embeddings, *others]
            for key, shape in layer.shapes.items()
        }
        self.layout = Layout(shapes)
        in_tables = (
            math.prod(shape)
            for layer in self.embeddings
            for shape in layer.shapes.values()
        )
        self.dense = slice(sum(in_tables), None)
        widest = max(
            math.prod(shape)
            for layer in self.recurrent_layers
            for shape in layer.shapes.values()
        )
        n_bytes = widest * self.dtype.itemsize
        self.strip_rows = next(
            (rows for least, rows in WIDE.items() if n_bytes >= least), STRIP_ROWS
        )
        least_rows = self.recurrents[0].kernels.least_rows
        self.strip_rows = max(self.strip_rows, least_rows)
        self._memory = Memory(self.dtype)
        self._gradient = self._gradient_views = None
        self._viewed = None, None

    # ---- parameters --------------------------------------------------------------

    def views(self, vector):
        """Views of a flat vector: for each layer that has parameters a dict of them."""
        return {
            layer.name: {
                key: self.layout.view(vector, f"{layer.name}.{key}")
                for key in layer.shapes
            }
            for layer in self.layers
            if layer.shapes
        }

    @staticmethod
    def _parameters_of(layer, views):
        """Of all views those of a layer, and of the layer that it shares with."""
        own = views.get(layer.name)
        return own if layer.shares is None else {**views[layer.shares], **own}

    def head(self, parameters):
        """Weight and bias of the head, by `torch.nn.Linear`."""
        head = next(layer for layer in self.layers if layer.name == "head")
        return head.as_linear(self._parameters_of(head, self.views(parameters)))

    def initialize(self, rng, outputs, **options):
        """A new parameter vector; arguments are those of `InitialValues`."""
        parameters = aligned_empty((self.layout.size,), self.dtype)
        views, begin = self.views(parameters), InitialValues(outputs, **options)
        others = begin._replace(tables=None)
        for layer in self.layers:
            own = begin if layer is self.tables else others
            layer.initialize(views.get(layer.name), rng, own)
        return parameters

    def weight_mask(self):
        """1 where the parameter vector holds a weight, 0 where it holds a bias or a
        table."""
        mask = np.zeros(self.layout.size, dtype=self.dtype)
        mask[self.dense] = 1
        for name, shape in self.layout.shapes.items():
            if len(shape) == 1:
                self.layout.view(mask, name)[:] = 0
        return mask

    def load(self, parameters, *, backward):
        """Pack the parameters for the kernels: once for each optimizer step."""
        if self._viewed[0] is not parameters:  # the views of the last vector are kept
            self._viewed = parameters, self.views(parameters)
        views, n_threads = self._viewed[1], n_threads_for(parameters)
        for layer in self.layers:
            weights = self._parameters_of(layer, views)
            layer.load(weights, backward=backward, n_threads=n_threads)

    # ---- passes ------------------------------------------------------------------

    def _steps(self, data, starts, lengths):
        if not isinstance(data, np.ndarray):  # rows that lie elsewhere
            data, starts = data.local(starts, lengths)
        schedule = Schedule(starts, lengths, self.strip_rows, n_rows=len(data))
        return Steps(data, schedule.data_rows, schedule)

    @staticmethod
    def _at_once(data, n_steps):
        """Steps of a batch of `predict`, fewer where their rows have to be read."""
        if isinstance(data, np.ndarray):
            return n_steps
        return min(n_steps, max(1, READ_NUMBERS // data.shape[1]))

    def _run_of(self, each, *, keep=False, **options):
        """A run with as many threads as the layer that can use the most has, of layers
        with their schedules."""
        limit = effective_n_threads()
        n_threads = 1 if limit == 1 else max(
            layer.best_threads(limit, schedule, keep) for layer, schedule in each
        )  # fmt: skip
        return Run(self._memory, keep=keep, n_threads=n_threads, **options)

    @staticmethod
    def _through(layers, x, run):
        """What comes out of some layers one after the other, and their tapes."""
        tapes = []
        for layer in layers:
            x, tape = layer.forward(x, run)
            tapes.append(tape)
        return x, tapes

    def _batches(self, lengths, n_steps):
        """Slices of sequences, of whole strips and about `n_steps` steps."""
        steps = np.cumsum(lengths)
        begin, done = 0, 0
        while begin < len(lengths):
            end = int(np.searchsorted(steps, done + n_steps, side="right"))
            whole_strips = (end - begin) // self.strip_rows * self.strip_rows
            end = begin + max(1, whole_strips or end - begin)
            yield slice(begin, end)
            begin, done = end, steps[end - 1]

    def for_loss(self, raw):
        """What the loss and the decoder read of raw outputs: these, and what the
        uppermost layer knows beside."""
        return self.layers[-1].for_loss(raw)

    def shrink(self):
        """Give large workspaces back, and keep small ones for the next call."""
        self._memory.shrink()

    # ---- training ----------------------------------------------------------------

    def _zero_gradient(self):
        """The flat gradient, zero, and its views; of tables what was not."""
        if self._gradient is None:
            gradient = aligned_empty((self.layout.size,), self.dtype)
            gradient.fill(0)
            self._gradient_views = self.views(gradient)
            self._gradient = gradient
        else:
            for layer in self.embeddings:
                layer.forget(self._gradient_views[layer.name])
        self._gradient[self.dense] = 0
        return self._gradient, self._gradient_views

    @property
    def touched(self):
        """What the last gradient may be other than zero in; None: in all of it."""
        if not self.embeddings:
            return None
        slices = self.layout.slices
        return Touched(
            self.dense,
            [
                (slices[f"{layer.name}.{key}"], layer.shapes[key][1], rows)
                for layer in self.embeddings
                for key, rows in layer.touched.items()
            ],
        )

    def training_bytes(self, n_sequences, n_steps, n_float64_vectors=0, frame=()):
        """Memory of training on minibatches of this size, without the data, whose steps
        are frames of this height and width, or rows.

        That of the layers, seven vectors of parameters (gradient, moments, copies), the
        packed weights, and what a solver has in float64. Nothing is allocated for it.
        """
        states = self._n_elements(n_sequences, n_steps, *frame)
        in_float64 = 8 * n_float64_vectors * self.layout.size
        return (states + 9 * self.layout.size) * self.dtype.itemsize + in_float64

    def _n_elements(self, n_sequences, n_steps):
        """Numbers that all layers hold."""
        return sum(layer.n_elements(n_sequences, n_steps) for layer in self.layers)
