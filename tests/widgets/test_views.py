from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_glands.settings import Settings
from napari_glands.widgets.export_view import ExportView
from napari_glands.widgets.exterior_view import ClusterRow, ExteriorView
from napari_glands.widgets.job_bar import JobBar
from napari_glands.widgets.predict_view import PredictView
from napari_glands.widgets.priors_view import PriorsView
from napari_glands.widgets.project_bar import ProjectBar
from napari_glands.widgets.slides_view import SlideRow, SlidesView
from napari_glands.widgets.step_nav import StepNav
from napari_glands.widgets.train_view import TrainView
from napari_glands.workbench.review import make_review

SETTINGS = Settings()
PRESETS = [("quick", "Quick", "A first look."), ("best", "Best", "For a GPU.")]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def shown(qtbot):
    def show(widget):
        qtbot.addWidget(widget)
        widget.resize(400, 900)
        widget.show()
        return widget

    return show


def cluster_rows():
    return [ClusterRow(n, (0.1, 0.5, 0.9), 0.1 * n, 50, 0.2, 0.3, n / 5) for n in (1, 2, 3)]


def every_view():
    return [
        SlidesView(SETTINGS.general, [("a", "A sample")], PRESETS),
        ExteriorView(SETTINGS.exterior),
        PriorsView(SETTINGS.priors, make_review("prior")),
        TrainView(SETTINGS.train),
        PredictView(SETTINGS.predict, make_review("gland")),
        ExportView(SETTINGS.export),
    ]


@pytest.mark.parametrize("index", range(6))
def test_views_fit_a_narrow_dock(shown, index):
    view = shown(every_view()[index])
    assert view.minimumSizeHint().width() <= 360


def test_run_waits_for_its_input_and_for_the_running_job(shown, qtbot):
    view = shown(PredictView(SETTINGS.predict, make_review("gland")))
    view.set_ready(False, "There is no model yet.")
    assert not view.run_button.isEnabled()
    assert view.missing.text() == "There is no model yet."
    view.set_ready(True)
    view.set_running(True)
    assert not view.run_button.isEnabled()
    view.set_running(False)
    with qtbot.waitSignal(view.run_requested):
        qtbot.mouseClick(view.run_button, LEFT)


def test_problems_are_marked_by_a_sign_too(shown):
    view = shown(TrainView(SETTINGS.train))
    view.say("The disk is full.", problem=True)
    assert view.status.text() == "⚠ The disk is full."


class TestSlides:
    def test_run_all_waits_for_slides_and_offers_presets(self, shown, qtbot):
        view = shown(SlidesView(SETTINGS.general, [], PRESETS))
        assert not view.run_all.button.isEnabled()
        view.set_all_ready(True)
        with qtbot.waitSignal(view.run_all.run_requested):
            qtbot.mouseClick(view.run_all.button, LEFT)
        view.set_running(True)
        assert not view.run_all.button.isEnabled()
        with qtbot.waitSignal(view.run_all.preset_chosen) as signal:
            view.run_all.presets.activated.emit(1)
        assert signal.args == ["best"]
        view.run_all.show_preset("")  # settings that are no preset
        assert view.run_all.presets.currentText() == ""

    def test_files_come_from_the_dialog(self, shown, qtbot, monkeypatch):
        view = shown(SlidesView(SETTINGS.general, [], PRESETS))
        monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: (["/a/b.svs"], ""))
        with qtbot.waitSignal(view.files_chosen) as signal:
            qtbot.mouseClick(view.add_files_button, LEFT)
        assert signal.args == [[Path("/a/b.svs")]]

    def test_samples_are_in_the_menu(self, shown, qtbot):
        view = shown(SlidesView(SETTINGS.general, [("ihc", "IHC")], PRESETS))
        with qtbot.waitSignal(view.sample_requested) as signal:
            view.samples_menu.actions()[0].trigger()
        assert signal.args == ["ihc"]

    def test_pixel_size_is_asked_only_where_it_is_not_known(self, shown, qtbot):
        view = shown(SlidesView(SETTINGS.general, [], PRESETS))
        view.show_slides([SlideRow("a", "a", "0.5", False, "added")], "a")
        assert not view.mpp_frame.isVisible()
        view.show_slides([SlideRow("b", "scan", "0.62", True, "pixel size?")], "")
        assert view.mpp_frame.isVisible()
        assert "scan does not state its pixel size" in view.mpp_text.text()
        view.mpp_box.setValue(0.31)
        with qtbot.waitSignal(view.mpp_given) as signal:
            qtbot.mouseClick(view.mpp_button, LEFT)
        assert signal.args == [pytest.approx(0.31)]

    def test_choosing_a_slide_tells_its_id_and_showing_the_list_does_not(self, shown, qtbot):
        view = shown(SlidesView(SETTINGS.general, [], PRESETS))
        rows = [SlideRow(i, f"slide {i}", "0.5", False, "added") for i in "ab"]
        with qtbot.assertNotEmitted(view.slide_chosen):
            view.show_slides(rows, "a")
        with qtbot.waitSignal(view.slide_chosen) as signal:
            view.list.setCurrentItem(view.list.topLevelItem(1))
        assert signal.args == ["b"]


