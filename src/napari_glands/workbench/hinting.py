"""Which hints the user has put away, remembered for the next time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from pydantic import TypeAdapter

from napari_glands.atomic import write_json
from napari_glands.errors import GlandsError
from napari_glands.stored import checked, read_json
from napari_glands.widgets.hints import HINTS
from napari_glands.widgets.step_view import StepView

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["give_hints"]

_PUT_AWAY = TypeAdapter(dict[str, list[str]])


def give_hints(session: Session, views: Mapping[str, StepView]) -> None:
    """Show the hints of steps that the user has not put away yet."""
    for step, view in views.items():
        view.hint.say(HINTS[step])
        view.hint.dismissed.connect(lambda step=step: session.tasks.later(lambda: _put_away(step)))

    # A child of the views must not be touched when they are gone before the answer is there.
    waiting = dict(views)
    for step, view in views.items():
        view.destroyed.connect(lambda *_, step=step: waiting.pop(step, None))

    def show(gone: set[str]) -> None:
        for step, view in waiting.items():
            view.hint.setVisible(step not in gone)
        waiting.clear()

    session.tasks.later(_read, show)


def _put_away(step: str) -> None:
    with contextlib.suppress(OSError):  # the hint comes again; no reason to stop anybody
        write_json(_file(), {"put_away": sorted({*_read(), step})})


def _read() -> set[str]:
    try:
        return set(checked(_PUT_AWAY, read_json(_file()), _file()).get("put_away", []))
    except (OSError, GlandsError):
        return set()


def _file() -> Path:
    return platformdirs.user_data_path("napari-glands") / "hints.json"
