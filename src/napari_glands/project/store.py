"""The results of one slide on the disk: ``slides/<id>.zarr``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.atomic import staging_folder
from napari_glands.project.fingerprint import arrays_digest, digest
from napari_glands.project.gland_store import GlandStore
from napari_glands.project.label_folders import (
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
    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.prior import Priors

__all__ = ["SlideStore"]

_CUES = ("haematoxylin", "lightness", "area", "adjacency", "score")


class SlideStore(GlandStore):
    """The results of one slide."""

    def save_exterior(self, result: ExteriorMap, **facts: Any) -> None:
        """Save an exterior map; `facts` are kept with it (see `facts`)."""
        if is_large(result.grid):  # its arrays lie here already: only what is said of them changes
            saved = self.facts("exterior") or {}
            self.write_exterior_facts(
                self.folder / "labels" / "exterior", result, pixels=saved["pixels"], **facts
            )
            return
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
            add_array(built, "memberships", result.memberships, (1, 512, 512))
            self.publish(built)

    def write_exterior_facts(
        self, folder: Path, result: ExteriorMap, *, pixels: str, **facts: Any
    ) -> None:
        """Write what is known of the exterior map of a large slide; `pixels` is their content."""
        evidence = _finite([asdict(cue) for cue in result.evidence])
        content = digest([pixels, result.cluster])
        own = {"cluster": result.cluster, "evidence": evidence, "content": content}
        write_facts(folder, result, {**own, "pixels": pixels, **facts})

    def load_exterior(self) -> ExteriorMap | None:
        """Load the exterior map; None when absent."""
        from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap

        loaded = self._load("exterior")
        if loaded is None:
            return None
        folder, facts = loaded
        return ExteriorMap(
            slide_id=facts["slide_id"],
            grid=grid_of(facts),
            clusters=read_array(folder, "0", np.uint8),
            memberships=read_array(folder, "memberships"),
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
        own = {"table": table, "content": content}
        with staging_folder(self._staging) as staging:
            built = self._build(
                staging,
                "priors",
                result.labels,
                result,
                row_properties(table),
                {**own, **facts},
            )
            add_array(built, "exterior", result.exterior, (512, 512))
            add_array(built, "marks", result.marks, (512, 512))
            self.publish(built)

    def write_prior_facts(self, folder: Path, result: Priors, *, pixels: str, **facts: Any) -> None:
        """Write what is known of the priors of a large slide; `pixels` is their content."""
        table = [asdict(prior) for prior in result.table]
        own = {"table": table, "content": digest([pixels, table]), "curated": False, "grown": ""}
        write_facts(folder, result, {**own, **facts})

    def load_priors(self) -> Priors | None:
        """Load the priors; None when absent."""
        loaded = self._load("priors")
        return None if loaded is None else self.load_prior_backup(loaded[0])

    def load_prior_backup(self, folder: Path) -> Priors:
        """Load priors from one of the `backups`, or from any folder."""
        from napari_glands.priors.prior import Prior, Priors

        facts = facts_in(folder)
        labels = read_array(folder, "0", np.int32)
        # No marks are in folders of large slides, and in those from before there were strokes.
        marked = {"marks": read_array(folder, "marks")} if (folder / "marks").exists() else {}
        return Priors(
            slide_id=facts["slide_id"],
            grid=grid_of(facts),
            labels=labels,
            table=tuple(Prior(**row) for row in facts["table"]),
            settings=Settings.model_validate(facts["settings"]),
            exterior=read_array(folder, "exterior"),
            **marked,
        )


def _finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what JSON has no number for, NaN and infinities, as text."""
    return [{k: v if np.isfinite(v) else str(v) for k, v in row.items()} for row in rows]
