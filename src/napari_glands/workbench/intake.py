"""How images come into the project."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.errors import GlandsError
from napari_glands.slides import Slide, find_images, open_slide
from napari_glands.workbench.loading import open_file, open_layer

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_glands.workbench.session import Session

__all__ = ["Intake"]


class Intake:
    """Opens files, layers and samples; images without a pixel size wait until it is given.

    Attributes
    ----------
    pending
        The images that wait, by id.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.pending: dict[str, Slide] = {}
        self._adopted: dict[str, weakref.ref[Image]] = {}

    def add_files(self, paths: Sequence[Path]) -> None:
        """Add image files and folders of images."""
        self._add("Opening images…", lambda: find_images(list(paths)), open_file)

    def add_layers(self) -> None:
        """Add the image layers that are already in the viewer."""
        layers = self._session.layers.untagged_images()
        if not layers:
            self._session.say("slides", "There is no open image layer that is not listed yet.")
            return
        self._add("Taking over the open layers…", lambda: layers, self._open_layer)

    def add_sample(self, key: str) -> None:
        """Add an embedded sample, ``"ihc"`` or ``"synthetic"``."""
        self._add("Making the sample…", lambda: [key], _make_sample)

    def give_mpp(self, mpp: float) -> None:
        """Settle the pixel size of all images that do not state theirs."""
        waiting = list(self.pending.values())

        def resized(slide: Slide, default_mpp: float) -> Slide:
            return slide.with_mpp(mpp)

        self._add("Adding the images…", lambda: waiting, resized)

    def take_adopted(self, slide_id: str) -> Image | None:
        """Return, once, the open layer that a slide was made from."""
        layer = self._adopted.pop(slide_id, None)
        return None if layer is None else layer()

    def _open_layer(self, layer: Image, default_mpp: float) -> Slide:
        slide = open_layer(layer, default_mpp)
        self._adopted[slide.id] = weakref.ref(layer)
        return slide

    def _add(
        self, text: str, find: Callable[[], Sequence[Any]], make: Callable[[Any, float], Slide]
    ) -> None:
        """Open what was found and put it into the project, off this thread."""
        session = self._session
        default_mpp = session.settings.general.default_mpp

        def work() -> _Entered:
            slides, problems = [], []
            for source in find():
                try:
                    slides.append(make(source, default_mpp))
                except GlandsError as error:
                    problems.append(str(error))
            waiting = {slide.id: slide for slide in slides if slide.mpp_source == "default"}
            ready = [slide for slide in slides if slide.mpp_source != "default"]
            entries = session.writable_project().add_slides(ready) if ready else []
            return _Entered([entry.id for entry in entries], waiting, problems)

        session.say("slides", text)
        session.tasks.later(work, self._entered, session.failing("slides"))

    def _entered(self, entered: _Entered) -> None:
        for slide_id in entered.ids:
            self.pending.pop(slide_id, None)
        self.pending.update(entered.waiting)
        text = " ".join(entered.problems)
        if not text and entered.ids:
            text = (
                "1 slide added." if len(entered.ids) == 1 else f"{len(entered.ids)} slides added."
            )
        self._session.say("slides", text, problem=bool(entered.problems))
        show = entered.ids[0] if entered.ids else None
        self._session.refresh(show=show, create=bool(show))


@dataclass(frozen=True)
class _Entered:
    """What came of adding: ids in the project, slides that wait, and what went wrong."""

    ids: list[str]
    waiting: dict[str, Slide]
    problems: list[str]


def _make_sample(key: str, default_mpp: float) -> Slide:
    from napari_glands import sample_data

    makers = {"ihc": sample_data.immunohistochemistry, "synthetic": sample_data.synthetic}
    sample = makers[key]()
    return open_slide(sample.image, mpp=sample.mpp, name=sample.name)
