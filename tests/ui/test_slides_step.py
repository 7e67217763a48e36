from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_glands.slides.opening import open_slide
from napari_glands.slides.pictures import FilePicture, SeveralPictures
from napari_glands.slides.slide import Slide
from napari_glands.widgets.picture_dialog import PictureDialog


def save_png(bench):
    path = bench.folder / "scan.png"
    Image.fromarray(bench.noise()).save(path)
    return path


def test_at_first_every_step_says_what_is_missing(bench):
    for step in ("exterior", "priors", "train", "predict"):
        view = bench.view(step)
        assert view.missing.isVisible()
        assert not view.run_button.isEnabled()
    assert not bench.view("export").buttons["csv"].isEnabled()


def test_a_sample_appears_to_scale(bench):
    view = bench.view("slides")
    view.samples_menu.actions()[0].trigger()
    bench.until(lambda: bench.session.current)
    (layer,) = bench.viewer.layers
    assert layer.scale == pytest.approx((0.5, 0.5))
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert layer.metadata["napari_glands"]["role"] == "slide"
    assert view.list.topLevelItem(0).text(0) == "ihc"
    assert bench.view("exterior").run_button.isEnabled()


def test_the_project_is_kept_from_the_first_slide_on(bench):
    bench.add_slide()
    project = bench.session.project
    assert project.path.is_relative_to(bench.folder / "data")
    assert project.path.suffix == ".glands"


def test_pixel_size_is_asked_for_and_used(bench, monkeypatch):
    path = save_png(bench)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([str(path)], ""))
    view = bench.view("slides")
    bench.click(view.add_files_button)
    bench.until(view.mpp_frame.isVisible)
    assert "pixel size" in bench.view("exterior").missing.text()
    view = bench.view("slides")
    view.mpp_box.setValue(0.7)
    bench.click(view.mpp_button)
    bench.until(lambda: bench.session.current)
    assert bench.layer("slide").scale == pytest.approx((0.7, 0.7))
    assert not view.mpp_frame.isVisible()


def test_unreadable_files_are_named_and_the_others_added(bench, monkeypatch):
    good = save_png(bench)
    bad = bench.folder / "broken.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    bench.session.intake.add_files([good, bad])
    view = bench.view("slides")
    bench.until(lambda: "broken.png" in view.status.text())
    assert next(iter(bench.session.intake.pending.values())).name == "scan"


def test_an_open_layer_becomes_the_slide_without_a_copy_on_screen(bench):
    layer = bench.viewer.add_image(bench.noise(), rgb=True, name="what I opened")
    view = bench.view("slides")
    bench.click(view.add_layers_button)
    bench.until(view.mpp_frame.isVisible)
    view.mpp_box.setValue(1.0)
    bench.click(view.mpp_button)
    bench.until(lambda: bench.session.current)
    assert list(bench.viewer.layers) == [layer]
    assert bench.layer("slide") is layer
    assert layer.scale == pytest.approx((1.0, 1.0))
    bench.click(view.add_layers_button)
    assert "no open image layer" in view.status.text()


def test_another_slide_takes_the_place_of_the_one_on_show(bench):
    first = bench.add_slide("first", bench.noise(1))
    second = bench.add_slide("second", bench.noise(2))
    assert [layer.name for layer in bench.viewer.layers] == ["second"]
    bench.click(bench.widget.project_bar.previous_button)
    bench.until(lambda: bench.session.current == first)
    assert [layer.name for layer in bench.viewer.layers] == ["first"]
    item = bench.view("slides").list.topLevelItem(1)
    bench.widget.views["slides"].list.setCurrentItem(item)
    bench.until(lambda: bench.session.current == second)


def test_project_is_saved_under_a_name_and_opened_again(bench):
    slide_id = bench.add_slide()
    target = bench.folder / "named.glands"
    bench.session.save_project_as(target)
    bench.until(lambda: bench.session.project.path == target)
    bench.until(lambda: bench.widget.project_bar.name.text() == "named")
    bench.session.new_project(bench.folder / "empty.glands")
    bench.until(lambda: bench.session.project.path.stem == "empty")
    bench.settle()
    assert len(bench.viewer.layers) == 0
    bench.session.open_project(target)
    bench.until(lambda: bench.session.current == slide_id)


def test_opening_the_open_project_again_leaves_it_writable(bench):
    bench.add_slide()
    project = bench.session.project
    bench.session.open_project(project.path)
    bench.settle()
    assert bench.session.project is project
    assert not project.read_only
    assert "open already" in bench.view("slides").status.text()


def test_a_folder_that_is_no_project_is_refused_in_plain_words(bench):
    bench.session.open_project(bench.folder)
    view = bench.view("slides")
    bench.until(lambda: "is not a project" in view.status.text())


