"""The workbench: the only place that wires views, jobs, project and viewer together."""

from __future__ import annotations

from napari_glands.workbench.docks import (
    ExportStep,
    ExteriorStep,
    PredictStep,
    PriorsStep,
    SlidesStep,
    TrainStep,
    Workbench,
)
from napari_glands.workbench.measuring import Measurements
from napari_glands.workbench.opening import open_workbench
from napari_glands.workbench.overview import AllSlides
from napari_glands.workbench.session import Session, session_of

__all__ = [
    "AllSlides",
    "ExportStep",
    "ExteriorStep",
    "Measurements",
    "PredictStep",
    "PriorsStep",
    "Session",
    "SlidesStep",
    "TrainStep",
    "Workbench",
    "open_workbench",
    "session_of",
]
