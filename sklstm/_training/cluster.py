"""Parts of minibatches on the workers of a Dask cluster.

Data and network travel to every worker once, parameters at every step, and gradients
come back. A part is a function of what it is given, so that it may be computed by any
worker, and again by another one. What is sent is the result of a task too: the
scheduler has it for whoever comes or needs it again.
"""

import asyncio
import io
import pickle
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager, nullcontext, suppress

import dask
import numpy as np
from distributed import Client
from distributed.comm import Comm, connect
from distributed.scheduler import KilledWorker

from ..sequences._rows import Rows
from .cluster_rows import ClusterRows, naming_what_is_lost
from .feeds import moved, runs_of
from .parts import part_gradient
from .pause import begin_pause, end_pause

# Seconds after which a worker is not to be had from here.
PATIENCE = 2
# After which a scheduler over which a call has failed is dead.
DEAF = 10
# So many workers in a row have to die over a part before it is what kills them.
DEATHS = 8
# Seconds for which a fit that had workers goes on without any.
ABANDONED = 600
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
    """The `PartGradient` of a pickled part, whose rows may come beside it, and with
    them those of its targets if they are others."""
    part = _PartUnpickler(io.BytesIO(pickled), shared.arrays).load()
    if rows is not None:
        data, of_target = rows if isinstance(rows, tuple) else (rows, None)
        batch = moved(part.batch, data, part.batch.starts, of_target)
        part = part._replace(batch=batch)
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


def checked(client):
    """A client that can be used here, or an error."""
    if not isinstance(client, Client):
        raise TypeError(
            f"client must be a distributed.Client, got {type(client).__name__}."
        )
    if client.asynchronous:
        raise ValueError(
            "client is asynchronous, but a fit waits for what is computed: pass a "
            "Client without asynchronous=True."
        )
    if client.status != "running":
        raise ValueError(
            f"client must be connected to a scheduler, but it is {client.status}."
        )
    return client


async def reached(addresses, options, patience=PATIENCE):
    """Whether all of some workers, or a scheduler, can be reached from here."""
    comms = await asyncio.gather(
        *(connect(address, timeout=patience, **options) for address in addresses),
        return_exceptions=True,
    )
    there = [comm for comm in comms if isinstance(comm, Comm)]
    await asyncio.gather(*(comm.close() for comm in there))
    return 0 < len(there) == len(comms)


@contextmanager
def naming_a_lost_scheduler(client):
    """Say what to do where the scheduler is gone, by whatever one comes to know."""
    try:
        yield
    except Exception as error:
        if not _is_lost(client, error):
            raise
        raise ConnectionError(
            "The scheduler was lost, and with it what this fit had on the cluster. "
            "The same call goes on from the last checkpoint, on another cluster "
            "too; without checkpoint= it begins anew."
        ) from error


def _is_lost(client, error):
    if client.status != "running" or isinstance(error, CancelledError):
        return True
    # A call that fails may know of it before the client does.
    return isinstance(error, OSError) and not client.sync(
        reached, [client.scheduler.address], client.connection_args, DEAF
    )


def _abandoned():
    return RuntimeError(
        f"There has been no worker for {ABANDONED} seconds; the last ones died while "
        "they computed gradients, or were taken away. If their logs speak of memory, "
        "give them more, or make parts smaller with a smaller batch_size or a larger "
        "n_parts. The same call goes on from the last checkpoint where there are "
        "workers; without checkpoint= it begins anew."
    )


