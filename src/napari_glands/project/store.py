"""The results of one slide on the disk: ``slides/<id>.zarr``.

An OME-Zarr group (zarr format 2). Each result is one label image below ``labels/``; what a label
image cannot hold lies in the same folder as further arrays and in the attribute
``napari_glands``, so that a result is one folder, replaced in one move.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.atomic import (
    existing_folder,
    read_json,
    recover_folders,
    replace_folder,
    staging_folder,
    write_json,
)
from napari_glands.errors import GlandsError
from napari_glands.project.fingerprint import arrays_digest, digest
from napari_glands.settings import Settings
from napari_glands.slides.grid import Grid

if TYPE_CHECKING:
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.prior import Priors
    from napari_glands.segmentation.result import Prediction

__all__ = ["SlideStore"]

ATTRIBUTE = "napari_glands"
_CUES = ("haematoxylin", "lightness", "area", "adjacency", "score")


class SlideStore:
    """The results of one slide.

    Parameters
    ----------
    folder
        ``slides/<id>.zarr``.
    staging
        Folder on the same disk in which results are built before they are moved into place.
    """

    def __init__(self, folder: Path, staging: Path) -> None:
        self.folder = folder
        self._staging = staging

    def recover(self) -> None:
        """Tidy up after a process that died while it replaced a result."""
        recover_folders(self.folder / "labels")

    def facts(self, name: str) -> dict[str, Any] | None:
        """Return the saved facts of a result (fingerprint, content, …); None when absent."""
        folder = existing_folder(self.folder / "labels" / name)
        if folder is None:
            return None
        try:
            return dict(read_json(folder / ".zattrs")[ATTRIBUTE])
        except (OSError, ValueError, KeyError) as error:
            raise GlandsError(
                f"The saved result {folder} is damaged ({error}): delete that folder and run its "
                "step again."
            ) from error

    def save_exterior(self, result: ExteriorMap, **facts: Any) -> None:
        """Save an exterior map; `facts` are kept with it (see `facts`)."""
        evidence = [asdict(cue) for cue in result.evidence]
        content = digest([arrays_digest(result.clusters, result.memberships), result.cluster])
        properties = {
            cue["cluster"]: {"exterior": cue["cluster"] == result.cluster, **cue}
            for cue in evidence
        }
        own = {"cluster": result.cluster, "evidence": _finite(evidence), "content": content}
        with staging_folder(self._staging) as staging:
            built = self._build(
                staging, "exterior", result.clusters, result, properties, {**own, **facts}
            )
            _add_array(built, "memberships", result.memberships, (1, 512, 512))
            self._publish(built)

    def load_exterior(self) -> ExteriorMap | None:
        """Load the exterior map; None when absent."""
        from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap

        loaded = self._load("exterior")
        if loaded is None:
            return None
        folder, facts = loaded
        return ExteriorMap(
            slide_id=facts["slide_id"],
            grid=_grid(facts),
            clusters=_array(folder, "0").astype(np.uint8),
            memberships=_array(folder, "memberships"),
            cluster=facts["cluster"],
            evidence=tuple(
                ClusterEvidence(cue["cluster"], *(float(cue[name]) for name in _CUES))
                for cue in facts["evidence"]
            ),
            settings=Settings.model_validate(facts["settings"]),
        )

    def save_priors(self, result: Priors, **facts: Any) -> None:
        """Save priors; `facts` are kept with them."""
        table = [asdict(prior) for prior in result.table]
        # Without strokes the content is what it was before there were any.
        marked = [arrays_digest(result.marks)] if result.marks.any() else []
        content = digest([arrays_digest(result.labels, result.exterior), table, *marked])
        properties = {row["id"]: {"source": _source(row["state"]), **row} for row in table}
        own = {"table": table, "content": content}
        with staging_folder(self._staging) as staging:
            built = self._build(
                staging, "priors", result.labels, result, properties, {**own, **facts}
            )
            _add_array(built, "exterior", result.exterior, (512, 512))
            _add_array(built, "marks", result.marks, (512, 512))
            self._publish(built)

    def load_priors(self) -> Priors | None:
        """Load the priors; None when absent."""
        from napari_glands.priors.prior import Prior, Priors

        loaded = self._load("priors")
        if loaded is None:
            return None
        folder, facts = loaded
        labels = _array(folder, "0").astype(np.int32)
        marked = (folder / "marks").exists()  # not in folders from before there were strokes
        return Priors(
            slide_id=facts["slide_id"],
            grid=_grid(facts),
            labels=labels,
            table=tuple(Prior(**row) for row in facts["table"]),
            settings=Settings.model_validate(facts["settings"]),
            exterior=_array(folder, "exterior"),
            marks=_array(folder, "marks") if marked else np.zeros(labels.shape, np.uint8),
        )

    def back_up_priors(self) -> Path | None:
        """Copy the priors to a dated folder beside this one and return it; None when absent."""
        folder = existing_folder(self.folder / "labels" / "priors")
        if folder is None:
            return None
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        kept = self.folder.with_suffix(".backups") / f"priors-{stamp}"
        with staging_folder(self._staging) as staging:
            shutil.copytree(folder, staging / kept.name)
            replace_folder(staging / kept.name, kept)
        return kept

    def save_prediction(self, result: Prediction, **facts: Any) -> None:
        """Save a prediction: the gland instances, and the probability map they come from."""
        content = arrays_digest(result.probability, result.glands)
        mask = (result.probability > result.settings.predict.threshold).astype(np.uint8)
        ids = [int(i) for i in np.unique(result.glands) if i]
        own = {"model": result.model, "slide_name": result.slide_name}
        facts = {**own, "content": content, "count": len(ids), **facts}
        with staging_folder(self._staging) as staging:
            glands = self._build(
                staging,
                "glands",
                result.glands,
                result,
                {i: {"state": "predicted", "source": result.model} for i in ids},
                facts,
            )
            probability = self._build(
                staging, "prediction", mask, result, {1: {"class": "gland"}}, facts
            )
            _add_array(probability, "probability", result.probability, (512, 512))
            self._publish(glands)
            self._publish(probability)

    def load_prediction(self) -> Prediction | None:
        """Load the prediction; None when absent."""
        from napari_glands.segmentation.result import Prediction

        loaded, glands = self._load("prediction"), self._load("glands")
        # The two are moved into place one after the other: a pair that does not match is no result.
        if loaded is None or glands is None or loaded[1]["content"] != glands[1]["content"]:
            return None
        folder, facts = loaded
        return Prediction(
            slide_id=facts["slide_id"],
            slide_name=facts["slide_name"],
            grid=_grid(facts),
            probability=_array(folder, "probability"),
            glands=_array(glands[0], "0").astype(np.int32),
            model=facts["model"],
            settings=Settings.model_validate(facts["settings"]),
        )

    def prediction_facts(self) -> dict[str, Any] | None:
        """Return the facts of the prediction; None when it is absent or half replaced."""
        facts, glands = self.facts("prediction"), self.facts("glands")
        if facts is None or glands is None or facts["content"] != glands["content"]:
            return None
        return facts

    def _build(
        self,
        staging: Path,
        name: str,
        labels: np.ndarray,
        result: ExteriorMap | Priors | Prediction,
        properties: Mapping[int, Mapping[str, Any]],
        facts: Mapping[str, Any],
    ) -> Path:
        """Write a label image with its facts into the staging folder and return its folder."""
        from napari_glands.export import write_labels

        write_labels(staging, name, labels, result.grid, properties=properties, ngff="0.4")
        folder = staging / "labels" / name
        attributes = read_json(folder / ".zattrs")
        attributes[ATTRIBUTE] = {
            "slide_id": result.slide_id,
            "grid": asdict(result.grid),
            "settings": result.settings.model_dump(mode="json"),
            "saved": datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
        }
        write_json(folder / ".zattrs", attributes)
        return folder

    def _publish(self, built: Path) -> None:
        """Move a finished label folder to its place and list it."""
        labels = self.folder / "labels"
        make_group(self.folder)
        make_group(labels)
        replace_folder(built, labels / built.name)
        listed = read_json(labels / ".zattrs").get("labels", [])
        if built.name not in listed:
            write_json(labels / ".zattrs", {"labels": [*listed, built.name]})

    def _load(self, name: str) -> tuple[Path, dict[str, Any]] | None:
        facts = self.facts(name)
        folder = existing_folder(self.folder / "labels" / name)
        return None if facts is None or folder is None else (folder, facts)


def make_group(folder: Path) -> None:
    """Make a folder a zarr group (format 2), if it is none."""
    if not (folder / ".zgroup").exists():
        write_json(folder / ".zgroup", {"zarr_format": 2})


def _add_array(folder: Path, name: str, array: np.ndarray, chunks: tuple[int, ...]) -> None:
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=2)
    fitting = tuple(max(1, min(c, n)) for c, n in zip(chunks, array.shape, strict=True))
    group.create_array(name, data=np.ascontiguousarray(array), chunks=fitting)


def _array(folder: Path, name: str) -> np.ndarray:
    import zarr

    try:
        array = zarr.open_array(folder / name, mode="r")
        return np.asarray(array[...])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise GlandsError(
            f"The saved result {folder / name} is damaged ({error}): delete the folder {folder} "
            "and run its step again."
        ) from error


def _grid(facts: Mapping[str, Any]) -> Grid:
    grid = facts["grid"]
    return Grid(tuple(grid["shape"]), tuple(grid["slide_shape"]), grid["slide_mpp"])


def _finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what JSON has no number for, NaN and infinities, as text."""
    return [{k: v if np.isfinite(v) else str(v) for k, v in row.items()} for row in rows]


def _source(state: str) -> str:
    return "user" if state == "edited" else "method"
