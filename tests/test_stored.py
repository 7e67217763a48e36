import json
import os

import pytest
from pydantic import TypeAdapter

from napari_glands.errors import GlandsError
from napari_glands.stored import (
    checked,
    finite,
    is_plain_name,
    read_bytes,
    read_json,
    seal,
    sealed,
)


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/b", "a\\b", "", ".", "..", ".hidden", "CON", "nul.zarr", "x\0", "x\n"),
        *("a" * 200, "/abs", "glands.former", "dot.", "~", "com1.csv"),
    ],
)
def test_what_is_more_than_a_name_is_no_plain_name(name):
    assert not is_plain_name(name)


@pytest.mark.parametrize("name", ["ihc-b645cc11", "a.b_c-1", "Drüse", "20260101T000000-train"])
def test_plain_names(name):
    assert is_plain_name(name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is not a number"),
        ("\udcff", "not valid JSON"),
        ('{"a": "\\ud800"}', "not valid JSON"),
    ],
)
def test_bad_json_is_named(tmp_path, text, why):
    file = tmp_path / "facts.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(GlandsError, match=f"facts.json is damaged.*{why}"):
        read_json(file)


def test_a_byte_order_mark_is_read_over(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    file = tmp_path / "big.json"
    with file.open("wb") as big:
        big.truncate(1 << 34)  # takes no room on the disk
    with pytest.raises(GlandsError, match=r"big\.json.*16,384 MiB"):
        read_bytes(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(GlandsError, match="not a plain file"):
        read_json(tmp_path / "pipe.json")


def test_faults_name_the_field():
    with pytest.raises(GlandsError, match=r"run\.json is damaged: 0\.id"):
        checked(TypeAdapter(list[dict[str, int]]), [{"id": "x"}], "run.json")


def test_a_seal_tells_a_change():
    data = sealed({"a": (1, 2), "b": {"1": 0.1}})
    assert data["seal"] == seal(json.loads(json.dumps(data)))
    assert data["seal"] != seal({**data, "a": [1, 3]})
    assert sealed(data) == data


def test_numbers_that_json_lacks_become_none():
    assert finite({"a": [float("nan"), 1.5], "b": float("inf")}) == {"a": [None, 1.5], "b": None}
