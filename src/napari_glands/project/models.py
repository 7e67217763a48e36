"""The models of a project: ``models/<name>/``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.atomic import (
    existing_folder,
    recover_folders,
    replace_folder,
    write_json,
)
from napari_glands.errors import GlandsError
from napari_glands.project.fingerprint import folder_digest
from napari_glands.system_errors import raise_if_refused

if TYPE_CHECKING:
    from napari_glands.segmentation import Model

__all__ = ["facts", "keep", "load", "names", "previous_name", "recover", "save", "start_name"]

_FACTS = "project.json"


def names(folder: Path) -> list[str]:
    """Return the names of the models in a folder."""
    return sorted(path.parent.name for path in folder.glob(f"*/{_FACTS}"))


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
    found = existing_folder(folder / name)
    if found is not None:
        shutil.copytree(found, staging)
        replace_folder(staging, folder / previous_name(name))


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

    Raises
    ------
    GlandsError
        When the name is not fit for a folder.
    """
    from napari_glands.segmentation import save_model

    if not re.fullmatch(r"[\w][\w.-]*", target.name):
        raise GlandsError(
            f"{target.name!r} is no name for a model: use letters, digits, -, _ and dots."
        )
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

    found = existing_folder(folder / name)
    if found is None:
        have = ", ".join(names(folder)) or "none yet"
        raise GlandsError(f"The project has no model {name!r} (it has: {have}): train one first.")
    return load_model(found)


def facts(folder: Path, name: str) -> dict[str, Any] | None:
    """Return fingerprint, content, ``finished`` and start of a model; None when absent."""
    found = existing_folder(folder / name)
    if found is None:
        return None
    try:
        return dict(json.loads((found / _FACTS).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise_if_refused(f"Cannot read the model {found}", error)
        raise GlandsError(
            f"The saved model {found} is damaged ({error}): delete that folder and train again."
        ) from error


def recover(folder: Path) -> None:
    """Tidy up after a process that died while it replaced a model."""
    recover_folders(folder)
