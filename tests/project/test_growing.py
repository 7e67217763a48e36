"""Sure predictions become priors in a project, and nothing that anyone decided is lost."""

import json
import shlex
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken
from napari_glands.project import steps
from napari_glands.segmentation import Model

SURE = np.s_[10:40, 44:74]  # away from both priors of the project


def save_model(project, value=0.0):
    weights = {"w": torch.full((1,), value)}
    project.save_model(Model("glands", project.settings, weights), "glands")


def save_prediction(project, entry, make, settings=None, doubtful=0):
    """Save what the model says of a slide: one gland, up to date, some columns of it in doubt."""
    settings = settings or project.settings
    made = make.prediction(project.slide(entry.id), settings)
    sure, glands = np.full_like(made.probability, 0.01), np.zeros_like(made.glands)
    sure[SURE], glands[SURE] = 0.99, 1
    sure[SURE][:, :doubtful] = 0.7
    content = project.model_facts("glands")["content"]
    project.save_prediction(
        replace(made, probability=sure, glands=glands),
        fingerprint=project.prediction_fingerprint(settings, entry.id, content),
    )


@pytest.fixture
def project(study, make):
    """Mapped, with priors 1 and 300, a model, and its prediction of one sure gland."""
    project = study.project
    project.save_exterior(make.exterior(study.slide))
    project.save_priors(make.priors(study.slide))
    save_model(project)
    save_prediction(project, project.slides[0], make)
    return project


def slide_of(project):
    return project.slides[0].id


def states(project):
    return {p.id: p.state for p in project.load_priors(slide_of(project)).table}


def fact(project, name):
    return project.facts(slide_of(project), "priors").get(name)


def backups(project):
    return list((project.path / "slides").glob("*.backups/*"))


def train_fingerprint(project, settings=None):
    return project.train_fingerprint(settings or project.settings, [slide_of(project)])


def test_sure_glands_are_added_and_training_sees_it(project):
    before = train_fingerprint(project)
    told = []
    result = steps.run_grow(project, report=lambda e: told.append(e.message))
    assert result.made == (slide_of(project),)
    assert states(project) == {1: "proposed", 300: "proposed", 2: "proposed"}
    assert told[-1] == "Priors of tissue one: 2 before, 3 now"
    assert train_fingerprint(project) != before
    assert not project.has_curated_priors(slide_of(project))


def test_the_same_prediction_is_taken_in_once(project):
    steps.run_grow(project)
    content, runs = fact(project, "content"), list((project.path / "runs").iterdir())
    told = []
    result = steps.run_grow(project, report=lambda e: told.append(e.message))
    assert (result.made, result.kept) == ((), (slide_of(project),))
    assert "up to date" in told[-1]
    assert fact(project, "content") == content
    assert list((project.path / "runs").iterdir()) == runs


def test_growing_the_same_glands_by_another_score_leaves_the_training_up_to_date(project):
    steps.run_grow(project)
    before = train_fingerprint(project)
    result = steps.run_grow(project, project.settings.updated("priors", grow_score=0.9))
    assert result.made == ()
    assert train_fingerprint(project) == before


def test_another_score_takes_what_the_first_did_not(project, make):
    save_prediction(project, project.slides[0], make, doubtful=6)
    assert steps.run_grow(project).made == ()
    assert not fact(project, "grown")
    steps.run_grow(project, project.settings.updated("priors", grow_score=0.7))
    assert 2 in states(project)


@pytest.mark.parametrize("state", ["accepted", "edited", "rejected"])
def test_decisions_stay_and_what_was_there_is_backed_up(project, make, state):
    curated = make.priors(project.slide(slide_of(project)), states=(state, "proposed"))
    project.save_edited_priors(curated)
    steps.run_grow(project)
    assert states(project) == {1: state, 300: "proposed", 2: "proposed"}
    assert project.has_curated_priors(slide_of(project))
    (backup,) = backups(project)
    facts = json.loads((backup / ".zattrs").read_text())["napari_glands"]
    assert [row["id"] for row in facts["table"]] == [1, 300]
    assert steps.run_priors(project).kept == (slide_of(project),)
    assert 2 in states(project)


def test_a_deletion_is_still_a_decision_afterwards(project):
    found = project.load_priors(slide_of(project))
    labels = np.where(found.labels == 1, 1, 0).astype(np.int32)
    project.save_edited_priors(replace(found, labels=labels, table=found.table[:1]))
    steps.run_grow(project)
    assert states(project) == {1: "proposed", 2: "proposed"}
    assert project.has_curated_priors(slide_of(project))


def test_a_grown_prior_that_was_erased_does_not_come_back(project):
    steps.run_grow(project)
    grown = project.load_priors(slide_of(project))
    labels = np.where(grown.labels == 2, 0, grown.labels)
    table = tuple(row for row in grown.table if row.id != 2)
    project.save_edited_priors(replace(grown, labels=labels, table=table))
    assert steps.run_grow(project).made == ()
    assert 2 not in states(project)


def test_an_edit_of_what_was_there_before_can_be_grown_anew(project):
    """As when a stroke was under way while the priors were grown."""
    slide_id = slide_of(project)
    old, base = project.load_priors(slide_id), fact(project, "content")
    steps.run_grow(project)
    table = (replace(old.table[0], state="accepted"), old.table[1])
    project.save_edited_priors(replace(old, table=table), base=base)
    assert steps.run_grow(project).made == (slide_id,)
    assert states(project) == {1: "accepted", 300: "proposed", 2: "proposed"}


