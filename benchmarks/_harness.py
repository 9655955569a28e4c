"""Processes that are timed in turns, and the tables of what they took."""

import multiprocessing
import os
import platform
import statistics
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from _machine import description
from _workers import PAUSE, print_table, variables

STEP_SECONDS = 0.1  # the least that a measurement of a repeated step lasts


class Library(NamedTuple):
    """A library that takes part: the module of this folder that knows how.

    The module has `describe()`, which returns a text and the number of threads, and a
    function for each task, which prepares it and returns what does it once: a callable
    that returns the seconds it took and a remark.
    """

    module: str
    packages: tuple[str, ...]
    # Variables that it starts with; `{n_threads}` stands for the number of threads.
    environment: dict[str, str] = {}
    # Whether it must be kept to as many processors as it may use threads.
    pin: bool = False
    # Whether each measurement is made in a new process.
    fresh: bool = False

    def missing(self):
        """The package that is not installed, or None."""
        for package in self.packages:
            try:
                version(package)
            except PackageNotFoundError:
                return package
        return None


# ---- in the process of a library ---------------------------------------------------


def serve(connection, library, n_threads):
    """Do what the parent asks for until it asks for nothing."""
    try:
        if library.pin and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
        module = import_module(library.module)
        versions = [f"{package} {version(package)}" for package in library.packages]
        connection.send((versions, *module.describe()))
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return
    known = {}
    while (task := connection.recv()) is not None:
        if task not in known:
            known.clear()  # the memory of the last one
            name, *arguments = task
            known[task] = getattr(module, name)(*arguments)
        connection.send(known[task]())


def repeated(step, remark=""):
    """What measures one call of `step`, the mean of as many as fill STEP_SECONDS."""

    def measure():
        calls, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < STEP_SECONDS:
            step()
            calls += 1
        return elapsed / calls, remark

    return measure


def repeated_pair(first, second):
    """What measures two steps that come one after the other, each as above."""

    def measure():
        calls, seconds = 0, [0.0, 0.0]
        while sum(seconds) < STEP_SECONDS:
            start = time.perf_counter()
            first()
            middle = time.perf_counter()
            second()
            seconds[0] += middle - start
            seconds[1] += time.perf_counter() - middle
            calls += 1
        return [value / calls for value in seconds], ""

    return measure


# ---- in the parent: who is asked what, and when ------------------------------------


class Worker:
    """The process of one library and one number of threads."""

    def __init__(self, name, library, n_threads):
        self.name = name
        environment = {"OMP_NUM_THREADS": "{n_threads}", **library.environment}
        environment = {
            key: value.format(n_threads=n_threads) for key, value in environment.items()
        }
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Not a daemon, which could not start the processes of joblib.
        self.process = context.Process(target=serve, args=(theirs, library, n_threads))
        with variables(environment):
            self.process.start()
        theirs.close()
        answer = self._answer("start")
        if isinstance(answer, str):
            self.process.join()
            raise RuntimeError(answer)
        self.versions, self.note, self.n_threads = answer

    def ask(self, task):
        time.sleep(PAUSE)
        self.connection.send(task)
        return self._answer(task)

    def _answer(self, task):
        try:
            return self.connection.recv()
        except EOFError:
            raise RuntimeError(f"{self.name}: the process ended at {task}") from None

    def stop(self):
        try:
            self.connection.send(None)
        except BrokenPipeError:
            pass
        self.process.join(timeout=10)
        self.process.kill()


class FreshWorker:
    """A process for each measurement, so that what is done only once is counted.

    The start of the process, imports and data come before the measurement.
    """

    def __init__(self, name, library, n_threads):
        self.name = name
        self._start = lambda: Worker(name, library, n_threads)
        worker = self._start()
        self.versions = worker.versions
        self.note = f"{worker.note}; a new process for each measurement"
        self.n_threads = worker.n_threads
        worker.stop()

    def ask(self, task):
        worker = self._start()
        try:
            return worker.ask(task)
        finally:
            worker.stop()

    def stop(self):
        pass


def alternate(turns, repeats, *, first_round=False):
    """What (worker, task) pairs took, in turns: a list for each, and the last remarks.

    The first round is not counted, unless it is asked for.
    """
    seconds = [[] for _ in turns]
    remarks = [""] * len(turns)
    for repeat in range(repeats + (not first_round)):
        for k, (worker, task) in enumerate(turns):
            elapsed, remarks[k] = worker.ask(task)
            if repeat or first_round:
                seconds[k].append(elapsed)
    return seconds, remarks


class OtherLoad:
    """What other processes take of the machine while this is open, as Linux says it.

    All processes of the run are in one process group; stolen time is the others'.
    """

    def __enter__(self):
        self._begin = self._seconds()
        return self

    def __exit__(self, *exception):
        busy, idle, ours = (
            end - begin for begin, end in zip(self._begin, self._seconds(), strict=True)
        )
        self.share = max(0.0, busy - ours) / max(busy + idle, 1)

    @staticmethod
    def _seconds():
        """Clock ticks of the machine, busy and idle, and of our process group."""
        try:
            first_line = Path("/proc/stat").read_text().splitlines()[0]
        except OSError:
            return 0, 0, 0
        user, nice, system, idle, iowait, *interrupts_and_stolen = (
            int(field) for field in first_line.split()[1:9]
        )
        ours = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended
            if int(fields[2]) == os.getpgrp():
                ours += sum(map(int, fields[11:15]))  # children that ended included
        busy = user + nice + system + sum(interrupts_and_stolen)
        return busy, idle + iowait, ours


# ---- what is printed ---------------------------------------------------------------


def spread(values, unit):
    """Median and range in units of `unit` seconds, as text."""
    values = [value / unit for value in values]
    median = statistics.median(values)
    digits = 0 if median >= 1000 else 1 if median >= 10 else 2
    low, high = min(values), max(values)
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def print_setting(workers):
    """The machine, and the versions and threads of every process."""
    print(f"{description()}; {platform.platform()}, ", end="")
    print(f"Python {platform.python_version()}, ", end="")
    print(f"load before the start {os.getloadavg()[0]:.1f}.\n")
    head = ["process", "threads", "versions", "remarks"]
    rows = []
    for worker in workers:
        versions = ", ".join(worker.versions)
        rows.append([worker.name, str(worker.n_threads), versions, worker.note])
    print_table(head, rows)
