"""Random views of training crops: geometry from torchvision, stain in optical density space."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from skimage import color
from torchvision import tv_tensors
from torchvision.transforms import v2

from napari_glands.priors.proposals import IGNORE

__all__ = ["StainJitter", "training_transform"]


class StainJitter(v2.Transform):
    """Scale and shift haematoxylin, eosin and residual by random amounts.

    Works on optical densities: they are unmixed with the stain matrix of Ruifrok and Johnston,
    each concentration is scaled by ``1 ± strength`` and shifted by ``± strength`` of its spread.
    Source: Tellez et al., "Whole-slide mitosis detection in H&E breast histology", 2018.

    Parameters
    ----------
    strength
        Half width of the uniform distributions.
    """

    _transformed_types = (tv_tensors.Image,)

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength
        self._to_stain = torch.from_numpy(color.hed_from_rgb.astype(np.float32))
        self._to_density = torch.from_numpy(color.rgb_from_hed.astype(np.float32))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw one gain and one shift per stain."""
        gain, shift = 2 * torch.rand(2, 3, 1, 1) - 1
        return {"gain": 1 + self.strength * gain, "shift": self.strength * shift}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Apply the drawn gains and shifts to an optical density image (3, y, x)."""
        stains = torch.einsum("cyx,cs->syx", inpt.as_subclass(torch.Tensor), self._to_stain)
        spread = stains.std(dim=(1, 2), keepdim=True)
        stains = stains * params["gain"] + spread * params["shift"]
        return tv_tensors.wrap(torch.einsum("syx,sc->cyx", stains, self._to_density), like=inpt)


def training_transform(stain_jitter: float) -> v2.Transform:
    """Build the random view of a crop and its masks.

    The image is optical density (3, y, x); masks (m, y, x) are resampled by nearest neighbour and
    become 255 (ignore) where the view leaves the crop.
    """
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomAffine(
                degrees=180,
                scale=(0.8, 1.25),
                interpolation=v2.InterpolationMode.BILINEAR,
                fill={tv_tensors.Image: 0.0, tv_tensors.Mask: IGNORE},
            ),
            StainJitter(stain_jitter),
        ]
    )
