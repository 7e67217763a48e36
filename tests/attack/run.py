"""Attack the program: damaged projects, mutated images, kills, full disks, hostile projects.

    python tests/attack/run.py --minutes 10
    python tests/attack/run.py --part damage --count 50 --seed 3

Parts are *damage*, *images*, *kills*, *disk*, *hostile* and *properties* (the tests with
Hypothesis here, with more examples than in `make test`).

Works without network, in a temporary folder of its own. The last line of stdout is one JSON
object: how many attacks ended *clear* (one sentence that names what is damaged), *right* (the
result of the undamaged) and *wrong* (a traceback, another result without a word, a file touched
outside, a hang, too much memory). Exit status 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

# One thread and no helpers: the attacks run in forks of this process.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# By part: how many attacks, and its share of the time.
PARTS = {
    "damage": (500, 5),
    "hostile": (1000, 4),
    "kills": (60, 3),
    "properties": (8, 2),
    "images": (1000, 2),
    "disk": (60, 2),
}
# How many for a quick look.
QUICK = {"damage": 5, "hostile": 4, "images": 20}


def main() -> int:
    """Run the parts that are asked for, print their counts, and return the exit status."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="napari-glands-attack-")).resolve()
    os.environ |= {
        "ATTACK_TMP": str(folder),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    tempfile.tempdir = None
    began = time.monotonic()
    try:
        tallies = _attack(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _report(tallies, options, time.monotonic() - began)


def _attack(options: argparse.Namespace, folder: Path) -> list[Any]:
    """Make the material, and run the parts beside each other, each in a process of its own."""
    from isolation import in_child
    from material import Material, make_material

    _import_all()
    made = in_child(lambda: make_material(folder / "material"), 300)
    if made.result is None:
        raise SystemExit(f"the material cannot be made: {made.trace or made.printed}")
    parts = options.part or [part for part in PARTS if part in QUICK or not options.quick]
    walked = in_child(lambda: _walked(folder, parts), 600)
    if walked.result is None:
        raise SystemExit(f"the way cannot be gone: {walked.trace or walked.printed}")
    material = Material(folder / "material", made.result, walked.result)
    whole = sum(PARTS[part][1] for part in parts)
    lanes = min(options.jobs, len(parts))
    seconds = {part: 60 * options.minutes * lanes * PARTS[part][1] / whole for part in parts}
    with ThreadPoolExecutor(lanes) as pool:
        return list(pool.map(lambda p: _part(p, material, folder, options, seconds[p]), parts))


def _walked(folder: Path, parts: list[str]) -> tuple[Any, ...]:
    """Go the way of all commands, for the parts that start from there."""
    from part_kills import walk

    return walk(folder / "walk") if {"kills", "disk"} & set(parts) else ()


def _part(
    part: str, material: Any, folder: Path, options: argparse.Namespace, seconds: float
) -> Any:
    from isolation import in_child

    usual = QUICK.get(part, 1) if options.quick else PARTS[part][0]
    count = min(options.count or usual, PARTS[part][0])

    def run() -> Any:
        deadline = time.monotonic() + seconds
        (folder / part).mkdir()
        module = importlib.import_module(f"part_{part}")
        return module.attack(
            material, folder / part, count, options.seed, lambda: time.monotonic() > deadline
        )

    clock = time.monotonic()
    ended = in_child(run, seconds + 600, quiet=False)
    if ended.result is None:
        raise SystemExit(f"the part {part} failed itself: {ended.trace or ended}")
    tally = ended.result
    tally.seconds = time.monotonic() - clock
    _note(f"{part}: {json.dumps(tally.summary())}")
    return tally


def _import_all() -> None:
    """Import in the parent what the forks need."""
    import torch

    torch.set_num_threads(1)
    for name in (
        "cli.app", "project", "project.steps", "project.summary", "project.rounds",
        "project.restoring", "segmentation", "exterior", "priors", "export", "measurement",
        "slides", "sample_data",
    ):  # fmt: skip
        importlib.import_module(f"napari_glands.{name}")
    import lightning
    import pandas
    import zarr

    assert lightning
    assert pandas
    assert zarr


def _report(tallies: list[Any], options: argparse.Namespace, seconds: float) -> int:
    counts = sum((tally.counts for tally in tallies), Counter())
    sorts = sum((tally.sorts for tally in tallies), Counter())
    print(
        json.dumps(
            {
                "parts": {tally.name: tally.summary() for tally in tallies},
                **{kind: counts[kind] for kind in ("clear", "right", "wrong")},
                "tracebacks": sorts["traceback"] + sorts["crash"],
                "silent_changes": sorts["silent"],
                "touched_outside": sorts["outside"],
                "hangs": sorts["hang"],
                "seed": options.seed,
                "seconds": round(seconds, 1),
            }
        )
    )
    return int(counts["wrong"] > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only these parts")
    parser.add_argument("--count", type=int, help="attacks of each part")
    parser.add_argument("--quick", action="store_true", help="a few of each part")
    parser.add_argument("--minutes", type=float, default=12.0, help="most time for all parts")
    parser.add_argument("--jobs", type=int, default=2, help="parts beside each other")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
