"""A project folder that a stranger made: nothing outside of it is read as ours, written or lost."""

import json
import os
import shutil

import pytest

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken, ignore
from napari_glands.project import Project
from napari_glands.project.paths import inside
from napari_glands.project.runs import recorded_run


@pytest.fixture
def victim(tmp_path):
    """What lies beside the project, and has to stay as it is."""
    folder = tmp_path / "victim.zarr" / "labels" / "glands.former"
    folder.mkdir(parents=True)
    (tmp_path / "victim.zarr" / "labels" / "glands").mkdir()
    (folder / "mine.txt").write_text("mine")
    (tmp_path / "victim.csv").write_text("mine")
    for name in ("mine.ckpt", "mine.safetensors"):
        (tmp_path / "victim.zarr" / name).write_text("mine")
    return tmp_path


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("victim*/**/*"))
        if path.is_file()
    } | {"csv": (folder / "victim.csv").read_bytes()}


def edited(study, change):
    study.project.close()
    file = study.project.path / "project.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))
    return study.project.path


def _slide(**changes):
    return lambda data: data["slides"][0].update(changes)


def _region(**changes):
    part = {"of": "", "number": 1, "y": 0, "x": 0, "height": 100, "width": 100}

    def change(data):
        slide = data["slides"][0]
        region = {**part, "of": slide["id"], **changes}
        data["slides"].append({**slide, "id": "a-region", "region": region})

    return change


def _step(name="train", **changes):
    def change(data):
        record = {
            "fingerprint": "f", "status": "done", "started": "", "ended": "", "seconds": 1.0,
            "run": "20260101T000000-train", "settings": {}, "versions": {},
        }  # fmt: skip
        data["steps"][name] = {**record, **changes}

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_slide(id="../../victim"), r"slides\.0\.id"),
        (_slide(id="/etc/victim"), r"slides\.0\.id"),
        (_slide(id="..\\victim"), r"slides\.0\.id"),
        (_slide(id="a\0b"), r"slides\.0\.id"),
        (_slide(id="CON"), r"slides\.0\.id"),
        (_slide(id=""), r"slides\.0\.id"),
        (_slide(path=""), r"slides\.0\.path"),
        (_slide(path="a\0b"), r"slides\.0\.path"),
        (_slide(shape=[10**12, 5]), r"slides\.0\.shape"),
        (_slide(shape=[0, 5]), r"slides\.0\.shape"),
        (_slide(mpp=-1), r"slides\.0\.mpp"),
        (_slide(mpp="0.5"), r"slides\.0\.mpp"),
        (_slide(mpp_source="guess"), r"slides\.0\.mpp_source"),
        (_slide(novelty=1), r"slides\.0\.novelty"),
        (_region(of="../../victim"), r"slides\.1\.region\.of"),
        (_region(of="another"), "region of another"),
        (_region(height=10**6), "outside of its slide"),
        (_region(number=True), r"slides\.1\.region\.number"),
        (_step(run="../../victim"), r"steps\.train\.run"),
        (_step(name="../../victim"), "steps"),
        (_step(seconds=-1), r"steps\.train\.seconds"),
        (lambda data: data["measurements"].update({"../../victim": "x"}), "measurements"),
        (lambda data: data["slides"].append(data["slides"][0]), "twice"),
        (lambda data: data.update(schema_version=True), "schema_version"),
    ],
)
def test_a_field_that_cannot_be_is_refused_at_opening(study, victim, change, field):
    before = snapshot(victim)
    path = edited(study, change)
    for read_only in (True, None):
        with pytest.raises(GlandsError, match=field) as raised:
            Project.open(path, read_only=read_only)
        assert "project.json" in str(raised.value)
        assert "\0" not in str(raised.value)
    assert snapshot(victim) == before


def test_a_hand_made_change_is_told(study):
    path = edited(study, _slide(name="another name"))
    with pytest.warns(UserWarning, match=r"project\.json was changed"), Project.open(path) as again:
        assert again.slides[0].name == "another name"
    with Project.open(path) as again:  # it is not written before something changes
        again.set_settings(again.settings.updated("train", iterations=9))
    Project.open(path).close()


def test_a_copy_of_a_damaged_project_file_is_offered(study):
    study.project.close()
    file = study.project.path / "project.json"
    Project.open(study.project.path).close()
    file.write_text("null")
    with pytest.raises(GlandsError, match=r"project\.previous\.json"):
        Project.open(study.project.path)
    shutil.copy(file.with_name("project.previous.json"), file)
    with Project.open(study.project.path) as again:
        assert len(again.slides) == 1


