import shutil
import warnings

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project
from napari_glands.project.missing import missing_images
from napari_glands.slides import open_slide


def test_a_closed_project_opens_as_it_was(study, make):
    path, slides = study.project.path, study.project.slides
    study.project.close()
    with Project.open(path) as again:
        assert again.slides == slides
        assert again.settings == make.settings
        assert not again.read_only
        np.testing.assert_array_equal(
            again.slide(slides[0].id).read(), open_slide(study.image, mpp=1).read()
        )


def test_create_refuses_what_is_there(study, tmp_path):
    with pytest.raises(GlandsError, match="already"):
        Project.create(study.project.path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("dear")
    with pytest.raises(GlandsError, match="not empty"):
        Project.create(tmp_path / "full")


def test_open_refuses_what_is_no_project(tmp_path):
    with pytest.raises(GlandsError, match="not a project"):
        Project.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_create_or_open_keeps_settings_unless_told(study, make):
    path = study.project.path
    study.project.close()
    with Project.create_or_open(path) as project:
        assert project.settings == make.settings
    other = make.settings.updated("priors", levels=3)
    with Project.create_or_open(path, other) as project:
        assert project.settings == other


def test_slides_are_known_by_content(study, make, tmp_path):
    copy = shutil.copy(study.image, tmp_path / "copy.png")
    other = make.image(tmp_path / "other.png", seed=9)
    entries = study.project.add_slides([copy, other], mpp=0.62)
    assert [e.name for e in entries] == ["tissue one", "other"]
    assert [s.name for s in study.project.slides] == ["tissue one", "other"]


def test_neighbouring_images_move_with_the_project(study, tmp_path):
    assert not study.project.slides[0].path.startswith("/")
    study.project.close()
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(study.project.path, moved / "study.glands")
    shutil.move(study.image, moved)
    with Project.open(moved / "study.glands") as project:
        assert project.slide(project.slides[0].id).shape == (120, 160)


def test_a_missing_image_is_named_and_can_be_relocated(study, make, tmp_path, forget_copies):
    entry = study.project.slides[0]
    elsewhere = tmp_path / "archive" / "renamed.png"
    elsewhere.parent.mkdir()
    shutil.move(study.image, elsewhere)
    forget_copies(study.project)
    with pytest.raises(GlandsError, match="tissue one"):
        study.project.slide(entry.id)
    with pytest.raises(GlandsError, match="not the image"):
        study.project.relocate(entry.id, make.image(tmp_path / "wrong.png", seed=5))
    study.project.relocate(entry.id, elsewhere)
    slide = study.project.slide(entry.id)
    assert (slide.id, slide.mpp, slide.mpp_source) == (entry.id, 0.62, "given")


def test_a_changed_image_is_refused(study, make):
    make.image(study.image, seed=6)
    with pytest.raises(GlandsError, match="has changed"):
        study.slide  # noqa: B018


def test_arrays_are_copied_into_the_project(study):
    pixels = np.random.default_rng(4).integers(0, 255, (100, 90, 3), dtype=np.uint8)
    slide = open_slide(pixels, mpp=0.5, name="a layer")
    (entry,) = study.project.add_slides([slide])
    again = study.project.slide(entry.id)
    assert (again.id, again.name, again.mpp) == (slide.id, "a layer", 0.5)
    np.testing.assert_array_equal(again.read(), pixels)
    assert study.project.add_slides([open_slide(pixels, mpp=0.5)]) == [entry]


def test_an_assumed_pixel_size_is_warned_of_once(study, make, tmp_path):
    with pytest.warns(UserWarning, match="pixel size"):
        (entry,) = study.project.add_slides([make.image(tmp_path / "b.png", seed=8)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slide = study.project.slide(entry.id)
    assert (slide.mpp, slide.mpp_source) == (0.62, "default")


def test_pixel_size_can_change_until_there_are_results(study, make):
    study.project.add_slides([study.image], mpp=0.5)
    assert study.slide.mpp == 0.5
    study.project.save_exterior(make.exterior(study.slide))
    with pytest.raises(GlandsError, match="new project"):
        study.project.add_slides([study.image], mpp=0.62)


def test_pixels_of_small_images_are_copied_and_large_ones_pointed_to(
    study, make, tmp_path, monkeypatch
):
    small = study.project.path / "slides" / f"{study.slide.id}.zarr"
    np.testing.assert_array_equal(open_slide(small).read(), study.slide.read())
    assert open_slide(small).mpp == pytest.approx(0.62)
    monkeypatch.setattr("napari_glands.project.registry.COPY_PIXELS", 100)
    (entry,) = study.project.add_slides([make.image(tmp_path / "big.png", seed=7)], mpp=0.5)
    attributes = (study.project.path / "slides" / f"{entry.id}.zarr" / ".zattrs").read_text()
    assert "../big.png" in attributes
    assert "multiscales" not in attributes


def test_text_named_png_names_the_file(study, tmp_path):
    (tmp_path / "notes.png").write_text("not pixels")
    with pytest.raises(GlandsError, match=r"notes\.png"):
        study.project.add_slides([tmp_path / "notes.png"], mpp=0.5)


def test_unknown_slide(study):
    with pytest.raises(GlandsError, match="no slide 'x'"):
        study.project.slide("x")


def test_the_copy_in_the_project_stands_in_for_a_missing_image(study, tmp_path):
    """A project that is copied alone can be worked on: small images are copied into it."""
    pixels = study.slide.read()
    coarse = study.slide.read(1.24)
    study.project.close()
    alone = tmp_path / "elsewhere" / "study.glands"
    shutil.copytree(study.project.path, alone)
    study.image.unlink()
    with Project.open(alone) as project:
        assert missing_images(project) == []
        slide = project.slide(project.slides[0].id)
        assert (slide.id, slide.mpp, slide.mpp_source) == (project.slides[0].id, 0.62, "given")
        np.testing.assert_array_equal(slide.read(), pixels)
        np.testing.assert_array_equal(slide.read(1.24), coarse)


def test_a_damaged_copy_of_an_image_is_named(study):
    folder = study.project.path / "slides" / f"{study.slide.id}.zarr"
    study.image.unlink()
    chunk = next(p for p in (folder / "0").rglob("0") if p.is_file())
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(data)
    slide = study.slide
    with pytest.raises(GlandsError, match="not what was saved"):
        slide.read()
    chunk.unlink()
    with pytest.raises(GlandsError, match="own copy of the image of tissue one"):
        study.slide  # noqa: B018
