"""Finding, pairing and reading label images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from skimage.measure import label

from napari_glands.errors import GlandsError
from napari_glands.slides.pairing import (
    LABEL_MARKS,
    bare_name,
    companions,
    is_picture_of_results,
    pair_names,
    pairing_key,
)
from napari_glands.system_errors import refusal

__all__ = ["label_files_of", "list_label_files", "pairing_key", "read_label_image"]

_EXTENSIONS = {".png", ".tif", ".tiff", ".bmp"}


def list_label_files(folder: str | Path) -> dict[str, Path]:
    """List the label images of a folder by the name under which they pair.

    Where a folder holds both ``a.png`` and ``a_anno.png`` (or another of `LABEL_MARKS`), the
    latter is the label image. Overlays that the PNG export wrote are left out.

    Raises
    ------
    GlandsError
        When the folder cannot be read, or two files claim the same name.
    """
    folder = Path(folder)
    try:
        paths = sorted(p for p in folder.iterdir() if p.is_file())
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read the folder {folder}", error)) from error
    paths = [path for path in paths if _may_hold_labels(path)]
    masks = companions(paths)
    images = set().union(*masks.values())
    found: dict[str, Path] = {}
    for path in paths:
        if path in images:
            continue
        # The image says how a mask beside it pairs; its case of letters need not be the mask's.
        key = bare_name(next(iter(masks[path]))) if path in masks else pairing_key(path)
        if key in found:
            raise GlandsError(
                f"{found[key].name} and {path.name} in {folder} belong to the same image: "
                "keep one of them."
            )
        found[key] = path
    return found


def label_files_of(images: Sequence[str | Path], folder: str | Path) -> list[Path]:
    """Find the label image of every image in a folder, by name; nothing is read.

    An image's own name comes first: one that ends like a mask may have a mask.

    Raises
    ------
    GlandsError
        When an image has none, or the folder cannot be read.
    """
    labels = list_label_files(folder)
    own = pair_names(map(bare_name, images), labels)
    stripped = pair_names(map(pairing_key, images), labels)
    files = []
    for image in images:
        key = own.get(bare_name(image)) or stripped.get(pairing_key(image))
        if key is None:
            raise GlandsError(
                f"{Path(image).name} has no label image in {folder}: name it "
                f"{bare_name(image)}.png, or with _ and one of {', '.join(LABEL_MARKS)} at its "
                "end, or leave the image out."
            )
        files.append(labels[key])
    return files


def _may_hold_labels(path: Path) -> bool:
    if path.suffix.lower() not in _EXTENSIONS or path.name.startswith("."):
        return False
    return not is_picture_of_results(path)


def read_label_image(path: str | Path) -> tuple[np.ndarray, str]:
    """Read an instance label image.

    Parameters
    ----------
    path
        PNG, BMP or TIFF. What its values mean:

        - whole numbers: 0 is background, every other value one object;
        - colours: black is background, every other colour one object (alpha is ignored; colours
          that are all grey count as whole numbers, a palette by its indices);
        - a binary mask (only 0 and 1, or only 0 and 255, or black and white): its connected
          components (8-neighbourhood) are the objects.

    Returns
    -------
    labels
        (y, x) of an integer dtype.
    note
        What was done to the values, if anything.

    Raises
    ------
    GlandsError
        When the file cannot be read or is not a label image.
    """
    path = Path(path)
    try:
        array = _read(path)
    except Exception as error:  # each decoder has its own kinds
        raise GlandsError(f"Cannot read the label image {path}: {error}.") from error
    return _objects(_single_channel(array, path), path)


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() in {".tif", ".tiff"}:
        return np.squeeze(tifffile.imread(path))
    # Label images of whole slides are larger than what Pillow takes for an attack; the caller
    # named this file.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(path) as image:
            return np.asarray(image)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _single_channel(array: np.ndarray, path: Path) -> np.ndarray:
    """Turn colours into one number per pixel; equal colours get equal numbers."""
    if array.ndim == 2 and array.size:
        return array
    if array.ndim != 3 or array.shape[2] not in (2, 3, 4) or not array.size:
        raise GlandsError(
            f"{path} has the shape {array.shape}: a label image is one plane of pixels."
        )
    colours = array[..., : 1 if array.shape[2] == 2 else 3]
    if (colours == colours[..., :1]).all():
        return colours[..., 0]
    if array.dtype != np.uint8:
        raise GlandsError(
            f"{path} has colours of {array.dtype}: save it with one number per pixel."
        )
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return red + 256 * green + 65536 * blue


def _objects(values: np.ndarray, path: Path) -> tuple[np.ndarray, str]:
    """Check the values and separate the objects of a binary mask."""
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
            raise GlandsError(f"{path} has fractions: a label image has whole numbers.")
        values = values.astype(np.int64)
    if values.dtype.kind not in "bui":
        raise GlandsError(f"{path} has values of {values.dtype}: a label image has whole numbers.")
    if values.dtype.kind == "i" and values.min() < 0:
        raise GlandsError(f"{path} has negative values: a label image starts at 0.")
    present: Any = np.unique(values)
    if set(present.tolist()) <= {0, 1} or set(present.tolist()) <= {0, 255}:
        components = label(values > 0, connectivity=2)
        if components.max() > 1:
            note = f"binary mask: its {components.max()} connected components are the objects"
            return components, note
    return values, ""
