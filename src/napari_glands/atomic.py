"""Writes that a kill, a crash or a full disk leaves either done or undone."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from napari_glands.stored import plain
from napari_glands.system_errors import naming

__all__ = [
    "existing_folder",
    "recover_folder",
    "recover_folders",
    "remove",
    "replace_folder",
    "staging_folder",
    "write_bytes",
    "write_json",
    "write_text",
    "written_whole",
]

# A folder that is being replaced waits under this ending until its successor is in place.
FORMER = ".former"


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write aside; at the end it is flushed to the disk and renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with naming(path, instead_of=aside):
            with aside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
    finally:
        # What cannot be removed now is no reason to hide what went wrong before.
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is there in full or not at all; a link in its place is not followed."""
    with written_whole(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) like `write_bytes`.

    Bytes of file names that are not UTF-8 become escapes, which JSON reads back as they were.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, data: Any) -> None:
    """Write JSON like `write_text`."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, default=plain) + "\n")


@contextmanager
def staging_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder below `root` to build in; what is left in it is removed."""
    folder = root / uuid.uuid4().hex
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove(folder)


def remove(path: Path) -> None:
    """Remove a file, a folder with all in it, or a link: never what a link points to.

    What cannot be removed stays.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def replace_folder(new: Path, target: Path) -> None:
    """Put a finished folder in the place of another one, on the same disk.

    No system replaces a full folder in one move everywhere, so the former one steps aside first;
    should the process die in between, `recover_folder` or `existing_folder` finds it.
    """
    former = target.with_name(target.name + FORMER)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        remove(former)
        os.rename(target, former)
    try:
        os.rename(new, target)
    except OSError:
        recover_folder(target)
        raise
    remove(former)


def existing_folder(target: Path) -> Path | None:
    """Return where a replaceable folder is now, or None when it was never written."""
    former = target.with_name(target.name + FORMER)
    for folder in (target, former):
        if folder.is_dir() and not folder.is_symlink():
            return folder
    return None


def recover_folder(target: Path) -> None:
    """Finish or undo the replacement of a folder that a dead process left half-way."""
    former = target.with_name(target.name + FORMER)
    if target.exists():
        remove(former)
    elif former.exists():
        os.rename(former, target)


def recover_folders(parent: Path) -> None:
    """Finish or undo all replacements below `parent` (one level)."""
    for former in parent.glob(f"*{FORMER}"):
        if name := former.name.removesuffix(FORMER):
            recover_folder(former.with_name(name))
