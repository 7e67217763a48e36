import os
import signal
import subprocess
import sys
import textwrap

import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project

HOLD = """
import sys
from napari_glands.project import Project
project = Project.open(sys.argv[1])
print(project.read_only_reason, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other_process(study):
    path = study.project.path
    study.project.close()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "None\n"
    yield process
    process.kill()
    process.communicate()


def test_second_process_reads_only_and_is_told_who_writes(study, other_process, make):
    project = Project.open(study.project.path)
    assert project.read_only
    assert f"process {other_process.pid} on " in project.read_only_reason
    assert project.slide(project.slides[0].id).shape == (120, 160)
    slide = project.slide(project.slides[0].id)
    for change in (
        lambda: project.add_slides([study.image]),
        lambda: project.set_settings(make.settings.updated("general", seed=3)),
        lambda: project.save_exterior(make.exterior(slide)),
        lambda: project.save_priors(make.priors(slide)),
        lambda: project.save_edited_priors(make.priors(slide)),
        lambda: project.save_prediction(make.prediction(slide)),
        lambda: project.relocate(slide.id, study.image),
    ):
        with pytest.raises(GlandsError, match="Cannot change"):
            change()
    with pytest.raises(GlandsError, match="is open in"):
        Project.open(study.project.path, read_only=False)


def test_a_killed_process_blocks_nobody(study, other_process):
    os.kill(other_process.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    other_process.wait(10)
    with Project.open(study.project.path) as project:
        assert not project.read_only


def test_read_only_on_request_takes_no_lock(study):
    path = study.project.path
    study.project.close()
    reader = Project.open(path, read_only=True)
    assert reader.read_only
    with Project.open(path) as writer:
        assert not writer.read_only


def test_closing_gives_the_lock_back(study):
    study.project.close()
    assert study.project.read_only
    with Project.open(study.project.path) as project:
        assert not project.read_only


KEEP_SAVING = textwrap.dedent("""
    import dataclasses, sys
    import numpy as np
    from napari_glands.project import Project
    project = Project.open(sys.argv[1])
    priors = project.load_priors(project.slides[0].id)
    for n in range(100_000):
        labels = np.full_like(priors.labels, n % 200 + 1)
        project.save_edited_priors(dataclasses.replace(
            priors, labels=labels, table=(dataclasses.replace(priors.table[0], id=n % 200 + 1),)
        ))
        project.set_settings(project.settings.updated("general", seed=n))
        if n == 3:
            print("going", flush=True)
""")


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.11])
def test_kill_during_writes_loses_nothing_that_was_saved(study, make, delay):
    study.project.save_priors(make.priors(study.slide))
    study.project.close()
    process = subprocess.Popen(
        [sys.executable, "-c", KEEP_SAVING, str(study.project.path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "going\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(delay)
    process.kill()
    process.communicate()
    with Project.open(study.project.path) as project:
        priors = project.load_priors(project.slides[0].id)
        assert project.settings.general.seed >= 3
        assert set(priors.labels.ravel().tolist()) == {priors.table[0].id}
        leftovers = [p.name for p in project.path.rglob("*.former")]
        assert leftovers == []
        assert not (project.path / ".staging").exists()
