"""A few of the attacks of `make attack`, always the same ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_COUNTS = {"damage": 12, "images": 40, "kills": 4, "disk": 4, "hostile": 8}
_SECONDS = 240

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="runs every attack in a fork"
)


@pytest.mark.parametrize("part", _COUNTS)
def test_nothing_breaks_the_program(part):
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--part", part]
    command += ["--count", str(_COUNTS[part]), "--seed", "1", "--minutes", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    counts = json.loads(ended.stdout.splitlines()[-1])
    assert counts["clear"] + counts["right"] > 0
    assert counts["wrong"] == 0, ended.stderr
