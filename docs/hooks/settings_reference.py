"""Write the settings' reference from `settings.py` itself, at every build."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from napari_glands.settings import Settings

_MARK = "<!-- all settings -->"
_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def on_page_markdown(markdown: str, *, page: Any, **rest: Any) -> str:
    """Put the settings where the page asks for them."""
    return markdown.replace(_MARK, _settings()) if _MARK in markdown else markdown


def _settings() -> str:
    parts = []
    for step, info in Settings.model_fields.items():
        model: Any = info.annotation
        rows = [_row(name, field) for name, field in model.model_fields.items()]
        head = "| Setting | Name | Default | Values | What it does |\n|---|---|---|---|---|\n"
        intro = (model.__doc__ or "").strip().splitlines()[0]
        parts.append(f"## {step}\n\n{intro}\n\n{head}" + "\n".join(rows))
    return "\n\n".join(parts)


def _row(name: str, info: FieldInfo) -> str:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    unit = f" {extra['unit']}" if "unit" in extra else ""
    default = "empty" if info.default is None else f"{_plain(info.default)}{unit}"
    title = f"{info.title} *(advanced)*" if extra.get("advanced") else str(info.title)
    return f"| {title} | `{name}` | {default} | {_values(info)} | {info.description} |"


def _plain(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _values(info: FieldInfo) -> str:
    kind = info.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is UnionType:
        (kind,) = (a for a in get_args(kind) if a is not NoneType)
    names = {int: "whole number", float: "number", bool: "on, off", str: "text"}
    bounds = [
        f"{sign} {getattr(limit, key):g}"
        for limit in info.metadata
        for key, sign in _BOUNDS.items()
        if hasattr(limit, key)
    ]
    return " ".join([names.get(kind, "text") if isinstance(kind, type) else "text", *bounds])
