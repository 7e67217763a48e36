"""Images to try things on: embedded samples, synthetic gland fields, real data sets by name."""

from napari_glands.sample_data.embedded import (
    IHC_MPP,
    embedded_samples,
    immunohistochemistry,
    napari_ihc,
    napari_synthetic,
    napari_synthetic_with_truth,
    synthetic,
)
from napari_glands.sample_data.field import gland_field
from napari_glands.sample_data.real import REAL_DATA_SETS, RealDataSet, fetch_data_set
from napari_glands.sample_data.sample import Sample

__all__ = [
    "IHC_MPP",
    "REAL_DATA_SETS",
    "RealDataSet",
    "Sample",
    "embedded_samples",
    "fetch_data_set",
    "gland_field",
    "immunohistochemistry",
    "napari_ihc",
    "napari_synthetic",
    "napari_synthetic_with_truth",
    "synthetic",
]
