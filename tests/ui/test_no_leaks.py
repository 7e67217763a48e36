from __future__ import annotations

import importlib.util
from pathlib import Path

from napari_glands.widgets.job_bar import JobBar


def test_a_widget_that_stays_alive_is_named(qapp):
    here = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("ui_conftest", here)
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    before = conftest.ours_alive()
    bar = JobBar()
    assert any("JobBar" in name for name in conftest.ours_alive() - before)
    bar.deleteLater()
    assert not conftest.ours_alive() - before
