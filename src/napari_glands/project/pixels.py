"""The pixels of a slide in its folder: copied when small, pointed to when not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_glands.project.atomic import write_json
from napari_glands.project.store import ATTRIBUTE, make_group

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
    folder.mkdir(parents=True)
    make_group(folder)
    if copied:
        _write_image(folder, slide)
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    group.attrs[ATTRIBUTE] = {"slide_id": slide.id, "source": source}
    make_group(folder / "labels")
    write_json(folder / "labels" / ".zattrs", {"labels": []})


def _write_image(folder: Path, slide: Slide) -> None:
    from ome_zarr.format import FormatV04
    from ome_zarr.writer import write_image

    factors = [f for f in (2, 4, 8) if min(slide.shape) // f >= 64]
    write_image(
        np.moveaxis(slide.read(), -1, 0),
        str(folder),
        scale_factors=factors,
        name=slide.name,
        fmt=FormatV04(),
        axes="cyx",
        scale={"c": 1.0, "y": slide.mpp, "x": slide.mpp},
        axes_units={"y": "micrometer", "x": "micrometer"},
    )
