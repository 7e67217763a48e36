"""Images named on the command line: found, opened one by one, and put into a project.

What cannot be read among many is left out and told; the command goes on and exits with 1.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from napari_glands.cli.options import Changes, changed, starting_settings
from napari_glands.cli.regions import add_from_file
from napari_glands.cli.terminal import fail, note
from napari_glands.errors import GlandsError
from napari_glands.presets import PresetName
from napari_glands.progress import CancelToken
from napari_glands.system_errors import system_error_behind

if TYPE_CHECKING:
    from napari_glands.project import Project
    from napari_glands.settings import Settings
    from napari_glands.slides import ImagePath, Slide
    from napari_glands.slides.pixel_size import MppSource

__all__ = [
    "Images",
    "Intake",
    "LeftOut",
    "MppOption",
    "PictureOption",
    "RecursiveOption",
    "Wanted",
    "exit_over",
    "filled_project",
]

T = TypeVar("T")

Images = Annotated[
    list[str],
    typer.Argument(help="Images: files, folders, patterns or addresses.", show_default=False),
]
MppOption = Annotated[
    float | None,
    typer.Option("--mpp", help="µm per pixel of the images, where they do not state it rightly."),
]
RecursiveOption = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        help="Look for images in all folders below those named, too; folders of masks and "
        "projects are passed over.",
    ),
]
PictureOption = Annotated[
    int | None,
    typer.Option(
        "--picture",
        min=1,
        help="Which picture of a file that holds several, from 1; for one image alone.",
        show_default=False,
    ),
]

# How many reasons are told when no image can be used at all.
_REASONS = 3
_CORNER = 32
_OF_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


@dataclass(frozen=True)
class Wanted:
    """What was said about images: which, and how they are to be understood.

    Attributes
    ----------
    images
        Files, folders, patterns and addresses.
    recursive
        Whether folders below are searched.
    mpp
        µm per pixel; None takes what the images state.
    picture
        Which picture of a file that holds several.
    """

    images: Sequence[str]
    recursive: bool = False
    mpp: float | None = None
    picture: int | None = None

    def __post_init__(self) -> None:
        if self.images:
            return
        for option, value in (("--mpp", self.mpp), ("--picture", self.picture)):
            if value is not None:  # the slides of a project have theirs
                raise typer.BadParameter(
                    f"{option} is for images named in the same command: name them too."
                )


@dataclass(frozen=True)
class LeftOut:
    """An image that is not worked on, and why."""

    image: str
    reason: str


@dataclass
class Intake:
    """The images that were named; each is opened by itself.

    Attributes
    ----------
    paths
        What was found.
    left_out
        What could not be used so far.
    """

    wanted: Wanted
    paths: list[ImagePath] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    _sizes: list[tuple[float, MppSource]] = field(default_factory=list)

    @classmethod
    def of(cls, wanted: Wanted) -> Intake:
        """Find the images.

        Raises
        ------
        GlandsError
            When something that was named stands for no image.
        typer.BadParameter
            When a picture is chosen for more than one image.
        """
        from napari_glands.slides import find_images

        if not wanted.images:
            return cls(wanted)
        paths = find_images(wanted.images, recursive=wanted.recursive)
        if wanted.picture is not None and len(paths) != 1:
            raise typer.BadParameter("--picture is for one image: name that image alone.")
        return cls(wanted, paths)

    def each(
        self, default_mpp: float, use: Callable[[Slide], T], cancel: CancelToken
    ) -> Iterator[tuple[ImagePath, T]]:
        """Open each image and do something with it; yield what came of it.

        Raises
        ------
        GlandsError
            After the last image, when none could be used.
        Cancelled
            Between two images, when that was asked for.
        """
        used = 0
        for path in self.paths:
            cancel.check()
            try:
                result = use(self._opened(path, default_mpp))
            except GlandsError as error:
                self.leave_out(path, error)
            else:
                used += 1
                yield path, result
        if self.paths and not used:
            raise self.nothing_left()

    def leave_out(self, path: ImagePath, error: GlandsError) -> None:
        """Go on without an image."""
        from napari_glands.slides.finding import why_unreadable

        self.left_out.append(LeftOut(str(path), why_unreadable(path, error)))

    def nothing_left(self) -> GlandsError:
        """Return the error to end with when no image can be used."""
        reasons = " ".join(left.reason for left in self.left_out[:_REASONS])
        more = len(self.left_out) - _REASONS
        if more > 0:
            reasons += f" And {more} more that cannot be used."
        return GlandsError(reasons)

    def left_out_rows(self) -> list[dict[str, str]]:
        """Return the images that were left out, as plain data for JSON."""
        return [asdict(left) for left in self.left_out]

    def tell_sizes(self) -> None:
        """Warn, once for all images, of pixel sizes that the files do not state."""
        total = len(self._sizes)
        assumed = [mpp for mpp, source in self._sizes if source == "default"]
        estimated = [mpp for mpp, source in self._sizes if source == "estimated"]
        if assumed:
            note(
                f"Warning: {len(assumed)} of {total} images do not state their pixel size: "
                f"{assumed[0]:g} µm/px is assumed. State the right one with --mpp."
            )
        if estimated:
            values = ", ".join(f"{mpp:g}" for mpp in sorted(set(estimated)))
            note(
                f"Warning: {len(estimated)} of {total} images state a magnification but no pixel "
                f"size: {values} µm/px is estimated from it. State the right one with --mpp."
            )

    def _opened(self, path: ImagePath, default_mpp: float) -> Slide:
        from napari_glands.slides.remarks import open_with_remarks

        wanted = self.wanted
        slide, remarks = open_with_remarks(
            path, mpp=wanted.mpp, default_mpp=default_mpp, picture=wanted.picture
        )
        with _about(path):
            slide.checksum  # noqa: B018 all of the file is read for it, or much of it
        own = [r for r in remarks if not _is_told_once(r.replace(str(path), ""), slide.mpp_source)]
        for remark in own:
            note(f"Warning: {remark}")
        told = any("assumed" in remark for remark in own)
        self._sizes.append((slide.mpp, "metadata" if told else slide.mpp_source))
        return slide


def exit_over(intake: Intake) -> None:
    """End a command that has printed its results; with code 1 when images were left out.

    Raises
    ------
    typer.Exit
        With code 1.
    """
    left = intake.left_out
    if not left:
        return
    for one in left:
        named = Path(one.image).name in one.reason
        note(f"Left out: {one.reason if named else f'{one.image}: {one.reason}'}")
    were = "was" if len(left) == 1 else "were"
    raise fail(f"{len(left)} of {len(intake.paths)} images {were} left out; the others are done.")


def exit_over_slides(left_out: Sequence[str]) -> None:
    """End a command that has printed its results; with code 1 when slides were left out.

    Parameters
    ----------
    left_out
        Which and why, a sentence each.

    Raises
    ------
    typer.Exit
        With code 1.
    """
    if left_out:
        for sentence in left_out:
            note(f"Left out: {sentence}")
        slides = "1 slide was" if len(left_out) == 1 else f"{len(left_out)} slides were"
        raise fail(f"{slides} left out; the others are done.")


@contextmanager
def filled_project(
    intake: Intake,
    folder: Path,
    settings_file: Path | None,
    preset: PresetName | None,
    changes: Changes,
    cancel: CancelToken,
    regions: Path | None = None,
) -> Iterator[Project]:
    """Open or make a project, and add the images to it.

    A project that would hold nothing, or not the regions that were asked for, is not left behind.

    Parameters
    ----------
    intake
        The images; none goes on with those of the project.
    folder
        Of the project.
    settings_file, preset, changes
        What its settings start from.
    cancel
        Looked at between images.
    regions
        GeoJSON whose annotations become regions of the one image.

    Raises
    ------
    GlandsError, typer.BadParameter
        When there is nothing to put into a new project, or something is wrong with what was named.
    """
    from napari_glands.project import Project

    base = starting_settings(preset, settings_file)
    exists = (folder.expanduser() / "project.json").exists()
    if not exists:
        if not intake.paths:
            raise typer.BadParameter(f"{folder} is no project yet: name images to make one.")
        changed(base, changes)  # refused before a folder is made

    def settings_for(project: Project) -> Settings:
        return changed(starting_settings(preset, settings_file, project.settings), changes)

    if exists:
        with Project.open(folder, read_only=False) as project:
            project.set_settings(settings_for(project))
            _add(intake, project, cancel, regions)
            yield project
        return
    with _new_project(folder, base) as (project, keep):
        project.set_settings(settings_for(project))
        try:
            _add(intake, project, cancel, regions)
        finally:
            if regions is None and project.slides:
                keep()  # those that were added before something went wrong
        keep()
        yield project


@contextmanager
def _new_project(folder: Path, base: Settings) -> Iterator[tuple[Project, Callable[[], None]]]:
    """Make a project that is gone again at the end, unless it is said that it is kept."""
    from napari_glands.project import Project

    place = folder.expanduser().absolute()
    made = [path for path in (place, *place.parents) if not path.exists()]
    kept: list[bool] = []
    project = Project.create(folder, base)
    try:
        yield project, lambda: kept.append(True)
    finally:
        project.close()
        if not kept:
            _remove_project(project.path, made)


def _remove_project(place: Path, made: Sequence[Path]) -> None:
    """Remove a project that was just made, and of the folders around it those made with it."""
    for path in place.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for path in made:
        with suppress(OSError):  # something else was put there meanwhile
            path.rmdir()


def _add(intake: Intake, project: Project, cancel: CancelToken, regions: Path | None) -> None:
    known = {entry.id for entry in project.slides}

    def add(slide: Slide) -> Any:
        if slide.id not in known:
            with _about(slide.path or slide.name):
                _read_corner(slide)
        try:
            (entry,) = project.add_slides([slide])
        except GlandsError as error:
            refused = system_error_behind(error)
            if refused is not None and refused.errno in _OF_WRITING:
                raise refused from error  # the project's disk: no other image would fare better
            raise
        finally:
            slide.close()
        if regions is not None:
            add_from_file(project, entry, regions)
        return entry

    for _ in intake.each(project.settings.general.default_mpp, add, cancel):
        pass
    intake.tell_sizes()


@contextmanager
def _about(path: ImagePath) -> Iterator[None]:
    """Turn a failure of the disk under an image into one of that image."""
    try:
        yield
    except OSError as error:
        raise GlandsError(
            f"{path} cannot be read ({error.strerror or error}): copy it again, or check the disk."
        ) from error


def _read_corner(slide: Slide) -> None:
    """Read where a file that was cut off ends, so that it does not stop all others later."""
    from napari_glands.slides import Region

    height, width = slide.shape
    side = min(_CORNER, height, width)
    slide.read(None, Region(height - side, width - side, side, side))


def _is_told_once(text: str, source: MppSource) -> bool:
    """Tell whether `Intake.tell_sizes` says what a warning does."""
    if source == "default":
        return "does not state its pixel size" in text
    return source == "estimated" and "estimated" in text
