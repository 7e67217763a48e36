"""The project folder: what is kept, so that work can be closed and resumed."""

from napari_glands.project.folder import Project
from napari_glands.project.schema import SlideEntry, StepRecord

__all__ = ["Project", "SlideEntry", "StepRecord"]
