"""Cut glands that a line crosses."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit, box_around, box_holding
from napari_glands.priors.verbs.strokes import as_stroke, lengthened, stroke_line
from napari_glands.slides import Grid

__all__ = ["split"]

_REACH_UM = 10.0  # a line that ends this short of the other side still cuts
_CRUMB = 0.02  # share of a gland below which what is cut off is not a part of its own


def split(labels: np.ndarray, stroke: np.ndarray, number: int, grid: Grid) -> Edit:
    """Cut every gland that a line crosses from side to side.

    The largest part keeps its number. The pixels on the line go, so that the parts do not touch;
    crumbs beside it go to the nearest part. A line that ends a little short of the other side is
    lengthened.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    stroke
        float (n, 2): rows and columns of the line.
    number
        First number for the parts that are cut off; it and all larger ones must be free.
    grid
        How the labels lie on their slide.

    Raises
    ------
    GlandsError
        When the line crosses no gland from side to side.
    """
    line = as_stroke(stroke, labels.shape)
    reach = grid.pixels(_REACH_UM)
    met = _met(labels, line)
    for tried in (line, lengthened(line, reach)):
        box = box_holding(labels, box_around(line, reach + 1, labels.shape), met)
        window = labels[box].astype(np.int32)
        cut = stroke_line(tried, box)
        cut[1:] |= cut[:-1]  # no step of it is left by a corner
        new = _cut(window, cut, met, number)
        if new is not None:
            return Edit(box, new)
    which = f"gland {met[0]}" if len(met) == 1 else "a gland"
    raise GlandsError(f"The line does not cut {which} in two: draw it from side to side.")


def _met(labels: np.ndarray, line: np.ndarray) -> list[int]:
    box = box_around(line, 0, labels.shape)
    on_line = labels[box][stroke_line(line, box)]
    met = [int(n) for n in np.unique(on_line[on_line > 0])]
    if not met:
        raise GlandsError("The line crosses no gland: draw it through the gland to split.")
    return met


def _cut(window: np.ndarray, cut: np.ndarray, met: list[int], number: int) -> np.ndarray | None:
    """Number the parts of all glands that the line divides; None when it divides none."""
    new = window.copy()
    divided = False
    for gland in met:
        mask = window == gland
        parts, count = ndi.label(mask & ~cut)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        whole, _ = ndi.label(mask)
        touched = np.unique(whole[mask & cut])  # pieces that the line does not meet stay
        large = [
            part + 1
            for part in range(count)
            if sizes[part] >= max(4, _CRUMB * mask.sum()) and whole[parts == part + 1][0] in touched
        ]
        if len(large) < 2 or not _shares_a_piece(parts, whole, large):
            continue
        divided = True
        large.sort(key=lambda part: -sizes[part - 1])
        numbers = np.zeros(count + 1, np.int32)
        numbers[large[0]] = gland
        for part in large[1:]:
            numbers[part], number = number, number + 1
        cut_pieces = np.isin(whole, touched) & mask
        nearest = ndi.distance_transform_edt(
            ~np.isin(parts, large), return_distances=False, return_indices=True
        )
        new[cut_pieces] = numbers[parts[tuple(nearest)]][cut_pieces]
        new[mask & cut] = 0
    return new if divided else None


def _shares_a_piece(parts: np.ndarray, whole: np.ndarray, large: list[int]) -> bool:
    """Tell whether two parts were one piece before the cut."""
    pieces = [whole[parts == part][0] for part in large]
    return len(set(pieces)) < len(pieces)
