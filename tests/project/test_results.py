import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import fingerprint
from napari_glands.project.summary import summarise
from napari_glands.stored import sealed


def test_exterior_round_trip(study, make):
    saved = make.exterior(study.slide)
    study.project.save_exterior(saved, seconds=2.5)
    loaded = study.project.load_exterior(saved.slide_id)
    np.testing.assert_array_equal(loaded.memberships, saved.memberships)
    np.testing.assert_array_equal(loaded.clusters, saved.clusters)
    assert (loaded.memberships.dtype, loaded.clusters.dtype) == (np.uint8, np.uint8)
    for name in ("slide_id", "grid", "cluster", "evidence", "settings"):
        assert getattr(loaded, name) == getattr(saved, name), name
    assert study.project.facts(saved.slide_id, "exterior")["seconds"] == 2.5


def test_priors_round_trip(study, make):
    saved = make.priors(study.slide, states=("accepted", "rejected"))
    study.project.save_priors(saved)
    loaded = study.project.load_priors(saved.slide_id)
    np.testing.assert_array_equal(loaded.labels, saved.labels)
    np.testing.assert_array_equal(loaded.exterior, saved.exterior)
    assert (loaded.labels.dtype, loaded.exterior.dtype) == (np.int32, np.uint8)
    for name in ("slide_id", "grid", "table", "settings"):
        assert getattr(loaded, name) == getattr(saved, name), name


def test_prediction_round_trip(study, make):
    saved = make.prediction(study.slide)
    study.project.save_prediction(saved)
    loaded = study.project.load_prediction(saved.slide_id)
    np.testing.assert_array_equal(loaded.probability, saved.probability)
    np.testing.assert_array_equal(loaded.glands, saved.glands)
    assert (loaded.probability.dtype, loaded.glands.dtype) == (np.float32, np.int32)
    for name in ("slide_id", "slide_name", "grid", "model", "settings"):
        assert getattr(loaded, name) == getattr(saved, name), name


def test_empty_priors_are_a_result(study, make):
    full = make.priors(study.slide)
    study.project.save_priors(replace(full, labels=np.zeros_like(full.labels), table=()))
    assert study.project.load_priors(full.slide_id).table == ()


def test_a_result_that_is_not_there_says_which_step_to_run(study):
    slide_id = study.slide.id
    for load, step in (
        (study.project.load_exterior, "exterior"),
        (study.project.load_priors, "priors"),
        (study.project.load_prediction, "predict"),
        (study.project.load_measurements, "measure"),
    ):
        with pytest.raises(GlandsError, match=f"tissue one.*`{step}`"):
            load(slide_id)


def test_labels_are_listed_as_ome_zarr_with_properties(study, make):
    slide = study.slide
    study.project.save_exterior(make.exterior(slide))
    study.project.save_priors(make.priors(slide, states=("edited", "proposed")))
    study.project.save_prediction(make.prediction(slide))
    labels = study.project.path / "slides" / f"{slide.id}.zarr" / "labels"
    listed = json.loads((labels / ".zattrs").read_text())["labels"]
    assert sorted(listed) == ["exterior", "glands", "prediction", "priors"]
    image_label = json.loads((labels / "priors" / ".zattrs").read_text())["image-label"]
    rows = {row["label-value"]: row for row in image_label["properties"]}
    assert (rows[1]["state"], rows[1]["source"]) == ("edited", "user")
    assert (rows[300]["score"], rows[300]["source"]) == (0.9, "method")


def test_slide_folder_is_valid_ome_zarr(study, make):
    import zarr
    from ome_zarr_models.v04.image import Image
    from ome_zarr_models.v04.image_label import ImageLabel

    slide = study.slide
    study.project.save_exterior(make.exterior(slide))
    study.project.save_prediction(make.prediction(slide))
    group = zarr.open_group(study.project.path / "slides" / f"{slide.id}.zarr", mode="r")
    Image.from_zarr(group)
    for name in ("exterior", "prediction", "glands"):
        ImageLabel.from_zarr(group[f"labels/{name}"])


def test_the_method_never_overwrites_decisions_of_the_user(study, make):
    project, slide = study.project, study.slide
    project.save_priors(make.priors(slide))
    curated = make.priors(slide, states=("accepted", "proposed"), seed=5)
    project.save_edited_priors(curated)
    fresh = make.priors(slide, seed=6)
    with pytest.raises(GlandsError, match=r"tissue one.*not overwritten"):
        project.save_priors(fresh)
    assert project.load_priors(slide.id).table == curated.table
    project.save_priors(fresh, replace_curated=True)
    assert project.load_priors(slide.id).table == fresh.table
    (backup,) = (project.path / "slides" / f"{slide.id}.backups").iterdir()
    facts = json.loads((backup / ".zattrs").read_text())["napari_glands"]
    assert [row["state"] for row in facts["table"]] == ["accepted", "proposed"]
    assert not project.has_curated_priors(slide.id)


