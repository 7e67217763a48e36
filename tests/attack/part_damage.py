"""Part *damage*: one file of a finished project is damaged; then everything is asked of it."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import Command, run_command
from damage import Damage, damage_file
from isolation import Ended, in_child
from looking import Seen, look
from material import Material, small_blocks
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
from watching import changes, snapshot

__all__ = ["attack", "baseline"]

SECONDS = 60.0
MEMORY = 1500 << 20
_PLAIN = {"slides", "labels", "runs", "models", "0", "1", "project.json"}


@dataclass(frozen=True)
class Trial:
    """One damaged project, and what is done with it."""

    damage: Damage
    command: str
    seen: dict[str, Seen]
    command_end: Command | None
    after: dict[str, Seen]


def baseline(material: Material) -> dict[str, Seen]:
    """Look at the undamaged project."""
    ended = in_child(lambda: small_blocks() or look(material.project, material.names), SECONDS)
    if ended.result is None:
        raise RuntimeError(f"the undamaged project cannot be looked at: {ended}")
    traces = {k: v for k, v in ended.result.items() if v[0] == "trace"}
    if traces:
        raise RuntimeError(f"the undamaged project is not sound: {traces}")
    return ended.result


def attack(material: Material, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Damage `count` copies of a project, one file each, and judge what follows."""
    tally = Tally("damage")
    sound = baseline(material)
    files = _files(material.project)
    victim = folder / "victim"
    _make_victim(victim)
    for number in range(count):
        if out_of_time():
            break
        chance = random.Random(f"{seed}/damage/{number}")
        place = folder / "trial" / "deep"
        copy = material.copy(place)
        file = copy.project / chance.choice(files[chance.choice(sorted(files))])
        before = snapshot(victim)
        damage = damage_file(copy.project, file, chance)
        command = chance.choice(_COMMANDS)
        images = snapshot(copy.folder / "images")
        ended = in_child(lambda c=copy, m=command: _work(c, m), SECONDS)
        outside = changes(before, snapshot(victim)) + changes(
            images, snapshot(copy.folder / "images")
        )
        outside += [f"made {p.name}" for p in place.parent.iterdir() if p != place]
        verdict = judge(damage, command, ended, sound, outside, copy)
        told = f"#{number} {damage.file}: {damage.how}; then {command}"
        tally.add(told, verdict)
        shutil.rmtree(place.parent)
    return tally


_COMMANDS = (
    "measure", "measure", "export", "export", "predict", "train", "go-on", "other", "exterior",
    "priors", "grow", "edit", "run",
)  # fmt: skip


def _files(project: Path) -> dict[str, list[str]]:
    """Return the files of a project by what they are, so that each sort comes up equally often."""
    found: dict[str, list[str]] = {}
    for path in sorted(project.rglob("*")):
        if path.is_file() and ".lock" not in path.name:
            rel = path.relative_to(project)
            found.setdefault(_sort(rel), []).append(str(rel))
    # What can do most harm comes up more often.
    for extra in range(3):
        found[f"project.json again {extra}"] = ["project.json"]
        facts = [f for name in found for f in found[name] if f.endswith(".zattrs")]
        found[f"facts again {extra}"] = [f for f in facts if f.count("/") == 4]
        found[f"chunks again {extra}"] = found["slides/chunk"]
    return found


def _sort(file: Path) -> str:
    """Say what kind of file one is."""
    within = "backups" if ".backups" in str(file) else file.parts[0]
    if file.name.isdigit():
        return f"{within}/chunk"
    named = within != "slides" or file.name.startswith(".")
    return f"{within}/{file.name if named else file.suffix}"


def _work(copy: Material, command: str) -> tuple[dict[str, Seen], Any, dict[str, Seen]]:
    """In the child: look at the damaged project, run a command on it, and look again."""
    small_blocks()
    seen = look(copy.project, copy.names)
    ended = run_command(copy, command)
    return seen, ended, look(copy.project, copy.names)


def judge(
    damage: Damage,
    command: str,
    ended: Ended,
    sound: dict[str, Seen],
    outside: list[str],
    copy: Material,
) -> Verdict:
    """Judge one trial."""
    if outside:
        return wrong("outside", "; ".join(outside[:5]))
    if bad := fault_of(ended, SECONDS, MEMORY):
        return bad
    seen, told, after = ended.result
    names = _names(damage.file, copy)
    verdict = _judge_seen(seen, sound, damage, names)
    if verdict.kind == "wrong":
        return verdict
    bad = _judge_command(told, names)
    if bad:
        return wrong(*bad)
    if "Traceback (most recent" in ended.printed:
        return wrong("traceback", ended.printed[-800:])
    second = _judge_after(after, sound, damage)
    return second if second.kind == "wrong" else verdict


