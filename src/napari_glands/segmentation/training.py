"""Stage 2: rounds of training on pseudo masks, each taught by the one before."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.sampling import Stain, optical_density, stain_of
from napari_glands.priors import Priors, proposal_map, teaching
from napari_glands.progress import Cancelled, CancelToken, Event, Report, ignore
from napari_glands.segmentation.data import Lesson
from napari_glands.segmentation.fitting import fit_round
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import EncoderChoice, GlandPSPNet, build_network
from napari_glands.segmentation.prediction import gland_probability
from napari_glands.segmentation.targets import first_pseudo_mask, next_pseudo_mask
from napari_glands.settings import PredictSettings, Settings
from napari_glands.slides import Slide

__all__ = ["train"]


@dataclass(frozen=True, eq=False)
class _Pupil:
    """One slide with what is known of it before training."""

    slide: Slide
    priors: Priors
    density: np.ndarray
    stain: Stain
    proposal: np.ndarray
    teaches: bool

    def lesson(self, pseudo_mask: np.ndarray) -> Lesson:
        return Lesson(self.density, self.stain, pseudo_mask, self.proposal)


def train(
    slides: Sequence[Slide],
    priors: Sequence[Priors],
    settings: Settings | None = None,
    *,
    start: Model | None = None,
    run_dir: Path | None = None,
    name: str = "glands",
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> Model:
    """Train a model on the priors of slides.

    Round 1 learns from the proposal maps of the slides whose priors cover enough of them; every
    further round from the sure answers of the round before, on all slides. No ground truth is
    read, and none decides when to stop: the budget is fixed, and the weights are their running
    average.

    Parameters
    ----------
    slides
        The slides of the project.
    priors
        The priors of each slide, in the same order.
    settings
        Settings of all steps; the defaults when not given.
    start
        A model to go on from; its encoder and depth must be those of the settings.
    run_dir
        Folder for checkpoints and the log of losses. A run that was cut off goes on from what
        lies there; without it, nothing outlives the call.
    name
        Name of the model.
    report, cancel
        Progress and cancel request. A cancelled training returns the weights it has, with
        ``metrics["stopped"] == "cancelled"``.

    Returns
    -------
    Model
        The trained model.

    Raises
    ------
    GlandsError
        When there is no slide, no prior in any slide, priors of another slide or resolution, or
        no such encoder or device.
    Cancelled
        When the cancel request came before there were weights worth keeping.
    """
    settings, cancel = settings or Settings(), cancel or CancelToken()
    if len(slides) != len(priors) or not slides:
        raise GlandsError("Training needs the priors of at least one slide: run stage 1 first.")
    if not any(p.used.any() for p in priors):
        raise GlandsError(
            "No prior was found in any slide, so there is nothing to learn from: draw a few "
            "glands by hand, choose another exterior cluster, or lower the smallest solidity."
        )
    _check_pairs(slides, priors, settings.general.working_mpp)
    device = choose_device(settings.general.device)
    network, encoder = _network(settings, start)
    report(Event("train", 0.0, f"Training on {device.reason}; {encoder.reason}"))
    clock = time.perf_counter()
    teachers = teaching(priors, settings)
    pupils = [
        _pupil(slide, found, settings, i in teachers, cancel)
        for i, (slide, found) in enumerate(zip(slides, priors, strict=True))
    ]
    with tempfile.TemporaryDirectory() as scratch:
        metrics = _run_rounds(
            network, pupils, teachers, settings, device, run_dir or Path(scratch), report, cancel
        )
    metrics["seconds"] = round(time.perf_counter() - clock, 1)
    provenance = {
        "encoder": encoder.name,
        "encoder_weights": encoder.weights,
        "encoder_reason": encoder.reason,
        "started_from": f"{start.name}@{start.checksum}" if start else None,
        "device": device.reason,
        "taught_by": [slides[i].id for i in teachers],
        "slides": [slide.id for slide in slides],
        "versions": {p: version(p) for p in ("napari-glands", "torch", "lightning")},
    }
    weights = {n: t.detach().cpu() for n, t in network.state_dict().items()}
    return Model(name, settings, weights, metrics, provenance)


def _check_pairs(slides: Sequence[Slide], priors: Sequence[Priors], mpp: float) -> None:
    """Refuse priors that are not those of their slide at the working resolution."""
    for slide, found in zip(slides, priors, strict=True):
        if found.slide_id != slide.id:
            raise GlandsError(
                f"The priors given for {slide.name} are those of {found.slide_id}: give slides and "
                "priors in the same order."
            )
        if found.grid != slide.grid(mpp):
            raise GlandsError(
                f"The priors of {slide.name} were found at another working resolution or pixel "
                "size: set it back, or run stage 1 and the priors again (where you have edited "
                "them, say that they may be replaced; a copy is kept)."
            )


def _run_rounds(
    network: GlandPSPNet,
    pupils: Sequence[_Pupil],
    teachers: Sequence[int],
    settings: Settings,
    device: Device,
    run_dir: Path,
    report: Report,
    cancel: CancelToken,
) -> dict:
    """Train the network in place; return its metrics."""
    rounds = settings.train.rounds
    lessons = [pupils[i].lesson(first_pseudo_mask(pupils[i].proposal)) for i in teachers]
    losses: list[float] = []
    for number in range(1, rounds + 1):

        def on_step(
            share: float, values: dict[str, float], done: int = number - 1, n: int = len(lessons)
        ) -> None:
            noun = "slide" if n == 1 else "slides"
            message = f"Round {done + 1} of {rounds}, learning from {n} {noun}"
            report(Event("train", (done + share) / rounds, message, values))

        loss = fit_round(
            network, lessons, settings, device, number, run_dir / f"round-{number}", on_step, cancel
        )
        losses.append(loss)
        if cancel.cancelled:
            break
        if number < rounds:
            try:
                lessons = _next_lessons(network, pupils, settings, device, report, cancel)
            except Cancelled:
                break
    return {
        "rounds": len(losses),
        "losses": losses,
        "stopped": "cancelled" if cancel.cancelled else "finished",
    }


def _next_lessons(
    network: GlandPSPNet,
    pupils: Sequence[_Pupil],
    settings: Settings,
    device: Device,
    report: Report,
    cancel: CancelToken,
) -> list[Lesson]:
    """Let the network answer on every slide, and turn its sure answers into lessons."""
    network.eval().to(device.torch)
    lessons = []
    for pupil in pupils:
        # The network knows the slides that teach; those unlike them are met half-way. What a model
        # learns does not depend on how it will be used.
        asking = PredictSettings(adaptation=0 if pupil.teaches else settings.train.adaptation)
        probability = gland_probability(
            network,
            torch.from_numpy(pupil.density),
            pupil.stain,
            asking,
            settings.general.working_mpp,
            device,
            lambda _: cancel.check(),
        )
        target = next_pseudo_mask(probability, pupil.priors, settings)
        lessons.append(pupil.lesson(target))
    return lessons


def _pupil(
    slide: Slide, priors: Priors, settings: Settings, teaches: bool, cancel: CancelToken
) -> _Pupil:
    """Read a slide at the working resolution; half precision keeps many slides in memory."""
    cancel.check()
    mpp = settings.general.working_mpp
    density = optical_density(slide.read(mpp)).transpose(2, 0, 1).astype(np.float16)
    proposal = proposal_map(slide, priors, settings)
    return _Pupil(slide, priors, density, stain_of(slide, mpp), proposal, teaches)


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
