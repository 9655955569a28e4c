"""Processes that measure, and tables: what scripts share."""

import multiprocessing
import os
import time
from contextlib import contextmanager

PAUSE = 0.02  # seconds between turns, for OpenMP's idle threads to fall asleep


class Worker:
    """A fresh process that does what it is asked for.

    Parameters
    ----------
    make_jobs : callable
        Called in the process with `arguments`; what it returns has a method for
        everything the process can be asked for.
    arguments : tuple
        Picklable.
    environment : dict of str to str
        Variables that are there before the first import.
    """

    def __init__(self, make_jobs, arguments, environment):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, make_jobs, arguments), daemon=True
        )
        with variables(environment):
            self.process.start()
        theirs.close()

    def ask(self, job, *arguments, pause=PAUSE):
        """The result of a job."""
        time.sleep(pause)
        self.connection.send((job, arguments))
        return self.connection.recv()

    def stop(self):
        self.connection.send(None)
        self.process.join()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def _serve(connection, make_jobs, arguments):
    jobs = make_jobs(*arguments)
    while (task := connection.recv()) is not None:
        job, arguments = task
        connection.send(getattr(jobs, job)(*arguments))


@contextmanager
def variables(environment):
    """Set environment variables, and put them back."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def print_table(head, rows):
    """A Markdown table whose columns are also aligned in a terminal.

    As tabulate's, which pandas calls, too; so scripts need no more than sklstm does.
    """
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    for row in [head, ["-" * (width - 1) + ":" for width in widths], *rows]:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(f"| {' | '.join(cells)} |")
    print(flush=True)
