"""One slide's results on the disk, as label images of an OME-Zarr group.

``slides/<id>.zarr`` is an OME-Zarr group (zarr format 2). Each result is one label image below
``labels/``; what a label image cannot hold lies in the same folder as further arrays and in the
attribute ``napari_glands``, so that a result is one folder, replaced in one move.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import TypeAdapter

from napari_glands.atomic import (
    existing_folder,
    recover_folders,
    remove,
    replace_folder,
    staging_folder,
    write_json,
)
from napari_glands.errors import GlandsError
from napari_glands.project.facts import ResultName, read_facts, write_facts
from napari_glands.project.paths import beside, inside
from napari_glands.project.stored_files import CheckedArray, StoredFiles, note_files, open_checked
from napari_glands.settings import Settings
from napari_glands.slides.blocks import is_large
from napari_glands.slides.grid import Grid
from napari_glands.stored import checked, read_json

__all__ = ["LabelFolders", "Saved", "add_array", "finish", "make_group", "row_properties"]

# Copies of what the method found, before it finds something else.
_PASSING, _MOST_PASSING = "-found", 5
_CHUNK = 512
_ATTRIBUTES = TypeAdapter(dict[str, Any])
_LISTED = TypeAdapter(list[str])


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
        recover_folders(inside(self.folder, "labels"))

    def facts(self, name: ResultName, *, trusting: bool = False) -> dict[str, Any] | None:
        """Return the saved facts of a result (`read_facts`); None when it is absent."""
        folder = self.place(name)
        return None if folder is None else read_facts(folder, name, trusting=trusting)

    def levels(self, name: ResultName) -> tuple[CheckedArray, ...]:
        """Return the pyramid of a result's label image, arrays on the disk; empty when absent.

        That its files are all there is looked at; what is in them, when it is read.
        """
        saved = self._saved(name)
        if saved is None:
            return ()
        saved.files.check_sizes()
        count = sum(path.name.isdecimal() for path in saved.folder.iterdir())
        return tuple(open_checked(saved.files, str(n)) for n in range(count))

    def place(self, name: ResultName) -> Path | None:
        """Return where a result is now; None when it is absent."""
        return existing_folder(inside(self.folder, "labels", name))

    def back_up(self, name: ResultName, *, passing: bool = False) -> Path | None:
        """Copy a result to a dated folder beside this one and return it; None when absent.

        Of `passing` copies, in which the user decided nothing, only the last five are kept.
        """
        folder = self.place(name)
        if folder is None:
            return None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = self._backups / f"{name}-{stamp}{_PASSING if passing else ''}"
        with staging_folder(self._staging) as staging:
            shutil.copytree(folder, staging / kept.name, symlinks=True)
            replace_folder(staging / kept.name, kept)
        if passing:
            for old in sorted(self._backups.glob(f"{name}-*{_PASSING}"))[:-_MOST_PASSING]:
                remove(old)
        return kept

    def put_back(self, name: ResultName, copy: Path) -> None:
        """Put one of the `backups` in the place of a result, as it is."""
        with staging_folder(self._staging) as staging:
            shutil.copytree(copy, staging / name, symlinks=True)
            self.publish(staging / name)

    def backups(self, name: str) -> list[Path]:
        """Return the copies made of a result, the latest first."""
        return sorted(self._backups.glob(f"{name}-*"), reverse=True)

    @property
    def _backups(self) -> Path:
        return beside(self.folder, ".backups")

    def _build(
        self,
        staging: Path,
        name: str,
        labels: np.ndarray,
        result: Result,
        properties: Mapping[int, Mapping[str, Any]],
        facts: Mapping[str, Any],
        **arrays: np.ndarray,
    ) -> Path:
        """Write a label image, more arrays and their facts, and return their folder."""
        from napari_glands.export import write_labels

        write_labels(staging, name, labels, result.grid, properties=properties, ngff="0.4")
        folder = staging / "labels" / name
        for path, array in arrays.items():
            add_array(folder, path, array)
        finish(folder, result, facts)
        return folder

    def publish(self, built: Path) -> None:
        """Move a finished label folder to its place and list it."""
        labels = inside(self.folder, "labels")
        make_group(self.folder)
        make_group(labels)
        replace_folder(built, inside(labels, built.name))
        listed = _listed(labels)
        if built.name not in listed:
            write_json(labels / ".zattrs", {"labels": [*listed, built.name]})

    def drop(self, name: ResultName) -> None:
        """Remove a result, if it is there."""
        labels = inside(self.folder, "labels")
        if inside(labels, name).exists():
            write_json(labels / ".zattrs", {"labels": [n for n in _listed(labels) if n != name]})
            remove(inside(labels, name))

    def _saved(self, name: ResultName) -> Saved | None:
        """Return a saved result; None when it is absent."""
        folder = self.place(name)
        return None if folder is None else Saved(folder, read_facts(folder, name))


class Saved:
    """A result on the disk.

    Parameters
    ----------
    folder
        Where it is.
    facts
        What is known of it.

    Attributes
    ----------
    files
        What is known of its files.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder, self.facts = folder, facts
        self.files = StoredFiles(folder, facts.get("files"))

    def has(self, path: str) -> bool:
        """Tell whether it has an array."""
        return (self.folder / path).exists()

    def array(self, path: str) -> np.ndarray | CheckedArray:
        """Return an array (…, y, x) as it was saved.

        That of a large slide is read, and checked, part by part, when it is used.

        Raises
        ------
        GlandsError
            When it is missing, changed, or not of the shape that the facts tell.
        """
        array, shape = open_checked(self.files, path), self.facts["grid"].shape
        if array.shape[-2:] != shape:
            raise GlandsError(
                f"the array {self.folder / path} has {array.shape[-2:]} pixels, not {shape}"
            )
        return array if is_large(shape) else array[...]


def finish(folder: Path, result: Result, facts: Mapping[str, Any]) -> None:
    """Note the files of a result whose arrays are written, and write its facts."""
    files = facts.get("files") or note_files(folder)
    write_facts(folder, result.slide_id, result.grid, result.settings, {**facts, "files": files})


def _listed(labels: Path) -> list[str]:
    """Return which label images a group lists; one that cannot be read is begun anew."""
    path = labels / ".zattrs"
    try:
        return checked(_LISTED, checked(_ATTRIBUTES, read_json(path), path).get("labels", []), path)
    except (GlandsError, FileNotFoundError):
        return []


def make_group(folder: Path) -> None:
    """Make a folder a zarr group (format 2), if it is none."""
    if not (folder / ".zgroup").exists():
        write_json(folder / ".zgroup", {"zarr_format": 2})


def add_array(folder: Path, name: str, array: np.ndarray) -> None:
    """Put one more array (…, y, x) into a result's folder, in chunks of 512 × 512."""
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    chunks = (*[1] * (array.ndim - 2), *(max(1, min(_CHUNK, n)) for n in array.shape[-2:]))
    group.create_array(name, data=np.ascontiguousarray(array), chunks=chunks)


def row_properties(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return what a label image says of curated objects: the rows, and who each is by."""
    return {
        row["id"]: {"source": "user" if row["state"] == "edited" else "method", **row}
        for row in rows
    }
