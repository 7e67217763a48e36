"""Small pictures of priors and glands, made off the interface's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject

from napari_glands.slides import Region
from napari_glands.workbench.tasks import Tasks

if TYPE_CHECKING:
    from napari_glands.priors.curated import Curated
    from napari_glands.slides import Slide

__all__ = ["Thumbnails"]

# Saving waits for a batch at most.
_BATCH = 6
_PIXELS = 88
_MARGIN = 0.35
_LINE, _HALO = (255, 230, 0), (20, 20, 20)

Show = Callable[[int, np.ndarray], None]


class Thumbnails(QObject):
    """Makes pictures, and remembers them until their object changes.

    Parameters
    ----------
    parent
        Owner.
    tasks
        Whose queue makes them.
    """

    def __init__(self, parent: QObject, tasks: Tasks) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._made: dict[int, tuple[float, np.ndarray]] = {}
        self._of: tuple[Any, ...] = ()

    def make(self, slide: Slide, curated: Curated, labels: Sequence[int], show: Show) -> None:
        """Hand the pictures of some objects to `show`, those that are new after a while."""
        of = (slide.id, type(curated))
        if of != self._of:
            self._of = of
            self._made.clear()
        areas = {row.id: row.area_um2 for row in curated.table}
        missing = []
        for label in labels:
            area, picture = self._made.get(label, (None, None))
            if picture is not None and area == areas.get(label):
                show(label, picture)
            elif label in areas:
                missing.append(label)
        for start in range(0, len(missing), _BATCH):
            self._queue(slide, curated, missing[start : start + _BATCH], areas, show)

    def outdated(self, curated: Curated) -> list[int]:
        """Return the objects whose picture shows another outline."""
        areas = {row.id: row.area_um2 for row in curated.table}
        return [label for label, (area, _) in self._made.items() if areas.get(label, area) != area]

    def _queue(
        self,
        slide: Slide,
        curated: Curated,
        labels: Sequence[int],
        areas: dict[int, float],
        show: Show,
    ) -> None:
        of = self._of

        def work() -> list[tuple[int, np.ndarray]]:
            pictures = ((label, picture(slide, curated, label)) for label in labels)
            return [(label, pixels) for label, pixels in pictures if pixels is not None]

        def made(pictures: list[tuple[int, np.ndarray]]) -> None:
            if of != self._of:
                return
            for label, pixels in pictures:
                self._made[label] = (areas[label], pixels)
                show(label, pixels)

        self._tasks.later(work, made)


def picture(slide: Slide, curated: Curated, label: int) -> np.ndarray | None:
    """Return an object in its surroundings with its outline, uint8 (n, n, 3), or None."""
    inside = curated.labels == label
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return None
    region = _square(slide, curated, rows, columns)
    mpp = max(region.height, region.width) * slide.mpp / _PIXELS
    pixels = slide.read(mpp, region)[:_PIXELS, :_PIXELS]
    dy, dx = curated.grid.downsample
    y = _centres(region.y, region.height, pixels.shape[0]) / dy
    x = _centres(region.x, region.width, pixels.shape[1]) / dx
    height, width = inside.shape
    seen = np.ix_(
        np.minimum(y.astype(int), height - 1),
        np.minimum(x.astype(int), width - 1),
    )
    return _outlined(pixels, inside[seen])


def _centres(start: int, length: int, count: int) -> np.ndarray:
    """Return where the centres of `count` pixels are that share a length."""
    return start + (np.arange(count) + 0.5) * length / count


def _square(slide: Slide, curated: Curated, rows: np.ndarray, columns: np.ndarray) -> Region:
    """Return a square around an object, in level-0 pixels, as far as the slide goes."""
    dy, dx = curated.grid.downsample
    top, bottom = rows[0] * dy, (rows[-1] + 1) * dy
    left, right = columns[0] * dx, (columns[-1] + 1) * dx
    side = max(bottom - top, right - left) * (1 + 2 * _MARGIN)
    spans = []
    for low, high, limit in zip((top, left), (bottom, right), slide.shape, strict=True):
        length = min(max(1, round(side)), limit)
        start = min(max(0, round((low + high - length) / 2)), limit - length)
        spans.append((start, length))
    (y, height), (x, width) = spans
    return Region(y=y, x=x, height=height, width=width)


def _outlined(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    line = mask ^ ndimage.binary_erosion(mask, iterations=2)
    halo = ndimage.binary_dilation(mask) ^ mask
    result = pixels.copy()
    result[halo], result[line] = _HALO, _LINE
    return result
