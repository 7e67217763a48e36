"""Pixel sizes: what metadata state, what is plausible, and what is assumed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from napari_glands.errors import GlandsError

__all__ = [
    "MppSource",
    "StatedSize",
    "both_axes",
    "check_mpp",
    "choose_mpp",
    "describe_source",
    "from_magnification",
    "from_resolution",
    "number",
    "to_micrometres",
]

MppSource = Literal["metadata", "estimated", "given", "default"]
"""Where a pixel size comes from: the file states it, it follows from the magnification that the
file states, the user gave it, or it is assumed."""

# µm/px beyond which a figure is a slip (nm, mm) and not a histology image.
SMALLEST, LARGEST = 0.02, 50.0
# What a file says about itself is believed in a narrower range: 0.05 is finer than light resolves,
# and cells are gone at 10 µm, an overview at 1x. Resolution tags mostly hold a screen's or
# printer's or scanner's dpi: 300 dpi is 85 µm, 2400 dpi 10.6 µm, 4800 dpi 5.3 µm.
_PLAUSIBLE, _PLAUSIBLE_TAG = (0.05, 10.0), (0.05, 5.0)
_TOLERATED_ANISOTROPY = 1.02
# A camera's pixel under a 1x objective: 40x is 0.25 µm, 20x 0.5 µm on the usual scanners.
_MPP_AT_1X = 10.0

_WORDS: dict[MppSource, str] = {
    "metadata": "from the file",
    "estimated": "estimated from the magnification",
    "given": "from you",
    "default": "assumed",
}

_MICROMETRES = {
    "pm": 1e-6, "picometer": 1e-6, "å": 1e-4, "angstrom": 1e-4,
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0,
    "microns": 1.0, "\\u00b5m": 1.0,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "in": 25400.0, "inch": 25400.0, "m": 1e6, "meter": 1e6, "metre": 1e6,
}  # fmt: skip


def to_micrometres(value: float, unit: str) -> float | None:
    """Convert a length to µm; None when the unit is not a known length."""
    factor = _MICROMETRES.get(str(unit).strip().lower())
    return None if factor is None else float(value) * factor


@dataclass(frozen=True)
class StatedSize:
    """What an image says about its pixel size, believable or not.

    Attributes
    ----------
    mpp
        µm per level-0 pixel (y, x).
    where
        Where it says so, for messages: "its resolution tag".
    source
        What it counts for when it is believed.
    is_tag
        Whether it is a resolution tag, which most programs fill without thinking.
    remark
        What the user has to be told when it is taken.
    """

    mpp: tuple[float, float]
    where: str
    source: MppSource = "metadata"
    is_tag: bool = False
    remark: str = ""

    @property
    def plausible(self) -> bool:
        """Whether it can be the pixel size of an image in which cells are to be seen."""
        low, high = _PLAUSIBLE_TAG if self.is_tag else _PLAUSIBLE
        return all(low <= value <= high for value in self.mpp)

    def describe(self) -> str:
        """Return the value and where it was found."""
        y, x = self.mpp
        value = f"{x:.4g}" if x == y or not math.isfinite(x + y) else f"{x:.4g} × {y:.4g}"
        return f"{value} µm/px in {self.where}"


def number(text: object) -> float | None:
    """Return the number that a text of a file holds; None for anything else, NaN included."""
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(value) else value


def both_axes(y: float | None, x: float | None, where: str) -> list[StatedSize]:
    """Return what µm per pixel (y, x) say, where one axis alone stands for both."""
    if y is None and x is None:
        return []
    remark = ""
    if y is None or x is None:
        only, missing = ("width", "height") if y is None else ("height", "width")
        remark = (
            f"states the {only} of its pixels in {where} but not their {missing}: they are taken "
            "to be square. If they are not, resample the image."
        )
        y = x = y if x is None else x
    assert y is not None
    assert x is not None
    return [StatedSize((y, x), where, remark=remark)]


def from_resolution(pixels_x: object, pixels_y: object, unit: str) -> list[StatedSize]:
    """Return what a resolution tag's pixels per unit say; nothing where it is empty."""
    sizes = []
    for pixels in (pixels_y, pixels_x):
        value = number(pixels)
        size = to_micrometres(1 / value, unit) if value and value > 0 else None
        if size is None or not 0 < size < math.inf:
            return []
        sizes.append(size)
    return [StatedSize((sizes[0], sizes[1]), "its resolution tag", is_tag=True)]


def from_magnification(magnification: object) -> list[StatedSize]:
    """Return the pixel size that usually goes with an objective, nothing where it is no number."""
    value = number(magnification)
    if value is None or not 0 < value < math.inf:
        return []
    mpp = _MPP_AT_1X / value
    remark = (
        f"states its magnification ({value:g}x) but not its pixel size: {mpp:.4g} µm/px is "
        "estimated from it. State the right one with --mpp (in Python: mpp=)."
    )
    where = f"its magnification ({value:g}x)"
    return [StatedSize((mpp, mpp), where, "estimated", remark=remark)]


def describe_source(source: MppSource) -> str:
    """Say where a pixel size comes from, for tables and panels."""
    return _WORDS[source]


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
    given: float | None, stated: Sequence[StatedSize], default: float, *, name: str
) -> tuple[float, MppSource]:
    """Settle an image's pixel size: the given one, else a stated one, else the default.

    Parameters
    ----------
    given
        What the user says.
    stated
        What the image's metadata say, the most trustworthy first: the first that is plausible is
        taken, the geometric mean of its two axes. A `UserWarning` tells of what was estimated.
    default
        What to assume, with a `UserWarning` that names what was not believed, when there is none.
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
    size = next((size for size in stated if size.plausible), None)
    if size is None:
        return _assumed(stated, default, name), "default"
    y, x = size.mpp
    if max(y / x, x / y) > _TOLERATED_ANISOTROPY:
        raise GlandsError(
            f"The pixels of {name} are not square ({y:g} × {x:g} µm, height × width): resample "
            "the image to square pixels, or state one pixel size for both with --mpp."
        )
    if size.remark:
        warnings.warn(f"{name} {size.remark}", UserWarning, stacklevel=3)
    return y if y == x else math.sqrt(y * x), size.source


def _assumed(stated: Sequence[StatedSize], default: float, name: str) -> float:
    """Return the default, with a warning."""
    default = check_mpp(default, "The assumed pixel size (default_mpp)")
    found = "; ".join(size.describe() for size in stated)
    reason = (
        f"{name} states a pixel size that cannot be right for tissue ({found})"
        if found
        else f"{name} does not state its pixel size"
    )
    warnings.warn(
        f"{reason}: {default:g} µm/px is assumed. "
        f"State the right one with --mpp (in Python: mpp=).",
        UserWarning,
        stacklevel=4,
    )
    return default
