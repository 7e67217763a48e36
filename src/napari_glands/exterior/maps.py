"""What stage 1 hands on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid

__all__ = ["ClusterEvidence", "ExteriorMap"]


@dataclass(frozen=True)
class ClusterEvidence:
    """Why a cluster is, or is not, taken for the exterior.

    Attributes
    ----------
    cluster
        Number of the cluster, from 1.
    haematoxylin
        Mean haematoxylin optical density of its pixels (colour deconvolution).
    lightness
        Mean CIE L*, in [0, 100].
    area
        Share of the tissue pixels.
    adjacency
        Share of its border that touches the palest cluster's side of the tissue: an exterior lies
        against the pale goblet cytoplasm or the lumen.
    score
        The cues folded into one number; the largest is chosen.
    """

    cluster: int
    haematoxylin: float
    lightness: float
    area: float
    adjacency: float
    score: float


@dataclass(frozen=True, eq=False)
class ExteriorMap:
    """The clustering of one slide at the working resolution.

    Attributes
    ----------
    slide_id
        Identifier of the slide.
    grid
        How the arrays lie on the slide.
    clusters
        uint8 (y, x): number of the strongest cluster of each pixel, 1..k.
    memberships
        uint8 (k, y, x): soft membership of each cluster, 0..255 for 0..1; plane ``c - 1`` belongs
        to cluster ``c``.
    cluster
        Number of the cluster taken for the exterior.
    evidence
        One entry per cluster.
    settings
        What made this map.
    """

    slide_id: str
    grid: Grid
    clusters: np.ndarray
    memberships: np.ndarray
    cluster: int
    evidence: tuple[ClusterEvidence, ...]
    settings: Settings

    @property
    def exterior(self) -> np.ndarray:
        """float32 (y, x) in [0, 1]: how surely each pixel is exterior."""
        return self.memberships[self.cluster - 1].astype(np.float32) / 255

    def with_cluster(self, cluster: int) -> ExteriorMap:
        """Return the same map with another cluster taken for the exterior.

        Raises
        ------
        GlandsError
            When there is no such cluster.
        """
        if not 1 <= cluster <= self.memberships.shape[0]:
            raise GlandsError(
                f"There is no cluster {cluster}: choose one of 1 to {self.memberships.shape[0]}."
            )
        return replace(self, cluster=cluster)
