"""The command line: python -m mnistlib {report, train, study, data, export, bench}."""

import argparse
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

from mnistlib import base
from mnistlib.base import UserError, expanded, within

MAX_SEED = 2**32 - 1  # as of the notebooks' parameters
MAX_THREADS = 1024


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 2 for a mistake that has a message, 130 after Ctrl-C.

    141 where the reader of its output has gone.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return _run(options)
    except UserError as error:
        return _say(f"error: {error}", 2)
    except BrokenPipeError:  # as in `… data | head -1`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still unsaid
        return 141
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        return _say(f"error: {named}{reason}", 2)
    except KeyboardInterrupt:
        return _say("stopped; files that were finished stay", 130)


def _run(options: argparse.Namespace) -> int:
    for name in ("data", "out"):
        if value := getattr(options, name, None):
            setattr(options, name, type(value)(expanded(value)))
    code = options.run(options) or 0
    sys.stdout.flush()  # an error in this shows here rather than at the very end
    return code


def _say(line: str, code: int) -> int:
    print(f"mnistlib: {line}", file=sys.stderr)
    return code


def _warn(message: Warning, *_) -> None:
    _say(f"warning: {' '.join(str(message).split())}", 0)


class _Parser(argparse.ArgumentParser):
    """argparse's, where a mistake is one line that says where help is."""

    def error(self, message: str) -> None:
        self.exit(2, f"mnistlib: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m mnistlib",
        description="LeNet-5, an MLP of the same size and a regularized LeNet-5 on MNIST.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_report, _add_train, _add_study, _add_data, _add_export, _add_bench):
        add(commands)
    return parser


def _add(commands, name: str, run, about: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about)
    command.set_defaults(run=run)
    command.add_argument(
        "--data",
        metavar="PATH",
        help="folder with the digits or their archives (default: $MNIST_DIR, data/raw, a download, "
        "and where none of them answers, the built-in sample)",
    )
    return command


def _add_report(commands) -> None:
    command = _add(commands, "report", _report, "run the notebooks and write the report as HTML")
    _add_out(command, base.OUT / "report")


def _add_train(commands) -> None:
    command = _add(commands, "train", _train, "train one model; write its record and its curves")
    names = "lenet5 (default), mlp, lenet5_reg, or package.module:Class of your own"
    command.add_argument("model", nargs="?", default="lenet5", help=names)
    command.add_argument("--epochs", type=int, help="instead of the recipe's")
    command.add_argument("--seed", type=int, default=0, help="of weights, order and distortions")
    command.add_argument("--device", default="auto", help="cpu, cuda, … (default: a GPU if any)")
    command.add_argument(
        "--threads", type=int, default=1, help="of the CPU (default: 1; more give other bits)"
    )
    _add_out(command, base.OUT)


def _add_study(commands) -> None:
    about = "make the runs behind the report that are missing, several at a time"
    command = _add(commands, "study", _study, about)
    command.add_argument(
        "--only", nargs="+", metavar="ROW", help='such as mlp "lenet5 + dropout"; --dry-run lists'
    )
    command.add_argument("--seeds", default="0-9", help="such as 0,3,7-8 (default: 0-9)")
    command.add_argument("--epochs", type=int, help="instead of the recipes', for trying out")
    command.add_argument("--jobs", type=int, help="runs at a time here (default: one a core)")
    command.add_argument(
        "--backend", choices=("loky", "dask"), help="processes here (default), or Dask"
    )
    command.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786"
    )
    command.add_argument("--dry-run", action="store_true", help="say what would run, and how long")
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where records are (default: data/runs; for other digits or epochs out/runs)",
    )


def _add_data(commands) -> None:
    _add(commands, "data", _data, "show which digits are found, where, and their checksums")


def _add_export(commands) -> None:
    command = _add(commands, "export", _export, "write train.tar and test.tar of {id}_{label}.png")
    _add_out(command, base.OUT / "export")
    command.add_argument("--overwrite", action="store_true", help="replace archives that exist")


def _add_bench(commands) -> None:
    command = _add(commands, "bench", _bench, "time training and reading beside the usual ways")
    command.add_argument("--quick", action="store_true", help="fewer batches and repetitions")
    command.add_argument("--batches", type=int, help="of 64 images a repetition")
    command.add_argument("--repetitions", type=int, help="of each contestant")
    command.add_argument("--threads", type=int, default=1, help="of the CPU (default: 1)")
    command.add_argument("--only", nargs="+", metavar="NAME", help="a wrong one lists the names")
    _add_out(command, base.OUT / "bench.json", "FILE")


def _add_out(command: argparse.ArgumentParser, default: Path, metavar: str = "DIR") -> None:
    shown = default.relative_to(base.ROOT)
    command.add_argument(
        "--out",
        type=Path,
        default=default,
        metavar=metavar,
        help=f"where to write (default: {shown})",
    )


def _report(options: argparse.Namespace) -> int:
    from mnistlib.report import build

    return build(out=options.out, data_dir=options.data)


def _train(options: argparse.Namespace) -> None:
    within("seed", options.seed, 0, MAX_SEED)  # before the slow imports: a mistake answers at once
    within("threads", options.threads, 1, MAX_THREADS)
    from mnistlib.config import recipe
    from mnistlib.session import train_and_save

    changes = {} if options.epochs is None else {"epochs": options.epochs}
    how = options.seed, options.data, options.out, options.device, options.threads
    train_and_save(recipe(options.model, **changes), *how)


def _study(options: argparse.Namespace) -> int:
    from mnistlib.study_command import command

    return command(
        options.only,
        options.seeds,
        options.epochs,
        options.data,
        options.out,
        options.dry_run,
        jobs=options.jobs,
        backend=options.backend,
        scheduler=options.scheduler,
    )


def _data(options: argparse.Namespace) -> None:
    from mnistlib.dataset import describe, load, place

    facts = describe(load(options.data))
    print(f"{facts.name}: {facts.n_train:,} training and {facts.n_test:,} test digits")
    print(f"found in {place(options.data)}: {facts.origin}")
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
    from mnistlib.bench import bench
    from mnistlib.bench.contestants import choose
    from mnistlib.bench.settings import QUICK, Settings
    from mnistlib.dataset import load

    given = {name: getattr(options, name) for name in ("batches", "repetitions", "threads")}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = replace(QUICK if options.quick else Settings(), **changes)
    names = choose(options.only)
    bench(load(options.data), settings, names, options.out)


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a path may hold what no encoding can
    sys.exit(main())
