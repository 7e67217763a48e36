"""Pictures of single results, to see what a figure means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage.io import imsave

from napari_glands.evaluation.material import Material
from napari_glands.evaluation.quality import Run
from napari_glands.evaluation.records import LEFT_OUT, evaluation_of
from napari_glands.slides.label_resampling import nearest
from napari_glands.slides.outlines import draw_outlines

__all__ = ["draw_comparison", "write_pictures"]

_TRUTH, _PREDICTION = (0, 230, 255), (255, 230, 0)
_GAP = 8


def write_pictures(runs: list[Run], material: Material, folder: Path) -> list[Path]:
    """Draw the best, the median and the worst left-out image of the first seed.

    Parameters
    ----------
    runs
        All runs.
    material
        The images and masks.
    folder
        Where to write; each file's name holds the image's mIOU.
    """
    first = [run for run in runs if run.seed == runs[0].seed]
    glands = {name: labels for run in first for name, labels in run.glands.items()}
    report = evaluation_of(
        r for run in first for r in run.records if r.stage == "glands" and r.part == LEFT_OUT
    )
    if report is None:
        return []
    ranked = sorted(report.images, key=lambda image: image.scores.miou)
    chosen = {"worst": ranked[0], "median": ranked[len(ranked) // 2], "best": ranked[-1]}
    positions = {slide.name: i for i, slide in enumerate(material.slides)}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for rank, image in chosen.items():
        i = positions[image.name]
        picture = draw_comparison(material.slides[i].read(), material.truths[i], glands[image.name])
        written.append(folder / f"{rank}-miou-{image.scores.miou:.3f}-{image.name}.png")
        imsave(written[-1], picture, check_contrast=False)
    return written


def draw_comparison(pixels: np.ndarray, truth: np.ndarray, glands: np.ndarray) -> np.ndarray:
    """Draw the true outlines at the left and the predicted ones at the right.

    Parameters
    ----------
    pixels
        uint8 (y, x, 3).
    truth, glands
        Instance labels (y, x) of any size.

    Returns
    -------
    ndarray
        uint8 (y, 2 x + gap, 3).
    """
    gap = np.full((len(pixels), _GAP, 3), 255, np.uint8)
    left, right = (
        draw_outlines(pixels, nearest(labels, pixels.shape[:2]), colour)
        for labels, colour in ((truth, _TRUTH), (glands, _PREDICTION))
    )
    return np.concatenate([left, gap, right], axis=1)
