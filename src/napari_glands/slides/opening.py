"""From a path, an array or a layer to a `Slide`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_glands.errors import GlandsError
from napari_glands.plain_text import readable
from napari_glands.slides.addresses import Address, local_path
from napari_glands.slides.foreign import foreign
from napari_glands.slides.formats import (
    READABLE,
    is_address,
    is_dicom_folder,
    is_zarr_folder,
    sniff,
)
from napari_glands.slides.pictures import FilePicture, SeveralPictures, chosen
from napari_glands.slides.pixel_size import choose_mpp
from napari_glands.slides.slide import Slide
from napari_glands.slides.sources.array import ArraySource
from napari_glands.slides.sources.base import Source
from napari_glands.slides.sources.raster import RasterSource
from napari_glands.system_errors import refusal

__all__ = ["open_slide", "pictures_in"]

_DEFAULT_MPP = 0.62
# Whose files look like something else by their first bytes: there they hold a small preview.
_PREVIEWS = (".vsi", ".mrxs", ".nd2")


def open_slide(
    source: Any,
    *,
    mpp: float | None = None,
    default_mpp: float = _DEFAULT_MPP,
    name: str | None = None,
    picture: int | None = None,
) -> Slide:
    """Open a histology image.

    Parameters
    ----------
    source
        One of

        - the path of a PNG, JPEG, BMP, TIFF, OME-TIFF, SVS, NDPI, MRXS or other slide file, of a
          DICOM WSI file or folder, or of an OME-Zarr folder. What a file is is told by its
          content, not by its name;
        - the address of an OME-Zarr image (``https://…``, ``s3://…``), which is read part by part
          over the network; a user name and password in it are used, never shown or written down;
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
    picture
        Which of the pictures of a file to open, from 1 (see `pictures_in`). Needed where there
        are several; labels, macros and thumbnails do not count.

    Returns
    -------
    Slide
        The opened slide. Grayscale, 16-bit, float, palette, 1-bit, CMYK and transparent images
        are turned into 8-bit RGB (see `napari_glands.slides.conversion`).

    Raises
    ------
    SeveralPictures
        When the file holds several pictures and `picture` is not given.
    GlandsError
        When the image is missing, empty, damaged, too small, not one brightfield image, or its
        pixel size is impossible. The message names the image and says what to do.
    """
    if isinstance(source, Slide):
        _require_picture(source.name, source.shape, source.picture, picture)
        return source if mpp is None else source.with_mpp(mpp)
    place: Path | Address | None = None
    if isinstance(source, str | Path):
        place = _place(source)
        opened = _open_place(place, picture)
        name = name or _picture_name(place, opened.picture)
    else:
        opened, name = _open_object(source, name)
        _require_picture(name, opened.shapes[0], None, picture)
    size, origin = choose_mpp(mpp, opened.sizes, default_mpp, name=str(place or name))
    return Slide(
        opened,
        name=name,
        mpp=size,
        mpp_source=origin,
        path=place if isinstance(place, Path) else None,
        address=str(place) if isinstance(place, Address) else None,
        picture=opened.picture,
    )


def pictures_in(path: str | Path) -> tuple[FilePicture, ...]:
    """List the pictures of a file, a folder or an address, in the order of their numbers.

    Parameters
    ----------
    path
        What `open_slide` takes by its name.

    Returns
    -------
    tuple of FilePicture
        One for most files. Labels, macros and thumbnails are no pictures.

    Raises
    ------
    GlandsError
        When it cannot be opened.
    """
    try:
        source = _open_place(_place(path), None)
    except SeveralPictures as several:
        return several.pictures
    source.close()
    return (FilePicture(1, "", source.shapes[0]),)


def _place(text: str | Path) -> Path | Address:
    """Return where an image is: on this computer or elsewhere."""
    if is_address(text):
        return local_path(text) or Address.parse(text)
    return Path(text).expanduser().absolute()


def _open_place(place: Path | Address, picture: int | None) -> Source:
    if isinstance(place, Address):
        from napari_glands.slides.sources.ome_zarr import OmeZarrSource

        return OmeZarrSource(place, picture)
    try:
        return _open_path(place, picture)
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read {place}", error)) from error


def _require_picture(
    name: Path | str, shape: tuple[int, int], held: int | None, picture: int | None
) -> None:
    """Refuse to take what is one picture for another one of its file."""
    if picture != held:
        chosen(name, [FilePicture(1, "", shape)], picture if held is None else picture or 1)
        if held is not None and picture is not None:
            raise GlandsError(f"{name} is picture {held} of its file, not picture {picture}.")


def _picture_name(place: Path | Address, picture: int | None) -> str:
    """Return the default name of a slide: two pictures of a file have different ones."""
    name = default_name(place) if isinstance(place, Path) else default_name(Path(place.name))
    return name if picture is None else f"{name} picture {picture}"


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


def _open_path(path: Path, picture: int | None) -> Source:
    """Open a file or folder by what it contains."""
    if not path.exists():
        raise GlandsError(f"There is no file {path}: check the path.")
    source = _open_folder(path, picture) if path.is_dir() else _open_file(path, picture)
    if source.picture is None and picture is not None:
        try:
            _require_picture(path, source.shapes[0], None, picture)
        except GlandsError:
            source.close()
            raise
    return source


def _open_file(path: Path, picture: int | None) -> Source:
    if path.stat().st_size == 0:
        raise GlandsError(f"{path} is empty (0 bytes): copy or export it again.")
    kind = sniff(path)
    preview = path.suffix.lower() in _PREVIEWS
    if kind in ("png", "bmp") or (kind == "jpeg" and not preview):
        return RasterSource(path)
    try:
        slide = _try_openslide(path)
    except GlandsError as error:
        if kind is None:
            _refuse_foreign(path, error)
        if kind != "tiff":
            raise
        slide = None  # the TIFF reader knows more compressions
    if slide is not None:
        return slide
    if kind in (None, "jpeg") or preview:
        _refuse_foreign(path)
    if kind == "tiff":
        from napari_glands.slides.sources.tiff import TiffSource

        return TiffSource(path, picture)
    if kind == "dicom":
        raise GlandsError(
            f"{path} is a DICOM file but not a whole-slide image that OpenSlide can read."
        )
    return _open_other(path)


def _refuse_foreign(path: Path, error: GlandsError | None = None) -> None:
    """Refuse a file of a format that is known, but not read."""
    words = foreign(path)
    if words is not None:
        raise GlandsError(f"{path} {words}") from error


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


def _open_folder(path: Path, picture: int | None) -> Source:
    if is_zarr_folder(path):
        from napari_glands.slides.sources.ome_zarr import OmeZarrSource

        return OmeZarrSource(path, picture)
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
