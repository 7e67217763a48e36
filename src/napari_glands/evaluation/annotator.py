"""A simulated user, who knows the truth and corrects until the glands are good enough.

It counts what a person would do with the hands: clicks, strokes and keys. The same user works in
two ways: down the review list, worst first; and from scratch with napari's own label tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage as ndi

from napari_glands.evaluation.metrics import compare, score

__all__ = ["FROM_SCRATCH", "Candidate", "Effort", "correct", "paint"]

_COVERED = 0.5  # share of a true gland that a detection has to cover, as in the GlaS challenge
_SPANNED = 0.25  # share of a true gland in a row from which the user sees that it is part of it

FROM_SCRATCH = {
    # napari 0.9: a new label (M), then encircle the gland with the right button held.
    "encircle": 2,
    # New label (M), outline with the brush, fill bucket (F), a click inside, brush again (P).
    "brush and fill": 5,
}
"""Actions per gland of napari's own ways to paint one."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One row of the review list.

    Attributes
    ----------
    mask
        bool (y, x).
    score
        How sure the network is; the list is worked through from the lowest.
    doubtful
        Whether it counts only when accepted.
    """

    mask: np.ndarray
    score: float
    doubtful: bool = False


@dataclass
class Effort:
    """What a user did to one image.

    Attributes
    ----------
    actions
        Number of actions by kind.
    before, after
        Object F1 at the start and at the end.
    """

    before: float = 0.0
    after: float = 0.0
    actions: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of all actions."""
        return sum(self.actions.values())

    def act(self, kind: str, times: int = 1) -> None:
        """Count an action."""
        if times:
            self.actions[kind] = self.actions.get(kind, 0) + times


