"""From a path, an array or a layer to a `Slide`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_glands.errors import GlandsError
from napari_glands.plain_text import readable
from napari_glands.slides.formats import READABLE, is_dicom_folder, is_zarr_folder, sniff
from napari_glands.slides.pixel_size import choose_mpp
from napari_glands.slides.slide import Slide
from napari_glands.slides.sources.array import ArraySource
from napari_glands.slides.sources.base import Source
from napari_glands.slides.sources.raster import RasterSource
from napari_glands.system_errors import refusal

__all__ = ["open_slide"]

_DEFAULT_MPP = 0.62


def open_slide(
    source: Any,
    *,
    mpp: float | None = None,
    default_mpp: float = _DEFAULT_MPP,
    name: str | None = None,
) -> Slide:
    """Open a histology image.

    Parameters
    ----------
    source
        One of

        - the path of a PNG, JPEG, BMP, TIFF, OME-TIFF, SVS, NDPI, MRXS or other slide file, of a
          DICOM WSI file or folder, or of an OME-Zarr folder. What a file is is told by its
          content, not by its name;
        - an array (numpy, dask, zarr): (y, x), (y, x, 3|4) or (3|4, y, x), or a list of such
          arrays, finest first;
        - a napari image layer (RGB, RGBA, grayscale, multiscale or not);
        - a `Slide`, which is returned as it is, with `mpp` where that is given.
    mpp
        µm per pixel at full resolution; overrules what the image states.
    default_mpp
        µm per pixel to assume, with a warning, when nothing else is known.
    name
        Name for people; by default the file's or layer's.

    Returns
    -------
    Slide
        The opened slide. Grayscale, 16-bit, float, palette, 1-bit, CMYK and transparent images
        are turned into 8-bit RGB (see `napari_glands.slides.conversion`).

    Raises
    ------
    GlandsError
        When the image is missing, empty, damaged, too small, not one brightfield image, or its
        pixel size is impossible. The message names the image and says what to do.
    """
    if isinstance(source, Slide):
        return source if mpp is None else source.with_mpp(mpp)
    path: Path | None = None
    if isinstance(source, str | Path):
        path = Path(source).expanduser().absolute()
        try:
            opened = _open_path(path)
        except OSError as error:
            raise GlandsError(refusal(f"Cannot read {path}", error)) from error
        name = name or default_name(path)
    else:
        opened, name = _open_object(source, name)
    label = str(path or name)
    size, origin = choose_mpp(mpp, opened.mpp, default_mpp, name=label)
    return Slide(opened, name=name, mpp=size, mpp_source=origin, path=path)


def default_name(path: Path) -> str:
    """Return a file's name without its ending (also ``.ome.tif``), a plain folder's whole name."""
    if path.is_dir() and path.suffix.lower() != ".zarr":
        return readable(path.name)
    stem = readable(path.stem)
    return stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def _open_object(source: Any, name: str | None) -> tuple[Source, str]:
    """Open a layer, an array or a list of arrays."""
    if hasattr(source, "data") and hasattr(source, "multiscale"):
        from napari_glands.slides.sources.layer import LayerSource

        name = name or str(getattr(source, "name", "") or "layer")
        kind: Any = LayerSource
    else:
        name, kind = name or "array", ArraySource
    try:
        return kind(source), name
    except (GlandsError, TypeError, AttributeError) as error:
        raise GlandsError(f"{name} cannot be opened: {str(error).rstrip('.')}.") from error


def _open_path(path: Path) -> Source:
    """Open a file or folder by what it contains."""
    if not path.exists():
        raise GlandsError(f"There is no file {path}: check the path.")
    if path.is_dir():
        return _open_folder(path)
    if path.stat().st_size == 0:
        raise GlandsError(f"{path} is empty (0 bytes): copy or export it again.")
    kind = sniff(path)
    if kind in ("png", "bmp") or (kind == "jpeg" and path.suffix.lower() != ".mrxs"):
        return RasterSource(path)
    try:
        slide = _try_openslide(path)
    except GlandsError:
        if kind != "tiff":
            raise
        slide = None  # the TIFF reader knows more compressions
    if slide is not None:
        return slide
    if kind == "tiff":
        from napari_glands.slides.sources.tiff import TiffSource

        return TiffSource(path)
    if kind == "dicom":
        raise GlandsError(
            f"{path} is a DICOM file but not a whole-slide image that OpenSlide can read."
        )
    return _open_other(path)


def _open_other(path: Path) -> Source:
    """Leave a file of unknown content to Pillow."""
    try:
        return RasterSource(path)
    except GlandsError as error:
        raise GlandsError(f"{error} Readable are {', '.join(READABLE)}.") from error


def _try_openslide(path: Path) -> Source | None:
    """Open with OpenSlide where it knows the format."""
    from napari_glands.slides.sources.openslide import open_with_openslide

    return open_with_openslide(path)


def _open_folder(path: Path) -> Source:
    if is_zarr_folder(path):
        from napari_glands.slides.sources.ome_zarr import OmeZarrSource

        return OmeZarrSource(path)
    if is_dicom_folder(path):
        slide = _try_openslide(path)
        if slide is not None:
            return slide
        raise GlandsError(
            f"{path} holds DICOM files but no whole-slide image that OpenSlide can read."
        )
    raise GlandsError(
        f"{path} is a folder but not a slide (OME-Zarr or DICOM): give the image files in it."
    )
