"""Live pictures show what the network sees, and change nothing of what it becomes."""

import numpy as np
import torch

from napari_glands.live import LiveView, Wish
from napari_glands.segmentation import predict, train


def watched(slide, box=None):
    live = LiveView(interval=0.0, most_time=1e6)
    live.look_at(Wish(slide.id, box))
    return live


def test_a_training_gives_the_same_weights_with_and_without_pictures(model, slide, priors, fast):
    events = []
    before = torch.get_rng_state()
    again = train(
        [slide], [priors], fast, report=events.append, live=watched(slide, (0, 0, 100, 150))
    )
    pictures = [e.picture for e in events if e.picture is not None]
    assert len(pictures) >= 4
    assert torch.equal(before, torch.get_rng_state())
    for name, weights in model.weights.items():
        assert torch.equal(weights, again.weights[name]), name
    assert pictures[0].slide_id == slide.id
    assert pictures[0].values.dtype == np.uint8
    assert not np.array_equal(pictures[0].values, pictures[-1].values)


def test_a_prediction_is_the_same_with_and_without_a_picture(model, slide, fast):
    events = []
    plain = predict(model, slide, fast)
    seen = predict(model, slide, fast, report=events.append, live=watched(slide))
    assert np.array_equal(plain.probability, seen.probability)
    (picture,) = [e.picture for e in events if e.picture is not None]
    assert picture.values.shape == plain.probability.shape
    inside = np.abs(picture.values / 255 - plain.probability).mean()
    assert inside < 0.2, "the picture shows about what the prediction will be"


def test_another_slide_on_show_gives_no_picture(slide, priors, fast):
    live = LiveView(interval=0.0)
    live.look_at(Wish("another"))
    events = []
    train([slide], [priors], fast, report=events.append, live=live)
    assert not any(e.picture for e in events)
