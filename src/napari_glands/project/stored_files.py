"""The files of a saved result as they were written: a missing or changed one is known.

Beside the files of a result lies ``checksums.json``: the size and the digest of each. An array is
checked chunk by chunk when it is first read there, so that nothing is read twice for it, and
nothing of a whole slide that nobody looks at.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.project.damage import DamagedResult
from napari_glands.stored import Whole, checked, digest, read_json
from napari_glands.system_errors import raise_if_refused, refusal

__all__ = ["CheckedArray", "Owner", "StoredFiles", "note_files", "open_checked"]

_FILE = "checksums.json"
_ATTRIBUTES = ".zattrs"  # they have a seal of their own, and change without the arrays
# More than a gland image at 0.1 µm of the largest glass has, in chunks of 256 × 256.
_MOST_CHUNKS = 50_000_000
_LARGEST_CHUNK = 1 << 30

_State = tuple[Annotated[Whole, Field(ge=0)], str]


class _Content(TypedDict):
    files: dict[str, _State]


_CONTENT = TypeAdapter(_Content)


@dataclass(frozen=True)
class Owner:
    """Whose result some files are.

    Attributes
    ----------
    slide_id, slide_name
        Of which slide.
    name
        Which result.
    """

    slide_id: str
    slide_name: str
    name: str

    def damaged(self, why: str) -> DamagedResult:
        """Return the error that says so."""
        return DamagedResult(
            f"The {self.name} of {self.slide_name} cannot be used: {why}. Copy the file from where "
            "the project came from, or run its step again.",
            self.slide_id,
            self.name,
        )


class StoredFiles:
    """What is known of the files of a result.

    Parameters
    ----------
    folder
        Of the result.
    noted
        Digest of what was noted of its files; None for one from before files were noted.

    Attributes
    ----------
    owner
        Whose result it is, for messages; None where who asks tells it.

    Raises
    ------
    GlandsError
        When the notes are missing or damaged.
    """

    def __init__(self, folder: Path, noted: str | None) -> None:
        self.folder = folder
        self.owner: Owner | None = None
        self._files = None if noted is None else _read(folder, noted)
        self._sound: set[str] = set()

    @property
    def known(self) -> bool:
        """Whether there is anything to check by."""
        return self._files is not None

    def fault(self, why: str) -> GlandsError:
        """Return the error that says what is wrong with the result, and whose it is."""
        return GlandsError(why) if self.owner is None else self.owner.damaged(why)

    def check(self, path: str) -> None:
        """Check a file once.

        Raises
        ------
        GlandsError
            When it is missing or changed.
        """
        if self._files is None or path in self._sound:
            return
        file, noted = self.folder / path, self._files.get(path)
        try:
            size = file.lstat().st_size
            same = noted is not None and size == noted[0] and _digest_of(file) == noted[1]
        except FileNotFoundError:
            if noted is not None:
                raise self.fault(f"the file {file} is missing") from None
            same = True  # a chunk in which nothing was written
        except OSError as error:
            raise self.fault(refusal(f"cannot read {file}", error).rstrip(".")) from error
        if not same:
            raise self.fault(f"the file {file} is not what was saved")
        self._sound.add(path)

    def check_sizes(self) -> None:
        """Look whether all files are there in their full size; nothing is read.

        Raises
        ------
        GlandsError
            When one is not.
        """
        for path, (size, _) in (self._files or {}).items():
            file = self.folder / path
            try:
                there = file.lstat().st_size
            except OSError as error:
                raise GlandsError(f"the file {file} is missing") from error
            if there != size:
                raise GlandsError(f"the file {file} is not what was saved")


class CheckedArray:
    """A stored array whose chunks are checked when they are first read.

    Parameters
    ----------
    array
        zarr array.
    files
        Of the result that it belongs to.
    path
        Of the array in the result's folder.

    Attributes
    ----------
    array
        The same, unchecked.
    """

    def __init__(self, array: Any, files: StoredFiles, path: str) -> None:
        self.array, self._files, self._path = array, files, path
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype = array.dtype
        self.chunks: tuple[int, ...] = array.chunks

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return a part; its chunks are checked first."""
        if self._files.known:
            for chunk in self._touched(key):
                self._files.check(f"{self._path}/{self.array.metadata.encode_chunk_key(chunk)}")
        try:
            return np.asarray(self.array[key])
        except Exception as error:  # zarr's codecs raise many kinds on damaged chunks
            place = self._files.folder / self._path
            raise_if_refused(f"Cannot read {place}", error)
            raise self._files.fault(
                f"the array {place} cannot be read ({type(error).__name__})"
            ) from error

    def belongs_to(self, owner: Owner) -> None:
        """Say whose it is, for the messages of what is found when it is read."""
        self._files.owner = owner

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all of it."""
        return np.asarray(self[...], dtype)

    def _touched(self, key: Any) -> Iterator[tuple[int, ...]]:
        """Return the places of the chunks that a part lies in."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            gap = keys.index(Ellipsis)
            keys[gap : gap + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        ranges = []
        for part, size, chunk in zip(keys, self.shape, self.chunks, strict=True):
            if isinstance(part, slice):
                start, stop, _ = part.indices(size)
            else:
                start = int(part) % size
                stop = start + 1
            ranges.append(range(start // chunk, math.ceil(stop / chunk)))
        return product(*ranges)


def open_checked(files: StoredFiles, path: str) -> CheckedArray:
    """Open an array of a result for reading.

    Raises
    ------
    GlandsError
        When it is missing, damaged, or cut into more or larger pieces than can be worked with.
    """
    import zarr

    folder = files.folder / path
    for described in (".zarray", ".zattrs"):
        files.check(f"{path}/{described}")
    try:
        array = zarr.open_array(str(folder), mode="r")
    except Exception as error:  # zarr raises many kinds on damaged metadata
        raise_if_refused(f"Cannot read {folder}", error)
        raise GlandsError(f"{folder} is no array ({type(error).__name__})") from error
    if any(chunk < 1 for chunk in array.chunks):
        raise GlandsError(f"{folder} has chunks without pixels: that is not what was saved")
    count = math.prod(math.ceil(n / c) for n, c in zip(array.shape, array.chunks, strict=True))
    largest = math.prod(array.chunks) * array.dtype.itemsize
    if count > _MOST_CHUNKS or largest > _LARGEST_CHUNK or array.dtype.kind not in "buif":
        raise GlandsError(
            f"{folder} has {count:,} chunks of {array.chunks} numbers of {array.dtype}: that is "
            "not what was saved"
        )
    return CheckedArray(array, files, path)


def note_files(folder: Path) -> str:
    """Note the files of a finished result; return the digest of the notes."""
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, _digest_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in (folder / _FILE, folder / _ATTRIBUTES)
    }
    write_json(folder / _FILE, {"files": files})
    return digest(files)


def _read(folder: Path, noted: str) -> dict[str, _State]:
    path = folder / _FILE
    try:
        files = checked(_CONTENT, read_json(path), path)["files"]
    except FileNotFoundError as error:
        raise GlandsError(f"the file {path} is missing") from error
    if digest(files) != noted:
        raise GlandsError(f"the file {path} is not what was saved")
    return files


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
