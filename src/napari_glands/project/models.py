"""The models of a project: ``models/<name>/``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import (
    existing_folder,
    recover_folders,
    replace_folder,
    write_json,
)
from napari_glands.errors import GlandsError
from napari_glands.project.fingerprint import folder_digest
from napari_glands.project.paths import inside
from napari_glands.stored import checked, is_plain_name, read_json

if TYPE_CHECKING:
    from napari_glands.segmentation import Model

__all__ = [
    "check_name",
    "facts",
    "keep",
    "load",
    "names",
    "previous_name",
    "recover",
    "save",
    "start_name",
]

_FACTS = "project.json"


class _Facts(TypedDict):
    """What the project knows of a model."""

    fingerprint: str
    content: str
    finished: bool
    start: NotRequired[str]


_ADAPTER = TypeAdapter(_Facts)


def names(folder: Path) -> list[str]:
    """Return the names of the models in a folder."""
    found = (path.parent for path in folder.glob(f"*/{_FACTS}"))
    return sorted(p.name for p in found if is_plain_name(p.name) and not p.is_symlink())


def check_name(name: str) -> None:
    """Refuse a name that is not fit for a folder.

    Raises
    ------
    GlandsError
        When it is not.
    """
    if not is_plain_name(name):
        raise GlandsError(f"{name!r} is no name for a model: use letters, digits, -, _ and dots.")


def previous_name(name: str) -> str:
    """Return the name under which the model is kept that one of a name took the place of."""
    return f"{name}-previous"


def start_name(folder: Path, name: str) -> str:
    """Return which model a training of some name goes on from: the one of that name.

    One that was itself cut off while it went on from the previous one starts there again, so that
    it becomes what it would have.
    """
    saved, previous = facts(folder, name), facts(folder, previous_name(name))
    if saved is None or previous is None or saved["finished"]:
        return name
    return previous_name(name) if saved.get("start") == previous["content"] else name


def keep(folder: Path, name: str, staging: Path) -> None:
    """Copy a model to its previous name, in place of the one that was there."""
    found = existing_folder(inside(folder, name))
    if found is not None:
        shutil.copytree(found, staging, symlinks=True)
        replace_folder(staging, inside(folder, previous_name(name)))


def save(
    model: Model, target: Path, staging: Path, fingerprint: str, finished: bool, start: str = ""
) -> None:
    """Save a model in place of a former one of the same name.

    Parameters
    ----------
    model
        The model.
    target, staging
        Where it is kept, and where it is built.
    fingerprint, finished
        Of what it was trained on, and whether to the end.
    start
        Content of the model that it goes on from; empty for none.

    """
    from napari_glands.segmentation import save_model

    save_model(model, staging)
    content = folder_digest(staging)
    write_json(
        staging / _FACTS,
        {"fingerprint": fingerprint, "content": content, "finished": finished, "start": start},
    )
    replace_folder(staging, target)


def load(folder: Path, name: str) -> Model:
    """Load a model.

    Raises
    ------
    GlandsError
        When there is none of that name.
    """
    from napari_glands.segmentation import load_model

    found = existing_folder(inside(folder, name))
    if found is None:
        have = ", ".join(names(folder)) or "none yet"
        raise GlandsError(f"The project has no model {name!r} (it has: {have}): train one first.")
    known = facts(folder, name)
    if known is not None and _content(found) != known["content"]:
        raise GlandsError(
            f"The saved model {found} is damaged: its files are not what was saved. "
            f"{_advice(found)}"
        )
    return load_model(found)


def facts(folder: Path, name: str) -> dict[str, Any] | None:
    """Return fingerprint, content, ``finished`` and start of a model; None when absent."""
    found = existing_folder(inside(folder, name))
    if found is None:
        return None
    try:
        known = checked(_ADAPTER, read_json(found / _FACTS), found / _FACTS)
    except (GlandsError, FileNotFoundError) as error:
        raise GlandsError(
            f"The saved model {found} is damaged ({str(error).rstrip('.')}). {_advice(found)}"
        ) from error
    return {**known}


def _content(folder: Path) -> str:
    """Return the digest of a model's own files, as it was when the model was saved."""
    return folder_digest(folder, without=(_FACTS,))


def _advice(found: Path) -> str:
    kept = found.with_name(previous_name(found.name))
    if kept.is_dir():
        return (
            f"Delete that folder and train again, or rename {kept.name}, the model before it, to "
            f"{found.name}."
        )
    return "Delete that folder and train again."


def recover(folder: Path) -> None:
    """Tidy up after a process that died while it replaced a model."""
    recover_folders(folder)
