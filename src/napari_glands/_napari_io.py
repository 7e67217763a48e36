"""What napari reads and writes through the plugin; knows no Qt and no napari, only layer data."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_glands import _label_files
from napari_glands._layer_place import KEY, NO_UNIT, UNITS, Place, options_on, place_of
from napari_glands.errors import GlandsError
from napari_glands.plain_text import layer_name
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.export import StoredLabels
    from napari_glands.segmentation.result import Prediction, SizeSource
    from napari_glands.slides import Slide
    from napari_glands.slides.objects import ArrayLike

__all__ = ["get_reader", "write_geojson", "write_ome_zarr"]

LayerData = tuple[Any, dict[str, Any], str]

# What a multiscale that was tampered with makes of arithmetic with it.
_DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ZeroDivisionError, OverflowError)


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerData]] | None:
    """Return what reads a path; None for what is not ours, or not there.

    Parameters
    ----------
    path
        An image file, a label image, an OME-Zarr folder (its labels come back editable), also as
        bioformats2raw makes it, or a project folder. Several paths at once are a stack, which is
        not ours.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    try:
        return _reader_of(Path(path))
    except Exception:  # of a path that cannot be looked at, others may make something
        return None


def _reader_of(place: Path) -> Callable[..., list[LayerData]] | None:
    if place.suffix.lower() == ".glands":
        return read_project if (place / "project.json").is_file() else None
    if place.is_dir():
        return read_ome_zarr if _is_image_group(_image_folder(place)) else None
    if not place.is_file():
        return None
    return read_label_file if _label_files.is_label_file(place) else read_slide


def read_slide(path: str | Sequence[str]) -> list[LayerData]:
    """Read an image as a pyramid, to scale."""
    return [_slide_layer(_open(_single(path)))]


def read_label_file(path: str | Sequence[str]) -> list[LayerData]:
    """Read a label image, to scale where it states its pixel size; our own, where it lies."""
    from napari_glands.export.notes import read_note

    place = Path(_single(path))
    read = _label_files.read_label_file(place)
    finest = read.levels[0]
    is_stored = not isinstance(finest, np.ndarray)
    data = _lazy(read.levels) if is_stored else _paintable(finest)
    noted = read_note(read.note, finest.shape)
    where: dict[str, Any] = {} if read.mpp is None else {"scale": read.mpp, "units": UNITS}
    if noted is not None:
        where = options_on(*noted)
    return [(data, {"name": place.stem, "multiscale": is_stored, **where}, "labels")]


def read_ome_zarr(path: str | Sequence[str]) -> list[LayerData]:
    """Read an OME-Zarr image and, for editing, its labels.

    Raises
    ------
    GlandsError
        When the folder is damaged, or holds neither.
    """
    from napari_glands.export import read_labels

    place = _image_folder(Path(_single(path)))
    layers: list[LayerData] = []
    if "multiscales" in _attributes(place):
        layers.append(_image_layer(place))
    names = [folder.name for folder in _label_folders(place)]
    layers += [_labels_layer(name, read_labels(place, name)) for name in names]
    if not layers:
        raise GlandsError(f"{place} holds neither an image nor labels.")
    return layers


def read_project(path: str | Sequence[str]) -> list[LayerData]:
    """Read the first slide of a project with its priors and glands; the workbench shows all."""
    from napari_glands.project import Project
    from napari_glands.slides import is_large

    place = Path(_single(path))
    with Project.open(place, read_only=True) as project:
        if not project.slides:
            raise GlandsError(f"The project {place} has no slides yet.")
        entry = project.slides[0]
        layers = [_slide_layer(project.slide(entry.id))]
        source = entry.mpp_source
        if project.facts(entry.id, "priors"):
            priors = project.load_priors(entry.id)
            levels = project.label_levels(entry.id, "priors") if is_large(priors.grid) else ()
            layers.append(_result_layer("Priors", priors.labels, priors.grid, source, levels))
        if project.facts(entry.id, "prediction"):
            prediction = project.load_prediction(entry.id)
            levels = project.label_levels(entry.id, "glands") if is_large(prediction.grid) else ()
            layers.append(
                _result_layer("Glands", prediction.glands, prediction.grid, source, levels)
            )
    return layers


