"""The images of a session: real ones where they are at hand, else synthetic ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from napari_glands.sample_data import gland_field
from napari_glands.slides import find_images

__all__ = ["Pictures", "pictures"]

_DATA = Path(
    os.environ.get("NAPARI_GLANDS_DATA", Path(__file__).resolve().parents[4] / "shared" / "data")
)
_GLAS_MPP = 0.62


@dataclass(frozen=True)
class Pictures:
    """Image files without a pixel size, their true labels, and what they are.

    Attributes
    ----------
    images
        The files.
    truth
        Folder of the label images.
    mpp
        µm per pixel.
    kind
        ``"GlaS"`` or ``"synthetic"``.
    """

    images: list[Path]
    truth: Path
    mpp: float
    kind: str


def pictures(count: int, folder: Path, *, shape: tuple[int, int], glas: bool = True) -> Pictures:
    """Return some images: the first of GlaS where they lie beside the checkout, else made ones.

    Parameters
    ----------
    count
        How many.
    folder
        Where synthetic ones are written.
    shape
        Of the synthetic ones.
    glas
        Whether real ones are wanted.
    """
    real = _DATA / "glas_train"
    if glas and real.is_dir():
        found = find_images([str(real / "images")])
        return Pictures(found[:count], real / "masks", _GLAS_MPP, "GlaS")
    images, truth = folder / "images", folder / "truth"
    for place in (images, truth):
        place.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        field = gland_field(shape, mpp=_GLAS_MPP, seed=seed)
        Image.fromarray(field.image).save(images / f"field_{seed}.png")
        Image.fromarray(field.truth.astype("uint16")).save(truth / f"field_{seed}.png")
    return Pictures(sorted(images.iterdir()), truth, _GLAS_MPP, "synthetic")
