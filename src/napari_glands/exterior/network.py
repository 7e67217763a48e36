"""The shallow network of stage 1."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["ShallowCNN"]


class ShallowCNN(nn.Module):
    """``layers`` × (3×3 convolution, ReLU, batch norm), then 1×1 convolution and batch norm.

    Source: Kim, Kanezaki and Tanaka, "Unsupervised learning of image segmentation based on
    differentiable feature clustering", IEEE TIP 2020, section III; the published gland recipe has
    three layers of 128 channels.

    Parameters
    ----------
    channels
        Width of every layer, and number of response channels.
    layers
        Number of 3×3 convolutions.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for i in range(layers):
            blocks += [
                nn.Conv2d(
                    3 if i == 0 else channels, channels, 3, padding=1, padding_mode="reflect"
                ),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(channels),
            ]
        self.features = nn.Sequential(*blocks)
        self.response = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map standardised pixels (n, 3, y, x) to responses (n, channels, y, x)."""
        return self.response(self.features(pixels))
