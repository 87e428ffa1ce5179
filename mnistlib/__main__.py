"""The command line: python -m mnistlib {report, train, study, data, export, bench}.

Commands import what they need when they run, so that --help answers at once.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable

from mnistlib import base
from mnistlib.base import UserError, expanded

DATA = "folder with the digits or archives (default: $MNIST_DIR, data/raw, a download, the sample)"
MODEL = "lenet5 (default), mlp, lenet5_reg, lenet5_1998, or your own package.module:Class"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 1 or 2 for what failed, 130 after Ctrl-C, 141 if nobody reads."""
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: _say(f"warning: {_line(message)}", 0)
            _run(options)
            sys.stdout.flush()  # an error in this shows here rather than at the very end
            return 0
    except UserError as error:
        return _say(f"error: {error}", error.code)
    except BrokenPipeError:  # as in `… data | head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        return 141
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return _say(f"error: {named}{error.strerror or _line(error) or type(error).__name__}", 2)
    except KeyboardInterrupt:
        return _say("stopped; what was finished stays, and the same command makes the rest", 130)


def _line(message: object) -> str:
    return " ".join(str(message).split())


def _say(line: str, code: int) -> int:
    print(f"mnistlib: {line}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> None:
    match options.command:
        case "report":
            from mnistlib.report import build

            build(options.out, options.data)
        case "train":
            from mnistlib.commands import train_one

            train_one(options)
        case "study":
            from mnistlib.commands import make_study

            make_study(options)
        case "data":
            from mnistlib.dataset import load

            data = load(options.data)
            print(f"{data.name}: {len(data.train):,} training and {len(data.test):,} test digits")
            print(f"found in {data.origin}")
            print(f"fingerprint {data.fingerprint}")
            for name, digest, known in data.files:
                print(f"  {name:24} sha256 {digest} {'(MNIST)' if known else '(not MNIST)'}")
        case "export":
            from mnistlib.dataset import export, load

            for path in export(load(options.data), options.out, overwrite=options.overwrite):
                print(f"wrote {path}")
        case "bench":
            from mnistlib.bench import bench
            from mnistlib.dataset import load

            bench(load(options.data), options.only, options.out)


class _Parser(argparse.ArgumentParser):
    """argparse's, where a mistake is one line that says where help is."""

    def error(self, message: str) -> None:
        self.exit(2, f"mnistlib: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    about = "LeNet-5, an MLP of the same size and a regularized LeNet-5 on MNIST."
    parser = _Parser(prog="python -m mnistlib", description=about)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _command(commands, "report", "run the notebooks and write the report as HTML", "out/report")
    _command(commands, "data", "show which digits are found, where, and their checksums")

    add = _command(commands, "train", "train one model; write its record and its weights", "out")
    add("model", nargs="?", default="lenet5", help=MODEL)
    add("--epochs", type=int, help="instead of the recipe's")
    add("--seed", type=int, default=0, help="of weights, order and distortions")
    add("--device", default="auto", help="cpu, cuda, … (default: a GPU if any)")

    add = _command(commands, "study", "make the runs of the plans in data that are missing")
    add("--only", nargs="+", metavar="ROW", help='such as mlp "lenet5 + dropout"; --dry-run lists')
    add("--seeds", help="such as 10-29, or one (default: the plan's; with --only or --epochs 0-9)")
    add("--epochs", type=int, help="instead of the recipes', for trying out")
    add("--jobs", type=int, help="runs at a time here (default: one a core)")
    add("--scheduler", metavar="ADDRESS", help="of a Dask cluster instead, as tcp://host:8786")
    add("--dry-run", action="store_true", help="say what would run, and how long")
    add("--out", type=expanded, help="of records (data/runs; for other digits or epochs out/runs)")

    about = "write train.tar and test.tar of {id}_{label}.png"
    add = _command(commands, "export", about, "out/export")
    add("--overwrite", action="store_true", help="replace archives that exist")

    about = "time training and reading beside the usual ways"
    add = _command(commands, "bench", about, "out/bench.json")
    add("--only", nargs="+", metavar="NAME", help="a wrong one lists the names")
    return parser


def _command(commands, name: str, about: str, out: str = "") -> Callable:
    """Add a command with --data and, if it writes, --out; returns what adds one more option."""
    add = commands.add_parser(name, help=about, description=about).add_argument
    add("--data", metavar="PATH", help=DATA)
    if out:
        where = f"where to write (default: {out})"
        add("--out", type=expanded, default=base.ROOT / out, help=where)
    return add


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a path may hold what no encoding can
    sys.exit(main())
