"""Images named on the command line: what is left out, what is refused, what is left behind."""

from __future__ import annotations

import errno
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.project import Project
from napari_glands.slides import open_slide
from napari_glands.slides.opening import open_slide as really_open
from napari_glands.slides.pictures import FilePicture, SeveralPictures
from napari_glands.slides.slide import Slide

runner = CliRunner()
CANCELLED = (1, 130)


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    codes = code if isinstance(code, tuple) else (code,)
    assert result.exit_code in codes, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result


def save(path: Path, seed: int = 0, size: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(90, 240, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good images and four that cannot be read."""
    images = tmp_path / "images"
    for n in (1, 2):
        save(images / f"good_{n}.png", n)
    (images / "away.png").symlink_to(tmp_path / "gone" / "away.png")
    (images / "empty.png").touch()
    (images / "letter.tif").write_text("dear diary")
    whole = save(tmp_path / "whole.png", 3).read_bytes()
    (images / "cut.png").write_bytes(whole[: len(whole) // 2])
    return images


BAD = ("away.png", "empty.png", "letter.tif", "cut.png")


@pytest.mark.parametrize("pattern", ["", "*"])
def test_what_cannot_be_read_in_a_folder_is_named_and_left_out(folder, tmp_path, pattern):
    study = tmp_path / "study.glands"
    result = call("new", folder / pattern, "--project", study, "--mpp", 0.5, "--json", code=1)
    told = json.loads(result.stdout)
    assert [slide["name"] for slide in told["slides"]] == ["good_1", "good_2"]
    assert {Path(left["image"]).name for left in told["left_out"]} == set(BAD)
    assert all(left["reason"] for left in told["left_out"])
    for name in BAD:
        assert name in result.stderr
    assert "is a link to" in result.stderr
    assert "4 of 6 images were left out" in result.stderr
    with Project.open(study, read_only=True) as project:
        assert len(project.slides) == 2


def test_the_table_says_where_pixel_sizes_come_from(folder, tmp_path):
    result = call("new", folder / "good_1.png", "--project", tmp_path / "a.glands", "--mpp", 0.5)
    assert "from you" in result.stdout
    result = call("new", folder / "good_1.png", "--project", tmp_path / "b.glands")
    assert "assumed" in result.stdout
    assert "1 of 1 images do not state their pixel size" in result.stderr


def test_damage_deep_in_a_large_image_is_found_before_the_work(folder, tmp_path):
    """One that the project only points to, as it does to slides."""
    whole = save(tmp_path / "large.png", size=2100).read_bytes()
    (folder / "large.png").write_bytes(whole[:-5000])
    study = tmp_path / "study.glands"
    result = call("new", folder, "--project", study, "--mpp", 0.5, "--json", code=1)
    assert "large.png" in [Path(o["image"]).name for o in json.loads(result.stdout)["left_out"]]


def test_a_disk_that_fails_below_one_image_does_not_stop_the_others(folder, tmp_path, monkeypatch):
    real = Slide.checksum.fget

    def failing(slide):
        if "good_1" in str(slide.path):
            raise OSError(5, "Input/output error")
        return real(slide)

    monkeypatch.setattr(Slide, "checksum", property(failing))
    study = tmp_path / "study.glands"
    result = call("new", folder / "good*", "--project", study, "--mpp", 0.5, "--json", code=1)
    told = json.loads(result.stdout)
    assert [slide["name"] for slide in told["slides"]] == ["good_2"]
    assert "Input/output error" in told["left_out"][0]["reason"]


@pytest.mark.parametrize("name", BAD)
def test_one_image_that_cannot_be_read_makes_nothing(folder, tmp_path, name):
    study = tmp_path / "to" / "be" / "study.glands"
    for command in ("new", "run"):
        result = call(command, folder / name, "--project", study, code=1)
        assert name in result.stderr
        assert not (tmp_path / "to").exists()


def test_when_all_are_unreadable_the_reasons_are_told(folder, tmp_path):
    for path in folder.glob("good*"):
        path.unlink()
    study = tmp_path / "study.glands"
    result = call("new", folder, "--project", study, code=1)
    assert "away.png" in result.stderr
    assert "And 1 more" in result.stderr
    assert not study.exists()


def test_an_empty_folder_that_was_there_before_stays_and_stays_empty(folder, tmp_path):
    study = tmp_path / "study.glands"
    study.mkdir()
    call("new", folder / "cut.png", "--project", study, code=1)
    assert list(study.iterdir()) == []


def test_a_project_that_was_there_before_stays_as_it_was(folder, tmp_path):
    study = tmp_path / "study.glands"
    call("new", folder / "good_1.png", "--project", study, "--mpp", 0.5)
    call("new", folder / "cut.png", "--project", study, code=1)
    with Project.open(study) as project:
        assert [entry.name for entry in project.slides] == ["good_1"]


def test_a_missing_file_among_several_is_a_slip_and_stops_all(folder, tmp_path):
    study = tmp_path / "study.glands"
    call("new", folder / "good_1.png", folder / "gud_2.png", "--project", study, code=1)
    assert not study.exists()


@pytest.mark.parametrize("content", ["{", '{"type": "FeatureCollection", "features": []}'])
def test_regions_that_cannot_be_used_leave_no_project(folder, tmp_path, content):
    (tmp_path / "bad.geojson").write_text(content)
    study = tmp_path / "study.glands"
    call("new", folder / "good_1.png", "--project", study, "--mpp", 1.0,
         "--regions", tmp_path / "bad.geojson", code=1)  # fmt: skip
    assert not study.exists()


def test_a_setting_out_of_bounds_leaves_no_project(folder, tmp_path):
    (tmp_path / "s.json").write_text("{}")
    study = tmp_path / "study.glands"
    call("run", folder / "good_1.png", "--project", study, "--working-mpp", -1, code=2)
    assert not study.exists()


@pytest.mark.parametrize(("after", "slides"), [(0, None), (1, 1)])
def test_ctrl_c_leaves_a_project_only_where_there_is_a_slide(
    folder, tmp_path, monkeypatch, after, slides
):
    opened = []

    def slow(path, **options):
        opened.append(path)
        if len(opened) > after:
            raise KeyboardInterrupt
        return really_open(path, **options)

    monkeypatch.setattr("napari_glands.slides.remarks.open_slide", slow)
    study = tmp_path / "study.glands"
    result = call("new", folder / "good*.png", "--project", study, "--mpp", 0.5, code=CANCELLED)
    assert "run the same command again" in result.stderr
    assert study.exists() is (slides is not None)
    if slides:
        with Project.open(study) as project:
            assert len(project.slides) == slides


def test_folders_below_need_a_word(folder, tmp_path):
    top, study = tmp_path / "top", tmp_path / "study.glands"
    save(top / "patient 1" / "a.png", 4)
    save(top / "patient 2" / "a.png", 5)
    save(top / "masks" / "a.png", 6)
    for command in ("new", "run"):
        result = call(command, top, "--project", study, code=1)
        assert "2 images are in the folders below it" in result.stderr
        assert "--recursive" in result.stderr
        assert not study.exists()
    result = call("new", top, "-r", "--project", study, "--mpp", 0.5, "--json")
    assert [slide["name"] for slide in json.loads(result.stdout)["slides"]] == ["a", "a"]
    assert json.loads(result.stdout)["left_out"] == []


def test_open_looks_in_folders_below_when_asked(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "napari_glands.cli.viewer.show_workbench", lambda *arguments: shown.append(arguments)
    )
    image = save(tmp_path / "top" / "below" / "a.png")
    assert "--recursive" in call("open", tmp_path / "top", code=1).stderr
    call("open", tmp_path / "top", "--recursive")
    call("open", "https://host/image.ome.zarr")
    assert shown == [(None, [image]), (None, ["https://host/image.ome.zarr"])]


class TestPictures:
    @pytest.fixture(autouse=True)
    def several(self, monkeypatch):
        """Files called sections hold two pictures, which the readers tell apart."""
        pictures = [FilePicture(1, "upper", (200, 200)), FilePicture(2, "", (180, 200))]
        self.chosen = []

        def opened(path, *, picture=None, **options):
            if "sections" not in str(path):
                return really_open(path, **options)
            if picture is None:
                raise SeveralPictures(Path(path), pictures)
            self.chosen.append(picture)
            return really_open(path, **options)

        monkeypatch.setattr("napari_glands.slides.remarks.open_slide", opened)

    def test_the_choice_is_told_and_nothing_made(self, tmp_path):
        file, study = save(tmp_path / "sections.png"), tmp_path / "study.glands"
        result = call("new", file, "--project", study, code=1)
        assert "holds 2 pictures (1: 200 × 200 (upper), 2: 200 × 180)" in result.stderr
        assert "--picture" in result.stderr
        assert not study.exists()

    def test_a_picture_can_be_chosen(self, tmp_path):
        file, study = save(tmp_path / "sections.png"), tmp_path / "study.glands"
        call("new", file, "--project", study, "--picture", 2, "--mpp", 0.5)
        assert self.chosen == [2]

    def test_among_others_the_file_is_left_out(self, folder, tmp_path):
        save(folder / "sections.png", 9)
        patterns, study = (folder / "sec*.png", folder / "good*.png"), tmp_path / "p.glands"
        result = call("new", *patterns, "--project", study, "--mpp", 0.5, "--json", code=1)
        told = json.loads(result.stdout)
        assert len(told["slides"]) == 2
        assert "holds 2 pictures" in told["left_out"][0]["reason"]

    def test_a_picture_is_of_one_image(self, folder, tmp_path):
        study = tmp_path / "study.glands"
        result = call("new", folder, "--project", study, "--picture", 2, code=2)
        assert "one image" in result.output
        for command in ("run", "predict"):
            result = call(command, "--project", study, "--picture", 2, code=2)
            assert "--picture" in result.output
        assert not study.exists()


def test_a_size_that_was_not_believed_is_named_and_not_told_twice(folder, tmp_path, monkeypatch):
    def doubting(path, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            slide = open_slide(path, **options)
        if "good_1" in str(path):
            text = (
                f"{path} states a pixel size that cannot be right (10.58 µm/px): 0.62 is assumed."
            )
        else:
            text = f"{path} does not state its pixel size: 0.62 µm/px is assumed."
        warnings.warn(text, UserWarning, stacklevel=2)
        return slide

    monkeypatch.setattr("napari_glands.slides.remarks.open_slide", doubting)
    result = call("new", folder / "good*.png", "--project", tmp_path / "a.glands")
    assert result.stderr.count("10.58 µm/px") == 1
    assert "1 of 2 images do not state their pixel size" in result.stderr


def test_what_follows_from_the_magnification_is_told_once_for_all(folder, tmp_path, monkeypatch):
    def estimating(path, *, mpp=None, **options):
        slide = open_slide(path, mpp=mpp or 0.25, **options)
        if mpp is None:
            slide = Slide(slide._source, name=slide.name, mpp=0.25, mpp_source="estimated",
                          path=slide.path)  # fmt: skip
            warnings.warn(f"{path} states its magnification (40x): 0.25 µm/px is estimated.",
                          UserWarning, stacklevel=2)  # fmt: skip
            warnings.warn(f"{path} states its width alone.", UserWarning, stacklevel=2)
        return slide

    monkeypatch.setattr("napari_glands.slides.remarks.open_slide", estimating)
    result = call("new", folder / "good*.png", "--project", tmp_path / "a.glands")
    assert result.stderr.count("is estimated") == 1
    assert "2 of 2 images state a magnification" in result.stderr
    assert "0.25 µm/px" in result.stderr
    assert result.stderr.count("width alone") == 2, "other remarks are about one image each"
    assert "estimated" in result.stdout
    result = call("new", folder / "good*.png", "--project", tmp_path / "b.glands", "--mpp", 0.3)
    assert "estimated" not in result.output
    assert "from you" in result.stdout


def test_a_full_disk_is_not_the_fault_of_an_image(folder, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.glands"))

    project = tmp_path / "a.glands"
    call("new", folder / "good_1.png", "--project", project, "--mpp", 0.5)
    monkeypatch.setattr("napari_glands.project.schema.write_json", full)
    result = call("new", folder / "good*.png", "--project", project, "--mpp", 0.5, code=1)
    assert "the disk is full" in result.stderr
    assert "left out" not in result.stderr.lower()
