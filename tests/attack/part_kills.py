"""Part *kills*: commands are killed or stopped at random moments, and run again.

Every step of the method is done on copies of what the step before left. Whatever the moment, the
same command, run again, makes what the uninterrupted one made, and what was saved is not lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolation import Ended, in_child, start_child, wait_child
from looking import Seen, look
from material import FAST, small_blocks, write_images
from verdicts import Tally, Verdict, last_frames, right, wrong

__all__ = ["STEPS", "Stage", "Step", "attack", "decide", "kept", "look_at", "walk", "words_of"]

SECONDS = 120.0
_DRAWN = 900
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Step:
    """One command of the way, with what came before and comes after it.

    Attributes
    ----------
    name
        Of the step.
    words
        Its command line; ``PROJECT``, ``IMAGES``, ``OUT`` and ``SETTINGS`` stand for paths.
    keeps
        What of the looks is the same before, while and after it; the others it makes.
    """

    name: str
    words: tuple[str, ...]
    keeps: tuple[str, ...] = ("exterior", "priors", "prediction", "glands", "models", "slides")


_P = ("--project", "PROJECT")
STEPS = (
    Step("new", ("new", "IMAGES", *_P, "--settings", "SETTINGS", "--mpp", "0.62"), ()),
    Step("exterior", ("exterior", *_P), ("slides",)),
    Step("priors", ("priors", *_P), ("slides", "exterior")),
    Step("decide", ("edit", "priors"), ()),
    Step("train", ("train", *_P), ("slides", "exterior", "priors")),
    Step("predict", ("predict", *_P), ("slides", "exterior", "priors", "models")),
    Step("decide again", ("edit", "glands"), ()),
    Step("grow", ("grow", *_P, "--grow-score", "0.3"), ("slides", "exterior", "prediction",
         "models")),
    Step("go on", ("train", *_P, "--go-on"), ("slides", "exterior", "priors", "prediction")),
    Step("predict again", ("predict", *_P), ("slides", "exterior", "priors", "models")),
    Step("measure", ("measure", *_P)),
    Step("export", ("export", *_P, "-f", "csv", "-f", "geojson", "-f", "png", "-f", "ome-zarr",
         "--out", "OUT", "--overwrite")),
    Step("predict a folder", ("predict", "IMAGES", "--model", "MODEL", "--out", "OUT2",
         "--mpp", "0.62")),
)  # fmt: skip


@dataclass
class Stage:
    """What a step found and left, when nothing interrupted it."""

    step: Step
    before: Path
    after: dict[str, Seen]
    seconds: float


def attack(material: Any, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Interrupt `count` commands and judge what follows."""
    tally = Tally("kills")
    stages = [stage for stage in material.stages if stage.step.words[0] != "edit"]
    for number in range(count):
        if out_of_time():
            break
        chance = random.Random(f"{seed}/kills/{number}")
        stage = stages[number % len(stages)]
        sign = chance.choice(SIGNALS)
        place = folder / "trial"
        shutil.copytree(stage.before, place)
        if number % 7 == 6:
            when, verdict = _starting_up(place, chance)
        else:
            when = chance.uniform(0, 1.15) * stage.seconds
            verdict = _interrupted(stage, place, sign, when, chance)
        tally.add(f"#{number} {stage.step.name}, {sign.name} after {when:.2f} s", verdict)
        shutil.rmtree(place)
    return tally


def walk(folder: Path) -> tuple[Stage, ...]:
    """Go the whole way without interruption; return what each step found and left."""
    place = folder / "now"
    place.mkdir(parents=True)
    write_images(place / "images")
    (place / "settings.json").write_text(FAST.model_dump_json())
    stages = []
    for number, step in enumerate(STEPS):
        before = folder / f"before-{number}"
        shutil.copytree(place, before)
        clock = time.monotonic()
        ended = in_child(_job(step, place), SECONDS)
        seconds = time.monotonic() - clock
        if ended.code:
            raise RuntimeError(f"{step.name} fails: {ended.code} {ended.trace} {ended.printed}")
        stages.append(Stage(step, before, look_at(place), seconds))
    return tuple(stages)


def _interrupted(
    stage: Stage, place: Path, sign: signal.Signals, when: float, chance: random.Random
) -> Verdict:
    """Interrupt one command, look, run it again, and compare."""
    before = look_at(place)
    child = start_child(_job(stage.step, place))
    time.sleep(when)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, sign)
        if sign is signal.SIGINT and chance.random() < 0.3:  # somebody is impatient
            time.sleep(0.2)
            os.kill(child.pid, sign)
    told = _ended_well(wait_child(child, SECONDS), sign)
    if told:
        return told
    between = look_at(place)
    for what, seen in before.items():
        if seen[0] == "value" and kept(stage.step, what) and between.get(what) != seen:
            return wrong("lost", f"{what} after the interruption: {between.get(what)}")
    for what, (kind, text) in between.items():
        if kind == "trace":
            return wrong("traceback", f"after the interruption {what}: {last_frames(text)}")
    again = in_child(_job(stage.step, place), SECONDS)
    if again.code or "Traceback (most recent" in again.printed:
        return wrong("lost", f"run again it fails: {again.code} {again.printed[-700:]}")
    after = look_at(place)
    for what, seen in stage.after.items():
        if after.get(what) != seen:
            return wrong("silent", f"run again, {what} is {after.get(what)}, not {seen}")
    return right()


