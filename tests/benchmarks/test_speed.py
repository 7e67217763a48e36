"""The speed benchmark as ratios against peers in the same run; `make benchmark` runs it.

It means something on a machine that does nothing else meanwhile.
"""

import json

import pytest
from typer.testing import CliRunner

from napari_glands.cli.app import app

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


def measured(*arguments):
    done = CliRunner().invoke(app, ["benchmark", "speed", "--json", *map(str, arguments)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)


def test_stage_1_is_much_faster_than_the_published_recipe():
    found = measured("--part", "stage1", "--images", 3, "--seeds", 1)
    assert found["stage1_speedup"] >= 20


def test_training_and_prediction_are_nearly_as_fast_as_bare_loops():
    found = measured("--part", "train", "--part", "predict", "--images", 6)
    assert found["train_efficiency"] >= 0.85
    assert found["predict_efficiency"] >= 0.8


def test_memory_stays_flat_and_time_grows_with_the_slide(tmp_path):
    found = measured("--part", "slides", "--side", 10000, "--side", 20000, "--out", tmp_path)
    small, large = found["slides"]
    assert large["peak_gb"] < 4
    assert large["peak_gb"] < 1.25 * small["peak_gb"]
    assert large["seconds"] < 5 * small["seconds"]
    assert large["opened_seconds"] < 1
