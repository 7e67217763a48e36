"""OME-Zarr images (0.4, 0.5 and the drafts before them), read chunk by chunk."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, replace
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import zarr
from zarr.errors import UnknownCodecError
from zarr.storage import LocalStore

from napari_glands.errors import GlandsError
from napari_glands.plain_text import shown
from napari_glands.slides.addresses import Address, close_store, reason
from napari_glands.slides.checksums import folder_checksum, sampled_checksum
from napari_glands.slides.limits import check_chunks, check_size
from napari_glands.slides.pictures import FilePicture, SeveralPictures, chosen, is_extra
from napari_glands.slides.pixel_size import StatedSize
from napari_glands.slides.sources.array import guess_axes
from napari_glands.slides.sources.base import about
from napari_glands.slides.sources.bounded_store import BoundedStore
from napari_glands.slides.sources.levels import ArrayLevels
from napari_glands.slides.sources.multiscales import Multiscale, multiscales, series_paths
from napari_glands.slides.sources.ome_xml import OmeImage, ome_images
from napari_glands.system_errors import raise_if_refused

__all__ = ["OmeZarrSource"]

_MOST_PICTURES = 1000
_MOST_METADATA_BYTES = 32 << 20
_METADATA_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
# zarr's errors of what is not there are of this kind.
_ABSENT = FileNotFoundError
_XML = "OME/METADATA.ome.xml"


@dataclass(frozen=True)
class _Image:
    """One image of a folder: the group it is in, what is said of it, and its axes and levels."""

    group: str
    multiscale: Multiscale
    ome: OmeImage | None

    @property
    def name(self) -> str:
        return self.multiscale.name or (self.ome.name if self.ome else "")

    @property
    def level_paths(self) -> list[str]:
        return [f"{self.group}/{path}".lstrip("/") for path in self.multiscale.paths]


class OmeZarrSource:
    """One picture of an OME-Zarr folder or address, or a bare zarr array.

    Axes may be in any order (``cyx``, ``yxc``, ``tczyx``, …); all but the channels, rows and
    columns must have length 1. Levels may be listed in any order.

    Parameters
    ----------
    place
        The folder, or the address.
    picture
        Number of the picture, from 1; may be None where there is only one.

    Raises
    ------
    SeveralPictures
        When there are several and none is chosen.
    GlandsError
        When there is no image, or not one brightfield image.
    """

    kind = "ome-zarr"

    def __init__(self, place: Path | Address, picture: int | None = None) -> None:
        self.place = place
        self.picture = picture
        self.sizes: tuple[StatedSize, ...] = ()
        self._lock = threading.Lock()
        self._open_levels: ArrayLevels | None = None
        self._closing: weakref.finalize | None = None
        try:
            self.shapes = self._levels().shapes
        except BaseException:  # an error keeps what it is about alive, connections too
            self.close()
            raise

    def read(self, level: int, y: int, x: int, height: int, width: int) -> Any:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        try:
            return self._levels().read(level, y, x, height, width)
        except GlandsError:
            raise
        except Exception as error:
            words = reason(error) if isinstance(self.place, Address) else None
            if words is None:
                raise
            raise GlandsError(f"{words}; try again when the network is there") from error

    def checksum(self) -> str:
        """Return the checksum of the folder; labels stored beside the image do not count.

        Of an image at an address, what is stated of its levels and a few small samples of their
        pixels count: to read all of it to tell what it is would take hours.
        """
        if isinstance(self.place, Path):
            return folder_checksum(self.place, without=("labels",))
        return sampled_checksum(self._levels().arrays, self._levels().axes)

    def close(self) -> None:
        """Let the arrays go, and the connections to a server."""
        with self._lock:
            self._open_levels = None
            if self._closing is not None:
                self._closing()
            self._closing = None

    def __reduce__(self) -> tuple[type[OmeZarrSource], tuple[Path | Address, int | None]]:
        return type(self), (self.place, self.picture)

    def _levels(self) -> ArrayLevels:
        with self._lock:
            if self._open_levels is None:
                self._open_levels = self._open()
            return self._open_levels

    def _open(self) -> ArrayLevels:
        folder = _Folder(self.place)
        if isinstance(self.place, Address):
            self._closing = weakref.finalize(self, close_store, folder.files)
        try:
            node = folder.node("")
            if isinstance(node, zarr.Array):
                axes = guess_axes(node.shape)
                levels = ArrayLevels([_checked(node, axes)], axes)
                chosen(self._name, [FilePicture(1, "", levels.shapes[0])], self.picture)
                self.picture = None
                return levels
            image = self._choose(folder)
            return self._read_image(folder, image)
        except (SeveralPictures, MemoryError):
            raise
        except GlandsError as error:
            raise about(self._name, error) from error
        except Exception as error:
            if isinstance(self.place, Path):
                raise_if_refused(f"Cannot read {self.place}", error)
            raise _unreadable(self.place, error) from error

    @property
    def _name(self) -> Path | str:
        return self.place if isinstance(self.place, Path) else str(self.place)

    def _choose(self, folder: _Folder) -> _Image:
        """Return the image that is meant."""
        images = _find_images(folder)
        listed = [
            FilePicture(number, image.name, _level_shape(folder, image))
            for number, image in enumerate(images, start=1)
        ]
        number = chosen(self._name, listed, self.picture).number
        self.picture = number if len(images) > 1 else None
        return images[number - 1]

    def _read_image(self, folder: _Folder, image: _Image) -> ArrayLevels:
        arrays = [folder.array(path) for path in image.level_paths]
        axes = image.multiscale.letters(len(arrays[0].shape))
        _check_axes(arrays, axes)
        arrays = [_checked(array, axes) for array in arrays]
        row, column = axes.index("y"), axes.index("x")
        order = sorted(
            range(len(arrays)), key=lambda i: -arrays[i].shape[row] * arrays[i].shape[column]
        )
        ome = image.ome
        self.sizes = (
            *image.multiscale.size(order[0]),
            *(ome.sizes if ome else ()),
            *(ome.estimated if ome else ()),
        )
        return ArrayLevels([arrays[index] for index in order], axes)


class _Folder:
    """Groups and arrays of a folder or an address, none of them outside of it."""

    def __init__(self, place: Path | Address) -> None:
        self._root = place if isinstance(place, Path) else None
        # Of an address, connections are closed with the store that holds them.
        self.files: Any = (
            LocalStore(place, read_only=True) if isinstance(place, Path) else place.store()
        )
        self._store = BoundedStore(self.files)

    def node(self, path: str) -> zarr.Group | zarr.Array:
        """Return what is at a path below the folder.

        Raises
        ------
        GlandsError
            When that is somewhere else, or its metadata are absurdly large.
        """
        if self._root is not None:
            self._check(self._root / path)
        return zarr.open(self._store, path=path, mode="r", use_consolidated=False)

    def array(self, path: str) -> zarr.Array:
        """Return the array of a level."""
        try:
            node = self.node(path)
        except _ABSENT as error:
            raise GlandsError(
                f"its level {path!r} is not there: copy or export it again"
            ) from error
        if not isinstance(node, zarr.Array):
            raise GlandsError(f"its level {path!r} holds no pixels: export it again")
        return node

    def attributes(self, path: str) -> dict[str, Any] | None:
        """Return the attributes of a group, None where there is no group."""
        try:
            node = self.node(path)
        except _ABSENT:
            return None
        return node.attrs.asdict() if isinstance(node, zarr.Group) else None

    def xml(self) -> bytes:
        """Return the OME-XML that converters put beside the images, nothing where there is none."""
        if self._root is not None:
            file = self._root / _XML
            if not file.is_file():
                return b""
            self._check(file)
            return file.read_bytes() if file.stat().st_size <= _MOST_METADATA_BYTES else b""
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.sync import sync

        stored = sync(self.files.get(_XML, default_buffer_prototype()))
        return b"" if stored is None else stored.to_bytes()

    def _check(self, path: Path) -> None:
        assert self._root is not None
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise GlandsError(
                f"it points to {path.name!r} outside of the folder, through a link: copy the "
                "image with what the link points to"
            )
        for name in _METADATA_FILES:
            file = path / name
            if file.is_file() and file.stat().st_size > _MOST_METADATA_BYTES:
                raise GlandsError(f"its metadata ({name}) are too large: export it again")


def _find_images(folder: _Folder) -> list[_Image]:
    """Return the full images of a folder: its own, or those that a converter put below it.

    Labels and macros are left out where they are called that.
    """
    attributes = folder.attributes("") or {}
    images = [_Image("", multiscale, None) for multiscale in multiscales(attributes)]
    images = images or _collected(folder)
    if not images:
        raise GlandsError(
            "it is a zarr folder without an OME-Zarr image (no 'multiscales'): "
            "give the folder of one image"
        )
    return [image for image in images if not is_extra(image.name)] or images


def _collected(folder: _Folder) -> list[_Image]:
    """Return the images of a collection: as it lists them, or those numbered from 0."""
    listed = series_paths(folder.attributes("OME") or {})
    paths = listed or [str(number) for number in range(_MOST_PICTURES)]
    images: list[_Image] = []
    for path in paths:
        attributes = folder.attributes(path)
        found = multiscales(attributes) if attributes is not None else []
        if not found and not listed:
            break
        images += [_Image(path, multiscale, None) for multiscale in found]
    described = ome_images(folder.xml()) if images else []
    if len(described) == len(images):
        pairs = zip(images, described, strict=True)
        images = [replace(image, ome=ome) for image, ome in pairs]
    return images


def _level_shape(folder: _Folder, image: _Image) -> tuple[int, int]:
    """Return rows and columns of an image's finest level, for a list to choose from."""
    arrays = [folder.array(path) for path in image.level_paths]
    axes = image.multiscale.letters(len(arrays[0].shape))
    _check_axes(arrays, axes)
    row, column = axes.index("y"), axes.index("x")
    return max((array.shape[row], array.shape[column]) for array in arrays)


