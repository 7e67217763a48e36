"""What the user decided of every pixel: it stands above the method, in every round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np
from scipy import ndimage as ndi
from skimage import segmentation

from napari_glands.priors.curated import USED, Curated, State
from napari_glands.priors.prior import MARK_BACKGROUND, MARK_IGNORE, Priors
from napari_glands.settings import Settings
from napari_glands.slides.blocks import blocks
from napari_glands.slides.label_resampling import nearest

__all__ = [
    "BACKGROUND",
    "EXTERIOR",
    "IGNORE",
    "INTERIOR",
    "TAKEN",
    "UNDECIDED",
    "count_decisions",
    "decisions",
    "gland_area",
    "has_taken",
    "teaching_pixels",
]

BACKGROUND, EXTERIOR, INTERIOR, UNDECIDED, IGNORE = 0, 1, 2, 254, 255
_COUNTED_SIDE = 4096  # pixels that strokes are counted in at a time
TAKEN: tuple[State, ...] = ("accepted", "edited")
"""States of what the user took for gland."""


def decisions(
    priors: Priors, glands: Curated | None = None, settings: Settings | None = None
) -> np.ndarray:
    """Fold all that the user decided on a slide into one map.

    Rejected priors and glands are background. Above them stand accepted and edited ones: of a
    prior its interior and the ring around it, of a gland its rim, as wide as a ring, and its core.
    Above all stand the strokes.

    Parameters
    ----------
    priors
        The priors of the slide, with the user's strokes.
    glands
        Its predicted glands as the user left them; None for none.
    settings
        Settings of all steps; those of the priors when not given.

    Returns
    -------
    ndarray
        uint8 (y, x) at the grid of the priors: 0 background, 1 exterior, 2 interior, 254 where
        nothing was decided, 255 where nothing shall be taught.
    """
    settings = settings or priors.settings
    found = np.full(priors.labels.shape, UNDECIDED, np.uint8)
    found[priors.where("rejected")] = BACKGROUND
    if glands is not None:
        found[nearest(glands.where("rejected"), priors.grid.shape)] = BACKGROUND
    found[gland_area(priors, settings, TAKEN)] = EXTERIOR
    found[priors.where(*TAKEN)] = INTERIOR
    if glands is not None:
        taken = nearest(np.where(glands.where(*TAKEN), glands.labels, 0), priors.grid.shape)
        rim = priors.grid.pixels(settings.priors.ring_width_um)
        found[taken > 0] = EXTERIOR
        found[_cores(taken, rim)] = INTERIOR
    found[priors.marks == MARK_BACKGROUND] = BACKGROUND
    found[priors.marks == MARK_IGNORE] = IGNORE
    return found


def teaching_pixels(decided: np.ndarray) -> np.ndarray:
    """Pixels, bool (y, x), of a map of `decisions` that teach background or gland."""
    return decided < UNDECIDED


def gland_area(
    priors: Priors,
    settings: Settings | None = None,
    states: Collection[State] = tuple(USED),
) -> np.ndarray:
    """Pixels, bool (y, x), of priors with the ring of epithelium around them.

    Parameters
    ----------
    priors
        The priors of a slide.
    settings
        For the ring width; those of the priors when not given.
    states
        Which priors: those in some states; those that count when not given.
    """
    settings = settings or priors.settings
    inside = priors.where(*states)
    if not inside.any():
        return inside
    width = priors.grid.pixels(settings.priors.ring_width_um)
    return ndi.distance_transform_edt(~inside) <= width


def has_taken(curated: Curated | None) -> bool:
    """Whether the user accepted or edited any of the priors or glands."""
    return curated is not None and bool(curated.ids(TAKEN))


def count_decisions(priors: Priors, glands: Curated | None = None) -> dict[str, int]:
    """Count what the user decided on a slide: accepted, edited, rejected, and marked pixels."""
    rows = [*priors.table, *(() if glands is None else glands.table)]
    states = Counter(row.state for row in rows)
    counts: dict[str, int] = {state: states[state] for state in (*TAKEN, "rejected")}
    parts = (part.core.slices for part in blocks(priors.grid.shape, _COUNTED_SIDE, 0))
    return {**counts, "marked": sum(int(np.count_nonzero(priors.marks[part])) for part in parts)}


def _cores(labels: np.ndarray, rim: float) -> np.ndarray:
    """Pixels deeper in their gland than its rim; where two glands touch, both have one."""
    if not labels.any():
        return np.zeros(labels.shape, bool)
    inner = (labels > 0) & ~segmentation.find_boundaries(labels, mode="inner")
    return inner & (ndi.distance_transform_edt(inner) + 1 > rim)
