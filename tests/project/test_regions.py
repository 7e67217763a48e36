"""Regions of slides as entries of a project."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project, region_files
from napari_glands.project.missing import find_missing, missing_images
from napari_glands.project.region_files import read_regions
from napari_glands.project.replacing import replaced_by
from napari_glands.project.steps import run_exterior, run_priors
from napari_glands.project.taking_part import entries_for, is_large_entry
from napari_glands.settings import Settings
from napari_glands.slides import Region, open_slide

FAST = (
    Settings()
    .updated("general", device="cpu")
    .updated("exterior", iterations=1, batch_size=1, crop_um=60)
    .updated("priors", min_area_um2=20)
)
FIRST, SECOND = Region(31, 47, 200, 180), Region(150, 250, 200, 220)


@pytest.fixture
def project(tmp_path, make):
    (tmp_path / "images").mkdir()
    image = make.image(tmp_path / "images" / "CMU-1.png", shape=(400, 500))
    with Project.create(tmp_path / "study.glands", FAST) as project:
        project.add_slides([image], mpp=1.0)
        yield project


def whole_of(project):
    return next(entry for entry in project.slides if entry.region is None)


def test_regions_are_slides_that_lie_on_their_slide(project):
    whole = whole_of(project)
    first, second = project.add_regions(whole.id, [FIRST, SECOND])
    assert [e.name for e in (first, second)] == ["CMU-1 · region 1", "CMU-1 · region 2"]
    assert first.id.startswith("CMU-1-region-1-")
    assert (first.path, first.mpp, first.shape) == (whole.path, whole.mpp, (200, 180))
    assert project.regions_of(whole.id) == [first, second]
    assert project.regions_of(first.id) == []
    slide = project.slide(first.id)
    assert (slide.id, slide.checksum) == (first.id, first.checksum)
    assert slide.grid(1.24).origin == (31, 47)
    np.testing.assert_array_equal(slide.read(), project.slide(whole.id).read(region=FIRST))


def test_a_region_is_not_added_twice_and_comes_back_with_its_results(project, make):
    whole = whole_of(project)
    first, second = project.add_regions(whole.id, [FIRST, SECOND])
    assert project.add_regions(whole.id, [SECOND]) == [second]
    project.save_priors(make.priors(project.slide(first.id), FAST))
    project.remove_region(first.id)
    assert project.regions_of(whole.id) == [second]
    (third,) = project.add_regions(whole.id, [Region(0, 0, 150, 150)])
    assert third.name == "CMU-1 · region 3"
    assert project.add_regions(whole.id, [FIRST]) == [first]
    assert len(project.load_priors(first.id).table) == 2
    with pytest.raises(GlandsError, match="whole slide"):
        project.remove_region(whole.id)


@pytest.mark.parametrize(
    ("region", "what"),
    [
        (Region(300, 0, 200, 200), "not inside"),
        (Region(0, 0, 99, 300), r"300 × 99 µm is too small.*100 × 100 µm"),
        (Region(0, 0, 400, 400), "draw smaller ones"),
    ],
)
def test_regions_that_cannot_be_worked_on_are_refused(project, small_limit, region, what):
    with pytest.raises(GlandsError, match=what):
        project.add_regions(whole_of(project).id, [FIRST, region])
    assert len(project.slides) == 1


def test_a_region_has_no_regions(project):
    (first,) = project.add_regions(whole_of(project).id, [FIRST])
    with pytest.raises(GlandsError, match="is a region"):
        project.add_regions(first.id, [Region(0, 0, 120, 120)])


def test_regions_teach_in_place_of_their_slide(project, make, tmp_path):
    other = make.image(tmp_path / "other.png", seed=3)
    project.add_slides([other], mpp=1.0)
    run_exterior(project)
    before = project.slides
    assert entries_for(project, "train") == list(before)
    regions = project.add_regions(before[0].id, [FIRST, SECOND])
    for step in ("exterior", "priors", "train"):
        assert entries_for(project, step) == [before[1], *regions]
    for step in ("predict", "measure", "export"):
        assert entries_for(project, step) == [*before, *regions]
    assert replaced_by(project, "exterior", FAST).exteriors == 1  # the other slide's
    assert run_exterior(project).made == tuple(e.id for e in (before[1], *regions))
    run_priors(project)
    mined = project.load_priors(regions[0].id)
    assert mined.grid.origin == (31, 47)
    assert project.facts(before[0].id, "priors") is None
    assert not replaced_by(project, "exterior", FAST)


def test_a_slide_and_its_regions_move_together(project, tmp_path, forget_copies):
    whole = whole_of(project)
    forget_copies(project)
    (region,) = project.add_regions(whole.id, [FIRST])
    shutil.move(tmp_path / "images", tmp_path / "archive")
    assert missing_images(project) == [whole, region]
    found, left = find_missing(project, tmp_path / "archive")
    assert ([e.id for e in found], left) == ([whole.id], [])
    assert not missing_images(project)
    project.slide(region.id).read()
    # Also when the place of a region is told.
    shutil.move(tmp_path / "archive", tmp_path / "again")
    project.relocate(region.id, tmp_path / "again" / "CMU-1.png")
    assert not missing_images(project)


def test_regions_of_an_image_that_has_no_file(project):
    pixels = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    (entry,) = project.add_slides([open_slide(pixels, mpp=1.0, name="layer")])
    (region,) = project.add_regions(entry.id, [FIRST])
    path = project.path
    project.close()
    with Project.open(path) as again:
        slide = again.slide(region.id)
        assert slide.checksum == region.checksum
        np.testing.assert_array_equal(slide.read(), pixels[31:231, 47:227])


def test_a_project_from_before_there_were_regions_is_read(project):
    path = project.path
    project.close()
    data = json.loads((path / "project.json").read_text())
    data["schema_version"] = 2
    del data["removed"]
    for slide in data["slides"]:
        del slide["region"]
    (path / "project.json").write_text(json.dumps(data))
    with Project.open(path) as again:
        assert again.add_regions(again.slides[0].id, [FIRST])
    assert list(path.glob("project.v2.*.bak.json"))


def test_whether_a_slide_is_large_is_known_without_opening_it(project, small_limit):
    entry = whole_of(project)
    assert is_large_entry(entry, FAST)
    assert not is_large_entry(entry, FAST.updated("general", working_mpp=4))


def square(first, last):
    ring = [[first, first], [last, first], [last, last], [first, last], [first, first]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_annotations_of_qupath_become_regions(tmp_path):
    def ring(*points):
        return feature({"type": "Polygon", "coordinates": [[*points, points[0]]]})

    triangle = ring([10.5, 20.2], [210.0, 20.2], [10.5, 199.5])
    beyond = ring([450.0, 300.0], [700.0, 300.0], [700.0, 900.0])
    outside = ring([900.0, 900.0], [990.0, 900.0], [990.0, 990.0])
    file = tmp_path / "regions.geojson"
    collection = {"type": "FeatureCollection", "features": [triangle, beyond, outside]}
    expected = [Region(20, 10, 180, 200), Region(300, 450, 100, 50)]
    for data in (collection, collection["features"]):
        file.write_text(json.dumps(data))
        with pytest.warns(UserWarning, match=r"1 object was passed over \(1 outside the slide\)"):
            assert read_regions(file, (400, 500)) == expected
    file.write_text(json.dumps(outside))
    with pytest.raises(GlandsError, match="no annotation that lies on the slide"):
        read_regions(file, (400, 500))
    file.write_text("[1, 2]")
    with pytest.raises(GlandsError, match=r"regions\.geojson is not GeoJSON"):
        read_regions(file, (400, 500))


def test_what_is_no_annotation_with_an_area_is_passed_over_and_counted(tmp_path):
    others = [
        feature(None),
        feature({"type": "Point", "coordinates": [5, 5]}),
        feature({"type": "MultiPoint", "coordinates": [[5, 5], [6, 6]]}),
        feature({"type": "LineString", "coordinates": [[5, 5], [90, 90]]}),
        feature({"type": "Polygon", "coordinates": []}),
        feature(square(1, 50), objectType="detection"),
        feature(square(1, 50), objectType="cell"),
    ]
    file = tmp_path / "mixed.geojson"
    file.write_text(json.dumps([*others, feature(square(20, 60), objectType="annotation")]))
    said = r"mixed\.geojson: 7 objects were passed over \(5 without area, 2 not an annotation\)"
    with pytest.warns(UserWarning, match=said):
        assert read_regions(file, (400, 500)) == [Region(20, 20, 40, 40)]
    file.write_text(json.dumps(others))
    with pytest.raises(GlandsError, match=r"no annotation that lies.*5 without area"):
        read_regions(file, (400, 500))


@pytest.mark.parametrize(
    "geometry",
    [
        square(20, 60),
        {"type": "MultiPolygon", "coordinates": [
            square(20, 30)["coordinates"], square(50, 60)["coordinates"]
        ]},
        {"type": "GeometryCollection", "geometries": [
            {"type": "Point", "coordinates": [1, 1]},
            square(20, 40),
            {"type": "GeometryCollection", "geometries": [square(30, 60)]},
        ]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda content: b"\xef\xbb\xbf" + content])
@pytest.mark.filterwarnings("error")
def test_other_ways_to_write_an_area_are_read(tmp_path, geometry, pack):
    file = tmp_path / "regions.geojson.gz"
    for data in (geometry, feature(geometry)):
        file.write_bytes(pack(json.dumps(data).encode()))
        assert read_regions(file, (400, 500)) == [Region(20, 20, 40, 40)]


@pytest.mark.parametrize(
    "text",
    [
        "null", "5", "{}", "[null]", '{"type": "FeatureCollection"}',
        "[" * 100_000,
        '[{"geometry": 5}]',
        '[{"geometry": {"type": "Polygon"}}]',
        '[{"geometry": {"type": "Blob", "coordinates": []}}]',
        '[{"geometry": {"type": "Polygon", "coordinates": [["a"]]}}]',
        *(
            f'[{{"type": "Polygon", "coordinates": [[[{x}, 1], [9, 1], [9, 9], [{x}, 1]]]}}]'
            for x in ("NaN", "1e300", "1e999")
        ),
        '{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": '
        + "[" * 500 + "]" * 500 + "}}",
    ],
)  # fmt: skip
def test_damaged_region_files_are_refused_in_a_sentence(tmp_path, text):
    file = tmp_path / "regions.geojson"
    file.write_text(text)
    with pytest.raises(GlandsError, match=r"regions\.geojson is not GeoJSON.*export them"):
        read_regions(file, (400, 500))


def test_region_files_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(region_files, "_MOST_BYTES", 2_000_000)
    file = tmp_path / "regions.geojson.gz"
    file.write_bytes(gzip.compress(b" " * 2_000_001))
    with pytest.raises(GlandsError, match="more than 2 MB"):
        read_regions(file, (400, 500))
    file.write_bytes(file.read_bytes()[:-20])
    monkeypatch.undo()
    with pytest.raises(GlandsError, match="is damaged"):
        read_regions(file, (400, 500))
