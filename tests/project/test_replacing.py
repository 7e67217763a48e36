"""What a step would replace, what is kept of it, and how to go back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.priors import with_state
from napari_glands.project import Project
from napari_glands.project.replacing import replaced_by
from napari_glands.project.restoring import restore, versions


@pytest.fixture
def full(study, make):
    """A project with an exterior, two priors and two glands that the settings would not make."""
    study.project.save_exterior(make.exterior(study.slide), fingerprint="old")
    study.project.save_priors(make.priors(study.slide), fingerprint="old")
    study.project.save_prediction(make.prediction(study.slide), fingerprint="old")
    return study


def test_nothing_is_replaced_where_there_is_nothing(study, make):
    for step in ("exterior", "priors", "train", "predict", "all"):
        assert not replaced_by(study.project, step, make.settings)


def test_what_would_be_replaced_is_counted(full, make):
    def told(step, **more):
        return replaced_by(full.project, step, make.settings, **more).describe()

    assert told("exterior") == "the exterior map of 1 slide"
    assert told("priors") == "2 priors in 1 slide"
    assert "2 predicted glands in 1 slide" in told("predict")
    assert told("all").startswith("the exterior map of 1 slide, 2 priors in 1 slide")


def test_what_is_up_to_date_is_not_replaced(full, make):
    full.project.save_exterior(make.exterior(full.slide))
    full.project.save_priors(make.priors(full.slide))
    assert not replaced_by(full.project, "exterior", make.settings)
    assert not replaced_by(full.project, "priors", make.settings)
    assert replaced_by(full.project, "priors", make.settings.updated("priors", min_score=0.1))


def test_decisions_are_only_at_stake_where_they_are_asked_for(full, make):
    project, slide_id = full.project, full.slide.id
    project.save_edited_priors(with_state(project.load_priors(slide_id), [300], "accepted"))
    assert not replaced_by(project, "priors", make.settings)
    asked = replaced_by(project, "priors", make.settings, replace_curated=True)
    assert asked.describe() == "2 priors in 1 slide, 1 of them with your decisions"
    project.save_edited_glands(with_state(project.load_glands(slide_id), [1], "accepted"))
    replaced = replaced_by(project, "predict", make.settings)
    assert replaced.kept == 1
    assert "(1 with your decisions stay)" in replaced.describe()


def test_what_a_step_replaces_can_be_had_back(full, make):
    project, slide_id = full.project, full.slide.id
    former = with_state(project.load_priors(slide_id), [300], "rejected")
    project.save_edited_priors(former)
    project.save_priors(make.priors(full.slide), replace_curated=True)
    kept = versions(project, slide_id)
    assert [v.counts for v in kept if v.name == "priors"] == [{"proposed": 1, "rejected": 1}]
    assert "2 priors of" in kept[0].describe()
    restore(project, slide_id, kept[0].path)
    assert project.load_priors(slide_id).table == former.table
    np.testing.assert_array_equal(project.load_priors(slide_id).labels, former.labels)
    assert project.has_curated_priors(slide_id), "restored priors are not overwritten unasked"
    assert len(versions(project, slide_id)) == len(kept) + 1, "what was there is kept, too"


def test_former_glands_can_be_had_back(full, make):
    project, slide_id = full.project, full.slide.id
    former = project.load_glands(slide_id)
    project.save_prediction(make.prediction(full.slide, model="other@1"), fingerprint="new")
    (kept,) = (v for v in versions(project, slide_id) if v.name == "glands")
    restore(project, slide_id, kept.path)
    restored = project.load_glands(slide_id)
    np.testing.assert_array_equal(restored.labels, former.labels)
    assert [r.id for r in restored.table] == [r.id for r in former.table]


def test_of_what_was_only_found_the_last_five_are_kept(full, make):
    for seed in range(8):
        full.project.save_priors(make.priors(full.slide, seed=seed))
    assert len(full.project.backups(full.slide.id, "priors")) == 5


def test_a_version_that_is_gone_or_a_locked_project_is_refused(full, make):
    project, slide_id = full.project, full.slide.id
    project.save_priors(make.priors(full.slide))
    (kept,) = versions(project, slide_id)
    with pytest.raises(GlandsError, match="no version"):
        restore(project, slide_id, kept.path.with_name("priors-nothing"))
    reader = Project.open(project.path, read_only=True)
    assert versions(reader, slide_id)
    with pytest.raises(GlandsError, match="reading only"):
        restore(reader, slide_id, kept.path)
