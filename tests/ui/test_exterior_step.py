from __future__ import annotations

import numpy as np
import pytest


def chosen(bench) -> int:
    return bench.session.project.load_exterior(bench.session.current).cluster


def test_evidence_and_maps_are_shown_to_scale(with_priors):
    bench = with_priors
    view = bench.view("exterior")
    assert view.table.rowCount() == 2
    assert view.table.item(0, 0).text() == "1 ✓"
    exterior, clusters = bench.layer("exterior"), bench.layer("clusters")
    assert exterior.opacity == 0.5
    for layer in (exterior, clusters):
        assert layer.scale == pytest.approx(bench.layer("slide").scale)
        assert layer.translate == pytest.approx((0, 0))
    color = clusters.colormap.map(np.array([2], np.uint8))[0]
    shown = view.table.item(1, 0).background().color().getRgbF()
    assert shown[:3] == pytest.approx(color[:3], abs=0.02)


def test_a_click_on_the_map_chooses_the_exterior(with_priors):
    bench = with_priors
    view = bench.view("exterior")
    bench.click(view.pick_button)
    assert bench.layer("clusters").visible
    bench.qtbot.wait(50)
    bench.click_canvas("clusters", 40, 100)
    bench.until(lambda: chosen(bench) == 2)
    bench.until(lambda: view.choice.currentData() == 2)
    bench.settle()
    assert bench.layer("exterior").data[:, :60].max() == 0
    assert "Cluster 2 is the exterior" in view.status.text()
    bench.click(view.pick_button)
    bench.click_canvas("clusters", 40, 20)
    bench.settle()
    assert chosen(bench) == 2


def test_a_click_beside_the_slide_chooses_nothing(with_priors):
    bench = with_priors
    bench.click(bench.view("exterior").pick_button)
    bench.qtbot.wait(50)
    bench.click_canvas("clusters", -3, 20)
    bench.settle()
    assert chosen(bench) == 1


def test_the_list_chooses_too(with_priors):
    bench = with_priors
    view = bench.view("exterior")
    view.choice.setCurrentIndex(1)
    view.choice.activated.emit(1)
    bench.until(lambda: chosen(bench) == 2)


def test_with_a_shared_network_the_choice_holds_for_all_slides(with_priors):
    bench = with_priors
    other = bench.add_slide("other", bench.noise(3))
    project = bench.session.project
    project.save_exterior(bench.make_exterior(project.slide(other)), fingerprint="of other slides")
    bench.show_results()
    view = bench.view("exterior")
    view.choice.activated.emit(1)
    bench.settle()
    assert {project.load_exterior(entry.id).cluster for entry in project.slides} == {2}
    assert project.facts(other, "exterior")["fingerprint"] == "of other slides"  # as it was made
    assert "in 2 slides" in view.status.text()


def test_classical_preview_is_instant(bench):
    bench.add_slide()
    bench.click(bench.view("exterior").preview_button)
    bench.until(lambda: bench.layer("preview"), 10)
    assert bench.layer("preview").scale == pytest.approx((1.24, 1.24))
