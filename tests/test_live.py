import time
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.live import LiveView, Wish
from napari_glands.progress import Picture
from napari_glands.slides.grid import Grid
from napari_glands.slides.in_view import part_in_view

PICTURE = Picture("a", np.zeros((2, 2), np.uint8), (1, 1), (0, 0))


def test_pictures_come_only_when_wished_for_and_not_too_often():
    live = LiveView(interval=0.1)
    assert live.picture(lambda wish: PICTURE) is None
    live.look_at(Wish("a"))
    assert live.picture(lambda wish: PICTURE) is PICTURE
    assert live.picture(lambda wish: PICTURE) is None
    time.sleep(0.12)
    assert live.picture(lambda wish: PICTURE) is PICTURE
    live.look_at(None)
    time.sleep(0.12)
    assert live.picture(lambda wish: PICTURE) is None


def test_slow_pictures_take_less_than_a_tenth_of_the_time():
    live = LiveView(interval=0.0)
    live.look_at(Wish("a"))

    def draw(wish):
        time.sleep(0.02)
        return PICTURE

    began, drawn = time.monotonic(), 0
    while time.monotonic() - began < 1.0:
        drawn += live.picture(draw) is not None
        time.sleep(0.002)
    assert 1 <= drawn <= 5


def test_a_picture_that_fails_ends_the_pictures_of_this_run_only():
    live = LiveView(interval=0.0)
    live.look_at(Wish("a"))

    def fail(wish):
        raise MemoryError

    assert live.picture(fail) is None
    time.sleep(0.01)
    assert live.picture(lambda wish: PICTURE) is None
    live.begin()
    assert live.picture(lambda wish: PICTURE) is PICTURE


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (None, (0, 100), (100, 300)),  # all: the middle of what is too wide
        ((20, 20, 120, 140), (10, 60), (10, 70)),
        ((0, 0, 4, 4), (0, 40), (0, 40)),  # too small: with surroundings, inside the slide
        ((-500, 700, 9000, 9000), (0, 100), (350, 400)),  # looks past the slide
    ],
)
def test_the_part_in_view_lies_in_the_slide_and_has_a_fair_size(box, rows, columns):
    grid = Grid((100, 400), (200, 800), 1.0)
    part = part_in_view(Wish("a", box), grid, least=40, most=200)
    assert (part.rows, part.columns) == (rows, columns)
    picture = part.picture(np.zeros((rows[1] - rows[0], columns[1] - columns[0]), np.uint8))
    assert picture.scale == (2.0, 2.0)
    assert picture.translate == (0.5 + 2 * rows[0], 0.5 + 2 * columns[0])
    # The same for a region of a larger slide.
    region = replace(grid, origin=(1000, 3000))
    moved = None if box is None else (box[0] + 1000, box[1] + 3000, box[2] + 1000, box[3] + 3000)
    assert (part_in_view(Wish("a", moved), region, 40, 200).rows) == rows
    assert (part_in_view(Wish("a", moved), region, 40, 200).columns) == columns
