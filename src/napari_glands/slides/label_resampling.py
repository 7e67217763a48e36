"""Bringing label images to other sizes without inventing values."""

from __future__ import annotations

import numpy as np

__all__ = ["nearest"]


def nearest(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resample a (y, x) array so that its edges stay where they are.

    Each new pixel takes the value at its centre.

    Parameters
    ----------
    labels
        (y, x) of any dtype.
    shape
        Rows and columns to bring it to.
    """
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.intp), old - 1)
        for old, new in zip(labels.shape, shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]
