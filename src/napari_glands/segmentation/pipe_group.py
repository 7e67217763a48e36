"""Averaging gradients over pipes: what processes without GPUs speak to each other by.

Torch's own way for processors (gloo) listens on a port and asks nobody who he is. A pipe that the
processes inherit is theirs alone. Every process has a line to the first one, which adds up in the
order of the processes, so the sum is the same each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch._C._distributed_c10d import _create_work_from_future
from torch.distributed import Backend, ProcessGroup, ReduceOp
from torch.futures import Future

__all__ = ["Lines", "pipe_backend"]

_NAME = "pipes"


class Lines:
    """The pipes between the first of some processes and each of the others.

    Parameters
    ----------
    count
        Number of processes.
    """

    def __init__(self, count: int) -> None:
        self._pipes = [Pipe() for _ in range(count - 1)]

    def of(self, rank: int) -> list[Connection]:
        """Return the ends of one process, and close its copies of the others."""
        first, others = [here for here, _ in self._pipes], [there for _, there in self._pipes]
        own = others[rank - 1 : rank] if rank else first
        for end in (*first, *others):
            if end not in own:
                end.close()
        return own

    def close(self) -> None:
        """Close all ends, in the process that started the others."""
        for pipe in self._pipes:
            for end in pipe:
                end.close()


def pipe_backend(lines: Lines) -> str:
    """Return the name of a torch backend that uses these pipes, in one of their processes."""

    def group(store: Any, rank: int, size: int, timeout: Any) -> PipeGroup:
        return PipeGroup(rank, size, lines.of(rank))

    Backend.register_backend(_NAME, group, devices=["cpu"])
    return _NAME


_Group: Any = ProcessGroup  # its methods can be called in many ways, of which torch uses these


class PipeGroup(_Group):
    """A process group of torch whose tensors go through pipes; they live in ordinary memory.

    It can do what training needs: sums, and handing tensors to all.

    Parameters
    ----------
    rank, size
        Number of this process, and how many there are.
    lines
        In the first process, a line to each of the others in their order; else the one to it.
    """

    def __init__(self, rank: int, size: int, lines: Sequence[Connection]) -> None:
        super().__init__(rank, size)
        self._first, self._size, self._lines = rank == 0, size, lines

    def size(self) -> int:
        """Return the number of processes."""
        return self._size

    def getBackendName(self) -> str:
        """Return the name under which torch knows this kind of group."""
        return _NAME

    def allreduce(self, tensors: Sequence[torch.Tensor], opts: Any) -> Any:
        """Replace tensors by their sums over the processes."""
        if opts.reduceOp != ReduceOp.SUM:
            raise NotImplementedError(f"{opts.reduceOp} over pipes")
        for tensor in tensors:
            total = tensor.detach().clone(memory_format=torch.contiguous_format)
            for other in self._collected(total):
                total += other
            self._handed_out(total)
            tensor.detach().copy_(total)
        return _work(tensors)

    def allgather(
        self, gathered: Sequence[Sequence[torch.Tensor]], tensors: Sequence[torch.Tensor], opts: Any
    ) -> Any:
        """Fill a list for each tensor with those of all processes."""
        for every, tensor in zip(gathered, tensors, strict=True):
            own = tensor.detach().contiguous()
            rows = torch.stack([own] * self._size)
            for row, other in zip(rows[1:], self._collected(own), strict=False):
                row.copy_(other)
            self._handed_out(rows)
            for target, row in zip(every, rows, strict=True):
                target.detach().copy_(row)
        return _work(gathered)

    def all_gather_single(self, gathered: torch.Tensor, tensor: torch.Tensor, opts: Any) -> Any:
        """Fill one tensor with those of all processes, one behind the other."""
        return self.allgather([gathered.chunk(self._size)], [tensor], opts)

    def broadcast(self, tensors: Sequence[torch.Tensor], opts: Any) -> Any:
        """Replace tensors by those of the first process."""
        if opts.rootRank != 0:
            raise NotImplementedError(f"process {opts.rootRank} as the root of pipes")
        for tensor in tensors:
            present = tensor.detach().contiguous()
            self._handed_out(present)
            tensor.detach().copy_(present)
        return _work(tensors)

    def barrier(self, opts: Any) -> Any:
        """Wait until all processes are here."""
        here = torch.zeros(1)
        for _ in self._collected(here):
            pass
        self._handed_out(here)
        return _work([here])

    def _collected(self, tensor: torch.Tensor) -> Sequence[torch.Tensor]:
        """Send a tensor to the first process; there, return those of the others in their order."""
        if not self._first:
            self._lines[0].send_bytes(_bytes(tensor))
            return ()
        others = [torch.empty_like(tensor) for _ in self._lines]
        for line, other in zip(self._lines, others, strict=True):
            line.recv_bytes_into(_bytes(other))
        return others

    def _handed_out(self, tensor: torch.Tensor) -> None:
        """Give a tensor of the first process to the others; there, fill it."""
        if not self._first:
            self._lines[0].recv_bytes_into(_bytes(tensor))
            return
        for line in self._lines:
            line.send_bytes(_bytes(tensor))


def _bytes(tensor: torch.Tensor) -> Any:
    """Return the memory of a contiguous tensor."""
    return tensor.view(-1).view(torch.uint8).numpy()


def _work(result: Any) -> Any:
    """Return what torch waits for: it is done already."""
    future: Future[Any] = Future()
    future.set_result(result)
    return _create_work_from_future(future)
