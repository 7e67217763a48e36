"""Priors: closed exteriors, filled, scored, inspected and edited."""

from napari_glands.priors.curated import DECIDED, STATES, USED, Curated, Row, State
from napari_glands.priors.editing import from_labels, with_state
from napari_glands.priors.gland import Gland, Glands
from napari_glands.priors.growing import grow_priors
from napari_glands.priors.mining import mine_priors
from napari_glands.priors.prior import (
    MARK_BACKGROUND,
    MARK_IGNORE,
    MARK_NOTHING,
    Prior,
    Priors,
    PriorState,
)
from napari_glands.priors.proposals import proposal_map
from napari_glands.priors.teaching import teaching

__all__ = [
    "DECIDED",
    "MARK_BACKGROUND",
    "MARK_IGNORE",
    "MARK_NOTHING",
    "STATES",
    "USED",
    "Curated",
    "Gland",
    "Glands",
    "Prior",
    "PriorState",
    "Priors",
    "Row",
    "State",
    "from_labels",
    "grow_priors",
    "mine_priors",
    "proposal_map",
    "teaching",
    "with_state",
]