def test_settings_out_of_bounds_are_refused_at_once(bench):
    bench.add_slide()
    view = bench.view("exterior")
    assert view.run_button.isEnabled()
    view.form.field("learning_rate").value = 0
    assert "Learning rate" in view.status.text()
    assert not view.run_button.isEnabled()
    view.form.field("learning_rate").value = 0.01
    assert view.run_button.isEnabled()


def test_steps_alone_share_what_the_workbench_works_on(bench):
    _, exterior = bench.viewer.window.add_plugin_dock_widget("napari-glands", "2 Exterior")
    assert exterior.session is bench.session
    bench.add_slide()
    bench.until(lambda: exterior.views["exterior"].run_button.isEnabled())
    bench.viewer.window.remove_dock_widget(exterior)
    bench.add_slide("another", bench.noise(5))  # nothing talks to the removed one
    bench.settle()


def test_large_slides_stay_on_the_disk(bench, shared_data):
    bench.session.intake.add_files([shared_data / "slides" / "CMU-1-Small-Region.svs"])
    bench.until(lambda: bench.session.current, 60)
    layer = bench.layer("slide")
    assert layer.rgb
    assert layer.scale == pytest.approx((0.499, 0.499))
    assert np.asarray(layer.data[-1] if layer.multiscale else layer.data).std() > 5


def test_samples_readers_and_writers_work_in_napari(bench):
    (layer,) = bench.viewer.open_sample("napari-glands", "ihc")
    assert layer.rgb
    path = save_png(bench)
    (image,) = bench.viewer.open(path, plugin="napari-glands")
    assert image.rgb
    labels = bench.viewer.add_labels(np.eye(40, dtype=int) * 3, scale=(1.24, 1.24))
    target = bench.folder / "mine.zarr"
    labels.save(str(target), plugin="napari-glands")
    before = len(bench.viewer.layers)
    opened = bench.viewer.open(target, plugin="napari-glands")
    assert len(bench.viewer.layers) > before
    again = next(layer for layer in opened if layer._type_string == "labels")
    assert again.editable
    np.testing.assert_array_equal(again.data, labels.data)
    assert again.scale == pytest.approx((1.24, 1.24))


