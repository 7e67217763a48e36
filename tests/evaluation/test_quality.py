"""The quality benchmark: every stage scored, masks read last, stopped runs taken up."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.errors import GlandsError
from napari_glands.evaluation import labelling, quality, tables
from napari_glands.evaluation.labelling import METHOD
from napari_glands.evaluation.material import Material
from napari_glands.evaluation.peers import MASK_PEERS
from napari_glands.evaluation.quality import NAIVE, SUPERVISED, Run, benchmark_quality
from napari_glands.evaluation.records import LEFT_OUT, TAUGHT
from napari_glands.evaluation.shelf import Shelf
from napari_glands.evaluation.split import folds, stratified

STAGES = [*MASK_PEERS, *METHOD, NAIVE, SUPERVISED]


@pytest.fixture
def split(material):
    return stratified(material.grades, 2)


def spied(monkeypatch, module, name, order, label=lambda *args, **more: None):
    real = getattr(module, name)

    def spy(*args, **kwargs):
        order.append(label(*args, **kwargs) or name)
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, spy)


def test_masks_are_asked_for_once_and_after_all_labels_were_made(
    material, split, tiny, monkeypatch
):
    order = []
    for name in ("fit_exterior", "apply_exterior", "mine_priors", "train", "predict"):
        spied(monkeypatch, labelling, name, order)
    spied(monkeypatch, quality, "instances_of", order)
    spied(monkeypatch, quality, "predict", order)
    spied(monkeypatch, quality, "train_on_targets", order, lambda *args, name, **more: name)
    truths = material.read_truths()

    def read_truths():
        order.append("masks")
        return truths

    watched = replace(material, read_truths=read_truths)
    (run,) = benchmark_quality(watched, [split], tiny, seeds=[0])

    assert order.count("masks") == 1
    before, after = order[: order.index("masks")], order[order.index("masks") + 1 :]
    assert before.count("predict") == 2 * 4  # the method and the naive peer, on every image
    assert {"fit_exterior", "mine_priors", "train", "instances_of", NAIVE} <= set(before)
    assert after == [SUPERVISED, *["predict"] * 4]  # the one that is told the masks
    assert list(dict.fromkeys(record.stage for record in run.records)) == STAGES


def test_only_the_images_that_teach_are_learned_from(material, split, tiny, monkeypatch):
    seen = []

    def names(slides, *rest, **more):
        return tuple(slide.name for slide in slides)

    spied(monkeypatch, labelling, "fit_exterior", seen, names)
    spied(monkeypatch, labelling, "train", seen, names)
    spied(monkeypatch, quality, "train_on_targets", seen, names)
    benchmark_quality(material, [split], tiny, seeds=[0])
    assert set(seen) == {tuple(material.names(split.taught))}
    assert len(seen) == 4


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def runs(material, split, tiny, kept):
    """One finished benchmark of two seeds, made once for the tests below."""
    if "runs" not in kept:
        kept["runs"] = benchmark_quality(material, [split], tiny, seeds=[0, 1])
    return kept["runs"]


def test_the_images_left_out_and_those_that_taught_are_scored_apart(runs, material, split):
    left_out = {r.image for r in runs[0].records if r.part == LEFT_OUT}
    assert left_out == set(material.names(split.left_out)) == set(runs[0].glands)
    assert {r.image for r in runs[0].records if r.part == TAUGHT} == set(
        material.names(split.taught)
    )
    assert runs[0].split == {
        "taught": material.names(split.taught),
        "left_out": material.names(split.left_out),
    }


def test_figures_are_pooled_over_images_and_given_by_grade(runs, material, split):
    truths = material.read_truths()
    gland = np.concatenate([(truths[i] > 0).ravel() for i in split.left_out]).mean()
    (row,) = [
        r for r in tables.quality_table(runs, LEFT_OUT, "all") if r["stage"] == "all foreground"
    ]
    assert row["precision"] == pytest.approx(gland)
    assert row["pooled mIOU"] == pytest.approx(gland / 2)
    assert row["sd"] == pytest.approx(0)

    malignant = [i for i in split.left_out if material.grades[i] == "malignant"]
    assert len(malignant) == 1
    (row,) = [
        r
        for r in tables.quality_table(runs, LEFT_OUT, "malignant")
        if r["stage"] == "all foreground"
    ]
    assert row["precision"] == pytest.approx((truths[malignant[0]] > 0).mean())
    figures = tables.figures_of(runs[0], material.groups)
    assert len(figures["glands"][LEFT_OUT]["all"]["images"]) == 2
    assert set(figures["glands"][TAUGHT]) == {"all", "benign", "malignant"}


def test_precision_and_coverage_of_the_interiors_are_those_of_their_pixels(runs):
    rows = {row["stage"]: row for row in tables.quality_table(runs, LEFT_OUT, "all")}
    interiors, everything = rows["prior interiors"], rows["all foreground"]
    assert interiors["precision"] > everything["precision"]
    assert 0 < interiors["recall"] < rows["priors with their exterior"]["recall"]


def test_a_run_survives_being_written_down(runs):
    run = runs[0]
    again = Run.from_dict(json.loads(json.dumps(run.to_dict())), run.glands)
    assert again.records == run.records
    assert again.to_dict() == run.to_dict()


def test_a_finished_seed_is_not_run_again(material, split, tiny, tmp_path, monkeypatch):
    shelf = Shelf(tmp_path, material.fingerprint())
    wishes = {"peers": False, "shelf": shelf}
    first = benchmark_quality(material, [split], tiny, seeds=[0], **wishes)
    order = []
    spied(monkeypatch, labelling, "train", order)
    both = benchmark_quality(material, [split], tiny, seeds=[0, 1], **wishes)
    assert order == ["train"]  # of seed 1 alone
    assert both[0].records == first[0].records
    for name, glands in first[0].glands.items():
        np.testing.assert_array_equal(both[0].glands[name], glands)
    other = tiny.updated("train", iterations=3)
    benchmark_quality(material, [split], other, seeds=[0], **wishes)
    assert order == ["train", "train"]  # other settings are another run


def test_a_run_of_another_device_or_torch_is_another_run(material, monkeypatch):
    here = material.fingerprint("cpu")
    assert material.fingerprint("cpu") == here
    with monkeypatch.context() as patched:
        patched.setattr(torch, "__version__", "0.0")
        assert material.fingerprint("cpu") != here
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": not here["bf16"]})
    assert material.fingerprint("cpu") != here


def test_folds_pool_every_image_once(material, tiny):
    splits = folds(material.grades, 2)
    runs = benchmark_quality(material, splits, tiny, seeds=[0], peers=False)
    assert [run.fold for run in runs] == [0, 1]
    (row,) = [r for r in tables.quality_table(runs, LEFT_OUT, "all") if r["stage"] == "glands"]
    assert row["sd"] == 0
    left_out = [
        r.image for run in runs for r in run.records if r.part == LEFT_OUT and r.stage == "glands"
    ]
    assert sorted(left_out) == material.names(range(4))


def test_a_network_per_image_cannot_be_left_out_of(material, split, tiny):
    alone = tiny.updated("exterior", network="per_image")
    with pytest.raises(GlandsError, match="--network shared"):
        benchmark_quality(material, [split], alone, seeds=[0], peers=False)


def test_material_is_checked(material):
    with pytest.raises(GlandsError, match="2 grades for 4 images"):
        replace(material, grades=("benign", "malignant"))
    slide = material.slides[0]
    with pytest.raises(GlandsError, match="same name"):
        Material([slide, slide], list)
    assert Material([slide], list).groups == ("all",)


def call(folders, command, *more, code=0):
    arguments = [
        "benchmark", command, f"{folders}/images", "--truth", f"{folders}/masks",
        "--grades", f"{folders}/Grade.csv", "--out", f"{folders}/out", "--mpp", "0.62",
        "--settings", f"{folders}/tiny.json", *more,
    ]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def test_the_command_writes_tables_figures_and_pictures(folders):
    call(folders, "quality", "--seeds", "1", "--left-out", "2", "--rounds", "1")
    written = json.loads((folders / "out" / "quality.json").read_text(encoding="utf-8"))
    assert [row["stage"] for row in written["table"]] == STAGES
    assert written["settings"]["train"]["rounds"] == 1  # an option stands above the file
    assert written["settings"]["train"]["iterations"] == 2  # and the file above the defaults
    assert len(written["splits"][0]["left_out"]) == 2
    assert written["runs"][0]["seconds"]["train"] > 0
    table = (folders / "out" / "quality.md").read_text(encoding="utf-8")
    for title in ("Left out: all", "Left out: malignant", "(transductive): benign"):
        assert title in table
    names = [p.name for p in (folders / "out" / "pictures").iterdir()]
    assert {name.split("-")[0] for name in names} == {"best", "median", "worst"}
    assert all("-miou-" in name for name in names)


def test_an_image_without_a_mask_is_named_before_anything_runs(folders):
    (folders / "masks" / "field_2_anno.png").rename(folders / "masks" / "other.png")
    done = call(folders, "quality", code=1)
    assert "field_2.png has no label image" in done.stderr
    assert not (folders / "out").exists()


def test_folds_and_a_split_exclude_each_other(folders):
    call(folders, "quality", "--folds", "2", "--left-out", "1", code=2)
