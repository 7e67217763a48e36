"""The quality benchmark: every stage of the method and its peers, on images left out.

Of each run all labels are made first, from pixels alone; only then are the masks asked for. The one
exception is named as such: the network that learns from true masks comes last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_glands.evaluation.labelling import METHOD, Labeller, instances_of
from napari_glands.evaluation.material import Material
from napari_glands.evaluation.peers import (
    MASK_PEERS,
    naive_targets,
    train_on_targets,
    true_targets,
)
from napari_glands.evaluation.records import Labels, Record, score_labels
from napari_glands.evaluation.shelf import Shelf
from napari_glands.evaluation.split import Split
from napari_glands.progress import CancelToken, Event, Report, ignore
from napari_glands.segmentation import predict
from napari_glands.settings import Settings

__all__ = ["NAIVE", "SUPERVISED", "Run", "benchmark_quality"]

NAIVE = "naive proposals → PSPNet"
SUPERVISED = "PSPNet on true masks (supervised)"


@dataclass(frozen=True, eq=False)
class Run:
    """One seed on one split.

    Attributes
    ----------
    seed, fold
        The seed, and the number of the split.
    split
        Names of the images that taught and of those left out.
    seconds
        Time by step and peer.
    records
        The counts of every image at every stage.
    glands
        The method's labels of the images left out, at the working resolution, by name.
    """

    seed: int
    fold: int
    split: Mapping[str, Sequence[str]]
    seconds: Mapping[str, float]
    records: Sequence[Record]
    glands: Mapping[str, np.ndarray]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the labels as plain numbers and strings, for JSON."""
        return {
            "seed": self.seed,
            "fold": self.fold,
            "split": dict(self.split),
            "seconds": dict(self.seconds),
            "records": [record.to_dict() for record in self.records],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], glands: Mapping[str, np.ndarray]) -> Run:
        """Read what `to_dict` returned."""
        records = [Record.from_dict(record) for record in data["records"]]
        return cls(**{**data, "records": records}, glands=glands)


def benchmark_quality(
    material: Material,
    splits: Sequence[Split],
    settings: Settings,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    peers: bool = True,
    shelf: Shelf | None = None,
    report: Report = ignore,
    cancel: CancelToken | None = None,
) -> list[Run]:
    """Run the method and its peers for every seed on every split.

    Parameters
    ----------
    material
        The images and their masks.
    splits
        One split, or the folds.
    settings
        Settings of all steps; the seed is replaced.
    seeds
        The seeds.
    peers
        Whether to run the peers too.
    shelf
        Where finished runs are kept and found again.
    report, cancel
        Progress and cancel request.

    Returns
    -------
    list of Run
        By seed, then by split.

    Raises
    ------
    Cancelled
        On a cancel request; finished runs are on the shelf.
    """
    cancel = cancel or CancelToken()
    runs: list[Run] = []
    for seed in seeds:
        for fold, split in enumerate(splits):
            done = len(runs) / (len(seeds) * len(splits))
            report(Event("quality", done, f"Seed {seed}, split {fold + 1} of {len(splits)}"))
            wishes = settings.updated("general", seed=seed)
            name = f"quality seed {seed} split {fold}"
            key = {
                "settings": wishes.model_dump(),
                "left_out": list(split.left_out),
                "peers": peers,
            }
            saved = shelf.load(name, key) if shelf else None
            if saved is not None:
                runs.append(Run.from_dict(*saved))
                continue
            labeller = Labeller(material.slides, split, report=report, cancel=cancel)
            run = _run(labeller, material, wishes, fold, peers)
            if shelf:
                shelf.save(name, key, run.to_dict(), run.glands)
            runs.append(run)
    report(Event("quality", 1.0, "All runs are finished"))
    return runs


def _run(labeller: Labeller, material: Material, settings: Settings, fold: int, peers: bool) -> Run:
    """Label all images without masks, then ask for the masks and score."""
    labels: dict[str, Labels] = {}
    if peers:
        labels |= _mask_peers(labeller, settings)
    labels |= {stage: labeller.labels(stage, settings) for stage in METHOD}
    if peers:
        targets = naive_targets(labeller.priors(settings), settings)
        labels[NAIVE] = _taught(labeller, targets, settings, NAIVE)
    labeller.report(Event("evaluate", 0.0, "All labels are made: reading the masks"))
    truths = material.truths
    if peers:
        targets = true_targets(truths, material.slides, settings)
        labels[SUPERVISED] = _taught(labeller, targets, settings, SUPERVISED)
    labeller.report(Event("evaluate", 0.5, "Scoring"))
    split = labeller.split
    return Run(
        seed=settings.general.seed,
        fold=fold,
        split=material.split_names(split),
        seconds={name: round(value, 1) for name, value in labeller.watch.seconds.items()},
        records=score_labels(labels, truths, material.slides, material.grades, split),
        glands={material.slides[i].name: labels["glands"][i] for i in split.left_out},
    )


def _mask_peers(labeller: Labeller, settings: Settings) -> dict[str, Labels]:
    """Label the images left out; these peers learn from no other image."""
    labels: dict[str, Labels] = {}
    for name, peer in MASK_PEERS.items():
        labeller.report(Event("peer", 0.0, f"Peer: {name}"))
        found = {}
        with labeller.watch.timing(name):
            for i in labeller.split.left_out:
                labeller.cancel.check()
                slide = labeller.slides[i]
                found[i] = instances_of(peer(slide, settings), slide, settings)
        labels[name] = found
    return labels


def _taught(
    labeller: Labeller, targets: Sequence[np.ndarray], settings: Settings, name: str
) -> Labels:
    """Train the network on the targets of the images that teach; label all images."""
    teachers = labeller.split.taught
    with labeller.watch.timing(name):
        model = train_on_targets(
            [labeller.slides[i] for i in teachers],
            [targets[i] for i in teachers],
            settings,
            name=name,
            report=labeller.report,
            cancel=labeller.cancel,
        )
        return {
            i: predict(model, slide, settings, cancel=labeller.cancel).glands
            for i, slide in enumerate(labeller.slides)
        }
