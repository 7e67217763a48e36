"""What processes without GPUs exchange over pipes, here three threads that stand for them."""

from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe

import pytest
import torch
from torch._C import _distributed_c10d as c10d
from torch.distributed import ReduceOp

from napari_glands.segmentation.pipe_group import PipeGroup


@pytest.fixture
def every():
    """Call something with the group of each of three processes, and return what each returned."""
    pipes = [Pipe(), Pipe()]
    groups = [
        PipeGroup(0, 3, [here for here, _ in pipes]),
        *(PipeGroup(rank, 3, [there]) for rank, (_, there) in enumerate(pipes, 1)),
    ]
    with ThreadPoolExecutor(3) as pool:
        yield lambda call: list(pool.map(call, range(3), groups))
    for pipe in pipes:
        for end in pipe:
            end.close()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.int32])
def test_sums_are_the_same_everywhere(every, dtype):
    def add(rank, group):
        tensors = [torch.full((3, 1000), rank + 1).to(dtype).T, torch.tensor(rank).to(dtype)]
        group.allreduce(tensors, c10d.AllreduceOptions()).wait()
        return tensors

    for wide, scalar in every(add):
        assert wide.dtype == dtype
        assert torch.equal(wide, torch.full((1000, 3), 6).to(dtype))
        assert scalar.item() == 3


def test_large_tensors_do_not_get_stuck(every):
    def add(rank, group):
        tensor = torch.full((3_000_000,), float(rank))
        group.allreduce([tensor], c10d.AllreduceOptions()).wait()
        return tensor

    assert all(bool((tensor == 3).all()) for tensor in every(add))


def test_all_get_what_each_has(every):
    def gather(rank, group):
        listed, joined = [torch.empty(2) for _ in range(3)], torch.empty(6)
        group.allgather([listed], [torch.tensor([rank, 0.5])], c10d.AllgatherOptions()).wait()
        group.all_gather_single(joined, torch.tensor([rank, 0.5]), c10d.AllgatherOptions()).wait()
        group.barrier(c10d.BarrierOptions()).wait()
        return torch.stack([torch.cat(listed), joined])

    wanted = torch.tensor([[0, 0.5, 1, 0.5, 2, 0.5]] * 2)
    assert all(torch.equal(found, wanted) for found in every(gather))


def test_the_first_hands_out_what_it_has(every):
    def hand_out(rank, group):
        tensor = torch.full((2, 2), float(rank + 7))
        group.broadcast([tensor], c10d.BroadcastOptions()).wait()
        return tensor

    assert all(torch.equal(found, torch.full((2, 2), 7.0)) for found in every(hand_out))


def test_what_it_cannot_do_is_refused_and_not_done_wrongly(every):
    options = c10d.AllreduceOptions()
    options.reduceOp = ReduceOp.MAX
    with pytest.raises(NotImplementedError, match="over pipes"):
        every(lambda rank, group: group.allreduce([torch.zeros(1)], options))
