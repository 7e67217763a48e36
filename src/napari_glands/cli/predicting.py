"""Predicting images that belong to no project: which files are written, and which are there."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari_glands
from napari_glands.atomic import write_json
from napari_glands.cli.files import Format, Named, export_all
from napari_glands.cli.images import Intake
from napari_glands.cli.options import Changes, changed
from napari_glands.errors import GlandsError
from napari_glands.progress import Event

if TYPE_CHECKING:
    from napari_glands.segmentation import Model
    from napari_glands.settings import Settings
    from napari_glands.slides import ImagePath, Slide
    from napari_glands.workers import Crew

__all__ = ["predict_images"]

# The OME-Zarr folder comes last and says what all files of its image were made of: where it is,
# the others are whole.
_FORMATS = (Format.GEOJSON, Format.CSV, Format.PNG, Format.OME_ZARR)
_MARK = "napari_glands"
# How many files are named that are in the way.
_NAMED = 3


@dataclass(frozen=True)
class _Target:
    """An image to predict, under the name that its files get."""

    path: ImagePath
    slide: Slide
    name: str
    out: Path

    @property
    def zarr(self) -> Path:
        return self.out / f"{self.name}.zarr"

    @property
    def claim(self) -> Path:
        """What says, while files are written, that those there are ours to replace."""
        return self.out / f".{self.name}.begun"

    @property
    def files(self) -> list[Path]:
        """All files that may be written; a label image is either PNG or TIFF."""
        from napari_glands.export.png import file_name

        plain = file_name(self.name)
        ends = [f"{plain}_labels.png", f"{plain}_labels.tif", f"{plain}_overlay.png"]
        ends += [f"{self.name}.geojson", f"{self.name}.csv"]
        return [*(self.out / end for end in ends), self.zarr]


@dataclass(frozen=True)
class _Maker:
    """What predicts, and what is written down about it beside the results."""

    model: Model
    settings: Settings

    @cached_property
    def facts(self) -> dict[str, Any]:
        parts = {"predict": self.settings.predict, "export": self.settings.export}
        return {
            "version": napari_glands.__version__,
            "model": self.model.checksum,
            "settings": {name: part.model_dump(mode="json") for name, part in parts.items()},
        }

    def facts_on(self, slide: Slide) -> dict[str, Any]:
        """Return what the files of an image depend on."""
        return {**self.facts, "image": slide.checksum, "mpp": slide.mpp}


def predict_images(
    intake: Intake,
    model: Path,
    out: Path,
    changes: Changes,
    crew: Crew,
    *,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Predict and export image after image; say what was written.

    Images whose files are there already, made by the same model with the same settings, are not
    done again. Before any work it is known that no other file is in the way.

    Parameters
    ----------
    intake
        The images; what cannot be read is left out.
    model
        Folder of the model.
    out
        Folder to write to.
    changes
        Settings other than the model's.
    crew
        Who works, and whom to tell.
    overwrite
        Whether files made of something else may be replaced.

    Returns
    -------
    list of dict
        ``image``, ``glands``, ``files`` and ``left_out`` (the reason, or None) of each image.

    Raises
    ------
    GlandsError
        When there is no such model, files would be replaced, or no image can be used.
    """
    from napari_glands.segmentation import load_model

    trained = load_model(model)
    # Where it was trained says nothing about where it is applied.
    settings = changed(trained.settings.updated("general", device="auto"), changes)
    maker = _Maker(trained, settings)
    targets = _targets(intake, out.expanduser(), settings, crew)
    done = {t.name: glands for t in targets if (glands := _made_before(t, maker)) is not None}
    begun = {target.name for target in targets if _was_begun(target, maker)}
    if not overwrite:
        _refuse_to_replace([t for t in targets if t.name not in done and t.name not in begun])
    rows = []
    for target in targets:
        if crew.cancel.cancelled:
            break
        try:
            if target.name in done:
                glands, files = done[target.name], [f for f in target.files if f.exists()]
                text = f"Predicted before and up to date: {target.name}"
                crew.report(Event("predict", 1.0, text))
            else:
                replace = overwrite or target.name in begun
                glands, files = _predicted(target, maker, crew, replace)
        except GlandsError as error:
            intake.leave_out(target.path, error)
            continue
        finally:
            target.slide.close()
        rows.append(_row(target.slide.name, glands, [str(file) for file in files]))
    if not rows and not crew.cancel.cancelled:
        raise intake.nothing_left()
    return [*rows, *(_row(left.image, None, [], left.reason) for left in intake.left_out)]


