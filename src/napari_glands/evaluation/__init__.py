"""How good a segmentation is: pooled pixel figures and the GlaS challenge's object figures."""

from napari_glands.evaluation.label_files import read_label_image
from napari_glands.evaluation.metrics import (
    InteriorScores,
    Scores,
    Tally,
    compare,
    interior_precision,
    score,
)
from napari_glands.evaluation.objects import ObjectTally, compare_objects
from napari_glands.evaluation.report import (
    EvaluationReport,
    ImageScores,
    evaluate,
    evaluate_folders,
)

__all__ = [
    "EvaluationReport",
    "ImageScores",
    "InteriorScores",
    "ObjectTally",
    "Scores",
    "Tally",
    "compare",
    "compare_objects",
    "evaluate",
    "evaluate_folders",
    "interior_precision",
    "read_label_image",
    "score",
]
