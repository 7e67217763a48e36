"""From a drawn exterior map to priors."""

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.exterior import ExteriorMap, haematoxylin_preview
from napari_glands.priors import mine_priors
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

RINGS_ONLY = Settings().updated("priors", compact=False)


def mined(draw, values, mpp=1.24, settings=RINGS_ONLY):
    exterior = draw.as_map(values, mpp, settings)
    return mine_priors(draw.slide_of(values, mpp), exterior)


def test_a_ring_becomes_a_prior_of_its_interior(draw):
    values = draw.Drawing(300, 400).ring((150, 150), 30, 45).exterior(1.24)
    priors = mined(draw, values)
    (prior,) = priors.table
    assert (prior.id, prior.state) == (1, "proposed")
    assert prior.score > 0.95
    assert prior.ring == 1
    assert 0.15 <= prior.level <= 0.55
    mask = priors.labels == 1
    centre = [(c.mean() + 0.5) * 1.24 for c in np.nonzero(mask)]
    np.testing.assert_allclose(centre, (150, 150), atol=1.5)
    assert prior.area_um2 == pytest.approx(mask.sum() * 1.24**2)
    assert prior.area_um2 == pytest.approx(np.pi * 30**2, rel=0.25)
    assert priors.labels.dtype == np.int32
    assert set(np.unique(priors.labels)) == {0, 1}


@pytest.mark.parametrize("mpp", [0.62, 1.24, 2.0])
def test_the_same_tissue_gives_the_same_decision_at_any_pixel_size(draw, mpp):
    tissue = (
        draw.Drawing(300, 400)
        .ring((80, 80), 30, 42)  # large enough
        .ring((80, 220), 7, 19)  # π · 7² = 154 µm² < 460 µm²
        .ring((210, 300), 25, 37)
        .ring((220, 100), 30, 42, gap_um=25)  # does not close
    )
    clear = RINGS_ONLY.updated("priors", most_lenient=0.45)  # beyond, the ground joins the rings
    priors = mined(draw, tissue.exterior(mpp), mpp, clear)
    assert len(priors.table) == 2
    areas = sorted(p.area_um2 for p in priors.table)
    np.testing.assert_allclose(areas, [np.pi * 25**2, np.pi * 30**2], rtol=0.35)


def test_area_bounds_are_in_um2(draw):
    values = draw.Drawing(300, 400).ring((150, 150), 30, 45).exterior(1.24)
    area = mined(draw, values).table[0].area_um2
    for bounds in ({"min_area_um2": 1.5 * area}, {"max_area_um2": 0.5 * area}):
        assert mined(draw, values, settings=RINGS_ONLY.updated("priors", **bounds)).table == ()


def test_a_ring_that_touches_the_border_is_not_found(draw):
    values = draw.Drawing(300, 400).ring((20, 150), 30, 45).exterior(1.24)
    assert mined(draw, values).table == ()


def test_a_ring_that_hardly_differs_from_what_it_encloses_falls_to_the_score(draw):
    values = draw.Drawing(300, 400).ring((150, 150), 30, 45, strength=0.31).exterior(1.24)
    values[draw.disc(values.shape, (121, 121), 24)] = 0.29  # the ground reaches up to 0.3
    strict = RINGS_ONLY.updated("priors", strictest=0.02)
    loose = strict.updated("priors", min_score=0)
    assert mined(draw, values, settings=loose).labels[121, 121] > 0
    assert mined(draw, values, settings=strict).labels[121, 121] == 0


@pytest.mark.parametrize("shown_in", ["min_score", "min_stain_score"])
def test_the_exterior_map_and_the_stain_have_a_smallest_score_each(draw, shown_in):
    ring = draw.Drawing(300, 400).ring((150, 150), 30, 45).exterior(1.24)
    ground = draw.Drawing(300, 400).exterior(1.24)
    map_of, slide_of = (ring, ground) if shown_in == "min_score" else (ground, ring)

    def found(**bounds):
        settings = RINGS_ONLY.updated("priors", **bounds)
        exterior = draw.as_map(map_of, 1.24, settings)
        return len(mine_priors(draw.slide_of(slide_of), exterior).table)

    (other,) = {"min_score", "min_stain_score"} - {shown_in}
    assert found() == found(**{other: 1.0}) == 1
    assert found(**{shown_in: 1.0}) == 0


def test_the_sweep_closes_a_ring_that_a_strict_level_leaves_open(draw):
    tissue = draw.Drawing(130, 130).ring((65, 65), 28, 50, gap_um=18, gap_strength=0.6)
    values = tissue.exterior(1.24)
    ring_share = (values == 1).mean()
    assert ring_share > 0.25
    sharp = RINGS_ONLY.updated("priors", smoothing_um=0, min_ring=0, min_score=0, levels=1)
    strict = sharp.updated("priors", strictest=ring_share - 0.02)
    lenient = sharp.updated("priors", strictest=(values >= 0.6).mean())
    assert mined(draw, values, settings=strict).table == ()
    assert len(mined(draw, values, settings=lenient).table) == 1
    swept = RINGS_ONLY.updated(
        "priors", smoothing_um=0, strictest=ring_share - 0.02, most_lenient=0.5, min_score=0.5
    )
    (prior,) = mined(draw, values, settings=swept).table
    assert prior.stability < 1
    assert prior.level > ring_share


