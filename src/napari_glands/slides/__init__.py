"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.blocks import LARGEST_WHOLE, Block, blocks, is_large
from napari_glands.slides.finding import LABEL_SUFFIXES, find_images
from napari_glands.slides.formats import READABLE, is_address
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.opening import open_slide, pictures_in
from napari_glands.slides.pictures import FilePicture, SeveralPictures
from napari_glands.slides.pixel_size import describe_source
from napari_glands.slides.slide import Level, Slide

__all__ = [
    "LABEL_SUFFIXES",
    "LARGEST_WHOLE",
    "READABLE",
    "Block",
    "FilePicture",
    "Grid",
    "Level",
    "Region",
    "SeveralPictures",
    "Slide",
    "Window",
    "blocks",
    "describe_source",
    "find_images",
    "is_address",
    "is_large",
    "open_slide",
    "pictures_in",
]
