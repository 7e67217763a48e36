"""File names made of names that people and other files gave."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["file_name"]

_FORBIDDEN = r'[\\/:*?"<>|]+'
# Control characters, halves of characters, and marks that turn the direction of writing around.
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Devices, on Windows, whatever follows the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)", re.IGNORECASE)
# File systems take 255 bytes; endings, and a prefix while a file is written, come to it.
_MOST_BYTES = 180


def file_name(name: str) -> str:
    """Turn a slide's name into a file name without ending that every file system takes.

    What cannot stand in it becomes a hyphen, so that the result is never a path; a name too long
    is cut, and told apart from others of the same beginning by a checksum.
    """
    seen = "".join("-" if unicodedata.category(c) in _UNSEEN else c for c in name)
    plain = re.sub(_FORBIDDEN, "-", _TURNING.sub("", seen)).strip(" .") or "slide"
    if _DEVICES.match(plain):
        plain = f"_{plain}"
    if len(plain.encode()) <= _MOST_BYTES:
        return plain
    mark = hashlib.sha256(plain.encode()).hexdigest()[:8]
    beginning = plain.encode()[:_MOST_BYTES].decode(errors="ignore").rstrip(" .")
    return f"{beginning}-{mark}"
