"""What the guide says about certificates, done as a user would do it."""

import os
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

_GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "cluster.md"


def do(title, home):
    """Run a block of commands of the guide, with somebody's home folder."""
    commands = re.search(rf'title="{title}"\n(.*?)^```', _GUIDE.read_text("utf-8"), re.S | re.M)[1]
    env = {**os.environ, "HOME": str(home)}
    subprocess.run(["sh", "-ec", commands], env=env, check=True, capture_output=True)


def make_certificates(home):
    """Certificates made by the guide's commands in somebody's home; their folder."""
    if which("openssl") is None:
        pytest.skip("the guide's commands need openssl")
    do("certificates.sh", home)
    return home / "dask-tls"
