"""From an exterior map to the priors of a slide."""

from __future__ import annotations

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.exterior.maps import ExteriorMap
from napari_glands.priors.candidates import paint, prior_rows, settle
from napari_glands.priors.channels import ring_channels
from napari_glands.priors.prior import Priors
from napari_glands.priors.sweep import pieces_in, rings_in
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.settings import Settings
from napari_glands.slides import Slide
from napari_glands.slides.grid import Window

__all__ = ["mine_priors"]


def mine_priors(
    slide: Slide,
    exterior: ExteriorMap,
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> Priors:
    """Sweep the exterior levels, keep well-closed rings, fill them into priors.

    Parameters
    ----------
    slide
        The slide that the map is of.
    exterior
        Its exterior map.
    settings
        Settings of all steps; those of the exterior map when not given.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    Priors
        At the grid of the exterior map; possibly empty.

    Raises
    ------
    GlandsError
        When the map is not of the slide's size.
    Cancelled
        Within one level of a cancel request.
    """
    settings = settings or exterior.settings
    wishes, grid = settings.priors, exterior.grid
    if grid != slide.grid(exterior.settings.general.working_mpp):
        raise GlandsError(
            f"The exterior map of {exterior.slide_id} does not fit the image {slide.name}: run "
            "stage 1 on it again."
        )
    rgb = slide.read(exterior.settings.general.working_mpp)
    map_255 = np.asarray(exterior.memberships[exterior.cluster - 1])
    channels = ring_channels(rgb, map_255, grid, wishes)
    steps = (wishes.levels + 1) * (len(channels) + wishes.compact)
    done = 0

    def on_level() -> None:
        nonlocal done
        if cancel is not None:
            cancel.check()
        done += 1
        report(Event("priors", done / (steps + 1), f"Sweeping {slide.name}"))

    found = rings_in(channels, grid, wishes, on_level)
    if not found and wishes.compact:
        found = pieces_in(channels[0], grid, wishes, on_level)
    kept = settle(found)
    labels, table = paint(kept, Window(0, 0, *grid.shape)), prior_rows(kept, grid)
    report(Event("priors", 1.0, f"{len(table)} priors in {slide.name}"))
    return Priors(slide.id, grid, labels, table, settings, exterior=map_255)
