"""What to do in a step, said once to who is new to it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout

from napari_glands.widgets.text import sentence

__all__ = ["HINTS", "Hint", "make_help_button"]

HINTS = {
    "slides": (
        "Start here: add your images, or try a sample. An image that does not state its pixel size "
        "waits until you give it, because everything is measured in µm."
    ),
    "exterior": (
        "Find exteriors colours the dark borders of the glands, without any labels. Look whether "
        "the colour lies on the borders; if not, pick another cluster by a click."
    ),
    "priors": (
        "Find priors fills what closed borders enclose. Go through them, worst first: accept "
        "what is right, reject what is not, mend outlines with the tools. Few but right ones are "
        "better than many."
    ),
    "train": (
        "The network learns from the priors; you can correct on meanwhile. After corrections, "
        "train again: what you decided counts more than what was only proposed."
    ),
    "predict": (
        "Predict finds the glands of all slides. Doubtful ones count for nothing until you accept "
        "them. Correct what is wrong, train again, and predict again."
    ),
    "export": (
        "Files for QuPath, napari, Fiji and spreadsheets. Rejected and doubtful glands stay out."
    ),
}
"""By step."""

_STYLE = "#hint { border-left: 4px solid #56B4E9; }"


class Hint(QFrame):
    """A few sentences with a button that puts them away.

    Signals
    -------
    dismissed
        The user has read it.
    """

    dismissed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("hint")
        self.setStyleSheet(_STYLE)
        self.text = sentence()
        self.button = QPushButton("Got it")
        self.button.setToolTip("Puts this hint away; the ? of the step brings it back.")
        self.button.clicked.connect(self._on_clicked)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 2, 0, 2)
        layout.setSpacing(2)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.hide()

    def say(self, text: str) -> None:
        """Take over a text, without showing it yet."""
        self.text.setText(text)

    def _on_clicked(self) -> None:
        self.hide()
        self.dismissed.emit()


def make_help_button(hint: Hint) -> QToolButton:
    """Make the button that shows a hint, and puts it away."""
    button = QToolButton()
    button.setText("?")
    button.setToolTip("What to do in this step")
    button.clicked.connect(lambda: hint.setVisible(hint.isHidden()))
    return button
