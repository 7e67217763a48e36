"""Where the pixels of a napari layer lie on the image that it belongs to.

A writer gets a layer's array and attributes, nothing else. That is enough where the layer is of
this plugin, which notes the slide's shape and pixel size in the metadata. For a layer of another
reader, the image is looked for among the image layers of the open viewer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands._layer_transform import um_per_unit, world_matrix
from napari_glands.errors import GlandsError
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.segmentation.result import SizeSource

__all__ = ["KEY", "NO_UNIT", "UNITS", "Place", "options_on", "place_of"]

KEY = "napari_glands"
UNITS = ("um", "um")
NO_UNIT: tuple[SizeSource, ...] = ("estimated", "default", "unknown")
"""Sources of pixel sizes that would look like known ones: such layers are in level-0 pixels."""

_PLACE = ("scale", "translate", "rotate", "shear", "affine")
_ALIKE = 1e-3  # of a pixel, by which two places may differ over the whole array
_EDGE = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
"""From places whose 0 is the centre of the first pixel to places whose 0 is its edge."""


@dataclass(frozen=True, eq=False)
class Place:
    """How the pixels of a labels layer lie on its image.

    Attributes
    ----------
    shape
        Rows and columns of the layer.
    matrix
        float (3, 3): takes (y, x, 1) in pixels of the layer (0 is the upper left edge) to level-0
        pixels of the image.
    slide_mpp
        µm per level-0 pixel; 1 where it is not known.
    mpp_source
        Where that comes from; None where nobody says.
    of_image
        Whether the image is known. Without it, level-0 pixels are as large as the layer's own.
    exact
        The grid that the layer was made on, where it still lies there.
    """

    shape: tuple[int, int]
    matrix: np.ndarray
    slide_mpp: float
    mpp_source: SizeSource | None
    of_image: bool
    exact: Grid | None = None

    @property
    def is_upright(self) -> bool:
        """Whether the pixels are neither turned, sheared nor mirrored."""
        off = abs(self.matrix[[0, 1], [1, 0]]) * max(self.shape)
        return bool((off < _ALIKE).all() and self.matrix[0, 0] > 0 and self.matrix[1, 1] > 0)

    @property
    def grid(self) -> Grid:
        """The grid of the layer; of one that is not upright, one with pixels of the same area."""
        if self.exact is not None:
            return self.exact
        rows, columns = self.shape
        down = float(np.linalg.norm(self.matrix[:2, 0]))
        across = abs(float(np.linalg.det(self.matrix[:2, :2]))) / down
        top, left = self.matrix[:2, 2] if self.is_upright else (0.0, 0.0)
        return Grid(
            self.shape,
            (_whole(rows * down), _whole(columns * across)),
            self.slide_mpp,
            (_whole(top), _whole(left)),
        )

    @property
    def placement(self) -> np.ndarray:
        """The matrix for coordinates in the order x, y."""
        return self.matrix[np.ix_([1, 0, 2], [1, 0, 2])]


def options_on(grid: Grid, source: SizeSource) -> dict[str, Any]:
    """Return scale, translate, units and metadata of a layer whose pixels lie on a grid.

    Parameters
    ----------
    grid
        How the array lies on its slide.
    source
        Where the pixel size comes from: of one that is not known, layers are in level-0 pixels.
    """
    facts = {
        "slide_shape": grid.slide_shape,
        "slide_mpp": grid.slide_mpp,
        "origin": grid.origin,
        "mpp_source": source,
    }
    options: dict[str, Any] = {"scale": grid.mpp, "translate": grid.translate, "units": UNITS}
    if source in NO_UNIT:
        shift = tuple(o + (d - 1) / 2 for o, d in zip(grid.origin, grid.downsample, strict=True))
        options = {"scale": grid.downsample, "translate": shift}
    return {**options, "metadata": {KEY: facts}}


def _facts_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what this plugin noted in a layer's metadata."""
    facts = (attributes.get("metadata") or {}).get(KEY)
    return facts if isinstance(facts, dict) else {}