def _judge_seen(
    seen: dict[str, Seen], sound: dict[str, Seen], damage: Damage, names: tuple[str, ...]
) -> Verdict:
    sentences = []
    for what in sound:
        if what not in seen:
            continue  # the project was not opened, with a sentence
        if seen[what] == sound[what]:
            continue
        kind, text = seen[what]
        if kind == "trace":
            return wrong("traceback", f"{what}: {last_frames(text)}")
        if kind == "value":
            if not _may_differ(what, damage):
                return wrong("silent", f"{what} is another without a word")
        elif not _concerns(damage.file, what):
            return wrong("lost", f"{what} is sound but cannot be used: {text[:300]}")
        else:
            unclear = why_unclear(text, names)
            if unclear:
                return wrong("unclear", f"{what}: {unclear}: {text[:300]}")
            sentences.append(text)
    return clear(sentences[0]) if sentences else right()


def _judge_after(after: dict[str, Seen], sound: dict[str, Seen], damage: Damage) -> Verdict:
    """After a command: no traceback, and what the damage does not concern is still there."""
    for what, (kind, text) in after.items():
        if kind == "trace":
            return wrong("traceback", f"afterwards {what}: {last_frames(text)}")
        if kind == "sentence" and sound[what][0] == "value" and not _concerns(damage.file, what):
            return wrong("lost", f"afterwards {what}: {text[:300]}")
    return right()


def _judge_command(told: Command | None, names: tuple[str, ...]) -> tuple[Any, str] | None:
    if told is None:
        return None
    line = f"`{told.what}`: "
    if told.trace:
        return "traceback", line + last_frames(told.trace)
    if told.code == 0:
        return None
    if told.code not in (1, 2):
        return "crash", f"{line}exit status {told.code}"
    unclear = why_unclear(told.sentence, ())
    return ("unclear", f"{line}{unclear}: {told.sentence[:300]}") if unclear else None


def _names(file: str, copy: Material) -> tuple[str, ...]:
    """What a sentence may name to be about a file."""
    parts = [part for part in Path(file).parts if part not in _PLAIN]
    ids = [part.split(".zarr")[0].split(".backups")[0].removesuffix(".csv") for part in parts]
    own = [copy.names[i] for i in ids if i in copy.names]
    return (Path(file).name, *parts, *own) if file != "project.json" else ("project.json",)


def _concerns(file: str, what: str) -> bool:
    """Whether a damaged file may be a reason not to be told something."""
    if file == "project.json" or what in ("summary", "replaced", "slides"):
        return True
    parts = Path(file).parts
    if parts[0] == "models":
        return what.startswith(f"models/{parts[1]}") or (
            parts[1] == "glands-previous" and what == "models/glands/facts"
        )
    if parts[0] == "runs":
        return what.endswith("/change")
    slide = parts[1].split(".zarr")[0].split(".backups")[0].removesuffix(".csv")
    if not what.startswith(slide):
        # A region reads the pixels of its slide.
        of_it = what.startswith(slide.split("-")[0]) and "region" in what
        return of_it and what.endswith("/pixels")
    asked = what.split("/")[1]
    if parts[1].endswith(".csv"):
        return asked == "measurements"
    if ".backups" in parts[1]:
        return asked == "versions"
    if len(parts) > 4 and parts[2] == "labels":
        coupled = {"glands": {"glands", "prediction", "versions", "change"},
                   "prediction": {"glands", "prediction", "versions", "change"}}  # fmt: skip
        return asked in coupled.get(parts[3], {parts[3]})
    return True


def _may_differ(what: str, damage: Damage) -> bool:
    """Whether another value without a word is right: lists and tables of what is still there."""
    if damage.file == "project.json":
        return what in ("slides", "summary", "replaced") or what.endswith(("/pixels", "/change"))
    if what in ("summary", "replaced"):
        return True
    if what.endswith("/facts") or what.endswith("/change"):
        return True
    if what.endswith("/versions"):  # damaged copies are left out
        return True
    return what.endswith("/measurements") and damage.file.endswith(".csv")


def _make_victim(folder: Path) -> None:
    (folder / "labels" / "glands.former").mkdir(parents=True, exist_ok=True)
    for name in ("a.ckpt", "b.safetensors", "c.csv", "labels/glands.former/x"):
        (folder / name).write_text(f"keep {name}")
