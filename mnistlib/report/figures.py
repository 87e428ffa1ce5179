"""What notebooks show: figures with captions, the answer in short, the banner of the sample."""

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mnistlib.base import UserError, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure
    from nbformat import NotebookNode

    from mnistlib.dataset import DigitData
    from mnistlib.runs import Run

DPI = 150
CSS_DPI = 96  # CSS pixels an inch
NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.png")


def show(
    fig: "Figure", name: str, caption: str, alt: str, save_to: str | Path | None = None
) -> None:
    """Display a figure with its caption below it, close it and, with a folder, save it as PNG.

    Call it in the last line of a cell. Alt text and name travel in the output's metadata, from
    where the report's pages take them; viewers that cannot draw show the alt text instead.

    Args:
        fig: any matplotlib figure.
        name: `<notebook no.>_<what>.png`, such as "02_curves.png".
        caption: Markdown; the finding, then n.
        alt: what can be seen, for those who cannot see it.
        save_to: the folder; equal figures give equal bytes.

    Raises:
        UserError: the name has another form, or caption or alt text is empty.
    """
    from IPython.display import Markdown, display

    _expect(name, caption, alt)
    png = render(fig)
    if save_to is not None:
        write_bytes(Path(save_to) / name, png)
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    image = {"alt": alt, "width": css_width(png)}
    display(data, raw=True, metadata={"image/png": image, "mnistlib": {"figure": name}})
    display(Markdown(typeset(f"**Figure.** {caption}")), metadata={"mnistlib": {"caption": name}})


def _expect(name: str, caption: str, alt: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"figure name {name!r}: expected one like '02_curves.png'")
    for what, text in (("caption", caption), ("alt", alt)):
        if not text.strip():
            raise UserError(f"figure {name} has no {what}; state what can be seen")


def render(fig: "Figure") -> bytes:
    """A figure as PNG bytes without a date or a version in them; closes the figure."""
    from matplotlib import pyplot

    buffer = io.BytesIO()
    fig.savefig(
        buffer,
        format="png",
        dpi=DPI,
        bbox_inches="tight",
        facecolor="white",
        metadata={"Software": None},
    )
    pyplot.close(fig)
    return buffer.getvalue()


def css_width(png: bytes) -> int:
    """The width at which a PNG of DPI dots an inch has its true size, in CSS pixels."""
    return round(int.from_bytes(png[16:20], "big") * CSS_DPI / DPI)  # the header's width


def figures(notebook: "NotebookNode") -> "Iterator[tuple[str, bytes]]":
    """Name and PNG bytes of each figure that `show` left in an executed notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("mnistlib", {}).get("figure")
            if name and NAME.fullmatch(name):
                yield name, base64.b64decode(output.data["image/png"])


def typeset(text: str) -> str:
    """The text with a space before each percent sign and no line break inside a name or number."""
    spaced = re.sub(r"(?<=\d) ?%", "\N{NO-BREAK SPACE}%", text)
    return spaced.replace("LeNet-5", "LeNet\N{NON-BREAKING HYPHEN}5")


def plain(name: str) -> str:
    """A name from outside, such as a folder's, for within Markdown: it means nothing there."""
    return re.sub(r"([\\`*_\[\]<>$&|~#])", r"\\\1", name)


def tell(text: str) -> None:
    """Print a line with numbers in it, set as captions are."""
    print(typeset(text))


def say(text: str) -> None:
    """Display a paragraph of Markdown with computed numbers in it."""
    from IPython.display import Markdown, display

    display(Markdown(typeset(text)))


def in_short(text: str) -> None:
    """Display the answer, Markdown with computed numbers in it, set apart from the text."""
    from IPython.display import Markdown, display

    lines = typeset(f"**In short.** {text}").splitlines()
    display(
        Markdown("\n".join(f"> {line}".rstrip() for line in lines)),
        metadata={"mnistlib": {"role": "in-short"}},
    )


def banner(shown: "DigitData | Sequence[Run]") -> None:
    """Say loudly that digits or runs are those of the sample; display nothing for any others."""
    from IPython.display import Markdown, display

    sizes = _sample_sizes(shown)
    if sizes is None:
        return
    n_train, n_test = sizes
    text = (
        f"> ⚠️ **This is not MNIST.** MNIST's files were neither found nor downloaded: this "
        f"page shows the built-in sample of {n_train + n_test:,} digits ({n_train:,} for "
        f"training, {n_test:,} for testing). Its numbers say nothing about the results on MNIST."
    )
    display(Markdown(text), metadata={"mnistlib": {"role": "banner"}})


def _sample_sizes(shown: "DigitData | Sequence[Run]") -> tuple[int, int] | None:
    if hasattr(shown, "is_sample"):
        return (len(shown.train), len(shown.test)) if shown.is_sample else None
    for run in shown:
        if run.dataset["name"] == "sample":
            return run.dataset["n_train"], run.dataset["n_test"]
    return None
