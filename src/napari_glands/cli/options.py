"""Options of the command line made from the fields of `settings.py`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import annotated_types
import typer
from pydantic.fields import FieldInfo

from napari_glands.errors import GlandsError
from napari_glands.presets import PresetName, preset, preset_fields
from napari_glands.project.commands import option_name
from napari_glands.settings import Settings, load_settings

__all__ = [
    "Changes",
    "PresetOption",
    "SettingsOption",
    "changed",
    "starting_settings",
    "with_preset",
    "with_settings",
]

Changes = dict[str, dict[str, Any]]
"""Values of the settings that the user named, by step and field."""

PresetOption = Annotated[
    PresetName | None,
    typer.Option(
        "--preset",
        help="How much time to spend: quick (a first look), default, or best (for a GPU). "
        "--settings and single options stand above it.",
        show_default=False,
    ),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option("--settings", help="JSON file with settings; missing ones keep their defaults."),
]


def with_settings(**fields: Sequence[str] | None) -> Callable[[Callable[..., Any]], Any]:
    """Give a command one option per setting.

    The command's parameter ``changes`` is filled with the values that the user named.

    Parameters
    ----------
    **fields
        By step, the names of its fields; None for all of them.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        options = {
            name: (step, info)
            for step, names in fields.items()
            for name, info in _fields_of(step).items()
            if names is None or name in names
        }

        @functools.wraps(command)
        def wrapper(**given: Any) -> Any:
            changes: Changes = {}
            for name, (step, info) in options.items():
                value = given.pop(name)
                if value is not None:
                    changes.setdefault(step, {})[name] = _from_option(value, info)
            return command(**given, changes=changes)

        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [p for p in own if p.name != "changes"]
        parameters += [_parameter(name, step, info) for name, (step, info) in options.items()]
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def changed(settings: Settings, changes: Changes) -> Settings:
    """Return settings with the user's changes.

    Raises
    ------
    typer.BadParameter
        When a value is out of bounds.
    """
    try:
        for step, values in changes.items():
            settings = settings.updated(step, **values)
    except GlandsError as error:
        raise typer.BadParameter(str(error)) from error
    return settings


def starting_settings(
    name: PresetName | None, file: Path | None, present: Settings | None = None
) -> Settings:
    """Return what a run starts from, before single options are looked at.

    Parameters
    ----------
    name
        A preset.
    file
        A settings file; the fields that it names stand above the preset, the others are defaults.
    present
        Settings of an existing project. They are kept where there is no file, but for what the
        preset speaks of.

    Raises
    ------
    GlandsError
        When the file cannot be read or has an invalid field.
    """
    settings = present if present is not None and file is None else Settings()
    if name is not None:
        settings = preset(name, settings)
    if file is not None:
        for step, values in load_settings(file).model_dump(exclude_unset=True).items():
            settings = settings.updated(step, **values)
    return settings


def with_preset(changes: Changes, name: PresetName | None, step: str) -> Changes:
    """Return the changes that a preset makes to one step, under those that the user named."""
    if name is None:
        return changes
    return {**changes, step: {**preset_fields(name).get(step, {}), **changes.get(step, {})}}


def _fields_of(step: str) -> dict[str, FieldInfo]:
    return type(getattr(Settings(), step)).model_fields


def _parameter(name: str, step: str, info: FieldInfo) -> inspect.Parameter:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    kind = _plain_type(info.annotation)
    flag = option_name(name)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=_help(info, extra),
        min=_lowest(info),
        max=_bound(info, annotated_types.Le, "le"),
        rich_help_panel=f"Settings: {step}" + (" (advanced)" if extra.get("advanced") else ""),
        show_default=False,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _help(info: FieldInfo, extra: dict[str, Any]) -> str:
    default = info.default
    if isinstance(default, bool):
        default = "on" if default else "off"
    elif default is None:
        return f"{info.description} (0: empty, the default)"
    return (
        f"{info.description} (default: {default}{' ' + extra['unit'] if 'unit' in extra else ''})"
    )


def _plain_type(annotation: Any) -> Any:
    """Strip None from an optional type."""
    if get_origin(annotation) is UnionType:
        (annotation,) = (a for a in get_args(annotation) if a is not NoneType)
    return annotation


def _optional(info: FieldInfo) -> bool:
    return NoneType in get_args(info.annotation)


def _lowest(info: FieldInfo) -> Any:
    """Return the smallest value; one less where an option needs a value that means none."""
    lowest = _bound(info, annotated_types.Ge, "ge")
    return lowest - 1 if _optional(info) and lowest is not None else lowest


def _from_option(value: Any, info: FieldInfo) -> Any:
    """Turn the value below the smallest of an optional field into None."""
    if _optional(info) and value == _lowest(info):
        return None
    return value


def _bound(info: FieldInfo, kind: type, name: str) -> Any:
    return next((getattr(m, name) for m in info.metadata if isinstance(m, kind)), None)
