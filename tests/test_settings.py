"""Every parameter explains itself, and a wrong one is named."""

import json

import pytest
from pydantic import ValidationError

from napari_glands.errors import GlandsError
from napari_glands.settings import Settings, load_settings

STEPS = list(Settings.model_fields)
FIELDS = [
    pytest.param(info, id=f"{step}.{name}")
    for step in STEPS
    for name, info in type(getattr(Settings(), step)).model_fields.items()
]
NAMED = [p for p in FIELDS if p.id.endswith(("_um", "_um2", "_mpp"))]


@pytest.mark.parametrize("info", FIELDS)
def test_every_field_has_a_title_and_a_description(info):
    assert info.title
    assert info.title[0].isupper()
    assert info.description
    assert info.description.endswith(".") or " " in info.description
    assert info.json_schema_extra["advanced"] in (True, False)


@pytest.mark.parametrize("info", NAMED)
def test_lengths_and_areas_say_their_unit(info, request):
    unit = {"um": "µm", "um2": "µm²", "mpp": "µm/px"}
    suffix = request.node.callspec.id.rsplit("_", 1)[1]
    assert info.json_schema_extra["unit"] == unit[suffix]


def test_titles_are_unique_within_a_step():
    for step in STEPS:
        fields = type(getattr(Settings(), step)).model_fields.values()
        titles = [info.title for info in fields]
        assert len(titles) == len(set(titles))


def test_no_default_lies_outside_its_bounds():
    assert Settings.model_validate(Settings().model_dump()) == Settings()


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(ValidationError):
        Settings().train.rounds = 7


def test_updating_returns_a_copy():
    before = Settings()
    after = before.updated("train", rounds=5, batch_size=3)
    assert (after.train.rounds, after.train.batch_size) == (5, 3)
    assert before == Settings()
    assert after.predict == before.predict


@pytest.mark.parametrize(
    ("step", "values", "words"),
    [
        ("train", {"rounds": 0}, ["train.rounds", "greater than or equal to 1"]),
        ("train", {"round": 1}, ["train.round", "not permitted"]),
        ("nonsense", {"x": 1}, ["nonsense"]),
        ("exterior", {"loss": "magic"}, ["exterior.loss", "'self_label' or 'iic'"]),
        ("priors", {"min_area_um2": "wide"}, ["priors.min_area_um2", "valid number"]),
    ],
)
def test_a_wrong_value_is_named_with_its_field(step, values, words):
    with pytest.raises(GlandsError) as error:
        Settings().updated(step, **values)
    assert all(word in str(error.value) for word in words)


def test_saved_settings_come_back(tmp_path):
    changed = Settings().updated("train", rounds=2).updated("exterior", exterior_cluster=3)
    path = tmp_path / "settings.json"
    path.write_text(changed.model_dump_json(), encoding="utf-8")
    assert load_settings(path) == changed


def test_missing_fields_keep_their_defaults(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"train": {"rounds": 2}}')
    assert load_settings(str(path)) == Settings().updated("train", rounds=2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", ["not valid JSON"]),
        (b"\xff\xfe", ["not valid JSON"]),
        (b"[]", ["top level"]),
        (b'{"trian": {}}', ["trian", "not permitted"]),
        (b'{"train": {"rounds": "many"}}', ["train.rounds", "valid integer"]),
        (
            json.dumps({"train": {"rounds": 0}, "predict": {"threshold": 2}}).encode(),
            ["train.rounds", "predict.threshold"],
        ),
    ],
)
def test_an_error_names_the_file_and_every_field(tmp_path, content, words):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(GlandsError) as error:
        load_settings(path)
    assert all(word in str(error.value) for word in ["mine.json", *words])


@pytest.mark.parametrize("name", ["nowhere.json", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(GlandsError, match="Cannot read the settings file"):
        load_settings(tmp_path / name)
