"""The pictures of a file that holds several."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_glands.errors import GlandsError

__all__ = ["FilePicture", "SeveralPictures", "chosen", "is_extra", "picture_checksum"]

_MOST_LISTED = 20
# What scanners and converters call the photographs of the glass that they put beside the slide.
_EXTRA = re.compile(r"(?<![a-z])(label|macro|thumbnail|overview|barcode|map)(?![a-z])")


@dataclass(frozen=True)
class FilePicture:
    """One of the pictures in a file, such as one of several sections on a glass.

    Attributes
    ----------
    number
        Of the picture in its file, from 1.
    name
        What the file calls it; empty where it has no name.
    shape
        Rows and columns at level 0.
    """

    number: int
    name: str
    shape: tuple[int, int]

    def describe(self) -> str:
        """Return one line for a list to choose from."""
        height, width = self.shape
        return f"{self.number}: {width} × {height}" + (f" ({self.name})" if self.name else "")


class SeveralPictures(GlandsError):
    """A file holds several pictures, and nobody has said which one is meant.

    Parameters
    ----------
    path
        The file, or the address of the image.
    pictures
        What there is to choose from.
    """

    def __init__(self, path: Path | str, pictures: Sequence[FilePicture]) -> None:
        self.path = path
        self.pictures = tuple(pictures)
        super().__init__(
            f"{path} holds {len(self.pictures)} pictures ({_listed(pictures)}): choose one with "
            "--picture (in Python: picture=)."
        )

    def __reduce__(
        self,
    ) -> tuple[type[SeveralPictures], tuple[Path | str, tuple[FilePicture, ...]]]:
        return type(self), (self.path, self.pictures)


def chosen(path: Path | str, pictures: Sequence[FilePicture], picture: int | None) -> FilePicture:
    """Return the picture that is meant: the numbered one, or the only one.

    Raises
    ------
    SeveralPictures
        When there are several and none is named.
    GlandsError
        When there is none of that number.
    """
    if picture is None:
        if len(pictures) > 1:
            raise SeveralPictures(path, pictures)
        return pictures[0]
    if isinstance(picture, int) and 1 <= picture <= len(pictures):
        return pictures[picture - 1]
    held = "one picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
    raise GlandsError(f"{path} has no picture {picture}: it holds {held} ({_listed(pictures)}).")


def is_extra(name: str) -> bool:
    """Tell by its name that a picture is not the slide: a label, a macro, a thumbnail, a map."""
    return bool(_EXTRA.search(name.lower()))


def picture_checksum(checksum: str, picture: int) -> str:
    """Return the SHA-256 of one of several pictures, from the file's and its number."""
    return hashlib.sha256(f"{checksum} picture {picture}".encode()).hexdigest()


def _listed(pictures: Sequence[FilePicture]) -> str:
    listed = ", ".join(picture.describe() for picture in pictures[:_MOST_LISTED])
    return listed + (", …" if len(pictures) > _MOST_LISTED else "")
