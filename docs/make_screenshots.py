"""Take a picture of every step of the workbench, run for real.

Needs a display; on a machine without one::

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_screenshots.py --out docs/images

Without IMAGE, the embedded samples are used.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ui" / "session"))

import napari
from hands import Hands
from qtpy.QtWidgets import QApplication
from skimage import measure

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.evaluation.mosaic import write_mosaic
from napari_glands.presets import preset
from napari_glands.sample_data import gland_field
from napari_glands.slides import open_slide
from napari_glands.workbench import Workbench, open_workbench
from napari_glands.workbench.panels import SHEET, TABLE, open_panel
from napari_glands.workbench.state import STEPS

_STEPS = ("exterior", "priors", "train", "predict")
_LONGEST_STEP_SECONDS = 3600
_WHOLE_SLIDE = "whole-slide"
_SYNTHETIC_MPP = 0.62
_SLIDE_SIDE = 12_000  # pixels
_REGIONS = (((2500, 2000), (4300, 4400)), ((7000, 6500), (8900, 8800)))


def main() -> int:
    """Run the steps on each image and save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "images",
        nargs="*",
        type=Path,
        help="images, or ihc, synthetic or whole-slide; these three without",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--mpp", type=float, default=0.62, help="µm/px where an image states none")
    parser.add_argument("--size", default="1500x950", help="window size")
    parser.add_argument("--iterations", type=int, help="training steps per round, for a quick look")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sources = arguments.images or ["ihc", "synthetic", _WHOLE_SLIDE]
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            # Neither the settings nor the projects of whoever runs this are touched.
            os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
            os.environ["XDG_DATA_HOME"] = folder
            # The hint of the first step is shown; further ones would hide what the pictures are of.
            write_json(Path(folder) / "napari-glands" / "hints.json", {"put_away": list(STEPS[1:])})
            kind = WholeSlide if str(source) == _WHOLE_SLIDE else Session
            kind(source, arguments, Path(folder)).run()
    return 0


