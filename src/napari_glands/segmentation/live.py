"""What stage 2 takes for glands while its network still learns or works."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch.nn import functional as F

from napari_glands.exterior.device import Device
from napari_glands.exterior.sampling import Density, Stain
from napari_glands.live import Wish
from napari_glands.progress import Picture
from napari_glands.segmentation.data import network_input
from napari_glands.segmentation.network import STRIDE, GlandPSPNet
from napari_glands.slides import Grid
from napari_glands.slides.in_view import part_in_view

__all__ = ["gland_picture", "is_learning"]

_LEAST, _MOST = 192, 512  # pixels on a side


def gland_picture(
    network: GlandPSPNet,
    wish: Wish,
    grid: Grid,
    density: Density,
    stain: Stain,
    device: Device,
) -> Picture:
    """Draw the gland probability as the network of now gives it, in one pass.

    It works on a copy of the network where that is training, and draws no random numbers, so
    that a run comes out the same with and without pictures.

    Parameters
    ----------
    network
        Wherever it is, in training or in evaluation mode.
    wish
        A part of the slide at hand.
    grid
        Of `density`.
    density
        Optical density (3, y, x) of the slide.
    stain
        The slide's stain.
    device
        Decides the precision.
    """
    part = part_in_view(wish, grid, _LEAST, _MOST)
    crop = torch.as_tensor(density[(..., *part.box)]).float()
    return part.picture(_probability(network, network_input(crop, stain)[None], device))


def is_learning(network: GlandPSPNet) -> bool:
    """Whether a pass through the network would change it: its normalisation takes statistics."""
    return any(module.training for module in network.modules())


@torch.inference_mode()
def _probability(network: GlandPSPNet, pixels: torch.Tensor, device: Device) -> np.ndarray:
    """Return the gland probability uint8 (y, x) of standardised pixels (1, 3, y, x)."""
    still = copy.deepcopy(network).eval() if is_learning(network) else network
    rows, columns = pixels.shape[2:]
    pixels = F.pad(pixels, (0, -columns % STRIDE, 0, -rows % STRIDE), mode="replicate")
    where = next(still.parameters()).device
    with device.autocast():
        logits = still.in_context(pixels.to(where).contiguous(memory_format=torch.channels_last))
    probability = logits.softmax(dim=1)[0, 1, :rows, :columns]
    return (probability * 255).round().byte().cpu().numpy()
