"""The losses of stage 1 against values worked out by hand."""

import math

import pytest
import torch

from napari_glands.exterior.losses import iic_loss, self_label_loss, spatial_loss

SURE = 60.0  # a logit so large that softmax gives 1 to float precision


def one_hot(classes, c):
    """Responses (1, c, 1, n) that are certain of the given classes."""
    response = torch.zeros(1, c, 1, len(classes))
    for x, k in enumerate(classes):
        response[0, k, 0, x] = SURE
    return response


def test_self_label_loss_is_the_cross_entropy_against_the_argmax():
    # pixel 1 has logits (ln 3, 0): p(argmax) = 3 / (3 + 1); pixel 2 has (0, 0): p = 1 / 2
    response = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]]).reshape(1, 2, 1, 2)
    expected = (-math.log(3 / 4) - math.log(1 / 2)) / 2
    assert self_label_loss(response).item() == pytest.approx(expected, abs=1e-6)


def test_self_label_loss_pulls_every_pixel_to_what_it_prefers():
    response = torch.tensor([[1.0, -1.0], [0.0, 0.0]]).reshape(1, 2, 1, 2).requires_grad_()
    self_label_loss(response).backward()
    # A descent step raises the preferred response and lowers the other.
    step = -response.grad.reshape(2, 2)
    assert step[0, 0] > 0 > step[1, 0]
    assert step[1, 1] > 0 > step[0, 1]


@pytest.mark.parametrize("c", [2, 4])
def test_iic_of_two_sure_and_equal_views_is_minus_log_c(c):
    view = one_hot(list(range(c)) * 3, c)
    assert iic_loss(view, view).item() == pytest.approx(-math.log(c), abs=1e-5)


def test_iic_of_independent_views_is_zero():
    # All four pairs of classes equally often: knowing one view says nothing of the other.
    first, second = one_hot([0, 0, 1, 1], 2), one_hot([0, 1, 0, 1], 2)
    assert iic_loss(first, second).item() == pytest.approx(0.0, abs=1e-5)


def test_iic_of_a_known_joint_distribution():
    # pairs (0,0) ×3, (1,1) ×3, (0,1) and (1,0) once each: P = [[3, 1], [1, 3]] / 8, margins 1/2
    first, second = one_hot([0, 0, 0, 1, 1, 1, 0, 1], 2), one_hot([0, 0, 0, 1, 1, 1, 1, 0], 2)
    expected = -(2 * 3 / 8 * math.log(3 / 8 * 4) + 2 * 1 / 8 * math.log(1 / 8 * 4))
    assert iic_loss(first, second).item() == pytest.approx(expected, abs=1e-5)


def test_iic_does_not_reward_one_class_for_everything():
    everything = one_hot([0] * 6, 3)
    assert iic_loss(everything, everything).item() == pytest.approx(0.0, abs=1e-5)


def test_iic_treats_the_views_alike_and_has_gradients_where_a_class_is_unused():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 2, 4, 5, 6, generator=generator)
    assert iic_loss(first, second).item() == pytest.approx(iic_loss(second, first).item())
    unused = one_hot([0, 0, 1, 1], 3).requires_grad_()
    iic_loss(unused, unused).backward()
    assert torch.isfinite(unused.grad).all()


def test_spatial_loss_sums_the_mean_steps_down_and_to_the_right():
    response = torch.tensor([[1.0, 2.0, 4.0], [1.0, 5.0, 4.0]]).reshape(1, 1, 2, 3)
    down = (0 + 3 + 0) / 3
    right = (1 + 2 + 4 + 1) / 4
    assert spatial_loss(response).item() == pytest.approx(down + right)


def test_spatial_loss_of_a_flat_response_is_zero():
    assert spatial_loss(torch.full((2, 3, 4, 5), 7.0)).item() == 0


def test_the_gradient_of_the_spatial_loss_is_that_of_its_formula():
    response = torch.randn(2, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    ours, plain = (response.clone().requires_grad_() for _ in range(2))
    (3 * spatial_loss(ours)).backward()
    (3 * (plain.diff(dim=2).abs().mean() + plain.diff(dim=3).abs().mean())).backward()
    torch.testing.assert_close(ours.grad, plain.grad)
