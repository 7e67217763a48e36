"""Batches of tiles."""

import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device
from napari_glands.segmentation.answering import answers, batch_size

CPU = Device("cpu", "a test", False)


class Small(torch.nn.Module):
    """A network on a device that holds few tiles."""

    def __init__(self, most):
        super().__init__()
        self.most, self.asked = most, []

    def in_context(self, pixels):
        self.asked.append(len(pixels))
        if len(pixels) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pixels[:, :2]


@pytest.mark.parametrize(("most", "asked"), [(8, [8, 3]), (3, [8, 4, 2, 2, 2, 2, 2, 1])])
def test_a_batch_that_does_not_fit_is_halved_and_nothing_is_lost(most, asked):
    network, tiles, done = Small(most), [torch.rand(3, 8, 8) for _ in range(11)], []
    makers = [lambda tile=tile: tile for tile in tiles]
    found = list(answers(network, makers, ((),), 8, CPU, done.append))
    assert network.asked == asked
    assert len(found) == len(tiles)
    for tile, gland in zip(tiles, found, strict=True):
        torch.testing.assert_close(gland, (tile[1] - tile[0]).sigmoid())
    assert done == sorted(done)


def test_one_tile_that_does_not_fit_is_said_plainly():
    with pytest.raises(GlandsError, match=r"one tile of 8 × 16 pixels: lower the tile size"):
        list(answers(Small(0), [lambda: torch.rand(3, 8, 16)], ((),), 4, CPU, lambda _: None))


def test_a_cpu_takes_one_tile_at_a_time():
    assert batch_size(4, CPU) == 1
    assert batch_size(4, Device("cuda", "a test", True)) == 4
