"""What the user decided survives every prediction, whatever the size and resolution."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.project.label_folders import LabelFolders
from napari_glands.project.restoring import restore, versions
from napari_glands.project.steps import run_predict, run_priors
from napari_glands.project.whole_slide import saving
from napari_glands.slides.label_resampling import nearest
from napari_glands.stored import sealed

COARSE = 2.48  # µm/px at which the slide is small; at that of the other model it is large


@pytest.fixture
def decided(case):
    """Predicted where the slide is small, one gland accepted, one rejected, all others left."""
    settings = case.model.settings.updated("general", working_mpp=COARSE)
    case.project.save_model(replace(case.model, settings=settings), "coarse", fingerprint="given")
    run_predict(case.project, name="coarse")
    glands = case.project.load_glands(case.id)
    sizes = sorted(glands.table, key=lambda row: -row.area_um2)
    states = {sizes[0].id: "accepted", sizes[1].id: "rejected"}
    table = tuple(replace(row, state=states.get(row.id, row.state)) for row in glands.table)
    case.project.save_edited_glands(replace(glands, table=table))
    return case, glands.labels == sizes[0].id, glands.labels == sizes[1].id


def test_decisions_reach_the_large_prediction_and_a_copy_is_kept(decided):
    case, accepted, rejected = decided
    before = len(case.project.backups(case.id, "glands"))
    run_predict(case.project)
    kept = case.project.backups(case.id, "glands")
    assert len(kept) == before + 1
    copy = case.project.load_backup(case.id, kept[0])
    np.testing.assert_array_equal(copy.where("accepted"), accepted)
    prediction = case.project.load_prediction(case.id)
    labels = np.asarray(prediction.glands[...])
    assert labels.shape != accepted.shape
    (gland,) = np.unique(labels[nearest(accepted, labels.shape)])
    assert gland > 0
    np.testing.assert_array_equal(labels == gland, nearest(accepted, labels.shape))
    assert not labels[nearest(rejected, labels.shape)].any()
    found = len(np.unique(labels[labels > 0]))
    assert case.project.facts(case.id, "prediction")["count"] == found > 1


def test_decisions_come_back_when_the_slide_is_small_again(decided):
    case, accepted, rejected = decided
    settings = case.project.settings
    run_predict(case.project)
    # As large again, which must not lose them either.
    run_predict(case.project, settings.updated("predict", threshold=0.55))
    run_predict(case.project, name="coarse")
    glands = case.project.load_glands(case.id)
    np.testing.assert_array_equal(glands.where("accepted"), accepted)
    np.testing.assert_array_equal(glands.where("rejected"), rejected)
    assert case.project.has_curated_glands(case.id)


def test_a_taken_back_decision_does_not_come_again(decided):
    case, *_ = decided
    run_predict(case.project)
    run_predict(case.project, name="coarse")
    glands = case.project.load_glands(case.id)
    table = tuple(replace(row, state="proposed") for row in glands.table)
    case.project.save_edited_glands(replace(glands, table=table))
    run_predict(case.project)
    run_predict(case.project, name="coarse")
    assert not case.project.load_glands(case.id).decided.any()


def decide(case):
    """Note that the user has changed the priors, as those of a large slide never are today."""
    labels = case.project.path / "slides" / f"{case.id}.zarr" / "labels"
    attributes = json.loads((labels / "priors" / ".zattrs").read_text())
    attributes["napari_glands"] = sealed({**attributes["napari_glands"], "curated": True})
    (labels / "priors" / ".zattrs").write_text(json.dumps(attributes))


def test_priors_of_a_large_slide_are_copied_before_they_are_replaced(case):
    from napari_glands.project.steps import run_exterior

    settings = case.project.settings
    run_exterior(case.project)
    run_priors(case.project)
    run_priors(case.project, settings.updated("priors", min_score=0.9))
    assert not case.project.backups(case.id, "priors"), "nobody's work was in them"
    decide(case)
    run_priors(case.project, settings.updated("priors", min_score=0.95), replace_curated=True)
    (kept,) = case.project.backups(case.id, "priors")
    before = case.project.load_backup(case.id, kept)
    assert len(case.project.load_priors(case.id).table) != len(before.table)
    restore(case.project, case.id, kept)
    after = case.project.load_priors(case.id)
    assert after.table == before.table
    np.testing.assert_array_equal(after.labels[...], before.labels[...])


def test_what_was_decided_while_a_large_prediction_ran_is_kept(decided, monkeypatch):
    case, accepted, _ = decided
    real = saving.predict_large
    calls = []

    def deciding(*arguments):
        made = real(*arguments)
        if not calls:  # the user takes one decision back meanwhile
            glands = case.project.load_glands(case.id)
            table = tuple(
                replace(row, state="proposed" if row.state == "rejected" else row.state)
                for row in glands.table
            )
            case.project.save_edited_glands(replace(glands, table=table))
        calls.append(made)
        return made

    monkeypatch.setattr(saving, "predict_large", deciding)
    run_predict(case.project)
    assert len(calls) == 2, "the last passes once more"
    run_predict(case.project, name="coarse")
    glands = case.project.load_glands(case.id)
    np.testing.assert_array_equal(glands.where("accepted"), accepted)
    assert not glands.where("rejected").any()


class Killed(BaseException):
    """The process is gone."""


def test_a_kill_while_a_result_is_moved_into_place_makes_no_empty_one(case, monkeypatch):
    moved = []

    def move(self, built):
        moved.append(built)
        if len(moved) == 2:  # the glands are in place, the prediction is not
            raise Killed
        return publish(self, built)

    publish = LabelFolders.publish
    monkeypatch.setattr(LabelFolders, "publish", move)
    with pytest.raises(Killed):
        run_predict(case.project)
    monkeypatch.setattr(LabelFolders, "publish", publish)
    run_predict(case.project)
    prediction = case.project.load_prediction(case.id)
    labels = np.asarray(prediction.glands[...])
    assert len(np.unique(labels)) > 3
    assert np.asarray(prediction.probability[...]).max() > 0
    assert case.project.facts(case.id, "prediction")["count"] == len(np.unique(labels)) - 1
    assert not versions(case.project, case.id), "nobody decided on what is found again"
