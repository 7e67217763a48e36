"""A project of which something is damaged: the window says what, and works with the rest."""

from __future__ import annotations

import os

import pytest

from napari_glands.project import Project


@pytest.fixture
def damaged(bench):
    """Two slides with priors and glands; those of the first were damaged on the disk."""
    for seed, name in enumerate(("first", "second")):
        bench.add_slide(name, bench.noise(seed))
        project = bench.session.project
        slide = project.slide(bench.session.current)
        project.save_exterior(bench.make_exterior(slide))
        project.save_priors(bench.make_priors(slide))
        project.save_prediction(bench.make_prediction(slide))
    first = project.slides[0].id
    project.back_up(first, "priors")
    labels = project.path / "slides" / f"{first}.zarr" / "labels"
    next(p for p in sorted((labels / "priors" / "0").rglob("[0-9]*")) if p.is_file()).unlink()
    (labels / "exterior" / ".zattrs").write_text("null")
    return project.path, first


def look(bench, name):
    folder = os.environ.get("NAPARI_GLANDS_PICTURES")
    if folder:
        bench.qtbot.wait(150)
        bench.viewer.window._qt_window.grab().save(f"{folder}/{name}.png")


def test_damage_is_told_and_the_rest_can_be_worked_with(bench, damaged):
    _, first = damaged
    session, notice = bench.session, bench.widget.notices.damaged
    session.refresh(show=first, create=True)
    bench.settle()
    assert session.current == first
    assert notice.isVisible()
    text = notice.text.text()
    assert "exterior map of first cannot be used." in text
    assert "priors of first cannot be used." in text
    assert "Restore previous version" in text
    assert "exterior/.zattrs" in notice.text.toolTip()
    assert bench.viewer.window._qt_window.height() < 900, "the window grows for no notice"
    look(bench, "damaged")
    assert bench.layer("priors") is None
    assert bench.layer("glands") is not None, "what is sound is shown"
    second = session.project.slides[1].id
    session.refresh(show=second, create=True)
    bench.settle()
    assert bench.layer("priors") is not None
    assert "priors of first" not in notice.text.text(), "that is seen when the slide is shown"


def test_a_copy_takes_the_place_of_what_is_damaged(bench, damaged):
    path, first = damaged
    session = bench.session
    session.refresh(show=first, create=True)
    bench.settle()
    bar = bench.widget.project_bar
    bar.menu.popup(bar.menu_button.mapToGlobal(bar.menu_button.rect().bottomLeft()))
    bench.settle()
    bar.menu.close()
    actions = [a for a in bar.versions_menu.actions() if "priors" in a.text()]
    actions[0].trigger()
    bench.settle()
    assert bench.layer("priors") is not None
    assert "priors of first" not in bench.widget.notices.damaged.text.text()
    with Project.open(path, read_only=True) as again:
        assert again.load_priors(first).table


def test_a_slide_whose_image_has_changed_does_not_stop_the_others(bench, tmp_path):
    from PIL import Image

    session = bench.session
    for seed, name in enumerate(("a.png", "b.png")):
        Image.fromarray(bench.noise(seed)).save(tmp_path / name)
    project = session.writable_project()
    project.add_slides([tmp_path / "a.png", tmp_path / "b.png"], mpp=1.0)
    Image.fromarray(bench.noise(5)).save(tmp_path / "a.png")
    session.refresh(create=True)
    bench.settle()
    assert [slide.name for slide in session.facts.slides] == ["a", "b"]
    assert "has changed" in bench.view("slides").status.text()
    session.refresh(show=project.slides[1].id, create=True)
    bench.settle()
    assert session.current == project.slides[1].id
