"""Stage 2: the PSPNet that learns from pseudo masks, and its predictions.

The names are looked up when they are first used: what a prediction is can be known without torch,
which takes seconds to load and must not come in while somebody only saves a layer.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_glands.segmentation.model import Model, load_model, save_model
    from napari_glands.segmentation.prediction import predict
    from napari_glands.segmentation.result import Prediction
    from napari_glands.segmentation.training import train

__all__ = ["Model", "Prediction", "load_model", "predict", "save_model", "train"]

_HOMES = {
    "Model": "model",
    "load_model": "model",
    "save_model": "model",
    "predict": "prediction",
    "Prediction": "result",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
