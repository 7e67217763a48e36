"""A user who paints, decides, takes back, saves, predicts anew and reopens, in any order."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before napari reads it: the tests must not touch the preferences of whoever runs them.
os.environ["NAPARI_CONFIG"] = ""
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from effort import EFFORT
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_glands.priors.curated import DECIDED
from napari_glands.priors.prior import Prior, Priors
from napari_glands.priors.verbs import Edit
from napari_glands.project import Project
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide
from napari_glands.workbench.curation import Curation
from napari_glands.workbench.layers import SlideLayers
from napari_glands.workbench.tasks import Tasks

SHAPE = (40, 56)
MPP = 1.24
SETTINGS = Settings().updated("predict", min_gland_um2=20.0)
LABELS = (1, 2, 3, 7, 70_000)
ROLES = st.sampled_from(["priors", "glands"])
STATES = st.sampled_from(["proposed", "doubtful", "accepted", "edited", "rejected"])
PLACES = st.tuples(
    st.integers(0, SHAPE[0] - 5), st.integers(0, SHAPE[1] - 5), st.integers(1, 12),
    st.integers(1, 12),
)  # fmt: skip
SECONDS = 20.0

State = tuple[np.ndarray, tuple[Any, ...], np.ndarray | None]


class Window:
    """A workbench without a window: the layers of one slide, their editors, and the queue."""

    def __init__(self, folder: Path) -> None:
        from napari.components import ViewerModel  # not while the tests of all rooms are collected

        self.app = QApplication.instance() or QApplication([])
        self.project = Project.open(folder)
        self.parent = QObject()
        self.viewer = ViewerModel()
        self.tasks = Tasks(self.parent)
        self.layers = SlideLayers(self.viewer)
        self.curation = Curation(self.parent, self.viewer, self.tasks, self.layers)
        self.slide = self.project.slides[0].id
        self.outdated = 0
        self.curation.outdated.connect(self._on_outdated)
        for role in ("priors", "glands"):
            editor = self.editor(role)
            editor.autosave.seconds = editor.autosave.longest = 3600
            self.show(role)

    def editor(self, role: str) -> Any:
        return getattr(self.curation, role)

    def saved(self, role: str) -> Any:
        return getattr(self.project, f"load_{role}")(self.slide)

    def show(self, role: str) -> None:
        """Show what is saved, as the session does after every step."""
        content = self.project.facts(self.slide, role)["content"]
        self.editor(role).show(self.project, self.saved(role), content, create=True)

    def settle(self) -> None:
        """Wait until the queue has done all that it was given."""
        done: list[bool] = []
        self.tasks.later(lambda: None, lambda _: done.append(True))
        self.until(lambda: bool(done))

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the queue does not come to its end"
            self.app.processEvents()
            time.sleep(0.001)

    def close(self) -> None:
        """Close as the workbench does: edits first, then the project."""
        self.curation.flush()
        self.settle()
        self.tasks.close(self.project.close).join(SECONDS)
        self.viewer.layers.clear()
        self.parent.deleteLater()
        self.app.processEvents()

    def _on_outdated(self) -> None:
        self.outdated += 1


class Edits(RuleBasedStateMachine):
    """What is shown after any order of edits is what is there after a save and a reopening.

    For each layer a plain list of states is kept beside it: undo has to go back along it exactly,
    and redo forth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="napari-glands-edits-")
        self.project = Path(self.folder.name, "study.glands")
        self.done: dict[str, list[State]] = {}
        self.undone: dict[str, list[State]] = {}

    @initialize()
    def begin(self) -> None:
        with Project.create(self.project, SETTINGS) as project:
            pixels = np.random.default_rng(0).integers(90, 230, (*SHAPE, 3), dtype=np.uint8)
            (entry,) = project.add_slides([open_slide(pixels, mpp=MPP, name="field")])
            slide = project.slide(entry.id)
            project.save_priors(_priors(slide), fingerprint="made by a test")
            project.save_prediction(_prediction(slide, 0), fingerprint="made by a test")
            slide.close()
        self._open()

    def _open(self) -> None:
        self.window = Window(self.project)
        self._forget("priors", "glands")

    def _forget(self, *roles: str) -> None:
        for role in roles:
            self.done[role], self.undone[role] = [self._state(role)], []

    def _state(self, role: str) -> State:
        now = self.window.editor(role).curated
        marks = getattr(now, "marks", None)
        return np.array(now.labels), now.table, None if marks is None else marks.copy()

    def _did(self, role: str) -> None:
        """Note the state after an action, if it changed anything."""
        state = self._state(role)
        if not _same(state, self.done[role][-1]):
            self.done[role].append(state)
            self.undone[role].clear()

    # ---- what the user does

    @rule(role=ROLES, place=PLACES, label=st.sampled_from((0, *LABELS)))
    def paint(self, role: str, place: tuple[int, int, int, int], label: int) -> None:
        """Put a rectangle of one label, as our own tools do."""
        y, x, height, width = place
        box = (slice(y, min(y + height, SHAPE[0])), slice(x, min(x + width, SHAPE[1])))
        part = np.full((box[0].stop - y, box[1].stop - x), label, np.int32)
        self.window.editor(role).apply(Edit(box, part), "Paint")
        self._did(role)

    @rule(role=ROLES, place=PLACES, label=st.sampled_from((0, *LABELS)))
    def brush(self, role: str, place: tuple[int, int, int, int], label: int) -> None:
        """Draw with napari's brush: one stroke of a few dabs."""
        y, x, size, steps = place
        layer = self.window.editor(role).layer
        layer.brush_size = max(1, size // 2)
        with layer.block_history():
            for step in range(1 + steps // 4):
                layer.paint((y, min(x + 2 * step, SHAPE[1] - 1)), label)
        self._did(role)

    @rule(role=ROLES, place=PLACES, label=st.sampled_from((0, *LABELS)))
    def fill(self, role: str, place: tuple[int, int, int, int], label: int) -> None:
        layer = self.window.editor(role).layer
        if layer.data[place[:2]]:  # the ground would be one gland over all others
            layer.fill(place[:2], label)
            self._did(role)

    @rule(role=ROLES, labels=st.lists(st.sampled_from(LABELS), max_size=3), state=STATES)
    def decide(self, role: str, labels: list[int], state: Any) -> None:
        self.window.editor(role).set_state(labels, state, "Decide")
        self._did(role)

    @rule(role=ROLES, label=st.sampled_from(LABELS))
    def delete(self, role: str, label: int) -> None:
        self.window.editor(role).delete(label)
        self._did(role)

    @rule(place=PLACES, value=st.integers(0, 2))
    def mark(self, place: tuple[int, int, int, int], value: int) -> None:
        y, x, height, width = place
        box = (slice(y, min(y + height, SHAPE[0])), slice(x, min(x + width, SHAPE[1])))
        mask = np.ones((box[0].stop - y, box[1].stop - x), bool)
        self.window.editor("priors").mark(box, mask, value)
        self._did("priors")

    @rule(role=ROLES)
    def undo(self, role: str) -> None:
        self.window.editor(role).undo()
        if len(self.done[role]) > 1:
            self.undone[role].append(self.done[role].pop())

    @rule(role=ROLES)
    def redo(self, role: str) -> None:
        self.window.editor(role).redo()
        if self.undone[role]:
            self.done[role].append(self.undone[role].pop())

    # ---- what happens to it

    @rule()
    def save(self) -> None:
        """Let the autosave come."""
        self.window.curation.flush()
        self.window.settle()
        for role in ("priors", "glands"):
            _assert_same(_of(self.window.saved(role)), self._state(role), f"saved {role}")
            assert not self.window.editor(role).dirty

    @rule()
    def reopen(self) -> None:
        """Close the window and open the project again."""
        shown = {role: self._state(role) for role in ("priors", "glands")}
        self.window.close()
        self._open()
        for role, state in shown.items():
            _assert_same(self._state(role), state, f"reopened {role}")

    @rule(seed=st.integers(1, 5), saved_before=st.booleans())
    def predict(self, seed: int, saved_before: bool) -> None:
        """Save another prediction, while edits are saved or still wait."""
        window, before = self.window, self._state("glands")
        if saved_before:
            window.curation.flush()
            window.settle()
        slide = window.project.slide(window.slide)
        window.project.save_prediction(_prediction(slide, seed), fingerprint=f"seed {seed}")
        slide.close()
        window.curation.flush()
        window.settle()
        window.show("glands")
        self._forget("glands")
        _assert_decisions_stay(before, self._state("glands"))

    # ---- what must hold

    @invariant()
    def shown_is_what_was_done(self) -> None:
        if self.done:
            for role in ("priors", "glands"):
                _assert_same(self._state(role), self.done[role][-1], f"shown {role}")

    @precondition(lambda self: bool(self.done))
    @invariant()
    def rows_agree_with_pixels(self) -> None:
        for role in ("priors", "glands"):
            labels, table, _ = self._state(role)
            ids, counts = np.unique(labels[labels > 0], return_counts=True)
            assert [row.id for row in table] == ids.tolist(), role
            area = self.window.editor(role).curated.grid.pixel_area_um2
            np.testing.assert_allclose([row.area_um2 for row in table], counts * area)

    def teardown(self) -> None:
        if self.done:
            self.window.close()
            del self.window
        self.folder.cleanup()


def _of(curated: Any) -> State:
    return curated.labels, curated.table, getattr(curated, "marks", None)


def _same(one: State, other: State) -> bool:
    marks = (np.zeros(0) if state[2] is None else state[2] for state in (one, other))
    return np.array_equal(one[0], other[0]) and one[1] == other[1] and np.array_equal(*marks)


def _assert_same(one: State, other: State, what: str) -> None:
    np.testing.assert_array_equal(one[0], other[0], err_msg=what)
    assert one[1] == other[1], what
    if one[2] is not None:
        np.testing.assert_array_equal(one[2], other[2], err_msg=f"marks of {what}")


def _assert_decisions_stay(before: State, after: State) -> None:
    """Every gland that was decided is there with its outline and its state."""
    states = {row.id: row.state for row in after[1]}
    for row in before[1]:
        if row.state in DECIDED:
            here = before[0] == row.id
            assert states.get(row.id) == row.state, f"gland {row.id} was {row.state}"
            assert (after[0][here] == row.id).all(), f"gland {row.id} has another outline"


def _labels(seed: int) -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    chance = np.random.default_rng(seed)
    for label in (1, 2, 3):
        y, x = chance.integers(0, SHAPE[0] - 12), chance.integers(0, SHAPE[1] - 12)
        labels[y : y + 10, x : x + 10] = label
    return labels


def _priors(slide: Any) -> Priors:
    grid = slide.grid(MPP)
    labels = _labels(0)
    cues = {"solidity": 0.9, "contrast": 0.4, "ring": 0.8, "stability": 0.5, "level": 0.2}
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    table = tuple(
        Prior(
            id=int(n), state="proposed", score=0.9, area_um2=float(c * grid.pixel_area_um2), **cues
        )
        for n, c in zip(ids, counts, strict=True)
    )
    exterior = np.zeros(grid.shape, np.uint8)
    return Priors(slide.id, grid, labels, table, SETTINGS, exterior=exterior)


def _prediction(slide: Any, seed: int) -> Prediction:
    labels = _labels(seed)
    probability = np.where(labels > 0, 0.9, 0.1).astype(np.float32)
    model = f"glands@{seed}"
    return Prediction(slide.id, slide.name, slide.grid(MPP), probability, labels, model, SETTINGS)


@pytest.fixture(autouse=True)
def leave_nothing():
    yield
    gc.collect()


TestEdits = Edits.TestCase
TestEdits.settings = EFFORT.edits
