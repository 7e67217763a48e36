"""Where a project is kept, and how one is copied to another place."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from napari_glands.errors import GlandsError
from napari_glands.presets import preset
from napari_glands.project import Project
from napari_glands.settings import GeneralSettings, Settings
from napari_glands.system_errors import refusal

__all__ = [
    "asks_before_replacing",
    "autosave_seconds",
    "copy_project",
    "preferred_settings",
    "shows_live_preview",
    "unnamed_folder",
]

_PLUGIN = "napari-glands"


def preferred_settings() -> Settings:
    """Return the settings that new projects start with, from napari's preferences."""
    settings = preset(_wish("workbench", "preset", "default"))
    general = getattr(_preferences(), "general", None)
    if general is None:
        return settings
    names = GeneralSettings.model_fields
    return settings.updated("general", **{name: getattr(general, name) for name in names})


def autosave_seconds() -> float:
    """Return how long after the last stroke edits are saved."""
    return float(_wish("saving", "autosave_seconds", 1.0))


def shows_live_preview() -> bool:
    """Return whether running steps shall show what they make of the region in view."""
    return bool(_wish("workbench", "live_preview", True))


def asks_before_replacing() -> bool:
    """Return whether to ask before results without decisions of the user are replaced."""
    return bool(_wish("workbench", "ask_before_replacing", True))


def unnamed_folder() -> Path:
    """Return a new folder for a project that the user has not named yet."""
    chosen = str(_wish("saving", "projects_folder", "")).strip()
    parent = (
        Path(chosen).expanduser() if chosen else platformdirs.user_data_path(_PLUGIN) / "projects"
    )
    stamp = datetime.now().strftime("%Y-%m-%d %H.%M.%S")
    folder = parent / f"Unnamed {stamp}.glands"
    number = 2
    while folder.exists():
        folder = parent / f"Unnamed {stamp} ({number}).glands"
        number += 1
    return folder


def copy_project(project: Project, target: Path) -> Project:
    """Copy a project to another folder and open the copy.

    Raises
    ------
    GlandsError
        When the target exists or cannot be written.
    """
    if target.exists():
        raise GlandsError(f"{target} exists already: choose another name.")
    try:
        shutil.copytree(  # what links point to is no part of the project
            project.path,
            target,
            symlinks=True,
            ignore=shutil.ignore_patterns(".staging", "*.lock", ".lock*"),
        )
    except OSError as error:  # shutil's own, with a list of all that failed, is one too
        raise GlandsError(refusal(f"Cannot copy the project to {target}", error)) from error
    copy = Project.open(target, read_only=False)
    for entry in (e for e in copy.slides if e.region is None):
        source = (project.path / entry.path).resolve()
        # The project's own copies of images came along; files beside the project did not.
        if source.exists() and not source.is_relative_to(project.path):
            copy.relocate(entry.id, source)
    return copy


def _wish(section: str, name: str, otherwise: Any) -> Any:
    """Return one preference; `otherwise` where napari does not know it (yet)."""
    return getattr(getattr(_preferences(), section, None), name, otherwise)


def _preferences() -> object | None:
    """Return the plugin's preferences; None where napari does not know them (yet)."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(_PLUGIN)
    except (ImportError, KeyError):
        return None