def _targets(intake: Intake, out: Path, settings: Settings, crew: Crew) -> list[_Target]:
    """Open all images, close their files again, and give names to what will be written."""
    from napari_glands.export.png import file_name

    def looked_at(slide: Slide) -> Slide:
        slide.close()
        return slide

    opened = list(intake.each(settings.general.default_mpp, looked_at, crew.cancel))
    intake.tell_sizes()
    names = Counter(file_name(slide.name).casefold() for _, slide in opened)
    targets = {}
    for path, slide in opened:
        # Images of one name in several folders must not share their files.
        alone = names[file_name(slide.name).casefold()] == 1
        name = slide.name if alone else slide.id
        targets[name] = _Target(path, slide, name, out)  # a copy of an image is that image
    return list(targets.values())


def _refuse_to_replace(targets: Sequence[_Target]) -> None:
    """Refuse to replace files that were made of something else.

    Raises
    ------
    GlandsError
        When there are any.
    """
    there = [file for target in targets for file in target.files if file.exists()]
    if not there:
        return
    names = ", ".join(str(file) for file in there[:_NAMED])
    more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
    raise GlandsError(
        f"{names}{more} would be replaced, by results of another image, model or settings, or "
        "because they are not complete: allow it with --overwrite, or name another folder with "
        "--out."
    )


def _predicted(
    target: _Target, maker: _Maker, crew: Crew, overwrite: bool
) -> tuple[int, list[Path]]:
    """Predict one image and write its files: all of them, or none where there were none."""
    from napari_glands.measurement import measure
    from napari_glands.project.whole_slide.prediction import predicted_in

    there = {file for file in target.files if file.exists()}
    slide, settings, out = target.slide, maker.settings, target.out
    with predicted_in(out, maker.model, slide, settings, crew) as prediction:
        table = measure(prediction, cancel=crew.cancel)
        named = Named(slide, target.name)
        write_json(target.claim, maker.facts_on(slide))
        try:
            written = export_all(
                prediction,
                named,
                out,
                settings,
                table,
                _FORMATS,
                overwrite=overwrite,
                cancel=crew.cancel,
            )
            _write_mark(target, {**maker.facts_on(slide), "glands": len(table)}, written)
        except BaseException:
            for file in set(target.files) - there:
                _remove(file)
            raise
        finally:
            target.claim.unlink(missing_ok=True)
    return len(table), written


def _was_begun(target: _Target, maker: _Maker) -> bool:
    """Tell whether a run that was killed was about to write these very files."""
    try:
        return json.loads(target.claim.read_text(encoding="utf-8")) == maker.facts_on(target.slide)
    except (OSError, ValueError, RecursionError):
        return False


def _write_mark(target: _Target, facts: dict[str, Any], written: Sequence[Path]) -> None:
    """Write beside the OME-Zarr image what all files of the image were made of."""
    import zarr

    sizes = {file.name: file.stat().st_size for file in written if file.is_file()}
    group = zarr.open_group(str(target.zarr), mode="r+")
    group.attrs[_MARK] = {**facts, "files": sizes}


def _made_before(target: _Target, maker: _Maker) -> int | None:
    """Return how many glands the files that are there hold, where they are what would be made."""
    import zarr

    if not target.zarr.is_dir():
        return None
    try:
        mark: dict[str, Any] = dict(zarr.open_group(str(target.zarr), mode="r").attrs[_MARK])  # type: ignore[arg-type]
        glands, sizes = mark.pop("glands"), dict(mark.pop("files"))
        there = {file.name: file.stat().st_size for file in target.files if file.is_file()}
    except Exception:  # whatever lies there, it is nothing that was finished
        return None
    same = mark == maker.facts_on(target.slide) and sizes == there
    return glands if same and isinstance(glands, int) else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _row(
    image: str, glands: int | None, files: Sequence[str], left_out: str | None = None
) -> dict[str, Any]:
    return {"image": image, "glands": glands, "files": list(files), "left_out": left_out}
