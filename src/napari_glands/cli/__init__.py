"""The command line: the same core as the workbench and the Python interface."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``napari-glands``."""
    from napari_glands.cli import interrupts

    interrupts.listen()  # first: what follows takes seconds

    from napari_glands.cli.app import app
    from napari_glands.cli.streams import forgiving_streams

    with forgiving_streams():
        app()
