import json
import os

import pytest

from napari_glands.plain_text import json_text, layer_name, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain µm é 日本 x²", "plain µm é 日本 x²"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\x9b2J\x7f\b", r"a\x9b2J\x7f\x08"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("gnp.\u202eexe\u2066", r"gnp.\u202eexe\u2066"),
        ("a\u200b\ufeff\u2060b\xad", r"a\u200b\ufeff\u2060b\xad"),
        ("line\u2028end\u2029\u3164", r"line\u2028end\u2029\u3164"),
        ("\U000e0041", r"\U000e0041"),
        (os.fsdecode(b"caf\xe9"), r"caf\udce9"),
        ("narrow\u202fspace\xa0", "narrow\u202fspace\xa0"),
    ],
)
def test_what_would_act_is_written_as_an_escape(text, seen):
    assert shown(text) == seen
    assert shown(seen) == seen


def test_lines_stay_where_they_are_wanted():
    assert shown("one\n\ttwo\x1b", lines=True) == "one\n\ttwo\\x1b"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_shows_nothing_that_acts_and_reads_back(ascii_only):
    data = {"a\x1b": "\x9b\u202e\u200b\udce9\n\U000e0041 µ 日 \x7f", "b": [1, None]}
    text = json_text(data, ascii_only=ascii_only)
    assert json.loads(text) == data
    assert shown(text, lines=True) == text
    assert text.isascii() or not ascii_only


def test_layer_names_are_no_html_to_napari():
    pytest.importorskip("napari")
    from napari._qt.utils import qt_might_be_rich_text

    for name in ("<img src=x>", "a &lt;b&gt;", "<b>b</b>"):
        assert qt_might_be_rich_text(name)
        assert not qt_might_be_rich_text(layer_name(name))
    assert layer_name("case 7 µ & co") == "case 7 µ & co"
