"""The benchmark command: every stage scored, masks read last."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.evaluation import quality
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

STAGES = [
    "all foreground",
    "haematoxylin, Otsu, filled",
    "exterior cluster, filled",
    "priors with their exterior",
    "glands",
]
TINY = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=3, channels=8)
    .updated("train", iterations=2, rounds=1, batch_size=2, crop_um=120, weights="none")
)


@pytest.fixture(scope="module")
def field():
    return gland_field((360, 420), seed=9)


def test_every_stage_is_scored_and_masks_are_read_last(field, monkeypatch):
    order = []
    real = quality.predict

    def predict(*args, **kwargs):
        order.append("predict")
        return real(*args, **kwargs)

    def read_truths():
        order.append("masks")
        return [field.truth, field.truth]

    monkeypatch.setattr(quality, "predict", predict)
    slides = [open_slide(field.image, mpp=field.mpp, name=name) for name in ("a", "b")]
    report = quality.benchmark_quality(slides, read_truths, TINY)

    assert order == ["predict", "predict", "masks"]
    assert list(report.stages) == STAGES
    everything = report.stages["all foreground"].pooled
    gland = (field.truth > 0).mean()
    assert everything.iou_gland == pytest.approx(gland)
    assert everything.miou == pytest.approx(gland / 2)
    assert report.interior_precision > 0.8  # these rings are closed
    assert 0 < report.interior_coverage < 1
    assert json.loads(json.dumps(report.to_dict()))["seed"] == 0


@pytest.fixture
def folders(field, tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    Image.fromarray(field.image).save(tmp_path / "images" / "one.png")
    Image.fromarray(field.truth.astype(np.uint16)).save(tmp_path / "masks" / "one_anno.png")
    return tmp_path


def test_the_command_writes_both_tables(folders, monkeypatch):
    real = quality.benchmark_quality

    def quick(slides, read_truths, settings, **more):
        tiny = TINY.updated("general", seed=settings.general.seed)
        return real(slides, read_truths, tiny, **more)

    monkeypatch.setattr(quality, "benchmark_quality", quick)
    arguments = (
        f"--truth {folders}/masks --out {folders}/out --seeds 1 --mpp 0.62 --json "
        "--iterations 2 --rounds 1 --device cpu"
    )
    done = CliRunner().invoke(
        app,
        ["benchmark", "quality", f"{folders}/images", *arguments.split()],
    )
    assert done.exit_code == 0, done.output
    written = json.loads((folders / "out" / "quality.json").read_text(encoding="utf-8"))
    assert [row["stage"] for row in written["table"]] == STAGES
    assert written["settings"]["train"]["iterations"] == 2
    table = (folders / "out" / "quality.md").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 2 + len(STAGES)


def test_an_image_without_a_mask_is_named_before_anything_runs(folders):
    (folders / "masks" / "one_anno.png").rename(folders / "masks" / "other.png")
    arguments = f"--truth {folders}/masks --out {folders}/out --mpp 0.62"
    done = CliRunner().invoke(
        app, ["benchmark", "quality", f"{folders}/images", *arguments.split()]
    )
    assert done.exit_code == 1
    assert "one.png has no label image" in done.stderr
    assert not (folders / "out").exists()
