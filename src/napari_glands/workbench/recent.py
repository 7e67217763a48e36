"""The projects that were open last, kept in the user's data folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs

from napari_glands.atomic import read_json, write_json

__all__ = ["recent_projects", "remember"]

_MOST = 10


def recent_projects() -> list[tuple[str, bool]]:
    """Return the folders of projects, the last one first, and whether each is still there.

    Looks at the disk, so not for the interface's thread.
    """
    return [(folder, (Path(folder) / "project.json").exists()) for folder in _folders()]


def remember(project: Path) -> None:
    """Put a project first in the list."""
    folder = str(project)
    folders = [folder, *(other for other in _folders() if other != folder)]
    with contextlib.suppress(OSError):  # a list that cannot be kept stops nobody from working
        write_json(_file(), {"projects": folders[:_MOST]})


def _folders() -> list[str]:
    try:
        return [str(folder) for folder in read_json(_file()).get("projects", [])]
    except (OSError, ValueError, TypeError):
        return []


def _file() -> Path:
    return platformdirs.user_data_path("napari-glands") / "recent.json"
