"""For those who change the notebooks: python -m mnistlib.report refresh [NOTEBOOK ...]."""

import argparse
import sys

from mnistlib.base import UserError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mnistlib.report")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = "execute the notebooks in place on MNIST, to be committed"
    command = commands.add_parser("refresh", help=about, description=about)
    command.add_argument("names", nargs="*", metavar="NOTEBOOK", help="such as 05_report; all")
    names = parser.parse_args().names
    try:
        from mnistlib.report.refreshing import refresh

        refresh([name.removesuffix(".ipynb") for name in names])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