def _check_axes(arrays: list[zarr.Array], axes: str) -> None:
    """Refuse levels with other axes than the image has."""
    if any(len(array.shape) != len(axes) for array in arrays) or not {"y", "x"} <= set(axes):
        shapes = ", ".join(str(array.shape) for array in arrays[:8])
        raise GlandsError(
            f"its levels ({shapes}) do not have its axes ({', '.join(axes)}): export it again"
        )


def _checked(array: zarr.Array, axes: str) -> zarr.Array:
    """Return an array after a look at what reading it will take."""
    if array.dtype.kind not in "buif":
        raise GlandsError(f"its pixels are no numbers ({array.dtype}): export it again")
    if len(array.shape) == len(axes) and {"y", "x"} <= set(axes) and 0 not in array.shape:
        check_size(array.shape[axes.index("y")], array.shape[axes.index("x")])
        check_chunks(array.shape, array.chunks, axes, array.dtype.itemsize)
    return array


def _unreadable(place: Path | Address, error: Exception) -> GlandsError:
    """Say why an image cannot be opened."""
    if isinstance(place, Address):
        if isinstance(error, _ABSENT):
            return GlandsError(
                f"There is no OME-Zarr image at {place}: check the address, which must be that of "
                "the image's folder."
            )
        words = reason(error)
        if words is not None:
            return GlandsError(f"{place} cannot be read: {words}.")
    # What damaged JSON does to a library says nothing to people; what lacks (a codec) does.
    damage = isinstance(
        error, TypeError | AttributeError | LookupError | RecursionError | JSONDecodeError
    )
    damage = damage and not isinstance(error, UnknownCodecError)
    what = "its metadata are damaged" if damage else shown(str(error)[:200].rstrip("."))
    return GlandsError(f"{place} is not a readable OME-Zarr image ({what}): export it again.")