def test_deleting_a_prior_by_hand_is_a_decision(study, make):
    project, slide = study.project, study.slide
    found = make.priors(slide)
    project.save_priors(found)
    labels = np.where(found.labels == 1, 1, 0).astype(np.int32)
    project.save_edited_priors(replace(found, labels=labels, table=found.table[:1]))
    assert project.has_curated_priors(slide.id)


def test_editing_changes_what_training_depends_on(study, make):
    project, slide = study.project, study.slide
    project.save_priors(make.priors(slide))
    before = project.train_fingerprint(make.settings, [slide.id])
    project.save_edited_priors(make.priors(slide, states=("rejected", "proposed")))
    assert project.train_fingerprint(make.settings, [slide.id]) != before


def test_fingerprints_depend_on_what_matters_only(study, make):
    project, slide = study.project, study.slide
    project.save_exterior(make.exterior(slide))
    settings = make.settings
    exterior = project.exterior_fingerprint(settings, slide.id)
    priors = project.priors_fingerprint(settings, slide.id)
    for step, change in (
        ("general", {"device": "cpu"}),
        ("train", {"iterations": 9}),
        ("export", {"classification": "Crypt"}),
        ("exterior", {"exterior_cluster": 1}),
    ):
        same = settings.updated(step, **change)
        assert project.exterior_fingerprint(same, slide.id) == exterior
        assert project.priors_fingerprint(same, slide.id) == priors
    mined = settings.updated("priors", levels=3, grow_score=0.5)
    assert project.exterior_fingerprint(mined, slide.id) == exterior
    assert project.priors_fingerprint(mined, slide.id) != priors
    assert project.exterior_fingerprint(settings.updated("general", seed=1), slide.id) != exterior
    project.save_exterior(make.exterior(slide, cluster=3))
    assert project.priors_fingerprint(settings, slide.id) != priors


@pytest.mark.parametrize(
    ("step", "used"),
    [
        ("exterior", {"general", "exterior"}),
        ("priors", {"general", "exterior", "priors"}),
        ("train", {"general", "exterior", "priors", "train"}),
        # The empty exterior is in the predictions of all projects that there are.
        ("predict", {"general", "exterior", "predict"}),
    ],
)
def test_fingerprints_are_made_of_the_steps_they_always_were(step, used, make, monkeypatch):
    """One more name, even without settings, would redo every result of every project."""
    seen = []
    monkeypatch.setattr(fingerprint, "digest", lambda value: seen.append(value) or "")
    fingerprint.step_fingerprint(step, make.settings, [])
    assert seen[0]["settings"].keys() == used


def test_a_damaged_result_is_named(study, make):
    study.project.save_priors(make.priors(study.slide))
    folder = study.project.path / "slides" / f"{study.slide.id}.zarr" / "labels" / "priors"
    (folder / ".zattrs").write_text("{")
    with pytest.raises(GlandsError, match=r"priors of tissue one.*\.zattrs is damaged"):
        study.project.load_priors(study.slide.id)


def test_half_replaced_predictions_do_not_count(study, make):
    project, slide = study.project, study.slide
    project.save_prediction(make.prediction(slide))
    attributes = project.path / "slides" / f"{slide.id}.zarr" / "labels" / "glands" / ".zattrs"
    data = json.loads(attributes.read_text())
    data["napari_glands"] = sealed({**data["napari_glands"], "prediction": "of another run"})
    attributes.write_text(json.dumps(data))
    assert project.facts(slide.id, "prediction") is None


def test_summary_counts(study, make):
    assert summarise(study.project).rows[0].priors is None
    study.project.save_priors(make.priors(study.slide, states=("proposed", "rejected")))
    study.project.save_prediction(make.prediction(study.slide), seconds=1.25)
    (row,) = summarise(study.project).rows
    assert (row.name, row.priors, row.glands) == ("tissue one", 1, 2)
    assert row.seconds["predict"] == 1.25
    json.dumps(summarise(study.project).to_dict())


def test_results_can_be_read_while_they_are_saved_again(study, make):
    priors = make.priors(study.slide)
    study.project.save_priors(priors)
    stop = threading.Event()

    def save_again():
        while not stop.is_set():
            study.project.save_edited_priors(priors)

    writer = threading.Thread(target=save_again)
    writer.start()
    try:
        for _ in range(30):
            loaded = study.project.load_priors(priors.slide_id)
            assert loaded.table == priors.table
            assert study.project.facts(priors.slide_id, "priors") is not None
    finally:
        stop.set()
        writer.join()
