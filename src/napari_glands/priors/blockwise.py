"""Mining the priors of a slide that is too large to hold, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from napari_glands.priors.candidates import Candidate
from napari_glands.priors.channels import ring_channels, ring_maps
from napari_glands.priors.ranks import TissueRanks
from napari_glands.priors.sweep import OnLevel, pieces_in, rings_in
from napari_glands.settings import Settings
from napari_glands.slides import Grid
from napari_glands.slides.grid import Window
from napari_glands.slides.spreading import cut, spread

__all__ = ["Read", "mine_block", "mining_halo", "sampled_ranks"]

Read = Callable[[Window], np.ndarray]
"""Gives the pixels of a window of a slide at the working resolution."""

_SAMPLES = 64  # windows that the ranks of a slide are measured in
_SAMPLE_SIDE = 512  # pixels
_SAMPLED = 1_000_000  # pixels of all of them that are ranked
_REACH = 4  # Gaussian widths that a filter looks at


def sampled_ranks(
    read: Read, exterior: Read, grid: Grid, settings: Settings, tissue: Sequence[Window]
) -> tuple[TissueRanks, ...]:
    """Measure on a sample of a slide how its maps are distributed over the tissue.

    Parameters
    ----------
    read
        Gives the pixels of a window, uint8 (y, x, 3).
    exterior
        Gives the exterior map of a window, uint8 (y, x), 0..255 for 0..1.
    grid
        Of the slide at the working resolution.
    settings
        Settings of all steps.
    tissue
        Windows that hold tissue; what is glass in them does not count.

    Returns
    -------
    tuple of TissueRanks
        One for each map that is swept, for `mine_block`.
    """
    wishes = settings.priors
    windows = spread(cut(tissue, _SAMPLE_SIDE), _SAMPLES)
    pixels = sum(window.height * window.width for window in windows)
    step = max(1, round((pixels / _SAMPLED) ** 0.5))
    halo = 1 + round(_REACH * grid.pixels(wishes.smoothing_um))
    sampled: list[list[np.ndarray]] = [[np.empty(0, np.float32)] * (1 + wishes.stain_rings)]
    for window in windows:
        padded = window.widened(halo, grid.shape)
        maps, tissue_in = ring_maps(read(padded), exterior(padded), grid, wishes)
        rows, columns = window.within(padded).slices
        thin = np.s_[rows.start : rows.stop : step, columns.start : columns.stop : step]
        sampled.append([values[thin][tissue_in[thin]] for values in maps])
    return tuple(TissueRanks.among(np.concatenate(values)) for values in zip(*sampled, strict=True))


def mining_halo(grid: Grid, settings: Settings) -> int:
    """Return how many pixels around its core a block is mined with.

    A ring that is longer than twice that may go unseen: a round interior of the largest area that
    is allowed, with its ring, spans well below it, and one that is three times as long as wide too.
    """
    wishes = settings.priors
    radius = (wishes.max_area_um2 / np.pi) ** 0.5
    return round(grid.pixels(2.0 * radius + wishes.ring_width_um + _REACH * wishes.smoothing_um))


def mine_block(
    rgb: np.ndarray,
    exterior: np.ndarray,
    window: Window,
    core: Window,
    grid: Grid,
    ranks: tuple[TissueRanks, ...],
    settings: Settings,
    *,
    compact: bool = False,
    on_level: OnLevel = lambda: None,
) -> list[Candidate]:
    """Sweep a window of a slide for rings; return those that belong to its core.

    A ring belongs to the core that the centre of its box lies in, so that each is found once. One
    that reaches the border of the window does not close in it: `mining_halo` tells how far
    the window has to reach around the core.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3): the pixels of the window.
    exterior
        uint8 (y, x): the exterior map of the window, 0..255 for 0..1.
    window, core
        What is looked at, and the part of it that rings are wanted of, in pixels of the slide.
    grid
        Of the slide at the working resolution.
    ranks
        From `sampled_ranks`.
    settings
        Settings of all steps.
    compact
        Seek compact pieces of exterior instead: where a whole slide has no ring.
    on_level
        Called before each level; what it raises ends the sweep.

    Returns
    -------
    list of Candidate
        In pixels of the slide; `settle` those of all blocks together.
    """
    channels = ring_channels(rgb, exterior, grid, settings.priors, ranks)
    if not any(channel.any() for channel in channels):
        return []
    if compact:
        found = pieces_in(channels[0], grid, settings.priors, on_level)
    else:
        found = rings_in(channels, grid, settings.priors, on_level)
    on_slide = (candidate.moved(window.y, window.x) for candidate in found)
    return [candidate for candidate in on_slide if candidate.is_centred_in(core)]
