"""The figures of merit, against cases worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.evaluation import evaluate, interior_precision, read_label_image

EMPTY = np.zeros((20, 30), np.int32)


def _boxes(*boxes, shape=(20, 30), dtype=np.int32):
    """Draw boxes (top, bottom, left, right) as objects 1, 2, …"""
    labels = np.zeros(shape, dtype)
    for value, (top, bottom, left, right) in enumerate(boxes, start=1):
        labels[top:bottom, left:right] = value
    return labels


def _brute_hausdorff(a, b):
    """Hausdorff distance of two pixel sets from all pairs of pixels."""
    a, b = np.argwhere(a), np.argwhere(b)
    distances = np.linalg.norm(a[:, None] - b[None], axis=2)
    return max(distances.min(axis=1).max(), distances.min(axis=0).max())


def test_identical_maps_are_perfect():
    labels = _boxes((2, 6, 2, 6), (10, 18, 5, 25))
    scores = evaluate(labels, labels, mpp=0.5).pooled
    perfect = ("miou", "dice", "precision", "recall", "object_f1", "object_dice")
    assert [getattr(scores, name) for name in perfect] == [1] * len(perfect)
    assert scores.object_hausdorff_px == scores.object_hausdorff_um == 0


def test_label_values_do_not_matter():
    truth = _boxes((2, 6, 2, 6), (10, 18, 5, 25))
    other = np.where(truth == 1, 90_000, np.where(truth == 2, 7, 0))
    assert evaluate(other, truth).pooled.object_f1 == 1


def test_both_empty_is_perfect():
    scores = evaluate(EMPTY, EMPTY).pooled
    assert scores.miou == scores.dice == scores.object_f1 == scores.object_dice == 1
    assert scores.precision == scores.recall == 1
    assert scores.object_hausdorff_px == 0


@pytest.mark.parametrize("swapped", [False, True])
def test_one_empty_is_the_worst(swapped):
    pair = (EMPTY, _boxes((2, 6, 2, 6)))
    predicted, truth = reversed(pair) if swapped else pair
    scores = evaluate(predicted, truth).pooled
    assert scores.dice == scores.iou_gland == scores.object_f1 == scores.object_dice == 0
    assert scores.precision == scores.recall == 0
    assert scores.object_hausdorff_px == pytest.approx(np.hypot(20, 30))


def test_everything_gland_has_no_background():
    full = np.full((20, 30), 4, np.int32)
    scores = evaluate(full, full).pooled
    assert scores.miou == scores.object_f1 == scores.object_dice == 1


def test_pixel_figures_by_hand():
    truth, predicted = _boxes((0, 10, 0, 10)), _boxes((0, 10, 5, 20))  # 50 of 100 and 150 shared
    scores = evaluate(predicted, truth).pooled
    assert scores.precision == pytest.approx(50 / 150)
    assert scores.recall == pytest.approx(50 / 100)
    assert scores.dice == pytest.approx(100 / 250)
    assert scores.iou_gland == pytest.approx(50 / 200)
    assert scores.iou_background == pytest.approx(400 / 550)
    assert scores.miou == pytest.approx((50 / 200 + 400 / 550) / 2)


def test_pixels_are_pooled_over_images_of_different_sizes():
    small = np.ones((2, 2), np.int32)
    large = _boxes((0, 10, 0, 10))
    report = evaluate([small * 0, large], [small, large])
    assert report.pooled.iou_gland == pytest.approx(100 / 104)
    assert report.mean_per_image["iou_gland"] == pytest.approx(0.5)


def test_object_figures_by_hand():
    # Truth A 4×10 and B 4×4; prediction 1 covers A's right 6 columns and 2 more, 2 lies alone.
    truth = _boxes((0, 4, 0, 10), (10, 14, 0, 4))
    predicted = _boxes((0, 4, 4, 12), (10, 14, 10, 14))
    scores = evaluate(predicted, truth, mpp=0.5).pooled
    assert (scores.true_positives, scores.predicted_objects, scores.true_objects) == (1, 2, 2)
    assert scores.object_f1 == pytest.approx(0.5)
    dice = 2 * 24 / (40 + 32)
    assert scores.object_dice == pytest.approx((32 / 48 * dice + 40 / 56 * dice) / 2)
    # 1↔A: 4 columns stick out on the left. 2 → nearest is B (10 columns); B → nearest is 2.
    hausdorff = ((32 * 4 + 16 * 10) / 48 + (40 * 4 + 16 * 10) / 56) / 2
    assert scores.object_hausdorff_px == pytest.approx(hausdorff)
    assert scores.object_hausdorff_um == pytest.approx(hausdorff / 2)


def test_true_positive_is_decided_by_share_of_the_true_area_not_by_iou():
    truth = _boxes((5, 9, 5, 9))
    predicted = _boxes((0, 20, 0, 30))  # IoU 16 / 600
    assert evaluate(predicted, truth).pooled.object_f1 == 1


def test_uneven_split_finds_the_gland_once():
    truth = _boxes((0, 10, 0, 10))
    scores = evaluate(_boxes((0, 10, 0, 7), (0, 10, 7, 10)), truth).pooled
    assert scores.dice == 1
    assert (scores.true_positives, scores.object_precision, scores.object_recall) == (1, 0.5, 1)
    assert scores.object_f1 == pytest.approx(2 / 3)
    dice = (0.7 * 140 / 170 + 0.3 * 60 / 130 + 140 / 170) / 2
    assert scores.object_dice == pytest.approx(dice)


def test_even_split_is_not_two_true_positives():
    scores = evaluate(_boxes((0, 10, 0, 5), (0, 10, 5, 10)), _boxes((0, 10, 0, 10))).pooled
    assert scores.true_positives == 1
    assert scores.object_f1 == pytest.approx(2 / 3)


def test_merge_finds_one_of_two_glands():
    truth = _boxes((0, 10, 0, 8), (0, 10, 10, 15))
    scores = evaluate(_boxes((0, 10, 0, 15)), truth).pooled
    assert scores.true_positives == 1
    assert scores.object_f1 == pytest.approx(2 / 3)


def test_background_is_never_a_counterpart():
    # Most of the detection lies on background, yet its counterpart is the gland it touches.
    truth = _boxes((8, 10, 8, 10))
    assert evaluate(_boxes((0, 20, 0, 10)), truth).pooled.object_f1 == 1


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint32, np.int64])
def test_more_than_255_objects_do_not_wrap(dtype):
    labels = np.zeros((120, 120), dtype)
    rows, columns = np.mgrid[0:120:4, 0:120:4]
    values = np.arange(1, rows.size + 1, dtype=dtype).reshape(rows.shape)
    labels[rows, columns] = values
    labels[rows + 1, columns] = values
    scores = evaluate(labels, labels).pooled
    assert scores.predicted_objects == scores.true_positives == 900
    assert scores.object_f1 == scores.object_dice == 1
    half = np.where(labels > 450, 0, labels)
    assert evaluate(half, labels).pooled.object_f1 == pytest.approx(900 / 1350)


def test_hausdorff_counts_the_inside_of_objects():
    # A disc against its ring: the farthest pixel is the disc's middle, not its outline.
    y, x = np.mgrid[-15:16, -15:16]
    disc = (np.hypot(y, x) <= 12).astype(np.int32)
    ring = disc * (np.hypot(y, x) >= 10)
    expected = _brute_hausdorff(disc, ring)
    assert expected == pytest.approx(10)
    assert evaluate(disc, ring).pooled.object_hausdorff_px == pytest.approx(expected)


def test_hausdorff_of_scattered_objects_matches_brute_force():
    rng = np.random.default_rng(0)
    spots = rng.integers(0, 34, (2, 8, 2))
    truth, predicted = (
        _boxes(*[(y, y + 5, x, x + 4) for y, x in some], shape=(40, 40)) for some in spots
    )
    sums = []
    for some, others in ((predicted, truth), (truth, predicted)):
        total = 0.0
        for value in np.unique(some[some > 0]):
            mask = some == value
            counts = np.bincount(others[mask], minlength=9)[1:]
            candidates = [counts.argmax() + 1] if counts.any() else np.unique(others[others > 0])
            total += mask.sum() * min(_brute_hausdorff(mask, others == v) for v in candidates)
        sums.append(total / (some > 0).sum())
    expected = sum(sums) / 2
    assert evaluate(predicted, truth).pooled.object_hausdorff_px == pytest.approx(expected)


def test_objects_are_pooled_with_their_areas():
    small, large = _boxes((0, 2, 0, 2)), _boxes((0, 10, 0, 10))
    report = evaluate([EMPTY, large], [small, large])
    assert report.pooled.object_dice == pytest.approx((1 + 100 / 104) / 2)
    assert report.pooled.object_f1 == pytest.approx(2 / 3)
    assert report.mean_per_image["object_dice"] == pytest.approx(0.5)


def test_different_shapes_are_refused():
    with pytest.raises(GlandsError, match="20×30 pixels but the truth 21×30"):
        evaluate(EMPTY, np.zeros((21, 30), int))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4)), "float64"),
        (np.zeros((4, 4, 3), int), "3-D"),
        (np.full((4, 4), -1), "negative"),
        (np.zeros((0, 4), int), "no pixels"),
    ],
)
def test_what_is_not_a_label_image_is_refused(array, message):
    with pytest.raises(GlandsError, match=message):
        evaluate([array], [array])


def test_numbers_of_images_must_agree():
    with pytest.raises(GlandsError, match="1 predictions but 2 truths"):
        evaluate([EMPTY], [EMPTY, EMPTY])
    with pytest.raises(GlandsError, match="no images"):
        evaluate([], [])


def test_report_is_json_and_a_table():
    labels = _boxes((2, 6, 2, 6))
    report = evaluate([labels, EMPTY], [labels, labels], names=["a", "b"], mpp=0.62)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["pooled"]["true_objects"] == 2
    assert [image["name"] for image in data["images"]] == ["a", "b"]
    assert data["mean_per_image"]["object_f1"] == pytest.approx(0.5)
    assert [row["image"] for row in report.table()] == ["a", "b", "pooled", "mean per image"]


def test_hausdorff_in_micrometres_needs_the_pixel_size():
    report = evaluate(_boxes((2, 6, 2, 6)), _boxes((2, 6, 2, 7)))
    assert report.pooled.object_hausdorff_um is None
    assert report.mean_per_image["object_hausdorff_um"] is None
    with pytest.raises(GlandsError, match="pixel size"):
        evaluate(EMPTY, EMPTY, mpp=0)


def test_interior_precision_is_pooled():
    truth = _boxes((0, 10, 0, 10))
    scores = interior_precision([_boxes((0, 2, 0, 20)), EMPTY], [truth, truth])
    assert scores.precision == pytest.approx(0.5)
    assert scores.coverage == pytest.approx(20 / 200)
    nothing = interior_precision([EMPTY], [truth])
    assert (nothing.precision, nothing.coverage) == (1, 0)


def test_interior_precision_takes_a_truth_at_another_resolution():
    truth = _boxes((0, 10, 0, 10))
    scores = interior_precision([truth[::2, ::2] > 0], [truth])
    assert (scores.precision, scores.coverage) == (1, 1)


def test_real_truth_against_itself_and_split(shared_data):
    truth, _ = read_label_image(shared_data / "glas_train" / "masks" / "train_1_anno.png")
    perfect = evaluate(truth, truth, mpp=0.62).pooled
    assert perfect.miou == perfect.object_f1 == perfect.object_dice == 1
    assert perfect.true_objects == len(np.unique(truth)) - 1
    split = truth.astype(int)
    rows = np.argwhere(truth == 1)[:, 0]
    split[(truth == 1) & (np.arange(len(truth))[:, None] > np.median(rows) + 5)] = truth.max() + 1
    worse = evaluate(split, truth, mpp=0.62).pooled
    assert worse.miou == 1
    n = perfect.true_objects
    assert worse.object_f1 == pytest.approx(2 * n / (2 * n + 1))
    assert worse.object_dice < 1
    assert worse.object_hausdorff_um > 0
