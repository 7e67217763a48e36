"""What other processes make of the slides of a project that fit into memory, by the slide's id.

They open the project for reading and return the result; who started them saves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.project.folder import Project
from napari_glands.settings import Settings

if TYPE_CHECKING:
    from napari_glands.exterior import ExteriorModel
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.prior import Priors
    from napari_glands.segmentation import Model
    from napari_glands.segmentation.result import Prediction

__all__ = ["MapSlide", "MineSlide", "PredictSlide"]


@dataclass(frozen=True)
class _OnSlide:
    """Something done with one slide of a project; it can be pickled."""

    path: Path
    settings: Settings

    @cached_property
    def project(self) -> Project:
        """The project, open for reading."""
        return Project.open(self.path, read_only=True)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made where it is used."""
        return {k: v for k, v in self.__dict__.items() if k not in ("project", "model")}


@dataclass(frozen=True)
class MapSlide(_OnSlide):
    """Map the exterior; without a shared model, one is trained on the slide alone."""

    shared: ExteriorModel | None

    def __call__(self, slide_id: str) -> ExteriorMap:
        """Return the exterior map."""
        from napari_glands.exterior import apply_exterior, fit_exterior

        slide = self.project.slide(slide_id)
        return apply_exterior(self.shared or fit_exterior([slide], self.settings), slide)


@dataclass(frozen=True)
class MineSlide(_OnSlide):
    """Mine the priors."""

    def __call__(self, slide_id: str) -> Priors:
        """Return the priors."""
        from napari_glands.priors import mine_priors

        exterior = self.project.load_exterior(slide_id)
        return mine_priors(self.project.slide(slide_id), exterior, self.settings)


@dataclass(frozen=True)
class PredictSlide(_OnSlide):
    """Predict the glands."""

    name: str

    @cached_property
    def model(self) -> Model:
        """The model."""
        return self.project.load_model(self.name)

    def __call__(self, slide_id: str) -> Prediction:
        """Return the prediction."""
        from napari_glands.segmentation import predict

        return predict(self.model, self.project.slide(slide_id), self.settings)
