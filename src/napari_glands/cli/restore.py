"""The command that goes back to an earlier version of what was curated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_glands.cli.regions import slide_named
from napari_glands.cli.terminal import print_json, print_table, work
from napari_glands.errors import GlandsError
from napari_glands.jobs import CancelToken, Report

__all__ = ["restore"]


def restore(
    *,
    project: Annotated[
        Path, typer.Option("--project", "-p", help="Project folder.", show_default=False)
    ],
    slide: Annotated[
        str, typer.Option("--slide", help="Name or id of the slide.", show_default=False)
    ],
    only_list: Annotated[
        bool, typer.Option("--list", help="List the copies that there are, and change nothing.")
    ] = False,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Name of the copy, as listed. Without it, the newest.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Go back to an earlier version of a slide's priors or glands; the present one is kept."""

    def job(report: Report, cancel: CancelToken) -> list[dict[str, Any]]:
        from napari_glands.project import Project
        from napari_glands.project.restoring import restore as go_back
        from napari_glands.project.restoring import versions

        with Project.open(project, read_only=only_list) as opened:
            entry = slide_named(opened, slide)
            found = versions(opened, entry.id)
            if only_list:
                return [_row(kept) for kept in found]
            if not found:
                raise GlandsError(f"There is no copy of the priors or glands of {entry.name}.")
            chosen = next((v for v in found if version in (None, v.path.name)), None)
            if chosen is None:
                names = ", ".join(kept.path.name for kept in found)
                raise GlandsError(
                    f"There is no copy {version} of {entry.name}: name one of {names}."
                )
            return [_row(go_back(opened, entry.id, chosen.path))]

    rows = work(job)
    if as_json:
        print_json(rows)
        return
    print_table(f"Copies of {slide}" if only_list else f"Restored in {slide}", rows)


def _row(version: Any) -> dict[str, Any]:
    return {
        "version": version.path.name,
        "of": version.name,
        "saved": version.saved.isoformat(timespec="seconds"),
        "holds": ", ".join(f"{count} {state}" for state, count in version.counts.items() if count),
    }