def write_ome_zarr(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as OME-Zarr labels ``glands``, where it lies on its image.

    Into an OME-Zarr that is there already, the labels are put beside its image: under the layer's
    name where it has labels of that name, else as ``glands``. Image and other labels stay.

    Scale and translation are written in µm from the centre of the image's first pixel, and
    without unit, in pixels of the image, where the layer has no unit of length (see
    `_layer_place.place_of`).

    Raises
    ------
    GlandsError
        When the layer is not one plane of whole numbers from 0, is turned, sheared or mirrored
        (OME-Zarr labels cannot be), lies beside the image, or its place or the file cannot be
        read or written.
    """
    from napari_glands.export import export_ome_zarr, write_labels

    (prediction, place), target = _as_prediction(path, data, attributes), Path(path)
    name = prediction.slide_name
    if not place.is_upright:
        raise GlandsError(
            f"The layer {name} is turned, sheared or mirrored on its image, which OME-Zarr cannot "
            "say of labels: save it as GeoJSON, or undo its transformation first."
        )
    if _is_image_group(target):
        _check_lies_on(target, prediction)
        names = [folder.name for folder in _label_folders(target)]
        own = name if name in names else "glands"
        source = prediction.mpp_source
        write_labels(target, own, prediction.glands, prediction.grid, mpp_source=source)
    else:
        export_ome_zarr(prediction, path)
    return [path]


def write_geojson(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as outlines in level-0 pixels of its image, as QuPath imports them.

    All of the layer's transformations count (see `_layer_place.place_of`), rotation and shear too.

    Raises
    ------
    GlandsError
        When the layer is not one plane of whole numbers from 0, is in µm while the pixel size of
        its image is not known, or its place or the file cannot be read or written.
    """
    from napari_glands.export import export_geojson

    prediction, place = _as_prediction(path, data, attributes)
    if not place.of_image:
        raise GlandsError(
            f"The layer {prediction.slide_name} says how large its pixels are, but not on which "
            "image it lies, and outlines are in pixels of the image: open the image in the same "
            "window, no other beside it, and save again."
        )
    placement = None if place.is_upright else place.placement
    export_geojson(prediction, path, overwrite=True, placement=placement)
    return [path]


def _check_lies_on(folder: Path, prediction: Prediction) -> None:
    """Refuse labels that are not on the image of a group, as those of another slide may be."""
    if "multiscales" not in _attributes(folder):
        return
    ours = prediction.grid
    its, source = _image_grid(folder, _open(folder).shape)
    its_unit, our_unit = (
        "pixels" if of == "unknown" else "µm" for of in (source, prediction.mpp_source)
    )
    if its_unit != our_unit:
        raise GlandsError(
            f"The layer {prediction.slide_name} is in {our_unit}, the image in {folder} in "
            f"{its_unit}: give the layer the scale and units of the image."
        )
    for axis in range(2):
        first, last = _extent(ours, axis)
        start, end = _extent(its, axis)
        if last <= start or first >= end:
            raise GlandsError(
                f"The layer {prediction.slide_name} lies beside the image in {folder}: save it "
                "with its own image, or as a new file."
            )


def _extent(grid: Grid, axis: int) -> tuple[float, float]:
    """Return where a grid begins and ends along an axis, in µm from the slide's first edge."""
    start = grid.origin[axis] * grid.slide_mpp
    return start, start + grid.slide_shape[axis] * grid.slide_mpp


def _single(path: str | Sequence[str]) -> str:
    return path if isinstance(path, str) else path[0]


def _open(path: str | Path) -> Slide:
    from napari_glands.slides import open_slide

    with warnings.catch_warnings():
        # A pixel size that is only assumed is asked for by the workbench.
        warnings.simplefilter("ignore", UserWarning)
        return open_slide(path)


def _slide_layer(slide: Slide) -> LayerData:
    pyramid = slide.pyramid()
    facts = {"mpp": slide.mpp, "mpp_source": slide.mpp_source}
    options = {"name": layer_name(slide.name), "rgb": True, "multiscale": len(pyramid) > 1}
    data = pyramid if len(pyramid) > 1 else pyramid[0]
    # A pixel size that is only assumed would look like a known one.
    known = slide.mpp_source not in NO_UNIT
    place = {"scale": (slide.mpp, slide.mpp), "units": UNITS} if known else {}
    return data, {**options, **place, "metadata": {KEY: facts}}, "image"


def _image_layer(folder: Path) -> LayerData:
    """Put an OME-Zarr image where its metadata say that it lies: a region is a part of a slide."""
    from napari_glands.export.ngff import shows_slide

    slide = _open(folder)
    data, options, kind = _slide_layer(slide)
    place = options_on(*_image_grid(folder, slide.shape))
    look = {key: value for key, value in options.items() if key not in ("scale", "units")}
    if not shows_slide(_attributes(folder)["multiscales"][0]):
        look["metadata"] = {KEY: {**look["metadata"][KEY], "role": "probability"}}
    return data, {**place, **look}, kind


def _image_grid(folder: Path, shape: tuple[int, int]) -> tuple[Grid, SizeSource]:
    """Return how an OME-Zarr image lies on its slide, and where its pixel size comes from."""
    from napari_glands.export.ngff import finest_first, grid_of, size_source

    try:
        multiscale = finest_first(_attributes(folder)["multiscales"][0])
        return grid_of(multiscale, shape), size_source(multiscale)
    except _DAMAGED as error:
        raise GlandsError(
            f"{folder} is damaged or not an OME-Zarr image ({error}): export it again."
        ) from error


def _labels_layer(name: str, stored: StoredLabels) -> LayerData:
    data, options, kind = _result_layer(
        name, stored.labels, stored.grid, stored.mpp_source, stored.levels
    )
    if not stored.of_slide:
        del options["metadata"]
    if stored.properties:
        options["features"] = _features(stored.properties)
    if stored.colours:
        colors: dict[int | None, Any] = {v: np.array(c) / 255 for v, c in stored.colours.items()}
        # Label values drawn later get a colour that shows on any tissue.
        options["colormap"] = {**colors, 0: np.zeros(4), None: np.array([0.34, 0.71, 0.91, 1])}
    return data, options, kind


def _features(properties: Mapping[int, Mapping[str, Any]]) -> Any:
    import pandas as pd

    table = pd.DataFrame.from_dict(dict(properties), orient="index")
    return table.rename_axis("index").reset_index()


def _result_layer(
    name: str, labels: ArrayLike, grid: Grid, source: SizeSource, levels: Sequence[Any] = ()
) -> LayerData:
    """Return labels as a layer that can be painted: one level, in memory, visible.

    Those of a whole slide, which have `levels`, can only be looked at.
    """
    options = {"name": layer_name(name), **options_on(grid, source)}
    if levels:
        return _lazy(levels), {**options, "multiscale": True}, "labels"
    return _paintable(np.asarray(labels)), options, "labels"


def _lazy(levels: Sequence[Any]) -> list[Any]:
    """Return stored arrays as dask arrays, read where they are looked at."""
    import dask.array as da

    return [da.from_array(level, chunks=level.chunks) for level in levels]


def _paintable(labels: np.ndarray) -> np.ndarray:
    """Copy labels to a dtype that has room for new ones, and for all that there are."""
    most = int(labels.max(initial=0))
    kinds: tuple[type[np.integer[Any]], ...] = (np.int32, np.int64, np.uint64)
    return np.array(labels, next(kind for kind in kinds if most <= np.iinfo(kind).max))


def _as_prediction(path: str, data: Any, attributes: Mapping[str, Any]) -> tuple[Prediction, Place]:
    """Take the labels of any layer for glands that are certain; say where they lie."""
    from napari_glands.segmentation.result import Prediction
    from napari_glands.settings import Settings

    name = str(attributes.get("name") or Path(path).stem)
    finest = data[0] if attributes.get("multiscale") else data
    labels = _plane(finest, name)
    place = place_of(finest.shape, attributes, name)
    prediction = Prediction(
        slide_id=name,
        slide_name=name,
        grid=place.grid,
        probability=cast(np.ndarray, _Certain(labels)),
        glands=cast(np.ndarray, labels),
        model="labels drawn in napari",
        settings=Settings(),
        mpp_source=place.mpp_source,
    )
    return prediction, place


def _plane(labels: Any, name: str) -> ArrayLike:
    """Return the one plane of a layer, as it is stored: that of a whole slide is read in parts."""
    if not all(hasattr(labels, what) for what in ("shape", "dtype", "__getitem__")):
        labels = np.asarray(labels)
    if len(labels.shape) < 2 or math.prod(labels.shape[:-2]) != 1:
        raise GlandsError(
            f"The layer {name} has {len(labels.shape)} dimensions: only labels of one picture "
            "(y, x) can be written."
        )
    if np.dtype(labels.dtype).kind not in "bui":
        raise GlandsError(f"The layer {name} has {labels.dtype}: labels are whole numbers.")
    for _ in labels.shape[:-2]:
        labels = labels[0]
    plane: ArrayLike = labels
    return plane


class _Certain:
    """The probability of labels that somebody drew, 1 in all of them, made where it is read."""

    dtype = np.dtype(np.float32)

    def __init__(self, labels: ArrayLike) -> None:
        self.shape = labels.shape
        self._labels = labels

    def __getitem__(self, key: Any) -> np.ndarray:
        return (np.asarray(self._labels[key]) > 0).astype(self.dtype)


def _image_folder(folder: Path) -> Path:
    """Return the group of the image: bioformats2raw puts the first, and others, into subgroups."""
    if "bioformats2raw.layout" not in _attributes(folder) or _is_image_group(folder):
        return folder
    if "multiscales" in _attributes(folder / "1"):
        warnings.warn(
            f"{folder.name} holds several images: the first one is shown. Open {folder / '1'} for "
            "the next.",
            UserWarning,
            stacklevel=2,
        )
    return folder / "0"


def _is_image_group(folder: Path) -> bool:
    attributes = _attributes(folder)
    return "multiscales" in attributes or bool(_label_folders(folder))


def _label_folders(folder: Path) -> list[Path]:
    container = folder / "labels"
    if not container.is_dir():
        return []
    return [p for p in sorted(container.iterdir()) if "multiscales" in _attributes(p)]


def _attributes(folder: Path) -> dict[str, Any]:
    """Return the OME attributes of a zarr group of either version; empty when it has none."""
    for name in (".zattrs", "zarr.json"):
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            if name == "zarr.json":
                content = (content.get("attributes") or {}).get("ome")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
        if isinstance(content, dict):
            return content
    return {}
