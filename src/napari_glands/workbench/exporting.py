"""Where the files of an export go, and who writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_glands.errors import GlandsError
from napari_glands.jobs import CancelToken
from napari_glands.project import Project
from napari_glands.settings import Settings

__all__ = ["targets", "write"]

_SUFFIXES = {"ome-zarr": ".zarr", "geojson": ".geojson", "csv": ".csv", "png": "_overlay.png"}


def targets(kind: str, folder: Path, slides: Sequence[tuple[str, str]]) -> list[tuple[str, Path]]:
    """Return the file or folder that each slide, given as (id, name), is written to.

    Slides of the same name are told apart by their ids, and what no file system takes in the
    name of a layer is left out.

    Raises
    ------
    GlandsError
        When `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise GlandsError(f"{folder} is a file: choose a folder.")
    from napari_glands.export import file_name

    plain = {slide_id: file_name(name) for slide_id, name in slides}
    # Some file systems take A and a for the same.
    names = Counter(name.casefold() for name in plain.values())
    suffix = _SUFFIXES[kind]
    return [
        (slide_id, folder / f"{slide_id if names[name.casefold()] > 1 else name}{suffix}")
        for slide_id, name in plain.items()
    ]


def write(
    kind: str, project: Project, settings: Settings, slide_id: str, path: Path, cancel: CancelToken
) -> None:
    """Write one slide's glands; what exists is replaced, for the user was asked before."""
    from napari_glands import export

    prediction = project.load_prediction(slide_id)
    options = settings.export
    if kind == "ome-zarr":
        slide = project.slide(slide_id)
        export.export_ome_zarr(
            prediction, path, ngff=options.ngff, slide=slide, overwrite=True, cancel=cancel
        )
    elif kind == "geojson":
        export.export_geojson(
            prediction, path, classification=options.classification, overwrite=True, cancel=cancel
        )
    elif kind == "csv":
        export.export_csv(prediction, path, style=options.csv_style, overwrite=True, cancel=cancel)
    else:
        name = path.name.removesuffix(_SUFFIXES["png"])
        slide = project.slide(slide_id)
        export.export_png(prediction, path.parent, slide, name=name, overwrite=True, cancel=cancel)
