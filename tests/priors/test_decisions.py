"""What the user decided of every pixel."""

from dataclasses import replace

import numpy as np
import pytest

from napari_glands.priors import Gland, Glands, Prior, Priors
from napari_glands.priors.decisions import (
    BACKGROUND,
    EXTERIOR,
    IGNORE,
    INTERIOR,
    UNDECIDED,
    count_decisions,
    decisions,
    teaching_pixels,
)
from napari_glands.settings import Settings
from napari_glands.slides import Grid

SHAPE = (20, 30)
RING = Settings().updated("priors", ring_width_um=2.0)  # two pixels
CUES = {"solidity": 1.0, "contrast": 1.0, "ring": 1.0, "stability": 1.0, "level": 0.2}


def image(**places):
    labels = np.zeros(SHAPE, np.int32)
    for name, box in places.items():
        labels[box] = int(name[1:])
    return labels


def priors(labels=None, marks=None, **states):
    labels = image() if labels is None else labels
    rows = tuple(Prior(int(n[1:]), s, 1.0, 1.0, **CUES) for n, s in states.items())
    grid = Grid(SHAPE, SHAPE, 1.0)
    exterior = np.zeros(SHAPE, np.uint8)
    return Priors("s", grid, labels, rows, RING, exterior=exterior, marks=marks)


def glands(labels, shape=SHAPE, **states):
    rows = tuple(Gland(int(n[1:]), s, 1.0, 1.0) for n, s in states.items())
    maps = {"probability": np.zeros(shape, np.uint8), "model": "m", "slide_name": "s"}
    return Glands("s", Grid(shape, SHAPE, 1.0), labels, rows, RING, **maps)


def test_nothing_decided():
    boxes = image(n1=np.s_[2:8, 2:8], n2=np.s_[12:18, 12:18])
    found = decisions(
        priors(boxes, n1="proposed", n2="doubtful"), glands(boxes, n1="proposed", n2="doubtful")
    )
    assert (found == UNDECIDED).all()
    assert found.dtype == np.uint8
    assert not teaching_pixels(found).any()


@pytest.mark.parametrize("state", ["accepted", "edited"])
def test_a_prior_that_was_taken_is_interior_with_a_ring(state):
    found = decisions(priors(image(n1=np.s_[8:12, 8:12]), n1=state))
    assert (found[8:12, 8:12] == INTERIOR).all()
    assert found[10, 5:9].tolist() == [UNDECIDED, EXTERIOR, EXTERIOR, INTERIOR]


@pytest.mark.parametrize("state", ["accepted", "edited"])
def test_a_gland_that_was_taken_has_rim_and_core(state):
    found = decisions(priors(), glands(image(n7=np.s_[5:15, 5:15]), n7=state))
    assert found[10, 4:9].tolist() == [UNDECIDED, EXTERIOR, EXTERIOR, INTERIOR, INTERIOR]
    assert (found[7:13, 7:13] == INTERIOR).all()
    assert (found == EXTERIOR).sum() == 10 * 10 - 6 * 6


def test_glands_that_touch_both_have_a_rim():
    found = decisions(
        priors(),
        glands(image(n1=np.s_[4:16, 2:12], n2=np.s_[4:16, 12:22]), n1="edited", n2="edited"),
    )
    assert found[10, 9:15].tolist() == [INTERIOR, *[EXTERIOR] * 4, INTERIOR]


def test_what_was_rejected_is_background_and_what_was_taken_stands_above_it():
    boxes = image(n1=np.s_[0:10, 0:10])
    wrong = glands(boxes, n1="rejected")
    assert (decisions(priors(), wrong)[boxes > 0] == BACKGROUND).all()
    assert (decisions(priors(boxes, n1="rejected"))[boxes > 0] == BACKGROUND).all()
    both = decisions(priors(image(n3=np.s_[4:6, 4:6]), n3="accepted"), wrong)
    assert both[5, 5] == INTERIOR
    assert both[0, 0] == BACKGROUND


def test_strokes_stand_above_all():
    marks = np.zeros(SHAPE, np.uint8)
    marks[8:10, 8:12], marks[10:12, 8:12] = 1, 2
    found = decisions(priors(image(n1=np.s_[8:16, 8:12]), marks, n1="edited"))
    assert (found[8:10, 8:12] == BACKGROUND).all()
    assert (found[10:12, 8:12] == IGNORE).all()
    assert (found[12:16, 8:12] == INTERIOR).all()
    taught = teaching_pixels(found)
    assert taught[8, 8]
    assert not taught[10, 8]


def test_glands_at_another_resolution_are_brought_to_that_of_the_priors():
    fine = np.repeat(np.repeat(image(n1=np.s_[5:15, 5:15]), 2, axis=0), 2, axis=1)
    found = decisions(priors(), glands(fine, shape=fine.shape, n1="accepted"))
    assert (found != UNDECIDED).sum() == 100
    assert found[10, 5:8].tolist() == [EXTERIOR, EXTERIOR, INTERIOR]


def test_decisions_are_counted():
    boxes = image(n1=np.s_[0:4, 0:4], n2=np.s_[8:12, 0:4], n3=np.s_[16:20, 0:4])
    marks = np.zeros(SHAPE, np.uint8)
    marks[0, :5] = 1
    states = {"n1": "accepted", "n2": "rejected", "n3": "proposed"}
    assert count_decisions(priors(boxes, marks, **states), glands(boxes, n1="rejected")) == {
        "accepted": 1,
        "edited": 0,
        "rejected": 2,
        "marked": 5,
    }
    assert count_decisions(replace(priors(boxes), table=())) == dict.fromkeys(
        ("accepted", "edited", "rejected", "marked"), 0
    )
