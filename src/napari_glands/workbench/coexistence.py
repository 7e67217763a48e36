"""What keeps the viewer's graphics driver from taking the process down."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari

__all__ = ["load_triton_beside_mesa", "remove_layers_in_canvas_context"]

logger = logging.getLogger(__name__)

_MAPPED_FILES = Path("/proc/self/maps")


def load_triton_beside_mesa() -> None:
    """Load triton's compiler so that it does not clash with that of Mesa's graphics drivers.

    Torch loads triton on Linux when the first optimiser is made. Both triton and Mesa (software
    rendering, AMD) bring an LLVM; once the viewer has drawn, triton's calls would bind to the
    one of Mesa, and the process would die. Loaded like this, triton uses its own.
    """
    if "triton" in sys.modules or not _mesa_brought_llvm():
        return
    if importlib.util.find_spec("triton") is None:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | os.RTLD_DEEPBIND)
    try:
        importlib.import_module("triton._C.libtriton")
    except ImportError:  # torch does without it
        logger.info("triton could not be loaded", exc_info=True)
    finally:
        sys.setdlopenflags(flags)


def remove_layers_in_canvas_context(viewer: napari.Viewer) -> None:
    """Make the canvas' OpenGL context current before a layer is removed, by whomever.

    napari (0.9.2) deletes the layer's shaders right then, in whatever context happens to be
    current; when that is the one in which Qt composes the window, Mesa crashes at a later draw.
    """
    known = weakref.ref(viewer)

    def make_current(event: Any) -> None:
        window = getattr(known(), "window", None)
        view = getattr(window, "_qt_viewer", None)
        native = getattr(getattr(view, "canvas", None), "native", None)
        if native is not None:
            native.makeCurrent()

    viewer.layers.events.removing.connect(make_current)


def _mesa_brought_llvm() -> bool:
    """Tell whether a shared LLVM is part of this process (Linux only)."""
    try:
        return "libLLVM" in _MAPPED_FILES.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
