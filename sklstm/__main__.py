"""`python -m sklstm`: what a bug report needs, and with --selftest a check of it."""

import argparse
import sys

from ._show_versions import show_versions


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m sklstm",
        description="Print versions, the instruction set and the number of threads "
        "that sklstm uses here, and why.",
    )
    parser.add_argument(
        "--selftest",
        action="store_true",
        help="also check the kernels on this machine, on every instruction set that it "
        "runs: about a minute, a line for each check; the exit status is 1 if one "
        "of them fails",
    )
    options = parser.parse_args(arguments)
    if not options.selftest:
        show_versions()
        return 0
    from ._selftest import run

    return 0 if run() else 1


if __name__ == "__main__":
    sys.exit(main())
