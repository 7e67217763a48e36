"""Image layers of a viewer, known only by their attributes."""

from __future__ import annotations

from typing import Any

from napari_glands.errors import GlandsError
from napari_glands.slides.pixel_size import StatedSize, to_micrometres
from napari_glands.slides.sources.array import ArraySource

__all__ = ["LayerSource"]


class LayerSource(ArraySource):
    """A napari image layer: RGB, RGBA or grayscale, multiscale or not.

    Only the layer's data are kept, so that renaming or deleting it changes nothing. Contrast
    limits and colormaps are not applied.

    Parameters
    ----------
    layer
        Anything with ``data``, ``rgb``, ``multiscale``, ``scale`` and, optionally, ``units``.
    """

    kind = "layer"

    def __init__(self, layer: Any) -> None:
        if not hasattr(layer, "rgb"):
            raise GlandsError("it is not an image layer: choose the layer that holds the slide")
        data = list(layer.data) if layer.multiscale else layer.data
        super().__init__(data, _stated_sizes(layer))


def _stated_sizes(layer: Any) -> tuple[StatedSize, ...]:
    """Return what the scale says where the layer's units are lengths; pixels say nothing."""
    units = getattr(layer, "units", None)
    if units is None or len(layer.scale) < 2:
        return ()
    units = [units] * 2 if isinstance(units, str) else list(units)
    y, x = (
        to_micrometres(float(scale), str(unit))
        for scale, unit in zip(list(layer.scale)[-2:], units[-2:], strict=True)
    )
    return () if y is None or x is None else (StatedSize((y, x), "its scale"),)
