"""Opening slides where what is to be said about them is said later, or once for many."""

from __future__ import annotations

import warnings
from typing import Any

from napari_glands.slides.opening import open_slide
from napari_glands.slides.slide import Slide

__all__ = ["open_with_remarks"]


def open_with_remarks(source: Any, **options: Any) -> tuple[Slide, list[str]]:
    """Open a slide; return what `open_slide` would warn of, too.

    Parameters
    ----------
    source, **options
        As for `open_slide`; an option that is None is not given.
    """
    given = {name: value for name, value in options.items() if value is not None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning, module=r"napari_glands\b")
        slide = open_slide(source, **given)
    return slide, [str(warning.message) for warning in caught]
