"""Part *hostile*: projects made to reach files outside, to run code, to hang, to fill memory."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands import run_command
from isolation import in_child
from looking import look
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

__all__ = ["WAYS", "attack"]

SECONDS = 60.0
MEMORY = 1500 << 20
COMMANDS = ("export", "go-on", "predict", "priors", "exterior", "grow")
_TRAINS = ("run", "round", "checkpoint", "log", "figures", "model", "weights", "circle", "itself")


@dataclass(frozen=True)
class Stage:
    """Where a hostile project lies, and what it must not touch.

    Attributes
    ----------
    copy
        The project, to be made hostile.
    victim
        Folder with files of others, beside the project's folder.
    """

    copy: Material
    victim: Path

    @property
    def project(self) -> Path:
        """The project's folder."""
        return self.copy.project

    @property
    def up(self) -> str:
        """The victim's folder as seen from ``slides/``."""
        return os.path.relpath(self.victim, self.project / "slides")

    @contextmanager
    def json(self, file: str | Path = "project.json") -> Iterator[Any]:
        """Give a JSON file to change."""
        path = self.project / file
        data = json.loads(path.read_text(encoding="utf-8"))
        yield data
        path.write_text(json.dumps(data), encoding="utf-8")

    def slide(self, name: str = "one") -> str:
        """Return the id of a slide by its name."""
        return next(i for i, n in self.copy.names.items() if n == name)

    def facts(self, result: str, name: str = "one") -> str:
        """Return the facts' file of a result."""
        return f"slides/{self.slide(name)}.zarr/labels/{result}/.zattrs"

    def unfinished(self) -> Path:
        """Return the folder of the training that was cut off."""
        return next(self.project.glob("runs/*/round-1/last.ckpt")).parent.parent


Way = Callable[[Stage], None]
WAYS: dict[str, Way] = {}


