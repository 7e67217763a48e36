"""One working session, from images to an export, driven by clicks, keys and strokes.

    python run.py [--short] [--synthetic] [--kills N]

Every step is asserted. The last line is JSON with the figures: how late the interface was while a
network trained, how long a cancel took, what killed runs lost, and how many times more a user does
who paints from scratch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""  # the preferences of whoever runs this are not touched

import numpy as np
from bench import open_bench
from hands import Hands
from images import Pictures, pictures
from kills import kill_while_painting
from lateness import Lateness
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from skimage import measure

from napari_glands.errors import GlandsError
from napari_glands.evaluation.annotator import FROM_SCRATCH
from napari_glands.evaluation.effort import effort_table, efforts, times_fewer
from napari_glands.evaluation.label_files import label_files_of, read_label_image
from napari_glands.priors.verbs import close_gap
from napari_glands.project import Project

SHIFT = Qt.KeyboardModifier.ShiftModifier
GOAL = 0.8  # object F1 at which the simulated user stops
# Short enough for a test: the networks learn next to nothing.
TINY = {
    "exterior": {"iterations": 20, "channels": 8, "crop_um": 100.0},
    "priors": {
        "min_score": 0.3,
        "min_stain_score": 0.3,
        "min_solidity": 0.6,
        "min_ring": 0.3,
        "min_area_um2": 200.0,
    },
    "train": {"iterations": 5000, "rounds": 1, "batch_size": 4, "crop_um": 120.0, "depth": 3},
}


def main() -> int:
    """Run the session and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="small images and hardly any training")
    parser.add_argument("--synthetic", action="store_true", help="leave real images alone")
    parser.add_argument("--kills", type=int, default=20, help="how many runs to kill")
    wishes = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        figures = Session(folder, wishes).run()
    print(json.dumps(figures))
    return 0


