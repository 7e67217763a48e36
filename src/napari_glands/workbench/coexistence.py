"""Torch and the viewer's graphics driver in one process."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from pathlib import Path

__all__ = ["load_triton_beside_mesa"]

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


def _mesa_brought_llvm() -> bool:
    """Tell whether a shared LLVM is part of this process (Linux only)."""
    try:
        return "libLLVM" in _MAPPED_FILES.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
