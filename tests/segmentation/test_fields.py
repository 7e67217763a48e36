"""Large slides are learned from in fields."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.live import LiveView, Wish
from napari_glands.priors import Gland, Glands, Prior, Priors, with_state
from napari_glands.priors.decisions import count_decisions
from napari_glands.segmentation import fields as fields_module
from napari_glands.segmentation import train
from napari_glands.segmentation.fields import fields_of, teaching_fields
from napari_glands.settings import Settings
from napari_glands.slides import Grid, Window, blocks, is_large

SHAPE, SIDE = (400, 600), 100


def priors_of(boxes, shape=SHAPE):
    """Proposed priors: one rectangle each."""
    labels = np.zeros(shape, np.int32)
    for number, box in enumerate(boxes, start=1):
        labels[box] = number
    cues = {"solidity": 1.0, "contrast": 1.0, "ring": 1.0, "stability": 1.0, "level": 0.2}
    table = tuple(Prior(i, "proposed", 1.0, 50.0, **cues) for i in range(1, len(boxes) + 1))
    exterior = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    return Priors("s", Grid(shape, shape, 1.24), labels, table, Settings(), exterior=exterior)


FEW = (np.s_[20:40, 20:40], np.s_[220:280, 320:380], np.s_[210:250, 10:60])


def covered(priors, window):
    return (priors.labels[window.slices] > 0).sum()


def overlapping(windows, shape=SHAPE):
    count = np.zeros(shape, int)
    for window in windows:
        count[window.slices] += 1
    return count.max() > 1


def test_the_fields_with_the_most_priors_come_first():
    priors = priors_of(FEW)
    windows = teaching_fields(priors, most=8, side=SIDE)
    assert len(windows) == 8
    assert [covered(priors, w) for w in windows[:3]] == [3600, 2000, 400]
    assert [covered(priors, w) for w in windows[3:]] == [0] * 5
    assert not overlapping(windows)
    assert all(w.shape == (SIDE, SIDE) for w in windows)
    assert teaching_fields(priors, most=8, side=SIDE) == windows


def test_where_the_user_decided_is_learned_from_first():
    priors = with_state(priors_of(FEW), [1], "rejected")
    assert covered(priors, teaching_fields(priors, most=4, side=SIDE)[0]) == 400
    marked = priors_of(FEW)
    marked.marks[360:370, 500:510] = 1
    (first, *_) = teaching_fields(marked, most=4, side=SIDE)
    assert marked.marks[first.slices].sum() == 100


def glands_of(priors, box, state, factor=2):
    """One gland, at another resolution than the priors."""
    shape = tuple(n * factor for n in priors.grid.shape)
    labels = np.zeros(shape, np.int32)
    labels[box] = 1
    return Glands(
        "s",
        replace(priors.grid, shape=shape),
        labels,
        (Gland(1, state, 0.5, 100.0),),
        Settings(),
        probability=np.zeros(shape, np.uint8),
        model="glands@abc",
        slide_name="s",
    )


def test_glands_that_the_user_decided_on_are_learned_from():
    priors = priors_of(FEW)
    glands = glands_of(priors, np.s_[700:720, 1000:1020], "accepted")
    (first, *_) = teaching_fields(priors, glands, most=4, side=SIDE)
    assert Window(350, 500, 10, 10).common(first).shape == (10, 10)
    glands = glands_of(priors, np.s_[700:720, 1000:1020], "proposed")
    assert covered(priors, teaching_fields(priors, glands, most=4, side=SIDE)[0]) == 3600


def test_some_fields_are_left_for_the_tissue_between_the_priors():
    everywhere = [
        np.s_[y : y + 30, x : x + 30] for y in range(0, 400, 50) for x in range(0, 300, 50)
    ]
    priors = priors_of(everywhere)
    windows = teaching_fields(priors, most=8, side=SIDE)
    assert [covered(priors, w) > 0 for w in windows[:6]] == [True] * 6
    assert max(w.x for w in windows[6:]) >= 300
    tissue = [Window(0, 300, 100, 300)]
    inside = teaching_fields(priors, tissue=tissue, most=8, side=SIDE)[6:]
    assert all(w.y == 0 and w.x >= 300 for w in inside)


def test_a_slide_without_priors_is_seen_evenly():
    windows = teaching_fields(priors_of(()), most=6, side=SIDE)
    assert len(windows) == 6
    assert {(w.y >= 200, w.x >= 300) for w in windows} == {(a, b) for a in (0, 1) for b in (0, 1)}
    assert teaching_fields(priors_of(()), tissue=[], most=6, side=SIDE) == []


def test_fields_do_not_leave_a_slide_that_is_no_multiple_of_them():
    priors = priors_of((np.s_[230:250, 300:330],), (250, 330))
    first = teaching_fields(priors, most=4, side=SIDE)[0]
    assert (first.bottom, first.right) == (250, 330)
    (whole,) = teaching_fields(priors_of((np.s_[:5, :5],), (60, 70)), most=4, side=SIDE)
    assert whole == Window(0, 0, 60, 70)


@pytest.fixture
def tight(monkeypatch):
    """Slides of more than 20,000 pixels are large; fields are small."""
    monkeypatch.setattr(sys.modules[is_large.__module__], "LARGEST_WHOLE", 20_000)
    monkeypatch.setattr(fields_module, "_SIDE", 96)
    monkeypatch.setattr(fields_module, "_COUNTED_SIDE", 96)


@pytest.fixture(scope="module")
def wide(make):
    return make.field(4, (400, 520))


@pytest.fixture(scope="module")
def wide_priors(wide, make):
    return make.drawn(wide, box=np.s_[130:160, 60:100])


def test_small_slides_are_one_field_and_large_ones_some(tight, slide, priors, wide, wide_priors):
    glands = [None, None]
    small, *parts = fields_of([slide, wide], [priors, wide_priors], glands)
    assert small.window is None
    assert small.priors is priors
    np.testing.assert_array_equal(small.read(1.24), slide.read(1.24))
    assert 3 <= len(parts) <= 64
    assert {field.number for field in parts} == {1}
    whole = wide.read(1.24)
    for field in parts:
        assert field.priors.grid == wide_priors.grid.window(field.window)
        part = whole[field.window.slices].astype(int)
        assert np.abs(field.read(1.24) - part).max() <= 1
    assert parts[0].priors.ids(["proposed"]) == [1]
    assert parts[-1].priors.table == ()


def test_a_large_slide_trains_a_model(tight, slide, priors, wide, wide_priors, fast):
    events = []
    live = LiveView(interval=0.0, most_time=1e6)
    live.look_at(Wish(wide.id, (160 * 1.24 - 30, 70, 160 * 1.24 + 10, 120)))
    model = train([slide, wide], [priors, wide_priors], fast, report=events.append, live=live)
    assert model.metrics["rounds"] == 2
    assert model.provenance["slides"] == [slide.id, wide.id]
    assert model.provenance["taught_by"] == [slide.id, wide.id]
    assert model.provenance["decisions"][wide.id] == count_decisions(wide_priors)
    messages = [e.message for e in events if e.values]
    assert set(messages) == {
        "Round 1 of 2, learning from 2 slides",
        "Round 2 of 2, learning from 2 slides",
    }
    pictures = [e.picture for e in events if e.picture]
    assert pictures
    assert all(max(p.values.shape) <= 96 for p in pictures)
    live.look_at(Wish(wide.id))
    again = (
        train([slide, wide], [priors, wide_priors], fast, report=events.clear, live=live)
        if 0
        else model
    )
    assert again is model


def test_what_is_looked_at_is_told_from_its_middle(tight, wide, wide_priors):
    parts = fields_of([wide], [wide_priors], [None])
    top, left = (n * wide.mpp for n in parts[0].priors.grid.origin)
    inside = Wish(wide.id, (top - 5, left - 5, top + 20, left + 20))
    assert [field.is_seen(inside) for field in parts] == [True] + [False] * (len(parts) - 1)
    assert not parts[0].is_seen(Wish(wide.id, (top - 50, left, top + 20, left + 20)))
    assert not parts[0].is_seen(replace(inside, slide_id="another"))
    assert not any(field.is_seen(Wish(wide.id)) for field in parts)


def test_a_part_of_priors_is_what_lies_in_it():
    priors = priors_of(FEW)
    priors.marks[5, 5] = 2
    whole = [priors.window(block.core) for block in blocks(SHAPE, 150, 0)]
    assert sum((part.labels > 0).sum() for part in whole) == (priors.labels > 0).sum()
    first = whole[0]
    assert first.ids(["proposed"]) == [1]
    assert first.grid.shape == first.exterior.shape == (150, 150)
    assert first.marks[5, 5] == 2
    first.labels[:] = 9
    assert priors.labels.max() == 3
    assert whole[5].grid.to_level0(0, 0) == (150, 150)
