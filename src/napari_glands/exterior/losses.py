"""The losses of stage 1: none of them sees a label."""

from __future__ import annotations

import torch
from torch.nn import functional as F

__all__ = ["iic_loss", "self_label_loss", "spatial_loss"]


def self_label_loss(response: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the responses against their own argmax.

    ``CE(y, argmax y)``: every pixel is pulled towards the cluster it already prefers.
    Source: Kim et al., IEEE TIP 2020, equation 1.

    Parameters
    ----------
    response
        (n, c, y, x) responses, taken as logits over c classes.
    """
    return F.cross_entropy(response, response.argmax(dim=1))


def iic_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Negative mutual information between the class assignments of two views.

    With the joint distribution ``P = mean over pixels of softmax(y) softmax(y')ᵀ``, symmetrised,
    the loss is ``-Σ P log(P / (P_row P_column))``. Its least value is ``-log c``.
    Source: Ji, Henriques and Vedaldi, "Invariant information clustering", ICCV 2019, equation 3.

    Parameters
    ----------
    first, second
        (n, c, y, x) responses of two views of the same pixels, aligned.
    """
    # Of channels-last responses this is a view, and both the softmax and the product are in order.
    p, q = (y.movedim(1, -1).flatten(end_dim=-2).softmax(dim=-1) for y in (first, second))
    joint = p.T @ q / len(p)
    joint = ((joint + joint.T) / 2).clamp_min(torch.finfo(joint.dtype).tiny)
    rows, columns = joint.sum(dim=1, keepdim=True), joint.sum(dim=0, keepdim=True)
    return -(joint * (joint.log() - rows.log() - columns.log())).sum()


def spatial_loss(response: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of the responses of adjacent pixels.

    ``mean|∂ᵢy| + mean|∂ⱼy|``, the spatial continuity that makes neighbours share a cluster.
    Source: Kim et al., IEEE TIP 2020, equation 3.

    Parameters
    ----------
    response
        (n, c, y, x) responses.
    """
    return _Roughness.apply(response)


class _Roughness(torch.autograd.Function):
    """The spatial loss with its gradient in place: that of slices takes three times as long."""

    @staticmethod
    def forward(ctx, response: torch.Tensor) -> torch.Tensor:
        down = response[..., 1:, :] - response[..., :-1, :]
        right = response[..., :, 1:] - response[..., :, :-1]
        ctx.save_for_backward(down, right)
        return down.abs().mean() + right.abs().mean()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        steps_down, steps_right = ctx.saved_tensors
        down = steps_down.sign().mul_(gradient / steps_down.numel())
        right = steps_right.sign().mul_(gradient / steps_right.numel())
        result = F.pad(down, (0, 0, 1, 0))
        result[..., :-1, :] -= down
        result[..., :, 1:] += right
        result[..., :, :-1] -= right
        return result
