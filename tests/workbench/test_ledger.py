from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_glands.priors import Gland, Glands
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid
from napari_glands.workbench.ledger import Ledger, settled


@pytest.fixture
def glands() -> Glands:
    grid = Grid.covering((40, 60), 2.0, 2.0)
    labels = np.zeros(grid.shape, np.int32)
    labels[5:15, 5:15], labels[5:15, 20:30], labels[20:30, 5:25] = 1, 2, 3
    table = tuple(
        Gland(n, "proposed", 0.2 * n, float((labels == n).sum() * grid.pixel_area_um2))
        for n in (1, 2, 3)
    )
    probability = (labels > 0).astype(np.uint8) * 200
    return Glands(
        "a", grid, labels, table, Settings(), probability=probability, model="m", slide_name="a"
    )


def stroke(labels: np.ndarray, box: tuple[slice, slice], label: int) -> tuple:
    """Paint a box as a labels layer does, and return what it keeps for undo."""
    rows, columns = np.mgrid[box]
    indices = (rows.ravel(), columns.ravel())
    old = labels[indices].copy()
    labels[box] = label
    return indices, old, label


def test_rows_kept_stroke_by_stroke_agree_with_the_pixels(glands):
    ledger, labels = Ledger(glands), glands.labels.copy()
    random = np.random.default_rng(0)
    for _ in range(30):
        y, x = random.integers(0, 30), random.integers(0, 50)
        box = (slice(y, y + random.integers(1, 9)), slice(x, x + random.integers(1, 9)))
        ledger.take([stroke(labels, box, int(random.integers(0, 7)))])
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    assert [row.id for row in ledger.table] == ids.tolist()
    areas = [row.area_um2 for row in ledger.table]
    np.testing.assert_allclose(areas, counts * glands.grid.pixel_area_um2)
    assert settled(glands, labels, ledger.table).table == ledger.table


def test_a_change_can_be_taken_back(glands):
    ledger, labels = Ledger(glands), glands.labels.copy()
    ledger.decide([1], "accepted")
    change = ledger.take([stroke(labels, (slice(5, 15), slice(5, 22)), 9)])
    states = {row.id: row.state for row in ledger.table}
    assert states == {2: "edited", 3: "proposed", 9: "edited"}
    ledger.put(change.before)
    assert {row.id: row.state for row in ledger.table} == {
        1: "accepted", 2: "proposed", 3: "proposed",
    }  # fmt: skip


def test_a_decision_on_what_has_that_state_is_none(glands):
    ledger = Ledger(glands)
    assert not ledger.decide([1], "proposed")
    assert not ledger.decide([77], "accepted")
    assert ledger.decide([1, 2], "rejected")


def test_pixels_that_came_another_way_are_found_by_comparison(glands):
    labels = glands.labels.copy()
    labels[labels == 1] = 0
    labels[0:2, 0:2] = 8
    labels[5, 20] = 0
    result = settled(glands, labels, glands.table)
    assert {row.id: row.state for row in result.table} == {
        2: "edited", 3: "proposed", 8: "edited",
    }  # fmt: skip
    assert result.table[0].area_um2 == pytest.approx(99 * 4)


def test_a_decision_after_a_stroke_holds(glands):
    ledger, labels = Ledger(glands), glands.labels.copy()
    ledger.take([stroke(labels, (slice(5, 6), slice(5, 6)), 0)])
    ledger.decide([1], "accepted")
    assert settled(glands, labels, ledger.table).table[0].state == "accepted"


def test_a_stroke_taken_back_after_it_was_saved_leaves_no_trace(glands):
    ledger, labels = Ledger(glands), glands.labels.copy()
    change = ledger.take([stroke(labels, (slice(5, 6), slice(5, 6)), 0)])
    saved = settled(glands, labels, ledger.table)
    ledger.put(change.before)
    again = settled(saved, glands.labels, ledger.table)
    assert again.table == glands.table
    assert replace(again, labels=labels).table == glands.table
