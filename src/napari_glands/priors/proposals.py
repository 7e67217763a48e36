"""The proposal map: what is known of every pixel before stage 2, and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_glands.exterior.glass import glass_of
from napari_glands.priors.decisions import (
    BACKGROUND,
    EXTERIOR,
    IGNORE,
    INTERIOR,
    UNDECIDED,
    decisions,
    gland_area,
)
from napari_glands.priors.likeness import gland_likeness
from napari_glands.priors.prior import Priors
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["BACKGROUND", "EXTERIOR", "IGNORE", "INTERIOR", "Known", "proposal_map", "proposals_in"]


def proposal_map(
    slide: Slide,
    priors: Priors,
    settings: Settings | None = None,
    *,
    decided: np.ndarray | None = None,
) -> np.ndarray:
    """Turn the priors of a slide into what stage 2 may be told.

    Interiors of priors that are not rejected are interior; the ring of epithelium around them,
    and the most gland-like part of the clear exterior, are exterior; the least gland-like tissue
    and bare glass are background; everything else is ignored, because outside the few priors
    nothing is known. What the user decided stands above all this (`decisions`).

    Parameters
    ----------
    slide
        The slide that the priors are of.
    priors
        Its priors.
    settings
        Settings of all steps; those of the priors when not given.
    decided
        uint8 (y, x): what the user decided on the slide; that on the priors when not given.

    Returns
    -------
    ndarray
        uint8 (y, x): 0 background, 1 exterior, 2 interior, 255 ignore.
    """
    settings = settings or priors.settings
    rgb = slide.read(settings.general.working_mpp)
    decided = decisions(priors, settings=settings) if decided is None else decided
    return proposals_in([Known(rgb, priors, decided)], settings)[0]


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a slide, or of a field of one, before it is learned from.

    Attributes
    ----------
    rgb
        uint8 (y, x, 3): its pixels at the grid of the priors.
    priors
        Its priors.
    decided
        uint8 (y, x): what the user decided (`decisions`).
    """

    rgb: np.ndarray
    priors: Priors
    decided: np.ndarray


def proposals_in(
    fields: Sequence[Known], settings: Settings, on_field: Callable[[], None] = lambda: None
) -> list[np.ndarray]:
    """Return the proposal maps, uint8 (y, x), of a slide or of fields of one.

    Which tissue is the least and the most gland-like is told from all the fields together: one of
    them may be gland throughout. Before each, `on_field` is called; what it raises ends the work.
    """
    grid, train = fields[0].priors.grid, settings.train
    mpp = grid.pixel_area_um2**0.5
    priors = [field.priors for field in fields]

    def pixels() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for field in fields:
            on_field()
            yield field.rgb, field.priors.exterior / np.float32(255)

    likeness = gland_likeness(pixels(), mpp)
    glass = [glass_of(field.rgb, mpp) for field in fields]
    tissue = [~bare for bare in glass]
    sure = _sure_exterior(likeness, priors, train.positive_fraction, tissue)
    least = _least(likeness, tissue, train.negative_fraction)

    proposals = []
    for i, field in enumerate(fields):
        proposal = np.full(field.rgb.shape[:2], IGNORE, np.uint8)
        proposal[sure[i]] = EXTERIOR
        proposal[glass[i] | least[i]] = BACKGROUND
        proposal[gland_area(field.priors, settings)] = EXTERIOR
        proposal[field.priors.used] = INTERIOR
        proposals.append(np.where(field.decided == UNDECIDED, proposal, field.decided))
    return proposals


def _least(values: list[np.ndarray], among: list[np.ndarray], share: float) -> list[np.ndarray]:
    """Mark the smallest `share` of the values among some pixels."""
    seen = _chosen(values, among)
    if not seen.size:
        return among
    bound = np.quantile(seen, share)
    return [mask & (field <= bound) for field, mask in zip(values, among, strict=True)]


def _sure_exterior(
    likeness: list[np.ndarray], priors: list[Priors], share: float, tissue: list[np.ndarray]
) -> list[np.ndarray]:
    """The most gland-like `share` of the tissue, out of the pixels nearer to exterior than not.

    Without the second condition smooth pale tissue would count as gland-like.
    """
    clear = [mask & (found.exterior > 127) for mask, found in zip(tissue, priors, strict=True)]
    seen = _chosen(likeness, clear)
    count = min(int(share * sum(int(mask.sum()) for mask in tissue)), seen.size)
    if count == 0:
        return [np.zeros(mask.shape, bool) for mask in clear]
    bound = np.partition(seen, -count)[-count]
    return [mask & (field >= bound) for field, mask in zip(likeness, clear, strict=True)]


def _chosen(values: list[np.ndarray], masks: list[np.ndarray]) -> np.ndarray:
    """The values of all fields that masks choose, one after another."""
    return np.concatenate([field[mask] for field, mask in zip(values, masks, strict=True)])
