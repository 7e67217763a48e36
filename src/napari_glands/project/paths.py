"""From names in a project's files to places below its folder, and to nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from napari_glands.errors import GlandsError
from napari_glands.stored import is_plain_name

__all__ = ["beside", "holds_links", "inside"]

# Names of the layout itself, which are hidden or double.
_OWN = (".staging",)


def holds_links(folder: Path) -> bool:
    """Tell whether a folder is a link, or there is one anywhere in it."""
    return folder.is_symlink() or any(path.is_symlink() for path in folder.rglob("*"))


def inside(folder: Path, *names: str) -> Path:
    """Return the place below a project's folder that some names stand for.

    Every name from a file that becomes part of a path passes here.

    Parameters
    ----------
    folder
        Of the project, or one below it that was made here.
    *names
        One for each level.

    Raises
    ------
    GlandsError
        When a name is more than a name (``..``, a separator, …), or what is there is a link: what
        is read, written or removed through it would lie elsewhere.
    """
    place = str(folder)
    for name in names:
        if name not in _OWN and not is_plain_name(name):
            raise GlandsError(
                f"{name!r} cannot be a name in the project {folder}: use letters, digits, -, _ "
                "and dots."
            )
        place = os.path.join(place, name)
        _refuse_link(place)
    return Path(place)


def beside(folder: Path, suffix: str) -> Path:
    """Return the folder that holds what goes with another one: its name with another suffix.

    The other one was checked or made here: the hidden folder of a result that grows outside a
    project has no name that :func:`inside` would take.

    Raises
    ------
    GlandsError
        When there is a link.
    """
    place = folder.with_suffix(suffix)
    _refuse_link(place)
    return place


def _refuse_link(place: str | Path) -> None:
    if os.path.islink(place):
        raise GlandsError(
            f"{place} is a link. A project holds what is in its own folder only: put the files "
            "themselves there."
        )
