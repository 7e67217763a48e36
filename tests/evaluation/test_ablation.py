"""The ablation: a plain table of changes, each on one budget."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.errors import GlandsError
from napari_glands.evaluation import ablation, labelling
from napari_glands.evaluation.ablation import (
    LADDER,
    ROWS,
    Row,
    ablation_table,
    benchmark_ablation,
    change,
    distinct,
    failures,
    rows_named,
)
from napari_glands.evaluation.labelling import METHOD
from napari_glands.evaluation.shelf import Shelf
from napari_glands.evaluation.split import stratified
from napari_glands.settings import Settings

FEW = (
    Row("stage 1, filled", stage=METHOD[0]),
    Row("default"),
    Row("flips on", change(predict={"flips": True})),
    Row("no push", change(train={"push_weight": 0.0})),
)


@pytest.mark.parametrize("row", [*LADDER, *ROWS], ids=lambda row: row.name)
def test_every_row_fits_the_settings_and_spends_the_same_budget(row):
    settings = Settings()
    train = row.adapt(settings).train
    assert row.stage in METHOD
    assert train.iterations * train.rounds == settings.train.iterations * settings.train.rounds


def test_names_are_unique_and_rows_that_change_nothing_are_left_out():
    rows = (*LADDER, *ROWS)
    assert len({row.name for row in rows}) == len(rows)
    names = {row.name for row in distinct(rows, Settings())}
    assert {"default", *(row.name for row in LADDER)} <= names
    assert len({"flips on", "flips off"} & names) == 1
    for row in distinct(ROWS, Settings())[1:]:
        assert row.adapt(Settings()) != Settings(), row.name


def test_rows_share_stage_1_priors_and_training_where_settings_agree(
    material, tiny, tmp_path, monkeypatch
):
    made = []
    for name in ("fit_exterior", "mine_priors", "train"):
        real = getattr(labelling, name)

        def spy(*args, _real=real, _name=name, **kwargs):
            made.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(labelling, name, spy)
    split = stratified(material.grades, 2)
    shelf = Shelf(tmp_path, material.fingerprint())
    results = benchmark_ablation(material, split, tiny, seeds=[0], rows=FEW, shelf=shelf)
    assert made.count("fit_exterior") == 1
    assert made.count("mine_priors") == 4
    assert made.count("train") == 2  # flips need none of their own

    made.clear()
    again = benchmark_ablation(material, split, tiny, seeds=[0], rows=FEW, shelf=shelf)
    assert made == []
    assert again == results
    benchmark_ablation(material, split, tiny, seeds=[0, 1], rows=FEW[:1], shelf=shelf)
    assert made == ["fit_exterior"]


def test_masks_are_asked_for_after_the_labels_of_a_row(material, tiny, monkeypatch):
    order, truths = [], material.read_truths()
    real = labelling.predict
    monkeypatch.setattr(
        labelling, "predict", lambda *args, **more: order.append("predict") or real(*args, **more)
    )
    object.__setattr__(material, "read_truths", lambda: order.append("masks") or truths)
    split = stratified(material.grades, 2)
    benchmark_ablation(material, split, tiny, seeds=[0], rows=FEW[1:2])
    assert order == ["predict"] * len(split.left_out) + ["masks"]


def test_masks_are_read_once_for_all_rows_and_seeds(material, tiny):
    read, truths = [], material.read_truths()
    object.__setattr__(material, "read_truths", lambda: read.append("masks") or truths)
    split = stratified(material.grades, 2)
    benchmark_ablation(material, split, tiny, seeds=[0, 1], rows=FEW[:1] * 2)
    assert read == ["masks"]


def test_the_table_compares_with_the_default(material, tiny):
    split = stratified(material.grades, 2)
    results = benchmark_ablation(material, split, tiny, seeds=[0, 1], rows=FEW)
    table = ablation_table(results, material.groups)
    assert [row["row"] for row in table] == [row.name for row in FEW]
    default = table[1]
    assert default["Δ mIOU to default"] == "+0.000"
    assert "±" in default["pooled mIOU"]
    assert "±" in default["malignant mIOU"]
    assert default["seeds"] == 2
    by_row = {name: ablation._figures(results, name, "all") for name in ("default", FEW[0].name)}
    gain = np.mean([by_row[FEW[0].name][s]["miou"] - by_row["default"][s]["miou"] for s in (0, 1)])
    assert table[0]["Δ mIOU to default"] == f"{gain:+.3f}"


def test_a_row_that_fails_does_not_stop_the_others(material, tiny):
    split = stratified(material.grades, 2)
    rows = (
        Row("default"),
        Row(
            "no priors", change(priors={"min_score": 1.0, "min_stain_score": 1.0, "compact": False})
        ),
    )
    results = benchmark_ablation(material, split, tiny, seeds=[0], rows=rows)
    assert "No prior was found" in results[1].failure
    (reason,) = failures(results)
    assert reason.startswith("no priors, seed 0: No prior was found")
    assert ablation_table(results, ("all",))[1]["pooled mIOU"] == "–"


def test_a_row_that_failed_is_made_again(material, tiny, tmp_path, monkeypatch):
    shelf, split = Shelf(tmp_path, material.fingerprint()), stratified(material.grades, 2)
    wishes = {"seeds": [0], "rows": FEW[:1], "shelf": shelf}

    def unreadable(*args, **kwargs):
        raise GlandsError("The image cannot be read.")

    with monkeypatch.context() as patched:
        patched.setattr(labelling, "fit_exterior", unreadable)
        (failed,) = benchmark_ablation(material, split, tiny, **wishes)
    assert failed.failure == "The image cannot be read."
    (again,) = benchmark_ablation(material, split, tiny, **wishes)
    assert again.records
    assert not again.failure


def test_an_unknown_row_is_refused():
    assert [row.name for row in rows_named(["no stain jitter"])] == ["default", "no stain jitter"]
    with pytest.raises(GlandsError, match="no ablation row magic"):
        rows_named(["magic"])


def test_the_command_writes_the_table(folders):
    done = CliRunner().invoke(
        app,
        [
            "benchmark", "ablation", f"{folders}/images", "--truth", f"{folders}/masks",
            "--grades", f"{folders}/Grade.csv", "--out", f"{folders}/out", "--mpp", "0.62",
            "--settings", f"{folders}/tiny.json", "--seeds", "1", "--left-out", "2",
            "--row", "stage 1, filled", "--json",
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [row["row"] for row in json.loads(done.stdout)["table"]] == [
        "stage 1, filled",
        "default",
    ]
    text = (folders / "out" / "ablation.md").read_text(encoding="utf-8")
    assert "2 iterations × 2 rounds, 1 seed(s)" in text
    assert "| stage 1, filled |" in text
    assert "Without figures" not in text


def test_the_command_says_why_a_row_has_no_figures(folders, tiny):
    none = tiny.updated("priors", min_score=1.0, min_stain_score=1.0, compact=False)
    (folders / "tiny.json").write_text(none.model_dump_json())
    done = CliRunner().invoke(
        app,
        [
            "benchmark", "ablation", f"{folders}/images", "--truth", f"{folders}/masks",
            "--out", f"{folders}/out", "--mpp", "0.62", "--settings", f"{folders}/tiny.json",
            "--seeds", "1", "--left-out", "2", "--row", "stage 1, filled",
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Without figures: default, seed 0: No prior was found" in done.output
    text = (folders / "out" / "ablation.md").read_text(encoding="utf-8")
    assert "\n\nWithout figures:\n\n- default, seed 0: No prior was found" in text
