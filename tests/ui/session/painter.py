"""A user who paints for ever, stroke after stroke, and notes each one down: made to be killed.

    python painter.py PROJECT NOTES

One line per stroke: when it ended, its label, and a pixel that it painted.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

os.environ["NAPARI_CONFIG"] = ""

import numpy as np
from bench import open_bench
from qtpy.QtTest import QTest

_PAUSE_MILLISECONDS = 150
_FIRST_LABEL = 1000


def main(project: Path, notes: Path) -> None:
    """Open the project and paint."""
    hands = open_bench(project)
    hands.until(lambda: hands.layer("priors") is not None, "the priors are shown")
    layer = hands.layer("priors")
    hands.viewer.layers.selection.active = layer
    layer.visible, layer.mode, layer.brush_size = True, "paint", 3
    height, width = layer.data.shape
    places = [(y, x) for y in range(8, height - 8, 8) for x in range(8, width - 12, 10)]
    with notes.open("a") as log:
        for number, (y, x) in enumerate(places):
            layer.selected_label = _FIRST_LABEL + number
            hands.stroke(layer, [(y, x), (y, x + 3)])
            painted = np.argwhere(layer.data == layer.selected_label)
            if len(painted):
                row, column = painted[0]
                log.write(f"{time.time()} {layer.selected_label} {row} {column}\n")
                log.flush()
                os.fsync(log.fileno())
            QTest.qWait(_PAUSE_MILLISECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