def attack(material: Material, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Open each hostile project, use it, and judge what follows; `count` of all when fewer."""
    tally = Tally("hostile")
    names = sorted(WAYS)
    random.Random(f"{seed}/hostile").shuffle(names)
    for name in names[:count]:
        if out_of_time():
            break
        chance = random.Random(f"{seed}/hostile/{name}")
        commands = ["measure", "edit", *chance.sample(COMMANDS, 2)]
        if any(word in name for word in _TRAINS):
            commands.append("other")
        tally.add(name, _tried(name, commands, material, folder))
        shutil.rmtree(folder / "trial")
    return tally


def _tried(name: str, commands: list[str], material: Material, folder: Path) -> Verdict:
    stage = Stage(material.copy(folder / "trial" / "theirs"), folder / "trial" / "victim")
    _make_victim(stage.victim)
    canary = stage.victim.parent / "canary"
    WAYS[name](stage)
    before = snapshot(stage.victim)
    images = snapshot(stage.copy.folder / "images")
    ended = in_child(lambda: _work(stage.copy, commands), SECONDS)
    outside = changes(before, snapshot(stage.victim))
    outside += changes(images, snapshot(stage.copy.folder / "images"))
    allowed = {"theirs", "victim"}
    outside += [f"made {p.name}" for p in stage.victim.parent.iterdir() if p.name not in allowed]
    outside += [
        f"made {p.name} beside the project"
        for p in stage.copy.folder.iterdir()
        if p.name not in ("study.glands", "images", "out")
    ]
    if canary.exists():
        return wrong("outside", "code of the project was run")
    if outside:
        return wrong("outside", "; ".join(outside[:6]))
    if bad := fault_of(ended, SECONDS, MEMORY):
        return bad
    if "Traceback (most recent" in ended.printed:
        return wrong("traceback", ended.printed[-600:])
    return _judge(*ended.result)


def _work(copy: Material, commands: list[str]) -> tuple[Any, Any]:
    """In the child: look at the project, then run commands on it, one after the other."""
    small_blocks()
    seen = look(copy.project, copy.names)
    return seen, [run_command(copy, command) for command in commands]


def _judge(seen: dict[str, Any], commands: list[Any]) -> Verdict:
    sentence = ""
    for what, (kind, text) in seen.items():
        if kind == "trace":
            return wrong("traceback", f"{what}: {last_frames(text)}")
        if kind == "sentence":
            sentence = text
            unclear = why_unclear(text, ())
            if unclear:
                return wrong("unclear", f"{what}: {unclear}: {text[:300]!r}")
    for told in commands:
        if told.trace:
            return wrong("traceback", f"`{told.what}`: {last_frames(told.trace)}")
        if told.code not in (0, 1, 2):
            return wrong("crash", f"`{told.what}`: exit status {told.code}")
        unclear = told.code and why_unclear(told.sentence, ())
        if unclear:
            return wrong("unclear", f"`{told.what}`: {unclear}: {told.sentence[:300]!r}")
    return clear(sentence) if sentence else right()


def _make_victim(folder: Path) -> None:
    """Make files that a tidying, a replacing or a writing program would be after."""
    names = (
        "a.ckpt", "b.safetensors", "one.csv", "run/round-1/last.ckpt", "run/weights.safetensors",
        "labels/glands.former/keep", "labels/priors/.zattrs", "x.zarr/labels/glands.former/keep",
        "x.zarr/labels/glands/keep", "x.backups/priors-20200101T000000000000-found/keep",
        "x.backups/priors-20200101T000000000000-edits/keep", "x.building/priors-old/keep",
        "victim.csv", "model.former/keep", "model/model.json", "staging/keep", "project.json",
        "changes.jsonl", "log.txt",
    )  # fmt: skip
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if path.suffix == ".json" else f"keep {name}")
    for n in range(7):
        for ending in ("found", "edits"):
            path = folder / "x.backups" / f"priors-2020010{n}T000000000000-{ending}" / "keep"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("keep")


def way(function: Way) -> Way:
    """Add a way to `WAYS`, under its name in words."""
    WAYS[function.__name__.replace("_", " ")] = function
    return function


def ways(name: str, values: dict[str, Any], function: Callable[[Stage, Any], None]) -> None:
    """Add one way for each of some values."""
    for told, value in values.items():
        WAYS[f"{name}: {told}"] = lambda stage, value=value: function(stage, value)


_STRANGE = {
    "upwards": "UP/x",
    "absolute": "ABS/x",
    "upwards within": "a/../../UP/x",
    "zero byte": "a\0b",
    "escape": "a\x1b[2Jb",
    "line break": "a\nb",
    "device": "CON",
    "dots": "..",
    "empty": "",
    "backslashes": "..\\..\\x",
    "slash": "a/b",
    "surrogate": "a\ud800",
    "long": "x" * 5000,
    "markup": "[/b]<img src=x>",
}


def _strange(stage: Stage, value: str) -> str:
    return value.replace("UP", stage.up).replace("ABS", str(stage.victim))


def _slide_id(stage: Stage, value: str) -> None:
    """Let a slide have another id, in all places, with results that lie there."""
    with stage.json() as data:
        data["slides"][0]["id"] = _strange(stage, value)


def _region_of(stage: Stage, value: str) -> None:
    with stage.json() as data:
        data["slides"][-1]["region"]["of"] = _strange(stage, value)


def _slide_name(stage: Stage, value: str) -> None:
    with stage.json() as data:
        data["slides"][0]["name"] = _strange(stage, value)


def _removed_id(stage: Stage, value: str) -> None:
    with stage.json() as data:
        entry = dict(data["slides"][-1], id=_strange(stage, value))
        data["removed"].append(entry)


def _measured_key(stage: Stage, value: str) -> None:
    with stage.json() as data:
        data["measurements"] = {_strange(stage, value): "x"}


def _run_name(stage: Stage, value: str) -> None:
    with stage.json() as data:
        for record in data["steps"].values():
            record["run"] = _strange(stage, value)


def _step_key(stage: Stage, value: str) -> None:
    with stage.json() as data:
        data["steps"] = {_strange(stage, value): next(iter(data["steps"].values()))}


def _facts_slide(stage: Stage, value: str) -> None:
    for result in ("exterior", "priors", "glands", "prediction"):
        with stage.json(stage.facts(result)) as data:
            data["napari_glands"]["slide_id"] = _strange(stage, value)


def _facts_name(stage: Stage, value: str) -> None:
    for result in ("glands", "prediction"):
        with stage.json(stage.facts(result)) as data:
            data["napari_glands"]["slide_name"] = _strange(stage, value)


def _dataset_path(stage: Stage, value: str) -> None:
    for result in ("exterior", "priors", "glands", "prediction"):
        with stage.json(stage.facts(result)) as data:
            data["multiscales"][0]["datasets"][0]["path"] = _strange(stage, value)


def _model_card(stage: Stage, value: str) -> None:
    with stage.json("models/glands/model.json") as data:
        data["name"] = _strange(stage, value)


def _encoder(stage: Stage, value: str) -> None:
    with stage.json("models/glands/model.json") as data:
        data["settings"]["train"]["encoder"] = _strange(stage, value)


ways("slide id", _STRANGE, _slide_id)
ways("region of", _STRANGE, _region_of)
ways("slide name", _STRANGE, _slide_name)
_FEW = {k: _STRANGE[k] for k in ("upwards", "absolute", "zero byte", "escape", "surrogate")}
ways("id of a removed region", _FEW, _removed_id)
ways("measured slide", _FEW, _measured_key)
ways("run name", _FEW, _run_name)
ways("step", _FEW, _step_key)
ways("slide id in facts", _FEW, _facts_slide)
ways("slide name in facts", _FEW, _facts_name)
ways("path of a level", _FEW, _dataset_path)
ways("model name in its card", _FEW, _model_card)
ways("encoder", _FEW, _encoder)


# ---- paths of images


@way
def image_path_is_the_victim(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][0]["path"] = str(stage.victim / "victim.csv")


@way
def image_path_is_a_device(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][0]["path"] = "/dev/zero"


@way
def image_path_is_a_pipe(stage: Stage) -> None:
    os.mkfifo(stage.copy.folder / "images" / "pipe.png")
    with stage.json() as data:
        data["slides"][0]["path"] = "../images/pipe.png"


@way
def image_path_is_the_root(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][0]["path"] = "/"


@way
def image_path_is_its_own_folder(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][0]["path"] = f"slides/{data['slides'][0]['id']}.zarr"


@way
def two_slides_of_one_id(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][1]["id"] = data["slides"][0]["id"]


@way
def ids_that_differ_in_case_only(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][1]["id"] = data["slides"][0]["id"].upper()


@way
def a_region_of_itself(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][-1]["region"]["of"] = data["slides"][-1]["id"]


@way
def regions_of_each_other(stage: Stage) -> None:
    with stage.json() as data:
        first, last = data["slides"][0], data["slides"][-1]
        first["region"] = dict(last["region"], of=last["id"])
        last["region"]["of"] = first["id"]


@way
def a_region_as_wide_as_the_world(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"][-1]["region"] |= {"x": -(10**12), "width": 10**13, "height": 10**13}
        data["slides"][-1]["shape"] = [10**13, 10**13]


@way
def two_thousand_slides_without_results(stage: Stage) -> None:
    with stage.json() as data:
        data["slides"] += [
            dict(data["slides"][0], id=f"s{n}", checksum=str(n)) for n in range(2000)
        ]


# ---- symbolic links


def _link(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@way
def a_run_is_a_link(stage: Stage) -> None:
    _link(stage.project / "runs" / "20200101T000000-train", stage.victim)


@way
def a_run_is_a_link_with_a_state(stage: Stage) -> None:
    state = json.loads((stage.unfinished() / "run.json").read_text())
    (stage.victim / "run.json").write_text(json.dumps(state))
    _link(stage.project / "runs" / "29990101T000000-train", stage.victim)


@way
def a_round_of_the_unfinished_run_is_a_link(stage: Stage) -> None:
    _link(stage.unfinished() / "round-1", stage.victim / "run")


@way
def the_checkpoint_is_a_link(stage: Stage) -> None:
    _link(stage.unfinished() / "round-1" / "last.ckpt", stage.victim / "a.ckpt")


@way
def the_log_is_a_link(stage: Stage) -> None:
    _link(stage.unfinished() / "log.txt", stage.victim / "log.txt")


@way
def the_figures_are_a_link(stage: Stage) -> None:
    _link(stage.unfinished() / "metrics.csv", stage.victim / "victim.csv")


@way
def the_folder_of_runs_is_a_link(stage: Stage) -> None:
    _link(stage.project / "runs", stage.victim)


@way
def the_folder_of_models_is_a_link(stage: Stage) -> None:
    _link(stage.project / "models", stage.victim)


@way
def the_folder_of_slides_is_a_link(stage: Stage) -> None:
    _link(stage.project / "slides", stage.victim)


@way
def staging_is_a_link(stage: Stage) -> None:
    _link(stage.project / ".staging", stage.victim)


@way
def a_model_is_a_link(stage: Stage) -> None:
    _link(stage.project / "models" / "glands", stage.victim / "model")


@way
def a_former_model_is_a_link(stage: Stage) -> None:
    _link(stage.project / "models" / "glands.former", stage.victim / "model")


@way
def the_previous_model_is_a_link(stage: Stage) -> None:
    _link(stage.project / "models" / "glands-previous", stage.victim / "model")


@way
def weights_are_a_link(stage: Stage) -> None:
    path = stage.project / "models" / "glands" / "weights.safetensors"
    _link(path, stage.victim / "b.safetensors")


@way
def a_slide_is_a_link(stage: Stage) -> None:
    _link(stage.project / "slides" / f"{stage.slide()}.zarr", stage.victim / "x.zarr")


@way
def labels_are_a_link(stage: Stage) -> None:
    path = stage.project / "slides" / f"{stage.slide()}.zarr" / "labels"
    _link(path, stage.victim / "x.zarr" / "labels")


@way
def a_result_is_a_link(stage: Stage) -> None:
    path = stage.project / "slides" / f"{stage.slide()}.zarr" / "labels" / "priors"
    _link(path, stage.victim / "labels" / "priors")


@way
def a_former_result_is_a_link(stage: Stage) -> None:
    path = stage.project / "slides" / f"{stage.slide()}.zarr" / "labels" / "glands.former"
    _link(path, stage.victim / "labels" / "glands.former")


@way
def backups_are_a_link(stage: Stage) -> None:
    _link(stage.project / "slides" / f"{stage.slide()}.backups", stage.victim / "x.backups")


@way
def a_backup_is_a_link(stage: Stage) -> None:
    folder = stage.project / "slides" / f"{stage.slide()}.backups"
    _link(folder / "priors-20200101T000000000000-found", stage.victim / "labels" / "priors")


@way
def building_is_a_link(stage: Stage) -> None:
    path = stage.project / "slides" / f"{stage.slide('broad')}.building"
    _link(path, stage.victim / "x.building")


@way
def the_table_is_a_link(stage: Stage) -> None:
    _link(stage.project / "slides" / f"{stage.slide()}.csv", stage.victim / "victim.csv")
    with stage.json() as data:
        data["measurements"] = {}


@way
def the_project_file_is_a_link(stage: Stage) -> None:
    target = stage.victim / "project.json"
    shutil.move(stage.project / "project.json", target)
    _link(stage.project / "project.json", target)


@way
def the_lock_is_a_link(stage: Stage) -> None:
    _link(stage.project / "project.lock", stage.victim / "victim.csv")
    _link(stage.project / "project.lock.json", stage.victim / "one.csv")


@way
def a_chunk_is_a_link(stage: Stage) -> None:
    chunk = stage.project / "slides" / f"{stage.slide()}.zarr" / "labels" / "priors" / "0"
    file = next(p for p in sorted(chunk.rglob("*")) if p.is_file() and p.name.isdigit())
    _link(file, stage.victim / "victim.csv")


@way
def links_in_a_circle(stage: Stage) -> None:
    for place in ("runs/20200101T000000-train/round-1", "models/circle", "slides/circle.backups"):
        path = stage.project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(path)


@way
def links_to_the_project_itself(stage: Stage) -> None:
    for place in ("runs/20200101T000000-train", "models/itself", "slides/x.former"):
        path = stage.project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(stage.project)


@way
def former_folders_of_the_victim_by_the_id(stage: Stage) -> None:
    """Let the folder of a slide be the victim's, where a replacement seems half done."""
    with stage.json() as data:
        data["slides"][0]["id"] = f"{stage.up}/x"


# ---- code and nonsense


class _Bang:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, Any]:
        return (os.mkdir, (str(self.canary),))


