from __future__ import annotations

from datetime import UTC, datetime, timedelta

from napari_glands.project.versions import keep_version


def test_a_copy_per_five_minutes_and_the_last_five(tmp_path):
    store, staging = tmp_path / "slide.zarr", tmp_path / ".staging"
    assert keep_version(store, staging, "priors") is None, "nothing is saved yet"
    saved = store / "labels" / "priors"
    saved.mkdir(parents=True)
    by_a_step = tmp_path / "slide.backups" / "priors-20200101T000000000000"
    by_a_step.mkdir(parents=True)
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    made = []
    for minute in range(0, 40, 2):
        (saved / "content").write_text(str(minute))
        copy = keep_version(store, staging, "priors", start + timedelta(minutes=minute))
        made += [minute] if copy else []
    assert made == [0, 6, 12, 18, 24, 30, 36]
    kept = sorted((tmp_path / "slide.backups").glob("priors-*-edits"))
    assert [(folder / "content").read_text() for folder in kept] == ["12", "18", "24", "30", "36"]
    assert by_a_step.is_dir()
    assert not list(staging.iterdir())
