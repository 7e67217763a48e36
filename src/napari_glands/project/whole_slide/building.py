"""A result of a large slide while it is made: block by block, and gone on with after a kill."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr

from napari_glands.atomic import remove, written_whole
from napari_glands.errors import GlandsError
from napari_glands.progress import Event
from napari_glands.project.damage import DamagedResult
from napari_glands.project.fingerprint import arrays_digest, digest
from napari_glands.project.label_folders import make_group
from napari_glands.project.paths import beside, holds_links
from napari_glands.slides import Block
from napari_glands.system_errors import raise_if_refused, refusal
from napari_glands.workers import Check, Crew, Facts, Work

__all__ = [
    "Building",
    "Stage",
    "digest_of",
    "joined_digest",
    "open_array",
]


@dataclass(frozen=True)
class Building:
    """The folder in which a result grows: ``slides/<id>.building/<name>-<fingerprint>``.

    Attributes
    ----------
    folder
        Holds ``<name>/``, which becomes the result, and ``blocks/``, the facts of what is done.
    name
        Of the result.
    """

    folder: Path
    name: str

    @classmethod
    def of(cls, slide_folder: Path, name: str, fingerprint: str) -> Building:
        """Return the folder of a result; what was begun with other settings is dropped."""
        parent = beside(slide_folder, ".building")
        folder = parent / f"{name}-{fingerprint[:16]}"
        for other in parent.glob(f"{name}-*"):
            if other != folder or holds_links(other):
                remove(other)
        (folder / name).mkdir(parents=True, exist_ok=True)
        return cls(folder, name)

    @property
    def result(self) -> Path:
        """What will be the result's folder."""
        return self.folder / self.name

    def array(self, path: str, shape: tuple[int, ...], dtype: Any, chunks: tuple[int, ...]) -> Path:
        """Make an array below the folder, unless it is there; return where it is."""
        folder = self.folder / path
        folder.parent.mkdir(exist_ok=True)
        make_group(folder.parent)
        if not (folder / ".zarray").exists():
            zarr.create_array(
                str(folder),
                shape=shape,
                dtype=dtype,
                chunks=tuple(max(1, min(c, n)) for c, n in zip(chunks, shape, strict=True)),
                fill_value=0,
                compressors=numcodecs.Blosc(
                    cname="zstd", clevel=1, shuffle=numcodecs.Blosc.SHUFFLE
                ),
                chunk_key_encoding={"name": "v2", "separator": "/"},
                zarr_format=2,
                overwrite=True,
            )
        return folder

    def forget_blocks(self) -> None:
        """Note that no block is finished: the result is about to leave the folder.

        Else what is made here next would take blocks for finished whose arrays are gone.
        """
        remove(self.folder / "blocks")

    def drop(self) -> None:
        """Remove the folder."""
        remove(self.folder)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()


@dataclass(frozen=True)
class Stage:
    """One pass over the blocks of a slide.

    Attributes
    ----------
    building
        Where the result grows.
    name
        Of the pass; names the files of its finished blocks.
    step, message
        What its progress says.
    source
        Image file, to be named in messages; None where nothing is read from it.
    """

    building: Building
    name: str
    step: str
    message: str
    source: Path | None = None

    def run(self, work: Work, blocks: Sequence[Block], crew: Crew) -> list[Facts]:
        """Work on the blocks that are not finished; return the facts of all, in their order.

        Blocks that cannot be read do not keep the others from being finished.

        Raises
        ------
        GlandsError
            When a part of the image cannot be read or the disk is full; what is finished is kept.
        Cancelled
            Within one block of a cancel request; what is finished is kept.
        """
        facts = {b.index: known for b in blocks if (known := self._finished(b)) is not None}
        todo = [block for block in blocks if block.index not in facts]
        failed: list[GlandsError] = []
        kept = _Kept(work, self)
        try:
            for block, outcome in crew.workers.map(kept, todo, crew.cancel):
                if isinstance(outcome, GlandsError):
                    failed.append(outcome)
                    self._check_source(outcome, len(facts), len(blocks))
                    continue
                facts[block.index] = outcome
                crew.report(Event(self.step, len(facts) / len(blocks), self.message))
        except OSError as error:
            raise self._not_written(error, len(facts), len(blocks)) from error
        if failed and isinstance(failed[0], DamagedResult):
            raise failed[0]
        if failed:
            raise GlandsError(
                f"{len(failed)} of {len(blocks)} tiles could not be worked on: "
                f"{str(failed[0]).rstrip('.')}. The other tiles are kept: put a sound copy of the "
                "image in its place and run the step again."
            ) from failed[0]
        return [facts[block.index] for block in blocks]

    def save(self, block: Block, facts: Facts) -> None:
        """Note that a block is finished; what it wrote has to be on the disk before."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **facts)
        with written_whole(self._file(block)) as file:
            file.write(buffer.getvalue())

    def _finished(self, block: Block) -> Facts | None:
        """Return the facts of a finished block; None where there is work to do."""
        try:
            with np.load(self._file(block), allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
            return None

    def _file(self, block: Block) -> Path:
        return self.building.folder / "blocks" / self.name / f"{block.name}.npz"

    def _check_source(self, error: GlandsError, done: int, count: int) -> None:
        """Stop where the image is gone: no other block will be read either."""
        if self.source is not None and not self.source.exists():
            raise GlandsError(
                f"The image {self.source} is gone: {done} of {count} tiles are finished and kept. "
                "Put it back (or connect its disk again) and run the step again: it goes on there."
            ) from error

    def _not_written(self, error: OSError, done: int, count: int) -> GlandsError:
        refused = refusal(f"Cannot write to {self.building.folder}", error)
        return GlandsError(
            f"{refused} {done} of {count} tiles are finished and kept: run the step again then, "
            "it goes on there."
        )


@dataclass(frozen=True)
class _Kept:
    """Work whose finished blocks are noted on the disk by who did them."""

    work: Work
    stage: Stage

    def read(self, block: Block) -> Any:
        return self.work.read(block)

    def __call__(self, block: Block, data: Any, check: Check) -> Facts:
        facts = self.work(block, data, check)
        self.stage.save(block, facts)
        return facts


def open_array(folder: Path, mode: Any = "r") -> Any:
    """Open an array of a result, to read and write parts of it."""
    try:
        return zarr.open_array(str(folder), mode=mode)
    except (OSError, KeyError, ValueError) as error:
        raise_if_refused(f"Cannot read the saved result {folder}", error)
        raise GlandsError(
            f"The saved result {folder} is damaged ({error}): delete the folder {folder.parent} "
            "and run its step again."
        ) from error


def digest_of(*arrays: np.ndarray) -> np.ndarray:
    """Return the digest of what a block wrote, for its facts."""
    return np.array(arrays_digest(*arrays))


def joined_digest(facts: Sequence[Facts]) -> str:
    """Return the digest of what all blocks wrote."""
    return digest([str(known["digest"]) for known in facts])
