"""What the scripts share to report: options, numbers with their spread, tables."""

import argparse
import os
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))
from _machine import description, processor  # noqa: E402
from _workers import print_table  # noqa: E402

__all__ = [
    "description", "make_parser", "mean_sd", "print_setting", "print_table", "skip",
]  # fmt: skip


def make_parser(description, names):
    """The options that all scripts have; `names` is what there is to choose from."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many; default 5")
    parser.add_argument("--jobs", type=int, default=2, help="processes; default 2")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        default=list(names),
        choices=list(names),
        help="; ".join(names),
    )
    return parser


def print_setting(title, arguments):
    """A heading, and what is needed to repeat the run."""
    packages = ("sklstm", "numpy", "scikit-learn")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(f"## {title}\n")
    print(
        f"{arguments.seeds} seeds. {arguments.jobs} processes of one thread on "
        f"{processor()}, {os.cpu_count()} processors; "
        f"Python {platform.python_version()}, {versions}.\n",
        flush=True,
    )


def mean_sd(values, digits=3):
    """Mean ± standard deviation as text; one number alone has no deviation."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


@cache
def skip(what, reason):
    """Say that something is left out, once."""
    print(f"Left out: {what}. {reason.rstrip('.')}.\n", flush=True)
