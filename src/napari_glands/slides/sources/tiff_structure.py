"""A look at how a TIFF file is built, before a library follows its pointers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from napari_glands.errors import GlandsError

__all__ = ["check_structure"]

_MOST_PAGES = 4096
_MOST_TAGS = 4096
_MOST_SUBPAGES = 64
_SUBIFDS = 330
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
               16: 8, 17: 8, 18: 8}  # fmt: skip


class _Layout(NamedTuple):
    """How numbers and lists of tags are written: classic TIFF or BigTIFF."""

    order: str
    tags: str  # how many
    tag: str  # code, type, number of values; the value or its place follows
    place: str

    def read(self, file: BinaryIO, codes: str) -> tuple[int, ...]:
        size = struct.calcsize(self.order + codes)
        data = file.read(size)
        if len(data) < size:
            raise GlandsError("it is damaged or incomplete; copy or export it again")
        return struct.unpack(self.order + codes, data)


def check_structure(path: Path) -> None:
    """Refuse a TIFF file whose pages go in a circle, or that states absurd numbers of things.

    NDPI files, which keep the upper half of large offsets elsewhere, are passed over.

    Raises
    ------
    GlandsError
        With what is wrong; the message is for the caller to prefix with a name.
    """
    if path.suffix.lower() == ".ndpi":
        return
    size = path.stat().st_size
    with path.open("rb") as file:
        seen: set[int] = set()
        for page in _pages(file, size):
            if page in seen:
                raise GlandsError("its list of pages goes in a circle; export it again")
            seen.add(page)
            if len(seen) > _MOST_PAGES:
                raise GlandsError(
                    f"it holds more than {_MOST_PAGES} pages: save the image you need on its own"
                )


def _pages(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield where each page's list of tags begins, having looked through it."""
    layout, place = _header(file)
    while place:
        if place >= size:
            raise GlandsError("it is damaged or incomplete; copy or export it again")
        yield place
        file.seek(place)
        (tags,) = layout.read(file, layout.tags)
        if tags > _MOST_TAGS:
            raise GlandsError(f"a page states {tags} tags; export it again")
        for _ in range(tags):
            code, kind, count = layout.read(file, layout.tag)
            file.seek(struct.calcsize(layout.order + layout.place), 1)
            if count * _TYPE_BYTES.get(kind, 1) > size:
                raise GlandsError(f"the tag {code} states {count} values; copy or export it again")
            if code == _SUBIFDS and count > _MOST_SUBPAGES:
                raise GlandsError(f"a page states {count} smaller pages; export it again")
        (place,) = layout.read(file, layout.place)


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    """Return how the file is written and where its first page is."""
    start = file.read(4)
    order = "<" if start[:2] == b"II" else ">"
    if start[2:].strip(b"\0") == b"+":
        layout = _Layout(order, "Q", "HHQ", "Q")
        file.seek(8)
    else:
        layout = _Layout(order, "H", "HHI", "I")
    (place,) = layout.read(file, layout.place)
    return layout, place
