"""One histology image, whatever it is stored as."""

from __future__ import annotations

import math
import re
import threading
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import region_checksum
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.pictures import picture_checksum
from napari_glands.slides.pixel_size import MppSource, check_mpp, describe_source
from napari_glands.slides.resampling import best_level, read_scaled
from napari_glands.slides.sources.base import Source
from napari_glands.system_errors import raise_if_refused

if TYPE_CHECKING:
    from napari_glands.slides.pyramid import LevelArray

__all__ = ["Level", "Slide"]

_SMALLEST_SIDE = 32
# 6 GB of RGB: more than that in one array is a slip, not a wish.
_MAX_READ_PIXELS = 2_000_000_000


@dataclass(frozen=True)
class Level:
    """One resolution of a slide's pyramid.

    Attributes
    ----------
    shape
        Rows and columns.
    downsample
        Level-0 pixels per pixel of this level, by axis (y, x).
    mpp
        Micrometres per pixel, by axis (y, x).
    """

    shape: tuple[int, int]
    downsample: tuple[float, float]
    mpp: tuple[float, float]


class Slide:
    """A histology image of any size: its levels, its pixel size, and its pixels on demand.

    Make one with `open_slide`. Slides are equal when their content is (`checksum`). They may be
    read by several threads at once and can be pickled. What is open of a file is closed by
    `close`, at the end of a ``with`` statement, and when the slide is no longer used.

    Parameters
    ----------
    source
        Where the pixels come from.
    name
        Name for people.
    mpp
        Micrometres per level-0 pixel.
    mpp_source
        Whether `mpp` is from the image's metadata, estimated from its magnification, given by the
        user, or the assumed default.
    path
        File or folder of the image; None for arrays, layers and images at an address.
    address
        Address of the image, without user name and password; None for all others.
    picture
        Which picture of its file it is, from 1; None where there is only one to choose.
    region
        The part of the source that the slide consists of; None for all of it.

    Raises
    ------
    GlandsError
        When the image is empty or less than 32 pixels wide or high.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str,
        mpp: float,
        mpp_source: MppSource,
        path: Path | None = None,
        address: str | None = None,
        picture: int | None = None,
        region: Region | None = None,
    ) -> None:
        height, width = source.shapes[0]
        self._region = region or Region(0, 0, height, width)
        height, width = self.shape
        if min(height, width) < _SMALLEST_SIDE:
            raise GlandsError(
                f"{path or address or name} has {width} × {height} pixels: too small to hold "
                f"glands, at least {_SMALLEST_SIDE} × {_SMALLEST_SIDE} are needed."
            )
        self._source = source
        self._name = name
        self._mpp = mpp
        self._mpp_source: MppSource = mpp_source
        self._path = path
        self._address = address
        self._picture = picture
        self._whole: Slide | None = None
        self._checksum: str | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Name for people: the file's name without its ending."""
        return self._name

    @property
    def path(self) -> Path | None:
        """File or folder of the image; None for arrays, layers and images at an address."""
        return self._path

    @property
    def address(self) -> str | None:
        """Address of an image that is read over a network, without user name and password."""
        return self._address

    @property
    def picture(self) -> int | None:
        """Which picture of its file it is, from 1; None where there is only one to choose."""
        return self._picture

    @property
    def kind(self) -> str:
        """Kind of source: raster, tiff, openslide, ome-zarr, array or layer."""
        return self._source.kind

    @property
    def mpp(self) -> float:
        """Micrometres per level-0 pixel."""
        return self._mpp

    @property
    def mpp_source(self) -> MppSource:
        """Where `mpp` is from.

        ``"metadata"`` (the file states it), ``"estimated"`` (from the magnification that the file
        states), ``"given"`` (by the user) or ``"default"`` (assumed).
        """
        return self._mpp_source

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at level 0."""
        return self._region.height, self._region.width

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the first pixel on the whole slide; (0, 0) unless this is a `crop`."""
        return self._region.y, self._region.x

    @property
    def whole(self) -> Slide:
        """The slide that this is a `crop` of, or this slide itself."""
        return self._whole or self

    @property
    def levels(self) -> tuple[Level, ...]:
        """The stored resolutions, finest first."""
        sizes = (Grid(shape, self._source.shapes[0], self._mpp) for shape in self._source.shapes)
        return tuple(self._level(grid) for grid in sizes)

    @property
    def checksum(self) -> str:
        """Hexadecimal SHA-256 of the content (sampled when large); computed once.

        That of a crop is made of the whole slide's and of where it lies, that of one of several
        pictures of the file's and its number.
        """
        with self._lock:
            if self._checksum is None:
                self._checksum = self._find_checksum()
            return self._checksum

    @property
    def id(self) -> str:
        """Stable name that is safe in file systems: the name and the content's checksum."""
        return f"{_slug(self._name)}-{self.checksum[:8]}"

    def grid(self, mpp: float) -> Grid:
        """Return the grid that covers the slide at about `mpp` µm per pixel.

        That of a crop lies where the crop does on the whole slide.
        """
        return replace(Grid.covering(self.shape, self._mpp, mpp), origin=self.origin)

    def crop(self, region: Region, name: str | None = None) -> Slide:
        """Return a rectangle of the slide as a slide of its own.

        It reads the same file. Its pixels are those of this slide at every resolution, and what is
        made on its `grid` lies in the coordinates of the whole slide.

        Parameters
        ----------
        region
            The rectangle, in level-0 pixels of this slide.
        name
            Name for people; by default this slide's with the place of the rectangle.

        Raises
        ------
        GlandsError
            When the region is not inside the slide, or less than 32 pixels wide or high.
        """
        place = self._on_whole(self._checked(region))
        name = name or f"{self._name} at {place.x}, {place.y}"
        slide = Slide(self._source, **{**self._facts(), "name": name, "region": place})
        slide._whole = self.whole
        return slide

    def with_mpp(self, mpp: float, source: MppSource = "given") -> Slide:
        """Return the same slide with another pixel size.

        Parameters
        ----------
        mpp
            Micrometres per level-0 pixel.
        source
            Where that is from: the user, unless it was settled before and written down.

        Raises
        ------
        GlandsError
            When the value is implausible.
        """
        mpp = check_mpp(mpp, f"The pixel size given for {self._name}")
        if self._whole is not None:
            return self._whole.with_mpp(mpp, source).crop(self._region, self._name)
        slide = Slide(self._source, **{**self._facts(), "mpp": mpp, "mpp_source": source})
        slide._checksum = self._checksum
        return slide

    def read(self, mpp: float | None = None, region: Region | None = None) -> np.ndarray:
        """Read pixels at any resolution.

        The coarsest level that is still fine enough is read, and averaged down (or interpolated
        up) to the size asked for.

        Parameters
        ----------
        mpp
            µm per pixel of the result; None for the slide's own.
        region
            What to read, in level-0 pixels; None for all.

        Returns
        -------
        numpy.ndarray
            uint8 (height, width, 3) RGB, writable and owned by the caller. Without a region its
            shape is that of ``grid(mpp)``, with one that of the grid that covers the region.

        Raises
        ------
        GlandsError
            When the region is not inside the slide, the resolution is not a positive number, the
            result would be too large for memory, or the file is damaged.
        """
        region = self._checked(region)
        if mpp is None:
            mpp = self._mpp
        if not (math.isfinite(mpp) and mpp > 0):
            raise GlandsError(f"Cannot read {self._name} at {mpp!r} µm/px: give a positive number.")
        shape = Grid.covering((region.height, region.width), self._mpp, mpp).shape
        if shape[0] * shape[1] > _MAX_READ_PIXELS:
            raise GlandsError(
                f"{self._name} at {mpp:g} µm/px has {shape[1]} × {shape[0]} pixels, too many to "
                "hold at once: read a region, or read at a coarser resolution."
            )
        box = (region.y, region.x, region.y + region.height, region.x + region.width)
        return self._resample(box, shape)

    def read_window(self, grid: Grid, window: Window) -> np.ndarray:
        """Read a part of the slide at the pixels of a grid that covers all of it.

        Parameters
        ----------
        grid
            From `grid`.
        window
            What to read, in pixels of the grid.

        Returns
        -------
        numpy.ndarray
            uint8 (height, width, 3) RGB: that part of what ``read(mpp)`` gives, but for rounding
            by one grey level.

        Raises
        ------
        GlandsError
            When the file is damaged or gone.
        """
        dy, dx = grid.downsample
        box = (window.y * dy, window.x * dx, window.bottom * dy, window.right * dx)
        return self._resample(box, window.shape)

    def pyramid(self) -> list[Any]:
        """Return the slide as dask arrays for a viewer, finest first.

        Returns
        -------
        list of dask.array.Array
            uint8 (h, w, 3) per level, read when computed. Where the coarsest stored level is
            still large, coarser ones that are computed from it follow.
        """
        from napari_glands.slides.pyramid import lazy_levels

        return lazy_levels(self.arrays())

    def arrays(self) -> list[LevelArray]:
        """Return the levels of `pyramid` as plain arrays, which keep the tiles read last."""
        from napari_glands.slides.pyramid import level_arrays

        return level_arrays(self._resample, [level.shape for level in self.levels])

    def close(self) -> None:
        """Release open files; reading opens them again."""
        self._source.close()

    def __enter__(self) -> Slide:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Slide):
            return NotImplemented
        return self is other or self.checksum == other.checksum

    def __hash__(self) -> int:
        return hash(self.checksum)

    def __repr__(self) -> str:
        height, width = self.shape
        size = f"{self._mpp:.4g} µm/px, {describe_source(self._mpp_source)}"
        return (
            f"<Slide {self._name!r}: {width} × {height} px ({size}), "
            f"{len(self._source.shapes)} level(s), {self.kind}>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _facts(self) -> dict[str, Any]:
        """Return what a slide that is made of this one is told, by its parameters' names."""
        return {
            "name": self._name,
            "mpp": self._mpp,
            "mpp_source": self._mpp_source,
            "path": self._path,
            "address": self._address,
            "picture": self._picture,
        }

    def _find_checksum(self) -> str:
        if self._whole is not None:
            return region_checksum(self._whole.checksum, self._region)
        checksum = self._source.checksum()
        return checksum if self._picture is None else picture_checksum(checksum, self._picture)

    def _level(self, grid: Grid) -> Level:
        """Return what this slide has of a stored level."""
        if self._whole is not None:
            parts = zip(self.shape, grid.downsample, strict=True)
            rows, columns = (max(1, round(length / step)) for length, step in parts)
            grid = Grid((rows, columns), self.shape, self._mpp)
        return Level(grid.shape, grid.downsample, grid.mpp)

    def _on_whole(self, region: Region) -> Region:
        """Return where a region of this slide is on the whole slide."""
        y, x = self.origin
        return replace(region, y=region.y + y, x=region.x + x)

    def _checked(self, region: Region | None) -> Region:
        """Return the region, all of the slide for None, when it lies inside the slide."""
        height, width = self.shape
        if region is None:
            return Region(0, 0, height, width)
        inside = (
            region.y >= 0
            and region.x >= 0
            and region.height > 0
            and region.width > 0
            and region.y + region.height <= height
            and region.x + region.width <= width
        )
        if not inside:
            raise GlandsError(
                f"The region x={region.x}, y={region.y}, {region.width} × {region.height} is not "
                f"inside {self._name}, which has {width} × {height} pixels."
            )
        return region

    def _resample(
        self, box: tuple[float, float, float, float], out_shape: tuple[int, int]
    ) -> np.ndarray:
        """Read a level-0 box (top, left, bottom, right; pixel edges) at some size."""
        if self._whole is not None:  # what lies around it takes part, as in the whole slide
            y, x = self.origin
            box = (box[0] + y, box[1] + x, box[2] + y, box[3] + x)
            return self._whole._resample(box, out_shape)
        wanted = min((box[2] - box[0]) / out_shape[0], (box[3] - box[1]) / out_shape[1])
        levels = self.levels
        index = best_level([max(level.downsample) for level in levels], wanted)
        dy, dx = levels[index].downsample
        level_box = (box[0] / dy, box[1] / dx, box[2] / dy, box[3] / dx)

        def read(y: int, x: int, height: int, width: int) -> np.ndarray:
            return self._read_source(index, y, x, height, width)

        return read_scaled(read, levels[index].shape, level_box, out_shape)

    def _read_source(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Read stored pixels, turning whatever a damaged file causes into a clear message."""
        try:
            return self._source.read(level, y, x, height, width)
        except MemoryError:
            raise
        except Exception as error:
            raise_if_refused(f"Cannot read pixels of {self._path or self._name}", error)
            reason = str(error).rstrip(".") or type(error).__name__
            name = self._path or self._address or self._name
            raise GlandsError(f"Cannot read pixels of {name}: {reason}.") from error


def _slug(name: str) -> str:
    """Reduce a name to what every file system takes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:60] or "slide"
