"""A few of the attacks of `make attack`, always the same ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SECONDS = 560

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="runs every attack in a fork"),
]


@pytest.fixture(scope="module")
def ended():
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--quick", "--seed", "1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)


@pytest.mark.parametrize("part", ["damage", "images", "hostile"])
def test_nothing_breaks_the_program(ended, part):
    counts = json.loads(ended.stdout.splitlines()[-1])["parts"][part]
    assert counts["clear"] + counts["right"] > 0
    assert counts["wrong"] == 0, ended.stderr
