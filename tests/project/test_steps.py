"""The steps with the real method, on fields small enough to take seconds."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken
from napari_glands.project import Project, steps
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=3, batch_size=2)
    .updated("train", iterations=2, rounds=1, weights="none", batch_size=2)
)


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """Projects at three stages, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("templates")
    samples = [gland_field((300, 300), seed=seed) for seed in (6, 7)]
    with Project.create(folder / "new", FAST) as project:
        project.add_slides(
            open_slide(s.image, mpp=s.mpp, name=f"field {i}") for i, s in enumerate(samples, 1)
        )
    shutil.copytree(folder / "new", folder / "mapped")
    with Project.open(folder / "mapped") as project:
        steps.run_exterior(project)
    shutil.copytree(folder / "mapped", folder / "trained")
    with Project.open(folder / "trained") as project:
        steps.run_priors(project)
        draw_priors(project)
        steps.run_train(project)
    return folder


def copied(templates, stage, tmp_path):
    return Project.open(shutil.copytree(templates / stage, tmp_path / "study.glands"))


@pytest.fixture
def project(templates, tmp_path):
    with copied(templates, "new", tmp_path) as project:
        yield project


@pytest.fixture
def mapped(templates, tmp_path):
    with copied(templates, "mapped", tmp_path) as project:
        yield project


@pytest.fixture
def trained(templates, tmp_path):
    with copied(templates, "trained", tmp_path) as project:
        yield project


