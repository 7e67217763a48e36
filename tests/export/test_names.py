"""File names: safe on every system, never a path, still telling slides apart."""

from __future__ import annotations

import pytest

from napari_glands.export import file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("slide 1", "slide 1"),
        ("Präparat (3), µ", "Präparat (3), µ"),
        ('a/b:"c"?', "a-b-c-"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("..", "slide"),
        ("", "slide"),
        ("C:\\x", "C-x"),
        ("name. . ", "name"),
        ("con", "_con"),
        ("NUL.tar", "_NUL.tar"),
        ("com¹", "_com¹"),
        ("console", "console"),
        ("a\x1b[2J\x7f\nb", "a-[2J--b"),
        ("fdp\u202egnp", "fdpgnp"),
        ("bad\udcff", "bad-"),
    ],
)
def test_names_are_made_safe(name, safe):
    assert file_name(name) == safe


def test_long_names_are_cut_and_told_apart():
    names = [file_name("ä" * 300 + end) for end in ("1", "2")]
    assert names[0] != names[1]
    assert all(len(name.encode()) < 200 for name in names)
    assert all(name.startswith("ä" * 80) for name in names)