def test_links_are_not_followed_when_a_training_tidies_up(study, victim, make):
    before = snapshot(victim)
    runs = study.project.path / "runs"
    os.symlink(victim / "victim.zarr", runs / "link-train")
    other = runs / "20200101T000000-train" / "round-1"
    other.mkdir(parents=True)
    (other / "last.ckpt").write_text("of another training")
    with recorded_run(
        study.project, "train", make.settings, "f", ignore, CancelToken(), resume=True
    ) as run:
        mine = run.folder / "round-1"
        mine.mkdir()
        (mine / "last.ckpt").write_text("x")
        (mine / "weights.safetensors").write_text("x")
        os.symlink(victim / "victim.zarr", run.folder / "link")
        run.drop_checkpoints()
    assert not list(mine.iterdir())
    assert (other / "last.ckpt").exists()
    assert snapshot(victim) == before


def _record(project, make, slide):
    with recorded_run(project, "priors", make.settings, "f", ignore, CancelToken()):
        pass


@pytest.mark.parametrize(
    ("part", "use"),
    [
        ("slides", lambda project, make, slide: project.save_priors(make.priors(slide))),
        (".staging", lambda project, make, slide: project.save_priors(make.priors(slide))),
        ("models", lambda project, make, slide: project.load_model("x")),
        ("runs", _record),
    ],
)
def test_links_in_a_project_lead_nowhere(study, victim, make, part, use):
    before = snapshot(victim)
    slide = study.slide
    link = study.project.path / part
    shutil.rmtree(link, ignore_errors=True)
    os.symlink(victim / "victim.zarr", link)
    with pytest.raises(GlandsError, match="is a link"):
        use(study.project, make, slide)
    assert snapshot(victim) == before


def test_a_linked_result_is_not_read_or_removed(study, victim, make):
    before = snapshot(victim)
    project, slide = study.project, study.slide
    project.save_priors(make.priors(slide))
    labels = project.path / "slides" / f"{slide.id}.zarr" / "labels"
    shutil.rmtree(labels / "priors")
    os.symlink(victim / "victim.zarr", labels / "priors")
    os.symlink(victim / "victim.zarr", labels / "glands.former")
    with pytest.raises(GlandsError, match="is a link"):
        project.load_priors(slide.id)
    project.close()
    with Project.open(project.path) as again:
        with pytest.raises(GlandsError, match="is a link"):
            again.facts(slide.id, "priors")
        assert again.facts(slide.id, "exterior") is None
    assert snapshot(victim) == before


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "/abs", "x.former"])
def test_model_names_are_plain(study, name):
    with pytest.raises(GlandsError, match="letters, digits"):
        study.project.load_model(name)


def test_the_one_way_from_names_to_places(tmp_path):
    assert inside(tmp_path, "slides", "a-1.zarr") == tmp_path / "slides" / "a-1.zarr"
    with pytest.raises(GlandsError, match="cannot be a name"):
        inside(tmp_path, "slides", "..")


def test_a_device_in_place_of_an_image_is_not_waited_for(study):
    path = edited(study, _slide(path="/dev/zero"))
    shutil.rmtree(path / "slides")
    with pytest.warns(UserWarning, match="was changed"):
        again = Project.open(path)
    with again, pytest.raises(GlandsError, match="no file"):
        again.slide(again.slides[0].id)


def test_the_copy_of_the_project_file_is_not_written_through_a_link(study, victim):
    before = snapshot(victim)
    study.project.close()
    for name in (".project.previous.json", "project.previous.json"):
        (study.project.path / name).unlink(missing_ok=True)
        os.symlink(victim / "victim.csv", study.project.path / name)
    Project.open(study.project.path).close()
    assert snapshot(victim) == before


def test_a_run_that_holds_links_is_not_gone_on_with(study, victim, make):
    before = snapshot(victim)
    prepared = study.project.path / "runs" / "29990101T000000-train"
    prepared.mkdir(parents=True)
    state = {"step": "train", "fingerprint": "f", "status": "running"}
    (prepared / "run.json").write_text(json.dumps(state))
    for name in ("log.txt", "metrics.csv"):
        os.symlink(victim / "victim.csv", prepared / name)
    with recorded_run(
        study.project, "train", make.settings, "f", ignore, CancelToken(), resume=True
    ) as run:
        assert run.folder != prepared
    assert snapshot(victim) == before


def test_a_former_folder_without_a_name_stops_nothing(study, make):
    study.project.save_priors(make.priors(study.slide))
    labels = study.project.path / "slides" / f"{study.slide.id}.zarr" / "labels"
    (labels / ".former").mkdir()
    study.project.close()
    with Project.open(study.project.path) as again:
        assert again.load_priors(again.slides[0].id).table
