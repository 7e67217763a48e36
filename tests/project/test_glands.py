"""Glands with what the user decided on them, in the folder."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.measurement import measure
from napari_glands.priors import from_labels, with_state
from napari_glands.project import Project
from napari_glands.project.summary import summarise


@pytest.fixture
def predicted(study, make):
    """A project with a prediction of two glands, 1 and 70,000, and its slide's id."""
    study.project.save_prediction(make.prediction(study.slide))
    return study.project, study.slide.id


def states(project, slide_id):
    return {row.id: row.state for row in project.load_glands(slide_id).table}


def decide(project, slide_id, state, *ids):
    project.save_edited_glands(with_state(project.load_glands(slide_id), ids, state))


def folder_of(project, slide_id, name):
    return project.path / "slides" / f"{slide_id}.zarr" / "labels" / name


def test_found_glands_are_proposed(predicted, make, study):
    project, slide_id = predicted
    glands, made = project.load_glands(slide_id), make.prediction(study.slide)
    assert states(project, slide_id) == {1: "proposed", 70_000: "proposed"}
    np.testing.assert_array_equal(glands.labels, made.glands)
    assert np.abs(glands.probability / 255 - made.probability).max() < 0.003
    assert (glands.model, glands.slide_name, glands.grid) == (
        made.model,
        made.slide_name,
        made.grid,
    )
    assert not project.has_curated_glands(slide_id)


def test_edited_glands_round_trip(predicted):
    project, slide_id = predicted
    former = project.load_glands(slide_id)
    labels = former.labels.copy()
    labels[50:55, 5:20] = 3
    edited = from_labels(with_state(former, [1], "accepted"), labels)
    content = project.save_edited_glands(edited)
    loaded = project.load_glands(slide_id)
    assert loaded.table == edited.table
    np.testing.assert_array_equal(loaded.labels, labels)
    assert loaded.labels.dtype == np.int32
    assert project.has_curated_glands(slide_id)
    facts = project.facts(slide_id, "glands")
    assert (facts["content"], facts["count"]) == (content, 3)
    attributes = json.loads((folder_of(project, slide_id, "glands") / ".zattrs").read_text())
    rows = {row["label-value"]: row for row in attributes["image-label"]["properties"]}
    assert (rows[3]["state"], rows[3]["source"]) == ("edited", "user")


def test_only_what_counts_is_measured_and_exported(predicted):
    project, slide_id = predicted
    decide(project, slide_id, "rejected", 1)
    prediction = project.load_prediction(slide_id)
    assert list(np.unique(prediction.glands)) == [0, 70_000]
    assert list(measure(prediction)["label"]) == [70_000]
    assert summarise(project).rows[0].glands == 1
    decide(project, slide_id, "doubtful", 70_000)
    assert not project.load_prediction(slide_id).glands.any()
    decide(project, slide_id, "accepted", 1)
    assert list(measure(project.load_prediction(slide_id))["label"]) == [1]


def test_a_table_is_out_of_date_when_other_glands_count(predicted):
    project, slide_id = predicted
    found = project.facts(slide_id, "prediction")["content"]
    decide(project, slide_id, "accepted", 1)
    assert project.facts(slide_id, "prediction")["content"] == found, "the same glands count"
    decide(project, slide_id, "rejected", 1)
    facts = project.facts(slide_id, "prediction")
    assert facts["content"] != found
    assert facts["probability"] == found, "the overlay is the same"


def test_a_new_prediction_keeps_decisions(predicted, make, study):
    project, slide_id = predicted
    decide(project, slide_id, "rejected", 1)
    decided = project.load_glands(slide_id)
    again = make.prediction(study.slide, model="glands@other")
    glands = np.zeros_like(again.glands)
    glands[3:12, 3:12], glands[45:58, 60:78] = 5, 6
    project.save_prediction(replace(again, glands=glands))
    assert states(project, slide_id) == {1: "rejected", 6: "proposed"}
    now = project.load_glands(slide_id)
    np.testing.assert_array_equal(now.labels == 1, decided.labels == 1)
    assert now.model == "glands@other"
    assert project.has_curated_glands(slide_id)
    (backup,) = project.backups(slide_id, "glands")
    assert project.load_backup(slide_id, backup).table == decided.table


def test_edits_of_a_replaced_prediction_are_not_lost(predicted, make, study):
    """The user edits while a new prediction comes in."""
    project, slide_id = predicted
    shown, base = project.load_glands(slide_id), project.facts(slide_id, "glands")["content"]
    other = make.prediction(study.slide, model="glands@other")
    glands = np.zeros_like(other.glands)
    glands[45:58, 60:78] = 1
    project.save_prediction(
        replace(other, glands=glands, probability=other.probability[::-1].copy())
    )
    edited = with_state(shown, [1], "accepted")
    assert project.save_edited_glands(edited, base=base) == "", "shown is not what is saved"
    assert states(project, slide_id) == {1: "accepted", 2: "proposed"}
    assert project.facts(slide_id, "prediction") is not None


