"""OME-Zarr folders (0.4, 0.5 and the drafts before them), read chunk by chunk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_glands.errors import GlandsError
from napari_glands.slides.checksums import folder_checksum
from napari_glands.slides.pixel_size import to_micrometres
from napari_glands.slides.sources.array import guess_axes
from napari_glands.slides.sources.levels import ArrayLevels
from napari_glands.system_errors import raise_if_refused

__all__ = ["OmeZarrSource"]

_FIVE_AXES = "tczyx"


class OmeZarrSource:
    """The first multiscale image of an OME-Zarr folder, or a bare zarr array.

    Axes may be in any order (``cyx``, ``yxc``, ``tczyx``, …); all but the channels, rows and
    columns must have length 1.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    GlandsError
        When the folder holds no image, or not one brightfield image.
    """

    kind = "ome-zarr"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._open_levels: ArrayLevels | None = None
        self.mpp: tuple[float, float] | None = None
        self.shapes = self._levels().shapes

    def read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Return uint8 (height, width, 3) RGB of a rectangle in that level's own pixels."""
        return self._levels().read(level, y, x, height, width)

    def checksum(self) -> str:
        """Return the checksum of the folder; labels stored beside the image do not count."""
        return folder_checksum(self.path, without=("labels",))

    def close(self) -> None:
        """Let the arrays go."""
        with self._lock:
            self._open_levels = None

    def __reduce__(self) -> tuple[type[OmeZarrSource], tuple[Path]]:
        return type(self), (self.path,)

    def _levels(self) -> ArrayLevels:
        with self._lock:
            if self._open_levels is None:
                self._open_levels = self._open()
            return self._open_levels

    def _open(self) -> ArrayLevels:
        try:
            node = zarr.open(str(self.path), mode="r")
            if isinstance(node, zarr.Array):
                return ArrayLevels([node], guess_axes(node.shape))
            group, multiscale = _find_image(node)
            arrays = [group[dataset["path"]] for dataset in multiscale["datasets"]]
            axes = _axes(multiscale, len(arrays[0].shape))
            self.mpp = _stated_mpp(multiscale, axes)
            return ArrayLevels(arrays, "".join(name for name, _ in axes))
        except GlandsError as error:
            raise GlandsError(f"{self.path}: {error}.") from error
        except MemoryError:
            raise
        except Exception as error:
            raise_if_refused(f"Cannot read {self.path}", error)
            raise GlandsError(
                f"{self.path} is not a readable OME-Zarr image "
                f"({type(error).__name__}: {error}): export it again."
            ) from error


def _find_image(group: Any) -> tuple[Any, dict[str, Any]]:
    """Return the group that is an image, and its first multiscale entry.

    Converters put the image into a subgroup ``0``.
    """
    for candidate in (group, group.get("0")):
        if not isinstance(candidate, zarr.Group):
            continue
        attributes: dict[str, Any] = candidate.attrs.asdict()
        multiscales = attributes.get("ome", attributes).get("multiscales")
        if multiscales:
            return candidate, multiscales[0]
    raise GlandsError(
        "it is a zarr folder without an OME-Zarr image (no 'multiscales'): "
        "give the folder of one image"
    )


def _axes(multiscale: dict[str, Any], dimensions: int) -> list[tuple[str, str]]:
    """Return (name, unit) of each axis, for old versions too, which name no units."""
    axes = multiscale.get("axes")
    if axes is None:
        return [(name, "") for name in _FIVE_AXES[-dimensions:]]
    return [
        (axis, "") if isinstance(axis, str) else (axis["name"], axis.get("unit") or "")
        for axis in axes
    ]


def _stated_mpp(
    multiscale: dict[str, Any], axes: list[tuple[str, str]]
) -> tuple[float, float] | None:
    """Return µm per pixel (y, x) of the finest level, where the axes have a unit of length."""
    scale = np.ones(len(axes))
    for holder in (multiscale["datasets"][0], multiscale):
        for transformation in holder.get("coordinateTransformations") or []:
            if transformation.get("type") == "scale":
                scale = scale * np.asarray(transformation["scale"], float)
    names = [name for name, _ in axes]
    sizes = []
    for name in "yx":
        index = names.index(name)
        sizes.append(to_micrometres(float(scale[index]), axes[index][1]))
    return None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])
