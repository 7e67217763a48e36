"""Which tools there are, how each is used, and what can be set about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_glands.widgets.tools_view import AmountRow

__all__ = ["AMOUNTS", "TOOLS", "Gesture", "Tool"]

Gesture = Literal["line", "outline", "brush", "gland", "ring", "picture"]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes
    ----------
    name, title
        For code, and for the button.
    gesture
        What the hand does: a line, an outline, a brush stroke, a click on a gland, a click in a
        ring under the mouse, or a click anywhere in the picture.
    hint
        What to do next.
    tooltip
        What it is good for.
    amount
        Name of its number; empty without one.
    marks
        The value of the marks it makes; None for a tool that edits glands.
    """

    name: str
    title: str
    gesture: Gesture
    hint: str
    tooltip: str
    amount: str = ""
    marks: int | None = None


AMOUNTS: dict[str, AmountRow] = {
    "level": AmountRow(
        "Exterior level",
        "%",
        35,
        2,
        80,
        1,
        "Share of the picture that counts as gland border: more closes more rings, and makes them "
        "narrower.",
    ),
    "step": AmountRow("Step", "µm", 2.5, 0.5, 25, 0.5, "How far the outline moves with a click."),
    "smoothing": AmountRow(
        "Smoothing", "µm", 10, 1, 50, 1, "Bumps and dents narrower than this go."
    ),
    "reach": AmountRow("Reach", "µm", 8, 2, 40, 1, "How far the outline may move to the edge."),
    "brush": AmountRow("Brush", "µm", 15, 1, 200, 1, "Width of the brush."),
    "smallest": AmountRow(
        "Smallest", "µm²", 460, 10, 20000, 10, "Glands and loose pieces below this size are small."
    ),
}

TOOLS: tuple[Tool, ...] = (
    Tool(
        "close_gap",
        "Close gap",
        "line",
        "Draw a line over the gap.",
        "Closes a gland's border where it is open; what it then encloses becomes a gland.",
    ),
    Tool(
        "ring",
        "Take ring",
        "ring",
        "Move over a gland, and click when its outline is right; the level changes it.",
        "Shows what the border around the mouse encloses at the chosen exterior level.",
        "level",
    ),
    Tool(
        "draw",
        "Draw",
        "outline",
        "Draw around the gland; the ends are joined.",
        "Makes a gland of a freehand outline.",
    ),
    Tool(
        "split",
        "Split",
        "line",
        "Draw a line through the gland, from side to side.",
        "Cuts every gland that the line crosses.",
    ),
    Tool(
        "merge",
        "Merge",
        "line",
        "Draw a line through the glands that belong together, or click on one after the other.",
        "Makes one gland of all that the line touches.",
    ),
    Tool(
        "erase",
        "Erase",
        "brush",
        "Draw over what shall go.",
        "Takes pixels away from glands.",
        "brush",
    ),
    Tool(
        "grow",
        "Grow",
        "gland",
        "Click on a gland to grow it by {amount}.",
        "Moves the outline outwards; other glands stay as they are.",
        "step",
    ),
    Tool(
        "shrink",
        "Shrink",
        "gland",
        "Click on a gland to shrink it by {amount}.",
        "Moves the outline inwards.",
        "step",
    ),
    Tool(
        "smooth",
        "Smooth",
        "gland",
        "Click on a gland to smooth its outline.",
        "Takes bumps off an outline and fills its dents.",
        "smoothing",
    ),
    Tool(
        "snap",
        "Snap",
        "gland",
        "Click on a gland to pull its outline onto the edge nearby.",
        "Moves the outline to where the exterior map changes most.",
        "reach",
    ),
    Tool(
        "fill",
        "Fill holes",
        "gland",
        "Click on a gland to fill its holes.",
        "Fills the holes of a gland.",
    ),
    Tool(
        "small",
        "Small ones",
        "picture",
        "Outlined: smaller than {amount}. Click in the picture to remove them.",
        "Removes small glands and loose pieces. What you accepted, edited or rejected stays.",
        "smallest",
    ),
    Tool(
        "background",
        "No gland",
        "brush",
        "Draw over what is no gland.",
        "Marks background: training learns from it in every round.",
        "brush",
        marks=1,
    ),
    Tool(
        "ignore",
        "Ignore",
        "brush",
        "Draw over what training shall leave out.",
        "Marks what training takes neither for gland nor for background.",
        "brush",
        marks=2,
    ),
    Tool(
        "unmark",
        "Unmark",
        "brush",
        "Draw over marks to take them away.",
        "Takes the marks No gland and Ignore away.",
        "brush",
        marks=0,
    ),
)
