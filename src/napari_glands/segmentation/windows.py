"""Working on a large map in overlapping windows of one size, and blending the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

__all__ = ["blended_windows"]

_SIDE, _OVERLAP = 40, 8  # pixels of the features: 320 and 64 of the image


def blended_windows(
    features: torch.Tensor, classify: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Classify features in overlapping windows, evenly spread, and blend the answers.

    Parameters
    ----------
    features
        (n, c, y, x).
    classify
        Maps windows (m, c, h, w) to float32 (m, k, h, w).

    Returns
    -------
    Tensor
        float32 (n, k, y, x).
    """
    count, (rows, columns) = len(features), features.shape[2:]
    (down, high), (across, wide) = _starts(rows), _starts(columns)
    weights_down, weights_across = (
        _weights(n, starts, side, features.device)
        for n, starts, side in ((rows, down, high), (columns, across, wide))
    )
    places = list(itertools.product(range(len(down)), range(len(across))))
    windows = [features[..., down[i] :, across[j] :][..., :high, :wide] for i, j in places]
    answers = classify(torch.cat(windows)).split(count)
    found = answers[0].new_zeros(count, answers[0].shape[1], rows, columns)
    for (i, j), answer in zip(places, answers, strict=True):
        share = answer * weights_down[i][:, None] * weights_across[j]
        found[..., down[i] : down[i] + high, across[j] : across[j] + wide] += share
    return found


def _starts(length: int) -> tuple[list[int], int]:
    """Return where windows along an axis start, and their side; a short axis is one window."""
    if length <= _SIDE:
        return [0], length
    count = -(-(length - _OVERLAP) // (_SIDE - _OVERLAP))
    side = -(-(length - _OVERLAP) // count) + _OVERLAP
    return [k * (length - side) // (count - 1) for k in range(count)], side


def _weights(length: int, starts: list[int], side: int, device: torch.device) -> torch.Tensor:
    """Share of each window in each of its pixels, (windows, side): they add up to 1 everywhere."""
    place = torch.arange(side)
    slope = ((torch.minimum(place, side - 1 - place) + 0.5) / _OVERLAP).clamp(max=1)
    total = torch.zeros(length)
    for start in starts:
        total[start : start + side] += slope
    return torch.stack([slope / total[start : start + side] for start in starts]).to(device)