def _ended_well(ended: Ended, sign: signal.Signals) -> Verdict | None:
    """Judge the end of the interrupted process itself; None when there is nothing to say."""
    if ended.hung:
        return wrong("hang", f"{sign.name} does not end it within {SECONDS:g} s")
    if "Traceback (most recent" in ended.printed:
        return wrong("traceback", ended.printed[-900:])
    if "napari_glands" in ended.trace:  # what a process of its own would have printed
        return wrong("traceback", last_frames(ended.trace))
    if sign is signal.SIGINT and ended.code not in (0, 1, 130, 70, -2):
        return wrong("crash", f"exit status {ended.code}: {ended.printed[-400:]}")
    return None


def _starting_up(place: Path, chance: random.Random) -> tuple[float, Verdict]:
    """Press Ctrl-C while a process of its own still imports."""
    when = chance.uniform(0.05, 3.0)
    command = [sys.executable, "-m", "napari_glands", "priors", "--project", "study.glands"]
    process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True)
    time.sleep(when)
    process.send_signal(signal.SIGINT)
    try:
        _, stderr = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return when, wrong("hang", "Ctrl-C during start-up does not end it")
    # What comes before the program's first line is Python's own.
    if "Traceback" in stderr and "napari_glands" in stderr:
        return when, wrong("traceback", f"Ctrl-C during start-up: {stderr[-500:]}")
    if process.returncode not in (0, 1, 130):
        return when, wrong("crash", f"Ctrl-C during start-up: exit status {process.returncode}")
    return when, right()


def words_of(step: Step, place: Path) -> list[str]:
    """Return the command line of a step on the project in a place."""
    paths = {
        "PROJECT": place / "study.glands", "IMAGES": place / "images", "OUT": place / "out",
        "OUT2": place / "out2", "SETTINGS": place / "settings.json",
        "MODEL": place / "study.glands" / "models" / "glands",
    }  # fmt: skip
    words = [str(paths.get(word, word)) for word in step.words]
    if step.name == "predict a folder" and _asks_before_replacing():
        words.append("--overwrite")
    return words


def _job(step: Step, place: Path) -> Callable[[], None]:
    words = words_of(step, place)

    def run() -> None:
        from napari_glands.cli import main

        small_blocks()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if words[0] == "edit":
            decide(place / "study.glands", words[1])
            return
        sys.argv = ["napari-glands", *words]
        try:
            main()
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return run


def _asks_before_replacing() -> bool:
    from typer.testing import CliRunner

    from napari_glands.cli.app import app

    output = CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "200"}).output
    return "--overwrite" in output


def decide(project: Path, name: str) -> None:
    """Accept, reject and edit some of what was found, as a user does."""
    from dataclasses import replace

    from napari_glands.project import Project

    with Project.open(project) as opened:
        for entry in (e for e in opened.slides if e.name != "broad"):
            found = getattr(opened, f"load_{name}")(entry.id)
            states = ("accepted", "rejected", "edited")
            table = tuple(
                replace(row, state=states[n]) if n < 3 else row for n, row in enumerate(found.table)
            )
            labels = found.labels.copy()
            labels[2:14, 2:14] = _DRAWN
            drawn = replace(found.drawn(_DRAWN), area_um2=144 * found.grid.pixel_area_um2)
            present = set(labels[labels > 0].tolist()) - {_DRAWN}
            table = (*(row for row in table if row.id in present), drawn)
            edited = replace(found, labels=labels, table=table)
            getattr(opened, f"save_edited_{name}")(edited)


def look_at(place: Path) -> dict[str, Seen]:
    """Look at the project and at what was exported, at all that an interruption must not change."""
    project = place / "study.glands"
    seen: dict[str, Seen] = {}
    if project.exists():
        ended = in_child(lambda: small_blocks() or _opened(project), SECONDS)
        if ended.result is None:
            return {"open": ("trace", ended.trace or ended.printed or f"status {ended.code}")}
        seen = {k: v for k, v in ended.result.items() if _comparable(k)}
    for out in ("out", "out2"):
        if (place / out).exists():
            seen[out] = ("value", _tree(place / out))
    return seen


def _opened(project: Path) -> dict[str, Seen]:
    """Open the project for writing, as the next command does, and look."""
    from napari_glands.project import Project

    with contextlib.suppress(Exception), Project.open(project):
        pass
    with contextlib.suppress(Exception), Project.open(project, read_only=True) as opened:
        return look(project, {entry.id: entry.name for entry in opened.slides})
    return look(project, {})


def _comparable(what: str) -> bool:
    volatile = ("/change", "/versions", "/facts", "replaced", "summary", "/other")
    return not what.endswith(volatile)


def kept(step: Step, what: str) -> bool:
    return any(part in step.keeps for part in what.split("/"))


def _tree(folder: Path) -> str:
    """Return the digest of exported files; the attributes of groups hold the time."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != ".zattrs":
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
