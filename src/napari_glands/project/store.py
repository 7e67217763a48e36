"""The results of one slide on the disk: ``slides/<id>.zarr``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_glands.atomic import staging_folder
from napari_glands.project.facts import read_facts, table_rows
from napari_glands.project.fingerprint import arrays_digest
from napari_glands.project.gland_store import GlandStore
from napari_glands.project.label_folders import Saved, finish, row_properties
from napari_glands.project.legacy import check_exterior, check_priors
from napari_glands.slides.blocks import is_large
from napari_glands.stored import digest

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
            kept = {name: saved[name] for name in saved if name in ("pixels", "files")}
            folder = self.place("exterior") or self.folder / "labels" / "exterior"
            more: dict[str, Any] = {**kept, **facts}
            self.write_exterior_facts(folder, result, **more)
            return
        evidence = [asdict(cue) for cue in result.evidence]
        content = digest([arrays_digest(result.clusters, result.memberships), result.cluster])
        properties: dict[int, dict[str, Any]] = {
            cue.cluster: {"exterior": cue.cluster == result.cluster, **asdict(cue)}
            for cue in result.evidence
        }
        own = {"cluster": result.cluster, "evidence": _as_text(evidence), "content": content}
        facts = {**own, **facts}
        with staging_folder(self._staging) as staging:
            built = self._build(
                staging,
                "exterior",
                result.clusters,
                result,
                properties,
                facts,
                memberships=result.memberships,
            )
            self.publish(built)

    def write_exterior_facts(
        self, folder: Path, result: ExteriorMap, *, pixels: str, **facts: Any
    ) -> None:
        """Write what is known of the exterior map of a large slide; `pixels` is their content."""
        evidence = _as_text([asdict(cue) for cue in result.evidence])
        content = digest([pixels, result.cluster])
        own = {"cluster": result.cluster, "evidence": evidence, "content": content}
        finish(folder, result, {**own, "pixels": pixels, **facts})

    def load_exterior(self) -> ExteriorMap | None:
        """Load the exterior map; None when absent."""
        from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap

        saved = self._saved("exterior")
        if saved is None:
            return None
        facts, clusters = saved.facts, saved.array("0")
        memberships: Any = saved.array("memberships")
        check_exterior(saved, clusters, memberships)
        evidence = tuple(
            ClusterEvidence(cue["cluster"], *(float(cue[name]) for name in _CUES))
            for cue in facts["evidence"]
        )
        return ExteriorMap(
            slide_id=facts["slide_id"],
            grid=facts["grid"],
            clusters=clusters,  # type: ignore[arg-type]
            memberships=memberships,
            cluster=facts["cluster"],
            evidence=evidence,
            settings=facts["settings"],
        )

    def save_priors(self, result: Priors, **facts: Any) -> None:
        """Save priors; `facts` are kept with them."""
        table = table_rows([asdict(prior) for prior in result.table])
        # Without strokes the content is what it was before there were any.
        marked = [arrays_digest(result.marks)] if result.marks.any() else []
        content = digest([arrays_digest(result.labels, result.exterior), table, *marked])
        facts = {"table": table, "content": content, **facts}
        planes = {"exterior": result.exterior, "marks": result.marks}
        with staging_folder(self._staging) as staging:
            properties = row_properties(table)
            self.publish(
                self._build(staging, "priors", result.labels, result, properties, facts, **planes)
            )

    def write_prior_facts(self, folder: Path, result: Priors, *, pixels: str, **facts: Any) -> None:
        """Write what is known of the priors of a large slide; `pixels` is their content."""
        table = table_rows([asdict(prior) for prior in result.table])
        own = {"table": table, "content": digest([pixels, table]), "curated": False, "grown": ""}
        finish(folder, result, {**own, **facts})

    def load_priors(self) -> Priors | None:
        """Load the priors; None when absent."""
        saved = self._saved("priors")
        return None if saved is None else _priors(saved)

    def load_prior_backup(self, folder: Path) -> Priors:
        """Load priors from one of the `backups`."""
        return _priors(Saved(folder, read_facts(folder, "priors")))


def _priors(saved: Saved) -> Priors:
    from napari_glands.priors.prior import Prior, Priors

    facts, labels = saved.facts, saved.array("0")
    exterior: Any = saved.array("exterior")
    # No marks are in folders of large slides, and in those from before there were strokes.
    marked: dict[str, Any] = {"marks": saved.array("marks")} if saved.has("marks") else {}
    check_priors(saved, labels, exterior, **marked)
    return Priors(
        slide_id=facts["slide_id"],
        grid=facts["grid"],
        labels=labels,  # type: ignore[arg-type]
        table=tuple(Prior(**row) for row in facts["table"]),
        settings=facts["settings"],
        exterior=exterior,
        **marked,
    )


def _as_text(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write what JSON has no number for, NaN and infinities, as text."""
    return [{k: v if np.isfinite(v) else str(v) for k, v in row.items()} for row in rows]
