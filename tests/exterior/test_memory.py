"""What is freed is kept for the next tile, where the C library lets itself be told so."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import torch
from napari_glands.exterior import choose_device

choose_device("cpu")

def layers():  # each frees what the next one asks for, as those of a network do
    x = torch.ones(4 * 2**20)
    for _ in range(20):
        x = x + 1

layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
layers()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the C library glibc")
def test_memory_that_is_freed_is_not_asked_for_again():
    asked = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert int(asked.stdout) < 64 * 2**20  # without: nearly all of the 20 arrays of 16 MB
