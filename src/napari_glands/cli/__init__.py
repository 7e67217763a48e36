"""The command line: the same core as the workbench and the Python interface."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the entry point ``napari-glands``."""
    from napari_glands.cli.app import app

    app()
