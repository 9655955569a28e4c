"""Parts of minibatches on the workers of a Dask cluster.

Data and network travel to every worker once, parameters at every step, and gradients
come back. A part is a function of what it is given, so that it may be computed by any
worker, and again by another one.
"""

import io
import pickle
from concurrent.futures import CancelledError

from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from .parts import part_gradient

# How often in a row a step is begun anew where workers have died.
ATTEMPTS = 20


class Shared:
    """What a worker keeps of a fit: the recipe, the arrays that parts have rows of, and
    networks that are not in use."""

    def __init__(self, recipe, arrays):
        self.recipe, self.arrays = recipe, arrays
        self.idle = []

    def __getstate__(self):
        return {"recipe": self.recipe, "arrays": self.arrays, "idle": []}

    def __sizeof__(self):
        return sum(array.nbytes for array in self.arrays)


class _PartPickler(pickle.Pickler):
    """Writes numbers for arrays that the workers have."""

    def __init__(self, file, arrays):
        super().__init__(file, protocol=5)
        self._numbers = {id(array): k for k, array in enumerate(arrays)}

    def persistent_id(self, value):
        return self._numbers.get(id(value))


class _PartUnpickler(pickle.Unpickler):
    def __init__(self, file, arrays):
        super().__init__(file)
        self._arrays = arrays

    def persistent_load(self, number):
        return self._arrays[number]


def gradient_on_worker(shared, parameters, pickled):
    """The `PartGradient` of a pickled part."""
    part = _PartUnpickler(io.BytesIO(pickled), shared.arrays).load()
    try:
        network = shared.idle.pop()
    except IndexError:
        network = shared.recipe.make_network()
    try:
        return part_gradient(shared.recipe, network, parameters, part)
    finally:
        shared.idle.append(network)


class OnCluster:
    """Who computes parts: the workers of a Dask client."""

    def __init__(self, client):
        self.client = client

    def begin(self, recipe, samples):
        arrays = [samples.data]
        of_target = getattr(samples.target, "data", None)
        if of_target is not None and of_target is not samples.data:
            arrays.append(of_target)
        self._arrays, self._recipe = arrays, recipe
        # It would take copies away between two steps.
        self._pause = self.client.amm.running()
        if self._pause:
            self.client.amm.stop()
        self._share()

    def _share(self):
        """Give every worker what it keeps."""
        self.client.wait_for_workers(1)
        self._shared = self.client.scatter(
            Shared(self._recipe, self._arrays), broadcast=True, hash=False
        )

    def gradients(self, parameters, parts):
        pickled = []
        for part in parts:
            file = io.BytesIO()
            _PartPickler(file, self._arrays).dump(part)
            pickled.append(file.getvalue())
        for attempt in range(ATTEMPTS):
            try:
                if attempt:
                    self._share()
                return self._gradients(parameters, pickled)
            except (CancelledError, CommClosedError, KilledWorker, TimeoutError):
                # The last copy of what was sent is gone, a worker died while something
                # was sent to it, several over one part, or there is none just now.
                if attempt == ATTEMPTS - 1:
                    raise

    def _gradients(self, parameters, pickled):
        sent = self.client.scatter(parameters.copy(), broadcast=True, hash=False)
        futures = [
            self.client.submit(gradient_on_worker, self._shared, sent, part, pure=False)
            for part in pickled
        ]
        return self.client.gather(futures)

    def end(self):
        self._shared = self._arrays = None
        if self._pause:
            self.client.amm.start()
