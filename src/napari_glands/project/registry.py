"""Slides and regions of slides entering a project, and found again later."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.atomic import replace_folder, staging_folder
from napari_glands.errors import GlandsError
from napari_glands.project.paths import inside
from napari_glands.project.pixels import copied_slide, has_copy, make_slide_group
from napari_glands.project.schema import PartOfSlide, SlideEntry
from napari_glands.settings import Settings
from napari_glands.slides.checksums import file_checksum
from napari_glands.slides.formats import is_address
from napari_glands.slides.pictures import SeveralPictures

if TYPE_CHECKING:
    from napari_glands.slides import Region, Slide

__all__ = ["enter", "enter_region", "has_pixels", "opened", "relocated", "reopen", "require_fit"]

# Images up to this many pixels are copied into the project.
COPY_PIXELS = 2048 * 2048
# Less hardly holds a gland with its surroundings.
SMALLEST_REGION_UM = 100.0


def opened(
    source: str | Path | Slide,
    mpp: float | None,
    settings: Settings,
    picture: int | None = None,
) -> Slide:
    """Return a slide for a file, or the slide itself, with the given pixel size if any.

    Of a file that holds several pictures, `picture` says which one.
    """
    from napari_glands.slides import open_slide

    default_mpp = settings.general.default_mpp
    return open_slide(source, mpp=mpp, default_mpp=default_mpp, picture=picture)


def enter(slide: Slide, project: Path, staging_root: Path) -> SlideEntry:
    """Make the folder of a new slide, and return its record.

    Small images, and all that have no file, are copied; others are pointed to.
    """
    target = inside(project, "slides", f"{slide.id}.zarr")
    small = slide.shape[0] * slide.shape[1] <= COPY_PIXELS
    copied = small or (slide.path is None and slide.address is None)
    path = target if slide.path is None else slide.path.resolve()
    stored = slide.address or _stored_path(path, project)
    _require_text(stored)
    if not _has_results(target):  # what was made of the same image before is kept
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
        picture=slide.picture,
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
    target = inside(project, "slides", f"{slide.id}.zarr")
    if not _has_results(target):
        with staging_folder(staging_root) as staging:
            built = staging / target.name
            make_slide_group(built, slide, copied=False, source=entry.path)
            replace_folder(built, target)
    own = {"id": slide.id, "name": slide.name, "checksum": slide.checksum, "shape": slide.shape}
    return entry.model_copy(update={**own, "region": part})


def _has_results(folder: Path) -> bool:
    """Tell whether anything was made of a slide that is not in the project's list (any more)."""
    return any((folder / "labels").glob("*/.zattrs"))


def has_pixels(entry: SlideEntry, project: Path) -> bool:
    """Tell whether the image of a slide is where it was, or copied into the project."""
    if is_address(entry.path) or os.path.exists(project / entry.path):
        return True
    try:
        name = entry.id if entry.region is None else entry.region.of
        return has_copy(inside(project, "slides", f"{name}.zarr"))
    except GlandsError:  # a link, told when the slide is opened
        return False


def reopen(entry: SlideEntry, project: Path) -> Slide:
    """Open the slide of a record.

    Raises
    ------
    GlandsError
        When its file is missing or its content has changed.
    """
    path, folder = project / entry.path, inside(project, "slides", f"{entry.id}.zarr")
    own = path == folder
    # Not Path.exists, which raises for names that are too long.
    if (own or not os.path.exists(path)) and has_copy(folder):
        return copied_slide(folder, entry, finest_only=not own)
    if is_address(entry.path):
        return _same(_open(entry, entry.path), entry, entry.path)
    if not os.path.exists(path):
        raise GlandsError(
            f"The image of slide {entry.name} is not at {path} any more: put it back, or say where "
            f"it is now (Project.relocate({entry.id!r}, new_path))."
        )
    if not (path.is_file() or path.is_dir()):
        raise GlandsError(f"The image of slide {entry.name} at {path} is no file.")
    return _same(_open(entry, path), entry, path)


def _same(slide: Slide, entry: SlideEntry, place: Path | str) -> Slide:
    """Refuse an image that is not the one that was added."""
    if slide.checksum != entry.checksum:
        raise GlandsError(
            f"{place} has changed since it was added to the project as {entry.name}: restore the "
            "former file, or add the new one as another slide under another name."
        )
    if slide.shape != entry.shape:
        height, width = slide.shape
        raise GlandsError(
            f"{place} was added as {entry.name} with {entry.shape[1]} × {entry.shape[0]} pixels, "
            f"but its main picture has {width} × {height}: add it again as another slide, under "
            "another name."
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


def _open(entry: SlideEntry, path: Path | str) -> Slide:
    from napari_glands.slides import open_slide

    # The project's own copy of a picture holds no other.
    picture = None if Path(path).name == f"{entry.id}.zarr" else entry.picture
    with warnings.catch_warnings():  # the user was told of what was assumed when adding it
        warnings.simplefilter("ignore", UserWarning)
        try:
            slide = open_slide(path, mpp=entry.mpp, name=entry.name, picture=picture)
        except SeveralPictures:  # added before there was a choice
            slide = open_slide(path, mpp=entry.mpp, name=entry.name, picture=1)
            if Path(path).is_file() and file_checksum(Path(path)) == entry.checksum:
                slide._checksum = entry.checksum
    # The pixel size was settled when the slide was added: results were made with it.
    return slide.with_mpp(entry.mpp, entry.mpp_source)


def _stored_path(path: Path, project: Path) -> str:
    """Relative to the project for neighbours, so that both can be moved together."""
    if path.is_relative_to(project.parent):
        return Path(os.path.relpath(path, project)).as_posix()
    return str(path)