def _pickled(stage: Stage) -> bytes:
    return pickle.dumps(_Bang(stage.victim.parent / "canary"))


@way
def the_checkpoint_is_a_pickle(stage: Stage) -> None:
    (stage.unfinished() / "round-1" / "last.ckpt").write_bytes(_pickled(stage))


@way
def the_checkpoint_is_a_torch_file_with_a_pickle(stage: Stage) -> None:
    import torch

    torch.save(
        {"state_dict": _Bang(stage.victim.parent / "canary")},
        stage.unfinished() / "round-1" / "last.ckpt",
    )


@way
def weights_are_a_pickle(stage: Stage) -> None:
    for model in ("glands", "other", "glands-previous"):
        path = stage.project / "models" / model / "weights.safetensors"
        path.write_bytes(_pickled(stage))


@way
def the_weights_of_a_round_are_a_pickle(stage: Stage) -> None:
    (stage.unfinished() / "round-1" / "weights.safetensors").write_bytes(_pickled(stage))


@way
def facts_are_a_pickle(stage: Stage) -> None:
    (stage.project / stage.facts("priors")).write_bytes(_pickled(stage))


@way
def the_facts_of_a_block_are_a_pickle(stage: Stage) -> None:
    folder = stage.project / "slides" / f"{stage.slide('broad')}.building"
    (folder / "prediction-0" / "blocks" / "glands").mkdir(parents=True)
    for n in range(3):
        (folder / "prediction-0" / "blocks" / "glands" / f"0-{n}.npz").write_bytes(_pickled(stage))


