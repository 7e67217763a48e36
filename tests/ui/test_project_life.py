"""A project from day to day: found again, moved, read only, run again, told to others."""

from __future__ import annotations

import os
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.priors import with_state
from napari_glands.project import Project
from napari_glands.widgets.tools_view import ToolsView

NO = QMessageBox.StandardButton.No


def look(bench, name, widget=None):
    """Save a picture of the window, or of a part of it, for whoever wants to see it."""
    folder = os.environ.get("NAPARI_GLANDS_PICTURES")
    if folder:
        bench.qtbot.wait(150)
        (widget or bench.viewer.window._qt_window).grab().save(f"{folder}/{name}.png")


def entries(menu):
    return {action.text(): action for action in menu.actions()}


def open_menu(bench):
    """Open the project menu as a click does, let it be filled, and close it."""
    bar = bench.widget.project_bar
    bar.menu.popup(bar.menu_button.mapToGlobal(bar.menu_button.rect().bottomLeft()))
    bench.settle()
    look(bench, "menu")
    for menu in (bar.menu, bar.recent_menu, bar.versions_menu):
        look(bench, f"menu {menu.title()}", menu)
    bar.menu.close()
    return bar


def reopen(bench, path):
    bench.session.open_project(path)
    bench.until(lambda: bench.session.project is not None and bench.session.project.path == path)
    bench.settle()


def leave(bench):
    """Work on another project, so that the former one is free."""
    left = bench.session.project.path
    bench.session.new_project(bench.folder / "another.glands")
    bench.until(lambda: bench.session.project.path.stem == "another")
    bench.settle()
    return left


def test_recent_projects_are_offered_and_lost_ones_are_greyed(bench):
    first = bench.add_slide()
    bench.session.save_project_as(bench.folder / "study.glands")
    bench.until(lambda: bench.session.project.path.stem == "study")
    bench.settle()
    unnamed = next((bench.folder / "data" / "projects").glob("*.glands"))
    study = leave(bench)
    shutil.rmtree(unnamed)
    menu = entries(open_menu(bench).recent_menu)
    (lost,) = (a for text, a in menu.items() if text.startswith("Unnamed"))
    assert not lost.isEnabled()
    assert "not there any more" in lost.toolTip()
    assert not any(text.startswith("another") for text in menu), "it is open already"
    (known,) = (a for text, a in menu.items() if text.startswith("study"))
    known.trigger()
    bench.until(lambda: bench.session.project.path == study and bench.session.current == first)


def test_unsaved_edits_are_marked_in_the_bar(with_priors):
    bench = with_priors
    bar = bench.widget.project_bar
    bench.until(lambda: bar.saved_mark.text() == "✓")
    bench.hold_autosave()
    bench.layer("priors").data_setitem((np.array([90]), np.array([120])), 5)
    bench.until(lambda: bar.saved_mark.text() == "●")
    assert "being saved" in bar.saved_mark.toolTip()
    bench.session.curation.flush()
    bench.until(lambda: bar.saved_mark.text() == "✓")


@pytest.fixture
def lost_images(bench, forget_copies):
    """An open project of two images that were moved meanwhile, and where they are now."""
    former = bench.folder / "old place"
    former.mkdir()
    for number in (1, 2):
        Image.fromarray(bench.noise(number)).save(former / f"slide {number}.png")
    path = bench.folder / "projects" / "study.glands"
    with Project.create(path) as project:
        ids = [e.id for e in project.add_slides(sorted(former.iterdir()), mpp=1.24)]
        project.save_exterior(bench.make_exterior(project.slide(ids[0])), fingerprint="a test")
        project.save_priors(bench.make_priors(project.slide(ids[0])), fingerprint="a test")
        forget_copies(project)
    former.rename(bench.folder / "new place")
    reopen(bench, path)
    return bench, ids, bench.folder / "new place"


