"""Toy work for workers, and a look at what stands open meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _beside(monkeypatch):
    """Let workers import what lies in this folder."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