class Session:
    """The user's day."""

    def __init__(self, folder: Path, wishes: argparse.Namespace) -> None:
        self.folder, self.short, self.kills = folder, wishes.short, wishes.kills
        self.glas = not (wishes.synthetic or wishes.short)
        self.shape = (300, 400) if wishes.short else (522, 775)
        self.figures: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        """Go through everything; return the figures."""
        study = self.folder / "study.glands"
        self.hands = open_bench()
        self.hands.session.new_project(study)
        self.hands.settle()
        for phase in (
            self.add_images, self.find_exterior, self.find_priors, self.close_two_gaps,
            self.split_one_gland, self.reject_three, self.accept_the_rest, self.train_and_edit,
            self.train_again, self.predict, self.correct_one_gland, self.export,
        ):  # fmt: skip
            began = time.perf_counter()
            phase()
            say(f"{phase.__name__.replace('_', ' ')}: {time.perf_counter() - began:.1f} s")
        before = self.contents()
        close(self.hands)
        self.kill_and_resume(study, before)
        if not self.short:
            self.count_actions()
        return self.figures

    # ---- steps

    def add_images(self) -> None:
        """Add the images and say how large their pixels are."""
        found = pictures(
            3 if self.short else 5, self.folder / "five", shape=self.shape, glas=self.glas
        )
        say(f"images: {found.kind}")
        self.figures["images"] = found.kind
        add(self.hands, found)
        if self.short:
            for step, values in TINY.items():
                for field, value in values.items():
                    self.hands.workbench.views[step].form.field(field).value = value
        else:
            choose_preset(self.hands, "quick")
        assert len(self.project.slides) == len(found.images)

    def find_exterior(self) -> None:
        """Stage 1."""
        self.run_step("exterior")
        assert all(self.project.facts(e.id, "exterior") for e in self.project.slides)

    def find_priors(self) -> None:
        """Closed rings become priors."""
        self.run_step("priors")
        assert all(self.project.facts(e.id, "priors") for e in self.project.slides)

    def close_two_gaps(self) -> None:
        """Draw a line over two gaps; each makes a prior, and one undo takes it back."""
        for _ in range(2):
            line = self.first_slide_with(self.gap)
            before = self.rows()
            self.draw("close_gap", line)
            self.hands.until(lambda b=before: set(self.rows()) - set(b), "the gap is closed")
            self.hands.click(self.review.undo_button)
            self.hands.until(lambda b=before: self.rows() == b, "that is taken back")
            self.hands.click(self.review.redo_button)
            self.hands.until(lambda b=before: set(self.rows()) - set(b), "and done again")

    def split_one_gland(self) -> None:
        """Draw a line through the largest prior."""
        before = self.rows()
        line = self.first_slide_with(self.waist)
        before = self.rows()
        self.draw("split", line)
        self.hands.until(lambda: len(self.rows()) == len(before) + 1, "the gland is split")

    def reject_three(self) -> None:
        """Press the key three times; each time the next one comes up."""
        rejected = 0
        for entry in self.project.slides:
            self.go_to(entry.id)
            self.hands.click(self.review.next_button)
            while rejected < 3 and "proposed" in self.rows().values():
                label = self.review.current
                assert self.rows()[label] == "proposed", "the list offers what is not decided"
                self.hands.key(Qt.Key.Key_N, SHIFT)
                self.hands.until(
                    lambda i=label: self.rows()[i] == "rejected", f"{label} is rejected"
                )
                rejected += 1
        assert rejected == 3

    def accept_the_rest(self) -> None:
        """On every slide."""
        for entry in self.project.slides:
            self.go_to(entry.id)
            if "proposed" in self.rows().values():
                self.hands.click(self.review.accept_rest_button)
            self.hands.until(lambda: "proposed" not in self.rows().values(), "all are decided")
        self.hands.settle()
        states = [
            r.state for e in self.project.slides for r in self.project.load_priors(e.id).table
        ]
        assert states.count("rejected") == 3
        assert states.count("accepted") > 0

    def train_and_edit(self) -> None:
        """Train; paint meanwhile, go to another slide; then cancel."""
        hands, view = self.hands, self.hands.view("train")
        hands.click(view.run_button)
        hands.until(lambda: view.curve.terms, "the network learns", 300)
        with Lateness() as late:
            self.edit_while_training(seconds=4 if self.short else 20)
        self.figures["gui_lateness_p99_ms"] = round(late.p99_ms(), 1)
        shown = hands.session.current
        hands.click(hands.workbench.project_bar.next_button)
        hands.until(lambda: hands.session.current != shown, "another slide is shown")
        hands.until(lambda: hands.layer("priors") is not None, "its priors are there")
        assert hands.session.tasks.busy, "the training ended before it was cancelled"
        hands.click(hands.workbench.job_bar.cancel_button)
        self.figures["cancel_s"] = round(
            hands.until(lambda: not hands.session.tasks.busy, "the training has stopped"), 2
        )
        hands.settle()
        assert self.project.model_names, "the network so far is kept"

    def edit_while_training(self, seconds: float) -> None:
        """Paint as fast as a person does."""
        hands = self.hands
        hands.view("priors")
        layer = hands.layer("priors")
        self.fly_to_all()
        hands.viewer.layers.selection.active = layer
        layer.mode, layer.brush_size = "paint", 4
        end, row = time.perf_counter() + seconds, 4
        while time.perf_counter() < end:
            layer.selected_label = 5000
            hands.stroke(layer, [(row, 4), (row, 20)])
            row = 4 + (row + 3) % (layer.data.shape[0] - 8)
            QTest.qWait(400)
        layer.mode = "pan_zoom"

    def train_again(self) -> None:
        """Go on from the network so far."""
        hands, view = self.hands, self.hands.view("train")
        view.form.field("iterations").value = 5
        content = self.project.model_facts("glands")["content"]
        hands.run(view.again_button)
        assert self.project.model_facts("glands")["content"] != content, view.status.text()

    def predict(self) -> None:
        """Find the glands of all slides."""
        self.run_step("predict")
        assert all(self.project.facts(e.id, "prediction") for e in self.project.slides)

    def correct_one_gland(self) -> None:
        """Erase a little of the largest gland of a slide; it counts as edited then."""
        self.step = "predict"
        gland = self.first_slide_with(self.largest)
        (y, x), label = gland.coords[len(gland.coords) // 2], gland.label
        self.draw("erase", [(y, x), (y, x + 2)])
        self.hands.until(lambda: self.rows().get(label) == "edited", f"gland {label} is edited")

    def export(self) -> None:
        """Write outlines for QuPath; the corrected gland is among them."""
        hands, view = self.hands, self.hands.view("export")
        target = self.folder / "out"
        view.folder.setText(str(target))
        hands.run(view.buttons["geojson"])
        files = sorted(target.glob("*.geojson"))
        assert len(files) == len(self.project.slides), view.status.text()
        glands = self.project.load_glands(hands.session.current)
        counted = sum(row.state in ("proposed", "accepted", "edited") for row in glands.table)
        name = Path(self.project.entry(hands.session.current).name).stem
        written = json.loads((target / f"{name}.geojson").read_text())
        assert len(written["features"]) == counted

    def kill_and_resume(self, study: Path, before: dict[str, Any]) -> None:
        """Kill painters of copies; the project itself is found as it was left."""
        kills = kill_while_painting(study, self.folder, self.kills)
        lost = [kill for kill in kills if kill.lost_seconds > 5]
        self.figures["kill_runs"] = len(kills)
        self.figures["kill_lost"] = len(lost)
        self.figures["kill_longest_loss_s"] = round(max(k.lost_seconds for k in kills), 2)
        say(f"{sum(k.strokes for k in kills)} strokes in {len(kills)} killed runs")
        self.hands = open_bench(study)
        assert self.contents() == before
        self.hands.until(lambda: self.hands.layer("glands") is not None, "the glands are shown")
        close(self.hands)

    def count_actions(self) -> None:
        """Let a simulated user correct ten predicted images, and paint them from scratch."""
        found = pictures(10, self.folder / "ten", shape=self.shape, glas=self.glas)
        self.hands = open_bench()
        self.hands.session.new_project(self.folder / "ten.glands")
        self.hands.settle()
        self.hands.actions.clear()
        add(self.hands, found)
        choose_preset(self.hands, "quick")
        self.hands.run(self.hands.view("slides").run_all.button, 3600)
        self.hands.view("predict")
        shared = self.hands.actions.total()
        truths = label_files_of(found.images, found.truth)
        glands = [self.project.load_glands(entry.id) for entry in self.project.slides]
        close(self.hands)
        by_slide = {
            path.stem: efforts(one, read_label_image(truth)[0], GOAL)
            for path, one, truth in zip(found.images, glands, truths, strict=True)
        }
        for row in effort_table(by_slide):
            say("  ".join(f"{key} {value}" for key, value in row.items()))
        say(f"and {shared} clicks to run the steps on all of them")
        ratios = times_fewer(by_slide, shared)
        # With the tools that napari shows as buttons; encircling is a hidden gesture, told apart.
        self.figures["actions_ratio"] = round(ratios["brush and fill"], 2)
        self.figures["actions_ratios"] = {way: round(ratios[way], 2) for way in FROM_SCRATCH}

    # ---- what the steps have in common

    step = "priors"

    @property
    def project(self) -> Project:
        """The open project."""
        return self.hands.session.project

    @property
    def review(self) -> Any:
        """The review panel of the step at hand."""
        return self.hands.view(self.step).review

    @property
    def layer(self) -> Any:
        """The layer that is corrected."""
        return self.hands.layer({"priors": "priors", "predict": "glands"}[self.step])

    def rows(self) -> dict[int, str]:
        """State by id, as the layer is now."""
        role = {"priors": "priors", "predict": "glands"}[self.step]
        return {
            row.id: row.state for row in getattr(self.hands.session.curation, role).curated.table
        }

    def contents(self) -> dict[str, Any]:
        """Digest of every saved result."""
        names = ("exterior", "priors", "prediction")
        return {
            f"{entry.id} {name}": (self.project.facts(entry.id, name) or {}).get("content")
            for entry in self.project.slides
            for name in names
        }

    def run_step(self, step: str) -> None:
        """Click Run and wait."""
        view = self.hands.view(step)
        self.hands.run(view.run_button)
        assert not view.status.text().startswith("⚠"), view.status.text()

    def go_to(self, slide_id: str) -> None:
        """Show a slide with its priors."""
        self.hands.session.show_slide(slide_id)
        self.hands.settle()
        self.hands.view(self.step)
        self.fly_to_all()

    def fly_to_all(self) -> None:
        """See the whole slide."""
        self.hands.viewer.reset_view()
        QTest.qWait(50)

    def draw(self, tool: str, line: Any) -> None:
        """Take a tool, draw with it, put it down."""
        from napari_glands.widgets.tools_view import ToolsView

        self.fly_to_all()
        button = self.hands.view(self.step).findChild(ToolsView).buttons[tool]
        self.hands.click(button)
        self.hands.stroke(self.layer, line)
        QTest.qWait(50)
        self.hands.click(button)

    def first_slide_with(self, seek: Callable[[], Any]) -> Any:
        """Go through the slides until one has what is sought; return that."""
        for entry in self.project.slides:
            self.go_to(entry.id)
            found = seek()
            if found is not None:
                return found
        raise AssertionError(f"no slide has what {seek.__name__} seeks")

    def gap(self) -> list[tuple[float, float]] | None:
        """A line that closes a ring of exterior."""
        curation = self.hands.session.curation
        curated, exterior = curation.curated, curation.exterior
        rng, number = np.random.default_rng(0), int(curated.labels.max(initial=0)) + 1
        height, width = curated.labels.shape
        for _ in range(150):
            y, x = rng.uniform(30, height - 30), rng.uniform(30, width - 30)
            angle = rng.uniform(0, np.pi)
            dy, dx = 8 * np.sin(angle), 8 * np.cos(angle)
            line = [(y - dy, x - dx), (y + dy, x + dx)]
            wishes = curated.settings.priors
            try:
                close_gap(curated.labels, exterior, np.array(line), number, curated.grid, wishes)
            except GlandsError:
                continue
            return line
        return None

    def largest(self) -> Any:
        """The region of the largest object of the slide on show; None when it has none."""
        regions = measure.regionprops(self.layer.data)
        return max(regions, key=lambda region: region.area, default=None)

    def waist(self) -> list[tuple[float, float]] | None:
        """A line through the middle of the largest prior, along its shorter side."""
        largest = self.largest()
        if largest is None:
            return None
        (y, x), angle = largest.centroid, largest.orientation + np.pi / 2
        reach = largest.axis_major_length
        dy, dx = reach * np.cos(angle), reach * np.sin(angle)
        height, width = self.layer.data.shape
        ends = [(y - dy, x - dx), (y + dy, x + dx)]
        return [(min(max(r, 1), height - 2), min(max(c, 1), width - 2)) for r, c in ends]


def add(hands: Hands, found: Pictures) -> None:
    """Add images as the file dialog does, and give their pixel size."""
    view = hands.view("slides")
    hands.actions["dialog"] += 2  # Add files, and the choice in the dialog
    view.files_chosen.emit(found.images)
    hands.until(view.mpp_frame.isVisible, "the pixel size is asked for")
    view.mpp_box.setValue(found.mpp)
    hands.click(view.mpp_button)
    hands.until(lambda: len(hands.session.facts.slides) == len(found.images), "all are added")
    hands.settle()


def choose_preset(hands: Hands, name: str) -> None:
    """Choose how much time to spend."""
    presets = hands.view("slides").run_all.presets
    index = presets.findData(name)
    hands.actions["click"] += 2  # open the list, choose
    presets.setCurrentIndex(index)
    presets.activated.emit(index)


def close(hands: Hands) -> None:
    """Close the window, and wait until everything is put away."""
    hands.viewer.close()
    hands.until(lambda: hands.session.closing is not None, "the session closes")
    hands.session.closing.join(60)
    assert not hands.session.closing.is_alive(), "the session did not close within a minute"
    QTest.qWait(100)


def say(text: str) -> None:
    """Tell what was done."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