def test_a_copy_at_another_resolution_gives_its_decisions(predicted, make, study):
    project, slide_id = predicted
    decide(project, slide_id, "rejected", 1)
    backup = project.back_up(slide_id, "glands")
    decide(project, slide_id, "proposed", 1)
    coarse = make.settings.updated("general", working_mpp=2.48)
    project.save_prediction(make.prediction(study.slide, coarse))
    project.save_edited_glands(project.load_backup(slide_id, backup))
    assert states(project, slide_id)[1] == "rejected"
    prediction = project.load_prediction(slide_id)
    assert prediction.glands.shape == prediction.probability.shape == prediction.grid.shape


def test_decisions_survive_a_kill_between_the_two_halves(predicted, make, study):
    project, slide_id = predicted
    former = folder_of(project, slide_id, "prediction")
    aside = study.project.path / "aside"
    shutil.copytree(former, aside)
    decide(project, slide_id, "accepted", 1)
    other = make.prediction(study.slide, model="glands@other")
    other = replace(other, probability=other.probability[::-1].copy())
    project.save_prediction(other)
    shutil.rmtree(former)
    aside.rename(former)
    assert project.facts(slide_id, "prediction") is None
    project.save_prediction(other)
    assert states(project, slide_id)[1] == "accepted"


def test_glands_without_a_prediction_cannot_be_saved(predicted):
    project, slide_id = predicted
    glands = project.load_glands(slide_id)
    shutil.rmtree(folder_of(project, slide_id, "prediction"))
    with pytest.raises(GlandsError, match="`predict`"):
        project.save_edited_glands(glands)


@pytest.fixture
def older(predicted, make, study):
    """The same project as the first version of the layout kept it."""
    project, slide_id = predicted
    project.save_priors(make.priors(study.slide))
    content = project.facts(slide_id, "prediction")["content"]
    for name in ("glands", "prediction"):
        file = folder_of(project, slide_id, name) / ".zattrs"
        data = json.loads(file.read_text())
        kept = ("slide_id", "grid", "settings", "saved", "model", "slide_name", "fingerprint")
        facts = {k: data["napari_glands"][k] for k in (*kept, "seconds")}
        data["napari_glands"] = {**facts, "content": content, "count": 2}
        file.write_text(json.dumps(data))
    shutil.rmtree(folder_of(project, slide_id, "priors") / "marks")
    project.close()
    file = project.path / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 1}))
    with Project.open(project.path) as reopened:
        yield reopened, slide_id


def test_an_older_project_is_read_and_edited(older, make, study):
    project, slide_id = older
    assert not project.load_priors(slide_id).marks.any()
    assert not project.has_curated_glands(slide_id)
    made = make.prediction(study.slide)
    np.testing.assert_array_equal(project.load_prediction(slide_id).glands, made.glands)
    assert states(project, slide_id) == {1: "proposed", 70_000: "proposed"}
    before = project.facts(slide_id, "prediction")["content"]
    decide(project, slide_id, "accepted", 1)
    assert project.facts(slide_id, "prediction")["content"] == before
    decide(project, slide_id, "rejected", 1)
    assert states(project, slide_id) == {1: "rejected", 70_000: "proposed"}
    assert project.facts(slide_id, "prediction")["content"] != before
    assert list(np.unique(project.load_prediction(slide_id).glands)) == [0, 70_000]
    assert list(project.path.glob("project.v1.*.bak.json"))


def test_a_copy_of_older_glands_can_be_loaded(older):
    project, slide_id = older
    backup = project.back_up(slide_id, "glands")
    decide(project, slide_id, "rejected", 1)
    restored = project.load_backup(slide_id, backup)
    assert {row.id: row.state for row in restored.table} == {1: "proposed", 70_000: "proposed"}
    project.save_edited_glands(restored)
    assert len(np.unique(project.load_prediction(slide_id).glands)) == 3


def test_strokes_are_kept_with_the_priors(study, make):
    project, priors = study.project, make.priors(study.slide)
    project.save_priors(priors)
    before = project.facts(priors.slide_id, "priors")["content"]
    marks = priors.marks.copy()
    marks[5:9, 50:70], marks[30:33, 1:9] = 1, 2
    project.save_edited_priors(replace(priors, marks=marks))
    np.testing.assert_array_equal(project.load_priors(priors.slide_id).marks, marks)
    assert project.facts(priors.slide_id, "priors")["content"] != before
    assert project.has_curated_priors(priors.slide_id)
    backup = project.back_up(priors.slide_id, "priors")
    project.save_edited_priors(priors)
    assert project.facts(priors.slide_id, "priors")["content"] == before
    np.testing.assert_array_equal(project.load_backup(priors.slide_id, backup).marks, marks)
