"""What TIFF files state of their pixel size, each program in its own way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tifffile
from tifffile.tifffile import svs_description_metadata

from napari_glands.slides.pixel_size import (
    StatedSize,
    both_axes,
    from_magnification,
    from_resolution,
    number,
)
from napari_glands.slides.sources.ome_xml import OmeImage

__all__ = ["stated_sizes"]

_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
_NDPI_MAGNIFICATION = 65421


def stated_sizes(
    file: tifffile.TiffFile, page: Any, ome: OmeImage | None
) -> tuple[StatedSize, ...]:
    """Return what is stated of a picture's pixel size, the most trustworthy first.

    Parameters
    ----------
    file
        The open file.
    page
        The page of the picture at its finest.
    ome
        What OME-XML says of the picture, where there is any.
    """
    aperio = _aperio(page)
    mpp = number(aperio.get("MPP"))
    magnification = aperio.get("AppMag") or page.tags.valueof(_NDPI_MAGNIFICATION)
    return (
        *(ome.sizes if ome else ()),
        *(both_axes(mpp, mpp, "its description")),
        *_tag(file, page),
        *(ome.estimated if ome else ()),
        *from_magnification(magnification),
    )


def _aperio(page: Any) -> dict[str, Any]:
    """Return the facts in an Aperio description, which others write too."""
    try:
        return dict(svs_description_metadata(page.description))
    except (ValueError, TypeError, IndexError):
        return {}


def _tag(file: tifffile.TiffFile, page: Any) -> list[StatedSize]:
    """Return what the resolution tags say, in ImageJ's unit where it wrote one."""
    unit = _RESOLUTION_UNITS.get(int(number(page.resolutionunit) or 0))
    imagej = str((file.imagej_metadata or {}).get("unit", "")) if file.is_imagej else ""
    if not (unit or imagej) or "XResolution" not in page.tags or "YResolution" not in page.tags:
        return []
    try:
        across, down = page.resolution
    except (TypeError, ValueError, ZeroDivisionError):
        return []
    sizes = from_resolution(across, down, imagej or unit or "")
    if imagej and imagej.lower() != "inch":  # somebody has set it for this image
        sizes = [replace(size, where="its ImageJ metadata", is_tag=False) for size in sizes]
    return sizes
