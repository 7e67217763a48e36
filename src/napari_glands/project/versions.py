"""Earlier versions of what the user edits, kept beside the slide: ``slides/<id>.backups``."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from napari_glands.atomic import existing_folder, remove, replace_folder, staging_folder
from napari_glands.project.paths import beside, inside

__all__ = ["keep_version"]

_EVERY, _MOST = timedelta(minutes=5), 5
_STAMP = "%Y%m%dT%H%M%S%f"
# Tells copies made while editing, which are rotated, from those made before a step replaces.
_ENDING = "-edits"


def keep_version(store: Path, staging: Path, name: str, now: datetime | None = None) -> Path | None:
    """Copy a saved result aside, unless the last such copy is younger than five minutes.

    Of each result the last five copies are kept; those made for other reasons are left alone.

    Parameters
    ----------
    store
        ``slides/<id>.zarr``.
    staging
        Folder on the same disk in which the copy is made before it is moved into place.
    name
        ``"priors"`` or ``"glands"``.
    now
        The present, for tests.

    Returns
    -------
    Path or None
        The copy; None when none was made.
    """
    present = now or datetime.now(UTC)
    saved = existing_folder(inside(store, "labels", name))
    folder = beside(store, ".backups")
    kept = sorted(folder.glob(f"{name}-*{_ENDING}"))
    if saved is None or (kept and present - _time(kept[-1], name) < _EVERY):
        return None
    copy = folder / f"{name}-{present.strftime(_STAMP)}{_ENDING}"
    with staging_folder(staging) as aside:
        shutil.copytree(saved, aside / copy.name, symlinks=True)
        replace_folder(aside / copy.name, copy)
    for old in kept[: max(0, len(kept) + 1 - _MOST)]:
        remove(old)
    return copy


def _time(copy: Path, name: str) -> datetime:
    stamp = copy.name.removeprefix(f"{name}-").removesuffix(_ENDING)
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
