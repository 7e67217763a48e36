"""The pixels of a slide in its folder: copied when small, pointed to when not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.project.facts import ATTRIBUTE
from napari_glands.project.label_folders import make_group
from napari_glands.project.stored_files import StoredFiles, note_files, open_checked
from napari_glands.stored import PlainName, checked, read_json

if TYPE_CHECKING:
    from napari_glands.project.schema import SlideEntry
    from napari_glands.slides import Slide

__all__ = ["copied_slide", "has_copy", "make_slide_group"]

_FINEST = "0"


class _Facts(TypedDict):
    slide_id: PlainName
    source: str
    files: NotRequired[str]


_FACTS = TypeAdapter(_Facts)


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
    path = folder / ".zattrs"
    attributes = read_json(path) if path.exists() else {}
    facts = {"slide_id": slide.id, "source": source}
    attributes[ATTRIBUTE] = {**facts, "files": note_files(folder)} if copied else facts
    write_json(path, attributes)
    make_group(folder / "labels")
    write_json(folder / "labels" / ".zattrs", {"labels": []})


def has_copy(folder: Path) -> bool:
    """Tell whether the pixels of a slide lie in its folder."""
    return (folder / _FINEST / ".zarray").is_file()


def copied_slide(folder: Path, entry: SlideEntry, *, finest_only: bool) -> Slide:
    """Open a slide from the pixels in its folder, which are checked as they are read.

    Parameters
    ----------
    folder
        Of the slide.
    entry
        Its record: the copy is of what it says.
    finest_only
        Whether to leave the coarser levels alone, as what was copied may not have had them: what
        is read at a coarser resolution is then what the file would give.

    Raises
    ------
    GlandsError
        When the copy is not what was saved.
    """
    from napari_glands.slides import Slide
    from napari_glands.slides.sources.array import ArraySource

    try:
        stored: Any = read_json(folder / ".zattrs")
        own = stored.get(ATTRIBUTE) if isinstance(stored, dict) else None
        files = StoredFiles(folder, checked(_FACTS, own, folder / ".zattrs").get("files"))
        files.check_sizes()
        levels = sorted((p.name for p in folder.iterdir() if p.name.isdecimal()), key=int)
        arrays = [open_checked(files, name) for name in levels[: 1 if finest_only else None]]
        if not arrays or arrays[0].shape[-2:] != entry.shape:
            raise GlandsError(f"{folder / _FINEST} is not of the slide's size")
        slide = Slide(
            ArraySource(arrays), name=entry.name, mpp=entry.mpp, mpp_source=entry.mpp_source
        )
    except (GlandsError, FileNotFoundError) as error:
        raise GlandsError(
            f"The project's own copy of the image of {entry.name} cannot be used: "
            f"{str(error).rstrip('.')}. Copy the file from where the project came from, or put the "
            f"image where it was, at {entry.path}."
        ) from error
    slide._checksum = entry.checksum
    return slide