def place_of(shape: tuple[int, ...], attributes: Mapping[str, Any], name: str) -> Place:
    """Find out where a labels layer lies on its image.

    Its scale, translation, rotation, shear and affine count, and its units: µm, or other units of
    length, which are converted, or pixels, which are those of the image at level 0. The image is

    - that of the plugin, where the layer's metadata speak of it;
    - else the image layer of the open viewer that the labels lie on, where there is one, or all
      that they lie on have pixels in the same places. Of two layers of which one has no unit, the
      numbers are taken as they are, as napari draws them;
    - else not known. Then a layer without unit is taken to be in pixels of the image, as in a
      viewer in which the image has no scale; of one in µm only that place is known.

    Parameters
    ----------
    shape
        Of the layer's array; before rows and columns there may be axes of length 1.
    attributes
        Of the layer.
    name
        Of the layer, for messages.

    Raises
    ------
    GlandsError
        When it has a unit that is no length, or no place on a plane.
    """
    rows, columns = shape[-2:]
    facts = _facts_of(attributes)
    noted = _noted_grid((rows, columns), facts, name)
    if noted is not None and not any(key in attributes for key in _PLACE):
        return _noted_place(noted, facts)
    layer = world_matrix(attributes, len(shape), name)
    factors = um_per_unit(attributes, name)
    if noted is not None:
        return _on_noted(layer, factors, noted, facts)
    images = [image for image in _open_images() if image.meets((rows, columns), layer, factors)]
    image = _only_one([i for i in images if i.visible]) or _only_one(images)
    if image is not None:
        return _on_image(layer, factors, image, (rows, columns))
    if factors is None:
        return Place((rows, columns), _between_edges(np.eye(3), layer), 1.0, "unknown", True)
    in_um = _scaled(layer, factors)
    side = float(min(np.linalg.norm(in_um[:2, :2], axis=0)))
    matrix = _between_edges(np.diag([side, side, 1]), in_um)
    return Place((rows, columns), matrix, side, None, False)


# ---- on a slide that this plugin noted


def _noted_grid(shape: tuple[int, int], facts: Mapping[str, Any], name: str) -> Grid | None:
    if not {"slide_shape", "slide_mpp"} <= facts.keys():
        return None
    try:
        (height, width), mpp = facts["slide_shape"], float(facts["slide_mpp"])
        top, left = facts.get("origin", (0, 0))
        sound = min(height, width, mpp) > 0 and np.isfinite([height, width, mpp, top, left]).all()
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise GlandsError(
            f"The metadata {KEY!r} of the layer {name} are damaged: remove them from the layer."
        )
    return Grid(shape, (height, width), mpp, (top, left))


def _noted_place(grid: Grid, facts: Mapping[str, Any], matrix: np.ndarray | None = None) -> Place:
    source = facts.get("mpp_source")
    own = _grid_matrix(grid)
    if matrix is None or _alike(matrix, own, grid.shape):
        return Place(grid.shape, own, grid.slide_mpp, source, True, grid)
    return Place(grid.shape, matrix, grid.slide_mpp, source, True)


def _on_noted(
    layer: np.ndarray,
    factors: tuple[float, float] | None,
    grid: Grid,
    facts: Mapping[str, Any],
) -> Place:
    """Return the place on a slide whose first pixel's centre is 0, or where the layer says."""
    slide = np.eye(3)
    if factors is None and facts.get("mpp_source") not in NO_UNIT:
        factors = (1.0, 1.0)  # the plugin made it in µm, whatever became of its units
    if factors is not None:
        layer = _scaled(layer, factors)
        slide = np.diag([grid.slide_mpp, grid.slide_mpp, 1])
    slide[:2, 2] = facts.get("slide_at", (0.0, 0.0))
    return _noted_place(grid, facts, _between_edges(slide, layer))


# ---- on an image layer of the viewer


