"""What there is, and what can therefore be done: pure data, resolved in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_glands.project.missing import image_path, missing_images
from napari_glands.project.taking_part import is_large_entry, takes_part

if TYPE_CHECKING:
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.gland import Glands
    from napari_glands.priors.prior import Priors
    from napari_glands.project import Project
    from napari_glands.project.schema import PartOfSlide, SlideEntry
    from napari_glands.segmentation.result import Prediction
    from napari_glands.slides import Slide
    from napari_glands.slides.pixel_size import MppSource
    from napari_glands.workbench.overlays import Overlay

__all__ = ["STEPS", "Facts", "Shown", "SlideFacts", "StepState", "can_grow", "resolve", "survey"]

_RESULTS = ("exterior", "priors", "prediction")
STEPS = ("slides", "exterior", "priors", "train", "predict", "export")


@dataclass(frozen=True)
class SlideFacts:
    """One slide of the project, and which results it has.

    `missing` is where its image should be but is not. `reviewed` is the share of its glands, or of
    its priors before there are glands, that the user has decided on; None where there are none.
    `damaged` says which of its results are not what was saved, a sentence each. `region` tells a
    region of a slide, which is worked on like a slide of its own. `large` slides are worked on
    tile by tile. `teaches` is False for a slide that leaves that to its regions. `mpp_source` is
    where its pixel size comes from.
    """

    id: str
    name: str
    mpp: float
    exterior: bool = False
    priors: bool = False
    prediction: bool = False
    missing: str = ""
    damaged: tuple[str, ...] = ()
    reviewed: float | None = None
    shape: tuple[int, int] = (0, 0)
    region: PartOfSlide | None = None
    large: bool = False
    teaches: bool = True
    mpp_source: MppSource = "metadata"

    @property
    def size(self) -> str:
        """Width and height as text, in mm or µm."""
        height, width = (n * self.mpp for n in self.shape)
        if max(height, width) < 1000:
            return f"{width:.0f} × {height:.0f} µm"
        return f"{width / 1000:.1f} × {height / 1000:.1f} mm"

    @property
    def state(self) -> str:
        """The furthest result, in a word."""
        if self.missing:
            return "image missing"
        for name in reversed(_RESULTS):
            if getattr(self, name):
                return name
        return "added"


@dataclass(frozen=True)
class Facts:
    """What the project holds.

    Attributes
    ----------
    slides
        Its slides.
    pending
        Number of images that wait for their pixel size.
    models
        Names of its models.
    read_only_reason
        Why nothing can be changed; empty when it can.
    """

    slides: tuple[SlideFacts, ...] = ()
    pending: int = 0
    models: tuple[str, ...] = ()
    read_only_reason: str = ""


@dataclass(frozen=True)
class Shown:
    """All there is of the slide on show, loaded.

    Attributes
    ----------
    slide
        The slide.
    pyramid
        Its levels as arrays for the viewer; those that fit are in memory.
    exterior, priors, prediction
        Its results, or None.
    glands
        All glands of the prediction with their states, or None.
    contents
        Digest of each saved result by name: tells whether a layer is up to date. That of
        `prediction` changes with the glands that count, that of `probability` does not.
    change
        What the last round of training changed in its glands, in a sentence.
    damage
        Which results could not be loaded because they are not what was saved, a sentence each.
    large
        Whether it is worked on tile by tile: its results are in `overlays` then, the exterior
        apart, and cannot be edited.
    overlays
        Results that are read as far as they are in view.
    """

    slide: Slide
    pyramid: list[Any]
    exterior: ExteriorMap | None
    priors: Priors | None
    prediction: Prediction | None
    glands: Glands | None
    contents: dict[str, str]
    change: str = ""
    damage: tuple[str, ...] = ()
    large: bool = False
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True)
class StepState:
    """Whether a step can run, what is missing if not, and whether it has run."""

    ready: bool
    missing: str
    done: bool


def survey(project: Project, pending: int) -> Facts:
    """Look up what a project holds; reads small files, so not for the interface's thread."""

    def look_up(entry: SlideEntry) -> SlideFacts:
        found, damage = project.all_facts(entry.id)
        return SlideFacts(
            entry.id,
            entry.name,
            entry.mpp,
            exterior=found["exterior"] is not None,
            priors=found["priors"] is not None,
            prediction=found["prediction"] is not None,
            missing=missing.get(entry.id, ""),
            damaged=tuple(str(error) for error in damage),
            reviewed=_reviewed(found["glands"], found["priors"]),
            shape=entry.shape,
            region=entry.region,
            large=is_large_entry(entry, project.settings),
            teaches=takes_part(project, entry, "train"),
            mpp_source=entry.mpp_source,
        )

    missing = {entry.id: str(image_path(project, entry)) for entry in missing_images(project)}
    wholes = [entry for entry in project.slides if entry.region is None]
    ordered = [entry for whole in wholes for entry in (whole, *project.regions_of(whole.id))]
    slides = tuple(look_up(entry) for entry in ordered)
    return Facts(slides, pending, tuple(project.model_names), project.read_only_reason or "")


def _reviewed(*results: dict[str, Any] | None) -> float | None:
    """Return the share of decided ones of the first result that lists any."""
    for facts in results:
        states = [row["state"] for row in (facts or {}).get("table", ())]
        if states:
            return sum(state not in ("proposed", "doubtful") for state in states) / len(states)
    return None


def can_grow(facts: Facts) -> bool:
    """Tell whether some slide has priors, and a prediction that could be taken into them."""
    both = any(slide.priors and slide.prediction for slide in facts.slides)
    return both and not facts.read_only_reason


def resolve(facts: Facts) -> dict[str, StepState]:
    """Fold what there is into the state of every step."""
    slides = facts.slides
    teachers = [slide for slide in slides if slide.teaches]
    exteriors, priors = (sum(getattr(s, name) for s in teachers) for name in _RESULTS[:2])
    predictions = sum(slide.prediction for slide in slides)
    no_slides = (
        "Give the pixel size in the step Slides first."
        if facts.pending
        else "There are no slides yet: add images in the step Slides first."
    )
    no_model = "There is no model yet: run the step Train, or use a saved model."
    missing = {
        "slides": "",
        "exterior": "" if slides else no_slides,
        "priors": "" if exteriors else "There are no exteriors yet: run the step Exterior first.",
        "train": "" if priors else "There are no priors yet: run the step Priors first.",
        "predict": no_slides if not slides else "" if facts.models else no_model,
        "export": "" if predictions else "There is no prediction yet: run the step Predict first.",
    }
    done = {
        "slides": bool(slides),
        "exterior": bool(slides) and exteriors == len(teachers),
        "priors": bool(slides) and priors == len(teachers),
        "train": bool(facts.models),
        "predict": bool(slides) and predictions == len(slides),
        "export": False,
    }
    if facts.read_only_reason:
        for step in ("exterior", "priors", "train", "predict"):
            missing[step] = f"This project cannot be changed: {facts.read_only_reason}"
    return {step: StepState(not missing[step], missing[step], done[step]) for step in STEPS}
