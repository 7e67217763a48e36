"""Close the gap in a ring with a line, and fill the ring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from skimage import measure

from napari_glands.errors import GlandsError
from napari_glands.priors.verbs.edit import Box, Edit, box_around, moved, widen, within
from napari_glands.priors.verbs.levels import with_rim
from napari_glands.priors.verbs.placing import place, refuse_twice
from napari_glands.priors.verbs.strokes import as_stroke, stroke_line
from napari_glands.settings import PriorSettings
from napari_glands.slides import Grid

__all__ = ["close_gap"]

_SWEEP = 12  # exterior levels that are tried
_FIRST_MARGIN_UM = 120.0
_SMALLEST = 0.25  # of the smallest interior that is mined: the user asks for this very one
_FAINTEST = 0.05  # step of the exterior map from the inside to the border that makes a ring
_EDGE_UM = 4.0  # width on either side of an outline over which that step is measured


@dataclass(frozen=True, eq=False)
class _Found:
    box: Box
    mask: np.ndarray
    score: float


def close_gap(
    labels: np.ndarray,
    exterior: np.ndarray,
    stroke: np.ndarray,
    number: int,
    grid: Grid,
    wishes: PriorSettings,
    rim_um: float = 0.0,
) -> Edit:
    """Close a ring of exterior with a line, and make a gland of what it then encloses.

    Exterior levels are swept as in mining, with the line as part of the border at every level; of
    the regions that are enclosed and touch the line, the most solid with the clearest border wins.

    Parameters
    ----------
    labels
        int (y, x): the label image.
    exterior
        uint8 (y, x): the exterior map.
    stroke
        float (n, 2): rows and columns of the line over the gap.
    number
        The number of the new gland.
    grid
        How labels and map lie on their slide.
    wishes
        Smoothing, and the areas that count.
    rim_um
        Width of the epithelium that belongs to the gland, in µm: 0 for an interior.

    Raises
    ------
    GlandsError
        When no ring closes with the line, what it closes is a gland already, or others leave no
        room.
    """
    line = as_stroke(stroke, labels.shape)
    limit = grid.pixels((4 * wishes.max_area_um2) ** 0.5)
    margin = grid.pixels(_FIRST_MARGIN_UM)
    while True:
        box = box_around(line, margin, labels.shape)
        rings = _rings(exterior, line, box, grid, wishes)
        found = max(rings, key=lambda ring: ring.score, default=None)
        if found is not None and found.score > 0:
            place_, mask = with_rim(found.box, found.mask, rim_um, grid)
            refuse_twice(labels, found.box, found.mask)
            return place(labels, place_, mask, number)
        if margin >= limit:
            raise GlandsError(
                "No ring closes with this line: the border has other gaps too. Draw over all of "
                "them in one line, or draw the whole outline."
            )
        margin = min(limit, 2 * margin)


def _rings(
    exterior: np.ndarray, line: np.ndarray, box: Box, grid: Grid, wishes: PriorSettings
) -> Iterator[_Found]:
    """Find what is enclosed beside the line, at all levels."""
    values = ndi.gaussian_filter(
        exterior[box].astype(np.float32) / 255, [wishes.smoothing_um / size for size in grid.mpp]
    )
    drawn = stroke_line(line, box)
    beside = ndi.binary_dilation(drawn, np.ones((3, 3)))
    shares = np.linspace(1 - wishes.strictest / 2, 1 - wishes.most_lenient, _SWEEP)
    smallest = grid.area_pixels(_SMALLEST * wishes.min_area_um2)
    largest = grid.area_pixels(wishes.max_area_um2)
    for threshold in np.unique(np.quantile(values, shares)):
        regions = ndi.label((values < threshold) & ~drawn)[0]
        met = set(np.unique(regions[beside]).tolist()) - {0} - _at_the_edge(regions)
        boxes = ndi.find_objects(regions)
        for region in met:
            inner = boxes[region - 1]
            mask = regions[inner] == region
            if smallest <= mask.sum() <= largest:
                yield _scored(mask, inner, values, drawn, box, grid)


def _at_the_edge(regions: np.ndarray) -> set[int]:
    edges = (regions[0], regions[-1], regions[:, 0], regions[:, -1])
    return set(np.unique(np.concatenate(edges)).tolist())


def _scored(
    mask: np.ndarray, inner: Box, values: np.ndarray, drawn: np.ndarray, box: Box, grid: Grid
) -> _Found:
    """Tell how much a region looks like the inside of a ring: solid, and paler than its border."""
    solidity = float(measure.regionprops(mask.astype(np.uint8))[0].solidity)
    filled = ndi.binary_fill_holes(mask)
    reach = grid.pixels(_EDGE_UM)
    wider = widen(inner, reach + 1, values.shape)
    padded = moved(filled, inner, wider)
    rim = (ndi.distance_transform_edt(~padded) <= reach) & ~padded
    # The gap is pale, which is no reproach: only the border that is there counts.
    rim &= ~ndi.binary_dilation(drawn[wider], iterations=max(1, round(reach)))
    inside = float(np.median(values[inner][filled]))
    step = float(values[wider][rim].mean() - inside) if rim.any() else 0.0
    # Size speaks for the whole inside where its lumen, paler still, is enclosed too.
    score = solidity * step * filled.sum() ** 0.25 if step > _FAINTEST else 0.0
    return _Found(within(box, inner), filled, float(score))
