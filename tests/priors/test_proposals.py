"""The proposal map: what is known of every pixel before stage 2."""

import numpy as np
import pytest

from napari_glands.priors import Priors, from_labels, mine_priors, proposal_map, with_state
from napari_glands.priors.decisions import UNDECIDED
from napari_glands.priors.likeness import fine_texture, gland_likeness
from napari_glands.priors.proposals import (
    BACKGROUND,
    EXTERIOR,
    IGNORE,
    INTERIOR,
    Known,
    proposals_in,
)
from napari_glands.settings import Settings
from napari_glands.slides import Window, open_slide

MPP = 1.24
SETTINGS = Settings()


@pytest.fixture
def mined(draw):
    tissue = draw.Drawing(400, 400).ring((100, 100), 30, 45).ring((280, 280), 30, 45)
    values = tissue.exterior(MPP)
    slide = draw.slide_of(values, MPP)
    priors = mine_priors(slide, draw.as_map(values, MPP))
    assert len(priors.table) == 2
    return slide, priors


def at(um):
    return tuple(round(n / MPP) for n in um)


def test_the_four_values(mined):
    slide, priors = mined
    proposal = proposal_map(slide, priors)
    assert proposal.dtype == np.uint8
    assert proposal.shape == priors.labels.shape
    assert set(np.unique(proposal)) == {BACKGROUND, EXTERIOR, INTERIOR, IGNORE} == {0, 1, 2, 255}
    np.testing.assert_array_equal(proposal == INTERIOR, priors.used)


def test_the_exterior_is_a_ring_of_the_given_width(mined):
    slide, priors = mined
    alone = Settings().updated("train", positive_fraction=0)
    for width_um in (5.0, 12.0):
        proposal = proposal_map(slide, priors, alone.updated("priors", ring_width_um=width_um))
        row = proposal[at((100, 100))[0], : at((100, 190))[1]]
        right = np.flatnonzero(row == INTERIOR).max()
        ring = int((row[right + 1 :] == EXTERIOR).sum())
        assert ring == int(width_um / MPP)


def test_about_the_wished_share_is_background(mined):
    slide, priors = mined
    empty = from_labels(priors, np.zeros_like(priors.labels))
    for share in (0.1, 0.4):
        wishes = Settings().updated("train", negative_fraction=share)
        assert (proposal_map(slide, empty, wishes) == BACKGROUND).mean() == pytest.approx(
            share, abs=0.001
        )
        # Priors and their rings stand above it.
        assert (proposal_map(slide, priors, wishes) == BACKGROUND).mean() < share


def test_a_rejected_prior_is_background(mined):
    slide, priors = mined
    centre = at((100, 100))
    rejected = with_state(priors, [int(priors.labels[centre])], "rejected")
    proposal = proposal_map(slide, rejected)
    assert proposal[centre] == BACKGROUND
    assert (proposal[priors.labels == priors.labels[centre]] == BACKGROUND).all()
    assert proposal[at((280, 280))] == INTERIOR


def test_without_priors_only_the_clearest_exterior_is_gland(mined):
    slide, priors = mined
    empty = from_labels(priors, np.zeros_like(priors.labels))
    none = proposal_map(slide, empty, Settings().updated("train", positive_fraction=0))
    assert set(np.unique(none)) == {BACKGROUND, IGNORE}
    some = proposal_map(slide, empty, Settings().updated("train", positive_fraction=0.02))
    assert (some == EXTERIOR).mean() == pytest.approx(0.02, abs=0.001)
    assert (priors.exterior[some == EXTERIOR] > 127).all()


def test_smooth_bare_glass_is_never_taken_for_exterior(mined):
    slide, priors = mined
    empty = from_labels(priors, np.zeros_like(priors.labels))
    greedy = Settings().updated("train", positive_fraction=0.49)
    assert (priors.exterior[proposal_map(slide, empty, greedy) == EXTERIOR] > 127).all()


def test_bare_glass_is_background_and_the_share_is_of_the_tissue():
    rng = np.random.default_rng(0)
    rgb = rng.integers(60, 200, (200, 400, 3), dtype=np.uint8)
    rgb[:, 200:] = 250
    slide = open_slide(rgb, mpp=MPP, name="half glass")
    grid = slide.grid(MPP)
    nothing = Priors(
        slide.id,
        grid,
        np.zeros(grid.shape, np.int32),
        (),
        SETTINGS,
        exterior=np.zeros(grid.shape, np.uint8),
    )
    proposal = proposal_map(slide, nothing)
    assert (proposal[:, 205:] == BACKGROUND).all()
    share = (proposal[:, :195] == BACKGROUND).mean()
    assert share == pytest.approx(SETTINGS.train.negative_fraction, abs=0.03)


def test_a_field_of_gland_has_less_background_than_one_of_stroma_on_the_same_slide():
    rng = np.random.default_rng(0)
    rgb = np.full((150, 300, 3), 120, np.uint8)
    rgb += rng.integers(0, 20, (150, 300, 1), dtype=np.uint8)
    rgb[:, 150:] += rng.integers(0, 60, (150, 150, 1), dtype=np.uint8)
    exterior = np.zeros(rgb.shape[:2], np.uint8)
    exterior[:, :150] = 200
    slide = open_slide(rgb, mpp=MPP, name="two")
    grid = slide.grid(MPP)
    nothing = np.zeros(grid.shape, np.int32)
    whole = Priors(slide.id, grid, nothing, (), SETTINGS, exterior=exterior)
    known = []
    for window in (Window(0, 0, 150, 150), Window(0, 150, 150, 150)):
        undecided = np.full(window.shape, UNDECIDED, np.uint8)
        known.append(Known(rgb[window.slices], whole.window(window), undecided))
    gland, stroma = proposals_in(known, SETTINGS)
    share = SETTINGS.train.negative_fraction
    assert (gland == BACKGROUND).mean() < 0.02
    assert (stroma == BACKGROUND).mean() == pytest.approx(2 * share, abs=0.02)
    assert (proposals_in(known[:1], SETTINGS)[0] == BACKGROUND).mean() == pytest.approx(share, 0.1)


def test_fine_texture_is_the_local_deviation_of_lightness():
    rgb = np.full((60, 60, 3), 120, np.uint8)
    rgb[:, 30:] += np.random.default_rng(0).integers(0, 60, (60, 30, 1), dtype=np.uint8)
    texture = fine_texture(rgb, 2.0)
    assert texture.dtype == np.float32
    assert texture[:, :20].max() < 0.1
    assert texture[:, 40:].min() > 2


def test_smooth_tissue_amid_exterior_is_most_gland_like():
    rng = np.random.default_rng(0)
    rgb = np.full((120, 120, 3), 120, np.uint8) + rng.integers(0, 60, (120, 120, 1), dtype=np.uint8)
    rgb[40:80, 40:80] = 120
    exterior = np.zeros((120, 120))
    exterior[40:80, 40:80] = 1
    (likeness,) = gland_likeness([(rgb, exterior)], 1.24)
    assert np.unravel_index(likeness.argmax(), likeness.shape) == pytest.approx((60, 60), abs=8)
    assert likeness[60, 60] > likeness[5, 5]
