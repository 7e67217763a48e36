"""Images that were moved, renamed or lost."""

from __future__ import annotations

import shutil

import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project
from napari_glands.project.missing import find_missing, missing_images
from napari_glands.project.steps import run_exterior, run_priors
from napari_glands.settings import Settings

FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=1, batch_size=1, crop_um=60)
    .updated("priors", min_area_um2=20)
)


@pytest.fixture
def moved(tmp_path, make, forget_copies):
    """A project whose three images, of which it has no copies, are no longer where they were."""
    former = tmp_path / "scanner" / "day"
    (former / "sub").mkdir(parents=True)
    paths = [former / "a.png", former / "b.png", former / "sub" / "c.png"]
    for seed, path in enumerate(paths):
        make.image(path, seed=seed)
    with Project.create(tmp_path / "elsewhere" / "study.glands", FAST) as project:
        project.add_slides(paths, mpp=1.24)
        forget_copies(project)
        shutil.move(tmp_path / "scanner", tmp_path / "archive")
        yield project, tmp_path / "archive" / "day"


def names(entries):
    return [entry.name for entry in entries]


def test_pointing_to_one_image_finds_those_beside_it_and_those_moved_along(moved):
    project, place = moved
    assert names(missing_images(project)) == ["a", "b", "c"]
    found, left = find_missing(project, place / "b.png")
    assert sorted(names(found)) == ["a", "b", "c"]
    assert not left
    assert not missing_images(project)
    for entry in project.slides:
        project.slide(entry.id).close()


def test_a_folder_is_looked_through_and_renamed_images_are_known_by_their_content(moved):
    project, place = moved
    (place / "a.png").rename(place / "case 17.png")
    (place / "sub" / "c.png").write_bytes((place / "b.png").read_bytes())  # a false friend
    found, left = find_missing(project, place.parent)
    assert sorted(names(found)) == ["a", "b"]
    assert names(left) == ["c"]
    assert (project.path / project.entry(found[0].id).path).exists()


def test_nothing_is_taken_for_an_image_that_is_not_it(moved, make, tmp_path):
    project, _ = moved
    make.image(tmp_path / "a.png", seed=9)
    found, left = find_missing(project, tmp_path / "a.png")
    assert not found
    assert len(left) == 3


def test_steps_go_on_without_missing_images_and_redo_what_needs_them_later(moved):
    project, place = moved
    away = place.parent / "away.png"
    (place / "b.png").rename(away)
    find_missing(project, place / "a.png")
    said = []
    result = run_exterior(project, report=lambda event: said.append(event.message))
    assert len(result.made) == 2
    assert "Left out, because the image is missing: b" in said
    assert not run_exterior(project).made, "what is there is up to date"
    assert len(run_priors(project).made) == 2
    away.rename(place / "b.png")
    find_missing(project, place / "b.png")
    assert len(run_exterior(project).made) == 3, "the shared network sees one slide more"
    (place / "b.png").rename(away)
    assert not run_exterior(project).made, "made with it, and still right without it"


def test_no_image_at_all_is_an_error_in_plain_words(moved):
    project, _ = moved
    with pytest.raises(GlandsError, match="2 more are missing"):
        run_exterior(project)


def test_project_and_images_can_be_moved_together(tmp_path, make):
    (tmp_path / "here" / "images").mkdir(parents=True)
    path = make.image(tmp_path / "here" / "images" / "a.png")
    with Project.create(tmp_path / "here" / "study.glands") as project:
        project.add_slides([path], mpp=1.0)
    shutil.move(tmp_path / "here", tmp_path / "there")
    with Project.open(tmp_path / "there" / "study.glands") as project:
        assert not missing_images(project)
        assert project.slide(project.slides[0].id).shape == (120, 160)
