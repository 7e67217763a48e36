"""Training crops: random, reproducible places of the slides that teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from napari_glands.exterior.sampling import Stain
from napari_glands.priors.proposals import IGNORE
from napari_glands.segmentation.augmentation import draw_view, restained, turned
from napari_glands.segmentation.network import STRIDE

__all__ = ["Batch", "GlandCrops", "Lesson", "network_input", "network_inputs"]

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
"""Pixels (n, 3, y, x), pseudo mask and proposal (int64), and curated (bool), all (n, y, x)."""

_GLAND_SHARE = 0.5  # share of the crops that are centred on a known gland pixel


@dataclass(frozen=True, eq=False)
class Lesson:
    """One slide as it teaches.

    Attributes
    ----------
    density
        float16 (3, y, x) optical density at the working resolution.
    stain
        The slide's stain, for standardisation.
    pseudo_mask
        uint8 (y, x): 0 background, 1 gland, 255 ignore.
    proposal
        uint8 (y, x): 0 background, 1 exterior, 2 interior, 255 ignore.
    curated
        bool (y, x): pixels that teach what the user decided; None for none.
    """

    density: np.ndarray
    stain: Stain
    pseudo_mask: np.ndarray
    proposal: np.ndarray
    curated: np.ndarray | None = None

    def masks_in(self, window: tuple) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pseudo mask, proposal, and 1 where curated, of a window: each uint8 (y, x)."""
        proposal = self.proposal[window]
        curated = np.zeros_like(proposal) if self.curated is None else self.curated[window]
        return self.pseudo_mask[window], proposal, curated.view(np.uint8)


def network_input(density: torch.Tensor, stain: Stain) -> torch.Tensor:
    """Standardise an optical density image (3, y, x); bright is positive, as in photographs."""
    return network_inputs(density[None], [stain])[0]


def network_inputs(density: torch.Tensor, stains: Sequence[Stain]) -> torch.Tensor:
    """Standardise optical density images (n, 3, y, x), each by its stain."""
    means, stds = (
        torch.from_numpy(np.stack(values).astype(np.float32))[:, :, None, None]
        for values in ([s.mean for s in stains], [s.std for s in stains])
    )
    return (means - density) / stds


class GlandCrops(Dataset):
    """Crop ``i`` depends on the seed and ``i`` alone, so a resumed run sees what it would have.

    Crops are made by the batch: torch's data loader hands over the numbers of a whole batch where
    a data set has ``__getitems__``.

    Parameters
    ----------
    lessons
        The slides that teach.
    side
        Side of the crops in pixels; rounded up to a multiple of the network's stride.
    length
        Number of crops.
    stain_jitter
        Strength of the stain augmentation.
    seed
        Start of all random choices, as a tuple of integers.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        side: int,
        length: int,
        stain_jitter: float,
        seed: tuple[int, ...],
    ) -> None:
        self._lessons = lessons
        self._side = -(-side // STRIDE) * STRIDE
        self._length = length
        self._stain_jitter = stain_jitter
        self._seed = seed
        self._glands = [np.flatnonzero(lesson.pseudo_mask == 1) for lesson in lessons]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Batch:
        """Return one crop: what `__getitems__` returns, without the first axis."""
        pixels, pseudo_mask, proposal, curated = self.__getitems__([index])
        return pixels[0], pseudo_mask[0], proposal[0], curated[0]

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return pixels (n, 3, y, x), pseudo mask and proposal (int64) and curated (bool)."""
        shape = (len(indices), 3, self._side, self._side)
        density, masks = torch.zeros(shape), torch.full(shape, IGNORE, dtype=torch.uint8)
        lessons, views = [], []
        for n, index in enumerate(indices):
            rng = np.random.default_rng((*self._seed, index))
            chosen = int(rng.integers(len(self._lessons)))
            lesson = self._lessons[chosen]
            y, x = self._place(lesson, self._glands[chosen], rng)
            window = np.s_[..., y : y + self._side, x : x + self._side]
            _fill(density[n], lesson.density[window])
            for mask, cut in zip(masks[n], lesson.masks_in(window), strict=True):
                _fill(mask, cut)
            lessons.append(lesson)
            views.append(draw_view(int(rng.integers(2**31)), self._stain_jitter))
        density, masks = turned(density, masks, views)
        pixels = network_inputs(restained(density, views), [lesson.stain for lesson in lessons])
        pseudo_mask, proposal, curated = masks.unbind(1)
        return pixels, pseudo_mask.long(), proposal.long(), curated == 1

    def _place(
        self, lesson: Lesson, glands: np.ndarray, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Upper left corner of a crop, half of the time around a known gland pixel."""
        shape = lesson.pseudo_mask.shape
        if len(glands) and rng.random() < _GLAND_SHARE:
            centre = np.unravel_index(int(rng.choice(glands)), shape)
            corner = [int(c) - self._side // 2 for c in centre]
        else:
            corner = [int(rng.integers(max(1, n - self._side + 1))) for n in shape]
        y, x = (min(max(0, c), max(0, n - self._side)) for c, n in zip(corner, shape, strict=True))
        return y, x


def _fill(crop: torch.Tensor, cut: np.ndarray) -> None:
    """Write what was cut out of a slide into the upper left of a crop, which may be larger."""
    rows, columns = cut.shape[-2:]
    crop[..., :rows, :columns] = torch.from_numpy(cut)