@way
def arrays_of_objects(stage: Stage) -> None:
    array = Path(stage.facts("priors")).parent / "0" / ".zarray"
    with stage.json(array) as data:
        data |= {"dtype": "|O", "filters": [{"id": "pickle"}], "compressor": None}
    chunk = next(
        p
        for p in sorted((stage.project / array).parent.rglob("*"))
        if p.is_file() and p.name.isdigit()
    )
    chunk.write_bytes(_pickled(stage))


@way
def settings_with_a_class(stage: Stage) -> None:
    with stage.json() as data:
        data["settings"] |= {"__class__": "os.system", "__reduce__": ["mkdir", "canary"]}


@way
def settings_without_bounds(stage: Stage) -> None:
    with stage.json() as data:
        data["settings"]["train"] |= {"iterations": 10**30, "batch_size": 10**18}
        data["settings"]["general"]["working_mpp"] = 1e-300


@way
def settings_that_fill_memory(stage: Stage) -> None:
    with stage.json() as data:
        data["settings"]["general"]["working_mpp"] = 0.1
        data["settings"]["train"] |= {"batch_size": 10**7, "crop_um": 1e6}
        data["settings"]["exterior"] |= {"batch_size": 10**7, "crop_um": 1e6}


@way
def huge_numbers_in_facts(stage: Stage) -> None:
    for result in ("priors", "glands"):
        with stage.json(stage.facts(result)) as data:
            for row in data["napari_glands"]["table"]:
                row |= {"id": 10**30, "area_um2": 1e308, "score": 10**400}