class TestExterior:
    def test_evidence_marks_the_chosen_cluster(self, shown):
        view = shown(ExteriorView(SETTINGS.exterior))
        view.show_evidence(cluster_rows(), 2)
        assert [view.table.item(row, 0).text() for row in range(3)] == ["1", "2 ✓", "3"]
        assert view.choice.currentData() == 2

    def test_another_cluster_can_be_chosen_from_the_list(self, shown, qtbot):
        view = shown(ExteriorView(SETTINGS.exterior))
        view.show_evidence(cluster_rows(), 2)
        with qtbot.waitSignal(view.cluster_chosen) as signal:
            view.choice.setCurrentIndex(2)
            view.choice.activated.emit(2)
        assert signal.args == [3]

    def test_picking_ends_when_there_is_nothing_to_pick(self, shown, qtbot):
        view = shown(ExteriorView(SETTINGS.exterior))
        view.show_evidence(cluster_rows(), 2)
        qtbot.mouseClick(view.pick_button, LEFT)
        with qtbot.waitSignal(view.picking_toggled) as signal:
            view.show_evidence([], 0)
        assert signal.args == [False]


def test_losses_are_drawn(shown, qtbot):
    view = shown(TrainView(SETTINGS.train))
    for i in range(5):
        view.show_losses(i / 5, {"loss": 1 / (i + 1), "diffusion": 0.5})
    assert view.progress.isVisible()
    assert "0.2" in view.losses.text()
    empty = view.curve.grab().toImage()
    qtbot.waitUntil(lambda: view.curve.grab().toImage() != empty)
    assert sorted(view.curve.terms) == ["diffusion", "loss"], "every term apart"
    assert [label.text for _, label in view.curve.legend.items] == ["total", "diffusion"]
    view.clear_losses()
    assert not view.curve.terms
    assert not view.curve.legend.items


class TestExport:
    def test_format_folder_and_extent_are_told(self, shown, qtbot):
        view = shown(ExportView(SETTINGS.export))
        view.folder.setText("/somewhere")
        view.all_slides.setChecked(False)
        with qtbot.waitSignal(view.export_requested) as signal:
            qtbot.mouseClick(view.buttons["geojson"], LEFT)
        assert signal.args == ["geojson", "/somewhere", False]

    def test_without_a_folder_it_says_so(self, shown, qtbot):
        view = shown(ExportView(SETTINGS.export))
        with qtbot.assertNotEmitted(view.export_requested):
            qtbot.mouseClick(view.buttons["csv"], LEFT)
        assert "Choose a folder" in view.status.text()

    def test_the_users_folder_is_kept(self, shown, qtbot):
        view = shown(ExportView(SETTINGS.export))
        view.show_folder("/proposed")
        assert view.folder.text() == "/proposed"
        view.folder.clear()
        qtbot.keyClicks(view.folder, "/mine")
        view.show_folder("/other")
        assert view.folder.text() == "/mine"


