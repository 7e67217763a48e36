"""A workbench on a real canvas, driven by clicks and keys."""

from __future__ import annotations

import gc
import importlib
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before napari reads it: the tests must not touch the preferences of whoever runs them.
os.environ["NAPARI_CONFIG"] = ""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtWidgets import QApplication, QMessageBox

# Takes seconds to load: not while a test looks at how fast the window answers.
import napari_glands.segmentation.training  # noqa: F401
from napari_glands.exterior import ClusterEvidence, ExteriorMap
from napari_glands.priors import Prior, Priors
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

LEFT = Qt.MouseButton.LeftButton
MPP = 1.24
SHAPE = (96, 128)


class Bench:
    """The docked workbench and the hands of a user."""

    def __init__(self, viewer: Any, qtbot: Any, folder: Path) -> None:
        self.viewer, self.qtbot, self.folder = viewer, qtbot, folder
        _, self.widget = viewer.window.add_plugin_dock_widget("napari-glands", "Gland workbench")
        self.session = self.widget.session
        # What was asked in message boxes, and what is answered.
        self.questions: list[str] = []
        self.answer = QMessageBox.StandardButton.Yes
        self.hold_autosave(0.05)

    def hold_autosave(self, seconds: float = 60) -> None:
        for editor in (self.session.curation.priors, self.session.curation.glands):
            editor.autosave.seconds = editor.autosave.longest = seconds

    def view(self, step: str) -> Any:
        index = self.widget.steps.index(step)
        self.qtbot.mouseClick(self.widget.nav.buttons[index], LEFT)
        return self.widget.views[step]

    def click(self, button: Any) -> None:
        assert button.isEnabled(), f"{button.text()} is disabled"
        self.qtbot.mouseClick(button, LEFT)

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=int(seconds * 1000))

    def settle(self) -> None:
        """Wait until neither job nor queue has anything to do."""
        for _ in range(2):  # a step may be asked about first, in the queue
            self.until(lambda: not self.session.tasks.busy, 120)
            done: list[bool] = []
            self.session.tasks.later(lambda: None, lambda _, done=done: done.append(True))
            self.until(lambda done=done: done)
        self.qtbot.wait(20)

    def run(self, step: str) -> Any:
        view = self.view(step)
        self.click(view.run_button)
        self.settle()
        return view

    def layer(self, role: str) -> Any:
        return self.session.layers.find(self.session.current, role)

    def add_slide(self, name: str = "field", image: np.ndarray | None = None) -> str:
        """Put a slide into the project as adding it does; return its id."""
        pixels = noise() if image is None else image
        project = self.session.writable_project()
        (entry,) = project.add_slides([open_slide(pixels, mpp=MPP, name=name)])
        self.session.refresh(show=entry.id, create=True)
        self.until(lambda: self.session.current == entry.id)
        return entry.id

    def show_results(self) -> None:
        self.session.refresh(create=True)
        self.settle()

    # ---- things to work on

    @staticmethod
    def noise(seed: int = 0) -> np.ndarray:
        return noise(seed)

    @staticmethod
    def make_exterior(slide: Any) -> ExteriorMap:
        return make_exterior(slide)

    @staticmethod
    def make_priors(slide: Any) -> Priors:
        return make_priors(slide)

    @staticmethod
    def make_prediction(slide: Any) -> Prediction:
        return make_prediction(slide)

    # ---- mouse on the canvas

    def canvas_point(self, role: str, row: float, column: float) -> QPoint:
        """Return where on the canvas a pixel of a layer is."""
        y, x = self.layer(role).data_to_world((row, column))[-2:]
        camera, canvas = self.viewer.scene.camera, self.canvas
        cy, cx = camera.center[-2:]
        return QPoint(
            round((x - cx) * camera.zoom + canvas.width() / 2),
            round((y - cy) * camera.zoom + canvas.height() / 2),
        )

    @property
    def canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def click_canvas(self, role: str, row: float, column: float) -> None:
        point = self.canvas_point(role, row, column)
        self.qtbot.mouseMove(self.canvas, point)
        self.qtbot.mousePress(self.canvas, LEFT, pos=point)
        self.qtbot.mouseRelease(self.canvas, LEFT, pos=point)

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        self.canvas.setFocus()
        self.qtbot.keyClick(self.canvas, key, modifier)


