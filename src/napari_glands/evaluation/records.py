"""What a benchmark keeps of an image: its counts, from which every figure can be pooled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from napari_glands.evaluation.metrics import Tally, compare, score
from napari_glands.evaluation.objects import ObjectTally
from napari_glands.evaluation.report import EvaluationReport, ImageScores
from napari_glands.evaluation.split import Split
from napari_glands.slides import Slide
from napari_glands.slides.label_resampling import nearest

__all__ = ["LEFT_OUT", "TAUGHT", "Labels", "Part", "Record", "evaluation_of", "score_labels"]

Part = Literal["left out", "training images (transductive)"]
LEFT_OUT: Part = "left out"
TAUGHT: Part = "training images (transductive)"

Labels = Mapping[int, np.ndarray]
"""Instance labels (y, x) by the position of their slide."""


@dataclass(frozen=True)
class Record:
    """The counts of one image at one stage of one run.

    Attributes
    ----------
    stage
        Name of the stage or peer.
    image
        Name of the image.
    grade
        Its grade.
    part
        Whether the image was left out, or its pixels were trained on.
    mpp
        Micrometres per pixel of the mask.
    tally
        The counts.
    """

    stage: str
    image: str
    grade: str
    part: Part
    mpp: float
    tally: Tally

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """Read what `to_dict` returned."""
        counts = dict(data["tally"])
        tally = Tally(**{**counts, "objects": ObjectTally(**counts["objects"])})
        return cls(**{**data, "tally": tally})

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and strings, for JSON."""
        return asdict(self)


def score_labels(
    labels: Mapping[str, Labels],
    truths: Sequence[np.ndarray],
    slides: Sequence[Slide],
    grades: Sequence[str],
    split: Split,
) -> list[Record]:
    """Compare the labels of every stage with the masks, at the size of the masks.

    Parameters
    ----------
    labels
        By stage, the labels of the slides that it labels.
    truths
        One int (y, x) instance mask per slide.
    slides, grades
        All slides, and the grade of each.
    split
        Which of them were left out.
    """
    apart = set(split.left_out)
    return [
        Record(
            stage,
            slides[i].name,
            grades[i],
            LEFT_OUT if i in apart else TAUGHT,
            slides[i].mpp,
            compare(nearest(found, truths[i].shape), truths[i]),
        )
        for stage, maps in labels.items()
        for i, found in maps.items()
    ]


def evaluation_of(records: Iterable[Record]) -> EvaluationReport | None:
    """Pool records and list their images; None where there are none."""
    records = list(records)
    if not records:
        return None
    sizes = {record.mpp for record in records}
    # A pooled distance in µm has a meaning only where all pixels are of one size.
    mpp = sizes.pop() if len(sizes) == 1 else None
    return EvaluationReport(
        pooled=score(sum((r.tally for r in records), start=Tally()), mpp=mpp),
        images=tuple(ImageScores(r.image, score(r.tally, mpp=r.mpp)) for r in records),
        mpp=mpp,
    )
