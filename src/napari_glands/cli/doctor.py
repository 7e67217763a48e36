"""The command that says what there is to work with."""

from __future__ import annotations

import ctypes.util
import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from napari_glands.cli.terminal import print_json, print_lines, work
from napari_glands.jobs import CancelToken, Report

__all__ = ["doctor", "examine"]

_PACKAGES = (
    "napari-glands",
    "torch",
    "segmentation-models-pytorch",
    "lightning",
    "numpy",
    "scikit-image",
    "distributed",
    "zarr",
    "ome-zarr",
    "tifffile",
    "openslide-python",
    "napari",
    "qtpy",
)
_READERS = {
    "PNG, JPEG, BMP": ("PIL",),
    "TIFF, OME-TIFF": ("tifffile",),
    "JPEG 2000 and other codecs in TIFF": ("imagecodecs",),
    "SVS, NDPI, MRXS, DICOM and others": ("openslide",),
    "OME-Zarr": ("zarr",),
}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what is installed, which device is used and why, what can be read and shown."""
    found = work(examine)
    if as_json:
        print_json(found)
        return
    for title, rows in found.items():
        values = {k: "not installed" if v is None else v for k, v in rows.items()}
        print_lines(title.replace("_", " "), *(f"  {k}: {v}" for k, v in values.items()))


def examine(report: Report, cancel: CancelToken) -> dict[str, dict[str, Any]]:
    """Return what the machine has, by subject."""
    return {
        "system": {
            "python": f"{platform.python_version()} ({sys.executable})",
            "platform": platform.platform(),
            "processors": os.cpu_count(),
        },
        "versions": {name: _version(name) for name in _PACKAGES},
        "device": _device(),
        "readers": {kind: _loads(*modules) for kind, modules in _READERS.items()},
        "display": _display(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _device() -> dict[str, str]:
    try:
        from napari_glands.exterior.device import choose_device

        device = choose_device("auto")
    except Exception as error:  # a broken torch is what this command is for
        return {"name": "none", "why": f"torch cannot be used: {error}"}
    return {"name": device.name, "why": device.reason}


def _loads(*modules: str) -> str:
    """Import modules, because libraries they need may be missing though they are there."""
    for name in modules:
        try:
            import_module(name)
        except Exception as error:
            return f"no ({error})"
    return "yes"


def _display() -> dict[str, Any]:
    return {"napari": _version("napari"), "Qt": _qt(), "screen": _screen(), "OpenGL": _opengl()}


def _qt() -> str | None:
    if find_spec("qtpy") is None:
        return None
    try:
        import qtpy
        from qtpy import QtWidgets  # noqa: F401
    except Exception as error:
        return f"no ({str(error).splitlines()[0]})"
    return f"{qtpy.API_NAME} {qtpy.QT_VERSION}"


def _screen() -> str:
    if sys.platform != "linux":
        return "of the system"
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(name):
            return f"{name}={os.environ[name]}"
    return "none (use xvfb-run to open napari without one)"


def _opengl() -> str:
    if sys.platform != "linux":
        return "of the system"
    found = [name for name in ("GL", "EGL") if ctypes.util.find_library(name)]
    return ", ".join(f"lib{name}" for name in found) or "none (apt install libgl1 libegl1)"
