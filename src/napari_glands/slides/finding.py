"""Finding images by files, folders and globs."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from napari_glands.errors import GlandsError
from napari_glands.slides.formats import READABLE, is_image_folder, is_readable

__all__ = ["LABEL_SUFFIXES", "find_images"]

LABEL_SUFFIXES = ("_anno", "_mask", "_labels")
"""Endings of a file's stem that say that it holds labels."""


def find_images(patterns: Sequence[str | Path]) -> list[Path]:
    """List the images that files, folders and globs stand for.

    A file stands for itself, whatever its ending. A folder stands for the images directly in it,
    or for one image when it is a DICOM or OME-Zarr folder. A glob (``*``, ``?``, ``[]``, ``**``)
    stands for the images among its matches. Label images that lie beside their image
    (``train_1_anno.png`` beside ``train_1.png``) are left out of folders and globs, and of files
    named together with their image, as a shell does with a glob: a mask is no slide.

    Parameters
    ----------
    patterns
        What the user named; ``~`` is the home folder. A single path is fine too.

    Returns
    -------
    list of pathlib.Path
        Each image once, in natural order (``train_2`` before ``train_10``).

    Raises
    ------
    GlandsError
        When one of the patterns matches no image.
    """
    if isinstance(patterns, str | Path):
        patterns = [patterns]
    found: dict[Path, Path] = {}
    for pattern in patterns:
        for path in _match(pattern):
            found.setdefault(path.resolve(), path)
    if not found:
        raise GlandsError("No images were named: give files, folders or patterns such as *.png.")
    return sorted(_without_labels(list(found.values())), key=_natural)


def _match(pattern: str | Path) -> list[Path]:
    """Return the images of one pattern, at least one."""
    path = Path(pattern).expanduser()
    readable = f"Readable are {', '.join(READABLE)}, and DICOM and OME-Zarr folders."
    if path.is_file() or is_image_folder(path):
        return [path]
    if path.is_dir():
        images = _without_labels([p for p in path.iterdir() if is_readable(p)])
        if not images:
            raise GlandsError(f"The folder {path} holds no images. {readable}")
        return images
    if glob.has_magic(str(path)):
        matches = map(Path, glob.glob(str(path), recursive=True))
        images = _without_labels([p for p in matches if is_readable(p)])
        if not images:
            raise GlandsError(f"No image matches {pattern}. {readable}")
        return images
    raise GlandsError(f"There is no file or folder {pattern}: check the path. {readable}")


def _without_labels(paths: list[Path]) -> list[Path]:
    """Leave out the label images of images that are there too."""
    images = {path.with_suffix("") for path in paths}
    return [path for path in paths if not _is_label_of(path, images)]


def _is_label_of(path: Path, images: set[Path]) -> bool:
    stem = path.with_suffix("")
    return any(
        stem.name.endswith(suffix) and stem.with_name(stem.name.removesuffix(suffix)) in images
        for suffix in LABEL_SUFFIXES
    )


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key that counts numbers as numbers."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]
