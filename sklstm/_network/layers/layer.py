"""What every layer of a network is."""

import numpy as np

from ..._kernels import array_dtype, kernels_for

# Numbers below which a second thread costs more than it brings.
PARALLEL_WORK = 20_000


class Layer:
    """A layer: its packed weights, its forward and its backward pass.

    Parameters and gradients it borrows, as dicts of views of the flat vectors. What it
    computes is in the workspace that a run gives it, and lasts until the next run. It
    has one name in a network, and its parameters have these shapes.
    """

    shapes = {}
    gives_steps = False  # whether it hands on `Steps`
    reads_frames = False  # whether frames come in, as `Planes` has them
    patch_size = 1  # of what reads frames: pixels on a side that become one
    has_sums = False  # whether it keeps running sums over the steps
    has_tables = False  # whether its parameters are tables, of which batches have rows
    shared = False  # whether another layer reads its parameters too
    shares = None  # name of the layer whose parameters it reads beside its own
    directions = ()  # of a recurrent layer, its one or two `Recurrent`

    def __init__(self, name, n_inputs, n_outputs, dtype):
        self.name = name
        self.n_inputs = n_inputs
        self.n_outputs = n_outputs
        self.dtype = array_dtype(dtype)
        self.kernels = kernels_for(self.dtype)
        # in memory: up to a multiple of the vector width; columns between hold zeros.
        # In Python's integers: memory is asked for only where the size is not absurd.
        lanes = self.kernels.padded(1)
        self.width = -(-n_outputs // lanes) * lanes
        self.input_width = -(-n_inputs // lanes) * lanes

    def initialize(self, weights, rng, begin):
        """Fill the weights; `begin` is an `InitialValues`."""

    def load(self, weights, *, backward, n_threads=1):
        """Pack the weights for the kernels: once for each optimizer step."""

    def forward(self, x, run):
        """Outputs, and the tape for `backward`, which is None unless `run.keep`."""
        raise NotImplementedError

    def backward(self, d_y, tape, d_weights):
        """Add to the gradients of the weights; return the gradient of the input."""
        raise NotImplementedError

    def for_loss(self, y):
        """What the loss reads, of the outputs of the uppermost layer."""
        return np.asarray(y, dtype=np.float64)

    def as_linear(self, weights):
        """Of a head weight (K, H) and bias (K,), as `torch.nn.Linear` has them."""
        return weights["w"].T.copy(), weights["b"].copy()

    def step(self, x, state):
        """One step of n sequences (n, .) and the state after it, the bits of `forward`;
        a layer without a state has None."""
        raise NotImplementedError

    def n_elements(self, n_sequences, n_steps):
        """Numbers that a training run on a minibatch of this size holds."""
        return 0

    def n_threads(self, n_steps, limit):
        """For work without products."""
        return limit if n_steps * self.n_outputs > PARALLEL_WORK else 1
