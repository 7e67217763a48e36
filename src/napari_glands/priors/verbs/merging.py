"""Make one gland of several."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage as ndi

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Edit, box_around, box_holding
from napari_glands.priors.verbs.strokes import as_stroke, stroke_line
from napari_glands.slides import Grid

__all__ = ["merge"]

_BRIDGE_UM = 8.0  # width of what joins glands that do not touch


def merge(labels: np.ndarray, stroke: np.ndarray, grid: Grid) -> Edit:
    """Join the glands that a line touches; a bridge along the line joins those that lie apart.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    stroke
        float (n, 2): rows and columns of the line; two points are enough.
    grid
        How the labels lie on their slide.

    Returns
    -------
    Edit
        The joined gland has the number of the one that the line touches first.

    Raises
    ------
    GlandsError
        When the line touches fewer than two glands.
    """
    line = as_stroke(stroke, labels.shape)
    path = _path(line)
    under = labels[path[:, 0], path[:, 1]]
    on = np.nonzero(under)[0]
    met = list(dict.fromkeys(under[on].tolist()))
    if len(met) < 2:
        count = "only one gland" if met else "no gland"
        raise GlandsError(f"The line touches {count}: draw it through all that belong together.")
    radius = grid.pixels(_BRIDGE_UM) / 2
    box = box_holding(labels, box_around(line, radius + 1, labels.shape), met, radius + 1)
    window = labels[box]
    joined = np.isin(window, met)
    between = stroke_line(path[on[0] : on[-1] + 1].astype(float), box)
    if ndi.label(joined, np.ones((3, 3)))[1] > 1:
        bridge = ndi.distance_transform_edt(~between) <= radius
        joined |= bridge & (window == 0)
    return Edit(box, np.where(joined, met[0], window).astype(np.int32))


def _path(line: np.ndarray) -> np.ndarray:
    """Return all pixels on a line, int (n, 2), in the order in which they are drawn."""
    pieces = [np.rint(line[:1])]
    for start, stop in itertools.pairwise(line):
        steps = max(1, int(np.ceil(np.abs(stop - start).max())))
        pieces.append(np.rint(np.linspace(start, stop, steps + 1)))
    return np.vstack(pieces).astype(int)
