"""Writing results for other programs: OME-Zarr, GeoJSON, CSV and PNG."""

from napari_glands.export.aside import written_aside
from napari_glands.export.colours import label_colours
from napari_glands.export.geojson import export_geojson
from napari_glands.export.labels import (
    StoredLabels,
    build_label_pyramid,
    read_labels,
    write_labels,
)
from napari_glands.export.names import file_name
from napari_glands.export.omezarr import export_ome_zarr, write_image
from napari_glands.export.png import PngFiles, export_png
from napari_glands.export.polygons import gland_polygons
from napari_glands.export.source import SlidePixels
from napari_glands.export.table import export_csv
from napari_glands.slides.outlines import draw_outlines

__all__ = [
    "PngFiles",
    "SlidePixels",
    "StoredLabels",
    "build_label_pyramid",
    "draw_outlines",
    "export_csv",
    "export_geojson",
    "export_ome_zarr",
    "export_png",
    "file_name",
    "gland_polygons",
    "label_colours",
    "read_labels",
    "write_image",
    "write_labels",
    "written_aside",
]
