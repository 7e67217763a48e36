"""The speed benchmark: ratios against a peer in the same run, on a synthetic field."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from napari_glands.evaluation.peers import PUBLISHED_RECIPE
from napari_glands.exterior import choose_device, cluster_exterior
from napari_glands.exterior.sampling import density_planes, stain_of
from napari_glands.segmentation.data import network_input
from napari_glands.segmentation.network import build_network
from napari_glands.segmentation.prediction import gland_probability
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["benchmark_speed"]

_TIMED_ITERATIONS = (2, 4)  # all 50 take minutes on a CPU; their difference times one
_REPEATS = 3


def benchmark_speed(slides: list[Slide], settings: Settings) -> dict[str, Any]:
    """Measure stage 1 against the published recipe and tiled prediction against a bare pass.

    Parameters
    ----------
    slides
        Images of one size; stage 1 is timed over all of them, the published recipe on the first.
    settings
        Settings of all steps.

    Returns
    -------
    dict
        Seconds, ratios and the conditions they were measured under.
    """
    device = choose_device(settings.general.device)
    ours = _seconds(lambda: cluster_exterior(slides, settings)) / len(slides)
    theirs = _published_seconds(slides[0], settings)
    tiled, bare = _prediction_seconds(slides[0], settings)
    return {
        "device": device.reason,
        "images": len(slides),
        "image_shape": list(slides[0].shape),
        "stage1_seconds_per_image": round(ours, 2),
        "published_recipe_seconds_per_image": round(theirs, 2),
        "published_recipe_iterations_timed": _TIMED_ITERATIONS[1] - _TIMED_ITERATIONS[0],
        "stage1_speedup": round(theirs / ours, 1),
        "tiled_prediction_seconds": round(tiled, 3),
        "bare_forward_seconds": round(bare, 3),
        "predict_efficiency": round(bare / tiled, 3),
    }


def _published_seconds(slide: Slide, settings: Settings) -> float:
    """Time of the published recipe on one image, extrapolated from two short runs of it."""
    published = settings.updated("general", working_mpp=slide.mpp)

    def seconds(iterations: int) -> float:
        recipe = published.updated("exterior", **{**PUBLISHED_RECIPE, "iterations": iterations})
        return _seconds(lambda: cluster_exterior([slide], recipe))

    few, more = map(seconds, _TIMED_ITERATIONS)
    each = (more - few) / (_TIMED_ITERATIONS[1] - _TIMED_ITERATIONS[0])
    return few + each * (PUBLISHED_RECIPE["iterations"] - _TIMED_ITERATIONS[0])


def _prediction_seconds(slide: Slide, settings: Settings) -> tuple[float, float]:
    """Best of some repeats: blended tiles, and one forward pass over the same pixels."""
    device, mpp = choose_device(settings.general.device), settings.general.working_mpp
    network, _ = build_network(settings.train.encoder, "none", settings.train.depth)
    network = network.eval().to(device.torch).to(memory_format=torch.channels_last)
    stain = stain_of(slide, mpp)
    density = torch.from_numpy(np.ascontiguousarray(density_planes(slide.read(mpp))))
    side = [n - n % 8 for n in density.shape[1:]]
    pixels = network_input(density, stain)[None, :, : side[0], : side[1]].to(device.torch)

    def tiled() -> None:
        gland_probability(network, density, stain, settings.predict, mpp, device, lambda _: None)

    @torch.inference_mode()
    def bare() -> None:
        with device.autocast():
            network(pixels.contiguous(memory_format=torch.channels_last))[0].float().cpu()

    return (
        min(_seconds(tiled) for _ in range(_REPEATS)),
        min(_seconds(bare) for _ in range(_REPEATS)),
    )


def _seconds(work: Callable[[], Any]) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock
