"""Carries out what a tool is asked for, through the editor and its undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.priors import verbs
from napari_glands.workbench.tools.acts import ACTS, SLOW, Work
from napari_glands.workbench.tools.kinds import Tool

if TYPE_CHECKING:
    from napari_glands.priors.rings import Ring
    from napari_glands.workbench.session import Session

__all__ = ["Performer"]

Heard = Callable[[Tool, str], None]
_LARGEST = np.iinfo(np.int32).max
_CREATING = frozenset({"close_gap", "draw", "ring"})


class Performer:
    """Does what a tool stands for to what is being curated.

    Parameters
    ----------
    session
        Its curation is worked on.
    done, failed
        Called with the tool and what was done, or why nothing happened.
    """

    def __init__(self, session: Session, done: Heard, failed: Heard) -> None:
        self._session, self._done, self._failed = session, done, failed
        self._rings: verbs.RingFinder | None = None

    # ---- verbs

    def do(self, tool: Tool, points: np.ndarray, amount: float) -> None:
        """Carry a tool out on points of the layer, float (n, 2)."""
        try:
            if tool.marks is not None:
                self._mark(tool, points, amount)
            elif tool.gesture == "ring":
                self._take_ring(tool, points, amount)
            elif tool.name in SLOW:
                self._do_later(tool, points, amount)
            else:
                work = self._work(points, amount)
                self._apply(tool, ACTS[tool.name](work), work)
        except GlandsError as error:
            self._failed(tool, str(error))

    def label_at(self, point: np.ndarray) -> int:
        """Return the label at a point of the layer; 0 where there is none."""
        try:
            return verbs.gland_at(self._work(point[None], 0).curated.labels, tuple(point))[0]
        except GlandsError:
            return 0

    def _do_later(self, tool: Tool, points: np.ndarray, amount: float) -> None:
        work = self._work(points, amount)
        layer = self._session.curation.layer

        def compute() -> tuple[verbs.Edit, np.ndarray]:
            edit = ACTS[tool.name](work)
            return edit, np.array(work.curated.labels[edit.box])

        def then(result: tuple[verbs.Edit, np.ndarray]) -> None:
            edit, base = result
            if layer is None or self._session.curation.layer is not layer:
                return
            # What the user painted meanwhile stays.
            now = work.curated.labels[edit.box]  # the layer's own, as they are now
            merged = np.where(now == base, edit.labels, now).astype(np.int32)
            self._apply(tool, verbs.Edit(edit.box, merged), work)

        self._session.tasks.later(compute, then, lambda message: self._failed(tool, message))

    def _apply(self, tool: Tool, edit: verbs.Edit, work: Work) -> None:
        curation = self._session.curation
        if not curation.apply(edit, tool.title):
            self._failed(tool, "Nothing changed.")
            return
        created = tool.name in _CREATING
        if created and curation.layer is not None:
            curation.layer.selected_label = work.number
        self._done(tool, f"Gland {work.number} is there." if created else "")

    def _mark(self, tool: Tool, points: np.ndarray, width_um: float) -> None:
        work = self._work(points, width_um)
        box, mask = verbs.brushed(points, width_um, work.curated.grid)
        if not self._session.curation.mark(box, mask, tool.marks or 0, tool.title):
            raise GlandsError("There is no mark here." if tool.marks == 0 else "Nothing changed.")
        self._done(tool, "")

    def _work(self, points: np.ndarray, amount: float) -> Work:
        curation, wishes = self._session.curation, self._session.settings.priors
        curated = curation.curated
        if curated is None:
            raise GlandsError("There is nothing on show to work on.")
        glands = curation.editor.role == "glands"
        number = max((row.id for row in curated.table), default=0) + 1
        if number >= _LARGEST - 1000:
            number = verbs.free_number(curated.labels)
        return Work(
            curated,
            curation.exterior,
            points,
            amount,
            number,
            wishes,
            wishes.ring_width_um if glands else 0.0,
        )

    # ---- rings at a level

    def prepare_rings(self, then: Callable[[], None]) -> None:
        """Get ready for `ring_at`, off this thread.

        Raises
        ------
        GlandsError
            When there is no exterior.
        """
        work = self._work(np.zeros((1, 2)), 0)
        border, self._rings = work.border, None

        def ready(finder: verbs.RingFinder) -> None:
            self._rings = finder
            then()

        self._session.tasks.later(
            lambda: verbs.RingFinder(border, work.curated.grid, work.wishes), ready, key="rings"
        )

    def ring_at(self, point: np.ndarray, percent: float) -> Ring | None:
        """Return the ring around a point of the layer at a level in percent, if one closes."""
        if self._rings is None:
            return None
        return self._rings.at((float(point[0]), float(point[1])), percent / 100)

    def _take_ring(self, tool: Tool, points: np.ndarray, percent: float) -> None:
        work, ring = self._work(points, percent), self.ring_at(points[-1], percent)
        if ring is None:
            raise GlandsError(
                "No border closes around this point at this level: change the level, or close the "
                "gap with a line."
            )
        edit = verbs.add_ring(
            work.curated.labels, ring, work.number, work.curated.grid, work.rim_um
        )
        self._apply(tool, edit, work)

    # ---- what would go

    def preview(self, tool: Tool, amount: float, show: Callable[[Any, Any], None]) -> None:
        """Compute off this thread which pixels a tool would change: ``show(box, mask)``."""
        try:
            work = self._work(np.zeros((1, 2)), amount)
        except GlandsError:
            return

        def compute() -> tuple[Any, Any]:
            try:
                edit = ACTS[tool.name](work)
            except GlandsError:
                return None, None
            return edit.box, edit.labels != work.curated.labels[edit.box]

        self._session.tasks.later(compute, lambda result: show(*result), key="tool preview")
