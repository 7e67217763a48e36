"""What an editing verb gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Edit"]


@dataclass(frozen=True, eq=False)
class Edit:
    """New content of a part of a label image.

    Attributes
    ----------
    box
        Which rows and columns.
    labels
        int32 (y, x): what they hold from now on.
    """

    box: tuple[slice, slice]
    labels: np.ndarray
