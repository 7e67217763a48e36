"""A step as something to run elsewhere: one command line, or a few lines of Python.

Both name only the settings that differ from the defaults, and do the same as the step in the
workbench does.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_glands.project.schema import PartOfSlide, SlideEntry
from napari_glands.settings import Settings

__all__ = [
    "ImageFile",
    "command_line",
    "export_command",
    "export_python",
    "image_files",
    "new_command",
    "new_python",
    "option_name",
    "python_code",
    "regions_of",
    "step_options",
]

_GENERAL_OPTIONS: dict[str, tuple[str, ...]] = {
    "exterior": ("working_mpp", "device", "seed"),
    "train": ("device", "devices", "seed"),
    "predict": ("device",),
}
# Settings of the priors that only growing looks at.
_GROW_OPTIONS = ("grow_score",)
# What the functions and commands take beside settings, where it is not given.
_DEFAULTS: dict[str, Any] = {"name": "glands", "replace_curated": False, "go_on": False}


def step_options(step: str) -> dict[str, tuple[str, ...]]:
    """Return the settings that a step's command takes as options, by part; the others are kept."""
    if step == "grow":
        return {"priors": _GROW_OPTIONS}
    part = Settings.model_fields.get(step)
    names = () if part is None else tuple(type(part.default).model_fields)
    own = {step: tuple(n for n in names if n not in _GROW_OPTIONS)} if names else {}
    general = _GENERAL_OPTIONS.get(step, ())
    return {**own, "general": general} if general else own


def option_name(field_name: str) -> str:
    """Return the command-line option of a setting, such as ``--min-area-um2``."""
    return "--" + field_name.replace("_", "-")


# ---- one step on a project


def command_line(
    project: Path, step: str, settings: Settings, arguments: Mapping[str, Any] | None = None
) -> str:
    """Return the command line that runs a step with these settings.

    Parameters
    ----------
    project
        Its folder.
    step
        ``"exterior"``, ``"priors"``, ``"train"``, ``"predict"``, ``"grow"`` or ``"measure"``.
    settings
        Those at their default are left out.
    arguments
        What the step is told beside settings: ``name``, ``replace_curated``, ``go_on``.
    """
    words = ["napari-glands", step, "--project", str(project)]
    for name, value in _told(arguments).items():
        words += [option_name(name)] if value is True else [option_name(name), str(value)]
    return _join(words + _options(settings, step_options(step)))


