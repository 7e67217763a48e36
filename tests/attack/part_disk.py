"""Part *disk*: the disk is full at some moment of a command.

On Linux as root the project lies in a small file system of its own; elsewhere files may not grow
beyond a size, which is the same to a program that writes.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import Command, call
from isolation import in_child
from looking import tell
from material import small_blocks
from part_kills import Stage, Step, decide, kept, look_at, words_of
from verdicts import (
    Tally,
    Verdict,
    clear,
    fault_of,
    last_frames,
    right,
    why_unclear,
    wrong,
)

__all__ = ["attack"]

SECONDS = 120.0
_ROOM = (0, 0, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 9 << 20, 20 << 20)
_SIZE = 400 << 20


def attack(material: Any, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Let the disk be full in `count` commands, and judge what follows."""
    tally = Tally("disk")
    stages = material.stages
    for number in range(count):
        if out_of_time():
            break
        chance = random.Random(f"{seed}/disk/{number}")
        stage, room = stages[number % len(stages)], chance.choice(_ROOM)
        disk = folder / "disk"
        disk.mkdir()
        mounted = _mount(disk)
        try:
            verdict = _full(stage, disk / "work", room, mounted)
        finally:
            if mounted:
                subprocess.run(["umount", "-l", str(disk)], check=True)
            shutil.rmtree(disk)
        tally.add(f"#{number} {stage.step.name}, room for {room} bytes", verdict)
    return tally


def _mount(disk: Path) -> bool:
    """Mount a small file system; False where that is not to be had."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _full(stage: Stage, place: Path, room: int, mounted: bool) -> Verdict:
    shutil.copytree(stage.before, place)
    before = look_at(place)
    ballast = place.parent / "ballast"
    if mounted:
        _fill(ballast, room)
    ended = in_child(_job(stage.step, place, None if mounted else room), SECONDS)
    if mounted:
        ballast.unlink()
    if bad := fault_of(ended, SECONDS):
        return bad
    told: Command = ended.result
    if told.trace:
        return wrong("traceback", last_frames(told.trace))
    if "Traceback (most recent" in ended.printed:
        return wrong("traceback", ended.printed[-900:])
    unclear = told.code and why_unclear(told.sentence, ())
    if unclear:
        return wrong("unclear", f"{unclear}: {told.sentence[:400]!r}")
    between = look_at(place)
    for what, seen in before.items():
        if seen[0] == "value" and kept(stage.step, what) and between.get(what) != seen:
            return wrong("lost", f"{what} afterwards: {between.get(what)}")
    again = in_child(_job(stage.step, place, None), SECONDS)
    if again.result is None or again.result.code or again.result.trace:
        return wrong("lost", f"with room again it fails: {again.result or again.printed[-700:]}")
    after = look_at(place)
    for what, seen in stage.after.items():
        if after.get(what) != seen:
            return wrong("silent", f"run again, {what} is {after.get(what)}, not {seen}")
    return clear(told.sentence) if told.code else right()


def _fill(ballast: Path, room: int) -> None:
    disk = os.statvfs(ballast.parent)
    left = disk.f_bavail * disk.f_frsize - room
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, left)


def _job(step: Step, place: Path, largest: int | None) -> Callable[[], Command]:
    words = words_of(step, place)

    def run() -> Command:
        small_blocks()
        if largest is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        if words[0] == "edit":
            kind, text = tell(lambda: decide(place / "study.glands", words[1]))
            return Command("edit", int(kind != "value"), text, text if kind == "trace" else "")
        return call(*words)

    return run
