"""The quality benchmark on real images: too long for every day, so `make benchmark` runs it.

What is asserted is relative to the peers of the same run, never an absolute figure.
"""

import json

import pytest
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.evaluation.quality import NAIVE, SUPERVISED

pytestmark = [pytest.mark.benchmark, pytest.mark.shared, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def figures(shared_data, tmp_path_factory):
    """Pooled left-out figures by stage, of one seed on a small budget."""
    glas = shared_data / "glas_train"
    if not (glas / "masks").is_dir():
        pytest.skip(f"no GlaS training images with masks at {glas}")
    out = tmp_path_factory.mktemp("quality")
    arguments = [
        "benchmark", "quality", glas / "images", "--truth", glas / "masks",
        "--grades", glas / "Grade.csv", "--out", out, "--mpp", 0.62, "--left-out", 25,
        "--seeds", 1, "--preset", "quick",
    ]  # fmt: skip
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    table = json.loads((out / "quality.json").read_text(encoding="utf-8"))["table"]
    return {row["stage"]: row for row in table}


@pytest.mark.parametrize(
    "peer",
    [
        "all foreground",
        "RGB k-means, filled",
        "self-labelling CNN per image, filled",
        "exterior cluster, filled",
        "priors with their exterior",
        NAIVE,
    ],
)
def test_the_method_beats_what_needs_no_labels_either(figures, peer):
    assert figures["glands"]["pooled mIOU"] > figures[peer]["pooled mIOU"]


def test_the_method_comes_near_the_same_network_on_true_masks(figures):
    assert figures["glands"]["pooled mIOU"] > 0.75 * figures[SUPERVISED]["pooled mIOU"]


def test_the_interiors_of_priors_are_gland_far_more_often_than_pixels_are(figures):
    assert figures["prior interiors"]["precision"] > 1.5 * figures["all foreground"]["precision"]