class Session:
    """One window, one image, all steps."""

    def __init__(self, source: str, arguments: argparse.Namespace, folder: Path) -> None:
        self.source, self.arguments = source, arguments
        self.name = Path(source).stem
        self.viewer = open_workbench()
        self.folder = folder
        dock = self.viewer.window.dock_widgets["Gland workbench (napari-glands)"]
        self.workbench: Workbench = dock
        width, height = map(int, arguments.size.split("x"))
        self.viewer.window.resize(width, height)
        self._ended: list[str] = []
        dock.session.job_ended.connect(lambda step, _: self._ended.append(step))

    def run(self) -> None:
        """Go through the steps as a user does, by the buttons."""
        bench = self.workbench
        bench.session.new_project(self.folder / "study.glands")
        self._wait(lambda: bench.session.project is not None)
        self._add_image()
        self._work()
        self.viewer.close()
        if bench.session.closing is not None:
            bench.session.closing.join(60)

    def _work(self) -> None:
        """Go from step to step."""
        bench = self.workbench
        self._shoot("1-slides")
        if self.arguments.iterations:
            form = bench.views["train"].form
            assert form is not None
            form.field("iterations").value = self.arguments.iterations
        bench.show_step(1)
        bench.views["exterior"].preview_button.click()
        self._wait(lambda: any("preview" in layer.name.lower() for layer in self.viewer.layers))
        self._shoot("2-exterior-preview")
        for number, step in enumerate(_STEPS, start=2):
            bench.show_step(number - 1)
            began = time.monotonic()
            ended = len(self._ended)
            bench.views[step].run_button.click()
            if step == "train":
                self._wait(lambda n=ended: self._is_half_trained() or len(self._ended) > n)
                self._shoot("4-train-running")
            self._wait(lambda n=ended: len(self._ended) > n)
            print(f"{self.name}: {step} took {time.monotonic() - began:.0f} s", flush=True)
            self._shoot(f"{number}-{step}")
            if step == "exterior":
                bench.views["exterior"].pick_button.click()
                self._shoot("2-exterior-clusters")
                bench.views["exterior"].pick_button.click()
        self._shoot_tool()
        self._shoot_panels()
        bench.show_step(5)
        export = bench.views["export"]
        export.folder.setText(str(self.folder / "exports"))
        ended = len(self._ended)
        export.buttons["geojson"].click()
        self._wait(lambda: len(self._ended) > ended)
        self._shoot("6-export")

    def _is_half_trained(self) -> bool:
        """Whether the curve has a shape, and the live picture shows something."""
        session, progress = self.workbench.session, self.workbench.job_bar.progress
        live = session.layers.find(session.current, "live")
        return live is not None and progress.value() > progress.maximum() / 2

    def _shoot_tool(self) -> None:
        """Take the tool Split, and draw it through the largest prior without letting go."""
        bench = self.workbench
        bench.show_step(2)
        hands = Hands(self.viewer, bench)
        layer = hands.layer("priors")
        regions = measure.regionprops(layer.data)
        if not regions:
            return
        bench.session.layers.set_visible(
            bench.session.current, priors=True, glands=False, probability=False
        )
        bench.session.tools.choose("split", "priors")
        y, x = max(regions, key=lambda region: region.area).centroid
        hands.stroke(layer, [(y - 40, x - 6), (y + 40, x + 6)], let_go=False)
        self._shoot("8-split")
        hands.let_go(layer, (y + 40, x + 6))
        bench.session.tools.put_down()
        bench.session.curation.undo()
        bench.session.layers.set_visible(
            bench.session.current, priors=False, glands=True, probability=True
        )

    def _shoot_panels(self) -> None:
        """Open the two panels below the canvas."""
        bench = self.workbench
        bench.show_step(4)
        open_panel(bench.session, SHEET)
        self._shoot("7-slides")
        open_panel(bench.session, TABLE)
        self._shoot("7-panels")

    def _add_image(self) -> None:
        session = self.workbench.session
        if str(self.source) in ("ihc", "synthetic"):
            session.intake.add_sample(str(self.source))
        else:
            session.intake.add_files([Path(self.source)])
        self._wait(lambda: bool(session.current or session.intake.pending))
        if session.intake.pending:
            self._shoot("1-slides-pixel-size")
            session.intake.give_mpp(self.arguments.mpp)
        self._wait(lambda: bool(session.current))

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _LONGEST_STEP_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise GlandsError(f"{self.name}: a step did not end in time.")
            self._stop_at_problems()
            QApplication.processEvents()
            time.sleep(0.02)

    def _stop_at_problems(self) -> None:
        for view in self.workbench.views.values():
            if view.status.text().startswith("⚠"):
                raise GlandsError(f"{self.name}: {view.title}: {view.status.text()}")

    def _shoot(self, name: str) -> None:
        end = time.monotonic() + 3.0  # layers and layouts settle, on a busy machine too
        self._wait(lambda: time.monotonic() > end)
        path = self.arguments.out / f"{self.name}-{name}.png"
        self.viewer.window.screenshot(str(path), flash=False, canvas_only=False)


class WholeSlide(Session):
    """A large slide made of synthetic fields, two regions drawn on it, and the priors of one."""

    def _add_image(self) -> None:
        fields = [
            open_slide(gland_field((768, 1024), seed=seed).image, mpp=_SYNTHETIC_MPP)
            for seed in range(6)
        ]
        self.source = write_mosaic(self.folder / "slide.ome.tif", fields, _SLIDE_SIDE)
        super()._add_image()

    def _work(self) -> None:
        bench = self.workbench
        view, hands = bench.views["slides"], Hands(self.viewer, bench)
        view.hint.button.click()
        view.draw_button.click()
        picture = hands.layer("slide")
        for low, high in _REGIONS:
            hands.stroke(picture, [low, high])
        view.use_button.click()
        self._wait(lambda: len(bench.session.facts.slides) == 1 + len(_REGIONS))
        self._shoot("1-regions")
        bench.session.settings = preset("quick", bench.session.settings)
        bench.session.show_slide(bench.session.facts.slides[1].id)
        for number, step in enumerate(_STEPS[:2], start=1):
            bench.show_step(number)
            ended = len(self._ended)
            self._wait(bench.views[step].run_button.isEnabled)
            bench.views[step].run_button.click()
            self._wait(lambda n=ended: len(self._ended) > n)
        self._shoot("2-priors")


if __name__ == "__main__":
    napari.utils.notifications.notification_manager.notification_ready.disconnect()
    sys.exit(main())
