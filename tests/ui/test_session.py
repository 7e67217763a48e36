"""A whole working session, as `make session` runs it, on small images with little training."""

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = Path(__file__).parent / "session" / "run.py"


def test_a_working_session_from_images_to_a_killed_and_resumed_project():
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), "--short", "--kills", "1"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["kill_runs"], figures["kill_lost"]) == (1, 0)
    assert figures["cancel_s"] > 0
