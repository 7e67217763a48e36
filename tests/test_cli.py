import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.project import Project
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings

runner = CliRunner()

STEPS = ("new", "regions", "exterior", "priors", "train", "predict", "grow", "measure")
FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=3, batch_size=2)
    .updated("priors", min_area_um2=20, min_solidity=0, min_ring=0, min_score=0, min_stain_score=0)
    .updated("train", iterations=2, rounds=1, weights="none", batch_size=2)
)


def call(*arguments, code=0):
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with two small images, settings that make runs fast, and a project run on them."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "images").mkdir()
    for n, seed in ((1, 6), (2, 7)):
        field = gland_field((300, 300), seed=seed)
        Image.fromarray(field.image).save(folder / "images" / f"field_{n}.png")
    (folder / "fast.json").write_text(FAST.model_dump_json())
    result = call(
        "run", folder / "images", "--project", folder / "study.glands",
        "--settings", folder / "fast.json", "--mpp", 0.62, "--json",
    )  # fmt: skip
    (folder / "run.json").write_text(result.stdout)
    return folder


@pytest.fixture
def project(files, tmp_path):
    """A copy of the project that a test may change; its images stay reachable."""
    shutil.copytree(files / "images", tmp_path / "images")
    return shutil.copytree(files / "study.glands", tmp_path / "study.glands")


def test_regions_come_from_qupath_and_from_numbers_in_um(files, tmp_path):
    box = [[20, 30], [220, 30], [220, 240], [20, 240], [20, 30]]
    annotation = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [box]}}
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [5, 5]}}
    (tmp_path / "a.geojson").write_text(json.dumps([point, annotation]))
    image, study = files / "images" / "field_1.png", tmp_path / "regions.glands"
    made = call(
        "new", image, "--project", study, "--mpp", 0.62, "--regions", tmp_path / "a.geojson"
    )  # fmt: skip
    assert "1 object was passed over (1 without area)" in " ".join(made.stderr.split())
    added = call(
        "regions", "--project", study, "--slide", "field_1", "--add", 62, 0, 124, 155, "--json"
    )  # fmt: skip
    places = [part["region"] for part in json.loads(added.stdout)]
    assert [(p["y"], p["x"], p["height"], p["width"]) for p in places] == [
        (30, 20, 210, 200),
        (0, 100, 250, 200),
    ]
    assert "region 2" in call("regions", "--project", study, "--slide", "field_1").output
    two = call("new", files / "images", "--project", study, "--regions", tmp_path / "a.geojson",
               code=2)  # fmt: skip
    assert "one image" in two.output
    assert "no slide" in call("regions", "--project", study, "--slide", "x", code=1).output


