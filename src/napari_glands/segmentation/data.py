"""Training crops: random, reproducible places of the slides that teach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors

from napari_glands.exterior.sampling import Stain
from napari_glands.priors.proposals import IGNORE
from napari_glands.segmentation.augmentation import training_transform
from napari_glands.segmentation.network import STRIDE

__all__ = ["GlandCrops", "Lesson", "network_input"]

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

    @property
    def masks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pseudo mask, proposal, and 1 where curated: each uint8 (y, x)."""
        curated = np.zeros(self.proposal.shape, bool) if self.curated is None else self.curated
        return self.pseudo_mask, self.proposal, curated.view(np.uint8)


def network_input(density: torch.Tensor, stain: Stain) -> torch.Tensor:
    """Standardise an optical density image (3, y, x); bright is positive, as in photographs."""
    mean, std = (
        torch.from_numpy(v.astype(np.float32))[:, None, None] for v in (stain.mean, stain.std)
    )
    return (mean - density) / std


class GlandCrops(Dataset):
    """Crop ``i`` depends on the seed and ``i`` alone, so a resumed run sees what it would have.

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
        self._seed = seed
        self._transform = training_transform(stain_jitter)
        self._glands = [np.flatnonzero(lesson.pseudo_mask == 1) for lesson in lessons]

    def __len__(self) -> int:
        return self._length

    def __getitem__(
        self, index: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return pixels (3, y, x), pseudo mask and proposal (int64) and curated (bool), (y, x)."""
        rng = np.random.default_rng((*self._seed, index))
        chosen = int(rng.integers(len(self._lessons)))
        lesson = self._lessons[chosen]
        window = self._place(lesson, self._glands[chosen], rng)
        density = _crop(lesson.density, window, self._side, 0.0).astype(np.float32)
        masks = np.stack([_crop(m[None], window, self._side, IGNORE)[0] for m in lesson.masks])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            image, view = self._transform(
                tv_tensors.Image(torch.from_numpy(density)),
                tv_tensors.Mask(torch.from_numpy(masks)),
            )
        pixels = network_input(image.as_subclass(torch.Tensor), lesson.stain)
        pseudo_mask, proposal, curated = view.as_subclass(torch.Tensor).long()
        return pixels, pseudo_mask, proposal, curated == 1

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


def _crop(array: np.ndarray, corner: tuple[int, int], side: int, fill: float) -> np.ndarray:
    """Cut a square out of (c, y, x), filled up where the array is too small."""
    y, x = corner
    part = array[:, y : y + side, x : x + side]
    missing = [(0, side - n) for n in part.shape[1:]]
    return np.pad(part, ((0, 0), *missing), constant_values=fill)
