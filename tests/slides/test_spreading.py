"""Windows, evenly over where they lie."""

import numpy as np
import pytest

from napari_glands.slides import Window, open_slide
from napari_glands.slides.spreading import cut, spread, tissue_windows

GRID = cut([Window(0, 0, 640, 640)], 40)


def test_windows_are_cut_without_overlap_or_gap():
    seen = np.zeros((70, 90), int)
    for window in cut([Window(5, 10, 60, 30), Window(5, 40, 60, 50)], 25):
        seen[window.slices] += 1
        assert max(window.shape) <= 25
    assert (seen[5:65, 10:90] == 1).all()
    assert seen.sum() == 60 * 80


@pytest.mark.parametrize("most", [4, 16, 64])
def test_what_is_chosen_lies_everywhere(most):
    chosen = spread(GRID, most)
    assert len(set(chosen)) == most
    quarters = [(w.y >= 320, w.x >= 320) for w in chosen]
    assert {quarters.count(q) for q in set(quarters)} == {most // 4}
    assert spread(GRID[::-1], most) == chosen


def test_few_windows_are_all_chosen():
    assert spread(GRID[:3], 5) == GRID[:3]
    assert spread([], 5) == []


def test_windows_of_tissue_leave_glass_out():
    rgb = np.full((400, 800, 3), 250, np.uint8)
    rgb[:, :200] = (150, 80, 150)
    slide = open_slide(rgb, mpp=2.0, name="left")
    windows = tissue_windows(slide, slide.grid(2.0), 200)
    assert windows == [Window(0, 0, 200, 200), Window(200, 0, 200, 200)]
