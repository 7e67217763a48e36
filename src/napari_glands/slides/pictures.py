"""The pictures of a file that holds several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_glands.errors import GlandsError

__all__ = ["FilePicture", "SeveralPictures"]


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
        The file.
    pictures
        What there is to choose from.
    """

    def __init__(self, path: Path, pictures: Sequence[FilePicture]) -> None:
        self.path = path
        self.pictures = tuple(pictures)
        listed = ", ".join(picture.describe() for picture in self.pictures)
        super().__init__(
            f"{path} holds {len(self.pictures)} pictures ({listed}): choose one with --picture "
            "(in Python: picture=)."
        )

    def __reduce__(self) -> tuple[type[SeveralPictures], tuple[Path, tuple[FilePicture, ...]]]:
        return type(self), (self.path, self.pictures)
