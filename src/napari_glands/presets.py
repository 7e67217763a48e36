"""Named settings: how much time a run may take."""

from __future__ import annotations

from typing import Any, Literal, get_args

from napari_glands.errors import GlandsError
from napari_glands.settings import Settings

__all__ = ["PRESETS", "PresetName", "preset", "preset_fields"]

PresetName = Literal["quick", "default", "best"]
PRESETS: tuple[PresetName, ...] = get_args(PresetName)

# What differs from the defaults, by step and field.
_CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    # Ten images on two CPU cores within five minutes, all steps.
    "quick": {
        "exterior": {"iterations": 60},
        "train": {"iterations": 150, "rounds": 2},
        "predict": {"flips": False},
    },
    "default": {},
    # Meant for a GPU, and not measured on one.
    "best": {
        "exterior": {"iterations": 200},
        "train": {"encoder": "resnet50", "iterations": 1500, "rounds": 4, "batch_size": 16},
        "predict": {"flips": True},
    },
}


def preset(name: str, base: Settings | None = None) -> Settings:
    """Return named settings.

    Parameters
    ----------
    name
        ``"quick"``: a first look; ten images take at most five minutes on two CPU cores.
        ``"default"``: the defaults. ``"best"``: a larger encoder, longer rounds, and prediction
        averaged over mirrored views; meant for a GPU.
    base
        Settings that keep what no preset speaks of, such as the seed; the defaults when not given.

    Raises
    ------
    GlandsError
        When there is no such preset.
    """
    settings = base or Settings()
    for step, values in preset_fields(name).items():
        settings = settings.updated(step, **values)
    return settings


def preset_fields(name: str) -> dict[str, dict[str, Any]]:
    """Return, by step, every field that presets speak of, with its value in this one.

    Raises
    ------
    GlandsError
        When there is no such preset.
    """
    if name not in _CHANGES:
        raise GlandsError(f"There is no preset {name!r}: choose one of {', '.join(PRESETS)}.")
    defaults = Settings()
    fields: dict[str, dict[str, Any]] = {}
    for changes in _CHANGES.values():
        for step, values in changes.items():
            for field in values:
                default = getattr(getattr(defaults, step), field)
                chosen = _CHANGES[name].get(step, {}).get(field, default)
                fields.setdefault(step, {})[field] = chosen
    return fields
