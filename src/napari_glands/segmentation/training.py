"""Stage 2: rounds of training on pseudo masks, each taught by the one before."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.sampling import Stain, density_planes, stain_of
from napari_glands.live import LiveView, Wish
from napari_glands.priors import Curated, Priors, teaching
from napari_glands.priors.decisions import count_decisions, decisions, teaching_pixels
from napari_glands.priors.proposals import Known, proposals_in
from napari_glands.progress import Cancelled, CancelToken, Event, Picture, Report, ignore
from napari_glands.segmentation.data import Lesson
from napari_glands.segmentation.devices import check_devices
from napari_glands.segmentation.fields import Field, fields_of
from napari_glands.segmentation.fitting import fit_round
from napari_glands.segmentation.live import gland_picture
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import EncoderChoice, GlandPSPNet, build_network
from napari_glands.segmentation.prediction import gland_probability
from napari_glands.segmentation.targets import first_pseudo_mask, next_pseudo_mask
from napari_glands.segmentation.watching import OnStep
from napari_glands.settings import PredictSettings, Settings
from napari_glands.slides import Slide

__all__ = ["rounds_of", "train"]


@dataclass(frozen=True, eq=False)
class _Pupil:
    """One slide, or a field of a large one, with what is known of it before training."""

    field: Field
    decided: np.ndarray
    density: np.ndarray
    stain: Stain
    proposal: np.ndarray
    teaches: bool

    def lesson(self, pseudo_mask: np.ndarray) -> Lesson:
        curated = teaching_pixels(self.decided)
        return Lesson(self.density, self.stain, pseudo_mask, self.proposal, curated)


@dataclass(frozen=True, eq=False)
class _School:
    """A network with the slides it learns from."""

    network: GlandPSPNet
    pupils: Sequence[_Pupil]
    settings: Settings
    device: Device
    report: Report
    cancel: CancelToken
    live: LiveView

    @property
    def teachers(self) -> list[_Pupil]:
        """Those that teach in round 1."""
        return [pupil for pupil in self.pupils if pupil.teaches]

    def first_lessons(self) -> list[Lesson]:
        """Return the proposals of those that teach."""
        return [pupil.lesson(first_pseudo_mask(pupil.proposal)) for pupil in self.teachers]

    def next_lessons(self) -> list[Lesson]:
        """Let the network answer on every slide, and turn its sure answers into lessons."""
        self.network.eval().to(self.device.torch)
        return [pupil.lesson(self._next_target(pupil)) for pupil in self.pupils]

    def picture(self, wish: Wish) -> Picture | None:
        """Draw what the network sees now in a slide of the school, or in a field of one."""
        for pupil in self.pupils:
            if pupil.field.is_seen(wish):
                grid, device = pupil.field.priors.grid, self.device
                return gland_picture(self.network, wish, grid, pupil.density, pupil.stain, device)
        return None

    def _next_target(self, pupil: _Pupil) -> np.ndarray:
        # The network knows the slides that teach; those unlike them are met half-way. What a model
        # learns does not depend on how it will be used.
        adaptation = 0 if pupil.teaches else self.settings.train.adaptation
        probability = gland_probability(
            self.network,
            torch.from_numpy(pupil.density),
            pupil.stain,
            PredictSettings(adaptation=adaptation),
            self.settings.general.working_mpp,
            self.device,
            lambda _: self.cancel.check(),
        )
        return next_pseudo_mask(probability, pupil.field.priors, pupil.decided, self.settings)


def train(
    slides: Sequence[Slide],
    priors: Sequence[Priors],
    settings: Settings | None = None,
    *,
    glands: Sequence[Curated | None] | None = None,
    start: Model | None = None,
    run_dir: Path | None = None,
    name: str = "glands",
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
) -> Model:
    """Train a model on the priors of slides, and on what the user decided.

    Round 1 learns from the proposal maps of the slides whose priors cover enough of them; every
    further round from the sure answers of the round before, on all slides. Of a slide that is too
    large to be held, fields are learned from, each like a slide. What the user decided on priors
    and glands, and marked, stands above both, and counts more. No ground truth is read, and none
    decides when to stop: the budget is fixed, and the weights are their running average.

    Parameters
    ----------
    slides
        The slides of the project.
    priors
        The priors of each slide, in the same order.
    settings
        Settings of all steps; the defaults when not given.
    glands
        The predicted glands of each slide with the user's decisions, in the same order; None for
        a slide without, or without any.
    start
        A model to go on from, for as many further rounds as the settings say: its own sure answers
        are the first lesson. Its encoder and depth must be those of the settings.
    run_dir
        Folder for checkpoints and the log of losses. A run that was cut off goes on from what
        lies there; without it, nothing outlives the call.
    name
        Name of the model.
    report, cancel
        Progress and cancel request. A cancelled training returns the weights it has, with
        ``metrics["stopped"] == "cancelled"``.
    live
        Tells which part of which slide somebody looks at while it trains.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    GlandsError
        When there is no slide, nothing to learn from in any slide, priors of another slide or
        resolution, no such encoder or device, or fewer devices than asked for.
    Cancelled
        When the cancel request came before there were weights worth keeping.
    """
    settings, cancel = settings or Settings(), cancel or CancelToken()
    curated = list(glands or [None] * len(priors))
    fields, teaches = _fields(slides, priors, curated, settings, start)
    device = choose_device(settings.general.device)
    check_devices(settings, device)
    network, encoder = _network(settings, start)
    where = device.reason
    if settings.general.devices > 1:
        where = f"{settings.general.devices} devices at the same time, each {device.reason}"
    report(Event("train", 0.0, f"Training on {where}; {encoder.reason}"))
    clock = time.perf_counter()
    pupils = _pupils(fields, teaches, settings, cancel)
    school = _School(network, pupils, settings, device, report, cancel, live or LiveView())
    with tempfile.TemporaryDirectory() as scratch:
        metrics = _run_rounds(school, start, run_dir or Path(scratch))
    metrics["seconds"] = round(time.perf_counter() - clock, 1)
    provenance = {
        "encoder": encoder.name,
        "encoder_weights": encoder.weights,
        "encoder_reason": encoder.reason,
        "started_from": f"{start.name}@{start.checksum}" if start else None,
        "device": where,
        "taught_by": list(dict.fromkeys(fields[i].slide.id for i in sorted(teaches))),
        "slides": [slide.id for slide in slides],
        "decisions": {
            p.slide_id: count_decisions(p, g) for p, g in zip(priors, curated, strict=True)
        },
        "versions": {p: version(p) for p in ("napari-glands", "torch", "lightning")},
    }
    weights = {n: t.detach().cpu() for n, t in network.state_dict().items()}
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise GlandsError(
            "The training diverged: its weights are no numbers any more. Train again with a lower "
            "learning rate, or from another seed."
        )
    return Model(name, settings, weights, metrics, provenance)


def _fields(
    slides: Sequence[Slide],
    priors: Sequence[Priors],
    glands: Sequence[Curated | None],
    settings: Settings,
    start: Model | None,
) -> tuple[list[Field], set[int]]:
    """Return what is trained on, and what of it teaches first; refuse what nothing can be learned
    from.
    """
    if not len(slides) == len(priors) == len(glands) or not slides:
        raise GlandsError("Training needs the priors of at least one slide: run stage 1 first.")
    for slide, found, curated in zip(slides, priors, glands, strict=True):
        _check_fit(slide, found, curated, settings.general.working_mpp)
    fields = fields_of(slides, priors, glands)
    teaches = teaching(
        [field.priors for field in fields], settings, [field.glands for field in fields]
    )
    if not (teaches or (start and fields)):
        raise GlandsError(
            "No prior was found in any slide, so there is nothing to learn from: draw a few "
            "glands by hand, choose another exterior cluster, or lower the smallest solidity."
        )
    return fields, set(teaches)


def _check_fit(slide: Slide, priors: Priors, glands: Curated | None, mpp: float) -> None:
    """Refuse priors or glands of another slide, or priors not at the working resolution."""
    for found, what in ((priors, "priors"), (glands, "glands")):
        if found is not None and found.slide_id != slide.id:
            raise GlandsError(
                f"The {what} given for {slide.name} are those of {found.slide_id}: give slides and "
                f"{what} in the same order."
            )
    if priors.grid != slide.grid(mpp):
        raise GlandsError(
            f"The priors of {slide.name} were found at another working resolution or pixel "
            "size: set it back, or run stage 1 and the priors again (where you have edited "
            "them, say that they may be replaced; a copy is kept)."
        )


def _run_rounds(school: _School, start: Model | None, run_dir: Path) -> dict[str, Any]:
    """Train the network in place; return its metrics.

    Rounds that go on from a model are numbered on, so that they see other crops than its own.
    """
    settings, cancel = school.settings, school.cancel
    before = rounds_of(start) if start else 0
    rounds = settings.train.go_on_rounds if start else settings.train.rounds
    losses: list[float] = []
    try:
        lessons = school.next_lessons() if start else school.first_lessons()
        learning = school.pupils if start else school.teachers
        for n in range(1, rounds + 1):
            on_step = _speaking(school, n, rounds, learning)
            tell = partial(_say, school, (n - 1) / rounds)
            folder = run_dir / f"round-{before + n}"
            network, device = school.network, school.device
            loss = fit_round(
                network, lessons, settings, device, before + n, folder, on_step, cancel, tell
            )
            losses.append(loss)
            cancel.check()
            if n < rounds:
                lessons, learning = school.next_lessons(), school.pupils
    except Cancelled:
        if not losses:
            raise
    return {
        "rounds": len(losses),
        "rounds_before": before,
        "losses": losses,
        "stopped": "cancelled" if cancel.cancelled else "finished",
    }


def rounds_of(model: Model) -> int:
    """Return how many rounds a model was trained for, with those of the ones it goes on from."""
    return int(model.metrics.get("rounds", 0)) + int(model.metrics.get("rounds_before", 0))


def _say(school: _School, share: float, message: str) -> None:
    """Tell of something that happened in a round, of which nothing is done yet."""
    school.report(Event("train", share, message))


def _speaking(school: _School, number: int, rounds: int, learning: Sequence[_Pupil]) -> OnStep:
    """Tell the steps of a round as progress of all rounds."""
    slides = len({pupil.field.number for pupil in learning})
    noun = "slide" if slides == 1 else "slides"
    message = f"Round {number} of {rounds}, learning from {slides} {noun}"

    def on_step(share: float, values: dict[str, float]) -> None:
        picture = school.live.picture(school.picture)
        school.report(Event("train", (number - 1 + share) / rounds, message, values, picture))

    return on_step


def _pupils(
    fields: Sequence[Field], teaches: Collection[int], settings: Settings, cancel: CancelToken
) -> list[_Pupil]:
    """Read what is trained on at the working resolution, slide by slide."""
    mpp = settings.general.working_mpp
    pupils = []
    for _, same_slide in groupby(enumerate(fields), key=lambda field: field[1].number):
        numbers, of_slide = zip(*same_slide, strict=True)
        known = []
        for field in of_slide:
            cancel.check()
            decided = decisions(field.priors, field.glands, settings)
            known.append(Known(field.read(mpp), field.priors, decided))
        stain = stain_of(of_slide[0].slide, mpp)
        proposals = proposals_in(known, settings, cancel.check)
        for i, field, seen, proposal in zip(numbers, of_slide, known, proposals, strict=True):
            # Half precision keeps many slides in memory.
            density = density_planes(seen.rgb).astype(np.float16)
            pupils.append(_Pupil(field, seen.decided, density, stain, proposal, i in teaches))
    return pupils


def _network(settings: Settings, start: Model | None) -> tuple[GlandPSPNet, EncoderChoice]:
    """Build the network to train: fresh, or with the weights of an earlier model."""
    encoder, seed = settings.train.encoder, settings.general.seed
    if start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_network(encoder, settings.train.weights, settings.train.depth)
    if start.encoder != encoder:
        raise GlandsError(
            f"The model to go on from has encoder {start.encoder!r}, the settings {encoder!r}: "
            "choose the same."
        )
    if start.settings.train.depth != settings.train.depth:
        raise GlandsError(
            f"The model to go on from has encoder depth {start.settings.train.depth}, the settings "
            f"{settings.train.depth}: choose the same."
        )
    reason = f"going on from the weights of model {start.name}"
    return start.network(), EncoderChoice(encoder, "model", reason)
