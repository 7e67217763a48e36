"""Each step, with the settings shown, put onto the clipboard as a command line or as Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_glands.errors import GlandsError
from napari_glands.project import Project, commands
from napari_glands.settings import Settings
from napari_glands.widgets.export_view import ExportView
from napari_glands.widgets.priors_view import PriorsView
from napari_glands.widgets.step_view import StepView
from napari_glands.workbench.exporting import targets

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["StepCopier"]

_FORMATS = ("ome-zarr", "geojson", "csv", "png")


class StepCopier(QObject):
    """Answers the menu "Copy as" of a step's view; ends with the view."""

    def __init__(self, session: Session, step: str, view: StepView) -> None:
        super().__init__(view)
        self._session, self._step, self._view = session, step, view
        view.copy_requested.connect(self._copy)

    def _copy(self, kind: str) -> None:
        session, project, settings = self._session, self._session.project, self._session.settings
        if project is None:
            session.say(self._step, "There are no slides yet: add images first.", problem=True)
            return
        make = self._maker(project, settings, kind == "python")
        idle = not (session.tasks.busy or project.read_only)

        def work() -> str:
            text = make()
            if idle:
                # What the command does not name, it takes from the project.
                project.set_settings(settings)
            return text

        def done(text: str) -> None:
            clipboard = QApplication.clipboard()
            if clipboard is not None:
                clipboard.setText(text)
            what = "Python code" if kind == "python" else "The command line"
            # One program at a time may change a project.
            first = "" if self._step == "export" else " Close this project before you run it."
            session.say(self._step, f"{what} is on the clipboard.{first}")

        session.tasks.later(work, done, session.failing(self._step))

    def _maker(self, project: Project, settings: Settings, python: bool) -> Callable[[], str]:
        """Return what makes the text; it reads the view now and the disk later."""
        step, view = self._step, self._view
        if step == "slides":
            return lambda: _slides(project, settings, python)
        if isinstance(view, ExportView):
            formats = (view.last_format,) if view.last_format else _FORMATS
            only = "" if view.all_slides.isChecked() else self._session.current
            out = Path(view.folder.text().strip() or ".").expanduser().absolute()
            return lambda: _export(project, settings, python, formats, only, out)
        told = (
            {"replace_curated": view.replace_curated.isChecked()}
            if isinstance(view, PriorsView)
            else {}
        )
        # Predicting measures too.
        steps = ("predict", "measure") if step == "predict" else (step,)
        if python:
            return lambda: commands.python_code(project.path, steps, settings, told)
        return lambda: "\n".join(
            commands.command_line(project.path, s, settings, told if s == step else None)
            for s in steps
        )


def _slides(project: Project, settings: Settings, python: bool) -> str:
    files = commands.image_files(project.path, project.slides)
    if not files:
        raise GlandsError(
            "There is nothing to copy: no slide of this project comes from an image file."
        )
    make = commands.new_python if python else commands.new_command
    regions = commands.regions_of(project.path, project.slides)
    return make(project.path, files, settings, regions)


def _export(
    project: Project,
    settings: Settings,
    python: bool,
    formats: tuple[str, ...],
    only: str,
    out: Path,
) -> str:
    slides = [(e.id, e.name) for e in project.slides if project.facts(e.id, "prediction")]
    names = {i: path.with_suffix("") for i, path in targets("csv", out, slides)}
    places = {i: path for i, path in names.items() if only in ("", i)}
    if not places:
        raise GlandsError("There is no prediction to export yet: run the step Predict first.")
    exists = any(path.exists() for f in formats for _, path in targets(f, out, slides))
    if python:
        return commands.export_python(project.path, settings, formats, places, overwrite=exists)
    chosen = [only] if only else []
    return commands.export_command(
        project.path, settings, formats, out, slides=chosen, overwrite=exists
    )
