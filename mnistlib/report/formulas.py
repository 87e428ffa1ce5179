"""TeX formulas as MathML, which browsers draw by themselves: no script, no network."""

import re
from html import unescape
from xml.etree import ElementTree as ET

from mnistlib.base import UserError

MATHML = "http://www.w3.org/1998/Math/MathML"
TAGS = {
    *("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle"),
    *(
        "msub",
        "msup",
        "msubsup",
        "munder",
        "mover",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "mpadded",
    ),
    *("menclose", "mphantom"),
}
ATTRIBUTES = {
    *("display", "displaystyle", "scriptlevel", "columnalign", "rowspacing", "columnspacing"),
    *("stretchy", "fence", "form", "accent", "width", "height", "depth", "linethickness"),
    *("mathvariant", "notation", "minsize", "maxsize", "separator", "lspace", "rspace"),
}


def mathml(tex: str, display: bool = False) -> str:
    r"""Convert a TeX formula, without its dollars, to one `<math>` element.

    `aligned` is set as `align*`, the name under which the converter knows it. Text is escaped and
    only MathML's own elements and harmless attributes pass.

    Raises:
        UserError: the formula does not parse or uses a command that the converter does not know.
    """
    from latex2mathml.converter import convert_to_element

    source = re.sub(r"\\(begin|end)\{(aligned|align|split)\}", r"\\\1{align*}", tex.strip())
    source = source.replace("{,}", r"\text{,}")  # 61{,}706: a comma without a space after it
    try:
        root = convert_to_element(source, display="block" if display else "inline")
    except Exception as error:  # its errors share no base class
        name = type(error).__name__
        raise UserError(f"formula ${tex}$ does not parse ({name}); correct its TeX") from error
    _clean(root, tex)
    root.set("xmlns", MATHML)
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _clean(element: ET.Element, tex: str) -> None:
    if element.tag not in TAGS:
        raise UserError(f"formula ${tex}$ gives <{element.tag}>, which is no plain MathML")
    element.text = unescape(element.text) if element.text else None
    if element.tag != "mtext" and "\\" in (element.text or ""):
        raise UserError(f"formula ${tex}$ uses the unknown command {element.text}")
    for name in set(element.attrib) - ATTRIBUTES:
        del element.attrib[name]
    for child in element:
        _clean(child, tex)
