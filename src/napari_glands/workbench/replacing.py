"""Asking before a step replaces what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_glands.project.models import previous_name
from napari_glands.project.replacing import Replaced, replaced_by
from napari_glands.widgets.text import unguessed
from napari_glands.workbench.projects import asks_before_replacing

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["ask_first"]


def ask_first(
    session: Session, view: QWidget, step: str, start: Callable[[], None], **told: Any
) -> None:
    """Start a step, after a question if it would replace something.

    Parameters
    ----------
    session, view
        Whose project, and which window asks.
    step
        As for `replaced_by`.
    start
        Starts it.
    **told
        As for `replaced_by`.
    """
    project, settings = session.project, session.settings
    has_results = any(s.exterior or s.priors or s.prediction for s in session.facts.slides)
    if project is None or project.read_only or not has_results:
        start()
        return
    session.curation.flush()
    place = "slides" if step == "all" else step

    def decide(replaced: Replaced) -> None:
        asks = asks_before_replacing() or replaced.decided
        if replaced and asks and not _confirmed(view, replaced):
            session.say(place, "Nothing was started; all is as it was.")
        else:
            start()

    session.tasks.later(
        lambda: replaced_by(project, step, settings, **told),
        decide,
        session.failing(place),
        key="replacing",  # of several clicks one asks
    )


def _confirmed(view: QWidget, replaced: Replaced) -> bool:
    text = f"This replaces {replaced.describe()}."
    if replaced.priors or replaced.glands:
        text += "\n\nA copy is kept: Project ▸ Restore previous version."
    text += "".join(f"\n\nThat model is kept as {previous_name(n)}." for n in replaced.models)
    if replaced.models:
        text += f"\n\nThe present model is kept as {replaced.models[0]}-previous."
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    question = unguessed(f"{text}\n\nGo on?")
    answer = QMessageBox.question(view, "Replace results?", question, yes | no, no)
    return answer == yes