def test_help_lists_all_commands_and_loads_no_torch():
    output = call("--help").output
    for command in ("demo", "run", *STEPS, "export", "evaluate", "open", "doctor"):
        assert command in output
    code = (
        "import sys\nfrom napari_glands.cli.app import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "assert not {'torch', 'qtpy', 'napari', 'skimage'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("step", ["exterior", "priors", "train", "predict", "export"])
def test_every_setting_is_an_option(step):
    output = runner.invoke(app, [step, "--help"], env={"COLUMNS": "200"}).output
    for name in type(getattr(Settings(), step)).model_fields:
        option = "--" + name.replace("_", "-")
        assert (option in output) is (option != "--grow-score"), name
    if step == "predict":
        assert "--no-flips" in output
        assert "µm²" in output


def test_growing_has_the_one_setting_that_only_it_looks_at():
    output = runner.invoke(app, ["grow", "--help"], env={"COLUMNS": "200"}).output
    assert "--grow-score" in output
    assert "--min-area-um2" not in output


def test_version():
    assert call("--version").stdout.startswith("napari-glands ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["exterior"],
        ["exterior", "--project", "p", "--clusters", "many"],
        ["exterior", "--project", "p", "--clusters", "1"],
        ["exterior", "--project", "p", "--loss", "hinge"],
        ["paint"],
        ["predict"],
        ["predict", "a.png", "--model", "m"],
        ["predict", "a.png", "--project", "p"],
        ["export", "--project", "p", "--format", "docx", "--out", "o"],
        ["run", "--project", "nowhere"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call(*arguments, code=2)
    assert list(tmp_path.iterdir()) == []


def test_run_printed_json_only_and_made_a_project(files):
    summary = json.loads((files / "run.json").read_text())
    assert [row["name"] for row in summary["rows"]] == ["field_1", "field_2"]
    assert sum(row["priors"] for row in summary["rows"]) > 0
    assert all(row["glands"] is not None for row in summary["rows"])
    assert summary["device"].startswith("cpu")
    with Project.open(files / "study.glands") as project:
        assert project.settings == FAST


def test_run_again_has_nothing_to_do_and_prints_a_table(project):
    result = call("run", "--project", project)
    assert result.stderr.count("up to date") == 5
    assert "field_1" in result.stdout
    assert "napari-glands export" in result.stdout


def test_steps_one_by_one(files, tmp_path):
    project = tmp_path / "p.glands"
    result = call("new", files / "images" / "*.png", "--project", project, "--json")
    assert len(json.loads(result.stdout)["slides"]) == 2
    assert "2 of 2 images do not state their pixel size: 0.62" in result.stderr
    result = call("exterior", "--project", project, "--iterations", 2, "--device", "cpu", "--json")
    assert len(json.loads(result.stdout)["made"]) == 2
    call("priors", "--project", project, "--min-solidity", 0, "--min-ring", 0,
         "--min-area-um2", 20, "--min-score", 0, "--min-stain-score", 0)  # fmt: skip
    call("train", "--project", project, "--iterations", 2, "--rounds", 1, "--weights", "none",
         "--batch-size", 2)  # fmt: skip
    again = call("train", "--project", project, "--go-on", "--go-on-rounds", 1, "--json")
    assert json.loads(again.stdout)["made"] == ["glands"]
    result = call("predict", "--project", project, "--no-flips", "--threshold", 0.3)
    assert "2 finished now" in result.stdout
    assert "2 finished now" in call("measure", "--project", project).stdout
    with Project.open(project) as opened:
        assert opened.model_names == ["glands", "glands-previous"]
        start = opened.load_model("glands").provenance["started_from"]
        assert start == f"glands@{opened.load_model('glands-previous').checksum}"
        assert opened.settings.predict.threshold == 0.3
        assert opened.settings.general.device == "cpu"


def test_the_recorded_command_lines_can_be_run(project):
    for file in (project / "runs").glob("*/command.txt"):
        words = shlex.split(file.read_text())
        assert words[0] == "napari-glands"
        at = words.index("--project") + 1
        words[at] = str(project)
        call(*words[1:])


def make_sure(project):
    """Let the model be sure of one gland of each slide, but for a fifth of it."""
    with Project.open(project) as opened:
        for entry in opened.slides:
            saved = opened.load_prediction(entry.id)
            probability, glands = np.zeros_like(saved.probability), np.zeros_like(saved.glands)
            probability[50:110, 50:110], glands[50:110, 50:110] = 0.99, 1
            probability[50:110, 50:62] = 0.7
            opened.save_prediction(
                replace(saved, probability=probability, glands=glands),
                fingerprint=opened.facts(entry.id, "prediction")["fingerprint"],
            )


def test_grow_prints_the_priors_before_and_after(project):
    make_sure(project)
    result = call("grow", "--project", project)
    assert "before" in result.stdout
    assert "field_1" in result.stdout
    assert "train" in result.stdout
    result = call("grow", "--project", project, "--grow-score", 0.7, "--json")
    told = json.loads(result.stdout)
    assert len(told["made"]) == 2
    assert [row["slide"] for row in told["priors"]] == ["field_1", "field_2"]
    assert all(set(row) == {"slide", "before", "after"} for row in told["priors"])
    with Project.open(project) as opened:
        assert opened.settings.priors.grow_score == 0.7
        assert all(opened.has_grown_priors(entry.id) for entry in opened.slides)
    assert len(json.loads(call("grow", "--project", project, "--json").stdout)["kept"]) == 2


def test_grow_without_a_prediction_says_what_to_run(files, tmp_path):
    project = tmp_path / "p.glands"
    call("new", files / "images" / "field_1.png", "--project", project, "--mpp", 0.62)
    assert "`priors`" in call("grow", "--project", project, code=1).stderr


def test_the_exterior_cluster_can_be_set_and_unset(project):
    def chosen():
        with Project.open(project) as opened:
            return opened.settings.exterior.exterior_cluster

    call("exterior", "--project", project, "--exterior-cluster", 3)
    assert chosen() == 3
    call("exterior", "--project", project, "--exterior-cluster", 0)
    assert chosen() is None


def test_wrong_exterior_cluster_is_one_line(project):
    result = call("exterior", "--project", project, "--exterior-cluster", 9, code=1)
    assert "no exterior cluster 9" in result.stderr
    assert result.stdout == ""


def test_missing_files_and_wrong_files_are_named(files, tmp_path):
    project = tmp_path / "p.glands"
    result = call("run", tmp_path / "missing.png", "--project", project, code=1)
    assert "missing.png" in result.stderr
    (tmp_path / "notes.png").write_text("dear diary")
    result = call("run", tmp_path / "notes.png", "--project", project, code=1)
    assert "notes.png" in result.stderr
    assert "defect" not in result.stderr
    assert "not a project" in call("measure", "--project", tmp_path, code=1).stderr
    result = call("predict", files / "images", "--model", tmp_path, "--out", tmp_path, code=1)
    assert "no model" in result.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"train": {"epochs": 3}}', "train.epochs"),
        ('{"train": {"iterations": 0}}', "train.iterations"),
        ("{", "not valid JSON"),
    ],
)
def test_bad_settings_file_is_refused_before_anything_is_made(files, tmp_path, text, told):
    (tmp_path / "bad.json").write_text(text)
    project = tmp_path / "p.glands"
    result = call(
        "run", files / "images", "-p", project, "--settings", tmp_path / "bad.json", code=1
    )
    assert told in result.stderr
    assert "bad.json" in result.stderr
    assert not project.exists()


def test_predict_new_images_with_a_model(files, tmp_path):
    result = call(
        "predict", files / "images" / "field_1.png", "--model",
        files / "study.glands" / "models" / "glands", "--out", tmp_path / "out", "--mpp", 0.62,
        "--json",
    )  # fmt: skip
    (row,) = json.loads(result.stdout)
    assert row["image"] == "field_1"
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        "field_1.csv",
        "field_1.geojson",
        "field_1.zarr",
        "field_1_labels.png",
        "field_1_overlay.png",
    ]


