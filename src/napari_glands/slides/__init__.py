"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.blocks import LARGEST_WHOLE, Block, blocks, is_large
from napari_glands.slides.finding import ImagePath, ImagesBelow, find_images, look_for_images
from napari_glands.slides.formats import READABLE, is_address
from napari_glands.slides.grid import Grid, Region, Window
from napari_glands.slides.opening import open_slide, pictures_in
from napari_glands.slides.pairing import LABEL_MARKS
from napari_glands.slides.pictures import FilePicture, SeveralPictures
from napari_glands.slides.pixel_size import describe_source
from napari_glands.slides.slide import Level, Slide

__all__ = [
    "LABEL_MARKS",
    "LARGEST_WHOLE",
    "READABLE",
    "Block",
    "FilePicture",
    "Grid",
    "ImagePath",
    "ImagesBelow",
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
    "look_for_images",
    "open_slide",
    "pictures_in",
]
