"""What the method is compared with, on the same images and with the same scoring.

The peers that give a mask are filled, split into instances and cleaned as the method's own maps
are; the networks among them are the method's own network, taught otherwise for as many iterations.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage as ndi
from skimage import color, filters

from napari_glands.exterior import choose_device, cluster_exterior, haematoxylin_preview
from napari_glands.exterior.clustering import cluster_centres, squared_distances
from napari_glands.exterior.sampling import density_planes, stain_of
from napari_glands.priors import Priors
from napari_glands.priors.decisions import IGNORE, gland_area
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.segmentation import Model
from napari_glands.segmentation.data import Lesson
from napari_glands.segmentation.fitting import fit_round
from napari_glands.segmentation.network import build_network
from napari_glands.settings import Settings
from napari_glands.slides import Slide
from napari_glands.slides.label_resampling import nearest

__all__ = [
    "MASK_PEERS",
    "PUBLISHED_RECIPE",
    "all_foreground",
    "haematoxylin_otsu",
    "naive_targets",
    "per_image_cnn",
    "rgb_kmeans",
    "train_on_targets",
    "true_targets",
]

PUBLISHED_RECIPE: dict[str, Any] = {  # of stage 1, for one image alone
    "network": "per_image",
    "loss": "self_label",
    "spatial_weight": 5.0,
    "learning_rate": 0.01,
    "channels": 128,
    "layers": 3,
    "iterations": 50,
    "clusters": 5,
}
_PEER_CHANNELS = 32  # of 128: about a tenth of the time, which is minutes per image on a CPU
_SAMPLES = 60_000  # pixels given to k-means


def all_foreground(slide: Slide, settings: Settings) -> np.ndarray:
    """Call every pixel gland."""
    return np.ones(slide.grid(settings.general.working_mpp).shape, bool)


def haematoxylin_otsu(slide: Slide, settings: Settings) -> np.ndarray:
    """Threshold the smoothed haematoxylin (colour deconvolution) by Otsu, and fill."""
    stain = haematoxylin_preview(slide.read(settings.general.working_mpp))
    return ndi.binary_fill_holes(stain > filters.threshold_otsu(stain))


def rgb_kmeans(slide: Slide, settings: Settings) -> np.ndarray:
    """Cluster the colours of one image by k-means, take the darkest cluster, and fill."""
    rgb = slide.read(settings.general.working_mpp).transpose(2, 0, 1).astype(np.float32)
    pixels, seed = rgb.reshape(3, -1).T, settings.general.seed
    rng = np.random.default_rng(seed)
    sample = pixels[rng.choice(len(pixels), min(_SAMPLES, len(pixels)), replace=False)]
    centres = cluster_centres(sample, settings.exterior.clusters, seed)
    darkest = int(color.rgb2gray(centres / 255).argmin())
    return ndi.binary_fill_holes(squared_distances(rgb, centres).argmin(axis=0) == darkest)


def per_image_cnn(slide: Slide, settings: Settings) -> np.ndarray:
    """Cluster one image with a network of its own, take the darkest large cluster, and fill.

    The published recipe, at the working resolution and a quarter of its width: self-labelling
    cross-entropy and the spatial loss, 3 × 32 channels, 50 iterations, k-means with k = 5.
    """
    wishes = {**PUBLISHED_RECIPE, "channels": _PEER_CHANNELS, "exterior_cluster": None}
    recipe = settings.updated("exterior", **wishes)
    found = cluster_exterior([slide], recipe)[0]
    smallest = recipe.exterior.min_cluster_area
    # Clusters are numbered from the darkest.
    darkest = next((e.cluster for e in found.evidence if e.area >= smallest), found.cluster)
    return ndi.binary_fill_holes(found.clusters == darkest)


MASK_PEERS: dict[str, Callable[[Slide, Settings], np.ndarray]] = {
    "all foreground": all_foreground,
    "haematoxylin, Otsu, filled": haematoxylin_otsu,
    "RGB k-means, filled": rgb_kmeans,
    "self-labelling CNN per image, filled": per_image_cnn,
}
"""Peers that look at one image at a time, by the name they have in the tables."""


def naive_targets(priors: Sequence[Priors], settings: Settings) -> list[np.ndarray]:
    """Take the priors with their exterior for gland and everything else for background."""
    return [gland_area(p, settings).astype(np.uint8) for p in priors]


def true_targets(
    truths: Sequence[np.ndarray], slides: Sequence[Slide], settings: Settings
) -> list[np.ndarray]:
    """Bring true masks to the working resolution, as targets."""
    mpp = settings.general.working_mpp
    return [
        nearest((truth > 0).astype(np.uint8), slide.grid(mpp).shape)
        for truth, slide in zip(truths, slides, strict=True)
    ]


def train_on_targets(
    slides: Sequence[Slide],
    targets: Sequence[np.ndarray],
    settings: Settings,
    *,
    name: str,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> Model:
    """Train the method's network on given targets: cross-entropy, nothing ignored, no rounds.

    Parameters
    ----------
    slides
        The slides that teach.
    targets
        uint8 (y, x) at the working resolution, one per slide: 0 background, 1 gland.
    settings
        The method's; the iterations of all its rounds become those of the only one.
    name
        Name of the model.
    report, cancel
        Progress and cancel request.

    Raises
    ------
    Cancelled
        On a cancel request.
    """
    cancel = cancel or CancelToken()
    settings = _one_plain_round(settings)
    device, mpp = choose_device(settings.general.device), settings.general.working_mpp
    lessons = [_lesson(*pair, mpp) for pair in zip(slides, targets, strict=True)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.general.seed)
        train = settings.train
        network, _ = build_network(train.encoder, train.weights, train.depth)

    def on_step(share: float, values: Mapping[str, float]) -> None:
        report(Event("peer", share, f"Training {name}", values))

    with tempfile.TemporaryDirectory() as scratch:
        fit_round(network, lessons, settings, device, 1, Path(scratch), on_step, cancel)
    cancel.check()
    weights = {n: t.detach().cpu() for n, t in network.state_dict().items()}
    return Model(name, settings, weights)


def _one_plain_round(settings: Settings) -> Settings:
    """Spend the iterations of all rounds in one, with cross-entropy alone."""
    plain = settings.train
    return settings.updated(
        "train",
        iterations=plain.iterations * plain.rounds,
        rounds=1,
        diffusion_weight=0,
        push_weight=0,
        omission=False,
    )


def _lesson(slide: Slide, target: np.ndarray, mpp: float) -> Lesson:
    density = density_planes(slide.read(mpp)).astype(np.float16)
    nothing_known = np.full(target.shape, IGNORE, np.uint8)
    return Lesson(density, stain_of(slide, mpp), target, nothing_known)