def ours_alive() -> Counter[str]:
    """Name the widgets of this plugin that are alive, each with where it sits."""
    app = QApplication.instance()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    names: Counter[str] = Counter()
    for widget in app.allWidgets():
        kind = type(widget)
        if kind.__module__.startswith("napari_glands."):
            parent = type(widget.parentWidget()).__name__
            names[f"{kind.__module__}.{kind.__name__} in {parent}"] += 1
    return names


@pytest.fixture(scope="session", autouse=True)
def imported_for_good(qapp):
    """Spare the garbage collections of hundreds of windows what was imported once.

    napari collects after every window: with its modules and torch's, 0.3 s each time.
    """
    for module in ("napari._qt.qt_viewer", "torch", "napari_glands.workbench"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def no_widgets_left(request, qapp):
    """Fail a test after which widgets of ours are alive although their viewer has closed."""
    before = ours_alive()
    yield
    call = getattr(request.node, "rep_call", None)
    if call is None or call.failed:
        return  # the traceback of a failure keeps what it mentions
    if ours_alive() - before:
        gc.collect()  # takes its time, so only where there is something to collect
    left = ours_alive() - before
    assert not left, "widgets are left: " + ", ".join(f"{n} × {w}" for w, n in left.items())


@pytest.fixture
def bench(make_napari_viewer, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_path", lambda *a, **k: tmp_path / "data")
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 800)
    bench = Bench(viewer, qtbot, tmp_path)

    def answer(parent: Any, title: str, text: str, *more: Any) -> Any:
        bench.questions.append(text)
        return bench.answer

    monkeypatch.setattr(QMessageBox, "question", answer)
    yield bench
    session = bench.session
    session.close()
    session.closing.join(30)
    assert not session.closing.is_alive()
    left = [t.name for t in threading.enumerate() if t.name.startswith("napari-glands")]
    assert not left, f"threads are left: {left}"


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(80, 240, (*SHAPE, 3), dtype=np.uint8)


def make_exterior(slide: Any, settings: Settings | None = None) -> ExteriorMap:
    """Two clusters, left and right half; the left one is chosen."""
    grid = slide.grid(MPP)
    memberships = np.zeros((2, *grid.shape), np.uint8)
    half = grid.shape[1] // 2
    memberships[0, :, :half], memberships[1, :, half:] = 255, 255
    clusters = np.where(memberships[0] > 0, 1, 2).astype(np.uint8)
    evidence = tuple(ClusterEvidence(n, 0.2 / n, 40.0 * n, 0.5, 0.3, 1.0 / n) for n in (1, 2))
    return ExteriorMap(slide.id, grid, clusters, memberships, 1, evidence, settings or Settings())


def make_priors(slide: Any) -> Priors:
    """Two square priors, 1 and 2."""
    grid = slide.grid(MPP)
    labels = np.zeros(grid.shape, np.int32)
    labels[20:40, 20:40], labels[50:70, 70:90] = 1, 2
    table = tuple(
        Prior(
            n,
            "proposed",
            0.9,
            400 * grid.pixel_area_um2,
            solidity=0.95,
            contrast=0.5,
            ring=0.9,
            stability=0.5,
            level=0.3,
        )
        for n in (1, 2)
    )
    exterior = np.zeros(grid.shape, np.uint8)
    return Priors(slide.id, grid, labels, table, Settings(), exterior=exterior)


def make_prediction(slide: Any) -> Prediction:
    priors = make_priors(slide)
    return Prediction(
        slide.id,
        slide.name,
        priors.grid,
        (priors.labels > 0).astype(np.float32) * 0.9,
        priors.labels,
        "glands",
        Settings(),
    )


@pytest.fixture
def with_priors(bench):
    """A workbench that shows a slide with an exterior and two priors."""
    slide_id = bench.add_slide()
    project = bench.session.project
    slide = project.slide(slide_id)
    project.save_exterior(make_exterior(slide), fingerprint="made by a test")
    project.save_priors(make_priors(slide), fingerprint="made by a test")
    bench.show_results()
    return bench
