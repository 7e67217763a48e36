"""Outlines of labels on a picture."""

import numpy as np

from napari_glands.slides.outlines import draw_outlines


def test_lines_have_the_wished_colour_and_a_black_rim():
    pixels, labels = np.full((20, 20, 3), 200, np.uint8), np.zeros((20, 20), np.int32)
    labels[5:15, 5:15] = 7
    drawn = draw_outlines(pixels, labels, (0, 230, 255))
    row = [tuple(colour) for colour in drawn[10, :10].tolist()]
    line, rim, picture = (0, 230, 255), (0, 0, 0), (200, 200, 200)
    assert row == [picture] * 3 + [rim] + [line] * 3 + [rim] + [picture] * 2
    assert (pixels == 200).all()
