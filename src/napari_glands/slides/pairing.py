"""Which files belong to an image, by their names: the one rule by which masks pair with images."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from napari_glands.slides.formats import READABLE

__all__ = [
    "LABEL_MARKS",
    "bare_name",
    "companions",
    "is_mark",
    "is_picture_of_results",
    "pair_names",
    "pairing_key",
    "without_companions",
]

LABEL_MARKS = (
    "anno", "annos", "annotation", "annotations", "mask", "masks", "cp_masks", "label", "labels",
    "labelled", "labeled", "labelmap", "seg", "segmentation", "simple segmentation", "instances",
    "gt", "truth", "ground_truth",
)  # fmt: skip
"""Words at the end of a file's name, after ``_``, ``-``, ``.`` or a blank, that say that it holds
labels; before its name they say so too. Upper and lower case are the same."""

# What is made of an image and holds no labels: our own overlay, a scanner's macro picture.
_PICTURE_MARKS = (
    "overlay", "overlays", "probability", "probabilities", "thumbnail", "thumb", "macro", "preview",
)  # fmt: skip

# Slides that keep their pixels in JPEG files beside them, whose names begin as theirs do.
_IN_PARTS, _PARTS = (".vms", ".vmu"), (".jpg", ".jpeg")

# What we write for several images of one name is called by their ids.
_ID = re.compile(r"(?P<name>.+)-[0-9a-f]{8}")


def _any_of(words: Iterable[str]) -> str:
    return "|".join("[ _-]?".join(map(re.escape, re.split("[ _]", word))) for word in words)


_AT_END = re.compile(rf"(?P<name>.+?)[ _.-]+(?:{_any_of(LABEL_MARKS)})", re.IGNORECASE)
_IN_FRONT = re.compile(rf"(?:{_any_of(LABEL_MARKS)})[ _.-]+(?P<name>.+)", re.IGNORECASE)
_PICTURE = re.compile(rf"(?P<name>.+?)[ _.-]+(?:{_any_of(_PICTURE_MARKS)})", re.IGNORECASE)
_NUMBERED = re.compile(rf"(?P<name>.+?)[ _.-]+(?:{_any_of(LABEL_MARKS)})[ _.-]?\d+", re.IGNORECASE)
_MARK = re.compile(_any_of(LABEL_MARKS), re.IGNORECASE)


def bare_name(path: str | Path) -> str:
    """Return a file's name without its ending, compound ones included.

    Examples
    --------
    >>> bare_name("case1.ome.tif"), bare_name("case.1")
    ('case1', 'case.1')
    """
    path = Path(path)
    if path.suffix.lower() not in READABLE:
        return path.name
    return path.stem[:-4] if re.fullmatch(r".+\.ome", path.stem, re.IGNORECASE) else path.stem


def is_mark(name: str) -> bool:
    """Tell whether a name is nothing but a word for labels, as that of a folder of masks."""
    return _MARK.fullmatch(name) is not None


def is_picture_of_results(path: Path) -> bool:
    """Tell whether a file's name says that it is made of an image but holds no labels."""
    return _PICTURE.fullmatch(bare_name(path)) is not None


def pairing_key(path: str | Path) -> str:
    """Return the name under which a file pairs: its bare name without a label mark at its end.

    A mark in front counts only where that makes a pair (`pair_names`, `companions`): names that
    begin so are common.

    Examples
    --------
    >>> pairing_key("train_1_anno.png"), pairing_key("case1-labels.ome.tif")
    ('train_1', 'case1')
    """
    return _image_name(_AT_END, bare_name(path)) or bare_name(path)


def pair_names(ours: Iterable[str], theirs: Iterable[str]) -> dict[str, str]:
    """Pair names that mean the same image.

    Equal names pair first, then those that differ in upper and lower case, then those that differ
    in a label mark in front. Where a name could pair with several, it does with none.

    Parameters
    ----------
    ours, theirs
        As from `pairing_key`.

    Returns
    -------
    dict
        Theirs by ours.
    """
    left, right = list(dict.fromkeys(ours)), list(dict.fromkeys(theirs))
    pairs: dict[str, str] = {}
    for alike in (str, str.casefold, _without_front):
        mine, other = _grouped(left, alike), _grouped(right, alike)
        found = {
            names[0]: other[key][0]
            for key, names in mine.items()
            if len(names) == 1 and len(other.get(key, ())) == 1
        }
        pairs |= found
        left = [name for name in left if name not in found]
        right = [name for name in right if name not in found.values()]
    return pairs


def companions(
    paths: Iterable[Path], beside: Iterable[Path] = (), *, anywhere: bool = False
) -> dict[Path, set[Path]]:
    """Tell which files belong to an image that is there too: its masks, and what we made of it.

    Parameters
    ----------
    paths
        Files and folders.
    beside
        More files that may be the image.
    anywhere
        Whether the image may be in another folder than what belongs to it; the name of a folder,
        such as ``masks``, counts then, too.

    Returns
    -------
    dict
        The images of those of `paths` that belong to any.
    """
    paths, beside = list(paths), list(beside)

    def place(path: Path, name: str) -> tuple[str, str]:
        return ("" if anywhere else os.path.abspath(path.parent), name.casefold())

    images: dict[tuple[str, str], set[Path]] = defaultdict(set)
    for path in {*paths, *beside}:
        for name in (bare_name(path), path.name):
            images[place(path, name)].add(path)

    def named(path: Path, names: Iterable[str]) -> set[Path]:
        return {other for name in names for other in images.get(place(path, name), ())} - {path}

    def is_result(path: Path) -> bool:
        return _is_export(path) or (anywhere and is_mark(path.parent.name))

    in_parts = [path for path in {*paths, *beside} if path.suffix.lower() in _IN_PARTS]
    found = {}
    for path in paths:
        bare = bare_name(path)
        owners = named(path, _marked_names(bare))
        if path.suffix.lower() in _PARTS:
            owners |= {whole for whole in in_parts if _is_part(path, whole)}
        if is_result(path):
            same = named(path, {bare, _image_name(_ID, bare) or bare})
            owners |= {other for other in same if not is_result(other)}
        if owners:
            found[path] = owners
    return found


def without_companions(
    paths: Sequence[Path], beside: Iterable[Path] = (), *, anywhere: bool = False
) -> list[Path]:
    """Leave out the `companions`; the others stay in order."""
    found = companions(paths, beside, anywhere=anywhere)
    return [path for path in paths if path not in found]


def _marked_names(bare: str) -> set[str]:
    """Return what an image could be called whose mask, or other result, has this bare name."""
    patterns = (_AT_END, _IN_FRONT, _PICTURE, _NUMBERED)
    names = {name for pattern in patterns if (name := _image_name(pattern, bare))}
    return names | {name for known in names if (name := _image_name(_ID, known))}


def _is_export(path: Path) -> bool:
    """Tell whether a path is an OME-Zarr with glands beside the image, as we export it."""
    return path.suffix.lower() == ".zarr" and (path / "labels" / "glands").is_dir()


def _is_part(path: Path, whole: Path) -> bool:
    return path.parent == whole.parent and path.name.startswith(whole.stem)


def _image_name(pattern: re.Pattern[str], bare: str) -> str | None:
    match = pattern.fullmatch(bare)
    return match["name"] if match else None


def _without_front(name: str) -> str:
    return (_image_name(_IN_FRONT, name) or name).casefold()


def _grouped(names: Iterable[str], alike: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[alike(name)].append(name)
    return groups
