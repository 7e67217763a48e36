"""The verbs with which glands are corrected: arrays in, an `Edit` of a part of them out.

Points and strokes are rows and columns on the label image, with pixel centres at whole numbers;
lengths are in µm and areas in µm². What cannot be done raises `GlandsError` with the reason.
"""

from napari_glands.priors.verbs.drawing import brushed, draw_gland, erase
from napari_glands.priors.verbs.edit import Box, Edit, Point, gland_at
from napari_glands.priors.verbs.gaps import close_gap
from napari_glands.priors.verbs.levels import RingFinder, add_ring
from napari_glands.priors.verbs.merging import merge
from napari_glands.priors.verbs.outlines import fill_holes, smooth
from napari_glands.priors.verbs.placing import free_number
from napari_glands.priors.verbs.resizing import grow, shrink
from napari_glands.priors.verbs.small import remove_small
from napari_glands.priors.verbs.snapping import snap
from napari_glands.priors.verbs.splitting import split

__all__ = [
    "Box",
    "Edit",
    "Point",
    "RingFinder",
    "add_ring",
    "brushed",
    "close_gap",
    "draw_gland",
    "erase",
    "fill_holes",
    "free_number",
    "gland_at",
    "grow",
    "merge",
    "remove_small",
    "shrink",
    "smooth",
    "snap",
    "split",
]
