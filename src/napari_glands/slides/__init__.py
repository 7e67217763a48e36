"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.blocks import LARGEST_WHOLE, Block, blocks, is_large
from napari_glands.slides.finding import ImagePath, ImagesBelow, find_images, look_for_images
from napari_glands.slides.formats import READABLE
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.opening import open_slide
from napari_glands.slides.pairing import LABEL_MARKS
from napari_glands.slides.slide import Level, Slide

__all__ = [
    "LABEL_MARKS",
    "LARGEST_WHOLE",
    "READABLE",
    "Block",
    "Grid",
    "ImagePath",
    "ImagesBelow",
    "Level",
    "Region",
    "Slide",
    "Window",
    "blocks",
    "find_images",
    "is_large",
    "look_for_images",
    "open_slide",
]
