"""What notebooks call: checked parameters, figures with captions, sentences, the sample's banner.

papermill passes on what it is given: `-p modle mlp` sets a variable that nobody reads, and
`-p epochs three` a string. So each notebook checks, and stops with one line.
"""

import base64
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from IPython.display import Markdown, display
from matplotlib import pyplot

from mnistlib.base import UserError, expanded, expect_writable, pick, write_bytes

Rule = Callable[[object], object]
DPI, CSS_DPI = 150, 96  # dots an inch of our pictures, and of CSS
SAMPLE = (
    "MNIST's files were neither found nor downloaded: this page shows the built-in sample of its "
    "training digits. Its numbers say nothing about the results on MNIST."
)
NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.png")


def check(namespace: Mapping[str, object], **rules: Rule) -> SimpleNamespace:
    """Check a notebook's parameters and return them, each in the form that its rule gives it.

    Args:
        namespace: the notebook's `globals()`.
        rules: one for each parameter, such as whole(): what gets a value and returns it.

    UserError where papermill was given a name that is no parameter, or a rule refuses a value.
    """
    injected = [cell for cell in namespace.get("In", []) if cell.startswith("# Parameters")]
    # --inject-paths of papermill sets PAPERMILL_…, which is no mistake
    for name in re.findall(r"^(?!PAPERMILL_)(\w+) =", "\n".join(injected), re.M):
        pick("parameter", name, rules)
    given = {}
    for name, rule in rules.items():
        try:
            given[name] = rule(namespace[name])
        except UserError as error:
            raise UserError(f"{name}={namespace[name]!r}: {error}") from None
    return SimpleNamespace(**given)


def whole(maximum: int = 2**32 - 1) -> Rule:
    """A whole number from 0 to `maximum`; True, 3.0 and "3" are none."""

    def rule(value: object) -> int:
        if type(value) is not int or not 0 <= value <= maximum:
            raise UserError(f"expected a whole number from 0 to {maximum}")
        return value

    return rule


def folder(default: str | Path | None = None, exists: bool = False) -> Rule:
    """A folder to write to or, where it `exists`, to read; "" means `default`."""

    def rule(value: object) -> Path | None:
        value = default if value in ("", None) else value
        if value is None:
            return None
        if not isinstance(value, str | Path):
            raise UserError("expected the path of a folder")
        path = expanded(value)
        if exists and not path.is_dir():
            raise UserError("there is no such folder; correct the path")
        return path if exists else expect_writable(path)

    return rule


def show(fig, name: str, caption: str, alt: str, save_to: str | Path | None = None) -> None:
    """Display a figure with its caption below it, close it and, with a folder, save it as PNG.

    Call it in a cell's last line. Alt text and name travel in the output's metadata, to the pages.

    Args:
        name: `<notebook no.>_<what>.png`, such as "02_curves.png".
        caption: Markdown; the finding, then n.
        alt: what can be seen, for those who cannot see it.
        save_to: the folder; equal figures give equal bytes.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"figure name {name!r}: expected one like '02_curves.png'")
    buffer = io.BytesIO()
    look = {"dpi": DPI, "bbox_inches": "tight", "facecolor": "white"}
    fig.savefig(buffer, metadata={"Software": None}, **look)  # no date, no version
    pyplot.close(fig)
    png = buffer.getvalue()
    if save_to is not None:
        write_bytes(Path(save_to) / name, png)
    width = round(int.from_bytes(png[16:20], "big") * CSS_DPI / DPI)  # from the PNG's header
    about = {"image/png": {"alt": alt, "width": width}, "mnistlib": {"figure": name}}
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    display(data, raw=True, metadata=about)
    say(f"**Figure.** {caption}", metadata={"mnistlib": {"caption": name}})


def typeset(text: str) -> str:
    """The text with a space before each percent sign, and no line break inside a number or a name
    or after the plus of what is added."""
    spaced = re.sub(r"(?<=\d) ?%", "\N{NO-BREAK SPACE}%", text)
    spaced = re.sub(r"\+ (?=[A-Za-z])", "+\N{NO-BREAK SPACE}", spaced)
    return spaced.replace("LeNet-5", "LeNet\N{NON-BREAKING HYPHEN}5")


def plain(name: str) -> str:
    """A name from outside, such as a folder's, for within Markdown: it means nothing there."""
    return re.sub(r"([\\`*_\[\]<>$&|~#:])", r"\\\1", " ".join(name.split()))


def tell(text: str) -> None:
    """Print a line with numbers in it, set as captions are."""
    print(typeset(text))


def say(text: str, **options: object) -> None:
    """Display a paragraph of Markdown with computed numbers in it; options are IPython's."""
    display(Markdown(typeset(text)), **options)


def in_short(text: str) -> None:
    """Display the answer, Markdown with computed numbers in it, set apart from the text."""
    say(f"> **In short.** {text}".replace("\n", "\n> "))


def banner(shown) -> None:
    """Say loudly that digits (a DigitData) or runs (a sequence of Run) are those of the sample."""
    digits = [shown.name] if hasattr(shown, "name") else [run.dataset["name"] for run in shown]
    if any(name.split(", ")[0] == "sample" for name in digits):
        say(f"> ⚠️ **This is not MNIST.** {SAMPLE}")
