"""The projects that were open last, kept in the user's data folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import platformdirs
from pydantic import TypeAdapter

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.stored import checked, read_json

__all__ = ["recent_projects", "remember"]

_MOST = 10
_RECENT = TypeAdapter(dict[str, list[str]])


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
        return checked(_RECENT, read_json(_file()), _file()).get("projects", [])
    except (OSError, GlandsError):
        return []


def _file() -> Path:
    return platformdirs.user_data_path("napari-glands") / "recent.json"
