"""The method sees no mask: not through its arguments, not through its imports, not on disk."""

import ast
import importlib
import inspect
import pkgutil
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

import napari_glands as ng
from napari_glands import exterior, priors, segmentation
from napari_glands.priors import Prior
from napari_glands.sample_data import gland_field

ROOMS = (exterior, priors, segmentation)
FORBIDDEN_ROOMS = ("evaluation", "sample_data", "measurement", "project", "export")
# "pseudo_mask" is made by the method itself; what would carry truth is named otherwise.
TRUTH = re.compile(r"truth|anno|ground|reference|(^|_)gt(_|$)|^masks?_?(dir|path|folder)$")

FAST = (
    ng.Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=3, channels=8, crop_um=50, batch_size=4)
    .updated("train", iterations=2, rounds=2, batch_size=2, crop_um=80, weights="none")
)


def modules():
    for room in ROOMS:
        for info in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
            yield importlib.import_module(info.name)


def functions(module):
    for _, value in inspect.getmembers(module):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            yield value
        elif inspect.isclass(value):
            yield from (f for _, f in inspect.getmembers(value, inspect.isfunction))


def imported(module):
    """Names of the package's own modules that a module's source imports, anywhere in it."""
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would hide from this test"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_function_of_the_method_takes_a_truth():
    seen = 0
    for module in modules():
        for function in functions(module):
            for name in inspect.signature(function).parameters:
                assert not TRUTH.search(name), f"{function.__qualname__}({name})"
                seen += 1
    assert seen > 100


def test_the_ways_into_the_method_take_no_mask_at_all():
    for room in ROOMS:
        for function in (getattr(room, name) for name in room.__all__):
            if inspect.isfunction(function):
                for name in inspect.signature(function).parameters:
                    assert "mask" not in name, f"{function.__qualname__}({name})"


def test_the_method_imports_no_room_that_knows_truth():
    for module in modules():
        for name in imported(module):
            assert not name.startswith(tuple(f"napari_glands.{r}" for r in FORBIDDEN_ROOMS)), (
                f"{module.__name__} imports {name}"
            )


def opened_files():
    """Install an audit hook, once; return the list it fills while it is switched on."""
    if not hasattr(opened_files, "names"):
        opened_files.names, opened_files.on = [], False

        def hook(event, args):
            if opened_files.on and event in ("open", "os.open", "os.listdir", "os.scandir"):
                opened_files.names.append(f"{event} {args[0]}")

        sys.addaudithook(hook)
    opened_files.names.clear()
    return opened_files.names


@pytest.fixture
def folder(tmp_path):
    """An image with its annotation beside it and in a folder of masks."""
    sample = gland_field((200, 240), seed=4)
    (tmp_path / "truth").mkdir()
    imsave(tmp_path / "train_1.png", sample.image, check_contrast=False)
    for mask in (tmp_path / "train_1_anno.png", tmp_path / "truth" / "train_1.png"):
        imsave(mask, sample.truth.astype(np.uint8), check_contrast=False)
    return tmp_path


def with_a_prior(found):
    """One prior as if drawn by hand, for the tiny clustering may find none."""
    labels = np.zeros_like(found.labels)
    labels[30:50, 30:60] = 1
    row = Prior(
        1, "edited", 1.0, 900.0, solidity=1.0, contrast=0.5, ring=1.0, stability=1.0, level=0.2
    )
    return replace(found, labels=labels, table=(row,))


def run(folder):
    """Run all steps on the image of a folder; return every array and checksum they make."""
    slide = ng.open_slide(folder / "train_1.png", mpp=0.62)
    found = ng.cluster_exterior([slide], FAST)[0]
    mined = ng.mine_priors(slide, found)
    model = ng.train([slide], [with_a_prior(mined)], FAST)
    prediction = ng.predict(model, slide)
    return {
        "clusters": found.clusters,
        "memberships": found.memberships,
        "priors": mined.labels,
        "weights": model.checksum,
        "probability": prediction.probability,
        "glands": prediction.glands,
    }


def test_all_steps_open_no_mask_and_give_the_same_whatever_the_masks_hold(folder, monkeypatch):
    from napari_glands.exterior import stage1

    monkeypatch.setattr(stage1, "_POOL", 16)
    monkeypatch.setattr(stage1, "_SAMPLES", 2000)
    names = opened_files()
    opened_files.on = True
    try:
        first = run(folder)
    finally:
        opened_files.on = False
    opened = [name for name in names if str(folder) in name]
    assert any("train_1.png" in name for name in opened)  # the audit does see files
    assert {name for name in opened if "anno" in name or "truth" in name} == set()
    assert not any("listdir" in name or "scandir" in name for name in opened)

    (folder / "train_1_anno.png").write_bytes(b"not an image")
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 9, (200, 240), dtype=np.uint8)
    imsave(folder / "truth" / "train_1.png", noise, check_contrast=False)
    changed = run(folder)
    (folder / "train_1_anno.png").unlink()
    shutil.rmtree(folder / "truth")
    deleted = run(folder)
    for name, value in first.items():
        np.testing.assert_array_equal(changed[name], value, err_msg=name)
        np.testing.assert_array_equal(deleted[name], value, err_msg=name)
