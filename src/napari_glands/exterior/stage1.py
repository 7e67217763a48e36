"""Stage 1, exterior clustering: slides in, exterior maps out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.clustering import (
    choose_exterior,
    cluster_centres,
    cluster_evidence,
    darkest_first,
    soft_memberships,
    squared_distances,
)
from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.live import exterior_painter
from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.exterior.network import ShallowCNN
from napari_glands.exterior.sampling import Stain, crop_pool, stain_of, standardise
from napari_glands.exterior.training import fit_network
from napari_glands.live import LiveView
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.settings import ExteriorSettings, Settings
from napari_glands.slides import Slide

__all__ = [
    "Clustering",
    "ExteriorModel",
    "apply_exterior",
    "check_cluster",
    "cluster_exterior",
    "fit_exterior",
]

_POOL = 256  # crops held in memory
_SAMPLES = 60_000  # pixel embeddings given to k-means
_TILE = 1024  # pixels; bounds the memory of one forward pass
_LARGEST_CROP = 1024  # pixels; per-image training takes the largest square up to this side


@dataclass(frozen=True, eq=False)
class Clustering:
    """A trained network with its clusters, numbered from the darkest."""

    network: ShallowCNN
    centres: np.ndarray
    evidence: tuple[ClusterEvidence, ...]

    @property
    def halo(self) -> int:
        """Pixels around a part of a slide that its map depends on."""
        return sum(isinstance(m, torch.nn.Conv2d) for m in self.network.features)

    def map(
        self,
        rgb: np.ndarray,
        stain: Stain,
        device: Device,
        check: Callable[[], None] = lambda: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Map the pixels of a slide, or of a part of one.

        Parameters
        ----------
        rgb
            uint8 (y, x, 3) at the working resolution.
        stain
            The slide's stain.
        device
            Where to run.
        check
            Called before every tile; it may raise to stop.

        Returns
        -------
        clusters : ndarray
            uint8 (y, x): 1..k.
        memberships : ndarray
            uint8 (k, y, x): 0..255 for 0..1.
        """
        pixels = standardise(rgb, stain)
        k, (rows, columns) = len(self.centres), pixels.shape[1:]
        memberships = np.empty((k, rows, columns), np.uint8)
        clusters = np.empty((rows, columns), np.uint8)
        for y in range(0, rows, _TILE):
            for x in range(0, columns, _TILE):
                check()
                embedding = self._embed_tile(pixels, y, x, device)
                distances = squared_distances(embedding, self.centres)
                tile = np.s_[y : y + _TILE, x : x + _TILE]
                memberships[:, *tile] = soft_memberships(distances, self.centres)
                clusters[tile] = distances.argmin(axis=0) + 1
        return clusters, memberships

    def _embed_tile(self, pixels: torch.Tensor, y: int, x: int, device: Device) -> np.ndarray:
        """Embed one tile with enough surroundings that its edges do not show."""
        top, left = max(0, y - self.halo), max(0, x - self.halo)
        around = pixels[:, top : y + _TILE + self.halo, left : x + _TILE + self.halo]
        embedding = _embed(self.network, around, device)
        return embedding[:, y - top : y - top + _TILE, x - left : x - left + _TILE]


@dataclass(frozen=True, eq=False)
class ExteriorModel:
    """What stage 1 learned: one clustering for all slides, or one per slide id.

    Attributes
    ----------
    clusterings
        By slide id; the key ``""`` serves all slides of a shared network.
    device
        Where it was trained and will be applied.
    settings
        What made it.
    """

    clusterings: dict[str, Clustering]
    device: Device
    settings: Settings

    def clustering(self, slide: Slide) -> Clustering:
        """Return what maps a slide.

        Raises
        ------
        GlandsError
            When a per-image model was not trained on this slide.
        """
        found = self.clusterings.get(slide.id) or self.clusterings.get("")
        if found is None:
            raise GlandsError(f"Stage 1 was not run on {slide.name}: run it again with this image.")
        return found

    def chosen(self, clustering: Clustering) -> int:
        """Return the number of the exterior cluster: the wished one, or that of the best score."""
        return self.settings.exterior.exterior_cluster or choose_exterior(clustering.evidence)


