"""Proving that nothing outside of a project is touched."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

__all__ = ["changes", "snapshot"]

Snapshot = dict[str, tuple[object, ...]]


def snapshot(folder: Path) -> Snapshot:
    """Return name, kind, size, time of change and content of all that lies below a folder."""
    found: Snapshot = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            info = path.lstat()
            found[str(path.relative_to(folder))] = (
                stat.S_IFMT(info.st_mode),
                info.st_size if stat.S_ISREG(info.st_mode) else 0,
                info.st_mtime_ns,
                _content(path, info.st_mode),
            )
    return found


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Say what was made, changed or removed in between."""
    told = [f"removed {name}" for name in before if name not in after]
    told += [f"made {name}" for name in after if name not in before]
    told += [f"changed {name}" for name in before if name in after and before[name] != after[name]]
    return sorted(told)


def _content(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if stat.S_ISREG(mode):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return ""
