"""k-means in embedding space, and which of the clusters is the gland exterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage import color
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from napari_glands.exterior.maps import ClusterEvidence
from napari_glands.exterior.sampling import haematoxylin

__all__ = [
    "choose_exterior",
    "cluster_centres",
    "cluster_evidence",
    "darkest_first",
    "soft_memberships",
    "squared_distances",
]

_ADJACENCY_WEIGHT = 0.25
_NO_CONTRAST = 1e-6  # share of the centres' squared length below which distances are rounding


def cluster_centres(embeddings: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Run k-means on sampled pixel embeddings.

    Parameters
    ----------
    embeddings
        float32 (n, c).
    clusters
        Number of clusters k.
    seed
        Start of k-means++.

    Returns
    -------
    ndarray
        float32 (k, c) centres.
    """
    # scikit-learn adds up the threads' sums in the order in which they finish.
    with threadpool_limits(1):
        means = KMeans(clusters, n_init=5, random_state=seed).fit(embeddings)
    return means.cluster_centers_.astype(np.float32)


def squared_distances(embedding: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distance of every pixel (c, y, x) to every centre (k, c): float32 (k, y, x)."""
    flat = embedding.reshape(len(embedding), -1)
    distances = (centres**2).sum(axis=1)[:, None] - 2 * centres @ flat + (flat**2).sum(axis=0)[None]
    return np.maximum(distances, 0).reshape(-1, *embedding.shape[1:])


def soft_memberships(distances: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Grade every pixel between each cluster and the palest one.

    What an exterior encloses, cytoplasm or lumen, is pale: along the line from the palest
    cluster's centre to another's, the membership rises from 0 to 1, and it is 0.5 half-way. With
    ``d`` the squared distance of a pixel to the one centre, ``p`` that to the palest and ``b``
    that between both, the membership is ``(1 + (p - d) / b) / 2``, kept within 0 and 1. Unlike a
    softmax over all clusters it rises steadily, so that it can be swept from strict to lenient.
    The palest cluster is graded against the darkest. Where all centres coincide, as on bare
    glass, everything is half-way.

    Parameters
    ----------
    distances
        float32 (k, y, x) squared distances.
    centres
        float32 (k, c), from the darkest cluster to the palest.

    Returns
    -------
    ndarray
        uint8 (k, y, x), 0..255 for 0..1.
    """
    opposite = np.full(len(centres), len(centres) - 1)
    opposite[-1] = 0
    between = ((centres - centres[opposite]) ** 2).sum(axis=1)
    least = _NO_CONTRAST * (centres**2).sum(axis=1).max()
    if between.max() <= least:
        return np.full(distances.shape, 128, np.uint8)
    along = (distances[opposite] - distances) / np.maximum(between, least)[:, None, None]
    return np.rint(255 * np.clip((1 + along) / 2, 0, 1)).astype(np.uint8)


def darkest_first(evidence: Sequence[ClusterEvidence]) -> np.ndarray:
    """Return the order, int (k,), that brings clusters from the darkest to the palest."""
    return np.argsort([e.lightness for e in evidence], kind="stable")


def cluster_evidence(
    images: Sequence[np.ndarray], clusters: Sequence[np.ndarray], k: int, min_area: float
) -> tuple[ClusterEvidence, ...]:
    """Measure the cues of every cluster, pooled over images.

    The score is the haematoxylin and the darkness of the cluster, both scaled to [0, 1] over the
    clusters, plus a quarter of its adjacency to the palest cluster; a cluster below the smallest
    area scores -1.

    Parameters
    ----------
    images
        uint8 (y, x, 3) crops.
    clusters
        int (y, x) cluster numbers 0..k-1 of the crops.
    k
        Number of clusters.
    min_area
        Smallest share of the pixels that an exterior may have.
    """
    labels = np.concatenate([c.ravel() for c in clusters])
    stain = _mean_by_cluster([haematoxylin(image) for image in images], labels, k)
    lightness = _mean_by_cluster([color.rgb2lab(image)[..., 0] for image in images], labels, k)
    area = np.bincount(labels, minlength=k) / len(labels)
    adjacency = _adjacency(clusters, k, palest=int(lightness.argmax()))
    score = (_unit(stain) + 1 - _unit(lightness) + _ADJACENCY_WEIGHT * adjacency) / (
        2 + _ADJACENCY_WEIGHT
    )
    score[area < min_area] = -1
    return tuple(
        ClusterEvidence(c + 1, *(float(v[c]) for v in (stain, lightness, area, adjacency, score)))
        for c in range(k)
    )


def choose_exterior(evidence: Sequence[ClusterEvidence]) -> int:
    """Return the number of the cluster with the best score."""
    return max(evidence, key=lambda e: e.score).cluster


def _mean_by_cluster(values: Sequence[np.ndarray], labels: np.ndarray, k: int) -> np.ndarray:
    flat = np.concatenate([v.ravel() for v in values])
    counts = np.maximum(np.bincount(labels, minlength=k), 1)
    return np.bincount(labels, weights=flat, minlength=k) / counts


def _adjacency(clusters: Sequence[np.ndarray], k: int, palest: int) -> np.ndarray:
    """Share of each cluster's neighbour pairs with other clusters that are with the palest."""
    pairs = np.zeros((k, k))
    for c in clusters:
        for a, b in ((c[1:], c[:-1]), (c[:, 1:], c[:, :-1])):
            pairs += np.bincount((a * k + b).ravel(), minlength=k * k).reshape(k, k)
    pairs += pairs.T
    np.fill_diagonal(pairs, 0)
    return pairs[:, palest] / np.maximum(pairs.sum(axis=1), 1)


def _unit(values: np.ndarray) -> np.ndarray:
    """Scale to [0, 1]."""
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)
