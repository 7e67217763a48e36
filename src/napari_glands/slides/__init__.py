"""Reading histology images: one `Slide` type over all formats."""

from napari_glands.slides.grid import Grid, Region

__all__ = ["Grid", "Region"]
