"""The likeness that priors teach."""

import numpy as np
import pytest

from napari_glands.priors import from_labels, learn_likeness, mine_priors, with_state
from napari_glands.priors.learning import LearnedLikeness, pixel_features
from napari_glands.priors.likeness import gland_likeness
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

MPP = 1.24
SETTINGS = Settings()


@pytest.fixture(scope="module")
def field():
    """A synthetic field whose priors are a few of its true glands, and whose exterior is noise."""
    truth = gland_field((400, 400), mpp=MPP, seed=3)
    slide = open_slide(truth.image, mpp=MPP, name="field")
    return slide, truth.truth


@pytest.fixture
def priors(field, draw):
    slide, truth = field
    noise = np.random.default_rng(0).random(truth.shape)
    nothing = mine_priors(slide, draw.as_map(noise, MPP, SETTINGS))
    nothing = from_labels(nothing, np.zeros_like(nothing.labels))
    return from_labels(nothing, np.where(truth <= 3, truth, 0))


def separation(likeness, truth):
    """Share of pairs of a gland and a background pixel that are in the right order."""
    rng = np.random.default_rng(0)
    glands, background = (rng.choice(likeness[m], 4000) for m in (truth > 0, truth == 0))
    return float((glands > background).mean())


def test_a_few_priors_teach_what_all_glands_look_like(field, priors):
    slide, truth = field
    learned = learn_likeness([slide], [priors], SETTINGS)
    rgb, exterior = slide.read(MPP), priors.exterior / 255
    elsewhere = np.where((truth > 0) & (truth <= 3), -1, truth)
    known = elsewhere >= 0
    by_cues = gland_likeness(rgb, exterior, MPP)[known]
    by_learning = learned(rgb, exterior, MPP)[known]
    assert separation(by_learning, elsewhere[known]) > 0.7
    assert separation(by_learning, elsewhere[known]) > separation(by_cues, elsewhere[known])


def test_the_same_priors_teach_the_same(field, priors):
    first, second = (learn_likeness([field[0]], [priors], SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first.weights, second.weights)


def test_what_the_user_rejected_counts_as_background(field, priors):
    slide, truth = field
    (wrong,) = (p.id for p in priors.table if p.id == 1)
    rejected = with_state(priors, [wrong], "rejected")
    rgb, exterior = slide.read(MPP), priors.exterior / 255

    def standing(p):
        likeness = learn_likeness([slide], [p], SETTINGS)(rgb, exterior, MPP)
        return likeness[truth == wrong].mean() - likeness[truth == 0].mean()

    assert standing(rejected) < standing(priors)


def test_without_priors_or_when_turned_off_the_fixed_cues_stand(field, priors):
    slide, _ = field
    none = from_labels(priors, np.zeros_like(priors.labels))
    off = SETTINGS.updated("priors", learn_likeness=False)
    assert learn_likeness([slide], [none], SETTINGS) is gland_likeness
    assert learn_likeness([slide], [priors], off) is gland_likeness


def test_one_weight_per_feature_and_none_grows_with_the_image(field):
    rgb = field[0].read(MPP)[:50, :60]
    maps = list(pixel_features(rgb, np.zeros(rgb.shape[:2]), MPP))
    assert all(m.shape == (50, 60) and m.dtype == np.float32 for m in maps)
    assert all(abs(m.mean()) < 1e-3 for m in maps)
    likeness = LearnedLikeness(np.ones(len(maps), np.float32))
    np.testing.assert_allclose(
        likeness(rgb, np.zeros(rgb.shape[:2]), MPP), np.sum(maps, axis=0), atol=1e-4
    )


def test_learning_can_be_cancelled(field, priors):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        learn_likeness([field[0]], [priors], SETTINGS, cancel=cancel)
