"""Training again: where it starts, what it learns from, and what it changed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.priors import with_state
from napari_glands.project import steps
from napari_glands.project.rounds import changes_of, describe_change, last_change
from napari_glands.segmentation import Model, train


@pytest.fixture
def taught(study, make, monkeypatch):
    """A project with priors, whose training takes no time: it notes what it was given."""
    project, calls = study.project, []
    project.save_priors(make.priors(study.slide))

    def quick(slides, priors, settings, *, glands, start, name, cancel, **more):
        calls.append({"glands": glands, "start": start, "priors": priors})
        metrics = {"stopped": "cancelled" if cancel.cancelled else "finished"}
        made = {"started_from": start and start.checksum}
        weights = {"w": torch.full((1,), float(len(calls)))}
        return Model(name, settings, weights, metrics, made)

    monkeypatch.setattr("napari_glands.segmentation.train", quick)
    assert train is not quick
    project.calls = calls
    return project


def save_prediction(project, make, model="glands@abc", **changes):
    slide = project.slide(project.slides[0].id)
    project.save_prediction(replace(make.prediction(slide, model=model), **changes))


def decide(project, state, number=1):
    glands = project.load_glands(project.slides[0].id)
    project.save_edited_glands(with_state(glands, [number], state))


def weight(project, name="glands"):
    return float(project.load_model(name).weights["w"][0])


def test_training_again_starts_from_the_last_model_which_is_kept(taught):
    with pytest.raises(GlandsError, match="train one first"):
        steps.run_train(taught, go_on=True)
    steps.run_train(taught)
    assert taught.model_names == ["glands"]
    steps.run_train(taught, go_on=True)
    assert taught.calls[0]["start"] is None
    assert float(taught.calls[1]["start"].weights["w"][0]) == 1
    assert taught.model_names == ["glands", "glands-previous"]
    assert (weight(taught), weight(taught, "glands-previous")) == (2, 1)
    steps.run_train(taught, go_on=True)  # and again: every time is a further round
    assert (weight(taught), weight(taught, "glands-previous")) == (3, 2)
    record = taught.path / "runs" / taught.steps["train"].run
    assert "--go-on" in (record / "command.txt").read_text()
    assert "go_on=True" in (record / "script.py").read_text()


def test_training_again_that_was_stopped_goes_on_from_where_it_began(taught):
    from napari_glands.progress import CancelToken

    steps.run_train(taught)
    cancel = CancelToken()
    cancel.cancel()
    steps.run_train(taught, go_on=True, cancel=cancel)
    assert taught.model_facts("glands")["finished"] is False
    steps.run_train(taught, go_on=True)
    assert float(taught.calls[2]["start"].weights["w"][0]) == 1
    assert taught.model_facts("glands")["finished"] is True
    assert weight(taught, "glands-previous") == 1


def test_a_new_training_replaces_one_that_went_on(taught):
    steps.run_train(taught)
    steps.run_train(taught, go_on=True)
    steps.run_train(taught)
    assert taught.calls[2]["start"] is None
    assert steps.run_train(taught).made == ()


def test_decisions_on_glands_teach_and_a_new_prediction_of_them_does_not(taught, make):
    steps.run_train(taught)
    save_prediction(taught, make)
    assert steps.run_train(taught).made == ()
    assert taught.calls[0]["glands"] == [None]
    decide(taught, "rejected")
    assert steps.run_train(taught).made == ("glands",)
    (glands,) = taught.calls[1]["glands"]
    assert [row.state for row in glands.table][:2] == ["rejected", "proposed"]
    probability = np.zeros(glands.labels.shape, np.float32)
    save_prediction(taught, make, model="glands@def", probability=probability)
    assert steps.run_train(taught).made == ()
    decide(taught, "accepted")
    assert steps.run_train(taught).made == ("glands",)


def test_the_weight_of_decisions_matters_only_where_there_are_some(taught, make):
    heavier = taught.settings.updated("train", curated_weight=9)
    longer = taught.settings.updated("train", go_on_rounds=3)
    (slide_id,) = (entry.id for entry in taught.slides)

    def same(settings, start=""):
        prints = [
            taught.train_fingerprint(s, [slide_id], start) for s in (taught.settings, settings)
        ]
        return prints[0] == prints[1]

    assert same(heavier)
    assert same(longer)
    assert not same(longer, start="abc")
    taught.save_edited_priors(with_state(taught.load_priors(slide_id), [1], "accepted"))
    assert not same(heavier)


def predicted_by(model, make):
    """Stands for `predict`: glands by the name of the model."""

    def predict(found, slide, settings, **more):
        made = make.prediction(slide, settings, f"{found.name}@{found.checksum}")
        glands = made.glands.copy()
        sure = np.where(glands > 0, np.float32(0.99), np.float32(0))
        if float(found.weights["w"][0]) > 1:
            glands[20:40, 20:40] = 0
            glands[20:40, 20:30], glands[20:40, 30:40] = 5, 6
            glands[12:22, 2:12] = 1
            sure = np.where(glands > 0, np.float32(0.89), np.float32(0))
        return replace(made, glands=glands, probability=sure)

    return predict


def test_what_a_round_changed_is_written_down_and_told(taught, make, monkeypatch):
    monkeypatch.setattr("napari_glands.segmentation.predict", predicted_by(taught, make))
    slide_id = taught.slides[0].id
    steps.run_train(taught)
    steps.run_predict(taught)
    assert describe_change(taught, slide_id) == ""
    assert last_change(taught, slide_id) is None
    steps.run_predict(taught, taught.settings.updated("predict", threshold=0.6))
    assert not list(changes_of(taught, slide_id))  # the same model: no new round
    steps.run_train(taught, go_on=True)
    model = taught.load_model("glands")
    decisions = {"accepted": 1, "edited": 2, "rejected": 0, "marked": 7}
    taught.save_model(replace(model, provenance={"decisions": {slide_id: decisions}}), "glands")
    steps.run_predict(taught)
    change = last_change(taught, slide_id)
    assert (change.glands_before, change.glands) == (2, 3)
    pixels = taught.load_glands(slide_id).labels.size
    assert change.changed == pytest.approx(100 / pixels)
    assert change.certainty < change.certainty_before
    told = describe_change(taught, slide_id)
    assert told.startswith("Since the last round: 2 glands before, 3 now; ")
    assert "of the area changed" in told
    assert told.endswith("It learned from 3 decisions of yours and your strokes.")
    file = taught.path / "runs" / taught.steps["predict"].run / "changes.jsonl"
    assert json.loads(file.read_text())["decisions"] == decisions
    with file.open("a") as torn:
        torn.write('{"slide_id": "')
    assert describe_change(taught, slide_id) == told


def test_training_again_that_was_killed_after_its_model_was_saved_does_nothing_more(taught):
    steps.run_train(taught)
    steps.run_train(taught, go_on=True)
    record = taught.path / "runs" / taught.steps["train"].run / "run.json"
    state = json.loads(record.read_text())
    record.write_text(json.dumps({**state, "status": "running"}))  # a kill leaves it like this
    told = []
    again = steps.run_train(taught, go_on=True, report=lambda event: told.append(event.message))
    assert (again.made, again.kept, len(taught.calls)) == ((), ("glands",), 2)
    assert "up to date" in told[-1]
    assert steps.run_train(taught, go_on=True).made == ("glands",), "but then it goes on again"
    record.write_text(json.dumps({**state, "status": "running"}))
    other = taught.settings.updated("train", iterations=11)
    assert steps.run_train(taught, other, go_on=True).made == ("glands",), "another wish"