def python_code(
    project: Path,
    steps: Sequence[str],
    settings: Settings,
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """Return Python code that runs steps with these settings.

    Parameters
    ----------
    project, settings, arguments
        As for `command_line`; the arguments are the first step's.
    steps
        One after the other.
    """
    told = "".join(f", {name}={value!r}" for name, value in _told(arguments).items())
    calls = [
        f"    steps.run_{step}(project, settings{told if number == 0 else ''})"
        for number, step in enumerate(steps)
    ]
    return _code(
        "import napari_glands as ng",
        "from napari_glands.project import steps",
        "",
        f"settings = {_settings_code(settings)}",
        f"with ng.Project.open({str(project)!r}, read_only=False) as project:",
        *calls,
    )


# ---- images into a project


ImageFile = tuple[Path, float | None] | tuple[Path, float | None, int]
"""A file, the pixel size it was given (None: as it states it), and which of its pictures is meant,
where it holds several."""


def image_files(project: Path, slides: Iterable[SlideEntry]) -> list[ImageFile]:
    """Return the files of slides.

    Slides without a file of their own, such as layers and samples, are left out.
    """
    return [
        _image_file(project, entry)
        for entry in slides
        if entry.region is None and _has_file(project, entry)
    ]


def _image_file(project: Path, entry: SlideEntry) -> ImageFile:
    path = (project / entry.path).resolve()
    mpp = None if entry.mpp_source == "metadata" else entry.mpp
    return (path, mpp) if entry.picture is None else (path, mpp, entry.picture)


def regions_of(project: Path, slides: Iterable[SlideEntry]) -> list[tuple[PartOfSlide, float]]:
    """Return the regions of those slides that have a file of their own, with their pixel size."""
    return [(e.region, e.mpp) for e in slides if e.region is not None and _has_file(project, e)]


def new_command(
    project: Path,
    files: Sequence[ImageFile],
    settings: Settings,
    regions: Sequence[tuple[PartOfSlide, float]] = (),
) -> str:
    """Return the command lines that put images into a project.

    One for each pixel size, picture of a file, and region.
    """
    lines = []
    for mpp, picture, paths in _alike(files):
        words = ["napari-glands", "new", *map(str, paths), "--project", str(project)]
        words += [] if mpp is None else ["--mpp", str(mpp)]
        words += [] if picture is None else ["--picture", str(picture)]
        lines.append(_join(words + _options(settings, {"general": _fields("general")})))
    for part, mpp in regions:
        box = (part.x, part.y, part.width, part.height)
        words = ["napari-glands", "regions", "--project", str(project), "--slide", part.of, "--add"]
        lines.append(_join([*words, *(f"{pixels * mpp:.12g}" for pixels in box)]))
    return "\n".join(lines)


def new_python(
    project: Path,
    files: Sequence[ImageFile],
    settings: Settings,
    regions: Sequence[tuple[PartOfSlide, float]] = (),
) -> str:
    """Return Python code that puts images into a project."""
    calls = []
    for mpp, picture, paths in _alike(files):
        given = "" if mpp is None else f", mpp={mpp!r}"
        names = [repr(str(path)) for path in paths]
        if picture is not None:
            names = [f"ng.open_slide({name}, picture={picture})" for name in names]
        calls += ["    project.add_slides("]
        calls += ["        [", *(f"            {name}," for name in names)]
        calls += ["        ]" + given, "    )"]
    calls += [f"    project.add_regions({part.of!r}, [{part.place!r}])" for part, _ in regions]
    return _code(
        "import napari_glands as ng",
        *(["from napari_glands.slides import Region"] if regions else []),
        "",
        f"settings = {_settings_code(settings)}",
        f"with ng.Project.create_or_open({str(project)!r}, settings) as project:",
        *calls,
    )


def _has_file(project: Path, entry: SlideEntry) -> bool:
    return not (project / entry.path).resolve().is_relative_to(project / "slides")


def _alike(files: Sequence[ImageFile]) -> list[tuple[float | None, int | None, list[Path]]]:
    """Group files that one call takes: those of one pixel size; a picture of a file is alone."""
    groups: dict[float | None, list[Path]] = {}
    alone: list[tuple[float | None, int | None, list[Path]]] = []
    for file in files:
        if len(file) == 3:
            alone.append((file[1], file[2], [file[0]]))
        else:
            groups.setdefault(file[1], []).append(file[0])
    return [*((mpp, None, paths) for mpp, paths in groups.items()), *alone]


# ---- files out of a project


def export_command(
    project: Path,
    settings: Settings,
    formats: Sequence[str],
    out: Path,
    *,
    slides: Sequence[str] = (),
    overwrite: bool = False,
) -> str:
    """Return the command line that exports the glands.

    Parameters
    ----------
    project, settings
        As for `command_line`.
    formats
        ``"ome-zarr"``, ``"geojson"``, ``"csv"``, ``"png"``.
    out
        Folder to write into.
    slides
        Ids of the slides; none for all.
    overwrite
        Whether files that exist are replaced.
    """
    words = ["napari-glands", "export", "--project", str(project)]
    for name in formats:
        words += ["--format", name]
    words += ["--out", str(out)]
    for slide_id in slides:
        words += ["--slide", slide_id]
    words += ["--overwrite"] if overwrite else []
    return _join(words + _options(settings, {"export": _fields("export")}))


def export_python(
    project: Path,
    settings: Settings,
    formats: Sequence[str],
    places: Mapping[str, Path],
    *,
    overwrite: bool = False,
) -> str:
    """Return Python code that exports the glands.

    Parameters
    ----------
    project, settings, formats, overwrite
        As for `export_command`.
    places
        By slide id, the path of its files without their ending.
    """
    more = ", overwrite=True" if overwrite else ""
    options = settings.export
    pixels = {"ome-zarr", "png"} & set(formats)
    calls = {
        "ome-zarr": f'ng.export_ome_zarr(prediction, place + ".zarr", ngff={options.ngff!r}, '
        f"slide=slide{more})",
        "geojson": 'ng.export_geojson(prediction, place + ".geojson", '
        f"classification={options.classification!r}{more})",
        "csv": f'ng.export_csv(prediction, place + ".csv", style={options.csv_style!r}{more})',
        "png": "ng.export_png(prediction, os.path.dirname(place), slide, "
        f"name=os.path.basename(place){more})",
    }
    return _code(
        *(["import os", ""] if "png" in formats else []),
        "import napari_glands as ng",
        "",
        "places = {",
        *(f"    {slide_id!r}: {str(path)!r}," for slide_id, path in places.items()),
        "}",
        f"with ng.Project.open({str(project)!r}, read_only=True) as project:",
        "    for slide_id, place in places.items():",
        "        prediction = project.load_prediction(slide_id)",
        *(["        slide = project.slide(slide_id)"] if pixels else []),
        *(f"        {calls[name]}" for name in formats),
    )


# ---- inside


def _fields(part: str) -> tuple[str, ...]:
    return tuple(type(getattr(Settings(), part)).model_fields)


def _options(settings: Settings, names: Mapping[str, Sequence[str]]) -> list[str]:
    words: list[str] = []
    for part, fields in names.items():
        for name in fields:
            words += _option(getattr(settings, part), name)
    return words


def _option(values: Any, name: str) -> list[str]:
    value = getattr(values, name)
    if value == type(values).model_fields[name].default or value is None:
        return []
    if isinstance(value, bool):
        return [option_name(name) if value else "--no-" + option_name(name)[2:]]
    return [option_name(name), str(value)]


def _told(arguments: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arguments that are not what they are anyway."""
    return {k: v for k, v in (arguments or {}).items() if v != _DEFAULTS.get(k)}


def _settings_code(settings: Settings) -> str:
    """Return the expression that makes these settings from the defaults."""
    calls = []
    for part in Settings.model_fields:
        values = getattr(settings, part)
        changed = {
            name: getattr(values, name)
            for name, field in type(values).model_fields.items()
            if getattr(values, name) != field.default
        }
        if changed:
            inside = ", ".join(f"{name}={value!r}" for name, value in changed.items())
            calls.append(f".updated({part!r}, {inside})")
    if len(calls) < 2:
        return "ng.Settings()" + "".join(calls)
    return "\n".join(["(", "    ng.Settings()", *(f"    {call}" for call in calls), ")"])


def _join(words: Sequence[str]) -> str:
    """Quote words for the shell of this system."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _code(*lines: str) -> str:
    return "\n".join(lines) + "\n"
