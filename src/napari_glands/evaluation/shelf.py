"""Finished parts of a benchmark in its folder, so that a stopped one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.atomic import read_json, write_json

__all__ = ["Shelf"]


class Shelf:
    """Parts by their name and everything that they depend on.

    A part whose settings, images or masks have changed since is not found again, and not
    overwritten either.

    Parameters
    ----------
    folder
        Where the parts lie; made when the first one is saved.
    common
        What all parts depend on, as plain values.
    """

    def __init__(self, folder: Path, common: Mapping[str, Any]) -> None:
        self._folder = folder
        self._common = dict(common)

    def load(self, name: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a saved part, or None."""
        try:
            return read_json(self._path(name, key)) or None
        except ValueError:  # not written by this program; it is made again
            return None

    def save(self, name: str, key: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        """Save a part at once and for good."""
        write_json(self._path(name, key), data)

    def load_arrays(self, name: str, key: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the arrays of a part; none when it has none."""
        path = self._path(name, key).with_suffix(".npz")
        if not path.exists():
            return {}
        with np.load(path) as file:
            return dict(file)

    def save_arrays(
        self, name: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Save the arrays of a part; to be called before `save`, which makes the part complete."""
        path = self._path(name, key).with_suffix(".npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}")
        with aside.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(aside, path)

    def _path(self, name: str, key: Mapping[str, Any]) -> Path:
        text = json.dumps({**self._common, **key}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        slug = re.sub(r"[^\w]+", "-", name).strip("-").lower()
        return self._folder / f"{slug}-{digest}.json"
