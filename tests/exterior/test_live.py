import numpy as np
import torch

from napari_glands.exterior import apply_exterior, fit_exterior
from napari_glands.live import LiveView, Wish
from napari_glands.sample_data import gland_field
from napari_glands.settings import Settings
from napari_glands.slides import open_slide

FAST = Settings().updated("general", device="cpu").updated("exterior", iterations=6, batch_size=2)


def test_stage_1_gives_the_same_map_with_and_without_pictures():
    sample = gland_field((256, 256), seed=3)
    slide = open_slide(sample.image, mpp=sample.mpp, name="field")
    live, events = LiveView(interval=0.0, most_time=1e6), []  # as many as there can be
    live.look_at(Wish(slide.id))
    before = torch.get_rng_state()
    seen = fit_exterior([slide], FAST, report=events.append, live=live)
    assert torch.equal(before, torch.get_rng_state())
    plain = fit_exterior([slide], FAST)
    first, second = (apply_exterior(model, slide) for model in (seen, plain))
    assert np.array_equal(first.memberships, second.memberships)
    pictures = [e.picture for e in events if e.picture is not None]
    assert len(pictures) >= 3
    assert pictures[-1].values.shape == first.clusters.shape
    # It is the dark borders that light up, as in the map at the end.
    likeness = np.corrcoef(pictures[-1].values.ravel(), first.exterior.ravel())[0, 1]
    assert likeness > 0.5
