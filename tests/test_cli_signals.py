"""Ctrl-C, streams that nobody reads, and names that a terminal would act on."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from typer.testing import CliRunner

from napari_glands.cli import interrupts
from napari_glands.cli.app import app
from napari_glands.sample_data import gland_field

HOSTILE = "<b>p[/b]\x1b[2J\u202ex & [red]"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals, closes descriptors")
runner = CliRunner()


def start(*arguments, **more):
    command = [sys.executable, "-c", "from napari_glands.cli import main; main()"]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"env": ENVIRONMENT, **more},
    )


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "field.png"
    Image.fromarray(gland_field((200, 200), seed=6).image).save(path)
    return path


@posix
@pytest.mark.parametrize(
    ("number", "delay", "code"),
    [
        (signal.SIGINT, 0.15, 130),
        (signal.SIGINT, 0.6, 130),
        (signal.SIGINT, 1.5, 130),
        (signal.SIGTERM, 0.4, 143),
    ],
)
def test_a_signal_during_start_up_is_one_line_and_a_status(number, delay, code):
    process = start("doctor", "--json")
    time.sleep(delay)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:  # faster than the signal
        json.loads(out)
        return
    assert process.returncode == code
    assert len(err.splitlines()) == 1, err
    assert out == ""


@posix
def test_a_second_signal_ends_at_once_and_says_nothing_more(tmp_path):
    code = (
        "import signal, threading, time\n"
        "from napari_glands.cli import interrupts\n"
        "interrupts.listen()\n"
        "def ask(): print('asked', flush=True)\n"
        "with interrupts.leaving(ask):\n"
        "    signal.raise_signal(signal.SIGINT); time.sleep(0.3)\n"
        "    print('on', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT); time.sleep(30)\n"
        "print('never')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (130, ["asked", "on"], "")


@posix
def test_a_result_is_printed_whole_before_the_program_ends():
    code = (
        "import signal, time\n"
        "from napari_glands.cli import interrupts\n"
        "interrupts.listen()\n"
        "with interrupts.held():\n"
        "    print('half', flush=True)\n"
        "    signal.raise_signal(signal.SIGINT); time.sleep(0.3)\n"
        "    print('whole', flush=True)\n"
        "print('never')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split()) == (130, ["half", "whole"])
    assert done.stderr == "Interrupted.\n"


@posix
def test_listening_for_a_while_leaves_the_handlers_as_they_were():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    asked = []
    with interrupts.listening(), interrupts.leaving(lambda: asked.append(True)):
        signal.raise_signal(signal.SIGINT)
        for _ in range(100):
            if asked:
                break
            time.sleep(0.01)
        assert interrupts.heard() == signal.SIGINT
    assert asked == [True]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert interrupts.heard() == 0


def test_the_window_opens_in_a_process_that_knows_no_qt_yet():
    pytest.importorskip("qtpy")
    code = (
        "import sys, types, importlib.machinery as machinery\n"
        "for name in ('napari', 'napari_glands.workbench'):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
        "    sys.modules[name].__spec__ = machinery.ModuleSpec(name, None)\n"
        "sys.modules['napari'].run = lambda: print('runs')\n"
        "sys.modules['napari_glands.workbench'].open_workbench = lambda *a: print('opened')\n"
        "from napari_glands.cli.viewer import show_workbench\n"
        "show_workbench(None, [])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["opened", "runs"], done.stderr


def test_hostile_names_are_text_on_the_terminal(image, tmp_path):
    folder = tmp_path / HOSTILE.replace("/", "∕")
    folder.mkdir()
    slide = folder / "a[bold]\x1b[31m\r\n.png"
    slide.write_bytes(image.read_bytes())
    project = folder / "p[bold].glands"
    for arguments in (
        ["new", slide, "--project", project, "--mpp", 0.62],
        ["regions", "--project", project, "--slide", "[/b]\x1b[2J"],
        ["measure", "--project", folder / "none\x1b[2J.glands"],
        ["export", "-p", project, "-o", tmp_path, "-f", "\x1b[2J[/b]"],
        ["evaluate", "--pred", folder, "--truth", folder],
        ["new", "\x1b[2J[/b].png", "--project", project],
        ["\x1b[2J[/b]"],
        ["train", "-p", project, "--iterations", "\x1b[2J[/b]"],
        ["predict", "-p", project, "--\x1b[2J[/b]"],
    ):
        result = runner.invoke(app, [str(a) for a in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "\x1b" not in result.output, arguments
        assert "\u202e" not in result.output, arguments
        assert "\r" not in result.output, arguments
    result = runner.invoke(app, ["new", str(slide), "-p", str(project), "--mpp", "0.62"])
    assert result.exit_code == 0
    assert "p[bold].glands" in result.stdout.replace("\n", "")
    assert r"a[bold]\x1b[31m" in result.stdout
    result = runner.invoke(app, ["new", str(slide), "-p", str(project), "--json"])
    assert "\x1b" not in result.stdout
    assert json.loads(result.stdout)["project"] == str(project)


@posix
def test_a_name_that_is_no_utf8_is_shown_and_read_back(image, tmp_path):
    slide = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(slide, "wb") as file:
            file.write(image.read_bytes())
    except OSError:
        pytest.skip("the file system takes no such names")
    process = start("new", os.fsdecode(slide), "-p", tmp_path / "p.glands", "--mpp", "0.62")
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert r"caf\udce9" in (out + err).replace("\n", "")


@posix
def test_output_in_another_encoding_or_to_nobody_ends_quietly(image, tmp_path):
    project = tmp_path / "é日.glands"
    arguments = ["new", image, "-p", project, "--mpp", "0.62"]
    process = start(*arguments, "--json", env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["project"] == str(project)
    process = start(*arguments)
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    process.wait(60)
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    shell = 'exec "$@" >&- 2>&-'
    command = [sys.executable, "-m", "napari_glands", *map(str, arguments)]
    done = subprocess.run(["sh", "-c", shell, "sh", *command], env=ENVIRONMENT, check=False)
    assert done.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_to_a_full_disk_is_one_line(image, tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "napari_glands", "new", str(image), "-p"]
        command += [str(tmp_path / "p.glands"), "--mpp", "0.62", "--json"]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False
        )
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "Error" in line]
    assert "the output: " in line
    assert "the disk is full" in line
