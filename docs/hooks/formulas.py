"""Turn formulas into MathML, which browsers show without a script or a download."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

# What the extension pymdownx.arithmatex leaves of $...$ and $$...$$.
_FORMULA = re.compile(
    r'<(?:span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</(?:span|div)>', re.DOTALL
)


def on_page_content(content: str, **rest: Any) -> str:
    """Replace every formula of a page."""
    return _FORMULA.sub(_mathml, content)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match[1] == "[" else "inline"
    return convert(html.unescape(match[2]).strip(), display=display)
