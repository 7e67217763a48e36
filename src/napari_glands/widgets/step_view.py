"""What the views of all steps have in common."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_glands.settings import StepSettings
from napari_glands.widgets.copy_button import CopyButton
from napari_glands.widgets.hints import Hint, make_help_button
from napari_glands.widgets.read_only import edits
from napari_glands.widgets.settings_form import SettingsForm
from napari_glands.widgets.text import StatusLabel, heading, sentence

__all__ = ["StepView"]


class StepView(QWidget):
    """Title, what the step does, its own controls, its settings, Run, and a status line.

    Parameters
    ----------
    title
        Name of the step.
    intro
        One sentence on what it does.
    run_text
        What the Run button says; empty for a step without one.
    settings
        The settings whose form is shown; ``None`` for none.
    skip
        Settings that the step's own controls take care of.

    Signals
    -------
    run_requested
        Run was clicked.
    settings_changed
        A field of the form was edited.
    copy_requested
        The step is wanted as a ``"command"`` or as ``"python"``.
    """

    run_requested = Signal()
    settings_changed = Signal()
    copy_requested = Signal(str)
    # Whether the form's settings decide about what is in the project.
    changes_project = True

    def __init__(
        self,
        title: str,
        intro: str,
        run_text: str,
        settings: StepSettings | None = None,
        skip: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.title = title
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(8, 6, 8, 6)
        self.copy_button = CopyButton()
        self.copy_button.copy_requested.connect(self.copy_requested)
        head = QHBoxLayout()
        head.addWidget(heading(title), 1)
        head.addWidget(self.copy_button)
        self.hint = Hint()
        self.help_button = make_help_button(self.hint)
        head.addWidget(self.help_button)
        self._layout.addLayout(head)
        self._layout.addWidget(sentence(intro))
        self._layout.addWidget(self.hint)
        self.note = StatusLabel()
        self.missing = StatusLabel()
        self.status = StatusLabel()
        self.form = SettingsForm(settings, skip) if settings is not None else None
        self.run_button = QPushButton(run_text)
        self.run_button.setVisible(bool(run_text))
        self.run_button.clicked.connect(self.run_requested)
        self.run_row = QHBoxLayout()
        self.run_row.addWidget(self.run_button, 1)
        # Folded: the work of the step is what is looked at day by day.
        self.settings_section = QCollapsible("Settings", expandedIcon="▼", collapsedIcon="▶")
        self.settings_section.setDuration(0)  # an animation would make clicks in the section miss
        if self.form is not None:
            self.settings_section.addWidget(self.form)
            self.form.changed.connect(self.settings_changed)
        edits(self.run_button, self.form if self.changes_project else None)
        self._ready = True
        self._running = False

    def build(self, *before: QWidget, after: tuple[QWidget, ...] = ()) -> None:
        """Lay the parts out: `before` above the form and Run, `after` (results) below.

        The note, on what is special about the slide on show, is above all of them.
        """
        self._layout.addWidget(self.note)
        self.note.say("")
        for widget in before:
            self._layout.addWidget(widget)
        if self.form is not None:
            self._layout.addWidget(self.settings_section)
        if self.run_button.text():
            self._layout.addLayout(self.run_row)
        self._layout.addWidget(self.missing)
        self._layout.addWidget(self.status)
        for widget in after:
            self._layout.addWidget(widget)
        self._layout.addStretch(1)
        self.say("")
        self.set_ready(True)

    def add_on_top(self, widget: QWidget) -> None:
        """Put one more part above all but title and intro, where it is seen without scrolling."""
        self._layout.insertWidget(2, widget)

    def set_ready(self, ready: bool, missing: str = "") -> None:
        """Enable Run, or disable it and say in `missing` what is not there yet."""
        self._ready = ready
        self.missing.say("" if ready else missing)
        self._update_enabled()

    def set_running(self, running: bool) -> None:
        """Tell whether any long job runs; Run waits for its end."""
        self._running = running
        self._update_enabled()

    def _update_enabled(self) -> None:
        self.run_button.setEnabled(self._ready and not self._running)

    def say(self, text: str, *, problem: bool = False) -> None:
        """Show one sentence in the step's status line."""
        self.status.say(text, problem=problem)
