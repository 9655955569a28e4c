"""Parts of minibatches on the workers of a Dask cluster.

Data and network travel to every worker once, parameters at every step, and gradients
come back. A part is a function of what it is given, so that it may be computed by any
worker, and again by another one. What is sent is the result of a task too: the
scheduler has it for whoever comes or needs it again.
"""

import asyncio
import io
import pickle

import dask
import numpy as np
from distributed.comm import Comm, connect
from distributed.scheduler import KilledWorker

from .partitions import ClusterRows
from .parts import part_gradient

# How often a step is begun anew where several workers have died over one of its tasks.
ATTEMPTS = 5
# Seconds after which a worker is not to be had from here.
PATIENCE = 2
# From so many bytes on Dask advises to send data otherwise.
QUIET = "distributed.admin.large-graph-warning-threshold"


class Shared:
    """What a worker keeps of a fit: the recipe, the arrays that parts have rows of, and
    networks that are not in use."""

    def __init__(self, recipe, arrays):
        self.recipe, self.arrays = recipe, arrays
        self.idle = []

    def __getstate__(self):
        return {"recipe": self.recipe, "arrays": self.arrays, "idle": []}

    def __sizeof__(self):
        return sum(a.nbytes for a in self.arrays if isinstance(a, np.ndarray))


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


def gradient_on_worker(shared, parameters, pickled, rows=None):
    """The `PartGradient` of a pickled part, whose rows may come beside it."""
    part = _PartUnpickler(io.BytesIO(pickled), shared.arrays).load()
    if rows is not None:
        part = part._replace(batch=part.batch._replace(data=rows))
    try:
        network = shared.idle.pop()
    except IndexError:
        network = shared.recipe.make_network()
    try:
        return part_gradient(shared.recipe, network, parameters, part)
    finally:
        shared.idle.append(network)


def kept(value):
    """The task of what is sent."""
    return value


async def reached(addresses, options):
    """Whether workers can be reached from here, all of some."""
    comms = await asyncio.gather(
        *(connect(address, timeout=PATIENCE, **options) for address in addresses),
        return_exceptions=True,
    )
    there = [comm for comm in comms if isinstance(comm, Comm)]
    await asyncio.gather(*(comm.close() for comm in there))
    return 0 < len(there) == len(comms)


class OnCluster:
    """Who computes parts: the workers of a Dask client."""

    def __init__(self, client):
        self.client, self._pause, self._workers = client, False, None

    def begin(self, recipe, samples):
        self._rows = samples.data if isinstance(samples.data, ClusterRows) else None
        self._ahead = None
        arrays = [samples.data] if self._rows is None else []
        of_target = getattr(samples.target, "data", None)
        # that of an array is its memory
        if isinstance(of_target, np.ndarray) and of_target is not samples.data:
            arrays.append(of_target)
        self._arrays, self._recipe = arrays, recipe
        # Gradients come without the scheduler between where workers can be reached, or
        # as was said for the client.
        self._direct = self.client.direct_to_workers
        if self._direct is None:
            self._direct = self.client.sync(
                reached, list(self.client.nthreads()), self.client.connection_args
            )
        # It would take copies away between two steps.
        self._pause = self.client.amm.running()
        if self._pause:
            self.client.amm.stop()
        self._share()

    def _send(self, value):
        """A future of what workers get, without advice to send less."""
        with dask.config.set({QUIET: 2**60}):
            return self.client.submit(kept, value, pure=False)

    def _share(self):
        """Send what a worker keeps."""
        self._shared = self._send(Shared(self._recipe, self._arrays))

    def _places(self):
        """The workers that there are, once for each of their threads, None if there is
        none: left alone, Dask keeps to those that have the data already."""
        threads = self.client.nthreads()
        if self._rows is not None and self._workers not in (None, threads):
            self._rows.pieces.moved()
        self._workers = threads
        return [
            address
            for k in range(max(threads.values(), default=0))
            for address in sorted(threads)
            if threads[address] > k
        ] or None

    def gradients(self, parameters, parts, following=None):
        """The `PartGradient` of each of some parts, and while they are computed what
        the parts `following` them need."""
        ahead, self._ahead = self._ahead, None
        for attempt in range(ATTEMPTS):
            places = self._places()
            if ahead is None or attempt:
                ahead = self._rows_of(parts, places)
            sent = self._send(parameters.copy())
            futures = [
                self.client.submit(
                    gradient_on_worker, self._shared, sent, *part, pure=False,
                    workers=places and places[k % len(places)],
                    allow_other_workers=bool(places),
                )
                for k, part in enumerate(self._pickled(parts, ahead))
            ]  # fmt: skip
            if following is not None and self._rows is not None:
                self._ahead = self._rows_of(list(following), places)
            try:
                if self._rows is not None:
                    return self._rows.pieces.gather(futures, direct=self._direct)
                return self.client.gather(futures, direct=self._direct)
            except KilledWorker:  # several died over one of these: no fault of it
                if attempt == ATTEMPTS - 1:
                    raise
                self._share()

    def _rows_of(self, parts, places):
        """Of each part a future of its rows, where the data live on the cluster, and
        where its sequences begin in these: parts of one worker have one together."""
        found = [None] * len(parts)
        if self._rows is None:
            return found
        of_worker = {}
        for k in range(len(parts)):
            where = places and places[k % len(places)]
            of_worker.setdefault(where, []).append(k)
        for where, own in of_worker.items():
            batches = [parts[k].batch for k in own]
            future, begins = self._rows.sent(
                np.concatenate([batch.starts for batch in batches]),
                np.concatenate([batch.lengths for batch in batches]),
                where,
            )
            ends = np.cumsum([len(batch.starts) for batch in batches])
            for k, part in zip(own, np.split(begins, ends[:-1]), strict=True):
                found[k] = future, part
        return found

    def _pickled(self, parts, ahead):
        """Parts as bytes, each with the rows beside it."""
        for part, rows in zip(parts, ahead, strict=True):
            beside = ()
            if rows is not None:
                future, starts = rows
                batch = part.batch._replace(data=None, starts=starts)
                part, beside = part._replace(batch=batch), (future,)
            file = io.BytesIO()
            _PartPickler(file, self._arrays).dump(part)
            yield file.getvalue(), *beside

    def end(self):
        self._shared = self._arrays = self._ahead = self._rows = None
        if self._pause:
            self.client.amm.start()
