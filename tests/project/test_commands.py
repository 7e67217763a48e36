"""What the workbench puts onto the clipboard does the same when it is pasted and run."""

from __future__ import annotations

import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.project import Project
from napari_glands.project.commands import (
    command_line,
    export_command,
    export_python,
    image_files,
    new_command,
    new_python,
    python_code,
    regions_of,
)
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import Region

FAST = (
    Settings()
    .updated("general", device="cpu", working_mpp=1.3, seed=3)
    .updated("exterior", iterations=3, batch_size=2, network="per_image", exterior_cluster=2)
    .updated(
        "priors",
        min_area_um2=20,
        min_solidity=0,
        min_ring=0,
        min_score=0,
        min_stain_score=0,
        compact=False,
    )
    .updated("train", iterations=2, rounds=1, weights="none", batch_size=2)
    .updated("predict", threshold=0.45, min_gland_um2=500)
    .updated("export", classification="my glands")
)
FORMATS = ("ome-zarr", "geojson", "csv", "png")


def paste_command(text):
    for line in text.splitlines():
        words = shlex.split(line)
        assert words[0] == "napari-glands"
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output + repr(result.exception)


def paste_python(text):
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def contents(project):
    with Project.open(project, read_only=True) as opened:
        results = [
            {name: opened.facts(e.id, name)["content"] for name in ("exterior", "priors")}
            | {"glands": opened.load_prediction(e.id).glands.tobytes(), "mpp": e.mpp}
            | {"measured": opened.load_measurements(e.id).to_csv()}
            for e in opened.slides
        ]
        return results, opened.load_model("mine").checksum


def exported(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("it's a folder")
    for n in (1, 2):
        Image.fromarray(gland_field((180, 180), seed=n).image).save(folder / f"field {n}.png")
    return [(folder / "field 1.png", 0.62), (folder / "field 2.png", 0.7)]


@pytest.fixture(scope="module")
def by_command(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    project = folder / "my study.glands"
    paste_command(new_command(project, images, FAST))
    told = {"replace_curated": True}
    name = {"name": "mine"}
    for step, more in (("exterior", None), ("priors", told), ("train", name), ("predict", name)):
        paste_command(command_line(project, step, FAST, more))
    paste_command(command_line(project, "measure", FAST))
    paste_command(export_command(project, FAST, FORMATS, folder / "out"))
    return folder


def test_pasted_python_gives_what_pasted_commands_give(images, by_command, tmp_path):
    project = tmp_path / "my study.glands"
    places = {}
    script = new_python(project, images, FAST)
    script += python_code(project, ["exterior"], FAST)
    script += python_code(project, ["priors"], FAST, {"replace_curated": True})
    script += python_code(project, ["train"], FAST, {"name": "mine"})
    script += python_code(project, ["predict", "measure"], FAST, {"name": "mine"})
    with Project.open(by_command / "my study.glands", read_only=True) as opened:
        for entry in opened.slides:
            places[entry.id] = tmp_path / "out" / entry.name
    script += export_python(project, FAST, FORMATS, places)
    paste_python(script)
    assert contents(project) == contents(by_command / project.name)
    assert exported(tmp_path / "out") == exported(by_command / "out")
    geojson = "field 1.geojson"
    assert "my glands" in (tmp_path / "out" / geojson).read_text()
    assert (tmp_path / "out" / geojson).read_text() == (by_command / "out" / geojson).read_text()


def test_every_run_leaves_its_command_and_its_script(by_command):
    project = by_command / "my study.glands"
    (folder,) = (project / "runs").glob("*-train")
    assert (folder / "command.txt").read_text().strip() == command_line(
        project.resolve(), "train", FAST, {"name": "mine"}
    )
    script = (folder / "script.py").read_text()
    before = contents(project)
    exec(compile(script, "script.py", "exec"), {})
    assert contents(project) == before


def test_only_what_differs_from_the_defaults_is_named(tmp_path):
    line = command_line(tmp_path, "train", Settings().updated("train", iterations=7))
    assert line == f"napari-glands train --project {tmp_path} --iterations 7"
    code = python_code(tmp_path, ["train"], Settings())
    assert "settings = ng.Settings()\n" in code
    assert "name" not in code
    assert export_command(tmp_path, Settings(), ["csv"], tmp_path / "out").endswith("out")


def test_one_slide_can_be_exported_again(by_command, tmp_path):
    project = by_command / "my study.glands"
    with Project.open(project, read_only=True) as opened:
        (first, _) = opened.slides
    for _ in range(2):
        paste_command(
            export_command(project, FAST, ["csv"], tmp_path, slides=[first.id], overwrite=True)
        )
    assert exported(tmp_path) == [f"{first.name}.csv"]
    result = CliRunner().invoke(
        app, ["export", "-p", str(project), "-f", "csv", "-o", str(tmp_path), "--slide", "nothing"]
    )
    assert result.exit_code == 1
    assert "no slide nothing" in result.output


def test_images_without_a_file_are_left_out(study):
    from napari_glands.slides import open_slide

    pixels = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    study.project.add_slides([open_slide(pixels, mpp=0.5, name="layer")])
    files = image_files(study.project.path, study.project.slides)
    assert files == [(study.image.resolve(), 0.62)]


def test_a_picture_of_a_file_is_copied_as_that_picture(study):
    (entry, *_) = study.project.slides
    second = entry.model_copy(update={"id": "other", "picture": 2})
    files = image_files(study.project.path, [entry, second])
    assert files[1] == (study.image.resolve(), 0.62, 2)
    one, two = new_command(study.project.path, files, FAST).splitlines()
    assert "--picture" not in one
    assert "--picture 2" in two
    script = new_python(study.project.path, files, FAST)
    assert f"ng.open_slide({str(study.image.resolve())!r}, picture=2)" in script
    compile(script, "script", "exec")


def test_regions_are_copied_with_their_slide(images, tmp_path):
    first = tmp_path / "first.glands"
    paste_command(new_command(first, images, FAST))
    with Project.open(first, read_only=False) as project:
        (slide, other) = project.slides
        project.add_regions(slide.id, [Region(7, 1, 165, 163), Region(0, 11, 170, 169)])
        project.add_regions(other.id, [Region(1, 2, 150, 171)])
        entries = list(project.slides)
    files, regions = image_files(first, entries), regions_of(first, entries)
    second, third = tmp_path / "second.glands", tmp_path / "third.glands"
    paste_command(new_command(second, files, FAST, regions))
    paste_python(new_python(third, files, FAST, regions))
    for copied in (second, third):
        with Project.open(copied, read_only=True) as project:
            assert [(e.id, e.name, e.shape, e.region) for e in project.slides] == [
                (e.id, e.name, e.shape, e.region) for e in entries
            ]
