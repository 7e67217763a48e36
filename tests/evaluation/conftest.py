"""Small drawn images, and settings that take seconds."""

import numpy as np
import pytest
from PIL import Image

from napari_glands.evaluation.material import Material
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

TINY = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=3, channels=8, batch_size=4, crop_um=80)
    .updated(
        "priors", min_area_um2=200, min_solidity=0.5, min_ring=0, min_score=0, min_stain_score=0
    )
    .updated("train", iterations=2, rounds=2, batch_size=2, crop_um=80, weights="none")
)
GRADES = ("benign", "malignant", "benign", "malignant")


@pytest.fixture(scope="session")
def tiny():
    return TINY


@pytest.fixture(scope="session")
def fields():
    return [gland_field((240, 280), seed=seed, malignant=seed % 2) for seed in range(4)]


@pytest.fixture
def material(fields):
    """Four drawn images, of two grades."""
    slides = [
        open_slide(field.image, mpp=field.mpp, name=f"field_{n}") for n, field in enumerate(fields)
    ]
    return Material(slides, lambda: [field.truth for field in fields], GRADES)


@pytest.fixture(autouse=True)
def quick_stage_one(monkeypatch):
    """Few crops, and a peer of stage 1 that is as small as the method's."""
    from napari_glands.evaluation import peers
    from napari_glands.exterior import stage1

    monkeypatch.setattr(stage1, "_POOL", 16)
    monkeypatch.setattr(stage1, "_SAMPLES", 2000)
    monkeypatch.setattr(peers, "_SAMPLES", 2000)
    monkeypatch.setattr(peers, "_PEER_CHANNELS", 8)
    monkeypatch.setitem(peers.PUBLISHED_RECIPE, "iterations", 2)


@pytest.fixture
def folders(fields, tmp_path):
    """The same images as files, with masks beside them in a folder and a table of grades."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    rows = ["name,patient ID, grade (GlaS), grade (other)"]
    for n, (field, grade) in enumerate(zip(fields, GRADES, strict=True)):
        name = f"field_{n}"
        Image.fromarray(field.image).save(tmp_path / "images" / f"{name}.png")
        mask = field.truth.astype(np.uint16)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}_anno.png")
        rows.append(f"{name},1, {grade}, whatever")
    (tmp_path / "Grade.csv").write_text("\n".join(rows))
    (tmp_path / "tiny.json").write_text(TINY.model_dump_json())
    return tmp_path
