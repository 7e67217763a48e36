"""How long the program takes to start: import, plugin discovery, the window with its panel."""

from __future__ import annotations

import os
import subprocess
import sys

from napari_glands.errors import GlandsError

__all__ = ["startup_seconds"]

_PROBES = {
    "import": "import napari_glands",
    "plugin_discovery": (
        "from npe2 import PluginManager; "
        "PluginManager.instance().discover(); "
        "PluginManager.instance().get_manifest('napari-glands')"
    ),
    "napari_window": "import napari; napari.Viewer(show=False)",
    "napari_window_with_workbench": (
        "import napari; window = napari.Viewer(show=False).window; "
        "window.add_plugin_dock_widget('napari-glands', 'Gland workbench')"
    ),
}
_TIMED = "import time; clock = time.perf_counter(); {}; print(time.perf_counter() - clock)"
_REPEATS = 3


def startup_seconds() -> dict[str, float]:
    """Time each start in processes of its own, without a display; the best of three.

    Returns
    -------
    dict
        Seconds by name. Without napari, only what starts without it.
    """
    found = {}
    for name, code in _PROBES.items():
        tries = [_seconds(code) for _ in range(_REPEATS)]
        known = [seconds for seconds in tries if seconds is not None]
        if known:
            found[name] = round(min(known), 2)
    return found


def _seconds(code: str) -> float | None:
    """Return what a piece of code takes in a fresh process; None where napari is not there."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=False,
    )
    if done.returncode and "No module named 'napari'" in done.stderr:
        return None
    if done.returncode:
        raise GlandsError(f"Cannot start: {done.stderr.strip().splitlines()[-1]}.")
    return float(done.stdout.split()[-1])