def test_missing_images_are_named_and_found_beside_the_one_pointed_to(lost_images, monkeypatch):
    bench, ids, place = lost_images
    notice = bench.widget.notices.missing
    assert notice.isVisible()
    assert "2 images are not where they were" in notice.text.text()
    assert "slide 1.png" in notice.text.text()
    look(bench, "missing")
    assert bench.session.current == ""
    assert bench.view("slides").list.topLevelItem(0).text(3) == "image missing"
    chosen = str(place / "slide 2.png")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (chosen, ""))
    bench.click(notice.buttons[0])
    bench.until(lambda: bench.session.current == ids[0])
    assert not notice.isVisible()
    assert bench.layer("priors") is not None
    assert "All 2 images are found" in bench.view("slides").status.text()


def test_work_goes_on_without_a_missing_image(lost_images, monkeypatch):
    bench, ids, place = lost_images
    notice = bench.widget.notices.missing
    lost = bench.folder / "lost.png"
    (place / "slide 2.png").rename(lost)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(place))
    bench.click(notice.buttons[1])
    bench.until(lambda: bench.session.current == ids[0])
    bench.until(lambda: "1 image is not where it was" in notice.text.text())
    assert "still missing: slide 2" in bench.view("slides").status.text()
    bench.click(notice.buttons[2])
    assert not notice.isVisible()
    view = bench.run("priors")
    assert "Priors searched in 1 slide" in view.status.text()
    bench.session.show_slide(ids[1])
    assert "slide 2 is missing" in bench.view("slides").status.text()
    assert bench.session.current == ids[0]
    open_menu(bench).find_action.trigger()
    assert notice.isVisible()


def test_running_a_step_again_asks_and_no_leaves_all_as_it_was(with_priors):
    bench = with_priors
    project, slide_id = bench.session.project, bench.session.current
    before = project.facts(slide_id, "priors")["content"]
    bench.answer = NO
    view = bench.run("priors")
    assert bench.questions == [
        "This replaces 2 priors in 1 slide.\n\nA copy is kept: Project ▸ Restore previous "
        "version.\n\nGo on?"
    ]
    assert "all is as it was" in view.status.text()
    assert project.facts(slide_id, "priors")["content"] == before
    bench.answer = QMessageBox.StandardButton.Yes
    bench.run("priors")
    assert project.facts(slide_id, "priors")["content"] != before
    asked = len(bench.questions)
    bench.run("priors")
    assert len(bench.questions) == asked, "nothing would be replaced any more"


def test_the_version_before_can_be_restored_from_the_menu(with_priors):
    bench = with_priors
    project, slide_id = bench.session.project, bench.session.current
    project.save_edited_priors(with_state(project.load_priors(slide_id), [2], "rejected"))
    bench.show_results()
    view = bench.view("priors")
    view.replace_curated.setChecked(True)
    bench.run("priors")
    assert "1 of them with your decisions" in bench.questions[0]
    assert not project.load_priors(slide_id).table
    menu = entries(open_menu(bench).versions_menu)
    (text,) = (t for t in menu if "(1 proposed, 1 rejected)" in t)
    menu[text].trigger()
    bench.settle()
    assert "Restored 2 priors" in view.status.text()
    bench.until(lambda: set(np.unique(bench.layer("priors").data)) == {0, 1, 2})
    assert [p.state for p in project.load_priors(slide_id).table] == ["proposed", "rejected"]


def test_a_read_only_project_says_why_and_disables_what_changes_it(with_priors):
    bench = with_priors
    notice = bench.widget.notices.read_only
    assert not notice.isVisible()
    path = leave(bench)
    with Project.open(path) as other:
        assert not other.read_only
        reopen(bench, path)
        assert "For reading only" in notice.text.text()
        assert notice.isVisible()
        look(bench, "read only")
        slides, priors, export = (bench.view(s) for s in ("slides", "priors", "export"))
        locked = [slides.add_files_button, slides.samples_button, priors.run_button]
        locked += [priors.replace_curated, priors.form, priors.review.accept_rest_button]
        locked += [bench.view("train").run_button]
        for tools in bench.widget.findChildren(ToolsView):
            locked += tools.buttons.values()
        for widget in locked:
            assert not widget.isEnabled()
            assert "cannot be changed" in widget.toolTip()
        field = priors.form.field("min_score").native
        assert not field.isEnabled()
        assert "cannot be changed" in field.toolTip()
        assert not bench.layer("priors").editable
        assert export.form.isEnabled()
        assert slides.list.isEnabled()
        look(bench, "read only priors")
    bench.click(next(b for b in notice.buttons if b.text() == "Try again"))
    bench.until(lambda: not notice.isVisible())
    bench.settle()
    assert all(w.isEnabled() for w in (slides.add_files_button, priors.run_button, priors.form))
    assert "cannot be changed" not in priors.run_button.toolTip()
    assert bench.layer("priors").editable


