"""Identifying content: the same pixels get the same checksum wherever they lie.

Up to 64 MiB every byte counts. Of anything larger, its size, its first and last MiB and 14 evenly
spaced samples of 64 KiB do, so that a slide of many gigabytes is identified in a moment; two
large files that differ only between the samples are taken for the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.slides.grid import Region

__all__ = [
    "array_checksum",
    "file_checksum",
    "folder_checksum",
    "region_checksum",
    "sampled_checksum",
]

_MIB = 1 << 20
_WHOLE = 64 * _MIB
_SAMPLES = 14
_SAMPLE = 64 << 10
_SAMPLED_FILES = 64
# What operating systems strew into folders.
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content (sampled above 64 MiB)."""
    digest = hashlib.sha256()
    _add_file(digest, path)
    return digest.hexdigest()


def folder_checksum(folder: Path, *, without: tuple[str, ...] = ()) -> str:
    """Return the SHA-256 of a folder's relative names, sizes and contents.

    Above 64 MiB in all, names and sizes of all files count and the contents of 64 of them, evenly
    spaced in the sorted list.

    Parameters
    ----------
    folder
        The folder.
    without
        Names directly below it that are not part of the image, such as ``"labels"``.
    """
    files = sorted(
        (p.relative_to(folder).as_posix(), p)
        for p in folder.rglob("*")
        if p.is_file() and p.name not in _LITTER and p.relative_to(folder).parts[0] not in without
    )
    sizes = [p.stat().st_size for _, p in files]
    sampled = set(range(len(files)))
    if sum(sizes) > _WHOLE:
        sampled = set(np.linspace(0, len(files) - 1, _SAMPLED_FILES).astype(int).tolist())
    digest = hashlib.sha256()
    for index, ((name, path), size) in enumerate(zip(files, sizes, strict=True)):
        digest.update(f"{name}\0{size}\0".encode())
        if index in sampled:
            _add_file(digest, path)
    return digest.hexdigest()


def array_checksum(array: Any) -> str:
    """Return the SHA-256 of an array's shape, dtype and bytes.

    Above 64 MiB, of at most 64 blocks of 256 × 256 evenly spaced over its two largest axes.
    """
    digest = hashlib.sha256(f"{tuple(array.shape)}{np.dtype(array.dtype).str}".encode())
    size = int(np.prod(array.shape, dtype=np.int64)) * np.dtype(array.dtype).itemsize
    if size <= _WHOLE:
        digest.update(np.ascontiguousarray(np.asarray(array)).data)
        return digest.hexdigest()
    first, second = sorted(np.argsort(array.shape, kind="stable")[-2:].tolist())
    index: list[slice] = [slice(None)] * len(array.shape)
    for i in np.linspace(0, max(0, array.shape[first] - 256), 8).astype(int).tolist():
        for j in np.linspace(0, max(0, array.shape[second] - 256), 8).astype(int).tolist():
            index[first], index[second] = slice(i, i + 256), slice(j, j + 256)
            digest.update(np.ascontiguousarray(np.asarray(array[tuple(index)])).data)
    return digest.hexdigest()


def sampled_checksum(levels: Sequence[Any], axes: str) -> str:
    """Return the SHA-256 of levels' shapes and types, and of a few samples of their pixels.

    Of the finest and the coarsest level, 16 squares of 32 × 32 pixels count: little enough to be
    read over a network.

    Parameters
    ----------
    levels
        Arrays of the levels, finest first.
    axes
        One letter per axis of them.
    """
    shapes = [(tuple(map(int, level.shape)), np.dtype(level.dtype).str) for level in levels]
    digest = hashlib.sha256(f"{axes}{shapes}".encode())
    row, column = axes.index("y"), axes.index("x")
    for level in dict.fromkeys((0, len(levels) - 1)):
        array = levels[level]
        index: list[slice] = [slice(None)] * len(array.shape)
        for y in np.linspace(0, max(0, array.shape[row] - 32), 4).astype(int).tolist():
            for x in np.linspace(0, max(0, array.shape[column] - 32), 4).astype(int).tolist():
                index[row], index[column] = slice(y, y + 32), slice(x, x + 32)
                digest.update(np.ascontiguousarray(np.asarray(array[tuple(index)])).data)
    return digest.hexdigest()


def region_checksum(checksum: str, region: Region) -> str:
    """Return the SHA-256 of a rectangle of a slide, from the slide's and where it lies."""
    place = f"{checksum} {region.y} {region.x} {region.height} {region.width}"
    return hashlib.sha256(place.encode()).hexdigest()


def _add_file(digest: Any, path: Path) -> None:
    """Feed a file, or its samples, to a digest."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            while block := file.read(_MIB):
                digest.update(block)
            return
        digest.update(str(size).encode())
        digest.update(file.read(_MIB))
        for offset in np.linspace(_MIB, size - _MIB, _SAMPLES + 2).astype(int).tolist()[1:-1]:
            file.seek(offset)
            digest.update(file.read(_SAMPLE))
        file.seek(size - _MIB)
        digest.update(file.read(_MIB))
