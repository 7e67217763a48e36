"""Pictures of a truth and a prediction."""

import numpy as np

from napari_glands.evaluation.pictures import draw_comparison


def test_truth_is_outlined_at_the_left_and_prediction_at_the_right():
    pixels = np.full((60, 80, 3), 200, np.uint8)
    truth, glands = np.zeros((60, 80), np.int32), np.zeros((30, 40), np.int32)
    truth[20:40, 20:40] = 1
    glands[5:10, 25:35] = 1
    picture = draw_comparison(pixels, truth, glands)
    assert picture.shape == (60, 168, 3)
    left, right = picture[:, :80], picture[:, 88:]
    changed = [np.argwhere((half != 200).any(axis=2)) for half in (left, right)]
    assert np.abs(changed[0].mean(axis=0) - (29.5, 29.5)).max() < 1
    assert np.abs(changed[1].mean(axis=0) - (14.5, 59.5)).max() < 1
    assert (pixels == 200).all()
