"""LeNet-5, an MLP of the same size and a regularized LeNet-5 on MNIST, with evidence.

The rooms, in the order of the data's way; each imports only from those above it:

    base        where files lie, errors that a user can act on, files written whole
    dataset     bytes on disk -> Digits; the MNIST data set class; fetching and checking
    model       the networks, and `register` for any other
    lenet1998   LeNet-5 as it was in 1998, with the loss and the optimizer of its time
    augment     techniques that act on batches, and `technique` for any other
    distortion  kinds of distortion beyond those of training, from mild to strong
    counting    parameters, sizes and work of a network, layer by layer
    config      Recipe: all that decides a run but seed and digits; the study's rows
    runs        Run <-> JSON; records and weights found by row and seed
    course      batches, optimizer, checkpoints: the moving parts of a run
    train       train(), test(), fit(recipe, data, seed) -> Run
    processes   work side by side here, in processes that end with the first one
    study       many runs, here or on a cluster
    stats       arrays in, intervals and tests out
    comparison  runs in, paired comparisons, verdicts and the headline table out
    plan        what was tried, chosen, and tried again from fresh seeds
    claims      the report's sentences and tables
    beyond      what trained networks say of distorted digits, and of those of others
    draw        a canvas in JupyterLab to draw a digit on
    plots       arrays in, axes out
    notebook    what notebooks call: check() parameters, show() figures
    bench       how fast, beside the usual ways
    commands    what train and study do on the command line
    execution   notebooks executed side by side
    report      what came of them, written as a book of pages
"""

import os
from importlib import import_module

__version__ = "1.0.0"

# The same bits on every x86-64 processor with AVX2: without these, PyTorch's libraries choose other
# instructions on other processors, and MKL other kernels for other vendors. They are read when
# torch first computes; whoever sets one beforehand keeps it (and other bits).
for _name, _value in {
    "MKL_CBWR": "COMPATIBLE",  # the one branch of MKL that is the same for all vendors
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}.items():
    os.environ.setdefault(_name, _value)

_HOMES = {  # what most people need
    "dataset": ("MNIST", "load"),
    "model": ("LeNet5", "CustomMLP", "register"),
    "config": ("Recipe", "recipe", "technique"),
    "train": ("fit",),
    "study": ("validation_data",),
    "comparison": ("compare",),
}


def __getattr__(name: str) -> object:
    """What most people need, from here as well; torch takes seconds, and --help none of it."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
