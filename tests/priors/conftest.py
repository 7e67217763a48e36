"""Exterior maps and slides drawn by hand, so that every ring is known."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.settings import Settings
from napari_glands.slides import Grid, open_slide


def disc(shape, centre, radius):
    """Bool (y, x): a disc."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def ring(shape, centre, inner, outer):
    """Bool (y, x): an annulus."""
    return disc(shape, centre, outer) & ~disc(shape, centre, inner)


class Drawing:
    """A plane of tissue, in µm, that can be looked at at any pixel size."""

    def __init__(self, height_um, width_um):
        self.size = height_um, width_um
        self.strokes = []

    def ring(self, centre_um, inner_um, outer_um, strength=1.0, gap_um=0.0, gap_strength=0.0):
        self.strokes.append((centre_um, inner_um, outer_um, strength, gap_um, gap_strength))
        return self

    def exterior(self, mpp):
        """Float (y, x) in [0, 1] with a faint seeded ground, so that levels are distinct."""
        shape = tuple(round(n / mpp) for n in self.size)
        fine = np.random.default_rng(0).random((50, 50))
        ground = 0.3 * ndi.zoom(
            fine, np.divide(shape, fine.shape), order=1, grid_mode=True, mode="nearest"
        )
        y, x = np.ogrid[: shape[0], : shape[1]]
        for (cy, cx), inner, outer, strength, gap, gap_strength in self.strokes:
            dy, dx = (y + 0.5) * mpp - cy, (x + 0.5) * mpp - cx
            distance = np.hypot(dy, dx)
            ground[distance < inner] = 0.05
            on = (distance >= inner) & (distance <= outer)
            ground[on] = strength
            ground[on & (dx > 0) & (np.abs(dy) < gap / 2)] = gap_strength
        return ground


def as_map(values, mpp=1.24, settings=None):
    """An exterior map whose only cluster of interest has the given memberships."""
    settings = (settings or Settings()).updated("general", working_mpp=mpp)
    grid = Grid(values.shape, values.shape, mpp)
    members = np.rint(255 * np.stack([values, 1 - values])).astype(np.uint8)
    evidence = tuple(ClusterEvidence(c, 0.1, 50, 0.5, 0.1, 0.5) for c in (1, 2))
    return ExteriorMap(
        "drawn", grid, (members.argmax(axis=0) + 1).astype(np.uint8), members, 1, evidence, settings
    )


def slide_of(values, mpp=1.24):
    """A slide of the size of a map: dark where the map is high."""
    rgb = np.repeat((240 - 180 * values)[..., None], 3, axis=2).astype(np.uint8)
    return open_slide(rgb, mpp=mpp, name="drawn")


@pytest.fixture
def draw():
    """The builders above, for tests of any file."""

    class Builders:
        pass

    for builder in (disc, ring, as_map, slide_of, Drawing):
        setattr(Builders, builder.__name__, staticmethod(builder))
    return Builders
