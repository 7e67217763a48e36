"""Regions of the slide on show: drawn by the user, kept in the project, seen as frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from napari.layers import Layer, Shapes
from qtpy.QtCore import QObject

from napari_glands.errors import GlandsError
from napari_glands.slides import Region
from napari_glands.workbench.layers import STATE_COLORS

if TYPE_CHECKING:
    from napari_glands.project import Project
    from napari_glands.workbench.session import Session
    from napari_glands.workbench.state import Shown, SlideFacts

__all__ = ["Regions", "regions_in"]

_FRAME, _SKETCH = STATE_COLORS["accepted"], STATE_COLORS["edited"]


class Regions(QObject):
    """Draws regions of the slide on show, takes them into the project, and shows its own.

    A child of a view: both, and their connections to the session, end together.
    """

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._framed: tuple[Any, ...] = ()
        session.changed.connect(self.update)
        self.update()

    # ---- drawing

    def draw(self) -> None:
        """Take the pencil for rectangles, in the layer of those drawn before if there is one."""
        session, shown = self._session, self._session.shown
        if shown is None:
            session.say("slides", "There are no slides yet: add images first.", problem=True)
            return
        sketch = session.layers.find(shown.slide.id, "sketch")
        if sketch is None:
            whole = shown.slide.whole
            sketch = Shapes(None, ndim=2, name="New regions", **self._look(_SKETCH))
            session.layers.show_common(sketch, whole.grid(whole.mpp), shown.slide.id, "sketch")
        session.layers.select(sketch)
        sketch.visible, sketch.mode = True, "add_rectangle"
        session.say("slides", "Draw rectangles on the slide, then: Use as regions.")

    def use(self) -> None:
        """Add the drawn rectangles to the project as regions; those refused stay drawn."""
        session, shown, project = self._session, self._session.shown, self._session.project
        sketch = session.layers.find(session.current, "sketch")
        if shown is None or project is None or not _has_shapes(sketch):
            session.say("slides", "There is nothing drawn: Draw regions first.", problem=True)
            return
        whole = shown.slide.whole
        regions = regions_in(sketch.data, whole.shape)

        def taken(added: _Added) -> None:
            sketch.mode = "pan_zoom"
            sketch.selected_data = {n for n, reason in enumerate(added.refused) if not reason}
            sketch.remove_selected()
            if not len(sketch.data):
                session.layers.remove("sketch")
            session.say("slides", added.describe(), problem=bool(added.reasons))
            session.refresh(create=True)

        session.tasks.later(
            lambda: _add(project, whole.id, regions), taken, session.failing("slides")
        )

    def remove(self) -> None:
        """Take the region on show out of the project; what was made of it stays on the disk."""
        session, project, facts = self._session, self._session.project, self._on_show()
        if project is None or facts is None or facts.region is None:
            session.say("slides", "Choose a region in the list first.", problem=True)
            return
        if session.tasks.busy:
            session.say("slides", "A step is running: remove it when it has ended.", problem=True)
            return
        session.curation.flush()
        region, name = facts.region, facts.name

        def removed(_: None) -> None:
            text = f"{name} is removed. Drawn again at the same place, it has its results again."
            session.say("slides", text)
            session.refresh(show=region.of, create=True)

        session.tasks.later(
            lambda: project.remove_region(facts.id), removed, session.failing("slides")
        )

    # ---- frames

    def update(self) -> None:
        """Show the regions of the slide on show as frames."""
        shown = self._session.shown
        if shown is None:
            self._framed = ()
            return
        parts = self._parts(shown)
        framed = (shown.slide.whole.id, *(facts.id for facts in parts))
        present = self._session.layers.find(shown.slide.id, "regions")
        if framed == self._framed and (present is not None or not parts):
            return
        self._framed = framed
        if parts:
            whole = shown.slide.whole
            frames = _frames(parts, self._look(_FRAME))
            self._session.layers.show_common(
                frames, whole.grid(whole.mpp), shown.slide.id, "regions"
            )
            frames.editable = False  # napari makes what is added to a viewer editable
        elif present is not None:
            self._session.layers.remove("regions")

    def _look(self, color: tuple[float, ...]) -> dict[str, Any]:
        shown = self._session.shown
        mpp = 1.0 if shown is None else shown.slide.mpp
        width, clear = self._session.layers.line_width / mpp, (0, 0, 0, 0)
        return {"edge_width": width, "edge_color": [color], "face_color": [clear], "opacity": 1.0}

    def _parts(self, shown: Shown) -> list[SlideFacts]:
        whole, slides = shown.slide.whole.id, self._session.facts.slides
        return [s for s in slides if s.region is not None and s.region.of == whole]

    def _on_show(self) -> SlideFacts | None:
        return next((s for s in self._session.facts.slides if s.id == self._session.current), None)


@dataclass(frozen=True)
class _Added:
    """What came of each drawn rectangle: the name of a region, or why it is none."""

    names: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def reasons(self) -> list[str]:
        return list(dict.fromkeys(reason for reason in self.refused if reason))

    def describe(self) -> str:
        """Say it in sentences."""
        names = list(dict.fromkeys(name for name in self.names if name))
        noun = "region is" if len(names) == 1 else "regions are"
        text = f"{len(names)} {noun} in the list: {', '.join(names)}." if names else ""
        return " ".join([text, *self.reasons]).strip()


def regions_in(shapes: Iterable[np.ndarray], slide_shape: tuple[int, int]) -> list[Region]:
    """Return the rectangles around shapes, as far as they are inside the slide.

    Parameters
    ----------
    shapes
        Corners (n, 2), y and x, in level-0 pixels; whole numbers are the centres of pixels.
    slide_shape
        Rows and columns at level 0.
    """
    regions = []
    for shape in shapes:
        limits = np.asarray(slide_shape)
        low = np.clip(np.round(np.min(shape, axis=0)[-2:] + 0.5), 0, limits).astype(int)
        high = np.clip(np.round(np.max(shape, axis=0)[-2:] + 0.5), 0, limits).astype(int)
        (y, x), (height, width) = low.tolist(), (high - low).tolist()
        regions.append(Region(y, x, height, width))
    return regions


def _add(project: Project, slide_id: str, regions: Sequence[Region]) -> _Added:
    """Add regions one by one, so that one that is refused does not keep out the others."""
    names, refused = [], []
    for region in regions:
        try:
            (entry,) = project.add_regions(slide_id, [region])
        except GlandsError as error:
            names.append("")
            refused.append(str(error))
        else:
            names.append(entry.name)
            refused.append("")
    return _Added(tuple(names), tuple(refused))


def _has_shapes(layer: Layer | None) -> TypeGuard[Shapes]:
    return isinstance(layer, Shapes) and len(layer.data) > 0


def _frames(parts: Sequence[SlideFacts], look: dict[str, Any]) -> Shapes:
    """Return the frames of regions with their numbers, which cannot be moved."""
    places = [part.region.place for part in parts if part.region is not None]
    corners = [np.array([[p.y, p.x], [p.y + p.height, p.x + p.width]]) - 0.5 for p in places]
    layer = Shapes(
        corners,
        shape_type="rectangle",
        name="Regions",
        features={"number": [str(part.region.number) for part in parts if part.region]},
        text={"string": "{number}", "anchor": "upper_left", "size": 12, "color": _FRAME},
        **look,
    )
    return layer
