"""What a result depends on, as one short text: equal fingerprints, equal results.

A result's *fingerprint* covers what went into it: the settings of its step and of the steps
before it, the slide, and the *content* of the results it was made from. So an edit of the priors
makes the training out of date, and a change of the export's class name nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import Path

import numpy as np

from napari_glands.project.schema import SlideEntry
from napari_glands.settings import Settings
from napari_glands.stored import digest

__all__ = ["arrays_digest", "digest", "folder_digest", "step_fingerprint"]

# The steps whose settings a step's result depends on.
_UPSTREAM = {
    "exterior": ("exterior",),
    "priors": ("exterior", "priors"),
    "train": ("exterior", "priors", "train"),
    "predict": ("predict",),
    "grow": ("priors",),
}
# Where it runs and what it is assumed of slides that are not there changes no result.
_NOT_IN_RESULTS = {
    "general": {"device", "devices", "default_mpp"},
    "exterior": {"exterior_cluster"},
}
# What only growing looks at; it reaches the training through the content of the grown priors.
_ONLY_IN_GROWN = {"priors": {"grow_score"}}


def arrays_digest(*arrays: np.ndarray) -> str:
    """Return the sha256 of arrays: their types, shapes and values."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def folder_digest(folder: Path, without: Collection[str] = ()) -> str:
    """Return the sha256 of the files of a folder: their relative names and content.

    Files directly in it whose name is in `without` do not count, nor do hidden ones.
    """
    state = hashlib.sha256()
    left_out = {folder / name for name in without}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file in left_out or file.name.startswith("."):
            continue
        state.update(file.relative_to(folder).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            state.update(hashlib.file_digest(stream, "sha256").digest())
    return state.hexdigest()


def step_fingerprint(
    step: str,
    settings: Settings,
    slides: Iterable[SlideEntry],
    upstream: Iterable[str] = (),
    without: Mapping[str, Set[str]] | None = None,
) -> str:
    """Return the fingerprint of what a step makes.

    Parameters
    ----------
    step
        ``"exterior"``, ``"priors"``, ``"train"``, ``"predict"`` or ``"grow"``.
    settings
        All settings; the ones that matter are picked.
    slides
        The slides the result is made from.
    upstream
        Content of the results that it is made from, as fingerprints.
    without
        By part, settings that change nothing in this case.

    Notes
    -----
    The choice of the exterior cluster is left out: it is a cheap second look at a finished
    clustering, and reaches the later steps through the content of the exterior map.
    """
    used = settings.model_dump(mode="json", include={"general", *_UPSTREAM[step]})
    for name, fields in _NOT_IN_RESULTS.items():  # an empty step stays: saved fingerprints have it
        used[name] = {k: v for k, v in used.get(name, {}).items() if k not in fields}
    for idle in ({} if step == "grow" else _ONLY_IN_GROWN, without or {}):
        for name in used.keys() & idle.keys():
            used[name] = {k: v for k, v in used[name].items() if k not in idle[name]}
    return digest(
        {
            "step": step,
            "settings": used,
            "slides": sorted([s.checksum, list(s.shape), s.mpp] for s in slides),
            "upstream": list(upstream),
        }
    )
