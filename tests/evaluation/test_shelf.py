"""Finished parts of a benchmark are found again, in full or not at all."""

import numpy as np
import pytest

from napari_glands.evaluation.shelf import Shelf

KEY = {"seed": 0}


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path, {"code": "1"})


def test_a_part_comes_back_with_its_arrays(shelf):
    # Names of images, of which "file" is also one of numpy's own arguments.
    arrays = {"file": np.arange(6).reshape(2, 3), "a/b é": np.ones(2), "arr_0": np.zeros(1)}
    shelf.save("part", KEY, {"x": 1}, arrays)
    data, found = shelf.load("part", KEY)
    assert data == {"x": 1}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_part_without_arrays_needs_none(shelf):
    shelf.save("part", KEY, {"x": 1})
    assert shelf.load("part", KEY) == ({"x": 1}, {})


def test_what_it_depends_on_tells_parts_apart(shelf, tmp_path):
    shelf.save("part", KEY, {"x": 1})
    assert shelf.load("part", {"seed": 1}) is None
    assert Shelf(tmp_path, {"code": "2"}).load("part", KEY) is None


@pytest.mark.parametrize("damage", [lambda f: f.unlink(), lambda f: f.write_bytes(b"PK cut")])
@pytest.mark.parametrize("ending", ["npz", "json"])
def test_a_part_that_is_not_there_in_full_is_made_again(shelf, tmp_path, ending, damage):
    shelf.save("part", KEY, {"x": 1}, {"image": np.ones(2)})
    (file,) = tmp_path.glob(f"*.{ending}")
    damage(file)
    assert shelf.load("part", KEY) is None
