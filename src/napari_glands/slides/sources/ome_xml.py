"""What OME-XML says about the images of a file: their names, sizes and pixel sizes."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from napari_glands.slides.pixel_size import (
    StatedSize,
    both_axes,
    from_magnification,
    number,
    to_micrometres,
)

__all__ = ["OmeImage", "ome_images"]


@dataclass(frozen=True)
class OmeImage:
    """One image of OME-XML.

    Attributes
    ----------
    name
        Its name; empty where it has none.
    shape
        Rows and columns as stated; zeros where they are not.
    sizes
        What is stated as the size of its pixels.
    estimated
        What follows from the magnification of its objective.
    """

    name: str
    shape: tuple[int, int]
    sizes: tuple[StatedSize, ...]
    estimated: tuple[StatedSize, ...]


def ome_images(xml: str | bytes) -> list[OmeImage]:
    """Return the images of OME-XML in its order, none where it cannot be read."""
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return []
    objectives = {
        element.get("ID", ""): element.get("NominalMagnification")
        for element in root.iterfind(".//{*}Objective")
    }
    images = []
    for image in root.iterfind("{*}Image"):
        pixels = image.find("{*}Pixels")
        if pixels is None:
            continue
        settings = image.find("{*}ObjectiveSettings")
        used = objectives.get("" if settings is None else settings.get("ID", ""))
        if used is None and len(objectives) == 1:
            (used,) = objectives.values()
        y, x = (_length(pixels, axis) for axis in "YX")
        images.append(
            OmeImage(
                image.get("Name") or "",
                (_count(pixels, "SizeY"), _count(pixels, "SizeX")),
                tuple(both_axes(y, x, "its OME metadata")),
                tuple(from_magnification(used)),
            )
        )
    return images


def _length(pixels: ElementTree.Element, axis: str) -> float | None:
    """Return the stated length of a pixel in µm, None where it is not stated as a length."""
    value = number(pixels.get(f"PhysicalSize{axis}"))
    if value is None:
        return None
    return to_micrometres(value, pixels.get(f"PhysicalSize{axis}Unit", "µm"))


def _count(pixels: ElementTree.Element, name: str) -> int:
    value = number(pixels.get(name))
    return int(value) if value is not None and 0 <= value < 1e12 else 0
