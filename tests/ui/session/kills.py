"""Kill the program while a user paints, again and again, and look what is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from napari_glands.project import Project

__all__ = ["Kill", "kill_while_painting"]

_PAINTER = Path(__file__).with_name("painter.py")
_START_SECONDS = 180


@dataclass(frozen=True)
class Kill:
    """One killed run.

    Attributes
    ----------
    strokes
        Strokes that the user had made.
    lost
        How many of them are not in the project.
    lost_seconds
        How long before the kill the oldest of those was made; 0 for none.
    """

    strokes: int
    lost: int
    lost_seconds: float


def kill_while_painting(template: Path, folder: Path, runs: int, seed: int = 0) -> list[Kill]:
    """Let a user paint in copies of a project, kill each at a random time, and open it again.

    Parameters
    ----------
    template
        A project with priors in its first slide, not open anywhere.
    folder
        Where the copies are made.
    runs
        How many times.
    seed
        Of the random times.
    """
    times = random.Random(seed)
    kills = []
    for run in range(runs):
        project, notes = folder / f"killed-{run}.glands", folder / f"killed-{run}.txt"
        shutil.copytree(template, project)
        killed = _paint_and_kill(project, notes, times.uniform(0.5, 8.0))
        kills.append(_look(project, notes, killed))
        shutil.rmtree(project)
    return kills


def _paint_and_kill(project: Path, notes: Path, seconds: float) -> float:
    """Kill a painter some seconds after its first stroke; return when."""
    painter = subprocess.Popen(
        [sys.executable, str(_PAINTER), str(project), str(notes)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        give_up = time.time() + _START_SECONDS
        while not (notes.exists() and notes.stat().st_size):
            if painter.poll() is not None or time.time() > give_up:
                _, said = painter.communicate(timeout=5)
                raise RuntimeError(f"The painter did not paint:\n{said.decode()[-2000:]}")
            time.sleep(0.05)
        time.sleep(seconds)
    finally:
        killed = time.time()
        if painter.poll() is None:
            os.killpg(painter.pid, signal.SIGKILL)
        painter.wait()
    return killed


def _look(project: Path, notes: Path, killed: float) -> Kill:
    """Open the project again and seek every stroke that was noted."""
    lines = [line.split() for line in notes.read_text().splitlines() if line.count(" ") == 3]
    with Project.open(project, read_only=False) as opened:
        labels = opened.load_priors(opened.slides[0].id).labels
    ages = [
        killed - float(when)
        for when, label, row, column in lines
        if labels[int(row), int(column)] != int(label)
    ]
    return Kill(len(lines), len(ages), max(ages, default=0.0))
