"""What notebooks call: checked parameters, figures with captions, sentences, the sample's banner.

papermill passes on what it is given: `-p modle mlp` sets a variable that nobody reads, and
`-p epochs three` a string. So each notebook checks, and stops at once with one line:

    given = check(globals(), model=network_name(), epochs=whole(0), data_dir=folder())
"""

import ast
import base64
import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from IPython.display import Markdown, display
from matplotlib import pyplot

from mnistlib.base import UserError, expanded, expect_writable, pick, write_bytes
from mnistlib.model import find

Rule = Callable[[str, object], object]
DPI, CSS_DPI = 150, 96  # dots an inch of our pictures, and of CSS
NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*\.png")


class ParameterError(UserError):
    """A parameter of a notebook that cannot be used."""


def check(namespace: Mapping[str, object], **rules: Rule) -> SimpleNamespace:
    """Check a notebook's parameters and return them, each in the form that its rule gives it.

    Args:
        namespace: the notebook's `globals()`.
        rules: one for each parameter of the notebook: choice, whole, flag or folder.

    Raises:
        ParameterError: papermill was given a name that is none of the notebook's parameters, a
            value is not as its rule says, or a parameter was deleted.
    """
    try:
        for name in _injected(namespace):
            pick("parameter", name, rules)
        for name in rules:
            pick("name", name, namespace)
        return SimpleNamespace(
            **{name: rule(name, namespace[name]) for name, rule in rules.items()}
        )
    except UserError as error:
        raise ParameterError(str(error)) from None


def _injected(namespace: Mapping[str, object]) -> list[str]:
    """Names that papermill was given, read from IPython's list of the cells run so far.

    Its own PAPERMILL_INPUT_PATH and PAPERMILL_OUTPUT_PATH, which --inject-paths sets, are none.
    """
    cells = [cell for cell in namespace.get("In", []) if cell.startswith("# Parameters")]
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell))]
    names = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return [name for name in names if not name.startswith("PAPERMILL_")]


def network_name() -> Rule:
    """A registered network's name; "package.module:Class" is imported and stands for it too."""
    return lambda _, value: find(value)


def whole(minimum: int = 0, maximum: int = 2**32 - 1) -> Rule:
    """A whole number from `minimum` to `maximum`; True, 3.0 and "3" are none."""

    def rule(name: str, value: object) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            expected = f"expected a whole number from {minimum} to {maximum}"
            raise UserError(f"{name}={value!r}: {expected}; give one, as in -p {name} {minimum}")
        return value

    return rule


def flag() -> Rule:
    """True or False; papermill takes exactly these two words."""

    def rule(name: str, value: object) -> bool:
        if type(value) is not bool:
            raise UserError(f"{name}={value!r}: expected True or False")
        return value

    return rule


def folder(default: str | Path | None = None, exists: bool = False) -> Rule:
    """A folder, or `default` where the parameter is the empty string.

    Args:
        default: what "" stands for.
        exists: whether what is given must be there already, to be read; anything else must be fit
            to be written to.
    """

    def rule(name: str, value: object) -> Path | None:
        value = default if value in ("", None) else value
        if value is None:
            return None
        if not isinstance(value, str | Path):
            raise UserError(f"{name}={value!r}: expected the path of a folder")
        path = expanded(value)
        if exists and not path.exists():
            raise UserError(f"{name}={value!r}: there is no such folder; correct the path")
        if path.is_file():
            raise UserError(f"{name}={value!r}: expected a folder, found a file; give its folder")
        return path if exists else expect_writable(path)

    return rule


def show(fig, name: str, caption: str, alt: str, save_to: str | Path | None = None) -> None:
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
    if not NAME.fullmatch(name):
        raise UserError(f"figure name {name!r}: expected one like '02_curves.png'")
    if not caption.strip() or not alt.strip():
        raise UserError(f"figure {name} has no caption or no alt text; state what can be seen")
    png = render(fig)
    if save_to is not None:
        write_bytes(Path(save_to) / name, png)
    width = round(int.from_bytes(png[16:20], "big") * CSS_DPI / DPI)  # from the PNG's header
    image = {"alt": alt, "width": width}
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": image, "mnistlib": {"figure": name}})
    _markdown(f"**Figure.** {caption}", caption=name)


def render(fig) -> bytes:
    """A figure as PNG bytes without a date or a version in them; closes the figure."""
    buffer = io.BytesIO()
    look = {"dpi": DPI, "bbox_inches": "tight", "facecolor": "white"}
    fig.savefig(buffer, format="png", metadata={"Software": None}, **look)
    pyplot.close(fig)
    return buffer.getvalue()


def typeset(text: str) -> str:
    """The text with a space before each percent sign and no line break inside a name or number."""
    spaced = re.sub(r"(?<=\d) ?%", "\N{NO-BREAK SPACE}%", text)
    return spaced.replace("LeNet-5", "LeNet\N{NON-BREAKING HYPHEN}5")


def plain(name: str) -> str:
    """A name from outside, such as a folder's, for within Markdown: it means nothing there."""
    return re.sub(r"([\\`*_\[\]<>$&|~#:])", r"\\\1", " ".join(name.split()))


def _markdown(text: str, **about: str) -> None:
    display(Markdown(typeset(text)), metadata={"mnistlib": about} if about else None)


def tell(text: str) -> None:
    """Print a line with numbers in it, set as captions are."""
    print(typeset(text))


def say(text: str) -> None:
    """Display a paragraph of Markdown with computed numbers in it."""
    _markdown(text)


def in_short(text: str) -> None:
    """Display the answer, Markdown with computed numbers in it, set apart from the text."""
    lines = f"**In short.** {text}".splitlines()
    _markdown("\n".join(f"> {line}".rstrip() for line in lines), role="in-short")


def banner(shown) -> None:
    """Say loudly that digits or runs are those of the sample; display nothing for any others.

    Args:
        shown: a DigitData, or a sequence of Run.
    """
    if hasattr(shown, "is_sample"):
        sizes = [(len(shown.train), len(shown.test))] if shown.is_sample else []
    else:
        facts = [run.dataset for run in shown if run.dataset["name"] == "sample"]
        sizes = [(fact["n_train"], fact["n_test"]) for fact in facts]
    for n_train, n_test in sizes[:1]:
        _markdown(
            f"> ⚠️ **This is not MNIST.** MNIST's files were neither found nor downloaded: this "
            f"page shows the built-in sample of {n_train + n_test:,} digits ({n_train:,} for "
            f"training, {n_test:,} for testing). Its numbers say nothing about the results on "
            f"MNIST.",
            role="banner",
        )
