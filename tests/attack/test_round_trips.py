"""What is written is what is read: facts, tables, settings, records, outlines and label images."""

from __future__ import annotations

import csv
import json
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import shapely
from effort import EFFORT
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from shapely.geometry import shape

from napari_glands.errors import GlandsError
from napari_glands.export import (
    export_csv,
    export_geojson,
    export_ome_zarr,
    export_png,
    read_labels,
)
from napari_glands.priors import Gland, Prior, Priors
from napari_glands.project import Project
from napari_glands.project.schema import StepRecord
from napari_glands.segmentation.result import Prediction
from napari_glands.settings import Settings, load_settings
from napari_glands.slides import Region, open_slide
from napari_glands.slides.grid import Grid

MPP = 1.24
SHAPE = (48, 64)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)
STATES = st.sampled_from(["proposed", "doubtful", "accepted", "edited", "rejected"])
SHARES = st.floats(0, 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
LARGEST = 2**31 - 1  # what a user may paint with
_FOUND = 70_000  # what a network finds is numbered one by one


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder for one example."""
    with tempfile.TemporaryDirectory(prefix="napari-glands-round-") as name:
        yield Path(name)


# ---- settings and records


def _values(field: Any) -> st.SearchStrategy[Any]:
    """Return the values that a setting may have."""
    kind, bounds = field.annotation, {}
    for rule in field.metadata:
        bounds |= {k: getattr(rule, k) for k in ("ge", "gt", "le", "lt") if hasattr(rule, k)}
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if type(None) in get_args(kind):
        return st.none() | st.integers(bounds.get("ge", 1), 20)
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(bounds.get("ge", 0), bounds.get("le", 10**6))
    if kind is float:
        low, high = (bounds.get(a, bounds.get(b)) for a, b in (("ge", "gt"), ("le", "lt")))
        return st.floats(
            low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds,
            allow_nan=False, allow_infinity=False,
        )  # fmt: skip
    return NAMES


@st.composite
def settings(draw: Any) -> Settings:
    """Draw settings of all steps that are allowed."""
    data: dict[str, Any] = {}
    for step, section in Settings.model_fields.items():
        fields = section.annotation.model_fields
        chosen = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=4))
        data[step] = {name: draw(_values(fields[name])) for name in chosen}
    try:
        return Settings.model_validate(data)
    except ValueError:  # two that do not go together
        return Settings()


@EFFORT.quick
@given(settings())
def test_settings_come_back_from_a_file(chosen):
    with folder() as place:
        (place / "s.json").write_text(chosen.model_dump_json())
        assert load_settings(place / "s.json") == chosen


@st.composite
def records(draw: Any) -> StepRecord:
    """Draw the record of a run."""
    time = st.datetimes().map(lambda t: t.isoformat(timespec="seconds") + "+00:00")
    return StepRecord(
        fingerprint=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
        status=draw(st.sampled_from(["done", "cancelled", "failed"])),
        started=draw(time),
        ended=draw(time),
        seconds=draw(st.floats(0, 1e9)),
        device=draw(NAMES),
        run=draw(st.from_regex(r"20[0-9]{6}T[0-9]{6}-train(-[2-9])?", fullmatch=True)),
        settings=draw(settings()),
        versions=draw(st.dictionaries(st.sampled_from(["torch", "numpy"]), st.just("1.2.3"))),
    )


def _pixels(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(90, 230, (*shape, 3), dtype=np.uint8)


REGIONS = st.builds(
    Region, st.integers(0, 60), st.integers(0, 60), st.integers(90, 100), st.integers(90, 100)
)


@EFFORT.files
@given(
    settings(),
    st.dictionaries(
        st.sampled_from(["exterior", "priors", "train", "grow"]), records(), max_size=3
    ),
    st.lists(NAMES, min_size=1, max_size=2, unique=True),
    st.lists(REGIONS, max_size=2),
)
def test_a_project_is_the_same_when_it_is_opened_again(chosen, steps, names, places):
    with folder() as place:
        with Project.create(place / "p.glands", chosen) as project:
            slides = [
                open_slide(_pixels(n, (160, 160)), mpp=MPP, name=name)
                for n, name in enumerate(names)
            ]
            entries = project.add_slides(slides)
            for step, record in steps.items():
                project.record_step(step, record)
            try:
                regions = project.add_regions(entries[0].id, places)
            except GlandsError:  # too large at some working resolution
                regions = []
            if len(regions) > 1:
                project.remove_region(regions[0].id)
            before = project.slides, project.settings, project.steps
        for read_only in (True, None):
            with Project.open(place / "p.glands", read_only=read_only) as project:
                assert (project.slides, project.settings, project.steps) == before
                assert [entry.name for entry in project.slides[: len(names)]] == names
                for entry in project.slides:
                    slide = project.slide(entry.id)
                    assert slide.shape == entry.shape
                    slide.close()


# ---- priors and glands


@st.composite
def label_images(draw: Any, shape: Any = None, largest: int = LARGEST) -> np.ndarray:
    """Draw a label image: odd shapes, holes, parts that touch at corners, huge values."""
    size = shape or draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    kinds = draw(st.integers(0, 4))
    values = draw(
        st.lists(st.integers(1, largest) | st.integers(1, 300), min_size=kinds, max_size=kinds,
                 unique=True)
    )  # fmt: skip
    few = st.integers(0, kinds)
    small = draw(
        arrays.arrays(
            np.int64, draw(arrays.array_shapes(min_dims=2, max_dims=2, max_side=9)), elements=few
        )
    )
    factor = draw(st.integers(1, 5))
    coarse = np.kron(small, np.ones((factor, factor), np.int64))[: size[0], : size[1]]
    labels = np.zeros(size, np.int64)
    labels[: coarse.shape[0], : coarse.shape[1]] = coarse
    return np.array([0, *values], np.int64)[labels]


def _rows(draw: Any, labels: np.ndarray, area: float, make: Any) -> tuple[Any, ...]:
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    return tuple(
        make(int(n), draw(STATES), draw(SHARES), float(count * area))
        for n, count in zip(ids, counts, strict=True)
    )


@st.composite
def priors(draw: Any, slide: Any) -> Priors:
    """Draw priors of a slide."""
    grid = slide.grid(MPP)
    labels = draw(label_images(grid.shape)).astype(np.int32)

    def prior(number: int, state: Any, score: float, area: float) -> Prior:
        names = ("solidity", "contrast", "ring", "stability", "level")
        cues = {name: draw(st.floats(-1, 1)) for name in names}
        return Prior(id=number, state=state, score=score, area_um2=area, **cues)

    table = _rows(draw, labels, grid.pixel_area_um2, prior)
    planes = arrays.arrays(np.uint8, grid.shape, elements=st.integers(0, 255), fill=st.just(9))
    marks = arrays.arrays(np.uint8, grid.shape, elements=st.integers(0, 2), fill=st.just(0))
    return Priors(
        slide.id, grid, labels, table, draw(settings()),
        exterior=draw(planes), marks=draw(marks),
    )  # fmt: skip


def _assert_same(one: Any, other: Any) -> None:
    assert one.table == other.table
    assert one.grid == other.grid
    assert one.settings == other.settings
    for name in type(one).planes:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@EFFORT.files
@given(st.data())
def test_priors_come_back_and_so_do_their_copies(data):
    with folder() as place:
        with Project.create(place / "p.glands") as project:
            (entry,) = project.add_slides([open_slide(_pixels(0), mpp=MPP, name="a")])
            slide = project.slide(entry.id)
            first, second = data.draw(priors(slide)), data.draw(priors(slide))
            project.save_priors(first, fingerprint="x")
            _assert_same(project.load_priors(entry.id), first)
            copy = project.back_up(entry.id, "priors")
            project.save_edited_priors(second)
            slide.close()
        with Project.open(place / "p.glands") as project:
            _assert_same(project.load_priors(entry.id), second)
            _assert_same(project.load_backup(entry.id, copy), first)
            assert project.has_curated_priors(entry.id)


@EFFORT.files
@given(st.data())
def test_glands_come_back_with_their_probability(data):
    with folder() as place:
        with Project.create(place / "p.glands") as project:
            (entry,) = project.add_slides([open_slide(_pixels(0), mpp=MPP, name="a")])
            slide = project.slide(entry.id)
            grid = slide.grid(MPP)
            labels = data.draw(label_images(grid.shape, _FOUND)).astype(np.int32)
            some = arrays.arrays(np.float32, grid.shape, elements=st.floats(0, 1, width=32))
            probability = data.draw(some)
            found = Prediction(entry.id, "a", grid, probability, labels, "m@1", Settings())
            project.save_prediction(found, fingerprint="x")
            loaded = project.load_prediction(entry.id)
            np.testing.assert_array_equal(loaded.probability, probability)
            np.testing.assert_array_equal(loaded.glands, labels)
            glands = project.load_glands(entry.id)
            other = data.draw(label_images(grid.shape)).astype(np.int32)
            edited = replace(
                glands, labels=other, table=_rows(data.draw, other, grid.pixel_area_um2, Gland)
            )
            project.save_edited_glands(edited)
            slide.close()
        with Project.open(place / "p.glands") as project:
            _assert_same(project.load_glands(entry.id), edited)
            used = np.where(edited.used, edited.labels, 0)
            np.testing.assert_array_equal(project.load_prediction(entry.id).glands, used)


# ---- files for other programs


def _prediction(labels: np.ndarray, name: str = "a") -> Prediction:
    grid = Grid(labels.shape, (labels.shape[0] * 2 + 1, labels.shape[1] * 2), 0.62)
    probability = np.where(labels > 0, 0.75, 0.25).astype(np.float32)
    return Prediction("a-1", name, grid, probability, labels, "m@1", Settings())


def _inside(geometry: Any, grid: Grid) -> np.ndarray:
    """Which pixels of a grid an outline in level-0 coordinates holds."""
    down, right = grid.downsample
    rows, columns = np.indices(grid.shape)
    return shapely.contains_xy(geometry, (columns + 0.5) * right, (rows + 0.5) * down)


@EFFORT.quick
@given(label_images())
def test_outlines_are_those_of_the_pixels(labels):
    with folder() as place:
        prediction = _prediction(labels.astype(np.int32))
        path = export_geojson(prediction, place / "a.geojson")
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        found = np.zeros(labels.shape, np.int64)
        for feature in features:
            geometry = shape(feature["geometry"])
            assert geometry.is_valid
            number = int(feature["properties"]["name"].split()[-1])
            mask = _inside(geometry, prediction.grid)
            assert not found[mask].any(), "outlines overlap"
            found[mask] = number
            side = math.prod(prediction.grid.downsample)
            assert geometry.area == pytest.approx(mask.sum() * side, rel=1e-3)
        np.testing.assert_array_equal(found, labels)


@EFFORT.quick
@given(label_images(), NAMES)
def test_tables_have_a_row_for_every_gland(labels, name):
    with folder() as place:
        prediction = _prediction(labels.astype(np.int32), name)
        path = export_csv(prediction, place / "a.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        ids, counts = np.unique(labels[labels > 0], return_counts=True)
        assert [int(row["label"]) for row in rows] == ids.tolist()
        areas = [float(row["area_um2"]) for row in rows]
        np.testing.assert_allclose(areas, counts * prediction.grid.pixel_area_um2, rtol=1e-6)
        assert all(row["slide"].lstrip("'") == name.lstrip("'") for row in rows)


@EFFORT.files
@given(label_images(), st.sampled_from(["0.4", "0.5"]))
def test_label_images_come_back_from_ome_zarr(labels, ngff):
    with folder() as place:
        prediction = _prediction(labels.astype(np.int32))
        group = export_ome_zarr(prediction, place / "a.zarr", ngff=ngff)
        stored = read_labels(group)
        np.testing.assert_array_equal(np.asarray(stored.labels[...]), labels)
        assert stored.grid.mpp == pytest.approx(prediction.grid.mpp)
        assert set(stored.properties) >= set(np.unique(labels[labels > 0]).tolist())


class _Slide:
    """What the exporter of pictures may ask of a slide."""

    name, mpp = "a", 0.62

    def __init__(self, labels: np.ndarray) -> None:
        self.shape = (labels.shape[0] * 2 + 1, labels.shape[1] * 2)

    def grid(self, mpp: float) -> Grid:
        return Grid.covering(self.shape, self.mpp, mpp)

    def read_window(self, grid: Grid, window: Any) -> np.ndarray:
        return np.full((*window.shape, 3), 200, np.uint8)


@EFFORT.files
@given(label_images())
def test_label_pictures_tell_the_same_glands_apart(labels):
    import tifffile
    from PIL import Image

    with folder() as place:
        slide = _Slide(labels)
        file = export_png(_prediction(labels.astype(np.int32)), place, slide).labels
        read = tifffile.imread if file.suffix.startswith(".tif") else lambda f: Image.open(f)
        found = np.asarray(read(file)).astype(np.int64)
        rows = (np.arange(slide.shape[0]) + 0.5) * labels.shape[0] // slide.shape[0]
        columns = (np.arange(slide.shape[1]) + 0.5) * labels.shape[1] // slide.shape[1]
        wanted = labels[np.ix_(rows.astype(int), columns.astype(int))]
        assert found.shape == wanted.shape
        pairs = np.unique(np.stack([found.ravel(), wanted.ravel()]), axis=1)
        assert len(set(pairs[0].tolist())) == pairs.shape[1] == len(set(pairs[1].tolist()))
        assert ((found == 0) == (wanted == 0)).all()