def cluster_exterior(
    slides: Sequence[Slide],
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> list[ExteriorMap]:
    """Run stage 1 on slides: train, cluster, choose the exterior, map every slide.

    Parameters
    ----------
    slides
        The slides of the project.
    settings
        Settings of all steps; the defaults when not given.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    list of ExteriorMap
        One per slide, at the working resolution.

    Raises
    ------
    GlandsError
        When there is no slide, no such device or no such cluster.
    Cancelled
        Within one batch or tile of a cancel request.
    """
    model = fit_exterior(slides, settings, report=report, cancel=cancel)
    maps = []
    for i, slide in enumerate(slides):
        maps.append(apply_exterior(model, slide, cancel=cancel))
        report(Event("exterior", (i + 1) / len(slides), f"Mapped {slide.name}"))
    return maps


def fit_exterior(
    slides: Sequence[Slide],
    settings: Settings | None = None,
    *,
    report: Report = ignore,
    cancel: CancelToken | None = None,
    live: LiveView | None = None,
) -> ExteriorModel:
    """Train the shallow network and find its clusters.

    Parameters and errors are those of `cluster_exterior`; `live` tells which part of which slide
    somebody looks at while it trains.
    """
    if not slides:
        raise GlandsError("Stage 1 needs at least one slide: add images first.")
    settings = settings or Settings()
    check_cluster(settings.exterior)
    cancel = cancel or CancelToken()
    device = choose_device(settings.general.device)
    if settings.exterior.network == "shared":
        groups = {"": list(slides)}
    else:
        groups = {slide.id: [slide] for slide in slides}
    live, paint = live or LiveView(), exterior_painter(slides, settings, device)
    clusterings = {}
    for done, (key, group) in enumerate(groups.items()):

        def on_step(step: int, loss: float, network: ShallowCNN, done: int = done) -> None:
            cancel.check()
            share = (done + (step + 1) / settings.exterior.iterations) / len(groups)
            picture = live.picture(lambda wish: paint(network, wish))
            report(Event("exterior", share, "Clustering the exterior", {"loss": loss}, picture))

        clusterings[key] = _fit_group(group, settings, device, on_step)
    return ExteriorModel(clusterings, device, settings)


def apply_exterior(
    model: ExteriorModel, slide: Slide, *, cancel: CancelToken | None = None
) -> ExteriorMap:
    """Map one slide with a trained model.

    Raises
    ------
    GlandsError
        When a per-image model was not trained on this slide.
    """
    mpp = model.settings.general.working_mpp
    clustering = model.clustering(slide)
    check = (cancel or CancelToken()).check
    clusters, memberships = clustering.map(
        slide.read(mpp), stain_of(slide, mpp), model.device, check
    )
    exterior = ExteriorMap(
        slide.id, slide.grid(mpp), clusters, memberships, 1, clustering.evidence, model.settings
    )
    return exterior.with_cluster(model.chosen(clustering))


def check_cluster(exterior: ExteriorSettings) -> None:
    """Refuse a wished exterior cluster that there will not be, before time is spent.

    Raises
    ------
    GlandsError
        When its number is larger than the number of clusters.
    """
    wished = exterior.exterior_cluster
    if wished is not None and wished > exterior.clusters:
        raise GlandsError(
            f"There is no exterior cluster {wished}: choose one of 1 to {exterior.clusters} "
            "(--exterior-cluster), or ask for more clusters (--clusters)."
        )


def _fit_group(slides: Sequence[Slide], settings: Settings, device: Device, on_step) -> Clustering:
    """Train one network on some slides and cluster its embeddings."""
    exterior, general = settings.exterior, settings.general
    mpp, alone = general.working_mpp, exterior.network == "per_image"
    side = _LARGEST_CROP if alone else round(exterior.crop_um / mpp)
    crops = crop_pool(slides, mpp, side, 1 if alone else _POOL, general.seed)
    stains = [stain_of(slide, mpp) for slide in slides]
    pixels = [standardise(crop, stains[i % len(slides)]) for i, crop in enumerate(crops)]
    network = fit_network(pixels, exterior, device, general.seed, on_step)

    rng = np.random.default_rng(general.seed)
    embeddings = [_embed(network, p, device) for p in pixels]
    each = max(1, _SAMPLES // len(embeddings))
    sample = np.concatenate([_draw(e, each, rng) for e in embeddings])
    centres = cluster_centres(sample, exterior.clusters, general.seed)
    clusters = [squared_distances(e, centres).argmin(axis=0) for e in embeddings]
    evidence = cluster_evidence(crops, clusters, len(centres), exterior.min_cluster_area)

    order = darkest_first(evidence)
    renumbered = tuple(replace(evidence[c], cluster=n + 1) for n, c in enumerate(order))
    return Clustering(network, centres[order], renumbered)


def _draw(embedding: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    flat = embedding.reshape(len(embedding), -1).T
    return flat[rng.choice(len(flat), min(count, len(flat)), replace=False)]


@torch.inference_mode()
def _embed(network: ShallowCNN, pixels: torch.Tensor, device: Device) -> np.ndarray:
    """Responses float32 (c, y, x) of standardised pixels (3, y, x)."""
    with device.autocast():
        return network(pixels[None].to(device.torch))[0].float().cpu().numpy()
