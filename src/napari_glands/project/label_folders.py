"""One slide's results on the disk, as label images of an OME-Zarr group.

``slides/<id>.zarr`` is an OME-Zarr group (zarr format 2). Each result is one label image below
``labels/``; what a label image cannot hold lies in the same folder as further arrays and in the
attribute ``napari_glands``, so that a result is one folder, replaced in one move.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from napari_glands.atomic import (
    existing_folder,
    read_json,
    recover_folders,
    replace_folder,
    staging_folder,
    write_json,
)
from napari_glands.errors import GlandsError
from napari_glands.settings import Settings
from napari_glands.slides.blocks import is_large
from napari_glands.slides.grid import Grid
from napari_glands.system_errors import raise_if_refused

__all__ = [
    "ATTRIBUTE",
    "LabelFolders",
    "add_array",
    "facts_in",
    "grid_of",
    "make_group",
    "read_array",
    "row_properties",
    "write_facts",
]

ATTRIBUTE = "napari_glands"
# Copies of what the method found, before it finds something else.
_PASSING, _MOST_PASSING = "-found", 5


class Result(Protocol):
    """What all results of a slide have."""

    @property
    def slide_id(self) -> str:
        """Which slide."""

    @property
    def grid(self) -> Grid:
        """How its arrays lie on the slide."""

    @property
    def settings(self) -> Settings:
        """What made it."""


class LabelFolders:
    """The folders of one slide's results, whatever they hold.

    Parameters
    ----------
    folder
        ``slides/<id>.zarr``.
    staging
        Folder on the same disk in which results are built before they are moved into place.
    """

    def __init__(self, folder: Path, staging: Path) -> None:
        self.folder = folder
        self._staging = staging

    def recover(self) -> None:
        """Tidy up after a process that died while it replaced a result."""
        recover_folders(self.folder / "labels")

    def facts(self, name: str) -> dict[str, Any] | None:
        """Return the saved facts of a result (fingerprint, content, …); None when absent."""
        folder = existing_folder(self.folder / "labels" / name)
        return None if folder is None else facts_in(folder)

    def levels(self, name: str) -> tuple[Any, ...]:
        """Return the pyramid of a result's label image, arrays on the disk; empty when absent."""
        import zarr

        folder = existing_folder(self.folder / "labels" / name)
        if folder is None:
            return ()
        try:
            group = zarr.open_group(folder, mode="r")
            datasets: Any = group.attrs["multiscales"]
            return tuple(group[dataset["path"]] for dataset in datasets[0]["datasets"])
        except (OSError, KeyError, ValueError) as error:
            raise GlandsError(
                f"The saved result {folder} is damaged ({error}): delete that folder and run its "
                "step again."
            ) from error

    def back_up(self, name: str, *, passing: bool = False) -> Path | None:
        """Copy a result to a dated folder beside this one and return it; None when absent.

        Of `passing` copies, in which the user decided nothing, only the last five are kept.
        """
        folder = existing_folder(self.folder / "labels" / name)
        if folder is None:
            return None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = self._backups / f"{name}-{stamp}{_PASSING if passing else ''}"
        with staging_folder(self._staging) as staging:
            shutil.copytree(folder, staging / kept.name)
            replace_folder(staging / kept.name, kept)
        if passing:
            for old in sorted(self._backups.glob(f"{name}-*{_PASSING}"))[:-_MOST_PASSING]:
                shutil.rmtree(old, ignore_errors=True)
        return kept

    def backups(self, name: str) -> list[Path]:
        """Return the copies made of a result, the latest first."""
        return sorted(self._backups.glob(f"{name}-*"), reverse=True)

    @property
    def _backups(self) -> Path:
        return self.folder.with_suffix(".backups")

    def _build(
        self,
        staging: Path,
        name: str,
        labels: np.ndarray,
        result: Result,
        properties: Mapping[int, Mapping[str, Any]],
        facts: Mapping[str, Any],
    ) -> Path:
        """Write a label image with its facts into the staging folder and return its folder."""
        from napari_glands.export import write_labels

        write_labels(staging, name, labels, result.grid, properties=properties, ngff="0.4")
        folder = staging / "labels" / name
        write_facts(folder, result, facts)
        return folder

    def publish(self, built: Path) -> None:
        """Move a finished label folder to its place and list it."""
        labels = self.folder / "labels"
        make_group(self.folder)
        make_group(labels)
        replace_folder(built, labels / built.name)
        listed = read_json(labels / ".zattrs").get("labels", [])
        if built.name not in listed:
            write_json(labels / ".zattrs", {"labels": [*listed, built.name]})

    def _load(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        facts = self.facts(name)
        folder = existing_folder(self.folder / "labels" / name)
        return None if facts is None or folder is None else (folder, facts)


def write_facts(folder: Path, result: Result, facts: Mapping[str, Any]) -> None:
    """Write what is known of a result beside its pixels."""
    attributes = read_json(folder / ".zattrs")
    attributes[ATTRIBUTE] = {
        "slide_id": result.slide_id,
        "grid": asdict(result.grid),
        "settings": result.settings.model_dump(mode="json"),
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
    }
    write_json(folder / ".zattrs", attributes)


def facts_in(folder: Path) -> dict[str, Any]:
    """Return the facts saved with a result, or with a copy of one."""
    try:
        return dict(read_json(folder / ".zattrs")[ATTRIBUTE])
    except (OSError, ValueError, KeyError) as error:
        raise_if_refused(f"Cannot read the saved result {folder}", error)
        raise GlandsError(
            f"The saved result {folder} is damaged ({error}): delete that folder and run its "
            "step again."
        ) from error


def make_group(folder: Path) -> None:
    """Make a folder a zarr group (format 2), if it is none."""
    if not (folder / ".zgroup").exists():
        write_json(folder / ".zgroup", {"zarr_format": 2})


def add_array(folder: Path, name: str, array: np.ndarray, chunks: tuple[int, ...]) -> None:
    """Put one more array into a result's folder."""
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    fitting = tuple(max(1, min(c, n)) for c, n in zip(chunks, array.shape, strict=True))
    group.create_array(name, data=np.ascontiguousarray(array), chunks=fitting)


def read_array(folder: Path, name: str, dtype: Any = None) -> np.ndarray:
    """Read an array from a result's folder; that of a large slide is read part by part, later."""
    import zarr

    try:
        array: Any = zarr.open_array(folder / name, mode="r")
        return array if is_large(array.shape[-2:]) else np.asarray(array[...], dtype)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise_if_refused(f"Cannot read the saved result {folder / name}", error)
        raise GlandsError(
            f"The saved result {folder / name} is damaged ({error}): delete the folder {folder} "
            "and run its step again."
        ) from error


def grid_of(facts: Mapping[str, Any]) -> Grid:
    """Return how the arrays of a result lie on its slide."""
    grid = facts["grid"]
    origin = tuple(grid.get("origin", (0, 0)))  # not in folders from before there were regions
    return Grid(tuple(grid["shape"]), tuple(grid["slide_shape"]), grid["slide_mpp"], origin)


def row_properties(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return what a label image says of curated objects: the rows, and who each is by."""
    return {
        row["id"]: {"source": "user" if row["state"] == "edited" else "method", **row}
        for row in rows
    }