@way
def a_huge_grid_in_facts(stage: Stage) -> None:
    for result in ("exterior", "priors", "glands", "prediction"):
        with stage.json(stage.facts(result)) as data:
            data["napari_glands"]["grid"]["shape"] = [10**12, 10**12]


@way
def huge_arrays(stage: Stage) -> None:
    for result, array in (("priors", "0"), ("prediction", "probability"), ("exterior", "0")):
        file = Path(stage.facts(result)).parent / array / ".zarray"
        with stage.json(file) as data:
            data["shape"] = [19_000, 1_000_000]
            data["chunks"] = [19_000, 1_000_000]


@way
def arrays_of_a_billion_chunks(stage: Stage) -> None:
    file = Path(stage.facts("priors")).parent / "0" / ".zarray"
    with stage.json(file) as data:
        data["shape"], data["chunks"] = [40_000, 40_000], [1, 1]


@way
def a_project_file_of_a_gigabyte(stage: Stage) -> None:
    os.truncate(stage.project / "project.json", 1 << 30)


@way
def facts_of_a_gigabyte(stage: Stage) -> None:
    os.truncate(stage.project / stage.facts("priors"), 1 << 30)


@way
def a_table_of_a_gigabyte(stage: Stage) -> None:
    os.truncate(stage.project / "slides" / f"{stage.slide()}.csv", 1 << 30)


@way
def a_run_state_of_a_gigabyte(stage: Stage) -> None:
    os.truncate(stage.unfinished() / "run.json", 1 << 30)


@way
def a_list_of_changes_of_a_gigabyte(stage: Stage) -> None:
    os.truncate(next(stage.project.glob("runs/*-predict*/changes.jsonl")), 1 << 30)


def _file_for(stage: Stage, name: str) -> Path:
    return {
        "project file": stage.project / "project.json",
        "facts": stage.project / stage.facts("priors"),
        "table": stage.project / "slides" / f"{stage.slide()}.csv",
        "card": stage.project / "models" / "glands" / "model.json",
        "weights": stage.project / "models" / "glands" / "weights.safetensors",
        "facts of a model": stage.project / "models" / "glands" / "project.json",
        "run state": stage.unfinished() / "run.json",
        "checkpoint": stage.unfinished() / "round-1" / "last.ckpt",
        "log": stage.unfinished() / "log.txt",
        "metadata of an array": (stage.project / stage.facts("priors")).parent / "0" / ".zarray",
        "changes": next(stage.project.glob("runs/*-predict*/changes.jsonl")),
        "owner of the lock": stage.project / "project.lock.json",
    }[name]


_FILES = (
    "project file", "facts", "table", "card", "weights", "facts of a model", "run state",
    "checkpoint", "log", "metadata of an array", "changes", "owner of the lock",
)  # fmt: skip


def _pipe(stage: Stage, name: str) -> None:
    path = _file_for(stage, name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _device(stage: Stage, name: str) -> None:
    path = _file_for(stage, name)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


ways("a pipe in place of the", {name: name for name in _FILES}, _pipe)
ways("an endless device in place of the", {name: name for name in _FILES}, _device)
