"""Random views of training crops: geometry, and stain in optical density space.

A batch is warped and stained in a few operations on all of its crops, as crop by crop they took a
quarter of the time of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from skimage import color
from torch.nn import functional as F

from napari_glands.priors.proposals import IGNORE

__all__ = ["View", "draw_view", "restained", "turned"]

_SCALES = (0.8, 1.25)
_TO_STAIN = torch.from_numpy(color.hed_from_rgb.T.astype(np.float32))
_TO_DENSITY = torch.from_numpy(color.rgb_from_hed.T.astype(np.float32))


@dataclass(frozen=True, eq=False)
class View:
    """How one crop is seen.

    Attributes
    ----------
    warp
        float32 (2, 3): where a pixel of the view lies in the crop, x before y, with both running
        from -1 to 1.
    gain, shift
        float32 (3,): factor of the concentration of haematoxylin, eosin and residual, and what is
        added to it in units of its spread.
    """

    warp: torch.Tensor
    gain: torch.Tensor
    shift: torch.Tensor


def draw_view(seed: int, stain_jitter: float) -> View:
    """Draw flips, a rotation, a scale of 0.8 to 1.25, and gains and shifts of the stains.

    Parameters
    ----------
    seed
        Start of the random numbers; no shared random state is used.
    stain_jitter
        Half width of the uniform distributions of gains and shifts.
    """
    generator = torch.Generator().manual_seed(seed)
    flips = [1 if float(torch.rand(1, generator=generator)) >= 0.5 else -1 for _ in range(2)]
    angle = float(torch.empty(1).uniform_(-180, 180, generator=generator))
    scale = float(torch.empty(1).uniform_(*_SCALES, generator=generator))
    gain, shift = stain_jitter * (2 * torch.rand(2, 3, generator=generator) - 1)
    cos, sin = np.cos(np.radians(angle)) / scale, np.sin(np.radians(angle)) / scale
    warp = np.array([[cos, sin, 0], [-sin, cos, 0]]) * np.array(flips)[:, None]
    return View(torch.from_numpy(warp.astype(np.float32)), 1 + gain, shift)


def turned(
    density: torch.Tensor, masks: torch.Tensor, views: Sequence[View]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip, rotate and scale crops and their masks.

    Parameters
    ----------
    density
        float32 (n, c, y, x) optical density; becomes 0 (glass) where a view leaves its crop.
    masks
        uint8 (n, m, y, x); resampled by nearest neighbour, 255 (ignore) where a view leaves it.
    views
        One per crop.
    """
    warps = torch.stack([view.warp for view in views])
    grid = F.affine_grid(warps, list(density.shape), align_corners=False)
    # What is sampled outside is 0, so masks are turned as what they lack of "ignore".
    lack = F.grid_sample((IGNORE - masks).float(), grid, mode="nearest", align_corners=False)
    return F.grid_sample(density, grid, align_corners=False), IGNORE - lack.to(torch.uint8)


def restained(density: torch.Tensor, views: Sequence[View]) -> torch.Tensor:
    """Scale and shift haematoxylin, eosin and residual of crops.

    Optical densities are unmixed with the stain matrix of Ruifrok and Johnston, each concentration
    is scaled by its gain and shifted by a share of its spread in the crop.
    Source: Tellez et al., "Whole-slide mitosis detection in H&E breast histology", 2018.

    Parameters
    ----------
    density
        float32 (n, 3, y, x) optical density.
    views
        One per crop.
    """
    flat = density.flatten(2)
    centred = flat - flat.mean(dim=2, keepdim=True)
    covariance = centred @ centred.mT / (centred.shape[2] - 1)
    spread = (_TO_STAIN @ covariance * _TO_STAIN).sum(dim=2).clamp_min(0).sqrt()
    gains = torch.stack([view.gain for view in views])
    shifts = spread * torch.stack([view.shift for view in views])
    # To concentrations and back in one: density -> to_density (gain * to_stain density + shift).
    mix = _TO_DENSITY @ (gains[:, :, None] * _TO_STAIN)
    offset = (_TO_DENSITY @ shifts[:, :, None]).expand(-1, -1, 1)
    return torch.baddbmm(offset, mix, flat).view_as(density)