class Told(list):
    """Collects messages of a step; asks it to stop at one that contains a text."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.cancel = CancelToken()
        self.stop_at = stop_at

    def __call__(self, event):
        assert 0 <= event.fraction <= 1.0001
        self.append(event.message)
        if self.stop_at and self.stop_at in event.message:
            self.cancel.cancel()


def draw_priors(project):
    """Give every slide one prior, as if drawn by hand: the tiny training finds none."""
    from napari_glands.priors.prior import Prior

    for entry in project.slides:
        priors = project.load_priors(entry.id)
        labels = np.zeros_like(priors.labels)
        labels[20:60, 20:60] = 1
        row = Prior(
            1,
            "proposed",
            1.0,
            2460.0,
            solidity=1.0,
            contrast=0.5,
            ring=1.0,
            stability=1.0,
            level=0.15,
        )
        project.save_priors(replace(priors, labels=labels, table=(row,)))


def test_all_steps_then_nothing_to_do(trained):
    summary = steps.run_all(trained)
    assert [row.priors for row in summary.rows] == [1, 1]
    assert all(row.glands is not None for row in summary.rows)
    assert summary.device.startswith("cpu")
    assert set(summary.seconds) == {"exterior", "priors", "train", "predict", "measure"}
    for entry in trained.slides:
        assert len(trained.load_measurements(entry.id)) >= 0
    told = Told()
    runs = sorted(p.name for p in (trained.path / "runs").iterdir())
    again = steps.run_all(trained, report=told)
    assert again == summary
    assert sum("up to date" in message for message in told) == 5
    assert sorted(p.name for p in (trained.path / "runs").iterdir()) == runs


def test_a_changed_setting_redoes_its_step_only(trained):
    steps.run_predict(trained)
    before = {e.id: trained.facts(e.id, "exterior")["content"] for e in trained.slides}
    settings = FAST.updated("predict", threshold=0.4)
    assert steps.run_exterior(trained, settings).made == ()
    assert steps.run_train(trained, settings).made == ()
    assert len(steps.run_predict(trained, settings).made) == 2
    assert trained.settings == settings
    assert {e.id: trained.facts(e.id, "exterior")["content"] for e in trained.slides} == before


def test_cancel_keeps_finished_slides_and_the_next_run_goes_on(project):
    told = Told(stop_at="Finished field 1")
    first = steps.run_exterior(project, report=told, cancel=told.cancel)
    assert len(first.made) == 1
    assert project.steps["exterior"].status == "cancelled"
    second = steps.run_exterior(project)
    assert (second.kept, len(second.made)) == (first.made, 1)
    assert project.steps["exterior"].status == "done"


def test_cancel_of_the_whole_run_returns_what_there_is(project):
    told = Told(stop_at="Finished field 2")
    summary = steps.run_all(project, report=told, cancel=told.cancel)
    assert [row.priors for row in summary.rows] == [None, None]
    assert set(summary.seconds) == {"exterior"}


def test_cancelled_training_is_usable_and_goes_on(trained):
    project = trained
    settings = FAST.updated("train", iterations=60)
    told = Told(stop_at="Round 1")
    steps.run_train(project, settings, report=told, cancel=told.cancel)
    assert project.model_facts("glands")["finished"] is False
    assert len(steps.run_predict(project).made) == 2
    settings = settings.updated("train", iterations=3)
    assert steps.run_train(project, settings).made == ("glands",)
    assert project.model_facts("glands")["finished"] is True
    assert not list((project.path / "runs" / project.steps["train"].run).rglob("*.ckpt"))


def test_the_exterior_cluster_can_be_chosen_without_clustering_anew(mapped):
    project = mapped
    entry = project.slides[0]
    by_cue = project.load_exterior(entry.id)
    other = 1 if by_cue.cluster != 1 else 2
    chosen = FAST.updated("exterior", exterior_cluster=other)
    assert steps.run_exterior(project, chosen).made == ()
    assert project.load_exterior(entry.id).cluster == other
    steps.run_exterior(project, FAST)
    assert project.load_exterior(entry.id).cluster == by_cue.cluster
    project.save_exterior(by_cue.with_cluster(other))  # a click of the user
    steps.run_exterior(project)
    assert project.load_exterior(entry.id).cluster == other


def test_a_cluster_that_cannot_be_is_refused_at_once(project):
    with pytest.raises(GlandsError, match="no exterior cluster 9"):
        steps.run_exterior(project, FAST.updated("exterior", exterior_cluster=9))


def test_per_image_networks_leave_other_slides_alone(project):
    settings = FAST.updated("exterior", network="per_image", iterations=2)
    assert len(steps.run_exterior(project, settings).made) == 2
    sample = gland_field((300, 300), seed=9)
    project.add_slides([open_slide(sample.image, mpp=sample.mpp, name="new")])
    assert len(steps.run_exterior(project, settings).made) == 1


def test_curated_priors_are_kept_and_said_to_be(trained):
    entry = trained.slides[0]
    priors = trained.load_priors(entry.id)
    curated = replace(priors, table=(replace(priors.table[0], state="accepted"),))
    trained.save_edited_priors(curated)
    told = Told()
    settings = FAST.updated("priors", levels=3)
    result = steps.run_priors(trained, settings, report=told)
    assert result.kept == (entry.id,)
    assert any("Kept your decisions" in m and entry.name in m for m in told)
    assert trained.load_priors(entry.id).table == curated.table
    result = steps.run_priors(trained, settings, replace_curated=True)
    assert entry.id in result.made
    assert list((trained.path / "slides" / f"{entry.id}.backups").iterdir())


def test_priors_edited_while_the_search_runs_are_kept(trained):
    entry = trained.slides[0]
    priors = trained.load_priors(entry.id)
    curated = replace(priors, table=(replace(priors.table[0], state="accepted"),))

    def edit(event):
        if "Sweeping" in event.message:
            trained.save_edited_priors(curated)

    steps.run_priors(trained, FAST.updated("priors", levels=3), report=edit)
    assert trained.load_priors(entry.id).table == curated.table
    assert trained.steps["priors"].status == "done"


def test_steps_out_of_order_say_what_to_run(project):
    for step, needed in (
        (steps.run_priors, "`exterior`"),
        (steps.run_train, "`priors`"),
        (steps.run_predict, "no model 'glands'"),
        (steps.run_measure, "`predict`"),
    ):
        with pytest.raises(GlandsError, match=needed):
            step(project)


def test_no_priors_anywhere_says_what_to_try(mapped):
    steps.run_priors(mapped, FAST.updated("priors", min_area_um2=59_999))
    with pytest.raises(GlandsError, match="No priors to learn from in 2 slides"):
        steps.run_train(mapped)


def test_an_empty_project_is_told(tmp_path):
    with (
        Project.create(tmp_path / "empty") as project,
        pytest.raises(GlandsError, match="no slides"),
    ):
        steps.run_all(project)


def test_a_run_leaves_its_record(trained):
    record = trained.steps["train"]
    folder = trained.path / "runs" / record.run
    assert record.status == "done"
    assert record.settings == FAST
    assert record.versions["torch"]
    command = (folder / "command.txt").read_text()
    assert command.startswith("napari-glands train --project ")
    assert "--iterations 2" in command
    assert "train done" in (folder / "log.txt").read_text()
    with (folder / "metrics.csv").open() as file:
        assert {row["name"] for row in csv.DictReader(file)} >= {"loss"}


def test_a_failed_run_is_recorded_as_such(project, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr("napari_glands.exterior.apply_exterior", fail)
    with pytest.raises(RuntimeError):
        steps.run_exterior(project)
    record = project.steps["exterior"]
    assert record.status == "failed"
    assert "boom" in (project.path / "runs" / record.run / "log.txt").read_text()


RUN = """
import sys
from napari_glands.project import Project, steps
with Project.open(sys.argv[1]) as project:
    steps.run_all(project, report=lambda e: print(e.message, flush=True))
"""


def test_kill_and_run_again_resumes_from_the_last_finished_slide(project):
    project.close()
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(project.path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for line in process.stdout:
        if "Finished field 1" in line:
            break
    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    process.communicate()
    time.sleep(0.05)
    with Project.open(project.path) as again:
        assert not again.read_only
        result = steps.run_exterior(again)
        assert again.slides[0].id in result.kept
        assert len(result.made) + len(result.kept) == 2
