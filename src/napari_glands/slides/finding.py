"""Finding images by files, folders, globs and addresses."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from napari_glands.errors import GlandsError
from napari_glands.slides.formats import READABLE, is_address, is_image_folder, is_readable
from napari_glands.slides.pairing import is_mark, without_companions

__all__ = ["Found", "ImagePath", "ImagesBelow", "find_images", "look_for_images", "why_unreadable"]

ImagePath = str | Path
"""Where an image is: a path, or an address (`is_address`) as text, which a path would mangle."""

# More than a study has: somebody named a home folder or a whole disk.
_MOST_FILES = 100_000
_READABLE = f"Readable are {', '.join(READABLE)}, and DICOM and OME-Zarr folders."


class ImagesBelow(GlandsError):
    """A folder holds no images itself, but the folders in it do.

    Parameters
    ----------
    place
        The folder, or the pattern that matches such folders.
    count
        How many images there are; at least as many, where `more`.
    more
        Whether not all files were looked at.
    """

    def __init__(self, place: str, count: int, *, more: bool = False) -> None:
        self.place, self.count, self.more = place, count, more
        are = "image is" if count == 1 else "images are"
        super().__init__(
            f"{place} holds no images itself, but {'at least ' if more else ''}{count} {are} in "
            "the folders below it: take them with --recursive (in Python: recursive=True)."
        )


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes
    ----------
    images
        Each image once, in natural order.
    problems
        One for each pattern that stands for no image.
    """

    images: list[ImagePath]
    problems: list[GlandsError]


def find_images(
    patterns: Sequence[str | Path] | str | Path, *, recursive: bool = False
) -> list[ImagePath]:
    """List the images that files, folders, globs and addresses stand for.

    A file stands for itself, whatever its ending, and an address (``https://…``, ``s3://…``) for
    what is there. A folder stands for the images directly in it, or for one image when it is a
    DICOM or OME-Zarr folder. A glob (``*``, ``?``, ``[]``, ``**``) stands for the images among its
    matches. What belongs to an image that lies beside it is no image: its masks
    (``train_1_anno.png`` or ``mask_train_1.png`` beside ``train_1.png``, see `LABEL_MARKS`) and
    what this program exports. It is left out of folders and globs, and of files named together
    with their image, as a shell does with a glob.

    Parameters
    ----------
    patterns
        What the user named; ``~`` is the home folder. A single path is fine too.
    recursive
        Whether folders stand for the images in all folders below them, too. Hidden folders,
        projects, folders of masks (called ``masks``, ``labels``, …) and the insides of image
        folders are passed over; a mask may lie in another folder than its image.

    Returns
    -------
    list of pathlib.Path or str
        Each image once, in natural order (``train_2`` before ``train_10``); addresses as text.
        Whether they can be read is not known yet: links that lead nowhere are among them.

    Raises
    ------
    ImagesBelow
        When a folder holds images only in the folders below it, and `recursive` is not set.
    GlandsError
        When one of the patterns matches no image, or a search does not come to an end.
    """
    found = look_for_images(patterns, recursive=recursive)
    if found.problems:
        raise found.problems[0]
    if not found.images:
        raise GlandsError("No images were named: give files, folders or patterns such as *.png.")
    return found.images


def look_for_images(
    patterns: Sequence[str | Path] | str | Path, *, recursive: bool = False
) -> Found:
    """Find as `find_images` does, but go on where a pattern stands for no image."""
    if isinstance(patterns, str | Path):
        patterns = [patterns]
    addresses: dict[str, None] = {}
    paths: dict[str, Path] = {}
    problems = []
    for pattern in patterns:
        if is_address(pattern):
            addresses[str(pattern)] = None
            continue
        try:
            for path in _match(pattern, recursive):
                paths.setdefault(os.path.realpath(path), path)
        except GlandsError as error:
            problems.append(error)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            problems.append(GlandsError(f"{pattern} cannot be read ({reason}): check the path."))
    images = without_companions(list(paths.values()))
    return Found(sorted([*images, *addresses], key=_natural), problems)


def why_unreadable(path: ImagePath, error: GlandsError) -> str:
    """Say why an image could not be opened; a link that leads nowhere is called that."""
    if not is_address(path) and os.path.islink(path) and not os.path.exists(path):
        return f"{path} is a link to {os.readlink(path)}, which is not there: mend or remove it."
    return str(error)


def _match(pattern: str | Path, recursive: bool) -> list[Path]:
    """Return the images of one pattern, at least one."""
    path = Path(os.path.expanduser(pattern))
    if path.is_file() or _is_one_image(path) or (path.is_symlink() and not path.exists()):
        return [path]
    if path.is_dir():
        return _in_folder(path, recursive)
    if glob.has_magic(str(path)):
        return _matching(path, recursive)
    raise GlandsError(f"There is no file or folder {pattern}: check the path. {_READABLE}")


