"""How long `import sklstm` takes, beside scikit-learn's networks and PyTorch.

    python benchmarks/import_time.py
    python benchmarks/import_time.py --output      # into the folder of this machine

Every import is one of a fresh process; the libraries take turns and the first round,
which reads the files from disk, is not counted. A library that is not installed is left
out.
"""

import argparse
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

from _machine import add_output, description, title, written_to
from _workers import print_table

MODULES = {
    "numpy": "numpy",
    "sklearn.neural_network": "scikit-learn",
    "sklstm": "sklstm",
    "torch": "torch",
}
TIMED = """\
import sys, time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start, len(sys.modules))
"""


def import_once(module):
    """Seconds of the import in a fresh process, and the modules there afterwards."""
    command = [sys.executable, "-P", "-c", TIMED.format(module=module)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, n_modules = output.stdout.split()
    return float(seconds), int(n_modules)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11)
    add_output(parser)
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error("repeats must be at least 1")
    with written_to(options.output, "import_time"):
        report(options.repeats)


def report(repeats):
    modules = [module for module in MODULES if find_spec(module.split(".")[0])]
    rounds = [[import_once(module) for module in modules] for _ in range(repeats + 1)]
    columns = dict(zip(modules, zip(*rounds[1:])))
    medians = {
        module: statistics.median(seconds for seconds, _ in results)
        for module, results in columns.items()
    }
    rows = []
    for module, results in columns.items():
        seconds = [seconds for seconds, _ in results]
        rows.append(
            [
                f"import {module}",
                version(MODULES[module]),
                f"{medians[module] * 1e3:.0f}",
                f"{min(seconds) * 1e3:.0f} to {max(seconds) * 1e3:.0f}",
                f"{medians[module] / medians['sklstm']:.2f}",
                str(results[0][1]),
            ]
        )
    print(f"# Import: {title()}\n")
    print(f"{description()}; Python {platform.python_version()}.\n")
    print(f"Milliseconds in a fresh process, medians of {repeats}, in turns.\n")
    head = ["", "version", "ms", "smallest to largest", "÷ sklstm", "modules"]
    print_table(head, rows)


if __name__ == "__main__":
    main()