def test_export_then_evaluate_against_itself(project, tmp_path):
    out = tmp_path / "labels"
    result = call("export", "--project", project, "--format", "png", "--out", out, "--json")
    assert len(json.loads(result.stdout)["files"]) == 4
    labels = np.asarray(Image.open(out / "field_1_labels.png"))
    assert labels.shape == (300, 300)
    again = call("export", "--project", project, "--format", "png", "--out", out, code=1)
    assert "exists" in again.stderr
    call("export", "--project", project, "-f", "png", "-f", "csv", "--out", out, "--overwrite")
    result = call("evaluate", "--pred", out, "--truth", out, "--json")
    report = json.loads(result.stdout)
    assert report["pooled"]["miou"] == 1
    call("export", "-p", project, "-f", "csv", "--out", out, "--overwrite",
         "--csv-style", "semicolon")  # fmt: skip
    table = pd.read_csv(out / "field_1.csv", sep=";", decimal=",")
    assert table["area_um2"].dtype == float
    assert table["pixel_size_source"].unique().tolist() in ([], ["given"])
    assert len(report["images"]) == 2
    assert "pooled" in call("evaluate", "--pred", out, "--truth", out).stdout


def test_actions_of_a_review_are_counted(project, tmp_path):
    out = tmp_path / "truth"
    call("export", "--project", project, "--format", "png", "--out", out)
    arguments = ("benchmark", "curation", "--project", project, "--truth", out)
    result = json.loads(call(*arguments, "--json").stdout)
    rows = result["slides"]
    assert [row["slide"] for row in rows] == ["field_1", "field_2", "all"]
    assert rows[-1]["review"] == 2, "what is right costs no more than going to the slide"
    assert set(result["times_fewer"]) == {"encircle", "brush and fill"}
    assert "encircle" in call(*arguments).stdout
    missing = call("benchmark", "curation", "-p", project, "--truth", tmp_path / "no", code=1)
    assert "no" in missing.stderr