def _in_folder(folder: Path, recursive: bool) -> list[Path]:
    """Return the images in a folder."""
    if (folder / "project.json").is_file():
        raise GlandsError(f"{folder} is a project: name the images, and the project apart.")
    if recursive:
        images = without_companions(list(_images_below(folder)), anywhere=True)
    else:
        images = without_companions([p for p in folder.iterdir() if _is_candidate(p)])
        if not images:
            _tell_of_images_below([folder], str(folder))
    if not images:
        raise GlandsError(f"The folder {folder} holds no images. {_READABLE}")
    return images


def _matching(pattern: Path, recursive: bool) -> list[Path]:
    """Return the images among the matches of a glob."""
    base = _fixed_part(pattern)
    found = list(islice(glob.iglob(str(pattern), recursive=True), _MOST_FILES + 1))
    if len(found) > _MOST_FILES:
        raise _too_many(pattern)
    closed: dict[Path, bool] = {}
    matches = [p for p in map(Path, found) if not _is_inside(p, base, closed)]
    images = [path for path in matches if _is_candidate(path)]
    folders = [path for path in matches if _is_open(path)]
    if recursive:
        images += [path for folder in folders for path in _images_below(folder)]
    anywhere = recursive or "**" in pattern.parts
    parents = {path.parent for path in images}
    beside = [p for parent in parents for p in parent.iterdir() if _is_candidate(p)]
    if anywhere:
        beside += _images_below(base)
    kept = without_companions(images, beside, anywhere=anywhere)
    if not kept and images:
        raise GlandsError(
            f"All that matches {pattern} belongs to images beside it, as their masks do: name "
            "a file itself to take it for an image."
        )
    if not kept:
        _tell_of_images_below([] if recursive else folders, str(pattern))
        raise GlandsError(f"No image matches {pattern}. {_READABLE}")
    return kept


def _tell_of_images_below(folders: Sequence[Path], place: str) -> None:
    """Raise `ImagesBelow` when there are images in the folders below."""
    images: list[Path] = []
    more = False
    try:
        images.extend(path for folder in folders for path in _images_below(folder))
    except GlandsError:  # there is no end to it
        if not images:
            raise
        more = True
    count = len(without_companions(images, anywhere=True))
    if count:
        raise ImagesBelow(place, count, more=more)


def _images_below(folder: Path) -> Iterator[Path]:
    """Yield what looks like an image in a folder and in all folders below it.

    Links to folders are followed, but no folder is entered twice.
    """
    waiting, entered, looked_at = [folder], set(), 0
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        if real in entered:
            continue
        entered.add(real)
        try:
            paths = sorted(here.iterdir())
        except OSError:  # somebody else's folder
            continue
        looked_at += len(paths)
        if looked_at > _MOST_FILES:
            raise _too_many(folder)
        for path in paths:
            if _is_candidate(path):
                yield path
            elif _is_open(path):
                waiting.append(path)


def _too_many(place: Path) -> GlandsError:
    return GlandsError(
        f"More than {_MOST_FILES:,} files lie below {place}: name the folders of the images."
    )


def _is_candidate(path: Path) -> bool:
    """Tell whether a path in a folder looks like an image, damaged or not.

    Neither pipes and devices, which would keep a reader waiting, nor what is hidden.
    """
    if path.name.startswith("."):
        return False
    try:
        if path.is_dir():
            return path.suffix.lower() == ".zarr" or is_image_folder(path)
        if path.is_file():
            return is_readable(path)
    except OSError:
        return False
    return path.is_symlink() and not path.exists() and path.suffix.lower() in READABLE


def _is_one_image(folder: Path) -> bool:
    return folder.is_dir() and (folder.suffix.lower() == ".zarr" or is_image_folder(folder))


def _is_open(path: Path) -> bool:
    """Tell whether a path is a folder in which images are looked for."""
    if path.name.startswith(".") or path.suffix.lower() in (".glands", ".zarr"):
        return False
    try:
        if not path.is_dir() or is_mark(path.name) or (path / "project.json").is_file():
            return False
        return not is_image_folder(path)
    except OSError:
        return False


def _is_inside(path: Path, base: Path, closed: dict[Path, bool]) -> bool:
    """Tell whether a match lies in an image folder or a project that the glob does not name."""
    for parent in path.parents:
        if parent == base or not parent.is_relative_to(base):
            return False
        if parent not in closed:
            closed[parent] = not _is_open(parent) and not is_mark(parent.name)
        if closed[parent]:
            return True
    return False


def _fixed_part(pattern: Path) -> Path:
    """Return the folder that a glob starts from."""
    for parent in pattern.parents:
        if not glob.has_magic(str(parent)):
            return parent
    return Path()


def _natural(path: ImagePath) -> list[tuple[int, int, str]]:
    """Return a sort key that counts numbers as numbers."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p]
