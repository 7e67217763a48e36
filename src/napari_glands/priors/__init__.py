"""Priors: closed exteriors, filled, scored, inspected and edited."""

from napari_glands.priors.editing import from_labels, with_state
from napari_glands.priors.growing import grow_priors
from napari_glands.priors.mining import mine_priors
from napari_glands.priors.prior import STATES, Prior, Priors, PriorState
from napari_glands.priors.proposals import proposal_map
from napari_glands.priors.teaching import teaching

__all__ = [
    "STATES",
    "Prior",
    "PriorState",
    "Priors",
    "from_labels",
    "grow_priors",
    "mine_priors",
    "proposal_map",
    "teaching",
    "with_state",
]
