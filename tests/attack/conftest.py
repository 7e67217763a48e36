"""What the attacks have in common: nobody may fill the memory of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

_MOST = 700 << 20  # bytes that a test may take beside what there is


@pytest.fixture(autouse=True)
def bounded_memory():
    """Let a test that fills memory fail with a MemoryError, where the system can say so."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    import resource

    former = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(statm.read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (used + _MOST, former[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, former)