@dataclass(frozen=True, eq=False)
class _Image:
    """An image layer of the viewer."""

    shape: tuple[int, int]
    matrix: np.ndarray
    factors: tuple[float, float] | None
    mpp_source: SizeSource | None
    visible: bool

    def seen_from(self, layer: np.ndarray, factors: tuple[float, float] | None) -> np.ndarray:
        """Return the matrix from the pixels of a layer with this place and unit to the image's."""
        if factors is None or self.factors is None:
            return np.linalg.inv(self.matrix) @ layer
        return np.linalg.inv(_scaled(self.matrix, self.factors)) @ _scaled(layer, factors)

    def meets(
        self, shape: tuple[int, int], layer: np.ndarray, factors: tuple[float, float] | None
    ) -> bool:
        """Whether a layer with this shape, place and unit lies on the image, in part at least."""
        corners = _corners(shape, self.seen_from(layer, factors))
        first, last = corners.min(axis=0), corners.max(axis=0)
        return bool((last > 0).all() and (first < np.array(self.shape) - 1).all())


def _open_images() -> list[_Image]:
    """Return the image layers of the viewer in which somebody works."""
    napari = sys.modules.get("napari")
    viewer = napari.current_viewer() if napari is not None else None
    layers = [] if viewer is None else list(viewer.layers)
    return [
        _image(layer)
        for layer in layers
        if type(layer).__name__ == "Image"
        and layer.ndim == 2
        # Not the maps that this plugin lays over a slide.
        and _facts_of({"metadata": layer.metadata}).get("role", "slide") == "slide"
    ]


def _image(layer: Any) -> _Image:
    attributes = {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": layer.units,
    }
    data = layer.data[0] if layer.multiscale else layer.data
    return _Image(
        (data.shape[0], data.shape[1]),
        world_matrix(attributes, 2, layer.name),
        um_per_unit(attributes, layer.name),
        _facts_of({"metadata": layer.metadata}).get("mpp_source"),
        bool(layer.visible),
    )


def _only_one(images: Sequence[_Image]) -> _Image | None:
    """Return the first image when all have their pixels in the same places."""
    if not images:
        return None
    first = images[0]
    same = all(
        image.factors == first.factors and _alike(image.matrix, first.matrix, first.shape)
        for image in images
    )
    return first if same else None


def _on_image(
    layer: np.ndarray,
    factors: tuple[float, float] | None,
    image: _Image,
    shape: tuple[int, int],
) -> Place:
    matrix = _EDGE @ image.seen_from(layer, factors) @ np.linalg.inv(_EDGE)
    unit = image.factors or factors
    if unit is None:
        return Place(shape, matrix, 1.0, "unknown", True)
    mpp = float(np.sqrt(abs(np.linalg.det(_scaled(image.matrix, unit)[:2, :2]))))
    return Place(shape, matrix, mpp, image.mpp_source, True)


# ---- arithmetic


def _scaled(matrix: np.ndarray, factors: tuple[float, float]) -> np.ndarray:
    """Return a matrix to the world as one to µm."""
    return np.diag([*factors, 1.0]) @ matrix


def _between_edges(image: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """Return the matrix from pixel edges of a layer to those of an image, from their world's."""
    return _EDGE @ np.linalg.inv(image) @ layer @ np.linalg.inv(_EDGE)


def _grid_matrix(grid: Grid) -> np.ndarray:
    (down, across), (top, left) = grid.downsample, grid.origin
    return np.array([[down, 0, top], [0, across, left], [0, 0, 1]], float)


def _corners(shape: tuple[int, int], matrix: np.ndarray) -> np.ndarray:
    rows, columns = shape
    ends = np.array([[0, 0, 1], [rows, 0, 1], [0, columns, 1], [rows, columns, 1]], float)
    return (ends @ matrix.T)[:, :2]


def _alike(one: np.ndarray, other: np.ndarray, shape: tuple[int, int]) -> bool:
    """Whether two matrices put the corners of an array in the same places."""
    return bool(np.abs(_corners(shape, one) - _corners(shape, other)).max() < _ALIKE)


def _whole(value: float) -> float:
    """Round what is a whole number but for floating-point error."""
    return round(value) if abs(value - round(value)) < 1e-6 else float(value)
