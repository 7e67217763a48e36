"""Part *properties*: the tests with Hypothesis, with many more examples than in `make test`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from verdicts import Tally, right, wrong

__all__ = ["attack"]

_FILES = ("test_round_trips.py", "test_edits.py")
SECONDS = 900.0


def attack(material: Any, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Run the tests with `count` times the usual examples; each test is one attack."""
    tally = Tally("properties")
    here = Path(__file__).parent
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"]
    command += [f"--hypothesis-seed={seed}", f"--junitxml={report}"]
    command += [str(here / name) for name in _FILES]
    environment = {**os.environ, "NAPARI_GLANDS_EFFORT": str(count)}
    subprocess.run(
        command, cwd=here.parents[1], env=environment, timeout=SECONDS, check=False,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    for case in ElementTree.parse(report).iter("testcase"):
        failed = case.find("failure") if case.find("error") is None else case.find("error")
        told = "" if failed is None else (failed.text or "")[-1500:]
        tally.add(str(case.get("name")), right() if failed is None else wrong("property", told))
    return tally
