"""The prediction of one slide on the disk: what a network said, and what the user made of it.

``labels/prediction`` holds the probability and is written by the step that predicts only.
``labels/glands`` holds the glands with their states, and is written anew with every edit. The two
belong together when the glands name the content of the prediction that they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.atomic import staging_folder
from napari_glands.errors import GlandsError
from napari_glands.project.facts import read_facts, table_rows
from napari_glands.project.fingerprint import arrays_digest
from napari_glands.project.label_folders import LabelFolders, Saved, finish, row_properties
from napari_glands.project.legacy import check_glands, check_prediction
from napari_glands.slides.blocks import is_large
from napari_glands.stored import digest

if TYPE_CHECKING:
    from napari_glands.priors.gland import Glands
    from napari_glands.segmentation.result import Prediction

__all__ = ["GlandStore", "joined_facts"]


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
                probability=result.probability,
            )
            curated = bool(glands.decided.any())
            self.publish(
                self._glands_folder(staging, glands, content, found, curated=curated, **facts)
            )
            self.publish(prediction)
        self.drop("decisions")  # the glands have them

    def save_glands(self, glands: Glands, **facts: Any) -> None:
        """Save glands of the saved prediction as the user left them; `facts` are kept with them."""
        prediction = self.facts("prediction") or {}
        facts = {name: prediction[name] for name in ("model", "slide_name")} | facts
        found = prediction.get("found") or (self.facts("glands") or {}).get("found")
        if found is None:  # a folder from before glands had states: they are as they were found
            found = arrays_digest(self._labels(self._saved("glands")))
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
        former: Glands | None,
        *,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Put the prediction of a large slide, whose arrays are built, into place.

        Its glands have no states: a slide of that size is corrected in regions. What the user
        decided when it was worked on at a coarser resolution is kept beside them, as it was.

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
        former
            Glands with decisions of the user (`load_former_glands`); None without any.
        before
            Called when both are finished, and neither has been moved.
        """
        common = {"model": result.model, "slide_name": result.slide_name, "content": content}
        if former is not None:
            with staging_folder(self._staging) as staging:
                self.publish(self._decisions_folder(staging, former))
        for folder in (glands, prediction):
            finish(folder, result, {**common, **facts})
        before()
        for folder in (glands, prediction):
            self.publish(folder)

    def _decisions_folder(self, staging: Path, glands: Glands) -> Path:
        """Build the folder of glands that the user decided on, and of those only."""
        from napari_glands.priors.curated import DECIDED

        rows = [asdict(row) for row in glands.table if row.state in DECIDED]
        labels = np.where(glands.decided, glands.labels, 0).astype(np.int32)
        content = digest([arrays_digest(labels), rows])
        own = {"stateful": True, "curated": True, "fingerprint": "", "seconds": 0.0}
        of = {"model": glands.model, "slide_name": glands.slide_name, "prediction": ""}
        facts = {"table": table_rows(rows), "content": content, **own, **of}
        return self._build(staging, "decisions", labels, glands, row_properties(rows), facts)

    def _glands_folder(
        self, staging: Path, glands: Glands, prediction: str, found: str, **facts: Any
    ) -> Path:
        """Build the folder of glands that belong to a prediction of some content.

        `counts` is the content of the prediction with those of its glands that count: the same
        as its own as long as these are the ones that were found.
        """
        table = table_rows([asdict(row) for row in glands.table])
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
        return joined_facts(self.facts("prediction"), self.facts("glands"))[0]

    def gland_facts(self) -> dict[str, Any] | None:
        """Return the facts of the glands; None when they are absent or of another prediction."""
        return joined_facts(self.facts("prediction"), self.facts("glands"))[1]

    def load_prediction(self) -> Prediction | None:
        """Load the prediction with those of its glands that count; None when absent."""
        facts, saved = self.gland_facts(), self._saved("prediction")
        if facts is None or saved is None:
            return None
        labels = self._labels(self._saved("glands"))
        probability: Any = saved.array("probability")
        check_prediction(saved, probability, labels)
        if facts["stateful"]:
            from napari_glands.priors.curated import USED

            kept = [row["id"] for row in facts["table"] if row["state"] in USED]
            labels = np.where(np.isin(labels, kept), labels, 0).astype(np.int32)
        return _prediction(saved.facts, probability, labels)

    def load_glands(self) -> Glands | None:
        """Load the glands with their states; None when absent, as of a large slide."""
        facts, saved = self.gland_facts(), self._saved("prediction")
        if facts is None or saved is None or is_large(facts["grid"]):
            return None
        labels = self._labels(self._saved("glands"))
        probability: Any = saved.array("probability")
        check_prediction(saved, probability, labels)
        if not facts["stateful"]:
            from napari_glands.segmentation.curation import curated_glands

            return curated_glands(_prediction(saved.facts, probability, labels))
        return _glands(labels, facts, np.rint(probability * 255).astype(np.uint8))

    def load_former_glands(self) -> Glands | None:
        """Load what a new prediction has to respect; None where the user decided nothing.

        Also of glands whose prediction was lost, because a process died while it was replaced.
        """
        saved = self._saved("glands")
        if saved is None or not saved.facts.get("stateful"):
            saved = self._saved("decisions")
        if saved is None or not saved.facts.get("curated"):
            return None
        labels = self._labels(saved)
        return _glands(labels, saved.facts, np.zeros(labels.shape, np.uint8))

    def load_gland_backup(self, folder: Path) -> Glands:
        """Load glands from one of the `backups`, beside the present probability if it fits."""
        saved = Saved(folder, read_facts(folder, "glands"))
        if is_large(saved.facts["grid"]):
            raise GlandsError("it is of a whole slide, whose glands nobody decides on")
        facts, labels = saved.facts, self._labels(saved)
        try:
            present = self.load_glands()
        except GlandsError:  # it is damaged, which may be why the copy is asked for
            present = None
        if "table" not in facts:  # a copy of a folder from before glands had states
            facts = {**facts, "table": _proposed(labels, facts["grid"].pixel_area_um2)}
        if present is not None and present.grid == facts["grid"]:
            return _glands(labels, facts, present.probability)
        return _glands(labels, facts, np.zeros(labels.shape, np.uint8))

    def other_probabilities(self, result: Prediction) -> list[np.ndarray]:
        """Return the saved probability where another model gave it at the grid of `result`."""
        try:
            saved = self._saved("prediction")
            if saved is None or saved.facts["model"] == result.model:
                return []
            if saved.facts["grid"] != result.grid:
                return []
            return [np.asarray(saved.array("probability"))]
        except GlandsError:  # it is replaced now
            return []

    def _labels(self, saved: Saved | None) -> Any:
        """Return the label image of saved glands."""
        if saved is None:
            raise GlandsError(f"the folder {self.folder / 'labels' / 'glands'} is missing")
        labels = saved.array("0")
        check_glands(saved, labels)
        return labels.astype(np.int32) if isinstance(labels, np.ndarray) else labels


