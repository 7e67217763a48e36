"""Memberships, evidence and the choice of the exterior cluster."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from napari_glands.errors import GlandsError
from napari_glands.exterior.clustering import (
    choose_exterior,
    cluster_centres,
    cluster_evidence,
    soft_memberships,
    squared_distances,
)
from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.settings import Settings
from napari_glands.slides import Grid

PURPLE, PINK, WHITE = (60, 30, 110), (230, 150, 180), (250, 248, 250)


def memberships(embedding, centres):
    return soft_memberships(squared_distances(embedding, centres), centres)


def test_squared_distances():
    embedding = np.array([[[0.0, 3.0]], [[0.0, 4.0]]], np.float32)  # pixels (0, 0) and (3, 4)
    centres = np.array([[0, 0], [3, 0]], np.float32)
    np.testing.assert_allclose(squared_distances(embedding, centres)[:, 0], [[0, 25], [9, 16]])


def test_membership_is_one_at_its_centre_half_half_way_and_nil_at_the_opposite_end():
    centres = np.array([[0.0], [10.0]], np.float32)
    line = np.array([0, 5, 10], np.float32)[None, None, :]
    np.testing.assert_array_equal(memberships(line, centres)[:, 0], [[255, 128, 0], [0, 128, 255]])


def test_membership_falls_steadily_from_a_cluster_to_the_palest():
    centres = np.array([[0.0, 0.0], [5.0, 1.0], [10.0, 0.0]], np.float32)
    line = np.zeros((2, 1, 50), np.float32)
    line[0] = np.linspace(0, 10, 50)
    along = memberships(line, centres)[0, 0].astype(int)
    assert (np.diff(along) <= 0).all()
    assert len(np.unique(along)) > 40  # it does not saturate between the two


def test_membership_is_graded_against_the_palest_cluster_not_the_farthest():
    exterior, far, palest = [0.0, 0.0], [0.0, 30.0], [10.0, 0.0]
    centres = np.array([exterior, far, palest], np.float32)
    half_way, beyond = memberships(np.array([[[5.0, -3.0]], [[0.0, 0.0]]], np.float32), centres)[
        0, 0
    ]
    assert (half_way, beyond) == (128, 255)


def test_a_cluster_that_coincides_with_the_palest_is_no_failure():
    centres = np.array([[0.0], [10.0], [10.0]], np.float32)
    line = np.array([0, 5, 10], np.float32)[None, None, :]
    np.testing.assert_array_equal(memberships(line, centres)[0, 0], [255, 128, 0])


def test_clusters_of_a_seed_are_the_same_and_lie_where_the_points_are():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(m, 0.1, (200, 2)) for m in (0, 5, 10)]).astype(np.float32)
    centres = cluster_centres(points, 3, seed=1)
    np.testing.assert_array_equal(centres, cluster_centres(points, 3, seed=1))
    np.testing.assert_allclose(np.sort(centres[:, 0]), [0, 5, 10], atol=0.1)


@pytest.fixture
def tissue():
    """Purple stripe against white lumen on its left and pink stroma on its right."""
    clusters = np.repeat([[0] * 40 + [1] * 20 + [2] * 40], 30, axis=0)
    return np.array([WHITE, PURPLE, PINK], np.uint8)[clusters], clusters


def test_evidence_of_a_made_image(tissue):
    image, clusters = tissue
    lumen, epithelium, stroma = cluster_evidence([image], [clusters], 3, 0.05)
    assert [e.cluster for e in (lumen, epithelium, stroma)] == [1, 2, 3]
    assert [e.area for e in (lumen, epithelium, stroma)] == [0.4, 0.2, 0.4]
    assert epithelium.haematoxylin > max(stroma.haematoxylin, lumen.haematoxylin)
    assert epithelium.lightness < stroma.lightness < lumen.lightness
    # Half of the epithelium's border lies on the lumen, none of the stroma's.
    assert epithelium.adjacency == 0.5
    assert stroma.adjacency == 0
    # Darkest and most haematoxylin: (1 + 1 + 0.25 · 0.5) / 2.25
    assert epithelium.score == pytest.approx(2.125 / 2.25)
    assert choose_exterior((lumen, epithelium, stroma)) == 2


def test_evidence_is_pooled_over_images(tissue):
    image, clusters = tissue
    halves = [np.s_[:15], np.s_[15:]]
    pooled = cluster_evidence([image[h] for h in halves], [clusters[h] for h in halves], 3, 0.05)
    for a, b in zip(pooled, cluster_evidence([image], [clusters], 3, 0.05), strict=True):
        assert a.lightness == pytest.approx(b.lightness)
        assert (a.area, a.adjacency) == (b.area, b.adjacency)


def test_a_cluster_that_is_too_small_is_not_chosen(tissue):
    image, clusters = tissue
    evidence = cluster_evidence([image], [clusters], 3, min_area=0.25)
    assert evidence[1].score == -1
    assert choose_exterior(evidence) == 3  # the darkest of those that are large enough


def test_a_cluster_without_pixels_is_not_chosen(tissue):
    image, clusters = tissue
    evidence = cluster_evidence([image], [clusters], 4, 0.05)
    assert evidence[3].area == 0
    assert choose_exterior(evidence) == 2


@pytest.fixture
def exterior_map():
    members = np.stack([np.full((4, 6), v, np.uint8) for v in (0, 51, 255)])
    evidence = tuple(ClusterEvidence(c, 0.1, 50, 0.3, 0.1, 0.5) for c in (1, 2, 3))
    grid = Grid((4, 6), (8, 12), 0.62)
    return ExteriorMap("s", grid, np.ones((4, 6), np.uint8), members, 2, evidence, Settings())


def test_the_exterior_is_the_membership_of_the_chosen_cluster(exterior_map):
    assert exterior_map.exterior.dtype == np.float32
    np.testing.assert_allclose(exterior_map.exterior, 0.2)
    other = exterior_map.with_cluster(3)
    np.testing.assert_array_equal(other.exterior, 1)
    assert exterior_map.cluster == 2
    back = other.with_cluster(2)
    np.testing.assert_array_equal(back.exterior, exterior_map.exterior)
    assert back.memberships is exterior_map.memberships


@pytest.mark.parametrize("cluster", [0, 4, -1])
def test_a_cluster_that_is_not_there_is_refused(exterior_map, cluster):
    with pytest.raises(GlandsError, match=rf"no cluster {cluster}: choose one of 1 to 3"):
        exterior_map.with_cluster(cluster)


def test_centres_are_the_same_on_every_run_whatever_the_threads():
    embeddings = np.random.default_rng(0).normal(size=(20_000, 16)).astype(np.float32)
    with threadpool_limits(8):
        found = [cluster_centres(embeddings, 5, seed=0).tobytes() for _ in range(5)]
    assert len(set(found)) == 1


def test_noise_of_rounding_is_no_contrast():
    centres = np.full((3, 4), 100, np.float32)
    centres[1] += 1e-5
    embedding = np.random.default_rng(0).normal(100, 1e-5, (4, 6, 7)).astype(np.float32)
    np.testing.assert_array_equal(memberships(embedding, centres), 128)
