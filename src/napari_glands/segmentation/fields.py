"""What is trained on: small slides whole, and of large ones the fields that teach the most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from skimage.measure import block_reduce

from napari_glands.live import Wish
from napari_glands.priors import DECIDED, USED, Curated, Priors, State
from napari_glands.slides import Grid, Slide, Window, blocks, is_large
from napari_glands.slides.label_resampling import nearest
from napari_glands.slides.spreading import cut, spread, tissue_windows

__all__ = ["Field", "fields_of", "teaching_fields"]

_SIDE = 1024  # pixels of a field
_ALL, _LEAST = 64, 4  # fields of all large slides together, and of each at least
_UNLABELLED = 0.25  # share of the fields that are there for the tissue between the priors
_COUNTED_SIDE = 4096  # pixels that priors are counted in at a time


@dataclass(frozen=True, eq=False)
class Field:
    """A slide that is trained on, or a part of one that is too large to be held.

    Attributes
    ----------
    number
        Position of the slide among those that are trained on.
    slide
        The slide.
    window
        The part, in pixels of the slide at the working resolution; None for all of it.
    priors
        The priors in it.
    glands
        The predicted glands in it with the user's decisions; None for none.
    """

    number: int
    slide: Slide
    window: Window | None
    priors: Priors
    glands: Curated | None

    def read(self, mpp: float) -> np.ndarray:
        """Read its pixels, uint8 (y, x, 3), at the working resolution."""
        if self.window is None:
            return self.slide.read(mpp)
        return self.slide.read_window(self.slide.grid(mpp), self.window)

    def is_seen(self, wish: Wish) -> bool:
        """Whether it is what somebody looks at: it holds the middle of what is in view."""
        if self.window is None or wish.box is None:
            return wish.slide_id == self.slide.id and self.window is None
        top, left, bottom, right = (edge / self.slide.mpp for edge in wish.box)
        (y, x), (height, width) = self.priors.grid.origin, self.priors.grid.slide_shape
        inside = y <= (top + bottom) / 2 < y + height and x <= (left + right) / 2 < x + width
        return inside and wish.slide_id == self.slide.id


def fields_of(
    slides: Sequence[Slide], priors: Sequence[Priors], glands: Sequence[Curated | None]
) -> list[Field]:
    """Return what is trained on, slide by slide; in memory whatever the size of the slides.

    Parameters
    ----------
    slides, priors, glands
        The slides, with the priors and glands of each.
    """
    large = sum(is_large(found.grid) for found in priors)
    most = max(_LEAST, _ALL // max(1, large))
    fields = []
    for number, (slide, found, curated) in enumerate(zip(slides, priors, glands, strict=True)):
        if not is_large(found.grid):
            fields.append(Field(number, slide, None, found, curated))
            continue
        tissue = tissue_windows(slide, found.grid, _SIDE)
        fields += [
            Field(number, slide, window, found.window(window), _part(curated, found.grid, window))
            for window in teaching_fields(found, curated, tissue, most, _SIDE)
        ]
    return fields


def teaching_fields(
    priors: Priors,
    glands: Curated | None = None,
    tissue: Sequence[Window] | None = None,
    most: int = 16,
    side: int = _SIDE,
) -> list[Window]:
    """Choose the parts of a large slide that are trained on.

    Those come first in which the user decided most, then those with the most prior pixels; none
    overlaps another. At least a quarter of all, and what is left, lies evenly over the tissue: a
    network also has to see what is between the priors.

    Parameters
    ----------
    priors
        The priors of the slide.
    glands
        Its predicted glands with the user's decisions; None for none.
    tissue
        Windows that hold tissue; all of the slide when not given.
    most
        Largest number of fields.
    side
        Their side in pixels.

    Returns
    -------
    list of Window
        At the grid of the priors.
    """
    shape = priors.grid.shape
    known, decided = _counted(priors, glands, -(-side // 2))
    chosen: list[Window] = []
    for place in _best_first(known, decided):
        if len(chosen) >= most - int(_UNLABELLED * most):
            break
        window = _window_at(place, side, shape)
        if _apart(window, chosen):
            chosen.append(window)
    everywhere = cut([Window(0, 0, *shape)] if tissue is None else tissue, side)
    between = [window for window in everywhere if _apart(window, chosen)]
    return chosen + spread(between, most - len(chosen))


def _best_first(known: np.ndarray, decided: np.ndarray) -> list[list[int]]:
    """Places where anything is known: most decided first, then most known, then row by row."""
    places = np.argwhere((known > 0) | (decided > 0))
    at = tuple(places.T)
    order = np.lexsort((-known[at], -decided[at]))
    return places[order].tolist()


def _counted(priors: Priors, glands: Curated | None, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Count, for windows of two steps on a side at every step, what is known in them.

    Returns
    -------
    known, decided : ndarray
        int (rows, columns): pixels of priors that count, and of what the user decided.
    """
    shape = priors.grid.shape
    size = [-(-n // step) for n in shape]
    known, decided = np.zeros(size, int), np.zeros(size, int)
    for block in blocks(shape, max(1, _COUNTED_SIDE // step) * step, 0):
        at = tuple(slice(n.start // step, -(-n.stop // step)) for n in block.core.slices)
        known[at] = block_reduce(_within(priors, block.core, USED), step, np.sum)
        decided[at] = block_reduce(_decided(priors, glands, block.core), step, np.sum)
    return _summed(known), _summed(decided)


def _summed(cells: np.ndarray) -> np.ndarray:
    """Add to each cell those below, to the right, and below to the right of it."""
    padded = np.pad(cells, (0, 1))
    return padded[:-1, :-1] + padded[1:, :-1] + padded[:-1, 1:] + padded[1:, 1:]


def _decided(priors: Priors, glands: Curated | None, window: Window) -> np.ndarray:
    """Pixels, bool (y, x), of a window that the user decided on."""
    decided = _within(priors, window, DECIDED) | (np.asarray(priors.marks[window.slices]) > 0)
    if glands is not None:
        there = _matching(window, priors.grid, glands.grid)
        decided |= nearest(_within(glands, there, DECIDED), window.shape)
    return decided


def _within(found: Curated, window: Window, states: Iterable[State]) -> np.ndarray:
    """Pixels, bool (y, x), of a window whose row is in one of some states."""
    return np.isin(np.asarray(found.labels[window.slices]), found.ids(states))


def _part(glands: Curated | None, grid: Grid, window: Window) -> Curated | None:
    """Return the glands in a window of a grid, whatever their own resolution."""
    return None if glands is None else glands.window(_matching(window, grid, glands.grid))


def _matching(window: Window, grid: Grid, other: Grid) -> Window:
    """Return the same window in the pixels of another grid of the slide."""
    spans = (
        (n.start * new // old, max(1, -(-n.stop * new // old) - n.start * new // old))
        for n, old, new in zip(window.slices, grid.shape, other.shape, strict=True)
    )
    (y, height), (x, width) = spans
    return Window(y, x, height, width)


def _window_at(place: Sequence[int], side: int, shape: tuple[int, int]) -> Window:
    """Return the window that begins at a place, counted in half sides, moved into the slide."""
    height, width = min(side, shape[0]), min(side, shape[1])
    y, x = (n * -(-side // 2) for n in place)
    return Window(min(y, shape[0] - height), min(x, shape[1] - width), height, width)


def _apart(window: Window, others: Sequence[Window]) -> bool:
    """Whether a window shares no pixel with others."""
    shared = (window.common(other) for other in others)
    return not any(part.height and part.width for part in shared)