def object_f1(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the GlaS object F1 of one image."""
    return score(compare(labels, truth)).object_f1


def paint(truth: np.ndarray, goal: float, actions_per_gland: int) -> Effort:
    """Paint the largest glands first, each along its true outline, until the goal is reached.

    Parameters
    ----------
    truth
        int (y, x) true instances.
    goal
        Object F1 at which the user stops.
    actions_per_gland
        See `FROM_SCRATCH`.
    """
    effort = Effort()
    effort.act("open the image")
    effort.act("new labels layer")
    effort.act("choose the brush")
    labels = np.zeros_like(truth)
    for label in _largest_first(truth):
        labels[truth == label] = label
        effort.act("paint", actions_per_gland)
        effort.after = object_f1(labels, truth)
        if effort.after >= goal:
            break
    return effort


def correct(candidates: Sequence[Candidate], truth: np.ndarray, goal: float) -> Effort:
    """Work down the review list, then draw what is missing, until the goal is reached.

    Every row costs at least one key. A row that covers several glands is split, one stroke per cut;
    fragments of a gland are joined by one stroke; what is no gland is rejected; a row too small for
    its gland is rejected too, and the gland drawn. A tool costs one key when it is taken up.

    Parameters
    ----------
    candidates
        The rows, in any order.
    truth
        int (y, x) true instances.
    goal
        Object F1 at which the user stops.
    """
    desk = _Desk(candidates, truth)
    effort = Effort(before=desk.f1())
    effort.act("next slide")
    for number in desk.worst_first:
        if desk.f1() >= goal:
            break
        desk.review(number, effort)
    for label in _largest_first(truth):
        if desk.f1() >= goal:
            break
        if not desk.found(label):
            desk.draw(label, effort)
    effort.after = desk.f1()
    return effort


class _Desk:
    """The labels as they are, and the user's hands."""

    def __init__(self, candidates: Sequence[Candidate], truth: np.ndarray) -> None:
        self._truth = truth
        self._areas = np.bincount(truth.ravel())
        self._masks = {n: c.mask.copy() for n, c in enumerate(candidates)}
        self._counts = {n for n, c in enumerate(candidates) if not c.doubtful}
        self._next = len(candidates)
        self._tool = ""
        self.worst_first = sorted(self._masks, key=lambda n: candidates[n].score)

    def f1(self) -> float:
        """Object F1 of the labels that count."""
        labels = np.zeros_like(self._truth)
        for n in sorted(self._counts):
            labels[self._masks[n]] = n + 1
        return object_f1(labels, self._truth)

    def found(self, label: int) -> bool:
        """Whether a label that counts covers a true gland."""
        return any(label in self._covered(n) for n in self._counts)

    def review(self, number: int, effort: Effort) -> None:
        """Decide on one row."""
        if number not in self._masks:  # joined to an earlier one
            return
        spanned = self._covered(number, _SPANNED)
        if len(spanned) > 1:
            self._split(number, spanned, effort)
        elif self._covered(number):
            self._counts.add(number)
            effort.act("accept")
        else:
            self._mend(number, effort)

    def _mend(self, number: int, effort: Effort) -> None:
        """Join a row that is too small for a gland with the rest of that, or reject it."""
        if fragments := self._fragments(number):
            self._join(fragments, effort)
        else:
            self._drop(number)
            effort.act("reject")

    def draw(self, label: int, effort: Effort) -> None:
        """Draw a gland along its true outline."""
        self._take("draw", effort)
        effort.act("draw")
        self._add(self._truth == label)

    def _split(self, number: int, spanned: list[int], effort: Effort) -> None:
        """Cut a row between the glands that it spans; small pieces are mended."""
        self._take("split", effort)
        effort.act("split", len(spanned) - 1)
        mask = self._masks[number]
        self._drop(number)
        distance = [ndi.distance_transform_edt(self._truth != label) for label in spanned]
        nearest = np.argmin(distance, axis=0)
        pieces = [self._add(mask & (nearest == n)) for n in range(len(spanned))]
        for piece in pieces:
            if not self._covered(piece):
                self._mend(piece, effort)

    def _join(self, numbers: list[int], effort: Effort) -> None:
        self._take("merge", effort)
        effort.act("merge")
        mask = np.any([self._masks[n] for n in numbers], axis=0)
        for n in numbers:
            self._drop(n)
        self._add(mask)

    def _fragments(self, number: int) -> list[int]:
        """Rows that together with this one cover a gland of which each is a part."""
        home = self._home(number)
        if home is None:
            return []
        parts = [n for n in self._masks if self._home(n) == home]
        union = np.any([self._masks[n] for n in parts], axis=0)
        inside = np.count_nonzero(union & (self._truth == home))
        return parts if len(parts) > 1 and inside >= _COVERED * self._areas[home] else []

    def _home(self, number: int) -> int | None:
        """The true gland in which most of a row lies."""
        mask = self._masks[number]
        counts = np.bincount(self._truth[mask], minlength=len(self._areas))
        best = int(counts[1:].argmax()) + 1 if len(counts) > 1 else 0
        return best if best and counts[best] >= _COVERED * mask.sum() else None

    def _covered(self, number: int, share: float = _COVERED) -> list[int]:
        """True glands of which at least a share lies in a row."""
        counts = np.bincount(self._truth[self._masks[number]], minlength=len(self._areas))
        enough = counts >= share * np.maximum(self._areas, 1)
        return [int(t) for t in np.flatnonzero(enough) if t]

    def _add(self, mask: np.ndarray) -> int:
        number, self._next = self._next, self._next + 1
        self._masks[number] = mask
        self._counts.add(number)
        return number

    def _drop(self, number: int) -> None:
        self._counts.discard(number)
        del self._masks[number]

    def _take(self, tool: str, effort: Effort) -> None:
        if self._tool != tool:
            effort.act(f"key of {tool}")
        self._tool = tool


def _largest_first(truth: np.ndarray) -> list[int]:
    labels, areas = np.unique(truth[truth > 0], return_counts=True)
    return [int(label) for label in labels[np.argsort(-areas, kind="stable")]]
