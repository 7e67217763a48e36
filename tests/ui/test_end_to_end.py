"""All six steps with the real method, from an image file to files for QuPath."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QFileDialog

from napari_glands.sample_data import gland_field

SMALL = {
    "exterior": {"iterations": 4, "channels": 8, "crop_um": 60.0, "batch_size": 2},
    "priors": {
        "min_score": 0.0,
        "min_stain_score": 0.0,
        "min_solidity": 0.5,
        "min_area_um2": 100.0,
        "min_ring": 0.0,
    },
    "train": {
        "iterations": 2,
        "rounds": 1,
        "batch_size": 2,
        "weights": "none",
        "crop_um": 80.0,
        "min_coverage": 0.0,
    },
    "predict": {"tile_um": 120.0},
}


def test_from_an_image_to_exported_glands(bench, monkeypatch):
    sample = gland_field((320, 320), mpp=0.62, seed=3)
    path = bench.folder / "field.png"
    Image.fromarray(sample.image).save(path)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([str(path)], ""))

    slides = bench.view("slides")
    bench.click(slides.add_files_button)
    bench.until(slides.mpp_frame.isVisible)
    bench.click(slides.mpp_button)
    bench.until(lambda: bench.session.current)
    for step, values in SMALL.items():
        form = bench.widget.views[step].form
        for name, value in values.items():
            form.field(name).value = value

    exterior = bench.run("exterior")
    assert exterior.table.rowCount() == 5, exterior.status.text()
    assert bench.layer("exterior").visible

    priors = bench.run("priors")
    assert bench.layer("priors") is not None, priors.status.text()
    # Whatever the few steps above found: one prior is drawn by hand.
    layer = bench.layer("priors")
    rows, columns = np.nonzero(np.ones((30, 30)))
    layer.data_setitem((rows + 40, columns + 40), 500)
    bench.until(lambda: priors.review.tally["edited"])

    train = bench.run("train")
    assert "Trained" in train.status.text(), train.status.text()
    assert "CPU" in train.device.reason.text() or "GPU" in train.device.reason.text()

    predict = bench.run("predict")
    assert "Glands predicted in 1 slide" in predict.status.text(), predict.status.text()
    probability = bench.layer("probability")
    assert probability.data.shape == layer.data.shape
    assert probability.scale == pytest.approx((1.24, 1.24), rel=0.01)
    assert bench.layer("glands").contour == 2

    export = bench.view("export")
    export.folder.setText(str(bench.folder / "out"))
    bench.click(export.buttons["geojson"])
    bench.settle()
    written = json.loads((bench.folder / "out" / "field.geojson").read_text())
    assert written["type"] == "FeatureCollection"

    ticks = [button.text().split("\n")[1] for button in bench.widget.nav.buttons]
    assert ticks == ["✓"] * 5 + ["·"]
    record = bench.session.project.steps
    assert set(record) == {"exterior", "priors", "train", "predict", "measure"}
    assert record["train"].settings.train.iterations == 2


def test_all_steps_run_with_one_click(bench):
    bench.add_slide("field", gland_field((320, 320), mpp=1.24, seed=3).image)
    slides = bench.view("slides")
    presets = slides.run_all.presets
    presets.activated.emit(presets.findData("quick"))
    assert bench.session.settings.train.iterations == 150
    assert bench.widget.views["train"].form.field("iterations").value == 150
    for step, values in SMALL.items():
        for name, value in values.items():
            bench.widget.views[step].form.field(name).value = value
    assert presets.currentText() == "", "these settings are no preset"

    bench.click(slides.run_all.button)
    bench.settle()

    assert "found in 1 slide" in slides.status.text(), slides.status.text()
    assert bench.layer("glands").visible
    assert set(bench.session.project.steps) == {"exterior", "priors", "train", "predict", "measure"}
