"""What stage 1 takes for the exterior while its network still learns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch

from napari_glands.exterior.clustering import (
    choose_exterior,
    cluster_centres,
    cluster_evidence,
    darkest_first,
    soft_memberships,
    squared_distances,
)
from napari_glands.exterior.device import Device
from napari_glands.exterior.network import ShallowCNN
from napari_glands.exterior.sampling import Stain, stain_of, standardise
from napari_glands.live import Wish
from napari_glands.progress import Picture
from napari_glands.settings import Settings
from napari_glands.slides import Region, Slide
from napari_glands.slides.in_view import part_in_view

__all__ = ["exterior_painter"]

_LEAST, _MOST = 128, 512  # pixels on a side
_SAMPLES = 3000  # pixels given to k-means

Painter = Callable[[ShallowCNN, Wish], Picture | None]


def exterior_painter(slides: Sequence[Slide], settings: Settings, device: Device) -> Painter:
    """Return what draws the exterior map as the network of now would give it.

    It works on a copy of the network and draws no random numbers from shared state, so that a run
    comes out the same with and without pictures. Clusters are looked for in the part in view
    alone: they are a first impression of those that will be found in all slides at the end.

    Parameters
    ----------
    slides
        The ones that can be drawn.
    settings
        Settings of all steps.
    device
        Where the network is.
    """
    stains: dict[str, Stain] = {}
    by_id = {slide.id: slide for slide in slides}
    mpp = settings.general.working_mpp

    def paint(network: ShallowCNN, wish: Wish) -> Picture | None:
        slide = by_id.get(wish.slide_id)
        if slide is None:
            return None
        if slide.id not in stains:
            stains[slide.id] = stain_of(slide, mpp)
        part = part_in_view(wish, slide.grid(mpp), _LEAST, _MOST)
        dy, dx = part.grid.downsample
        y, x = (int(part.rows[0] * dy), int(part.columns[0] * dx))
        region = Region(
            y,
            x,
            min(round((part.rows[1] - part.rows[0]) * dy), slide.shape[0] - y),
            min(round((part.columns[1] - part.columns[0]) * dx), slide.shape[1] - x),
        )
        rgb = slide.read(mpp, region)
        embedding = _embed(network, standardise(rgb, stains[slide.id]), device)
        return part.picture(_exterior(rgb, embedding, settings))

    return paint


@torch.inference_mode()
def _embed(network: ShallowCNN, pixels: torch.Tensor, device: Device) -> np.ndarray:
    """Responses float32 (c, y, x) of a copy of the network in evaluation mode."""
    copied = copy.deepcopy(network).eval()
    with device.autocast():
        return copied(pixels[None].to(device.torch))[0].float().cpu().numpy()


def _exterior(rgb: np.ndarray, embedding: np.ndarray, settings: Settings) -> np.ndarray:
    """Membership uint8 (y, x) of the cluster that would be chosen now."""
    flat = embedding.reshape(len(embedding), -1).T
    sample = flat[:: max(1, len(flat) // _SAMPLES)]
    centres = cluster_centres(sample, settings.exterior.clusters, settings.general.seed)
    distances = squared_distances(embedding, centres)
    evidence = cluster_evidence(
        [rgb], [distances.argmin(axis=0)], len(centres), settings.exterior.min_cluster_area
    )
    order = darkest_first(evidence)
    wished = settings.exterior.exterior_cluster
    chosen = order[wished - 1] if wished else choose_exterior(evidence) - 1
    return soft_memberships(distances[order], centres[order])[order == chosen][0]
