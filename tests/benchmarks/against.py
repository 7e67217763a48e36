"""Time this working tree against another commit, in one run: opening a large project, predicting.

    python tests/benchmarks/against.py 2a0caa6 --images 200 --predicted 10 --repeats 5

Each commit makes a project of its own and is then timed in fresh processes, turn by turn. Printed
are the medians in seconds and the ratio of this tree's to the other's, as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]

MAKE = """
import sys, numpy as np, torch
from pathlib import Path
from dataclasses import replace
from skimage.io import imsave
from napari_glands.project import Project
from napari_glands.settings import Settings
from napari_glands.sample_data import gland_field
from napari_glands.priors.prior import Prior, Priors
from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.segmentation.result import Prediction
from napari_glands.segmentation.model import Model
from napari_glands.segmentation.network import build_network

folder, images, predicted = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
settings = Settings().updated("general", device="cpu")
torch.manual_seed(0)
network, _ = build_network(settings.train.encoder, "none", settings.train.depth)
weights = {n: t.detach() for n, t in network.state_dict().items()}
field = gland_field((522, 775), seed=1).image
with Project.create(folder / "few.glands", settings) as project:
    for n in range(predicted):
        imsave(folder / f"few-{n}.png", np.roll(field, 7 * n, axis=1), check_contrast=False)
    project.add_slides(sorted(folder.glob("few-*.png")), mpp=0.62)
    project.save_model(Model("glands", settings, weights, {}, {}), "glands", fingerprint="x")
with Project.create(folder / "many.glands", settings) as project:
    for n in range(images):
        pixels = np.random.default_rng(n).integers(0, 255, (128, 160, 3), dtype=np.uint8)
        imsave(folder / f"many-{n}.png", pixels, check_contrast=False)
    for entry in project.add_slides(sorted(folder.glob("many-*.png")), mpp=0.62):
        slide = project.slide(entry.id)
        grid = slide.grid(1.24)
        labels = np.zeros(grid.shape, np.int32)
        rows = []
        for n in range(20):
            labels[3 * n : 3 * n + 2, 4:40] = n + 1
            cues = dict(solidity=0.9, contrast=0.5, ring=0.9, stability=0.5, level=0.2)
            rows.append(Prior(n + 1, "proposed", 0.9, 100.0, **cues))
        plane = np.zeros(grid.shape, np.uint8)
        cues = tuple(ClusterEvidence(c, 0.1, 50.0, 0.2, 0.3, 0.9) for c in (1, 2, 3))
        project.save_exterior(
            ExteriorMap(slide.id, grid, plane + 1, np.stack([plane] * 3), 2, cues, settings)
        )
        project.save_priors(Priors(slide.id, grid, labels, tuple(rows), settings, exterior=plane))
        certain = (labels > 0).astype(np.float32)
        project.save_prediction(
            Prediction(slide.id, slide.name, grid, certain, labels, "glands@1", settings)
        )
"""
OPEN = """
import sys, time
from pathlib import Path
from napari_glands.project import Project
from napari_glands.workbench.state import survey
clock = time.perf_counter()
with Project.open(Path(sys.argv[1]) / "many.glands") as project:
    facts = survey(project, 0)
print(time.perf_counter() - clock)
assert all(slide.prediction for slide in facts.slides)
"""
PREDICT = """
import sys, time
from pathlib import Path
from napari_glands.project import Project
from napari_glands.project.steps import run_predict
# What either tree loads only when it is needed is loaded before the clock starts.
import napari_glands.segmentation.model, napari_glands.project.whole_slide.saving
import napari_glands.exterior.clustering
from napari_glands.settings import Settings
threshold = float(sys.argv[2])
with Project.open(Path(sys.argv[1]) / "few.glands") as project:
    clock = time.perf_counter()
    result = run_predict(project, project.settings.updated("predict", threshold=threshold))
    print(time.perf_counter() - clock)
assert len(result.made) == len(project.slides)
"""


def run(tree: Path, code: str, *arguments: object) -> str:
    """Run code with the package of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", help="the commit to compare with")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--predicted", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch, "other")
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", other, options.commit], check=True)
        try:
            print(json.dumps(compared({"other": other, "this": HERE}, Path(scratch), options)))
        finally:
            subprocess.run([*git, "remove", "--force", other], check=True)


def compared(trees: dict[str, Path], scratch: Path, options: argparse.Namespace) -> dict:
    """Time both trees; return seconds and ratios by what was timed."""
    times: dict[str, dict[str, list[float]]] = {"open": {}, "predict": {}}
    for name, tree in trees.items():
        Path(scratch, f"of-{name}").mkdir()
        run(tree, MAKE, scratch / f"of-{name}", options.images, options.predicted)
    for repeat in range(options.repeats):
        for name, tree in trees.items():
            folder = scratch / f"of-{name}"
            threshold = 0.5 + 0.01 * (repeat + 1)  # so that there is something to do
            seconds = float(run(tree, OPEN, folder)), float(run(tree, PREDICT, folder, threshold))
            for part, took in zip(times, seconds, strict=True):
                times[part].setdefault(name, []).append(took)
    medians = {
        part: {name: round(statistics.median(took), 3) for name, took in of.items()}
        for part, of in times.items()
    }
    return {
        part: {**of, "ratio": round(of["this"] / of["other"], 3)} for part, of in medians.items()
    }


if __name__ == "__main__":
    main()