class OnCluster:
    """Who computes parts: the workers of a Dask client."""

    def __init__(self, client):
        self.client, self._paused = client, False
        self._workers, self._had_workers = None, False

    def begin(self, recipe, samples):
        self._rows = samples.data if isinstance(samples.data, ClusterRows) else None
        self._ahead = self._beside = None
        if self._rows is not None:
            self._beside = self._rows.beside(samples.target)
        arrays = [samples.data] if self._rows is None else []
        of_target = getattr(samples.target, "data", None)
        # that of an array is its memory
        is_here = isinstance(of_target, (np.ndarray, Rows))
        is_here = is_here and not isinstance(of_target, ClusterRows)
        if is_here and of_target is not samples.data:
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
        self._paused = self.client.run_on_scheduler(begin_pause, self.client.id)
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
        self._had_workers |= bool(threads)
        return [
            address
            for k in range(max(threads.values(), default=0))
            for address in sorted(threads)
            if threads[address] > k
        ] or None

    def gradients(self, parameters, parts, following=None):
        """The `PartGradient` of each of some parts, and while they are computed what
        the parts `following` them need."""
        begun, places, rows = time.monotonic(), self._places(), self._ahead
        if rows is None:
            rows = self._rows_of(parts, places)
        futures, self._ahead = self._submit(parameters, parts, rows, places), None
        if following is not None and self._rows is not None:
            self._ahead = self._rows_of(list(following), places)
        try:
            return self._gathered(futures)
        except KilledWorker:  # what is left of the step comes one after the other
            found = [self._outcome(future) for future in futures]
        del futures, rows
        killed = [k for k, it in enumerate(found) if isinstance(it, KilledWorker)]
        deaths = self._blamed(found[killed[0]], begun)
        for k in killed:
            found[k] = self._alone(parameters, parts[k], deaths)
        return found

    def _submit(self, parameters, parts, rows, places):
        """Futures of the gradients of these parts."""
        sent = self._send(parameters.copy())
        return [
            self.client.submit(
                gradient_on_worker, self._shared, sent, *part, pure=False,
                workers=places and places[k % len(places)],
                allow_other_workers=bool(places),
            )
            for k, part in enumerate(map(self._pickled, parts, rows))
        ]  # fmt: skip

    def _pickled(self, part, rows):
        """A part as bytes, and the future of its rows if they lie elsewhere."""
        beside = ()
        if rows is not None:
            future, starts = rows
            part = part._replace(batch=moved(part.batch, None, starts))
            beside = (future,)
        file = io.BytesIO()
        _PartPickler(file, self._arrays).dump(part)
        return file.getvalue(), *beside

    def _gathered(self, futures):
        """What they have come to, for which Dask alone would wait without an end."""
        waiting = asyncio.run_coroutine_threadsafe(
            self.client.gather(futures, direct=self._direct, asynchronous=True),
            self.client.loop.asyncio_loop,
        )
        last_seen = time.monotonic()
        while True:
            try:
                with nullcontext() if self._rows is None else naming_what_is_lost():
                    return waiting.result(min(ABANDONED, 5))
            except TimeoutError:
                if waiting.done():
                    raise
            if self._places() or not self._had_workers:
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen >= ABANDONED:
                waiting.cancel()
                raise _abandoned()

    def _outcome(self, future):
        """Its result, or the error that says that workers have died over it."""
        try:
            return self._gathered([future])[0]
        except KilledWorker as error:
            return error

    def _alone(self, parameters, part, deaths):
        """The gradient of a part over which workers have died, however many do so,
        unless it is to blame for so many that it will never come to an end."""
        while True:
            begun, places = time.monotonic(), self._places()
            rows = self._rows_of([part], places)
            found = self._outcome(self._submit(parameters, [part], rows, places)[0])
            if not isinstance(found, KilledWorker):
                return found
            blamed = self._blamed(found, begun)
            deaths = blamed and deaths + blamed
            if deaths >= DEATHS:
                break
        lengths, held = part.batch.lengths, sum(array.nbytes for array in self._arrays)
        raise RuntimeError(
            f"{deaths} workers died over the same part of a minibatch, in the end with "
            "nothing else to compute, and none while there was nothing to compute: the "
            f"part is what kills them. It has {len(lengths)} sequences of up to "
            f"{max(lengths)} steps, for which a worker holds {held / 1e6:.1f} MB of "
            "data. Most often it needs more memory than a worker has; the logs of the "
            "workers' nannies say how they ended. Give workers more memory, or make "
            "parts smaller with a smaller batch_size or a larger n_parts."
        ) from found

    def _blamed(self, error, begun):
        """How many of the deaths since then the tasks that went on are to blame for:
        none, if workers die as well in as much time in which there are no tasks."""
        seconds, self._shared = time.monotonic() - begun, None
        try:
            self.client.wait_for_workers(1, timeout=ABANDONED)
        except TimeoutError:
            raise _abandoned() from error
        before = self._last_death()
        time.sleep(seconds)
        others_die = self._last_death() > before
        # a new one, for what was sent has deaths to its name too
        self._share()
        return 0 if others_die else error.allowed_failures + 1

    def _last_death(self):
        """When a worker was last gone without a word, by the scheduler's clock."""
        return max(
            (
                when
                for when, event in self.client.get_events("all")
                if isinstance(event, dict)
                and event.get("action") == "remove-worker"
                and not event.get("expected")
            ),
            default=0.0,
        )

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
            runs = [runs_of(parts[k].batch) for k in own]
            runs_of_all = map(np.concatenate, zip(*runs))
            future, begins = self._rows.sent(*runs_of_all, where, self._beside)
            ends = np.cumsum([len(starts) for starts, _ in runs])
            for k, part in zip(own, np.split(begins, ends[:-1]), strict=True):
                found[k] = future, part
        return found

    def end(self):
        self._shared = self._arrays = self._ahead = self._rows = self._beside = None
        if self._paused and self.client.status == "running":
            # a scheduler that has lost this client has ended the pause
            with suppress(OSError):
                self.client.run_on_scheduler(end_pause, self.client.id)