class TestJobBar:
    def test_progress_and_cancel_show_while_a_job_runs(self, shown, qtbot):
        bar = shown(JobBar())
        assert not bar.cancel_button.isVisible()
        bar.start("Training: starting…")
        bar.advance(0.25, "Round 1")
        assert bar.cancel_button.isVisible()
        assert bar.progress.value() == bar.progress.maximum() // 4
        with qtbot.waitSignal(bar.cancel_requested):
            qtbot.mouseClick(bar.cancel_button, LEFT)
        bar.advance(0.3, "Round 1 goes on")
        assert "Stopping" in bar.status.text()
        bar.finish("Train stopped.")
        assert not bar.cancel_button.isVisible()
        assert bar.status.text() == "Train stopped."

    def test_a_paused_job_says_so_and_resumes(self, shown, qtbot):
        bar = shown(JobBar())
        bar.start("Train: starting…")
        bar.advance(0.2, "Train: Round 1 of 3")
        with qtbot.waitSignal(bar.pause_toggled) as signal:
            qtbot.mouseClick(bar.pause_button, LEFT)
        assert signal.args == [True]
        bar.advance(0.21, "Train: Round 1 of 3")  # the batch that was under way
        assert "Paused" in bar.status.text()
        assert bar.time_left.text() == "Paused"
        assert bar.pause_button.text() == "Resume"
        with qtbot.waitSignal(bar.pause_toggled) as signal:
            qtbot.mouseClick(bar.pause_button, LEFT)
        assert signal.args == [False]
        assert bar.status.text() == "Train: Round 1 of 3"
        assert bar.pause_button.text() == "Pause"

    def test_a_paused_job_can_be_cancelled(self, shown, qtbot):
        bar = shown(JobBar())
        bar.start("Train: starting…")
        qtbot.mouseClick(bar.pause_button, LEFT)
        with qtbot.waitSignal(bar.cancel_requested):
            qtbot.mouseClick(bar.cancel_button, LEFT)
        assert not bar.pause_button.isEnabled()
        assert "Stopping" in bar.status.text()

    def test_the_time_left_shows_once_it_is_known(self, shown):
        now = [0.0]
        bar = shown(JobBar(clock=lambda: now[0]))
        bar.start("Train: starting…")
        texts = []
        for second in range(1, 41):
            now[0] = second
            bar.advance(second / 120, "Round 1")
            texts.append(bar.time_left.text())
        assert texts[2] == ""
        assert texts[-1] == "about 1 min left"

    def test_live_preview_is_only_offered_where_there_is_one(self, shown, qtbot):
        bar = shown(JobBar())
        bar.start("Priors: starting…")
        assert not bar.live.isVisible()
        bar.start("Train: starting…", live=True)
        with qtbot.waitSignal(bar.live_toggled) as signal:
            bar.live.click()
        assert signal.args == [True]


class TestProjectBar:
    def test_slides_are_stepped_through_in_a_circle(self, shown, qtbot):
        bar = shown(ProjectBar())
        bar.show_slides([("a", "A"), ("b", "B")], "b")
        with qtbot.waitSignal(bar.slide_chosen) as signal:
            qtbot.mouseClick(bar.next_button, LEFT)
        assert signal.args == ["a"]

    def test_one_slide_needs_no_choice(self, shown):
        bar = shown(ProjectBar())
        bar.show_slides([("a", "A")], "a")
        assert not bar.slides.isVisible()

    def test_a_project_folder_ends_in_glands(self, shown, qtbot, monkeypatch):
        bar = shown(ProjectBar())
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("/x/study", ""))
        with qtbot.waitSignal(bar.save_as_requested) as signal:
            next(a for a in bar.menu.actions() if a.text().startswith("Save")).trigger()
        assert Path(signal.args[0]) == Path("/x/study.glands")


def test_navigation_shows_what_is_done(shown, qtbot):
    nav = shown(StepNav(["Slides", "Exterior"]))
    nav.show_state(0, ready=True, done=True, tooltip="")
    nav.show_state(1, ready=False, done=False, tooltip="missing")
    assert "✓" in nav.buttons[0].text()
    assert "✓" not in nav.buttons[1].text()
    with qtbot.waitSignal(nav.step_chosen) as signal:
        qtbot.mouseClick(nav.buttons[1], LEFT)
    assert signal.args == [1]