def save_sized(bench, path, seed=0):
    """Write a TIFF that states its pixel size, 0.5 µm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dpi = 25400 / 0.5
    Image.fromarray(bench.noise(seed)).save(path, dpi=(dpi, dpi))
    return path


def names(bench):
    return [entry.name for entry in bench.session.project.slides]


def drop(view, urls):
    data = QMimeData()
    data.setUrls(urls)
    copy, left, none = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        (Qt.KeyboardModifier.NoModifier),
    )
    enter = QDragEnterEvent(view.rect().center(), copy, data, left, none)
    QApplication.sendEvent(view, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(view, QDropEvent(QPointF(view.rect().center()), copy, data, left, none))


def test_a_dropped_folder_is_added_but_for_what_cannot_be_read(bench):
    folder = bench.folder / "scans"
    save_sized(bench, folder / "a.tif", 1)
    save_sized(bench, folder / "b.tif", 2)
    save_sized(bench, folder / "b_mask.tif", 3)
    (folder / "away.tif").symlink_to(bench.folder / "gone.tif")
    (folder / "letter.tif").write_text("dear diary")
    view = bench.view("slides")
    drop(view, [QUrl.fromLocalFile(str(folder)), QUrl.fromLocalFile(str(bench.folder / "no.tif"))])
    bench.until(lambda: "2 slides added" in view.status.text())
    bench.settle()
    assert names(bench) == ["a", "b"]
    for name in ("away.tif is a link", "letter.tif", "no.tif"):
        assert name in view.status.text().replace(str(folder) + "/", "")
    assert [view.list.topLevelItem(n).text(2) for n in range(2)] == ["from the file"] * 2


@pytest.mark.parametrize("yes", [True, False])
def test_images_in_folders_below_are_asked_about(bench, yes):
    top = bench.folder / "top"
    save_sized(bench, top / "one" / "a.tif", 1)
    save_sized(bench, top / "two" / "b.tif", 2)
    save_sized(bench, top / "masks" / "b.tif", 3)
    beside = save_sized(bench, bench.folder / "beside.tif", 4)
    bench.answer = QMessageBox.StandardButton.Yes if yes else QMessageBox.StandardButton.No
    bench.session.intake.add_files([top, beside])
    bench.until(lambda: bench.questions)
    assert "there are 2 in the folders below it" in bench.questions[0]
    bench.settle()
    assert names(bench) == ["beside", *(["a", "b"] if yes else [])]


def test_a_folder_called_like_markup_is_asked_about_by_its_name(bench):
    top = bench.folder / "<img src=x> & co"
    save_sized(bench, top / "one" / "a.tif")
    bench.session.intake.add_files([top])
    bench.until(lambda: bench.questions)
    assert "&lt;img src=x&gt; &amp; co" in bench.questions[0]
    bench.settle()


def test_pictures_of_a_file_are_chosen_from_a_list(bench, monkeypatch):
    file = save_sized(bench, bench.folder / "sections.tif")
    pictures = [FilePicture(n, f"section {n}", (96, 128)) for n in (1, 2, 3)]

    def opened(path, *, picture=None, **options):
        if picture is None:
            raise SeveralPictures(file, pictures)
        return open_slide(bench.noise(picture), mpp=0.5, name=f"sections {picture}")

    monkeypatch.setattr("napari_glands.slides.remarks.open_slide", opened)
    seen = []

    def answer():
        dialog = next((w for w in QApplication.topLevelWidgets()
                       if isinstance(w, PictureDialog) and w.isVisible()), None)  # fmt: skip
        if dialog is None:
            QTimer.singleShot(50, answer)
            return
        seen.append([dialog.list.item(n).text() for n in range(dialog.list.count())])
        dialog.list.item(1).setCheckState(Qt.CheckState.Unchecked)
        seen.append(dialog.text.text())
        dialog.buttons.button(dialog.buttons.StandardButton.Ok).click()

    QTimer.singleShot(50, answer)
    bench.session.intake.add_files([file])
    bench.until(lambda: bench.session.project is not None and len(names(bench)) == 2)
    bench.settle()
    assert names(bench) == ["sections 1", "sections 3"]
    assert seen[0][0] == "1: 128 × 96 (section 1)"
    assert "sections.tif holds 3 pictures" in seen[1]


def test_an_estimated_pixel_size_is_proposed_and_said_to_be_one(bench, monkeypatch):
    """Two at 40x, one at 20x, and one of which nothing is known: three questions."""
    sizes = {"a": 0.25, "b": 0.5, "c": 0.25}

    def opened(path, **options):
        slide = open_slide(path, **options)
        if slide.name not in sizes:
            return slide
        mpp = sizes[slide.name]
        warnings.warn(
            f"{path} states its magnification ({10 / mpp:g}x) but not its pixel size: {mpp} µm/px "
            "is estimated from it. State the right one with --mpp (in Python: mpp=).",
            UserWarning,
            stacklevel=2,
        )
        return Slide(slide._source, name=slide.name, mpp=mpp, mpp_source="estimated", path=path)

    monkeypatch.setattr("napari_glands.slides.remarks.open_slide", opened)
    files = [bench.folder / f"{name}.png" for name in "abcd"]
    for n, file in enumerate(files):
        Image.fromarray(bench.noise(n)).save(file)
    bench.session.intake.add_files(files)
    view = bench.view("slides")
    bench.until(view.mpp_frame.isVisible)
    assert "2 images state their magnification" in view.mpp_text.text()
    assert view.mpp_box.value() == pytest.approx(0.25)
    texts = [view.list.topLevelItem(n).text(2) for n in range(4)]
    assert sum(text.startswith("estimated") for text in texts) == 3
    assert sum(text == "assumed" for text in texts) == 1
    view.mpp_box.setValue(0.2527)
    bench.click(view.mpp_button)
    bench.until(lambda: "b states its magnification (20x)" in view.mpp_text.text())
    assert "--mpp" not in view.mpp_text.text()
    assert view.mpp_box.value() == pytest.approx(0.5)
    bench.click(view.mpp_button)
    bench.until(lambda: "d does not state its pixel size" in view.mpp_text.text())
    bench.click(view.mpp_button)
    bench.until(lambda: not view.mpp_frame.isVisible())
    bench.settle()
    found = {entry.name: (entry.mpp, entry.mpp_source) for entry in bench.session.project.slides}
    assert found["a"] == found["c"] == (pytest.approx(0.2527), "given")
    assert found["b"] == (pytest.approx(0.5), "given")
    assert found["d"][1] == "given"


def test_what_is_typed_stays_while_other_images_come(bench):
    view = bench.view("slides")
    bench.session.intake.add_files([save_png(bench)])
    bench.until(view.mpp_frame.isVisible)
    view.mpp_box.setValue(0.33)
    other = bench.folder / "other.png"
    Image.fromarray(bench.noise(7)).save(other)
    bench.session.intake.add_files([other])
    bench.until(lambda: "2 images" in view.mpp_text.text())
    assert view.mpp_box.value() == pytest.approx(0.33)
