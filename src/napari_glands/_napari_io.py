"""What napari reads and writes through the plugin; knows no Qt and no napari, only layer data."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.plain_text import layer_name

if TYPE_CHECKING:
    from napari_glands.export import StoredLabels
    from napari_glands.segmentation.result import Prediction
    from napari_glands.slides import Grid, Slide
    from napari_glands.slides.objects import ArrayLike

__all__ = ["get_reader", "write_geojson", "write_ome_zarr"]

LayerData = tuple[Any, dict[str, Any], str]

_KEY = "napari_glands"
_UNITS = ("um", "um")
_MICROMETRES = {"um", "µm", "micrometer", "micrometre", "micron"}


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerData]] | None:
    """Return what reads a path; None for what is not ours.

    Parameters
    ----------
    path
        An image file, an OME-Zarr folder (its labels come back editable), or a project folder.
        Several paths at once are a stack, which is not ours.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    place = Path(path)
    if place.suffix.lower() == ".glands":
        return read_project if (place / "project.json").is_file() else None
    if place.suffix.lower() == ".zarr":
        return read_ome_zarr if _is_image_group(place) else None
    return read_slide if place.is_file() else None


def read_slide(path: str | Sequence[str]) -> list[LayerData]:
    """Read an image as a pyramid, to scale."""
    return [_slide_layer(_open(_single(path)))]


def read_ome_zarr(path: str | Sequence[str]) -> list[LayerData]:
    """Read an OME-Zarr image and, for editing, its labels."""
    from napari_glands.export import read_labels

    place = Path(_single(path))
    layers: list[LayerData] = []
    if "multiscales" in _attributes(place):
        layers.append(_placed(_slide_layer(_open(place)), place))
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
        if project.facts(entry.id, "priors"):
            priors = project.load_priors(entry.id)
            levels = project.label_levels(entry.id, "priors") if is_large(priors.grid) else ()
            layers.append(_result_layer("Priors", priors.labels, priors.grid, levels))
        if project.facts(entry.id, "prediction"):
            prediction = project.load_prediction(entry.id)
            levels = project.label_levels(entry.id, "glands") if is_large(prediction.grid) else ()
            layers.append(_result_layer("Glands", prediction.glands, prediction.grid, levels))
    return layers


def write_ome_zarr(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as OME-Zarr labels ``glands``, to scale.

    Into an OME-Zarr that is there already, the labels are put beside its image: under the layer's
    name where it has labels of that name, else as ``glands``. Image and other labels stay.
    """
    from napari_glands.export import export_ome_zarr, write_labels

    prediction, place = _as_prediction(path, data, attributes), Path(path)
    if _is_image_group(place):
        names = [folder.name for folder in _label_folders(place)]
        name = prediction.slide_name if prediction.slide_name in names else "glands"
        write_labels(place, name, prediction.glands, prediction.grid)
    else:
        export_ome_zarr(prediction, path)
    return [path]


def write_geojson(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as outlines in level-0 pixels, as QuPath imports them."""
    from napari_glands.export import export_geojson

    export_geojson(_as_prediction(path, data, attributes), path, overwrite=True)
    return [path]


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
    # A pixel size that is only assumed would look like a known one.
    known = slide.mpp_source != "default"
    place = {"scale": (slide.mpp, slide.mpp), "units": _UNITS} if known else {}
    facts = {"mpp": slide.mpp, "mpp_source": slide.mpp_source}
    options = {"name": layer_name(slide.name), "rgb": True, "multiscale": len(pyramid) > 1}
    data = pyramid if len(pyramid) > 1 else pyramid[0]
    return data, {**options, **place, "metadata": {_KEY: facts}}, "image"


def _placed(layer: LayerData, folder: Path) -> LayerData:
    """Put an OME-Zarr image where its metadata say that it lies: a region is a part of a slide."""
    from napari_glands.export.ngff import grid_of

    data, options, kind = layer
    if "scale" in options:
        finest = data[0] if options["multiscale"] else data
        grid = grid_of(_attributes(folder)["multiscales"][0], finest.shape[:2])
        options["translate"] = grid.translate
    return data, options, kind


def _labels_layer(name: str, stored: StoredLabels) -> LayerData:
    data, options, kind = _result_layer(name, stored.labels, stored.grid, stored.levels)
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
    name: str, labels: ArrayLike, grid: Grid, levels: Sequence[Any] = ()
) -> LayerData:
    """Return labels as a layer that can be painted: one level, in memory, visible.

    Those of a whole slide, which have `levels`, can only be looked at.
    """
    facts = {"slide_shape": grid.slide_shape, "slide_mpp": grid.slide_mpp, "origin": grid.origin}
    metadata = {_KEY: facts}
    options = {
        "name": layer_name(name),
        "scale": grid.mpp,
        "translate": grid.translate,
        "units": _UNITS,
        "metadata": metadata,
    }
    if levels:
        import dask.array as da

        pyramid = [da.from_zarr(level) for level in levels]
        return pyramid, {**options, "multiscale": True}, "labels"
    return np.array(labels, dtype=np.int32), options, "labels"


def _as_prediction(path: str, data: Any, attributes: Mapping[str, Any]) -> Prediction:
    """Take the labels of any layer for glands that are certain."""
    from napari_glands.segmentation.result import Prediction
    from napari_glands.settings import Settings

    labels = np.asarray(data[0] if attributes.get("multiscale") else data)
    name = str(attributes.get("name") or Path(path).stem)
    if labels.ndim != 2:
        raise GlandsError(
            f"The layer {name} has {labels.ndim} dimensions: only labels of one picture (y, x) "
            "can be written."
        )
    return Prediction(
        slide_id=name,
        slide_name=name,
        grid=_grid(labels.shape, attributes, name),
        probability=(labels > 0).astype(np.float32),
        glands=labels.astype(np.int32),
        model="labels drawn in napari",
        settings=Settings(),
    )


def _grid(shape: tuple[int, ...], attributes: Mapping[str, Any], name: str) -> Grid:
    """Return how a layer's pixels lie on its slide: as its metadata say, else as its scale."""
    from napari_glands.slides import Grid

    rows, columns = shape
    facts = (attributes.get("metadata") or {}).get(_KEY) or {}
    if {"slide_shape", "slide_mpp"} <= facts.keys():
        height, width = facts["slide_shape"]
        origin = tuple(facts.get("origin", (0, 0)))
        return Grid((rows, columns), (height, width), float(facts["slide_mpp"]), origin)
    y, x = (float(v) for v in list(attributes.get("scale", (1, 1)))[-2:])
    units = [str(unit) for unit in attributes.get("units") or ()]
    if units and not set(units[-2:]) <= _MICROMETRES | {"pixel"}:
        raise GlandsError(f"The layer {name} is in {units[-1]}: set its units to µm first.")
    finest = min(y, x)
    return Grid((rows, columns), (round(rows * y / finest), round(columns * x / finest)), finest)


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
        except (OSError, ValueError):
            continue
        if name == "zarr.json":
            content = (content.get("attributes") or {}).get("ome") or {}
        return content if isinstance(content, dict) else {}
    return {}
