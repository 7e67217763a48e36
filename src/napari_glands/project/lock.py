"""One writer per project folder."""

from __future__ import annotations

import contextlib
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.stored import Whole, checked, read_json
from napari_glands.system_errors import refusal

__all__ = ["ProjectLock"]


class _Owner(TypedDict):
    """Who holds the lock."""

    pid: Whole
    host: str
    since: str


_OWNER = TypeAdapter(_Owner)


class ProjectLock:
    """The right to write to a project, held by at most one process.

    The operating system holds the lock, so that it is gone when its process is, however it died.
    Who holds it is written beside it, for the message to the next.

    Parameters
    ----------
    folder
        The project folder.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / "project.lock", thread_local=False)
        self._owner_file = folder / "project.lock.json"

    def acquire(self) -> str | None:
        """Take the lock; return None, or why it cannot be had."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return f"The project is open in {self._owner()}: it can be read but not changed."
        except OSError as error:
            return refusal("The project folder cannot be written to", error)
        owner = {
            "pid": os.getpid(),
            "host": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with contextlib.suppress(OSError):  # the lock holds without the note
            write_json(self._owner_file, owner)
        return None

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._lock.is_locked:
            self._owner_file.unlink(missing_ok=True)
            self._lock.release()

    def _owner(self) -> str:
        try:
            owner = checked(_OWNER, read_json(self._owner_file), self._owner_file)
            since = datetime.fromisoformat(owner["since"]).astimezone().strftime("%d %b, %H:%M")
            return f"another program (process {owner['pid']} on {owner['host']}, since {since})"
        except (OSError, ValueError, OverflowError, GlandsError):
            return "another program"
