"""Text that comes from files and from other programs, as text that only says what it is.

A name can hold what moves the cursor of a terminal, starts another line of a log, or turns the
reading direction around. Whatever shows a text to somebody shows it through this module.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

__all__ = ["json_text", "layer_name", "readable", "shown"]

# Fillers and selectors count as letters and marks though nothing is to be seen of them.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(value: object, *, lines: bool = False) -> str:
    r"""Return a value as text without anything that acts instead of being seen.

    Control characters, marks of the reading direction, characters without width and halves of
    characters (bytes of a file name that are not UTF-8) are written as escapes, such as
    ``\x1b``; letters, signs and spaces of every script stay as they are.

    Parameters
    ----------
    value
        The text, or what has a text.
    lines
        Whether line breaks and tabulators stay; without it the result is one line.
    """
    text, kept = str(value), "\n\t" if lines else ""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in kept or not _acts(c) else _escaped(c) for c in text)


def json_text(data: Any, *, ascii_only: bool = False) -> str:
    """Return data as JSON for people and programs: indented, and safe to show in a terminal.

    What `shown` would escape is escaped as JSON does it, so that a reader gets it back.
    """
    text = json.dumps(data, indent=2, ensure_ascii=ascii_only)
    return "".join(c if c == "\n" or not _acts(c) else json.dumps(c)[1:-1] for c in text)


def layer_name(name: object) -> str:
    """Return a name as napari shows it as text: it takes what looks like HTML for that."""
    return shown(name).replace("<", "‹").replace("&lt;", "& lt;")


def readable(name: str) -> str:
    """Return a file's name for files of our own: bytes that are no UTF-8 become ``�``."""
    return "".join("�" if unicodedata.category(char) == "Cs" else char for char in name)


def _acts(char: str) -> bool:
    return unicodedata.category(char) in _ACTING or char in _UNSEEN


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
