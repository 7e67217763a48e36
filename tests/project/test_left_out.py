"""Commands on a project of which something is damaged or gone: it is named, the rest is done."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.project import Project


@pytest.fixture
def damaged(study, make, tmp_path):
    """Two predicted slides, of the first of which a chunk of the probability is missing."""
    project = study.project
    project.add_slides([make.image(tmp_path / "tissue two.png", seed=9)], mpp=0.62)
    for entry in project.slides:
        project.save_prediction(make.prediction(project.slide(entry.id)))
    folder = project.path / "slides" / f"{project.slides[0].id}.zarr" / "labels" / "prediction"
    next(p for p in sorted((folder / "probability").rglob("[0-9]*")) if p.is_file()).unlink()
    project.close()
    return project.path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_an_export_says_what_it_left_out_and_writes_the_rest(damaged, tmp_path):
    out = tmp_path / "out"
    done = run("export", "-p", damaged, "-f", "csv", "-f", "png", "-o", out, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    (sentence,) = told["left_out"]
    assert "prediction of tissue one" in sentence
    assert sorted(p.name for p in out.iterdir()) == [
        "tissue two.csv",
        "tissue two_labels.tif",
        "tissue two_overlay.png",
    ]
    assert "1 slide was left out" in done.stderr


def test_measuring_says_what_it_left_out(damaged):
    done = run("measure", "-p", damaged, "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert len(told["made"]) == len(told["left_out"]) == 1
    with Project.open(damaged, read_only=True) as project:
        assert [project.measured(entry.id) is not None for entry in project.slides] == [False, True]


def test_a_table_needs_no_image_and_a_picture_is_left_out(study, make, tmp_path, forget_copies):
    project = study.project
    project.add_slides([make.image(tmp_path / "tissue two.png", seed=9)], mpp=0.62)
    for entry in project.slides:
        project.save_prediction(make.prediction(project.slide(entry.id)))
    forget_copies(project)
    study.image.unlink()
    project.close()
    out = tmp_path / "out"
    arguments = ["-f", "csv", "-f", "geojson", "-f", "png", "-o", out]
    done = run("export", "-p", project.path, *arguments, "--json")
    assert done.exit_code == 1
    (sentence,) = json.loads(done.stdout)["left_out"]
    assert "tissue one" in sentence
    assert sorted(p.name for p in out.iterdir()) == [
        "tissue one.csv",
        "tissue one.geojson",
        "tissue two.csv",
        "tissue two.geojson",
        "tissue two_labels.tif",
        "tissue two_overlay.png",
    ]


def test_going_back_to_a_copy(study, make):
    project, slide = study.project, study.slide
    project.save_priors(make.priors(slide))
    project.save_edited_priors(make.priors(slide, states=("accepted", "rejected")))
    kept = project.back_up(slide.id, "priors")
    shutil.rmtree(project.path / "slides" / f"{slide.id}.zarr" / "labels" / "priors" / "0")
    project.close()
    listed = run("restore", "-p", project.path, "--slide", "tissue one", "--list", "--json")
    assert json.loads(listed.stdout)[0]["version"] == kept.name
    done = run("restore", "-p", project.path, "--slide", "tissue one", "--version", kept.name)
    assert done.exit_code == 0, done.stderr
    with Project.open(project.path, read_only=True) as again:
        states = [row.state for row in again.load_priors(slide.id).table]
    assert states == ["accepted", "rejected"]
    wrong = run("restore", "-p", project.path, "--slide", "tissue one", "--version", "x")
    assert wrong.exit_code == 1
    assert kept.name in wrong.stderr