def test_export_gives_images_of_one_name_files_of_their_own(project, tmp_path):
    other = tmp_path / "other" / "field_1.png"
    other.parent.mkdir()
    Image.fromarray(gland_field((300, 300), seed=8).image).save(other)
    with Project.open(project) as opened:
        (entry,) = opened.add_slides([other], mpp=0.62)
        first = opened.slides[0]
    call("run", "--project", project)
    call("export", "--project", project, "-f", "csv", "-f", "png", "--out", tmp_path / "out")
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {f"{first.id}.csv", f"{entry.id}.csv", "field_2.csv"} <= names
    assert {f"{first.id}_labels.png", f"{entry.id}_labels.png"} <= names


def test_read_only_project_says_who_has_it(project):
    with Project.open(project):
        result = call("priors", "--project", project, code=1)
    assert "open in another program (process" in result.stderr


def test_a_defect_is_one_line_and_a_log(project, monkeypatch, tmp_path):
    def boom(*args, **kwargs):
        raise ZeroDivisionError("by zero")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("napari_glands.project.steps.summarise", boom)
    result = call("run", "--project", project, code=1)
    (line,) = [line for line in result.stderr.splitlines() if "Error" in line]
    assert "this is a defect" in line
    log = line.split("details are in ")[1].strip()
    with open(log) as file:
        assert "ZeroDivisionError: by zero" in file.read()


def test_doctor_json():
    found = json.loads(call("doctor", "--json").stdout)
    assert found["versions"]["torch"]
    assert found["device"]["why"]
    assert found["readers"]["TIFF, OME-TIFF"] == "yes"
    assert "screen" in found["display"]
    assert "torch" in call("doctor").stdout


def test_open_without_napari_says_how_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("napari_glands.cli.viewer.find_spec", lambda name: None)
    result = call("open", code=1)
    assert 'pip install "napari-glands[app]"' in result.stderr
    assert "missing.png" in call("open", tmp_path / "missing.png", code=1).stderr


def test_open_tells_projects_from_images(project, files, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "napari_glands.cli.viewer.show_workbench", lambda *arguments: shown.append(arguments)
    )
    image = files / "images" / "field_1.png"
    call("open", project, image)
    assert shown == [(project, [image])]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_stops_cleanly_and_running_again_goes_on(files, tmp_path):
    settings = FAST.updated("exterior", iterations=100_000)
    (tmp_path / "slow.json").write_text(settings.model_dump_json())
    command = [
        sys.executable, "-c", "from napari_glands.cli import main; main()", "run",
        str(files / "images" / "field_1.png"), "--project", str(tmp_path / "p.glands"),
        "--settings", str(tmp_path / "slow.json"), "--mpp", "0.62",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    for line in process.stderr:
        if "Clustering" in line:
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    (line,) = rest.splitlines()
    assert "run the same command again" in line
    assert "Traceback" not in rest
    with Project.open(tmp_path / "p.glands") as project:
        assert not project.read_only
        assert project.steps["exterior"].status == "cancelled"


def test_a_pixel_size_without_images_is_refused(tmp_path):
    for command in ("predict", "run"):
        result = runner.invoke(
            app, [command, "--project", str(tmp_path / "p.glands"), "--mpp", "0.5"]
        )
        assert result.exit_code == 2
        assert "--mpp is for images" in result.stderr
