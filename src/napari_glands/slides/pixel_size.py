"""Pixel sizes: what metadata state, what is plausible, and what is assumed."""

from __future__ import annotations

import math
import warnings
from typing import Literal

from napari_glands.errors import GlandsError

__all__ = ["MppSource", "check_mpp", "choose_mpp", "from_resolution", "to_micrometres"]

MppSource = Literal["metadata", "estimated", "given", "default"]
"""Where a pixel size comes from: the file states it, it follows from the magnification that the
file states, the user gave it, or it is assumed."""

# µm/px beyond which a figure is a slip (nm, mm) and not a histology image.
SMALLEST, LARGEST = 0.02, 50.0
# Resolution tags mostly hold a screen's or printer's dpi: 2400 dpi is 10.6 µm, 300 dpi 85 µm.
_SMALLEST_TAG, _LARGEST_TAG = 0.05, 20.0
_TOLERATED_ANISOTROPY = 1.02

_MICROMETRES = {
    "pm": 1e-6, "picometer": 1e-6, "å": 1e-4, "angstrom": 1e-4,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0,
    "microns": 1.0, "\\u00b5m": 1.0,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "in": 25400.0, "inch": 25400.0, "m": 1e6, "meter": 1e6, "metre": 1e6,
}  # fmt: skip


def describe_source(mpp_source: MppSource) -> str:
    """Say where a pixel size comes from, for tables and panels."""
    words: dict[MppSource, str] = {
        "metadata": "from the file",
        "estimated": "estimated",
        "given": "from you",
        "default": "assumed",
    }
    return words[mpp_source]


def to_micrometres(value: float, unit: str) -> float | None:
    """Convert a length to µm; None when the unit is not a known length."""
    factor = _MICROMETRES.get(str(unit).strip().lower())
    return None if factor is None else float(value) * factor


def from_resolution(pixels: float, unit: str) -> float | None:
    """Return µm/px from a resolution tag's pixels per unit, None when that is not microscopy."""
    if not (math.isfinite(pixels) and pixels > 0):
        return None
    mpp = to_micrometres(1 / pixels, unit)
    return mpp if mpp is not None and _SMALLEST_TAG <= mpp <= _LARGEST_TAG else None


def check_mpp(mpp: float, what: str) -> float:
    """Return `mpp` when it can be a histology image's pixel size.

    Raises
    ------
    GlandsError
        When it is not a number from 0.02 to 50 µm/px.
    """
    try:
        value = float(mpp)
    except (TypeError, ValueError):
        value = math.nan
    if not SMALLEST <= value <= LARGEST:
        raise GlandsError(
            f"{what} is {mpp!r}: give the pixel size in µm per pixel, "
            f"between {SMALLEST:g} and {LARGEST:g}."
        )
    return value


def choose_mpp(
    given: float | None,
    stated: tuple[float, float] | None,
    default: float,
    *,
    name: str,
) -> tuple[float, MppSource]:
    """Settle an image's pixel size: the given one, else the stated one, else the default.

    Parameters
    ----------
    given
        What the user says.
    stated
        What the image's metadata say (y, x). The geometric mean is taken.
    default
        What to assume, with a `UserWarning`, when neither is known.
    name
        The image, for messages.

    Raises
    ------
    GlandsError
        When the chosen value is implausible, or the image's pixels are more than 2 % away from
        being square: shapes and areas would be wrong.
    """
    if given is not None:
        return check_mpp(given, f"The pixel size given for {name}"), "given"
    if stated is not None and all(SMALLEST <= v <= LARGEST for v in stated):
        y, x = stated
        if max(y / x, x / y) > _TOLERATED_ANISOTROPY:
            raise GlandsError(
                f"The pixels of {name} are not square ({y:g} × {x:g} µm, height × width): resample "
                "the image to square pixels, or state one pixel size for both with --mpp."
            )
        return math.sqrt(y * x), "metadata"
    default = check_mpp(default, "The assumed pixel size (default_mpp)")
    warnings.warn(
        f"{name} does not state its pixel size: {default:g} µm/px is assumed. "
        f"State the right one with --mpp (in Python: mpp=).",
        UserWarning,
        stacklevel=3,
    )
    return default, "default"
