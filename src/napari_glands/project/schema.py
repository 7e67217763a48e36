"""``project.json``: what it holds, and how older ones are brought up to date."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.settings import Settings
from napari_glands.slides.grid import Region
from napari_glands.slides.pixel_size import MppSource
from napari_glands.system_errors import refusal

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

    of: str
    number: int
    y: int
    x: int
    height: int
    width: int

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

    id: str
    name: str
    path: str
    checksum: str
    shape: tuple[int, int]
    mpp: float
    mpp_source: MppSource
    picture: int | None = None
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
    seconds: float
    device: str = ""
    run: str
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
    removed
        Regions that the user removed; what was made of them is still there, for their return.
    """

    schema_version: int = SCHEMA_VERSION
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    slides: list[SlideEntry] = []
    settings: Settings = Settings()
    steps: dict[str, StepRecord] = {}
    measurements: dict[str, str] = {}
    removed: list[SlideEntry] = []


def read_project_file(path: Path) -> tuple[ProjectFile, int]:
    """Read a project file of any known version, migrated in memory.

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
    if not isinstance(version, int) or version < 0:
        raise GlandsError(f"{path} is damaged: its schema_version is {version!r}.")
    if version > SCHEMA_VERSION:
        raise GlandsError(
            f"{path} has schema version {version}, but this napari-glands only knows versions up "
            f"to {SCHEMA_VERSION}: update napari-glands to open it."
        )
    for step in range(version, SCHEMA_VERSION):
        if step not in MIGRATIONS:
            raise GlandsError(f"{path} has schema version {version}, which cannot be read.")
        data = MIGRATIONS[step](data)
    try:
        return ProjectFile.model_validate(data), version
    except ValidationError as error:
        where = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'top level'}: {e['msg']}" for e in error.errors()
        )
        raise GlandsError(f"{path} is damaged: {where}.") from error


def write_project_file(path: Path, content: ProjectFile) -> None:
    """Write a project file atomically."""
    write_json(path, content.model_dump(mode="json"))


def back_up(path: Path, version: int) -> Path:
    """Copy a project file that is about to be migrated, and return the copy."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return Path(shutil.copy2(path, path.with_name(f"{path.stem}.v{version}.{stamp}.bak.json")))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GlandsError(
            f"{path.parent} is not a project: it has no {path.name}. Make one with "
            "`napari-glands new`."
        ) from error
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read {path}", error)) from error
    except ValueError as error:
        raise GlandsError(f"{path} is damaged: it is not valid JSON ({error}).") from error
    if not isinstance(data, dict):
        raise GlandsError(f"{path} is damaged: it does not hold an object.")
    return data
