"""The prediction of one slide on the disk: what a network said, and what the user made of it.

``labels/prediction`` holds the probability and is written by the step that predicts only.
``labels/glands`` holds the glands with their states, and is written anew with every edit. The two
belong together when the glands name the content of the prediction that they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.atomic import staging_folder
from napari_glands.errors import GlandsError
from napari_glands.project.fingerprint import arrays_digest, digest
from napari_glands.project.label_folders import (
    LabelFolders,
    add_array,
    facts_in,
    grid_of,
    read_array,
    row_properties,
    write_facts,
)
from napari_glands.settings import Settings
from napari_glands.slides.blocks import is_large

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.segmentation.result import Prediction

__all__ = ["GlandStore"]

_CHUNKS = (512, 512)


class GlandStore(LabelFolders):
    """The prediction of one slide and its glands."""

    # ---- writing

    def save_prediction(self, result: Prediction, *, glands: Glands, **facts: Any) -> None:
        """Save a prediction, and what becomes of its glands.

        Parameters
        ----------
        result
            The prediction.
        glands
            Its glands with their states, decisions on former ones carried over.
        **facts
            Kept with both.
        """
        found = arrays_digest(result.glands)
        content = arrays_digest(result.probability, result.glands)
        facts = {"model": result.model, "slide_name": result.slide_name, **facts}
        mask = (result.probability > result.settings.predict.threshold).astype(np.uint8)
        with staging_folder(self._staging) as staging:
            prediction = self._build(
                staging,
                "prediction",
                mask,
                result,
                {1: {"class": "gland"}},
                {**facts, "content": content, "found": found},
            )
            add_array(prediction, "probability", result.probability, _CHUNKS)
            curated = bool(glands.decided.any())
            self.publish(
                self._glands_folder(staging, glands, content, found, curated=curated, **facts)
            )
            self.publish(prediction)

    def save_glands(self, glands: Glands, **facts: Any) -> None:
        """Save glands of the saved prediction as the user left them; `facts` are kept with them."""
        prediction = self.facts("prediction") or {}
        facts = {name: prediction[name] for name in ("model", "slide_name")} | facts
        found = prediction.get("found") or (self.facts("glands") or {}).get("found")
        if found is None:  # a folder from before glands had states: they are as they were found
            found = arrays_digest(self._labels())
        with staging_folder(self._staging) as staging:
            self.publish(
                self._glands_folder(staging, glands, prediction["content"], found, **facts)
            )

    def publish_large_prediction(
        self,
        result: Prediction,
        prediction: Path,
        glands: Path,
        content: str,
        facts: Mapping[str, Any],
    ) -> None:
        """Put the prediction of a large slide, whose arrays are built, into place.

        Its glands have no states: a slide of that size is corrected in regions.

        Parameters
        ----------
        result
            The prediction.
        prediction, glands
            The folders that were built.
        content
            Digest of the probability and the glands.
        facts
            Kept with both.
        """
        common = {"model": result.model, "slide_name": result.slide_name, "content": content}
        for folder in (glands, prediction):
            write_facts(folder, result, {**common, **facts})
            self.publish(folder)

    def _glands_folder(
        self, staging: Path, glands: Glands, prediction: str, found: str, **facts: Any
    ) -> Path:
        """Build the folder of glands that belong to a prediction of some content.

        `counts` is the content of the prediction with those of its glands that count: the same
        as its own as long as these are the ones that were found.
        """
        table = [asdict(row) for row in glands.table]
        used = np.where(glands.used, glands.labels, 0).astype(np.int32)
        counted = arrays_digest(used)
        own = {
            "stateful": True,
            "table": table,
            "content": digest([arrays_digest(glands.labels), table, prediction]),
            "prediction": prediction,
            "found": found,
            "counts": prediction if counted == found else digest([prediction, counted]),
            "count": len(np.unique(used[used > 0])),
        }
        properties = row_properties(table)
        return self._build(staging, "glands", glands.labels, glands, properties, {**own, **facts})

    # ---- reading

    def prediction_facts(self) -> dict[str, Any] | None:
        """Return the facts of the prediction; None when it is absent or half replaced.

        ``content`` and ``count`` are those of the glands that count; ``probability`` is the
        content of what the network said.
        """
        facts, glands = self.facts("prediction"), self.gland_facts()
        if facts is None or glands is None:
            return None
        effective = {"content": glands["counts"], "count": glands["count"]}
        return {**facts, **effective, "probability": facts["content"]}

    def gland_facts(self) -> dict[str, Any] | None:
        """Return the facts of the glands; None when they are absent or of another prediction."""
        prediction, glands = self.facts("prediction"), self.facts("glands")
        if prediction is None or glands is None:
            return None
        facts = {**_without_states(glands), **glands}
        # Both are moved into place one after the other: a pair that does not match is no result.
        return facts if facts["prediction"] == prediction["content"] else None

    def load_prediction(self) -> Prediction | None:
        """Load the prediction with those of its glands that count; None when absent."""
        facts = self.gland_facts()
        loaded = self._load("prediction")
        if facts is None or loaded is None:
            return None
        labels = self._labels()
        if facts["stateful"]:
            from napari_glands.priors.curated import USED

            kept = [row["id"] for row in facts["table"] if row["state"] in USED]
            labels = np.where(np.isin(labels, kept), labels, 0).astype(np.int32)
        return _prediction(*loaded, labels)

    def load_glands(self) -> Glands | None:
        """Load the glands with their states; None when absent.

        Raises
        ------
        GlandsError
            For a slide that is too large to be looked through gland by gland.
        """
        facts = self.gland_facts()
        loaded = self._load("prediction")
        if facts is None or loaded is None:
            return None
        if is_large(grid_of(facts)):
            raise GlandsError(
                f"{facts['slide_name']} is too large to look through gland by gland: draw regions "
                "on it, and look through those."
            )
        if not facts["stateful"]:
            from napari_glands.segmentation.curation import curated_glands

            return curated_glands(_prediction(*loaded, self._labels()))
        probability = read_array(loaded[0], "probability")
        return _glands(self._labels(), facts, np.rint(probability * 255).astype(np.uint8))

    def load_former_glands(self) -> Glands | None:
        """Load what a new prediction has to respect; None where the user decided nothing.

        Also of glands whose prediction was lost, because a process died while it was replaced.
        """
        facts = self.facts("glands")
        if facts is None or not facts.get("curated"):
            return None
        labels = self._labels()
        return _glands(labels, facts, np.zeros(labels.shape, np.uint8))

    def load_gland_backup(self, folder: Path) -> Glands:
        """Load glands from one of the `backups`, beside the present probability."""
        facts = facts_in(folder)
        labels = read_array(folder, "0", np.int32)
        present = self.load_glands()
        if "table" not in facts:  # a copy of a folder from before glands had states
            facts = {**facts, "table": _proposed(labels, grid_of(facts).pixel_area_um2)}
        if present is not None and present.grid == grid_of(facts):
            return _glands(labels, facts, present.probability)
        return _glands(labels, facts, np.zeros(labels.shape, np.uint8))

    def other_probabilities(self, result: Prediction) -> list[np.ndarray]:
        """Return the saved probability where another model gave it at the grid of `result`."""
        loaded = self._load("prediction")
        if loaded is None:
            return []
        folder, facts = loaded
        if facts["model"] == result.model or grid_of(facts) != result.grid:
            return []
        return [read_array(folder, "probability")]

    def _labels(self) -> np.ndarray:
        folder, _ = self._load("glands") or (self.folder / "labels" / "glands", None)
        return read_array(folder, "0", np.int32)


def _without_states(facts: dict[str, Any]) -> dict[str, Any]:
    """Say of glands from before they had states what is said of others."""
    content = facts["content"]
    return {
        "stateful": False,
        "table": [],
        "curated": False,
        "prediction": content,
        "counts": content,
    }


def _proposed(labels: np.ndarray, pixel_area: float) -> list[dict[str, Any]]:
    """Return a table in which nothing is decided."""
    pairs = zip(*np.unique(labels[labels > 0], return_counts=True), strict=True)
    return [
        {"id": int(n), "state": "proposed", "score": 1.0, "area_um2": float(count * pixel_area)}
        for n, count in pairs
    ]


def _prediction(folder: Path, facts: dict[str, Any], glands: np.ndarray) -> Prediction:
    from napari_glands.segmentation.result import Prediction

    return Prediction(
        slide_id=facts["slide_id"],
        slide_name=facts["slide_name"],
        grid=grid_of(facts),
        probability=read_array(folder, "probability"),
        glands=glands,
        model=facts["model"],
        settings=Settings.model_validate(facts["settings"]),
    )


def _glands(labels: np.ndarray, facts: dict[str, Any], probability: np.ndarray) -> Glands:
    from napari_glands.priors.gland import Gland, Glands

    return Glands(
        facts["slide_id"],
        grid_of(facts),
        labels,
        tuple(Gland(**row) for row in facts["table"]),
        Settings.model_validate(facts["settings"]),
        probability=probability,
        model=facts["model"],
        slide_name=facts["slide_name"],
    )
