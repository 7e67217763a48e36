"""Stage 2: the PSPNet that learns from pseudo masks, and its predictions."""

from napari_glands.segmentation.model import Model, load_model, save_model
from napari_glands.segmentation.prediction import predict
from napari_glands.segmentation.result import Prediction
from napari_glands.segmentation.training import train

__all__ = ["Model", "Prediction", "load_model", "predict", "save_model", "train"]