def test_priors_of_one_slide_do_not_overlap_and_ids_are_in_the_image(draw):
    tissue = draw.Drawing(400, 400)
    for y in (80, 200, 320):
        for x in (80, 200, 320):
            tissue.ring((y, x), 30, 45)
    priors = mined(draw, tissue.exterior(1.24))
    assert len(priors.table) == 9
    assert [p.id for p in priors.table] == list(range(1, 10))
    np.testing.assert_array_equal(np.unique(priors.labels), np.arange(10))
    areas = np.bincount(priors.labels.ravel())[1:] * priors.grid.pixel_area_um2
    np.testing.assert_allclose([p.area_um2 for p in priors.table], areas)


SOLID, RING = (55, 60), (55, 180)  # µm


def filled(draw, *, with_ring):
    """A solid disc of exterior, and a ring or none."""
    tissue = draw.Drawing(110, 240).ring(SOLID, 0, 45)
    return (tissue.ring(RING, 30, 45) if with_ring else tissue).exterior(1.24)


def label_at(priors, um):
    return priors.labels[tuple(round(n / 1.24) for n in um)]


def test_a_compact_exterior_is_taken_only_where_no_ring_closes(draw):
    alone = mined(draw, filled(draw, with_ring=False), settings=Settings())
    assert len(alone.table) == 1
    assert label_at(alone, SOLID) == 1
    assert alone.table[0].area_um2 < np.pi * 45**2  # a ring width of exterior is left around it
    beside = mined(draw, filled(draw, with_ring=True), settings=Settings())
    assert len(beside.table) == 1
    assert label_at(beside, SOLID) == 0
    assert label_at(beside, RING) == 1


def test_compact_exteriors_can_be_turned_off(draw):
    assert mined(draw, filled(draw, with_ring=False), settings=RINGS_ONLY).table == ()


def test_a_compact_exterior_at_the_border_is_not_taken(draw):
    values = draw.Drawing(110, 240).ring((40, 60), 0, 45).exterior(1.24)
    assert mined(draw, values, settings=Settings()).table == ()


def test_a_map_without_structure_has_no_priors(draw):
    priors = mined(draw, np.full((60, 80), 0.5), settings=Settings())
    assert priors.table == ()
    assert priors.coverage == 0
    assert not priors.used.any()


def test_the_exterior_map_is_kept_with_the_priors(draw):
    values = draw.Drawing(200, 200).ring((100, 100), 30, 45).exterior(1.24)
    slide = draw.slide_of(values)
    priors = mine_priors(slide, draw.as_map(values))
    np.testing.assert_array_equal(priors.exterior, np.rint(255 * values))
    assert priors.slide_id == slide.id


def test_glass_around_the_tissue_does_not_change_its_priors():
    """The stain's rings in a field, alone and as a small part of a slide of glass."""
    field = gland_field((400, 400), mpp=1.24, seed=6).image
    padded = np.full((1000, 900, 3), 250, np.uint8)
    padded[300:700, 200:600] = field
    found = []
    for rgb in (field, padded):
        slide = open_slide(rgb, mpp=1.24, name="field")
        stain = haematoxylin_preview(rgb)
        grid = slide.grid(1.24)
        members = np.rint(255 * np.stack([stain, 1 - stain])).astype(np.uint8)
        exterior = ExteriorMap(
            slide.id, grid, (members.argmax(axis=0) + 1), members, 1, (), RINGS_ONLY
        )
        found.append(len(mine_priors(slide, exterior).table))
    assert found[0] >= 8
    assert abs(found[1] - found[0]) <= 2  # glands at the field's border may close against glass


def test_a_map_of_another_slide_is_refused(draw):
    values = draw.Drawing(200, 200).ring((100, 100), 30, 45).exterior(1.24)
    other = open_slide(np.full((90, 161, 3), 99, np.uint8), mpp=1.24, name="other")
    with pytest.raises(GlandsError, match=r"drawn does not fit the image other"):
        mine_priors(other, draw.as_map(values))


def test_progress_and_cancel(draw):
    values = draw.Drawing(200, 200).ring((100, 100), 30, 45).exterior(1.24)
    slide, exterior = draw.slide_of(values), draw.as_map(values)
    events = []
    mine_priors(slide, exterior, report=events.append)
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1
    assert events[-1].message == "1 priors in drawn"
    cancel, seen = CancelToken(), []

    def report(event):
        seen.append(event)
        cancel.cancel()

    with pytest.raises(Cancelled):
        mine_priors(slide, exterior, report=report, cancel=cancel)
    assert len(seen) == 1
