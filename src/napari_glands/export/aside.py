"""Writing so that a target is whole or absent: write aside, then rename."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_glands.atomic import recover_folder, replace_folder
from napari_glands.errors import GlandsError
from napari_glands.system_errors import naming, refusal

__all__ = ["written_aside"]

# How often and in what steps a removed folder is looked for again, and how often in vain.
_TRIES, _PAUSE_SECONDS, _STAYS_AWAY = 100, 0.1, 3
_ZARR_MARKS = (".zgroup", ".zattrs", "zarr.json")


@contextmanager
def written_aside(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a path to write a file or an OME-Zarr folder to; it then takes the target's place.

    When the block raises, what it wrote is removed and the target is as it was. The path has the
    target's suffix and lies in its folder, which is made if need be.

    Parameters
    ----------
    path
        The target.
    overwrite
        Whether an existing target may be replaced.

    Raises
    ------
    GlandsError
        When the target exists and must not be, or cannot be, replaced, or when the block or the
        renaming raises an `OSError` (no permission, full disk, …).
    """
    path = Path(path)
    aside = path.with_name(f".new-{path.name}")
    try:
        recover_folder(path)
        _check_target(path, overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(aside)  # left by a run that was killed
        try:
            with naming(path, instead_of=aside):
                yield aside
            _put_in_place(aside, path)
        except BaseException:
            _clear(aside)
            raise
    except OSError as error:
        raise GlandsError(refusal(f"Cannot write {path}", error)) from error


def _check_target(path: Path, overwrite: bool) -> None:
    if not path.exists():
        return
    if not overwrite:
        raise GlandsError(f"{path} exists already: choose another name or allow overwriting.")
    if path.is_dir() and not any((path / mark).exists() for mark in _ZARR_MARKS):
        raise GlandsError(f"{path} is a folder of something else: choose another name.")


def _put_in_place(aside: Path, path: Path) -> None:
    if path.exists() and aside.is_dir() != path.is_dir():
        raise FileExistsError(None, "a file and a folder cannot replace each other")
    if aside.is_dir():
        replace_folder(aside, path)
    else:
        aside.replace(path)


def _clear(path: Path) -> None:
    """Remove what a failed block wrote.

    When one chunk of a zarr array cannot be written, zarr raises while it still writes others:
    the folder is gone for good when it has stayed away for a while.
    """
    folder, away = path.is_dir(), 0
    for _ in range(_TRIES):
        if path.exists():
            away = 0
            with suppress(OSError):
                _remove(path)
        else:
            away += 1
        if away == _STAYS_AWAY or not folder:
            return
        time.sleep(_PAUSE_SECONDS)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
