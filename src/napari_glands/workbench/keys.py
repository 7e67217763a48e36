"""The keys of the canvas tools, in one place.

All have a modifier, since napari uses most plain keys, and none is one of napari's own. The keys
of the review are beside it, in `review`.
"""

from __future__ import annotations

__all__ = ["TOOL_KEYS", "shown_key"]

TOOL_KEYS: dict[str, str] = {
    "close_gap": "Shift-G",
    "ring": "Shift-R",
    "draw": "Shift-D",
    "split": "Shift-X",
    "merge": "Shift-M",
    "erase": "Shift-C",
    "grow": "Shift-W",
    "shrink": "Shift-T",
    "smooth": "Shift-O",
    "snap": "Shift-S",
    "fill": "Shift-F",
    "small": "Shift-K",
    "background": "Shift-B",
    "ignore": "Shift-I",
    "unmark": "Shift-U",
}


def shown_key(key: str) -> str:
    """Return a key as people write it."""
    return key.replace("-", "+")
