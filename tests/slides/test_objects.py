"""Going through objects part by part: each is seen whole, once."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from scipy import ndimage

from napari_glands.slides.label_resampling import nearest, nearest_parts
from napari_glands.slides.objects import label_values, object_boxes, objects_in, owned_windows


@pytest.fixture
def labels():
    """Many small objects, one in four parts, and one as wide as the image."""
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((150, 210)), 3)
    labels, _ = ndimage.label(smooth > np.quantile(smooth, 0.7))
    labels = np.where(labels > 0, labels * 3 + 5, 0).astype(np.int32)
    labels[20:25, 20:25] = labels[20:25, 180:185] = labels[120:125, 20:25] = 900
    labels[70:72, :] = 901
    return labels


@pytest.mark.parametrize("side", [None, 16, 50, 64, 1000])
def test_boxes_do_not_depend_on_the_blocks(labels, side):
    objects = object_boxes(labels, side)
    expected = {
        value: (y.start, x.start, y.stop, x.stop)
        for value, box in enumerate(ndimage.find_objects(labels), start=1)
        if box is not None
        for y, x in [box]
    }
    assert dict(zip(objects.labels.tolist(), map(tuple, objects.boxes.tolist()), strict=True)) == (
        expected
    )
    assert list(objects.labels) == sorted(expected)


@pytest.mark.parametrize("side", [None, 16, 50])
def test_every_object_is_whole_in_one_window(labels, side):
    objects = object_boxes(labels, side)
    seen = []
    for window, index in owned_windows(objects, labels.shape, side):
        own = objects.labels[index]
        numbers = objects_in(labels, window, own)
        for number, value in enumerate(own, start=1):
            assert np.count_nonzero(numbers == number) == np.count_nonzero(labels == value)
        assert numbers.max() == len(own)  # what else reaches into the window is left out
        seen += own.tolist()
    assert sorted(seen) == objects.labels.tolist()


def test_windows_are_of_the_size_of_blocks_and_objects(labels):
    labels[labels >= 900] = 0
    objects = object_boxes(labels, 32)
    largest = (objects.boxes[:, 2:] - objects.boxes[:, :2]).max(axis=0)
    for window, _ in owned_windows(objects, labels.shape, 32):
        assert (np.array(window.shape) <= 32 + largest).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_every_kind_of_whole_number_will_do(dtype):
    labels = np.zeros((40, 40), dtype)
    labels[30:33, 3:9] = 1
    assert object_boxes(labels, 16).boxes.tolist() == [[30, 3, 33, 9]]


def test_nothing_is_nothing():
    objects = object_boxes(np.zeros((30, 30), np.int32), 16)
    assert len(objects.labels) == 0
    assert list(owned_windows(objects, (30, 30), 16)) == []


def test_arrays_on_the_disk_are_read_like_those_in_memory(tmp_path, labels):
    stored = zarr.create_array(tmp_path / "a", data=labels, chunks=(32, 32))
    assert (object_boxes(stored, 50).boxes == object_boxes(labels).boxes).all()
    assert (label_values(stored, 50) == np.unique(labels)).all()
    assert (nearest(stored, (33, 71)) == nearest(labels, (33, 71))).all()


@pytest.mark.parametrize("shape", [(75, 105), (40, 300), (149, 1), (150, 210)])
def test_resampling_by_parts_gives_the_whole(labels, shape):
    whole = nearest(labels, shape)
    rows, columns = (
        (np.arange(n) + 0.5) * old / n for n, old in zip(shape, labels.shape, strict=True)
    )
    assert (whole == labels[np.ix_(rows.astype(int), columns.astype(int))]).all()
    parts = np.full(shape, -1)
    for number, window, values in nearest_parts(labels, [(9, 9), shape], 37):
        if number == 1:
            parts[window.slices] = values
    assert (parts == whole).all()
