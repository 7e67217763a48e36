"""What becomes of the user's decisions on glands when there are new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.segmentation.result import Prediction

__all__ = ["brought_up_to_date", "taken_over"]


def taken_over(
    prediction: Prediction, former: Glands | None, others: Sequence[np.ndarray]
) -> Glands:
    """Return the glands of a new prediction with the decisions on former ones.

    Parameters
    ----------
    prediction
        The new prediction.
    former
        Glands with decisions of the user, if there are any.
    others
        Probabilities that other models gave: see `curated_glands`.
    """
    from napari_glands.segmentation.curation import carry_over, curated_glands

    glands = curated_glands(prediction, others)
    return glands if former is None else carry_over(glands, former)


def brought_up_to_date(edited: Glands, saved: Glands) -> Glands:
    """Return edited glands as they are on the prediction that is saved now.

    These are the edited ones themselves, unless another prediction came in between.
    """
    from napari_glands.segmentation.curation import carry_over

    same = edited.model == saved.model and np.array_equal(edited.probability, saved.probability)
    return edited if same else carry_over(saved, edited)
