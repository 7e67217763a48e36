"""Names that would act if they were not shown as text."""

import os

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QLabel, QLineEdit, QMenu, QWidget

from napari_glands.project import Project
from napari_glands.widgets.text import PlainLabel
from napari_glands.workbench.recent import remember

HOSTILE = "<img src=x><b>bold</b>&amp; & [/b]\x1b[2J\u202egpj"


def texts_of(root):
    """Everything that is written in a window, with the widget that shows it."""
    for widget in (root, *root.findChildren(QWidget)):
        yield widget, widget.toolTip()
        if isinstance(widget, QComboBox):
            yield from ((widget, widget.itemText(i)) for i in range(widget.count()))
        if isinstance(widget, QMenu):
            for action in widget.actions():
                yield from ((widget, action.text()), (widget, action.toolTip()))
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model = widget.model()
            for row in range(model.rowCount()):
                for column in range(12):
                    cell = model.index(row, column)
                    for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                        yield widget, str(cell.data(role) or "")
        # What a field holds is read again, and therefore left as it is.
        if not isinstance(widget, QLineEdit) and callable(getattr(widget, "text", None)):
            yield widget, str(widget.text())


def picture(bench, name):
    folder = os.environ.get("HOSTILE_PICTURES")
    if folder:
        bench.qtbot.wait(200)
        bench.viewer.window._qt_window.grab().save(f"{folder}/{name}.png")


def test_hostile_names_are_text_in_the_whole_window(bench, tmp_path):
    folder = tmp_path / HOSTILE.replace("/", "∕")
    folder.mkdir()
    Project.create(folder / "p.glands").close()
    remember(folder / "p.glands")
    place = folder / "study & co <b>.glands"
    bench.session.new_project(place)
    bench.settle()
    bench.add_slide("calm")
    slide_id = bench.add_slide(HOSTILE, bench.noise(5))
    project = bench.session.project
    slide = project.slide(slide_id)
    project.save_exterior(bench.make_exterior(slide))
    project.save_priors(bench.make_priors(slide))
    project.save_prediction(bench.make_prediction(slide))
    bench.show_results()
    bench.widget.display_bar.sheet_button.click()
    bench.widget.display_bar.table_button.click()
    bench.settle()
    window = bench.viewer.window._qt_window
    for step in bench.widget.steps:
        view = bench.view(step)
        view.say(f"Could not read {HOSTILE}.", problem=True)
        picture(bench, step)
    bench.widget.display_bar.sheet_button.click()
    bench.widget.display_bar.sheet_button.click()
    picture(bench, "sheet")
    bench.widget.project_bar.menu.aboutToShow.emit()
    bench.settle()
    found = 0
    for widget, text in texts_of(window):
        if widget.window() is not window and not isinstance(widget, QMenu):
            continue
        assert "\x1b" not in text, f"{widget}: {text!r}"
        assert "\u202e" not in text, f"{widget}: {text!r}"
        found += "img src" in text
        if "img src" in text and isinstance(widget, QLabel):
            assert isinstance(widget, PlainLabel), widget
            assert widget.textFormat() == Qt.TextFormat.PlainText
        if "img src" in text and text == widget.toolTip():
            assert "<img" not in text
    assert found > 8
    for layer in bench.viewer.layers:
        assert "<img" not in layer.get_source_str()
        assert "\x1b" not in layer.name
    (recent,) = bench.widget.project_bar.recent_menu.actions()
    assert "&&amp; &&" in recent.text()


def test_hostile_names_in_questions_are_text(bench):
    bench.add_slide(HOSTILE)
    project = bench.session.project
    slide = project.slide(bench.session.current)
    project.save_exterior(bench.make_exterior(slide))
    project.save_priors(bench.make_priors(slide))
    project.save_prediction(bench.make_prediction(slide))
    bench.show_results()
    view = bench.view("export")
    view.show_folder(bench.folder / "<b>out")
    view.folder.setText(str(bench.folder / "<b>out"))
    for _ in range(2):
        view.export_requested.emit("csv", view.folder.text(), False)
        bench.settle()
    (question,) = bench.questions
    assert "<b>" not in question
    assert "&lt;b&gt;out" in question
