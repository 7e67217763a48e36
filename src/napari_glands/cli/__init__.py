"""The command line: the same core as the workbench and the Python interface."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``napari-glands``."""
    import os
    import signal

    # First of all: what follows takes seconds, and the interpreter's own answer is a traceback.
    signal.signal(signal.SIGINT, lambda *_: (os.write(2, b"Interrupted.\n"), os._exit(130)))

    from napari_glands.cli import interrupts

    interrupts.listen()

    from napari_glands.cli.app import app
    from napari_glands.cli.streams import forgiving_streams

    with forgiving_streams():
        app()
