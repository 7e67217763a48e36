import json

import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project, schema


@pytest.fixture
def closed(study):
    study.project.close()
    return study.project.path


def edit(path, change):
    file = path / "project.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_a_newer_schema_is_refused_and_untouched(closed):
    edit(closed, lambda data: data.update(schema_version=99, novelty=1))
    before = (closed / "project.json").read_text()
    with pytest.raises(GlandsError, match=r"version 99.*update napari-glands"):
        Project.open(closed)
    assert (closed / "project.json").read_text() == before


def test_an_older_schema_is_migrated_after_a_backup(closed, monkeypatch):
    def rename_images(data):
        data["slides"] = data.pop("images")
        return {**data, "schema_version": 1}

    monkeypatch.setitem(schema.MIGRATIONS, 0, rename_images)
    edit(closed, lambda data: data.update(images=data.pop("slides"), schema_version=0))
    old = (closed / "project.json").read_text()
    with Project.open(closed) as project:
        assert [s.name for s in project.slides] == ["tissue one"]
    (backup,) = closed.glob("project.v0.*.bak.json")
    assert backup.read_text() == old
    assert (
        json.loads((closed / "project.json").read_text())["schema_version"] == schema.SCHEMA_VERSION
    )


def test_reading_only_migrates_in_memory(closed, monkeypatch):
    monkeypatch.setitem(schema.MIGRATIONS, 0, lambda data: {**data, "schema_version": 1})
    edit(closed, lambda data: data.pop("schema_version"))
    old = (closed / "project.json").read_text()
    assert len(Project.open(closed, read_only=True).slides) == 1
    assert (closed / "project.json").read_text() == old


def test_an_older_schema_without_migration_is_refused(closed):
    edit(closed, lambda data: data.update(schema_version=0))
    with pytest.raises(GlandsError, match="version 0"):
        Project.open(closed)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema_version": "one"}', '{"schema_version": 1, "slides": 3}']
)
def test_damage_is_named(closed, text):
    (closed / "project.json").write_text(text)
    with pytest.raises(GlandsError, match=r"project\.json.*damaged"):
        Project.open(closed)


def test_unknown_settings_are_named(closed):
    edit(closed, lambda data: data["settings"]["train"].update(epochs=3))
    with pytest.raises(GlandsError, match=r"settings\.train\.epochs"):
        Project.open(closed)