def joined_facts(
    prediction: dict[str, Any] | None, glands: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the facts of a prediction and of its glands, from what each folder says.

    Both are None where one is absent: they are moved into place one after the other, and a pair
    that does not match is no result.
    """
    if prediction is None or glands is None:
        return None, None
    of_glands = {**_without_states(glands), **glands}
    if of_glands["prediction"] != prediction["content"]:
        return None, None
    effective = {"content": of_glands["counts"], "count": of_glands["count"]}
    return {**prediction, **effective, "probability": prediction["content"]}, of_glands


def _without_states(facts: dict[str, Any]) -> dict[str, Any]:
    """Say of glands from before they had states what is said of others."""
    content = facts["content"]
    return {
        "stateful": False,
        "table": [],
        "curated": False,
        "prediction": content,
        "counts": content,
        "count": 0,
    }


def _proposed(labels: np.ndarray, pixel_area: float) -> list[dict[str, Any]]:
    """Return a table in which nothing is decided."""
    pairs = zip(*np.unique(labels[labels > 0], return_counts=True), strict=True)
    return [
        {"id": int(n), "state": "proposed", "score": 1.0, "area_um2": float(count * pixel_area)}
        for n, count in pairs
    ]


def _prediction(facts: dict[str, Any], probability: Any, glands: Any) -> Prediction:
    from napari_glands.segmentation.result import Prediction

    return Prediction(
        slide_id=facts["slide_id"],
        slide_name=facts["slide_name"],
        grid=facts["grid"],
        probability=probability,
        glands=glands,
        model=facts["model"],
        settings=facts["settings"],
    )


def _glands(labels: np.ndarray, facts: dict[str, Any], probability: np.ndarray) -> Glands:
    from napari_glands.priors.gland import Gland, Glands

    return Glands(
        facts["slide_id"],
        facts["grid"],
        labels,
        tuple(Gland(**row) for row in facts["table"]),
        facts["settings"],
        probability=probability,
        model=facts["model"],
        slide_name=facts["slide_name"],
    )
