"""The losses of stage 2."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from napari_glands.priors.proposals import BACKGROUND, EXTERIOR, IGNORE, INTERIOR

__all__ = [
    "background_push",
    "cross_entropy_with_ignore",
    "exterior_embedding",
    "knowledge_diffusion",
    "relabel_omissions",
]


def cross_entropy_with_ignore(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross-entropy over the pixels that are not ignored; 0 when all are.

    Parameters
    ----------
    logits
        (n, 2, y, x).
    target
        int64 (n, y, x): 0 background, 1 gland, 255 ignore.
    weight
        float (n, y, x): how much each pixel counts in the mean; None for all alike.
    """
    known = target != IGNORE
    if weight is None:
        total = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
        return total / known.sum().clamp_min(1)
    each = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="none")
    return (weight * each).sum() / (weight * known).sum().clamp_min(1)


def exterior_embedding(embedding: torch.Tensor, proposal: torch.Tensor) -> torch.Tensor | None:
    """K, the mean embedding of the exterior pixels of a batch, on the unit sphere.

    K is a constant of the step: knowledge flows from exteriors to interiors, not back.

    Parameters
    ----------
    embedding
        (n, c, y, x), normalised to unit length along c.
    proposal
        (n, y, x): 0 background, 1 exterior, 2 interior, 255 ignore.

    Returns
    -------
    Tensor or None
        (c,), or None when the batch has no exterior pixel.
    """
    exterior = embedding.movedim(1, -1)[proposal == EXTERIOR]
    return F.normalize(exterior.mean(dim=0), dim=0).detach() if len(exterior) else None


def knowledge_diffusion(
    embedding: torch.Tensor, proposal: torch.Tensor, k: torch.Tensor
) -> torch.Tensor:
    """Pull prior interiors to the region embedding of exteriors.

    ``L = mean over prior-interior pixels of ‖f − K‖²``; 0 when there is no such pixel.
    Source: Zhang's proposal, "knowledge diffusion loss".

    Parameters
    ----------
    embedding, proposal
        As for `exterior_embedding`.
    k
        (c,) the exterior embedding.
    """
    return _mean(_squared_distance(embedding, k)[proposal == INTERIOR])


def background_push(
    embedding: torch.Tensor, proposal: torch.Tensor, k: torch.Tensor, margin: float
) -> torch.Tensor:
    """Keep background away from the exterior embedding, so that the pull cannot collapse it.

    ``L = mean over background pixels of max(0, margin − ‖f − K‖)²``; 0 when there is none.
    Source: the hinge of Hadsell, Chopra and LeCun, CVPR 2006, equation 4.
    """
    distance = (_squared_distance(embedding, k)[proposal == BACKGROUND] + 1e-12).sqrt()
    return _mean((margin - distance).clamp_min(0) ** 2)


def relabel_omissions(
    embedding: torch.Tensor, proposal: torch.Tensor, k: torch.Tensor
) -> torch.Tensor:
    """Find the background pixels that look like gland to the network.

    A background pixel whose embedding is nearer to K than the prior interiors are on average is
    an omission: a gland that no prior covers.

    Returns
    -------
    Tensor
        bool (n, y, x): the omissions.
    """
    distance = _squared_distance(embedding, k).detach()
    interior = distance[proposal == INTERIOR]
    if not len(interior):
        return torch.zeros_like(proposal, dtype=torch.bool)
    return (proposal == BACKGROUND) & (distance < interior.mean())


def _squared_distance(embedding: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """‖f − K‖² of every pixel: (n, y, x)."""
    return ((embedding - k[None, :, None, None]) ** 2).sum(dim=1)


def _mean(values: torch.Tensor) -> torch.Tensor:
    """Mean, or a differentiable 0 for no values."""
    return values.sum() / max(1, values.numel())
