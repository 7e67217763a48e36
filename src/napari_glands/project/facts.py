"""What is known of a saved result, beside its pixels: the attribute ``napari_glands``.

Each kind of result has one type here, which is the schema of its facts. They are read by
`read_facts` alone, and carry a version and a seal, by which a change after saving is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid
from napari_glands.stored import Finite, PlainName, Whole, checked, read_json, seal, sealed

__all__ = [
    "ATTRIBUTE",
    "RESULTS",
    "VERSION",
    "ResultName",
    "read_facts",
    "table_rows",
    "write_facts",
]

ATTRIBUTE = "napari_glands"
VERSION = 2
"""Of the facts. Version 1 had no number, no seal and no notes of its files."""

ResultName = Literal["exterior", "priors", "prediction", "glands", "decisions"]

RESULTS: tuple[ResultName, ...] = ("exterior", "priors", "prediction", "glands")
"""What a slide can have."""

_MOST_PIXELS = 10**12
_LONGEST_SIDE = 10**8


def _grid(stored: Any) -> Any:
    """Return a grid from what is stored of it, which pydantic then looks through."""
    if isinstance(stored, Mapping):
        return {"origin": (0, 0), **stored}  # not in folders from before there were regions
    return stored


def _plausible(grid: _StoredGrid) -> Grid:
    rows, columns = grid["shape"]
    if rows * columns > _MOST_PIXELS:
        raise ValueError(f"{rows} × {columns} pixels are more than any slide has")
    return Grid(grid["shape"], grid["slide_shape"], grid["slide_mpp"], grid["origin"])


_Side = Annotated[Whole, Field(ge=1, le=_LONGEST_SIDE)]
_Extent = Annotated[float, Field(gt=0, le=_LONGEST_SIDE, allow_inf_nan=False)]
_Place = Annotated[float, Field(ge=0, le=_LONGEST_SIDE, allow_inf_nan=False)]


class _StoredGrid(TypedDict):
    shape: tuple[_Side, _Side]
    slide_shape: tuple[_Side | _Extent, _Side | _Extent]
    slide_mpp: Annotated[Finite, Field(gt=0, le=1000)]
    origin: tuple[Whole | _Place, Whole | _Place]


class _Common(TypedDict):
    """What all results have."""

    version: NotRequired[Annotated[Whole, Field(ge=1, le=VERSION)]]
    slide_id: PlainName
    grid: Annotated[_StoredGrid, BeforeValidator(_grid), AfterValidator(_plausible)]
    settings: Settings
    saved: str
    fingerprint: str
    content: str
    seconds: Finite
    files: NotRequired[str]


def _or_text(stored: Any) -> Any:
    """Return the numbers that JSON does not know and that are kept as text."""
    return float(stored) if stored in ("nan", "inf", "-inf") else stored


_Cue = Annotated[float, BeforeValidator(_or_text)]


class _Evidence(TypedDict):
    cluster: Annotated[Whole, Field(ge=1, le=255)]
    haematoxylin: _Cue
    lightness: _Cue
    area: _Cue
    adjacency: _Cue
    score: _Cue


class _Exterior(_Common):
    cluster: Annotated[Whole, Field(ge=1, le=255)]
    evidence: list[_Evidence]
    pixels: NotRequired[str]


class _Row(TypedDict):
    id: Annotated[Whole, Field(ge=1, lt=2**31)]
    state: Literal["proposed", "doubtful", "accepted", "edited", "rejected"]
    score: Finite
    area_um2: Annotated[Finite, Field(ge=0)]


class _PriorRow(_Row):
    solidity: Finite
    contrast: Finite
    ring: Finite
    stability: Finite
    level: Finite


def _told_apart(table: list[Any]) -> list[Any]:
    if len({row["id"] for row in table}) < len(table):
        raise ValueError("two rows have the same id")
    return table


class _Priors(_Common):
    table: Annotated[list[_PriorRow], AfterValidator(_told_apart)]
    curated: bool
    grown: NotRequired[str]


class _OfModel(_Common):
    model: str
    slide_name: str
    count: NotRequired[Annotated[Whole, Field(ge=0)]]
    found: NotRequired[str]


class _Glands(_OfModel):
    # None of these was there before glands had states, nor is in those of a large slide.
    stateful: NotRequired[bool]
    table: NotRequired[Annotated[list[_Row], AfterValidator(_told_apart)]]
    curated: NotRequired[bool]
    prediction: NotRequired[str]
    counts: NotRequired[str]


def _complete(glands: Any) -> Any:
    """Refuse glands with states of which a part is not said."""
    needed = ("table", "curated", "prediction")
    if glands.get("stateful") and any(name not in glands for name in needed):
        raise ValueError(f"glands with states need {', '.join(needed)}")
    return glands


_KINDS: dict[ResultName, TypeAdapter[Any]] = {
    "exterior": TypeAdapter(_Exterior),
    "priors": TypeAdapter(_Priors),
    "prediction": TypeAdapter(_OfModel),
    "glands": TypeAdapter(Annotated[_Glands, AfterValidator(_complete)]),
    "decisions": TypeAdapter(Annotated[_Glands, AfterValidator(_complete)]),
}


def read_facts(folder: Path, name: ResultName, *, trusting: bool = False) -> dict[str, Any]:
    """Return the facts saved with a result, or with a copy of one.

    Parameters
    ----------
    folder
        Of the result.
    name
        What kind of result it is.
    trusting
        Whether to leave the seal alone, for a look at many results, none of which is used.

    Returns
    -------
    dict
        Of the type above that belongs to the name: ``grid`` is a `Grid`, ``settings`` are
        `Settings`, all else is what JSON has.

    Raises
    ------
    GlandsError
        When they are missing, damaged, of a newer version, or not what was saved.
    """
    path = folder / ".zattrs"
    try:
        attributes = read_json(path)
    except FileNotFoundError as error:
        raise GlandsError(f"the file {path} is missing") from error
    stored = attributes.get(ATTRIBUTE) if isinstance(attributes, dict) else None
    if not isinstance(stored, dict):
        raise GlandsError(f"{path} is damaged: it has no object {ATTRIBUTE}")
    version = stored.get("version", 1)
    if isinstance(version, int) and version > VERSION:
        raise GlandsError(
            f"{path} is of version {version}, and this napari-glands only knows versions up to "
            f"{VERSION}: update napari-glands"
        )
    facts: dict[str, Any] = checked(_KINDS[name], stored, path)
    if version > 1 and not trusting and stored.get("seal") != seal(stored):
        raise GlandsError(f"{path} is damaged: its facts are not what was saved")
    return facts


def write_facts(
    folder: Path, slide_id: str, grid: Grid, settings: Settings, facts: Mapping[str, Any]
) -> None:
    """Write what is known of a result beside its pixels, in place of what was said before."""
    path = folder / ".zattrs"
    attributes = read_json(path) if path.exists() else {}
    attributes[ATTRIBUTE] = sealed(
        {
            "version": VERSION,
            "slide_id": slide_id,
            "grid": asdict(grid),
            "settings": settings.model_dump(mode="json"),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
        }
    )
    write_json(path, attributes)


def table_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with 0 for what is no number: a table that is saved can always be read."""
    return [
        {k: 0.0 if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]
