"""The losses of stage 2 against values worked out by hand."""

import math

import pytest
import torch

from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, IGNORE, INTERIOR
from napari_glands.segmentation.losses import (
    background_push,
    cross_entropy_with_ignore,
    exterior_embedding,
    knowledge_diffusion,
    relabel_omissions,
)


def row(*vectors):
    """An embedding (1, c, 1, n) of one row of pixels."""
    return torch.tensor(vectors, dtype=torch.float32).T[None, :, None, :]


def proposal(*values):
    return torch.tensor(values)[None, None, :]


K = torch.tensor([1.0, 0.0])


def test_cross_entropy_is_the_mean_over_known_pixels():
    logits = row((0.0, math.log(3)), (0.0, 0.0), (50.0, -50.0))
    target = torch.tensor([[[1, 0, IGNORE]]])
    expected = (-math.log(3 / 4) - math.log(1 / 2)) / 2
    assert cross_entropy_with_ignore(logits, target).item() == pytest.approx(expected, abs=1e-6)


def test_cross_entropy_of_nothing_known_is_zero_and_teaches_nothing():
    logits = torch.randn(2, 2, 3, 3, requires_grad=True)
    loss = cross_entropy_with_ignore(logits, torch.full((2, 3, 3), IGNORE))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_cross_entropy_counts_pixels_by_their_weight():
    logits = row((0.0, math.log(3)), (0.0, 0.0), (50.0, -50.0))
    target = torch.tensor([[[1, 0, IGNORE]]])
    weight = torch.tensor([[[3.0, 1.0, 9.0]]])
    expected = (-3 * math.log(3 / 4) - math.log(1 / 2)) / 4
    found = cross_entropy_with_ignore(logits, target, weight)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_cross_entropy_leaves_ignored_pixels_alone():
    logits = torch.randn(1, 2, 1, 2, requires_grad=True)
    cross_entropy_with_ignore(logits, torch.tensor([[[1, IGNORE]]])).backward()
    assert (logits.grad[..., 0] != 0).all()
    assert (logits.grad[..., 1] == 0).all()


def test_exterior_embedding_is_the_mean_direction_of_exterior_pixels():
    embedding = row((1, 0), (0, 1), (-1, 0), (0, -1))
    k = exterior_embedding(embedding, proposal(EXTERIOR, EXTERIOR, INTERIOR, BACKGROUND))
    half = math.sqrt(0.5)  # (1/2, 1/2) brought to unit length
    torch.testing.assert_close(k, torch.tensor([half, half]))


def test_exterior_embedding_is_a_constant_of_the_step():
    embedding = row((0.6, 0.8), (1, 0)).requires_grad_()
    k = exterior_embedding(embedding, proposal(EXTERIOR, INTERIOR))
    assert not k.requires_grad
    knowledge_diffusion(embedding, proposal(EXTERIOR, INTERIOR), k).backward()
    assert (embedding.grad[..., 0] == 0).all()
    assert (embedding.grad[..., 1] != 0).any()


def test_there_is_no_exterior_embedding_without_exterior():
    assert exterior_embedding(row((1, 0)), proposal(INTERIOR)) is None


def test_knowledge_diffusion_is_the_mean_squared_distance_of_interiors():
    embedding = row((0, 1), (1, 0), (-1, 0), (0.6, 0.8))
    where = proposal(INTERIOR, INTERIOR, BACKGROUND, IGNORE)
    # ‖(0,1) − (1,0)‖² = 2 and ‖(1,0) − (1,0)‖² = 0; background and ignored pixels do not count
    assert knowledge_diffusion(embedding, where, K).item() == pytest.approx((2 + 0) / 2)


def test_knowledge_diffusion_without_interior_is_a_differentiable_zero():
    embedding = row((0, 1)).requires_grad_()
    loss = knowledge_diffusion(embedding, proposal(EXTERIOR), K)
    loss.backward()
    assert loss.item() == 0
    assert (embedding.grad == 0).all()


def test_background_push_is_the_hinge_on_the_distance():
    embedding = row((0.6, 0.8), (0, 1), (1, 0))
    where = proposal(BACKGROUND, BACKGROUND, INTERIOR)
    # distances √(0.4² + 0.8²) = √0.8 and √2; margin 1: (1 − √0.8)² and 0
    expected = ((1 - math.sqrt(0.8)) ** 2 + 0) / 2
    assert background_push(embedding, where, K, 1.0).item() == pytest.approx(expected, abs=1e-6)


def test_background_push_has_a_gradient_even_on_the_exterior_embedding():
    embedding = row((1, 0), (1, 0)).requires_grad_()
    loss = background_push(embedding, proposal(BACKGROUND, BACKGROUND), K, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(1.0, abs=1e-4)
    assert torch.isfinite(embedding.grad).all()


def test_background_push_without_background_is_zero():
    assert background_push(row((1, 0)), proposal(INTERIOR), K, 1.0).item() == 0


def test_omissions_are_the_background_pixels_nearer_to_k_than_interiors_are():
    # interiors at squared distance 2 and 0, mean 1; backgrounds at 0.8, 2 and 0
    embedding = row((0, 1), (1, 0), (0.6, 0.8), (0, 1), (1, 0), (1, 0))
    where = proposal(INTERIOR, INTERIOR, BACKGROUND, BACKGROUND, BACKGROUND, IGNORE)
    omissions = relabel_omissions(embedding, where, K)
    assert omissions.tolist() == [[[False, False, True, False, True, False]]]


def test_nothing_is_an_omission_without_interiors_to_compare_with():
    assert not relabel_omissions(row((1, 0)), proposal(BACKGROUND), K).any()
