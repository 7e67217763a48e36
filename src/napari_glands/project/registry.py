"""Slides and regions of slides entering a project, and found again later."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.atomic import replace_folder, staging_folder
from napari_glands.errors import GlandsError
from napari_glands.project.pixels import make_slide_group
from napari_glands.project.schema import PartOfSlide, SlideEntry
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.slides import Region, Slide

__all__ = ["enter", "enter_region", "opened", "relocated", "reopen", "require_fit"]

# Images up to this many pixels are copied into the project.
COPY_PIXELS = 2048 * 2048
# Less hardly holds a gland with its surroundings.
SMALLEST_REGION_UM = 100.0


def opened(source: str | Path | Slide, mpp: float | None, settings: Settings) -> Slide:
    """Return a slide for a file, or the slide itself, with the given pixel size if any."""
    from napari_glands.slides import open_slide

    if isinstance(source, (str, Path)):
        return open_slide(source, mpp=mpp, default_mpp=settings.general.default_mpp)
    return source if mpp is None else source.with_mpp(mpp)


def enter(slide: Slide, project: Path, staging_root: Path) -> SlideEntry:
    """Make the folder of a new slide, and return its record.

    Small images, and all that have no file, are copied; others are pointed to.
    """
    target = project / "slides" / f"{slide.id}.zarr"
    copied = slide.path is None or slide.shape[0] * slide.shape[1] <= COPY_PIXELS
    path = target if slide.path is None else slide.path.resolve()
    stored = _stored_path(path, project)
    _require_text(stored)
    with staging_folder(staging_root) as staging:
        built = staging / target.name
        make_slide_group(built, slide, copied=copied, source=stored)
        replace_folder(built, target)
    return SlideEntry(
        id=slide.id,
        name=slide.name,
        path=stored,
        checksum=slide.checksum,
        shape=slide.shape,
        mpp=slide.mpp,
        mpp_source=slide.mpp_source,
    )


def _require_text(path: str) -> None:
    """Refuse a path with bytes that stand for no letter: a project keeps it as text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError as error:
        raise GlandsError(
            f"The name {path} is not UTF-8: rename that file or folder and add it again."
        ) from error


def require_fit(whole: Slide, region: Region, working_mpp: float) -> None:
    """Refuse a region that cannot be worked on.

    Raises
    ------
    GlandsError
        When it is not inside the slide, too small, or too large to be worked on in one piece.
    """
    from napari_glands.slides import LARGEST_WHOLE, is_large

    size = f"{region.width * whole.mpp:,.0f} × {region.height * whole.mpp:,.0f} µm"
    if min(region.height, region.width) * whole.mpp < SMALLEST_REGION_UM:
        raise GlandsError(
            f"A region of {size} is too small to hold glands: draw one of at least "
            f"{SMALLEST_REGION_UM:.0f} × {SMALLEST_REGION_UM:.0f} µm."
        )
    if is_large(whole.crop(region).grid(working_mpp)):
        side = LARGEST_WHOLE**0.5 * working_mpp / 1000
        raise GlandsError(
            f"A region of {size} is too large to be reviewed in one piece: draw smaller ones, of "
            f"up to about {side:.1f} × {side:.1f} mm each."
        )


def enter_region(
    whole: Slide, entry: SlideEntry, region: Region, number: int, project: Path, staging_root: Path
) -> SlideEntry:
    """Make the folder of a new region of a slide, and return its record.

    Its pixels are not copied: they are in the slide's file.
    """
    part = PartOfSlide(of=entry.id, number=number, **asdict(region))
    slide = whole.crop(region, f"{entry.name} · region {number}")
    target = project / "slides" / f"{slide.id}.zarr"
    with staging_folder(staging_root) as staging:
        built = staging / target.name
        make_slide_group(built, slide, copied=False, source=entry.path)
        replace_folder(built, target)
    own = {"id": slide.id, "name": slide.name, "checksum": slide.checksum, "shape": slide.shape}
    return entry.model_copy(update={**own, "region": part})


def reopen(entry: SlideEntry, project: Path) -> Slide:
    """Open the slide of a record.

    Raises
    ------
    GlandsError
        When its file is missing or its content has changed.
    """
    path = project / entry.path
    if not path.exists():
        raise GlandsError(
            f"The image of slide {entry.name} is not at {path} any more: put it back, or say where "
            f"it is now (Project.relocate({entry.id!r}, new_path))."
        )
    slide = _open(entry, path)
    if path == project / "slides" / f"{entry.id}.zarr":
        # The project's own copy of an array: named after the array it was made from.
        slide._checksum = entry.checksum
    elif slide.checksum != entry.checksum:
        raise GlandsError(
            f"{path} has changed since it was added to the project as {entry.name}: restore the "
            "former file, or add the new one as another slide under another name."
        )
    return slide


def relocated(entry: SlideEntry, path: Path, project: Path) -> SlideEntry:
    """Return the record with another path, after a look whether it is the same image.

    Raises
    ------
    GlandsError
        When it is another image, or none.
    """
    path = path.expanduser().resolve()
    if _open(entry, path).checksum != entry.checksum:
        raise GlandsError(f"{path} is not the image of slide {entry.name}: its content differs.")
    return entry.model_copy(update={"path": _stored_path(path, project)})


def _open(entry: SlideEntry, path: Path) -> Slide:
    from napari_glands.slides import open_slide

    given = entry.mpp if entry.mpp_source == "given" else None
    with warnings.catch_warnings():  # the user was told of an assumed pixel size when adding it
        warnings.simplefilter("ignore", UserWarning)
        slide = open_slide(path, mpp=given, default_mpp=entry.mpp, name=entry.name)
    return slide


def _stored_path(path: Path, project: Path) -> str:
    """Relative to the project for neighbours, so that both can be moved together."""
    if path.is_relative_to(project.parent):
        return Path(os.path.relpath(path, project)).as_posix()
    return str(path)
