"""The command that puts regions of a slide into a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_glands.cli.terminal import print_json, print_table, work
from napari_glands.errors import GlandsError
from napari_glands.jobs import CancelToken, Report

if TYPE_CHECKING:
    from napari_glands.project import Project
    from napari_glands.project.schema import SlideEntry
    from napari_glands.slides import Region

__all__ = ["add_from_file", "regions", "slide_named"]


def regions(
    *,
    project: Annotated[
        Path, typer.Option("--project", "-p", help="Project folder.", show_default=False)
    ],
    slide: Annotated[
        str, typer.Option("--slide", help="Name or id of the slide.", show_default=False)
    ],
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="GeoJSON with annotations, as QuPath exports it: the rectangle around each "
            "becomes a region.",
        ),
    ] = None,
    add: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(
            "--add",
            metavar="X Y WIDTH HEIGHT",
            help="One rectangle in µm from the slide's upper left corner, as QuPath shows it.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Work on parts of a large slide: add regions, or list those there are."""

    def job(report: Report, cancel: CancelToken) -> list[dict[str, Any]]:
        from napari_glands.project import Project

        adds = file is not None or add is not None
        with Project.open(project, read_only=not adds) as opened:
            entry = slide_named(opened, slide, wholes=True)
            if file is not None:
                add_from_file(opened, entry, file)
            if add is not None:
                opened.add_regions(entry.id, [_in_pixels(add, entry.mpp)])
            return [part.model_dump(mode="json") for part in opened.regions_of(entry.id)]

    found = work(job)
    if as_json:
        print_json(found)
        return
    rows = [{"region": part["name"], **_in_um(part)} for part in found]
    print_table(f"Regions of {slide}", rows)


def add_from_file(project: Project, entry: SlideEntry, file: Path) -> list[SlideEntry]:
    """Add the annotations of a GeoJSON file as regions of a slide."""
    from napari_glands.project.region_files import read_regions

    return project.add_regions(entry.id, read_regions(file, entry.shape))


def slide_named(project: Project, word: str, *, wholes: bool = False) -> SlideEntry:
    """Return the slide of a name or id.

    Parameters
    ----------
    project
        The project.
    word
        Name or id.
    wholes
        Whether regions do not count.

    Raises
    ------
    GlandsError
        When there is none.
    """
    slides = [entry for entry in project.slides if entry.region is None or not wholes]
    for entry in slides:
        if word in (entry.id, entry.name):
            return entry
    names = ", ".join(entry.name for entry in slides)
    raise GlandsError(f"The project has no slide {word!r}: name one of {names} (--slide).")


def _in_pixels(box: tuple[float, float, float, float], mpp: float) -> Region:
    from napari_glands.slides import Region

    x, y, width, height = (round(value / mpp) for value in box)
    return Region(y, x, height, width)


def _in_um(part: dict[str, Any]) -> dict[str, str]:
    place, mpp = part["region"], part["mpp"]
    return {f"{name} µm": f"{place[name] * mpp:,.0f}" for name in ("x", "y", "width", "height")}
