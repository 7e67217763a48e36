"""The pixels of a slide in its folder: copied when small, pointed to when not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.atomic import read_json, write_json
from napari_glands.project.label_folders import ATTRIBUTE, make_group

if TYPE_CHECKING:
    from napari_glands.slides import Slide

__all__ = ["make_slide_group"]


def make_slide_group(folder: Path, slide: Slide, *, copied: bool, source: str) -> None:
    """Make the OME-Zarr group of a slide.

    Parameters
    ----------
    folder
        Does not exist yet.
    slide
        The slide.
    copied
        Whether to write its level 0 (and coarser levels made from it) as an OME-Zarr 0.4 image.
        A group without pixels only points to them.
    source
        Where the pixels come from, as in the project file.
    """
    if copied:
        from napari_glands.export import SlidePixels, write_image

        grid = slide.grid(slide.mpp)
        write_image(
            folder,
            SlidePixels(slide, grid),
            grid,
            name=slide.name,
            ngff="0.4",
            mpp_source=slide.mpp_source,
        )
    make_group(folder)
    attributes = read_json(folder / ".zattrs")
    attributes[ATTRIBUTE] = {"slide_id": slide.id, "source": source}
    write_json(folder / ".zattrs", attributes)
    make_group(folder / "labels")
    write_json(folder / "labels" / ".zattrs", {"labels": []})
