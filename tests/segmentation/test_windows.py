"""Windows over features."""

import pytest
import torch

from napari_glands.segmentation.windows import blended_windows


@pytest.mark.parametrize("shape", [(8, 9), (40, 40), (41, 20), (65, 49), (130, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_every_pixel_is_put_back_where_it_was(shape, count):
    features, sides = torch.rand(count, 5, *shape), []

    def classify(windows):
        sides.append(windows.shape[2:])
        return windows[:, :2]

    torch.testing.assert_close(blended_windows(features, classify), features[:, :2])
    assert max(max(side) for side in sides) <= 40


def test_a_large_tile_is_answered_as_its_parts(model):
    """What is far away does not change the answer, as it would by pooling over all of the tile."""
    network, pixels = model.network(), torch.rand(1, 3, 128, 1024)
    other = pixels.clone()
    other[..., 700:] = 3.0
    with torch.inference_mode():
        near, changed = (network.in_context(x)[..., :200] for x in (pixels, other))
        pooled, moved = (network(x)[0][..., :200] for x in (pixels, other))
    assert near.shape == (1, 2, 128, 200)
    torch.testing.assert_close(near, changed)
    assert not torch.allclose(pooled, moved)
