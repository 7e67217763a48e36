"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.blocks import LARGEST_WHOLE, Block, blocks, is_large
from napari_glands.slides.finding import LABEL_SUFFIXES, find_images
from napari_glands.slides.formats import READABLE
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.opening import open_slide
from napari_glands.slides.slide import Level, Slide

__all__ = [
    "LABEL_SUFFIXES",
    "LARGEST_WHOLE",
    "READABLE",
    "Block",
    "Grid",
    "Level",
    "Region",
    "Slide",
    "Window",
    "blocks",
    "find_images",
    "is_large",
    "open_slide",
]