def test_an_edit_made_while_they_grow_stays_and_is_grown(project, make):
    slide_id = slide_of(project)
    edited = make.priors(project.slide(slide_id), states=("rejected", "proposed"))
    seen = []

    def grow(priors):
        seen.append([p.state for p in priors.table])
        if len(seen) == 1:
            edit = threading.Thread(target=project.save_edited_priors, args=(edited,), daemon=True)
            edit.start()
            edit.join(20)  # would wait for ever for a lock that is held meanwhile
            assert not edit.is_alive()
        return replace(priors, table=(priors.table[0], replace(priors.table[1], score=0.99)))

    before, after = project.grow_priors(slide_id, grow, fingerprint="abc")
    assert seen == [["proposed", "proposed"], ["rejected", "proposed"]]
    assert [p.state for p in before.table] == [p.state for p in after.table] == seen[1]
    assert project.load_priors(slide_id).table == after.table
    assert project.has_curated_priors(slide_id)
    assert fact(project, "grown") == "abc"
    assert len(backups(project)) == 1


def test_a_second_edit_of_what_was_there_before_can_be_grown_anew(project):
    """The content of an edit is its own, though the priors were grown right after it."""
    slide_id = slide_of(project)
    old = project.load_priors(slide_id)
    accepted = replace(old, table=(replace(old.table[0], state="accepted"), old.table[1]))
    base = project.save_edited_priors(accepted)
    assert base == fact(project, "content")
    steps.run_grow(project)
    assert base != fact(project, "content")
    project.save_edited_priors(old, base=base)
    assert not fact(project, "grown")


def test_searching_again_keeps_grown_priors_while_the_settings_are_the_same(project):
    steps.run_grow(project, project.settings.updated("priors", grow_score=0.9))
    told = []
    result = steps.run_priors(project, report=lambda e: told.append(e.message))
    assert result.kept == (slide_of(project),)
    assert 2 in states(project)
    other = project.settings.updated("priors", levels=3)
    assert steps.run_priors(project, other, report=lambda e: told.append(e.message)).made
    assert any("taken from predictions (a copy is kept)" in message for message in told)
    assert 2 not in states(project)
    assert len(backups(project)) == 1


def test_growing_can_be_undone(project):
    steps.run_grow(project)
    assert steps.run_priors(project, replace_curated=True).made == (slide_of(project),)
    assert not fact(project, "grown")
    assert len(backups(project)) == 1


def test_the_smallest_score_is_no_setting_of_other_steps(project):
    settings, slide_id = project.settings, slide_of(project)
    other = settings.updated("priors", grow_score=0.9)
    assert project.priors_fingerprint(other, slide_id) == project.priors_fingerprint(
        settings, slide_id
    )
    assert train_fingerprint(project, other) == train_fingerprint(project)
    assert project.grow_fingerprint(other, slide_id) != project.grow_fingerprint(settings, slide_id)


def test_without_any_prediction_it_says_what_to_run(study, make):
    with pytest.raises(GlandsError, match="`priors`"):
        steps.run_grow(study.project)
    study.project.save_priors(make.priors(study.slide))
    with pytest.raises(GlandsError, match="`train` and `predict` first"):
        steps.run_grow(study.project)


def test_outdated_predictions_are_not_taken(project):
    with pytest.raises(GlandsError, match="`predict` again"):
        steps.run_grow(project, project.settings.updated("predict", threshold=0.4))
    project.set_settings(project.settings.updated("predict", threshold=0.5))
    save_model(project, 1.0)
    with pytest.raises(GlandsError, match="`predict` again"):
        steps.run_grow(project)
    assert set(states(project)) == {1, 300}


def test_a_prediction_at_another_resolution_is_not_taken(project, make):
    coarse = project.settings.updated("general", working_mpp=2.48)
    save_prediction(project, project.slides[0], make, coarse)
    with pytest.raises(GlandsError, match="working resolution"):
        steps.run_grow(project, coarse)


def test_slides_without_a_fitting_prediction_are_named(project, make, tmp_path):
    for number, name in enumerate(("none", "old"), start=5):
        image = make.image(tmp_path / f"{name}.png", seed=number)
        (entry,) = project.add_slides([image], mpp=0.62)
        project.save_priors(make.priors(project.slide(entry.id)))
    project.save_prediction(make.prediction(project.slide(entry.id)))
    told = []
    result = steps.run_grow(project, report=lambda e: told.append(e.message))
    assert result.made == (slide_of(project),)
    assert told[:2] == [
        "Left out, because the prediction is missing: none",
        "Left out, because the prediction is out of date: old",
    ]


def test_a_run_leaves_its_record(project):
    steps.run_grow(project, project.settings.updated("priors", grow_score=0.9, levels=3))
    record = project.steps["grow"]
    words = shlex.split((project.path / "runs" / record.run / "command.txt").read_text())
    assert words == ["napari-glands", "grow", "--project", str(project.path), "--grow-score", "0.9"]
    assert record.status == "done"


def test_a_cancelled_run_keeps_what_it_finished(project, make, tmp_path):
    (entry,) = project.add_slides([make.image(tmp_path / "two.png", seed=5)], mpp=0.62)
    project.save_priors(make.priors(project.slide(entry.id)))
    save_prediction(project, entry, make)
    cancel = CancelToken()
    result = steps.run_grow(project, report=lambda e: cancel.cancel(), cancel=cancel)
    assert result.made == (slide_of(project),)
    assert project.steps["grow"].status == "cancelled"
    assert steps.run_grow(project).made == (entry.id,)