def copied(bench, step, kind):
    view = bench.view(step)
    QApplication.clipboard().setText("")
    action = entries(view.copy_button.copy_menu)[kind]
    action.trigger()
    bench.until(QApplication.clipboard().text)
    assert "is on the clipboard" in view.status.text()
    return QApplication.clipboard().text()


def paste(command):
    for line in command.splitlines():
        words = shlex.split(line)
        assert words[0] == "napari-glands"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output + repr(result.exception)


@pytest.mark.parametrize("kind", ["Command line", "Python"])
def test_a_copied_step_does_what_the_button_does(with_priors, kind):
    bench = with_priors
    slide_id = bench.session.current
    view = bench.view("priors")
    view.form.field("min_area_um2").value = 12.5
    view.form.field("min_score").value = 0.1
    view.replace_curated.setChecked(True)
    bench.click(view.review.accept_rest_button)
    bench.settle()
    text = copied(bench, "priors", kind)
    look(bench, "copied")
    twin = bench.folder / "twin.glands"
    shutil.copytree(bench.session.project.path, twin, ignore=shutil.ignore_patterns("*.lock*"))
    bench.run("priors")
    path = leave(bench)
    with Project.open(path, read_only=True) as project:
        by_button = project.load_priors(slide_id)
    shutil.rmtree(path)
    shutil.move(twin, path)
    if kind == "Python":
        exec(compile(text, "pasted.py", "exec"), {})
    else:
        paste(text)
    with Project.open(path, read_only=True) as project:
        pasted = project.load_priors(slide_id)
    np.testing.assert_array_equal(pasted.labels, by_button.labels)
    assert pasted.table == by_button.table
    assert pasted.settings == by_button.settings


def test_slides_and_exports_can_be_copied_too(bench):
    Image.fromarray(bench.noise()).save(bench.folder / "my scan.png")
    project = bench.session.writable_project()
    (entry,) = project.add_slides([bench.folder / "my scan.png"], mpp=1.24)
    project.save_prediction(bench.make_prediction(project.slide(entry.id)), fingerprint="a test")
    bench.show_results()
    made = copied(bench, "slides", "Command line").replace(
        str(project.path), str(bench.folder / "p")
    )
    paste(made)
    with Project.open(bench.folder / "p") as twin:
        assert [(e.id, e.mpp) for e in twin.slides] == [(entry.id, 1.24)]
    view = bench.view("export")
    view.folder.setText(str(bench.folder / "by button"))
    bench.click(view.buttons["csv"])
    bench.settle()
    view.folder.setText(str(bench.folder / "by command"))
    paste(copied(bench, "export", "Command line"))
    view.folder.setText(str(bench.folder / "by python"))
    exec(compile(copied(bench, "export", "Python"), "pasted.py", "exec"), {})
    tables = [
        (bench.folder / f"by {how}" / "my scan.csv").read_text()
        for how in ("button", "command", "python")
    ]
    assert tables[0] == tables[1] == tables[2]


def test_every_step_has_the_copy_menu(bench):
    for step in bench.widget.steps:
        view = bench.view(step)
        assert view.copy_button.isVisible()
        assert list(entries(view.copy_button.copy_menu)) == ["Command line", "Python"]
        entries(view.copy_button.copy_menu)["Python"].trigger()
        assert "add images first" in view.status.text()
