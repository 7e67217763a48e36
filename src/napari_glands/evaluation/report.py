"""Evaluation of a set of images: one report for the tables, the command line and JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.evaluation.label_files import list_label_files, read_label_image
from napari_glands.evaluation.metrics import Scores, Tally, compare, score
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.slides.pairing import pair_names

__all__ = ["EvaluationReport", "ImageScores", "evaluate", "evaluate_folders"]

_COUNTS = ("predicted_objects", "true_objects", "true_positives")


@dataclass(frozen=True)
class ImageScores:
    """The figures of one image.

    Attributes
    ----------
    name
        Name of the image.
    scores
        Its figures.
    notes
        How its files were understood, where that was not plain.
    """

    name: str
    scores: Scores
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationReport:
    """The figures of a set of images.

    Attributes
    ----------
    pooled
        Figures over all pixels and all objects of all images together.
    images
        Figures of each image.
    mpp
        Micrometres per pixel of the compared images, or None.
    warnings
        Files that were left out, and why.
    """

    pooled: Scores
    images: tuple[ImageScores, ...]
    mpp: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def mean_per_image(self) -> dict[str, float | None]:
        """Mean of each figure over the images; counts of objects are left out."""
        rows = [asdict(image.scores) for image in self.images]
        means: dict[str, float | None] = {}
        for name in rows[0]:
            if name in _COUNTS:
                continue
            values = [row[name] for row in rows]
            means[name] = None if None in values else float(np.mean(values))
        return means

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain numbers, strings, lists and dicts, for JSON."""
        return {
            "mpp": self.mpp,
            "pooled": asdict(self.pooled),
            "mean_per_image": self.mean_per_image,
            "images": [
                {"name": image.name, **asdict(image.scores), "notes": list(image.notes)}
                for image in self.images
            ],
            "warnings": list(self.warnings),
        }

    def table(self) -> list[dict[str, Any]]:
        """Return one row per image, then a row ``pooled`` and a row ``mean per image``."""
        rows: list[dict[str, Any]] = [
            {"image": image.name, **asdict(image.scores)} for image in self.images
        ]
        rows.append({"image": "pooled", **asdict(self.pooled)})
        rows.append({"image": "mean per image", **self.mean_per_image})
        return rows


def evaluate(
    predicted: np.ndarray | Sequence[np.ndarray],
    true: np.ndarray | Sequence[np.ndarray],
    *,
    names: Sequence[str] | None = None,
    mpp: float | None = None,
) -> EvaluationReport:
    """Compare predicted with true gland instances.

    Parameters
    ----------
    predicted, true
        One (y, x) label image (0 background, any other value one gland), or one per image. The
        two of an image have the same shape.
    names
        Names of the images, for the report; numbers where there are none.
    mpp
        Micrometres per pixel of the label images: with it the Hausdorff distance is given in µm
        too.

    Raises
    ------
    GlandsError
        When the numbers of images or the shapes differ, when there is no image, or when an array
        is not a label image.
    """
    predicted, true = _sequence(predicted), _sequence(true)
    if len(predicted) != len(true):
        raise GlandsError(
            f"There are {len(predicted)} predictions but {len(true)} truths: give one truth per "
            "prediction."
        )
    if names is None:
        names = [str(number + 1) for number in range(len(true))]
    if len(names) != len(true):
        raise GlandsError(f"There are {len(names)} names for {len(true)} images.")
    tallies = [compare(p, t) for p, t in zip(predicted, true, strict=True)]
    return _report(names, tallies, [()] * len(tallies), mpp)


def evaluate_folders(
    pred_dir: str | Path,
    truth_dir: str | Path,
    *,
    mpp: float | None = None,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> EvaluationReport:
    """Compare the label images of two folders.

    Files pair by their stem; ``_anno``, ``_mask`` and ``_labels`` at its end are left out on
    either side. `read_label_image` says what the values of a file mean.

    Parameters
    ----------
    pred_dir, truth_dir
        Folders of PNG, BMP or TIFF label images.
    mpp
        Micrometres per pixel of the label images, if they all have the same.
    report, cancel
        Progress by image, and how to stop.

    Returns
    -------
    EvaluationReport
        Files without a partner are listed in its `warnings`.

    Raises
    ------
    GlandsError
        When nothing pairs, a file cannot be read, or the sizes of a pair differ.
    Cancelled
        When `cancel` was set.
    """
    predicted, true = list_label_files(pred_dir), list_label_files(truth_dir)
    pairs = pair_names(predicted, true)
    names = sorted(pairs, key=_natural)
    if not names:
        raise GlandsError(_nothing_pairs(Path(pred_dir), predicted, Path(truth_dir), true))
    tallies, notes = [], []
    for done, name in enumerate(names):
        if cancel is not None:
            cancel.check()
        report(Event("evaluate", done / len(names), f"Comparing {name}"))
        tally, understood = _compare_files(predicted[name], true[pairs[name]])
        tallies.append(tally)
        notes.append(understood)
    report(Event("evaluate", 1.0, f"Compared {len(names)} images"))
    warnings = [
        f"{path} was left out: it has no partner in {other}"
        for mine, paired, other in (
            (predicted, pairs.keys(), truth_dir),
            (true, pairs.values(), pred_dir),
        )
        for key, path in mine.items()
        if key not in paired
    ]
    return _report(names, tallies, notes, mpp, tuple(warnings))


def _compare_files(predicted: Path, true: Path) -> tuple[Tally, tuple[str, ...]]:
    """Compare the label images of one pair of files."""
    (p, p_note), (t, t_note) = read_label_image(predicted), read_label_image(true)
    if p.shape != t.shape:
        raise GlandsError(
            f"{predicted} has {p.shape[0]}×{p.shape[1]} pixels but {true} has "
            f"{t.shape[0]}×{t.shape[1]}: both must have the size of the image."
        )
    notes = [f"{path.name}: {note}" for path, note in ((predicted, p_note), (true, t_note)) if note]
    return compare(p, t), tuple(notes)


def _report(
    names: Sequence[str],
    tallies: Sequence[Tally],
    notes: Sequence[tuple[str, ...]],
    mpp: float | None,
    warnings: tuple[str, ...] = (),
) -> EvaluationReport:
    if not tallies:
        raise GlandsError("There are no images to compare.")
    if mpp is not None and not mpp > 0:
        raise GlandsError(f"The pixel size must be larger than 0 µm, not {mpp}.")
    return EvaluationReport(
        pooled=score(sum(tallies, start=Tally()), mpp=mpp),
        images=tuple(
            ImageScores(name, score(tally, mpp=mpp), note)
            for name, tally, note in zip(names, tallies, notes, strict=True)
        ),
        mpp=mpp,
        warnings=warnings,
    )


def _sequence(arrays: np.ndarray | Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Take a single label image for a sequence of one."""
    if isinstance(arrays, np.ndarray):
        return [arrays] if arrays.ndim == 2 else list(arrays)
    return arrays


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sort key that puts train_2 before train_10."""
    return [(0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"(\d+)", name) if p]


def _nothing_pairs(
    pred_dir: Path, predicted: dict[str, Path], truth_dir: Path, true: dict[str, Path]
) -> str:
    for folder, files in ((pred_dir, predicted), (truth_dir, true)):
        if not files:
            return f"There is no PNG, TIFF or BMP label image in {folder}."
    p, t = next(iter(predicted.values())), next(iter(true.values()))
    return (
        f"No file of {pred_dir} pairs with one of {truth_dir}: {p.name} and {t.name}, for "
        "example, have different names. A pair has the same name; its ending, and a word such as "
        "_anno, _mask or _labels at its end, do not count."
    )
