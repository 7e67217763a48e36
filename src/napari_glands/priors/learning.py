"""How gland-like every pixel is, learned from the priors.

Closed rings are few but right. What they show of colour and texture, near and far, holds for the
glands beside them too; so a linear discriminant that they teach tells gland from background
better than cues that are fixed beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from napari_glands.priors.likeness import Likeness, fine_texture, gland_likeness
from napari_glands.priors.prior import Priors
from napari_glands.priors.proposals import gland_area, rejected_area
from napari_glands.priors.teaching import teaching
from napari_glands.progress import CancelToken
from napari_glands.settings import Settings
from napari_glands.slides import Slide

__all__ = ["LearnedLikeness", "learn_likeness", "pixel_features"]

_WIDTHS_UM = (2.0, 4.0, 8.0, 16.0, 32.0)  # over which colour, texture and exterior are averaged
_TEXTURES_UM = (1.24, 3.1)  # at which texture is measured
_SPREADS_UM = (4.0, 8.0, 16.0)  # within which the stain's variance is measured
_PASSES = 1
_SAMPLES_PER_SLIDE = 8_000
_SAMPLES = 400_000


@dataclass(frozen=True, eq=False)
class LearnedLikeness:
    """A linear discriminant on colour and texture at several widths.

    Attributes
    ----------
    weights
        float (k,): one per feature of `pixel_features`.
    """

    weights: np.ndarray

    def __call__(self, rgb: np.ndarray, exterior: np.ndarray, mpp: float) -> np.ndarray:
        """Return float32 (y, x), higher is more gland-like; see `gland_likeness`."""
        total = np.zeros(exterior.shape, np.float32)
        for weight, values in zip(self.weights, pixel_features(rgb, exterior, mpp), strict=True):
            total += weight * values
        return total


def learn_likeness(
    slides: Sequence[Slide],
    priors: Sequence[Priors],
    settings: Settings,
    *,
    cancel: CancelToken | None = None,
) -> Likeness:
    """Learn from the slides that teach: their priors against what is least gland-like in them.

    The background of the first pass is what fixed cues find least gland-like, that of each further
    pass what the pass before finds so. What the user rejected is always background.

    Parameters
    ----------
    slides, priors
        The slides of the project and their priors, in the same order.
    settings
        Settings of all steps.
    cancel
        Cancel request.

    Returns
    -------
    Likeness
        The fixed cues themselves, when learning is turned off or there is nothing to learn from.

    Raises
    ------
    Cancelled
        Within one slide of a cancel request.
    """
    teachers = teaching(priors, settings)
    if not settings.priors.learn_likeness or not teachers:
        return gland_likeness
    rng = np.random.default_rng(settings.general.seed)
    count = min(_SAMPLES_PER_SLIDE, _SAMPLES // len(teachers))
    samples = []
    for i in teachers:
        if cancel is not None:
            cancel.check()
        samples.append(_sample(slides[i], priors[i], settings, count, rng))
    features = np.concatenate([s.features for s in samples])
    likeness = [s.cues for s in samples]
    learned: Likeness = gland_likeness
    for _ in range(_PASSES):
        pairs = zip(samples, likeness, strict=True)
        target = np.concatenate([s.target(v, settings.train.negative_fraction) for s, v in pairs])
        known = target >= 0
        if len(np.unique(target[known])) < 2:
            break
        discriminant = LinearDiscriminantAnalysis("lsqr", shrinkage="auto", priors=[0.5, 0.5])
        discriminant.fit(features[known], target[known])
        learned = LearnedLikeness(discriminant.coef_[0].astype(np.float32))
        likeness = [s.features @ learned.weights for s in samples]
    return learned


def pixel_features(rgb: np.ndarray, exterior: np.ndarray, mpp: float) -> Iterator[np.ndarray]:
    """Measure colour, texture and exterior around every pixel, one map after the other.

    Parameters
    ----------
    rgb
        uint8 (y, x, 3).
    exterior
        float (y, x) exterior map of the same pixels.
    mpp
        Pixel size in µm.

    Yields
    ------
    ndarray
        float32 (y, x) of zero mean and unit deviation in the image.
    """
    density = -np.log((rgb.astype(np.float32) + 1) / 256)
    stains = [_standard(density[..., c]) for c in range(3)]
    textures = [fine_texture(rgb, um / mpp) for um in _TEXTURES_UM]
    for values in (*stains, *textures, exterior.astype(np.float32)):
        for um in _WIDTHS_UM:
            yield _standard(ndi.gaussian_filter(values, um / mpp))
    for values in stains:
        for um in _SPREADS_UM:
            deviation = values - ndi.gaussian_filter(values, um / mpp)
            yield _standard(np.log(ndi.gaussian_filter(deviation**2, um / mpp) + 1e-3))


@dataclass(frozen=True, eq=False)
class _Sample:
    """Random pixels of one slide: features (n, k), fixed cues, known gland, known background."""

    features: np.ndarray
    cues: np.ndarray
    gland: np.ndarray
    rejected: np.ndarray

    def target(self, likeness: np.ndarray, background_share: float) -> np.ndarray:
        """Tell gland (1) from background (0); -1 where nothing is known."""
        target = np.full(len(likeness), -1, np.int8)
        target[likeness <= np.quantile(likeness, background_share)] = 0
        target[self.gland] = 1
        target[self.rejected] = 0
        return target


def _sample(
    slide: Slide, priors: Priors, settings: Settings, count: int, rng: np.random.Generator
) -> _Sample:
    rgb, mpp = slide.read(settings.general.working_mpp), priors.grid.pixel_area_um2**0.5
    exterior = priors.exterior / np.float32(255)
    size = exterior.size
    chosen = rng.choice(size, min(count, size), replace=False)
    features = [values.ravel()[chosen] for values in pixel_features(rgb, exterior, mpp)]
    maps = (
        gland_likeness(rgb, exterior, mpp),
        gland_area(priors, settings),
        rejected_area(priors),
    )
    return _Sample(np.stack(features, axis=1), *(m.ravel()[chosen] for m in maps))


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / (values.std() + 1e-6)
