"""Gland segmentation in histology without hand-made training labels.

Importing the package, and plugin discovery, load no torch, no Qt and no napari: the names below
are looked up in their rooms when they are first used. Neither does it take any time that a
command line could be interrupted in.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be the longest import here
if TYPE_CHECKING:
    from typing import Any

_HOMES = {
    "GlandsError": "errors",
    "Settings": "settings",
    "load_settings": "settings",
    "Slide": "slides",
    "open_slide": "slides",
    "ExteriorMap": "exterior",
    "cluster_exterior": "exterior",
    "Priors": "priors",
    "mine_priors": "priors",
    "grow_priors": "priors",
    "Model": "segmentation",
    "Prediction": "segmentation",
    "load_model": "segmentation",
    "predict": "segmentation",
    "save_model": "segmentation",
    "train": "segmentation",
    "measure": "measurement",
    "evaluate": "evaluation",
    "export_csv": "export",
    "export_geojson": "export",
    "export_ome_zarr": "export",
    "export_png": "export",
    "Project": "project",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    import importlib

    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-glands")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __dir__() -> list[str]:
    return __all__
