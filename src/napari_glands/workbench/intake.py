"""How images come into the project."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from napari_glands.errors import GlandsError
from napari_glands.jobs import explain
from napari_glands.slides import ImagePath, ImagesBelow, Slide, look_for_images, open_slide
from napari_glands.slides.pictures import SeveralPictures
from napari_glands.workbench.asking import chosen_pictures, wants_images_below
from napari_glands.workbench.loading import open_file, open_layer

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_glands.workbench.session import Session

__all__ = ["Intake"]

_NAMED = 3
_ADVICE = " State the right one with --mpp"  # that of the command line


@dataclass
class _Entered:
    """What came of adding."""

    ids: list[str] = field(default_factory=list)
    waiting: dict[str, Slide] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    below: list[ImagesBelow] = field(default_factory=list)
    several: list[SeveralPictures] = field(default_factory=list)


# A slide with what is to be said about it, or why there is none.
_Opened = tuple[Slide, list[str]] | GlandsError


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
        self._remarks: dict[str, str] = {}
        self._adopted: dict[str, weakref.ref[Image]] = {}

    def add_files(self, paths: Sequence[ImagePath], *, recursive: bool = False) -> None:
        """Add image files, folders of images and addresses.

        What cannot be read is named, and the others are added. A folder with images only in the
        folders below it, and a file with several pictures, are asked about.
        """

        def opened(default_mpp: float) -> Iterator[_Opened]:
            found = look_for_images(list(paths), recursive=recursive)
            yield from found.problems
            for path in found.images:
                yield _tried(partial(open_file, path, default_mpp))

        self._add("Opening images…", opened)

    def add_pictures(self, path: ImagePath, numbers: Sequence[int]) -> None:
        """Add pictures of a file that holds several."""

        def opened(default_mpp: float) -> Iterator[_Opened]:
            for number in numbers:
                yield _tried(partial(open_file, path, default_mpp, number))

        self._add("Opening pictures…", opened)

    def add_layers(self) -> None:
        """Add the image layers that are already in the viewer."""
        layers = self._session.layers.untagged_images()
        if not layers:
            self._session.say("slides", "There is no open image layer that is not listed yet.")
            return

        def opened(default_mpp: float) -> Iterator[_Opened]:
            for layer in layers:
                yield _tried(partial(self._open_layer, layer, default_mpp))

        self._add("Taking over the open layers…", opened)

    def add_sample(self, key: str) -> None:
        """Add an embedded sample, ``"ihc"`` or ``"synthetic"``."""
        self._add("Making the sample…", lambda default_mpp: [(_make_sample(key), [])])

    def give_mpp(self, mpp: float) -> None:
        """Settle the pixel size of the images that are asked about."""
        asked = self.asked

        def resized(slide: Slide) -> tuple[Slide, list[str]]:
            return slide.with_mpp(mpp), []

        def opened(default_mpp: float) -> Iterator[_Opened]:
            for slide in asked:
                yield _tried(partial(resized, slide))

        self._add("Adding the images…", opened)

    @property
    def asked(self) -> list[Slide]:
        """The waiting images that one answer settles: as much is known of each of them."""
        groups: dict[tuple[str, float], list[Slide]] = {}
        for slide in self.pending.values():
            groups.setdefault((slide.mpp_source, slide.mpp), []).append(slide)
        return next(iter(groups.values()), [])

    def question(self) -> str:
        """Return what is asked about the pixel size of `asked`; empty where nothing is."""
        asked = self.asked
        if not asked:
            return ""
        first, one = asked[0], len(asked) == 1
        who = first.name if one else f"{len(asked)} images"
        if one and self._remarks.get(first.id):
            text = self._remarks[first.id]
        elif first.mpp_source == "estimated":
            text = (
                f"{who} {'states its' if one else 'state their'} magnification but no pixel size: "
                f"{first.mpp:.4g} µm/px is estimated."
            )
        else:
            text = f"{who} {'does not state its' if one else 'do not state their'} pixel size."
        return f"{text} How large is one pixel?"

    def take_adopted(self, slide_id: str) -> Image | None:
        """Return, once, the open layer that a slide was made from."""
        layer = self._adopted.pop(slide_id, None)
        return None if layer is None else layer()

    def _open_layer(self, layer: Image, default_mpp: float) -> tuple[Slide, list[str]]:
        slide = open_layer(layer, default_mpp)
        self._adopted[slide.id] = weakref.ref(layer)
        return slide, []

    def _add(self, text: str, opened: Callable[[float], Iterable[_Opened]]) -> None:
        """Put what is opened into the project, one by one, off this thread."""
        session = self._session
        default_mpp = session.settings.general.default_mpp

        def work() -> _Entered:
            entered = _Entered()
            for one in opened(default_mpp):
                self._enter(one, entered)
            return entered

        session.say("slides", text)
        session.tasks.later(work, self._entered, session.failing("slides"))

    def _enter(self, one: _Opened, entered: _Entered) -> None:
        """Put one slide into the project, or among those that wait or cannot be read."""
        if isinstance(one, ImagesBelow):
            entered.below.append(one)
        elif isinstance(one, SeveralPictures):
            entered.several.append(one)
        elif isinstance(one, GlandsError):
            entered.problems.append(str(one))
        else:
            slide, remarks = one
            text = " ".join(remark.split(_ADVICE)[0] for remark in remarks)
            entered.remarks[slide.id] = text.replace(str(slide.path), slide.name)
            if slide.mpp_source in ("default", "estimated"):
                entered.waiting[slide.id] = slide
            else:
                self._enter_project(slide, entered)
            slide.close()

    def _enter_project(self, slide: Slide, entered: _Entered) -> None:
        try:
            (entry,) = self._session.writable_project().add_slides([slide])
        except (GlandsError, OSError) as error:  # the others may be whole
            entered.problems.append(explain(error))
        else:
            entered.ids.append(entry.id)

    def _entered(self, entered: _Entered) -> None:
        for slide_id in entered.ids:
            self.pending.pop(slide_id, None)
        self.pending.update(entered.waiting)
        self._remarks.update(entered.remarks)
        self._session.say("slides", _told(entered), problem=bool(entered.problems))
        show = entered.ids[0] if entered.ids else None
        self._session.refresh(show=show, create=bool(show))
        for below in entered.below:
            if wants_images_below(below):
                self.add_files([below.place], recursive=True)
        for several in entered.several:
            numbers = chosen_pictures(several)
            if numbers:
                self.add_pictures(several.path, numbers)


def _tried(make: Callable[[], tuple[Slide, list[str]]]) -> _Opened:
    """Return what is made, or why it cannot be."""
    try:
        return make()
    except GlandsError as error:
        return error
    except (OSError, MemoryError) as error:  # of one image; the others may be whole
        return GlandsError(explain(error))


def _told(entered: _Entered) -> str:
    """Return what to say about images that were added."""
    parts = []
    if entered.ids:
        count = len(entered.ids)
        parts.append("1 slide added." if count == 1 else f"{count} slides added.")
    remarks = [text for i in entered.ids if (text := entered.remarks.get(i))]
    for texts, more in ((remarks, "more remarks"), (entered.problems, "more that cannot be used")):
        parts += texts[:_NAMED]
        parts += [f"And {len(texts) - _NAMED} {more}."] if len(texts) > _NAMED else []
    return " ".join(parts)


def _make_sample(key: str) -> Slide:
    from napari_glands import sample_data

    makers = {"ihc": sample_data.immunohistochemistry, "synthetic": sample_data.synthetic}
    sample = makers[key]()
    return open_slide(sample.image, mpp=sample.mpp, name=sample.name)
