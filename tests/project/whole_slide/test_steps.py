"""The steps on a slide that is too large to be held in one piece."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.exterior import fit_exterior
from napari_glands.exterior.stage1 import apply_exterior
from napari_glands.measurement import measure
from napari_glands.priors import mine_priors
from napari_glands.progress import CancelToken
from napari_glands.project.steps import (
    run_all,
    run_exterior,
    run_grow,
    run_measure,
    run_predict,
    run_priors,
)


def test_the_exterior_map_is_that_of_the_whole(case):
    run_exterior(case.project)
    found = case.project.load_exterior(case.id)
    assert not isinstance(found.memberships, np.ndarray)  # read part by part
    slide = case.project.slide(case.id)
    expected = apply_exterior(fit_exterior([slide], case.project.settings), slide)
    difference = np.abs(np.asarray(found.memberships[...]).astype(int) - expected.memberships)
    assert np.quantile(difference, 0.999) <= 3  # pixels are averaged down with another rounding
    assert found.cluster == expected.cluster
    assert found.evidence == expected.evidence


def test_the_exterior_cluster_can_be_chosen_anew(case):
    run_exterior(case.project)
    found = case.project.load_exterior(case.id)
    before = case.project.facts(case.id, "exterior")["content"]
    other = found.cluster % len(found.evidence) + 1
    case.project.save_exterior(found.with_cluster(other))
    assert case.project.load_exterior(case.id).cluster == other
    assert case.project.facts(case.id, "exterior")["content"] != before


def test_priors_are_nearly_those_of_the_whole(case):
    run_exterior(case.project)
    run_priors(case.project)
    found = case.project.load_priors(case.id)
    exterior = case.project.load_exterior(case.id)
    expected = mine_priors(case.project.slide(case.id), exterior, case.project.settings)
    assert len(expected.table) > 2
    both = np.logical_and(found.labels[...] > 0, expected.labels > 0).sum()
    either = np.logical_or(found.labels[...] > 0, expected.labels > 0).sum()
    assert both / either > 0.9
    numbers = np.unique(found.labels[...])
    assert numbers.tolist() == [0, *(row.id for row in found.table)]
    areas = {row.id: row.area_um2 for row in found.table}
    for number, count in zip(*np.unique(found.labels[...], return_counts=True), strict=True):
        if number:
            assert areas[number] == pytest.approx(count * found.grid.pixel_area_um2)


def test_glands_are_measured_once_each(case):
    run_predict(case.project)
    run_measure(case.project)
    prediction = case.project.load_prediction(case.id)
    glands = np.asarray(prediction.glands[...])
    count = case.project.facts(case.id, "prediction")["count"]
    assert np.unique(glands).tolist() == list(range(count + 1))
    table = case.project.load_measurements(case.id)
    assert table["label"].tolist() == list(range(1, count + 1))
    areas = np.bincount(glands.ravel())[1:] * prediction.grid.pixel_area_um2
    np.testing.assert_allclose(table["area_um2"], areas)
    assert measure(prediction).equals(table) or len(table) == count


def test_a_cancelled_run_goes_on_where_it_was(case, tmp_path):
    token, seen = CancelToken(), []

    def report(event):
        seen.append(event.message)
        if sum(message.startswith("Predicting") for message in seen) == 3:
            token.cancel()

    assert run_predict(case.project, report=report, cancel=token).made == ()
    assert case.project.facts(case.id, "prediction") is None
    finished = sorted(case.project.path.rglob("*.npz"))
    assert 2 <= len(finished) <= 4
    written = {file: file.stat().st_mtime_ns for file in finished}
    kept = {}

    def look(event):
        kept.update({f: f.stat().st_mtime_ns for f in finished if f.exists()})

    run_predict(case.project, report=look)
    assert kept == written  # not done again
    assert case.project.facts(case.id, "prediction") is not None
    assert not list(case.project.path.rglob("*.npz"))  # tidied up


def test_a_run_goes_on_after_passes_that_were_finished(case):
    token = CancelToken()

    def report(event):
        if event.message.startswith("Numbering"):
            token.cancel()

    assert run_predict(case.project, report=report, cancel=token).made == ()
    run_predict(case.project)
    assert case.project.facts(case.id, "prediction") is not None


def test_all_steps_run_on_a_large_slide(case):
    summary = run_all(case.project)
    (row,) = summary.rows
    assert row.priors > 0
    assert row.glands is not None
    facts = case.project.model_facts("glands")
    assert facts is not None
    assert facts["finished"]
    again = []
    run_all(case.project, report=again.append)
    assert all("up to date" in event.message for event in again)


def test_a_large_slide_is_not_looked_through_gland_by_gland(case):
    run_predict(case.project)
    with pytest.raises(GlandsError, match="draw regions"):
        case.project.load_glands(case.id)
    with pytest.raises(GlandsError, match=r"There is no prediction|No slide"):
        run_grow(case.project)
