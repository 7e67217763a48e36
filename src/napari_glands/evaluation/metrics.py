"""Figures of merit: pixel-wise over all images together, gland-wise as in the GlaS challenge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.evaluation.objects import ObjectTally, compare_objects
from napari_glands.slides.label_resampling import nearest

__all__ = ["InteriorScores", "Scores", "Tally", "compare", "interior_precision", "score"]


@dataclass(frozen=True)
class Tally:
    """Counts of one image, or of several added up.

    Attributes
    ----------
    both, predicted_only, true_only, neither
        Pixels that are gland in both maps, in one, or in none.
    objects
        The gland-wise sums.
    """

    both: int = 0
    predicted_only: int = 0
    true_only: int = 0
    neither: int = 0
    objects: ObjectTally = field(default_factory=ObjectTally)

    def __add__(self, other: Tally) -> Tally:
        """Pool two tallies."""
        return Tally(
            self.both + other.both,
            self.predicted_only + other.predicted_only,
            self.true_only + other.true_only,
            self.neither + other.neither,
            self.objects + other.objects,
        )


@dataclass(frozen=True)
class Scores:
    """The figures of one image or of a whole set.

    Attributes
    ----------
    miou
        Mean of the two IoUs below.
    iou_gland, iou_background
        Intersection over union of the gland and of the background pixels.
    dice, precision, recall
        Of the gland pixels.
    object_f1, object_precision, object_recall
        Of the detected glands.
    object_dice
        Area-weighted Dice of each gland with its counterpart, mean of both directions.
    object_hausdorff_px
        Area-weighted Hausdorff distance, in pixels of the compared images, as published.
    object_hausdorff_um
        The same in µm, or None where the pixel size is not known.
    predicted_objects, true_objects, true_positives
        Numbers of glands.
    """

    miou: float
    iou_gland: float
    iou_background: float
    dice: float
    precision: float
    recall: float
    object_f1: float
    object_precision: float
    object_recall: float
    object_dice: float
    object_hausdorff_px: float
    object_hausdorff_um: float | None
    predicted_objects: int
    true_objects: int
    true_positives: int


def compare(predicted: np.ndarray, true: np.ndarray) -> Tally:
    """Count what the scores of one image are made of.

    Parameters
    ----------
    predicted, true
        (y, x) instance label images of the same shape: 0 background, any other value one gland.

    Raises
    ------
    GlandsError
        When the shapes differ, or an array is not a 2-D image of integers.
    """
    predicted, true = _label_image(predicted, "prediction"), _label_image(true, "truth")
    if predicted.shape != true.shape:
        raise GlandsError(
            f"The prediction has {predicted.shape[0]}×{predicted.shape[1]} pixels but the truth "
            f"{true.shape[0]}×{true.shape[1]}: compare label images of the same size."
        )
    p, t = predicted > 0, true > 0
    both = int(np.count_nonzero(p & t))
    only_p, only_t = int(np.count_nonzero(p)) - both, int(np.count_nonzero(t)) - both
    neither = p.size - both - only_p - only_t
    return Tally(both, only_p, only_t, neither, compare_objects(predicted, true))


def score(tally: Tally, *, mpp: float | None = None) -> Scores:
    """Turn counts into figures.

    Where there is nothing to find and nothing was found, the figure is that of a perfect answer.

    Parameters
    ----------
    tally
        Counts of one image, or the sum over several: then the figures are pooled.
    mpp
        Micrometres per pixel of the compared images, if known.
    """
    objects = tally.objects
    iou_gland = _ratio(tally.both, tally.both + tally.predicted_only + tally.true_only)
    iou_background = _ratio(tally.neither, tally.neither + tally.predicted_only + tally.true_only)
    hausdorff = (
        _ratio(objects.predicted_hausdorff, objects.predicted_area, empty=0.0)
        + _ratio(objects.true_hausdorff, objects.true_area, empty=0.0)
    ) / 2
    if bool(objects.predicted) != bool(objects.true):
        hausdorff *= 2  # only one of the two directions exists
    return Scores(
        miou=(iou_gland + iou_background) / 2,
        iou_gland=iou_gland,
        iou_background=iou_background,
        dice=_ratio(2 * tally.both, 2 * tally.both + tally.predicted_only + tally.true_only),
        precision=_ratio(
            tally.both, tally.both + tally.predicted_only, empty=float(not tally.true_only)
        ),
        recall=_ratio(
            tally.both, tally.both + tally.true_only, empty=float(not tally.predicted_only)
        ),
        object_f1=_ratio(2 * objects.true_positives, objects.predicted + objects.true),
        object_precision=_ratio(
            objects.true_positives, objects.predicted, empty=float(not objects.true)
        ),
        object_recall=_ratio(
            objects.true_positives, objects.true, empty=float(not objects.predicted)
        ),
        object_dice=_object_dice(objects),
        object_hausdorff_px=hausdorff,
        object_hausdorff_um=None if mpp is None else hausdorff * mpp,
        predicted_objects=objects.predicted,
        true_objects=objects.true,
        true_positives=objects.true_positives,
    )


@dataclass(frozen=True)
class InteriorScores:
    """How right priors are, and how much they find.

    Attributes
    ----------
    precision
        Share of the interior pixels that are gland; 1 where there is no interior.
    coverage
        Share of the gland pixels that lie in an interior; 1 where there is no gland.
    """

    precision: float
    coverage: float


def interior_precision(
    interiors: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> InteriorScores:
    """Compare the interiors of priors with the truth, over all pixels of all images together.

    Parameters
    ----------
    interiors
        One (y, x) array per image, non-zero in the interiors.
    truths
        One (y, x) label image per image. Where its shape differs, as at another resolution, it
        is brought to that of the interiors (nearest pixel).

    Raises
    ------
    GlandsError
        When there are not as many truths as interiors.
    """
    if len(interiors) != len(truths):
        raise GlandsError(f"There are {len(interiors)} prior maps but {len(truths)} truths.")
    right = proposed = gland = 0
    for interior, truth in zip(interiors, truths, strict=True):
        p, t = np.asarray(interior) > 0, np.asarray(truth) > 0
        if t.shape != p.shape:
            t = nearest(t, p.shape)
        right += int(np.count_nonzero(p & t))
        proposed += int(np.count_nonzero(p))
        gland += int(np.count_nonzero(t))
    return InteriorScores(_ratio(right, proposed), _ratio(right, gland))


def _object_dice(objects: ObjectTally) -> float:
    """Average the two directions; no objects on one side only means no overlap at all."""
    if bool(objects.predicted) != bool(objects.true):
        return 0.0
    return (
        _ratio(objects.predicted_dice, objects.predicted_area)
        + _ratio(objects.true_dice, objects.true_area)
    ) / 2


def _ratio(part: float, whole: float, *, empty: float = 1.0) -> float:
    """Divide, with a stated answer where there is nothing to divide by."""
    return part / whole if whole else empty


def _label_image(array: np.ndarray, what: str) -> np.ndarray:
    """Check that an array is a 2-D image of integers or booleans that are not negative."""
    array = np.asarray(array)
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise GlandsError(
            f"The {what} is a {array.ndim}-D array of {array.dtype}: a label image has two "
            "dimensions and whole numbers."
        )
    if not array.size:
        raise GlandsError(f"The {what} has no pixels.")
    if array.dtype.kind == "i" and array.min() < 0:
        raise GlandsError(f"The {what} has negative labels.")
    return array
