"""A canvas in JupyterLab to draw a digit on: what each step of framing makes of it, and what the
networks say of it. All of it lies in the package: no network is needed."""

import base64
from collections.abc import Mapping
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from mnistlib.beyond import Networks, answers
from mnistlib.dataset import Digits
from mnistlib.dataset.files import encode
from mnistlib.dataset.framing import framed
from mnistlib.model import TITLES

SIDE = 112  # points of the canvas, as in draw.js
STAGES = {"resized": "as drawn", "fitted": "cropped and fitted", "centred": "centred"}


def stages(ink: np.ndarray) -> dict[str, np.ndarray]:
    """What becomes of a drawing [h, w], more is more ink, step by step: each uint8 [28, 28]."""
    return {words: framed(ink, step) for step, words in STAGES.items()}


def opinions(networks: Networks, image: np.ndarray) -> Mapping[str, np.ndarray]:
    """Probabilities [10] of an image uint8 [28, 28] by a model's title: the mean over its seeds."""
    said = answers(networks, Digits(image[None], np.zeros(1, np.int64), "drawn"))
    return {TITLES[model]: of.mean((0, 1)) for model, of in said.items()}


class Drawing(anywidget.AnyWidget):
    """Draw by mouse, finger or keys; it is shown where it is a cell's last line. Its networks are
    by model and seed, as from beyond.kept()."""

    _esm = Path(__file__).with_name("draw.js")
    _css = Path(__file__).with_name("draw.css")
    ink = traitlets.Bytes(bytes(SIDE * SIDE)).tag(  # of the canvas, row by row
        sync=True, from_json=lambda buffer, _: bytes(buffer)
    )
    stages = traitlets.List().tag(sync=True)  # words and a picture's data: URL, in pairs
    said = traitlets.Dict().tag(sync=True)  # ten probabilities by a model's title

    def __init__(self, networks: Networks) -> None:
        super().__init__()
        self.networks = networks

    @traitlets.observe("ink")
    def _answer(self, _: object) -> None:
        ink = np.frombuffer(self.ink, np.uint8).reshape(SIDE, SIDE)
        shown = stages(ink)
        pictures = {words: base64.b64encode(encode(255 - image)) for words, image in shown.items()}
        said = opinions(self.networks, shown["centred"]) if ink.any() else {}
        with self.hold_sync():  # one message for both
            self.said = {title: values.tolist() for title, values in said.items()}
            self.stages = [
                (words, f"data:image/png;base64,{png.decode()}") for words, png in pictures.items()
            ]
