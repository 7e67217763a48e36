"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.finding import LABEL_SUFFIXES, find_images
from napari_glands.slides.formats import READABLE
from napari_glands.slides.grid import Grid, Region
from napari_glands.slides.opening import open_slide
from napari_glands.slides.slide import Level, Slide

__all__ = [
    "LABEL_SUFFIXES",
    "READABLE",
    "Grid",
    "Level",
    "Region",
    "Slide",
    "find_images",
    "open_slide",
]
