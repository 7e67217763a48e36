"""``project.json``: what it holds, and how older ones are brought up to date."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from napari_glands.atomic import write_bytes, write_json
from napari_glands.errors import GlandsError
from napari_glands.settings import Settings
from napari_glands.slides.grid import Region
from napari_glands.slides.pixel_size import LARGEST, SMALLEST, MppSource
from napari_glands.stored import (
    Finite,
    PlainName,
    Whole,
    checked,
    read_bytes,
    read_json,
    seal,
    sealed,
)

__all__ = [
    "MIGRATIONS",
    "SCHEMA_VERSION",
    "PartOfSlide",
    "ProjectFile",
    "SlideEntry",
    "StepRecord",
]

SCHEMA_VERSION = 4

# From version n to n + 1, as plain JSON data.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    # Glands have states and priors strokes since: read where they are, absent in older folders.
    1: lambda data: {**data, "schema_version": 2},
    # Slides have regions since.
    2: lambda data: {**data, "schema_version": 3},
    # Pixel sizes may be estimated, and a slide one of several pictures in a file, since.
    3: lambda data: {**data, "schema_version": 4},
}


_LONGEST_SIDE = 10**8
_LARGEST_FILE = 64 << 20
_PREVIOUS = "project.previous.json"

_Side = Annotated[Whole, Field(ge=1, le=_LONGEST_SIDE)]
_Place = Annotated[Whole, Field(ge=0, le=_LONGEST_SIDE)]
_Digest = Annotated[str, Field(pattern=r"^[\w.:-]{0,200}$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PartOfSlide(_Record):
    """Which part of which slide a region is.

    Attributes
    ----------
    of
        Id of the slide.
    number
        Of the region among those of the slide, from 1; is not given twice.
    y, x, height, width
        Where it is, in level-0 pixels.
    """

    of: PlainName
    number: Annotated[Whole, Field(ge=1, le=_LONGEST_SIDE)]
    y: _Place
    x: _Place
    height: _Side
    width: _Side

    @property
    def place(self) -> Region:
        """Where it is on the slide."""
        return Region(self.y, self.x, self.height, self.width)


class SlideEntry(_Record):
    """One slide of a project, or a region of one that is worked on like a slide.

    Attributes
    ----------
    id
        Its identifier; names its folder and every layer made from it.
    name
        The name shown to the user.
    path
        Its file: relative to the project folder when it lies below the folder that holds the
        project, absolute otherwise.
    checksum
        Of its content: slides are told apart by it.
    shape
        Rows and columns at level 0.
    mpp
        µm per level-0 pixel.
    mpp_source
        Where `mpp` comes from.
    picture
        Which picture of its file it is, from 1; None where there is only one to choose.
    region
        Which part of which slide it is; None for a whole slide. A region has the path of its
        slide.
    """

    id: PlainName
    name: Annotated[str, Field(max_length=1000)]
    path: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
    checksum: _Digest
    shape: tuple[_Side, _Side]
    mpp: Annotated[Finite, Field(ge=SMALLEST, le=LARGEST)]
    mpp_source: MppSource
    picture: Annotated[Whole, Field(ge=1)] | None = None
    region: PartOfSlide | None = None


class StepRecord(_Record):
    """Provenance of the latest run of one step.

    Attributes
    ----------
    fingerprint
        Of what the step's results depend on.
    status
        How it ended.
    started, ended
        Times, ISO 8601 in UTC.
    seconds
        How long it took.
    device
        What it computed on, and why; empty where no network runs.
    run
        Name of its folder below ``runs/``.
    settings
        All settings of the run.
    versions
        Of this package and of the libraries that matter for the result.
    """

    fingerprint: str
    status: Literal["done", "cancelled", "failed"]
    started: str
    ended: str
    seconds: Annotated[Finite, Field(ge=0)]
    device: str = ""
    run: PlainName
    settings: Settings
    versions: dict[str, str]


class ProjectFile(_Record):
    """The content of ``project.json``.

    Attributes
    ----------
    schema_version
        Of this layout.
    created
        Time, ISO 8601 in UTC.
    slides
        In the order in which they were added.
    settings
        For the next run.
    steps
        Provenance of the latest run by step.
    measurements
        By slide id, the fingerprint of the prediction that its table was made from.
    tables
        By slide id, the digest of the file with its table.
    removed
        Regions that the user removed; what was made of them is still there, for their return.
    """

    schema_version: int = SCHEMA_VERSION
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    slides: list[SlideEntry] = []
    settings: Settings = Settings()
    steps: dict[PlainName, StepRecord] = {}
    measurements: dict[PlainName, str] = {}
    tables: dict[PlainName, str] = {}
    removed: list[SlideEntry] = []

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        """Refuse slides that are there twice, and regions of slides that are not there."""
        counts = Counter(entry.id.casefold() for entry in (*self.slides, *self.removed))
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"slides: the id {twice[0]} is there twice")
        wholes = {entry.id: entry for entry in self.slides if entry.region is None}
        for entry in (*self.slides, *self.removed):
            part = entry.region
            if part is None:
                continue
            if part.of not in wholes:
                raise ValueError(f"slides: {entry.id} is a region of {part.of}, which is not there")
            height, width = wholes[part.of].shape
            if part.y + part.height > height or part.x + part.width > width:
                raise ValueError(f"slides: {entry.id} is a region outside of its slide")
        return self


def read_project_file(path: Path, *, tell: bool = True) -> tuple[ProjectFile, int]:
    """Read a project file of any known version, migrated in memory.

    Parameters
    ----------
    path
        The file.
    tell
        Whether to warn (`UserWarning`) when something else than this program has changed it.

    Returns
    -------
    ProjectFile
        Of the present version.
    int
        The version that the file on the disk has.

    Raises
    ------
    GlandsError
        When the file is missing, damaged, or newer than this program.
    """
    data = _read(path)
    version = data.get("schema_version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise _damaged(path, f"its schema_version is {version!r:.40}")
    if version > SCHEMA_VERSION:
        raise GlandsError(
            f"{path} has schema version {version}, but this napari-glands only knows versions up "
            f"to {SCHEMA_VERSION}: update napari-glands to open it."
        )
    stated = data.pop("seal", None)
    if stated is not None and stated != seal(data):
        changed = f"{path} was changed by something else than napari-glands, or is damaged"
    else:
        changed = ""
    for step in range(version, SCHEMA_VERSION):
        if step not in MIGRATIONS:
            raise GlandsError(f"{path} has schema version {version}, which cannot be read.")
        try:
            data = MIGRATIONS[step](data)
        except (KeyError, TypeError, AttributeError) as error:
            raise _damaged(path, f"it is not of its schema version {version}") from error
    try:
        content = checked(_CONTENT, data, path)
    except GlandsError as error:
        raise GlandsError(f"{error}{_copy_beside(path)}") from error
    if changed and tell:
        warnings.warn(
            f"{changed}: look at the settings, the pixel sizes and the paths of the images.",
            UserWarning,
            stacklevel=3,
        )
    return content, version


def write_project_file(path: Path, content: ProjectFile) -> None:
    """Write a project file atomically."""
    write_json(path, sealed(content.model_dump(mode="json")))


def back_up(path: Path, version: int) -> Path:
    """Copy a project file that is about to be migrated, and return the copy."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    copy = path.with_name(f"{path.stem}.v{version}.{stamp}.bak.json")
    write_bytes(copy, read_bytes(path, _LARGEST_FILE))
    return copy


def keep_previous(path: Path) -> None:
    """Copy a project file that can be read, for the day when it cannot."""
    write_bytes(path.with_name(_PREVIOUS), read_bytes(path, _LARGEST_FILE))


_CONTENT = TypeAdapter(ProjectFile)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = read_json(path, _LARGEST_FILE)
    except FileNotFoundError as error:
        raise GlandsError(
            f"{path.parent} is not a project: it has no {path.name}. Make one with "
            "`napari-glands new`."
        ) from error
    except GlandsError as error:
        raise GlandsError(f"{error}{_copy_beside(path)}") from error
    if not isinstance(data, dict):
        raise _damaged(path, "it does not hold an object")
    return data


def _damaged(path: Path, why: str) -> GlandsError:
    return GlandsError(f"{path} is damaged: {why}.{_copy_beside(path)}")


def _copy_beside(path: Path) -> str:
    """Name the copy of a damaged project file, if there is one."""
    copy = path.with_name(_PREVIOUS)
    if not copy.is_file():
        return ""
    when = datetime.fromtimestamp(copy.stat().st_mtime).strftime("%d %b %Y, %H:%M")
    return f" A copy of {when} lies beside it: rename {copy.name} to {path.name} to go on from it."
