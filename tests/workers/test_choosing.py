"""Who is chosen to work, and what each of them has of the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.workers import InProcess, Processes, choosing, chosen_workers


@pytest.mark.parametrize(("gpus", "asked", "count"), [(0, None, 1), (1, None, 1), (4, 1, 1)])
def test_one_is_this_process(monkeypatch, gpus, asked, count):
    monkeypatch.setattr(choosing, "_devices", lambda: gpus)
    with chosen_workers(workers=asked) as workers:
        assert isinstance(workers, InProcess)


def test_there_is_one_process_for_each_gpu_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(choosing, "_devices", lambda: 3)
    monkeypatch.setattr(Processes, "__enter__", lambda self: self)  # none needs to be started
    for asked, count in ((None, 3), (2, 2)):
        with chosen_workers(workers=asked) as workers:
            assert workers.count == count


PLACE = """
import os, torch
torch.set_num_threads(2)
from napari_glands.workers.processes import _Place
_Place({number}, 1, {gpus}).take()
print(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.get_num_threads())
"""


@pytest.mark.parametrize(
    ("visible", "number", "gpus", "own"),
    [
        (None, 1, 2, "1"),
        (None, 2, 2, "0"),
        ("4,GPU-8932f937,6", 1, 3, "GPU-8932f937"),
        (None, 1, 0, "None"),
        ("", 1, 0, ""),
    ],
)
def test_each_has_a_gpu_of_its_own_and_a_share_of_the_processors(
    monkeypatch, visible, number, gpus, own
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    script = PLACE.format(number=number, gpus=gpus)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{own} 1\n"


def test_the_command_line_refuses_half_a_choice_before_anything_is_made(tmp_path):
    project = tmp_path / "study.glands"
    start = ["run", str(tmp_path / "image.png"), "--project", str(project)]
    for rest, code, text in (
        (["--tls-ca", "ca.pem"], 2, "belong together"),
        (["--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"], 1, "give its address too"),
        (["--scheduler", "tls://127.0.0.1:1"], 1, "certificates are needed"),
    ):
        result = CliRunner().invoke(app, [*start, *rest])
        assert (result.exit_code, "Traceback" in result.output) == (code, False)
        assert text in " ".join(result.output.replace("│", " ").split())
    assert not project.exists()


def test_the_help_says_what_an_open_scheduler_means():
    text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    for option in ("--scheduler", "--workers", "--tls-ca", "--tls-cert", "--tls-key"):
        assert option in text
    assert "can run programs as you" in " ".join(text.replace("│", " ").split())
