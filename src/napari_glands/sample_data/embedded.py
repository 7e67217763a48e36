"""The samples that come with the package, for `demo` and for napari's File > Open Sample."""

from __future__ import annotations

from typing import Any

from skimage import data

from napari_glands.sample_data.field import gland_field
from napari_glands.sample_data.sample import Sample

__all__ = [
    "IHC_MPP",
    "embedded_samples",
    "immunohistochemistry",
    "napari_ihc",
    "napari_synthetic",
    "napari_synthetic_with_truth",
    "synthetic",
]

IHC_MPP = 0.5
"""µm per pixel of scikit-image's IHC picture: an estimate, the picture does not state it.

Lymphocyte nuclei (7 µm) measure 12 to 15 px there, the long epithelial nuclei (12 to 15 µm) 25 to
30 px, the small cross-cut gland 130 × 220 px (65 × 110 µm): all as at 20x, about 0.5 µm/px; the
estimate may be wrong by a quarter.
"""

LayerData = tuple[Any, dict[str, Any], str]


def immunohistochemistry() -> Sample:
    """Return the picture of colon glands that ships inside scikit-image; no network is needed.

    FHL2 is shown brown with DAB, nuclei blue with haematoxylin. 512 × 512 pixels; the pixel size
    is an estimate, see `IHC_MPP`. There is no truth.
    """
    return Sample(
        name="ihc",
        image=data.immunohistochemistry(),
        mpp=IHC_MPP,
        truth=None,
        licence="No known copyright restrictions (as stated by scikit-image)",
        credit=(
            "Colonic glands, FHL2 by DAB with haematoxylin; Center for Microscopy and Molecular "
            "Imaging (CMMI), by way of scikit-image"
        ),
    )


def synthetic() -> Sample:
    """Return the synthetic field that `demo` runs on: benign and malignant-like glands."""
    sample = gland_field((1280, 1280), seed=6, malignant=0.2)
    return Sample(
        "synthetic", sample.image, sample.mpp, sample.truth, sample.licence, sample.credit
    )


def embedded_samples() -> list[Sample]:
    """Return what `demo` runs on: ``ihc`` (no truth) and ``synthetic`` (with truth)."""
    return [immunohistochemistry(), synthetic()]


def napari_ihc() -> list[LayerData]:
    """Return the IHC sample as napari layer data."""
    return [_image_layer(immunohistochemistry(), "IHC colon")]


def napari_synthetic() -> list[LayerData]:
    """Return the synthetic sample as napari layer data, without its truth."""
    return [_image_layer(synthetic(), "Synthetic glands")]


def napari_synthetic_with_truth() -> list[LayerData]:
    """Return the synthetic sample and its truth as two layers of napari layer data.

    The truth is there to look at and to measure with; no step of the method reads it.
    """
    sample = synthetic()
    layer = _image_layer(sample, "Synthetic glands")
    place = {key: layer[1][key] for key in ("scale", "units")}
    return [layer, (sample.truth, {"name": "Synthetic glands truth", **place}, "labels")]


def _image_layer(sample: Sample, name: str) -> LayerData:
    return (
        sample.image,
        {
            "name": name,
            "rgb": True,
            "scale": (sample.mpp, sample.mpp),
            "units": ("um", "um"),
            "metadata": {
                "mpp": sample.mpp,
                "licence": sample.licence,
                "credit": sample.credit,
            },
        },
        "image",
    )
