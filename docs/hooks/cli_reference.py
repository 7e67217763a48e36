"""Write the command line's reference from the command line itself, at every build."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.cli import get_docs_for_click

from napari_glands.cli.app import app

_MARK = "<!-- all commands -->"


def on_page_markdown(markdown: str, *, page: Any, **rest: Any) -> str:
    """Put the commands where the page asks for them."""
    return markdown.replace(_MARK, _commands()) if _MARK in markdown else markdown


def _commands() -> str:
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="napari-glands")
    text = get_docs_for_click(obj=command, ctx=context, name="napari-glands")
    _, _, commands = text.partition("\n## ")
    # A command's own --help says nothing that this page does not.
    return re.sub(r"^\* `-h, --help`.*\n|^\* `--help`.*\n", "", "## " + commands, flags=re.M)
