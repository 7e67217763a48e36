"""Telling what files and folders are by their content."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = [
    "READABLE",
    "is_address",
    "is_dicom_folder",
    "is_image_folder",
    "is_readable",
    "is_zarr_folder",
    "sniff",
]

READABLE = (
    ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".btf", ".gif", ".webp", ".jp2",
    ".svs", ".ndpi", ".vms", ".vmu", ".scn", ".mrxs", ".svslide", ".bif", ".czi", ".dcm", ".zarr",
)  # fmt: skip

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
)
# Two letters at least: one is the drive of a Windows path. A `Path` has made one slash of two.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_ZARR_FILES = ("zarr.json", ".zgroup", ".zattrs", ".zarray")


def sniff(path: Path) -> str | None:
    """Return png, jpeg, bmp, tiff or dicom by a file's first bytes, None for anything else."""
    with path.open("rb") as file:
        head = file.read(132)
    if head[128:] == b"DICM":
        return "dicom"
    return next((kind for start, kind in _SIGNATURES if head.startswith(start)), None)


def is_address(text: str | Path) -> bool:
    """Tell whether something is an address (``https://…``, ``s3://…``), not a path.

    What went through a `pathlib.Path`, and so lost one of its slashes, is an address still.
    """
    return bool(_ADDRESS.match(str(text)))


def is_zarr_folder(folder: Path) -> bool:
    """Tell whether a folder is a zarr group or array."""
    return folder.is_dir() and any((folder / name).is_file() for name in _ZARR_FILES)


def is_dicom_folder(folder: Path) -> bool:
    """Tell whether a folder directly holds DICOM files."""
    if not folder.is_dir():
        return False
    return any(
        p.is_file() and (p.suffix.lower() == ".dcm" or (not p.suffix and sniff(p) == "dicom"))
        for p in folder.iterdir()
        if not p.name.startswith(".")
    )


def is_image_folder(folder: Path) -> bool:
    """Tell whether a folder as a whole is one image."""
    return is_zarr_folder(folder) or is_dicom_folder(folder)


def is_readable(path: Path) -> bool:
    """Tell whether a path is worth opening: a known ending, or a folder that is one image."""
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return is_image_folder(path)
    return path.suffix.lower() in READABLE and path.suffix.lower() != ".zarr"
