"""Regions of a slide: drawn on the canvas, worked on like slides of their own."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_glands.measurement import measure
from napari_glands.sample_data import gland_field
from napari_glands.slides import Region

LEFT = Qt.MouseButton.LeftButton
MPP = 1.24


@pytest.fixture
def with_large(bench, small_limit):
    """A workbench that shows a slide which is large for these tests: 496 × 620 µm."""
    sample = gland_field((400, 500), seed=0)
    bench.slide_id = bench.add_slide("whole", sample.image)
    return bench


def drag(bench, first, last):
    """Draw from one pixel of the slide to another with the mouse."""
    start, stop = (bench.canvas_point("slide", *place) for place in (first, last))
    bench.qtbot.mouseMove(bench.canvas, start)
    bench.qtbot.mousePress(bench.canvas, LEFT, pos=start)
    for share in (0.3, 0.6, 1.0):
        way = (stop - start) * share
        point = start + QPoint(way.x(), way.y())
        bench.qtbot.mouseMove(bench.canvas, point)
        bench.qtbot.wait(20)
    bench.qtbot.mouseRelease(bench.canvas, LEFT, pos=stop)


def test_a_rectangle_drawn_on_the_slide_becomes_a_region(with_large):
    bench, view = with_large, with_large.view("slides")
    assert "Draw regions to work on parts first" in view.large_note.text()
    bench.click(view.use_button)
    assert "nothing drawn" in view.status.text()
    bench.click(view.draw_button)
    drag(bench, (100, 150), (300, 400))
    drag(bench, (20, 20), (60, 60))  # too small
    bench.click(view.use_button)
    bench.until(lambda: len(bench.session.facts.slides) == 2)
    assert "1 region is in the list: whole · region 1." in view.status.text()
    assert "too small" in view.status.text()
    assert len(bench.layer("sketch").data) == 1  # stays, to be mended
    _, region = bench.session.facts.slides
    place = region.region.place
    drawn = (place.y, place.x, place.y + place.height, place.x + place.width)
    assert drawn == pytest.approx((100, 150, 300, 400), abs=3)
    item = view.list.topLevelItem(0).child(0)
    assert (item.text(0), item.text(4)) == ("region 1", region.size)
    assert bench.layer("regions").data[0].min() == pytest.approx(min(place.y, place.x) - 0.5)
    # A click shows it, with the pixels of the whole slide around it.
    picture = bench.layer("slide")
    view.list.setCurrentItem(item)
    bench.until(lambda: bench.session.current == region.id)
    assert bench.layer("slide") is picture
    center = bench.viewer.scene.camera.center[-2:]
    middle = picture.data_to_world((place.y + place.height / 2, place.x + place.width / 2))
    assert center == pytest.approx(middle[-2:], abs=2)
    assert view.remove_button.isEnabled()
    # Its frame is as wide as a line should be at this zoom.
    frames, camera = bench.layer("regions"), bench.viewer.scene.camera
    bench.until(lambda: frames.edge_width[0] * MPP * camera.zoom == pytest.approx(2.5))
    # Its frame is no region of its own, and is not in the way of the tools.
    assert not bench.layer("regions").editable


def test_a_region_is_worked_on_in_the_coordinates_of_its_slide(with_large):
    bench = with_large
    project = bench.session.project
    first, second = project.add_regions(
        bench.slide_id, [Region(100, 150, 120, 140), Region(250, 20, 100, 100)]
    )
    bench.session.refresh(show=first.id, create=True)
    bench.until(lambda: bench.session.current == first.id)
    slide = project.slide(first.id)
    project.save_exterior(bench.make_exterior(slide), fingerprint="made by a test")
    project.save_priors(bench.make_priors(slide), fingerprint="made by a test")
    bench.show_results()
    priors = bench.layer("priors")
    # Pixel (20, 20) of the region, where its first prior begins, on the slide.
    on_slide = bench.layer("slide").world_to_data(priors.data_to_world((20, 20)))
    assert on_slide == pytest.approx((120, 170), abs=0.01)
    view = bench.view("priors")
    assert view.review.isVisible()
    assert not view.note.isVisible()
    # An edit is saved with the region, and another region has layers of its own.
    priors.selected_label = 1
    priors.mode = "paint"
    bench.click_canvas("priors", 60, 30)
    bench.settle()
    bench.until(lambda: project.has_curated_priors(first.id))
    assert project.load_priors(first.id).grid.origin == (100, 150)
    picture = bench.layer("slide")
    bench.session.show_slide(second.id)
    bench.until(lambda: bench.session.current == second.id)
    assert bench.layer("priors") is None
    assert bench.layer("slide") is picture
    assert bench.layer("slide") in bench.viewer.layers


def test_a_region_is_removed_and_comes_back_with_its_results(with_large):
    bench = with_large
    project = bench.session.project
    (entry,) = project.add_regions(bench.slide_id, [Region(100, 150, 120, 140)])
    project.save_priors(bench.make_priors(project.slide(entry.id)), fingerprint="made by a test")
    bench.session.refresh(show=entry.id, create=True)
    bench.until(lambda: bench.session.current == entry.id)
    view = bench.view("slides")
    bench.click(view.remove_button)
    bench.until(lambda: bench.session.current == bench.slide_id)
    assert [s.id for s in bench.session.facts.slides] == [bench.slide_id]
    bench.until(lambda: bench.layer("regions") is None)
    assert project.add_regions(bench.slide_id, [Region(100, 150, 120, 140)]) == [entry]
    assert len(project.load_priors(entry.id).table) == 2


def test_results_of_a_large_slide_are_shown_and_not_edited(bench, request):
    bench.slide_id = bench.add_slide("whole", gland_field((400, 500), seed=0).image)
    project = bench.session.project
    slide = project.slide(bench.slide_id)
    project.save_exterior(bench.make_exterior(slide), fingerprint="made by a test")
    project.save_priors(bench.make_priors(slide), fingerprint="made by a test")
    project.save_prediction(bench.make_prediction(slide), fingerprint="made by a test")
    request.getfixturevalue("small_limit")
    bench.show_results()
    for role in ("clusters", "priors", "glands"):
        layer = bench.layer(role)
        assert not layer.editable
        assert not isinstance(layer.data[0] if layer.multiscale else layer.data, np.ndarray)
    assert bench.session.curation.curated is None
    for step in ("priors", "predict"):
        view = bench.view(step)
        assert "Draw regions to review and correct" in view.note.text()
        assert not view.review.isVisible()
    # The panels beside the canvas do with what there is.
    table = measure(project.load_prediction(bench.slide_id))
    content = project.facts(bench.slide_id, "prediction")["content"]
    project.save_measurements(bench.slide_id, table, content=content)
    bench.click(bench.widget.display_bar.table_button)
    bench.click(bench.widget.display_bar.sheet_button)
    bench.settle()
    measurements = bench.viewer.window.dock_widgets["Measurements (napari-glands)"]
    bench.until(lambda: measurements.view.model.rowCount() == 2)
    measurements.look_at(2)
    center = bench.viewer.scene.camera.center[-2:]
    assert center == pytest.approx((59.5 * MPP, 79.5 * MPP), abs=3)
    # The evidence table still offers the clusters.
    assert bench.view("exterior").table.rowCount() == 2


def test_tissue_is_outlined_on_request(bench):
    pixels = np.full((400, 500, 3), 240, np.uint8)
    pixels[100:300, 100:300] = bench.noise().mean()
    bench.add_slide("glass", pixels)
    view = bench.view("slides")
    bench.click(view.tissue_button)
    bench.until(lambda: bench.layer("tissue") is not None)
    assert "of the slide is tissue" in view.status.text()
    bench.click(view.tissue_button)
    assert bench.layer("tissue") is None


def test_regions_of_the_slide_go_through_a_step(with_large):
    bench = with_large
    (entry,) = bench.session.project.add_regions(bench.slide_id, [Region(100, 150, 150, 150)])
    bench.session.refresh(show=entry.id, create=True)
    bench.until(lambda: bench.session.current == entry.id)
    settings = bench.session.settings.updated("exterior", iterations=2, channels=8, batch_size=2)
    bench.session.settings = settings.updated("general", device="cpu")
    bench.run("exterior")
    bench.until(lambda: bench.layer("exterior") is not None)
    assert bench.session.project.facts(bench.slide_id, "exterior") is None
    exterior = bench.layer("exterior")
    corner = bench.layer("slide").world_to_data(exterior.data_to_world((-0.5, -0.5)))
    assert corner == pytest.approx((99.5, 149.5), abs=0.01)
