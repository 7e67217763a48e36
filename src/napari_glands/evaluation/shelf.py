"""Finished parts of a benchmark in its folder, so that a stopped one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_glands.atomic import write_json, written_whole
from napari_glands.errors import GlandsError
from napari_glands.stored import read_json

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

    def load(
        self, name: str, key: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Return the data and the arrays of a saved part; None when it is not there in full."""
        path = self._path(name, key)
        try:
            saved = read_json(path)
            if not saved:
                return None
            return saved["data"], _read_arrays(path.with_suffix(".npz"), saved["arrays"])
        # Not written by this program, or cut short: it is made again.
        except (
            GlandsError,
            TypeError,
            ValueError,
            KeyError,
            EOFError,
            FileNotFoundError,
            zipfile.BadZipFile,
        ):
            return None

    def save(
        self,
        name: str,
        key: Mapping[str, Any],
        data: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Save a part at once and for good."""
        path, arrays = self._path(name, key), arrays or {}
        if arrays:  # first: the data make the part complete
            _write_arrays(path.with_suffix(".npz"), arrays)
        write_json(path, {"data": data, "arrays": list(arrays)})

    def _path(self, name: str, key: Mapping[str, Any]) -> Path:
        text = json.dumps({**self._common, **key}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        slug = re.sub(r"[^\w]+", "-", name).strip("-").lower()
        return self._folder / f"{slug}-{digest}.json"


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by number: their names are those of images, which may be any."""
    with written_whole(path) as file:
        np.savez_compressed(file, *arrays.values())


def _read_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read what `_write_arrays` wrote."""
    if not names:
        return {}
    with np.load(path) as file:
        return {name: file[f"arr_{n}"] for n, name in enumerate(names)}
