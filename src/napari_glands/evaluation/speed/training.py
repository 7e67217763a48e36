"""Training against a bare loop over batches that are there already: how much of it is waste."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from scipy import ndimage as ndi

from napari_glands.evaluation.peers import haematoxylin_otsu
from napari_glands.exterior import choose_device
from napari_glands.exterior.device import Device
from napari_glands.exterior.sampling import density_planes, stain_of
from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, INTERIOR
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.segmentation.data import Batch, GlandCrops, Lesson
from napari_glands.segmentation.fitting import fit_round
from napari_glands.segmentation.module import training_loss
from napari_glands.segmentation.network import GlandPSPNet, build_network
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["training_efficiency"]

_WARM_UP = 10  # steps that are not timed
_CACHED = 8  # batches of the bare loop


def training_efficiency(
    slides: Sequence[Slide],
    settings: Settings,
    iterations: int = 60,
    repeats: int = 3,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Measure a round of training against a bare loop, in turn.

    The round is all that training does: crops, checkpoints, log, average of the weights. The bare
    loop has the same network in the same memory format and precision, the same losses and
    optimiser, and batches of the same shape that were made before and lie in memory.

    Parameters
    ----------
    slides
        Where the crops come from; what is gland in them is guessed from the stain.
    settings
        Settings of all steps; the encoder starts from random weights.
    iterations
        Steps of each run, of which the first ten are not timed.
    repeats
        Runs of each.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    dict
        Median steps per second of both, their ratio, and the conditions.

    Raises
    ------
    Cancelled
        On a cancel request.
    """
    cancel = cancel or CancelToken()
    device = choose_device(settings.general.device)
    settings = settings.updated("train", iterations=iterations, patience=0)
    lessons = [_lesson(slide, settings) for slide in slides]
    batches = _batches(lessons, settings, device)
    ours, bare = [], []
    for n in range(repeats):
        report(Event("speed", n / repeats, f"Training, run {n + 1} of {repeats}"))
        ours.append(_round_seconds(_network(settings), lessons, settings, device, cancel))
        cancel.check()
        bare.append(_bare_seconds(_network(settings), batches, settings, device, cancel))
    return {
        "device": device.reason,
        "threads": torch.get_num_threads(),
        "encoder": settings.train.encoder,
        "batch_shape": list(batches[0][0].shape),
        "iterations_timed": iterations - _WARM_UP,
        "repeats": repeats,
        "training_iterations_per_second": round(1 / median(ours), 2),
        "bare_loop_iterations_per_second": round(1 / median(bare), 2),
        "train_efficiency": round(median(bare) / median(ours), 3),
    }


def _round_seconds(
    network: GlandPSPNet,
    lessons: Sequence[Lesson],
    settings: Settings,
    device: Device,
    cancel: CancelToken,
) -> float:
    """Mean seconds per step of a round, after the first steps."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        fit_round(
            network,
            lessons,
            settings,
            device,
            1,
            Path(scratch),
            lambda share, values: ends.append(time.perf_counter()),
            cancel,
        )
    return _mean_seconds(ends)


def _bare_seconds(
    network: GlandPSPNet,
    batches: Sequence[Batch],
    settings: Settings,
    device: Device,
    cancel: CancelToken,
) -> float:
    """Mean seconds per step of a bare loop, after the first steps."""
    network.train().to(device.torch).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.train.learning_rate, fused=device.name == "cuda"
    )
    ends = []
    for step in range(settings.train.iterations):
        cancel.check()
        batch = batches[step % len(batches)]
        with device.autocast():
            logits, embedding = network(batch[0])
            loss, _ = training_loss(logits, embedding, batch, settings.train)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if device.name == "cuda" and step in (_WARM_UP - 1, settings.train.iterations - 1):
            torch.cuda.synchronize()
        ends.append(time.perf_counter())
    return _mean_seconds(ends)


def _mean_seconds(ends: Sequence[float]) -> float:
    """Mean time from one step's end to the next, after the first steps."""
    timed = ends[_WARM_UP - 1 :]
    return (timed[-1] - timed[0]) / (len(timed) - 1)


def _network(settings: Settings) -> GlandPSPNet:
    train = settings.train
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.general.seed)
        return build_network(train.encoder, "none", train.depth)[0]


def _batches(lessons: Sequence[Lesson], settings: Settings, device: Device) -> list[Batch]:
    """Make the batches of the bare loop, on the device, as the network wants them."""
    train, size = settings.train, settings.train.batch_size
    side = round(train.crop_um / settings.general.working_mpp)
    crops = GlandCrops(lessons, side, _CACHED * size, train.stain_jitter, (0, 1))
    batches = []
    for n in range(_CACHED):
        made = crops.__getitems__(range(n * size, (n + 1) * size))
        pixels, target, proposal, curated = (part.to(device.torch) for part in made)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        batches.append((pixels, target, proposal, curated))
    return batches


def _lesson(slide: Slide, settings: Settings) -> Lesson:
    """Guess glands, a ring and what it encloses, so that every loss has pixels to work on."""
    mpp = settings.general.working_mpp
    gland = haematoxylin_otsu(slide, settings)
    inside = ndi.binary_erosion(gland, iterations=round(settings.priors.ring_width_um / mpp))
    proposal = np.where(inside, INTERIOR, np.where(gland, EXTERIOR, BACKGROUND)).astype(np.uint8)
    density = density_planes(slide.read(mpp)).astype(np.float16)
    return Lesson(density, stain_of(slide, mpp), gland.astype(np.uint8), proposal)
