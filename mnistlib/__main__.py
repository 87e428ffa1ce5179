"""The command line: python -m mnistlib {report, train, study, data, export, bench}.

Commands import what they need when they run, so that --help answers at once.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path

from mnistlib import base
from mnistlib.base import UserError, expanded, within

DATA = {
    "metavar": "PATH",
    "help": "folder with the digits or their archives (default: $MNIST_DIR, data/raw, a download, "
    "and where none of them answers, the built-in sample)",
}
EPOCHS = {"type": int, "help": "instead of the recipe's"}
THREADS = {"type": int, "default": 1, "help": "of the CPU (default: 1; more give other bits)"}


def out(default: str, what: str = "where to write", metavar: str = "DIR") -> dict:
    """The option --out, with a default below the project's folder."""
    words = f"{what} (default: {default})"
    return {"type": Path, "default": base.ROOT / default, "metavar": metavar, "help": words}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 2 for a mistake that has a message, 130 after Ctrl-C.

    141 where the reader of its output has gone.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: _say(f"warning: {_line(message)}", 0)
            for name in ("data", "out"):
                if value := getattr(options, name, None):
                    setattr(options, name, type(value)(expanded(value)))
            code = options.run(options) or 0
            sys.stdout.flush()  # an error in this shows here rather than at the very end
            return code
    except UserError as error:
        return _say(f"error: {error}", 2)
    except BrokenPipeError:  # as in `… data | head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        return 141
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        return _say(f"error: {named}{error.strerror or _line(error) or type(error).__name__}", 2)
    except KeyboardInterrupt:
        return _say("stopped; files that were finished stay", 130)


def _line(message: object) -> str:
    return " ".join(str(message).split())


def _say(line: str, code: int) -> int:
    print(f"mnistlib: {line}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse's, where a mistake is one line that says where help is."""

    def error(self, message: str) -> None:
        self.exit(2, f"mnistlib: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    about = "LeNet-5, an MLP of the same size and a regularized LeNet-5 on MNIST."
    parser = _Parser(prog="python -m mnistlib", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (run, about, options) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        for option, how in options.items():
            command.add_argument(option, **how)
    return parser


def _report(options: argparse.Namespace) -> int:
    from mnistlib.report import build

    return build(out=options.out, data_dir=options.data)


def _train(options: argparse.Namespace) -> None:
    within("seed", options.seed, 0, 2**32 - 1)  # before the slow imports: it answers at once
    within("threads", options.threads, 1, 1024)
    from mnistlib.config import recipe
    from mnistlib.session import train_and_save

    changes = {} if options.epochs is None else {"epochs": options.epochs}
    how = options.seed, options.data, options.out, options.device, options.threads
    train_and_save(recipe(options.model, **changes), *how)


def _study(options: argparse.Namespace) -> int:
    from mnistlib.study_command import command

    return command(options)


def _data(options: argparse.Namespace) -> None:
    from mnistlib.dataset import describe, load

    facts = describe(load(options.data))
    print(f"{facts.name}: {facts.n_train:,} training and {facts.n_test:,} test digits")
    print(f"found in {facts.origin}")
    print(f"fingerprint {facts.fingerprint}")
    for name, digest, known in facts.files:
        print(f"  {name:24} sha256 {digest} {'(MNIST)' if known else '(not MNIST)'}")
    for digit, train, test in facts.classes:
        print(f"  class {digit}: {train:6,} training {test:6,} test")


def _export(options: argparse.Namespace) -> None:
    from mnistlib.dataset import export, load

    for path in export(load(options.data), options.out, overwrite=options.overwrite):
        print(f"wrote {path}")


def _bench(options: argparse.Namespace) -> None:
    from mnistlib.bench import QUICK, bench
    from mnistlib.dataset import load

    given = {name: getattr(options, name) for name in ("batches", "repetitions", "threads")}
    changes = {name: value for name, value in given.items() if value is not None}
    usual = QUICK if options.quick else {}
    bench(load(options.data), options.only, options.out, **{**usual, **changes})


COMMANDS = {  # what it does, in words, and its options as argparse has them
    "report": (
        _report,
        "run the notebooks and write the report as HTML",
        {"--data": DATA, "--out": out("out/report")},
    ),
    "train": (
        _train,
        "train one model; write its record and its curves",
        {
            "model": {
                "nargs": "?",
                "default": "lenet5",
                "help": "lenet5 (default), mlp, lenet5_reg, or package.module:Class of your own",
            },
            "--data": DATA,
            "--epochs": EPOCHS,
            "--seed": {"type": int, "default": 0, "help": "of weights, order and distortions"},
            "--device": {"default": "auto", "help": "cpu, cuda, … (default: a GPU if any)"},
            "--threads": THREADS,
            "--out": out("out"),
        },
    ),
    "study": (
        _study,
        "make the runs behind the report that are missing, several at a time",
        {
            "--data": DATA,
            "--only": {
                "nargs": "+",
                "metavar": "ROW",
                "help": 'such as mlp "lenet5 + dropout"; --dry-run lists',
            },
            "--seeds": {"default": "0-9", "help": "such as 10-29, or one (default: 0-9)"},
            "--epochs": {"type": int, "help": "instead of the recipes', for trying out"},
            "--jobs": {"type": int, "help": "runs at a time here (default: one a core)"},
            "--backend": {"choices": ("loky", "dask"), "help": "processes here, or Dask"},
            "--scheduler": {"metavar": "ADDRESS", "help": "of a Dask cluster, as tcp://host:8786"},
            "--dry-run": {"action": "store_true", "help": "say what would run, and how long"},
            "--out": {
                "type": Path,
                "metavar": "DIR",
                "help": "of records (default: data/runs; for other digits or epochs out/runs)",
            },
        },
    ),
    "data": (_data, "show which digits are found, where, and their checksums", {"--data": DATA}),
    "export": (
        _export,
        "write train.tar and test.tar of {id}_{label}.png",
        {
            "--data": DATA,
            "--overwrite": {"action": "store_true", "help": "replace archives that exist"},
            "--out": out("out/export"),
        },
    ),
    "bench": (
        _bench,
        "time training and reading beside the usual ways",
        {
            "--data": DATA,
            "--quick": {"action": "store_true", "help": "fewer batches and repetitions"},
            "--batches": {"type": int, "help": "of 64 images a repetition"},
            "--repetitions": {"type": int, "help": "of each contestant"},
            "--threads": THREADS,
            "--only": {"nargs": "+", "metavar": "NAME", "help": "a wrong one lists the names"},
            "--out": out("out/bench.json", metavar="FILE"),
        },
    ),
}

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a path may hold what no encoding can
    sys.exit(main())
