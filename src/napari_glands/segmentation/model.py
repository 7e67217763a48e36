"""A trained model and the folder it is kept in."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from napari_glands.errors import GlandsError
from napari_glands.segmentation.network import GlandPSPNet, build_network
from napari_glands.settings import Settings
from napari_glands.system_errors import naming, raise_if_refused, refusal, system_error_behind

__all__ = ["Model", "load_model", "save_model"]

_WEIGHTS, _CARD, _FORMAT = "weights.safetensors", "model.json", 2
_BEFORE_DEPTH = {"depth": 3}  # format 1: its networks all had three stages


@dataclass(frozen=True, eq=False)
class Model:
    """A trained gland model.

    Attributes
    ----------
    name
        Name of the model.
    settings
        The settings of all steps that made it; prediction uses them unless told otherwise.
    weights
        Tensors by parameter name, on the CPU.
    metrics
        What training reported: losses, iterations, seconds, why it stopped. Never a score
        against ground truth.
    provenance
        Encoder and weights it started from, device, versions, teaching slides.
    """

    name: str
    settings: Settings
    weights: dict[str, torch.Tensor]
    metrics: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def encoder(self) -> str:
        """Name of the encoder."""
        return self.settings.train.encoder

    @property
    def checksum(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the weights."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(self.weights[name].contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def network(self) -> GlandPSPNet:
        """Build the network with these weights, in evaluation mode, on the CPU."""
        with torch.random.fork_rng(devices=[]):  # the random weights are only there to be replaced
            network, _ = build_network(self.encoder, "none", self.settings.train.depth)
        network.load_state_dict(self.weights)
        return network.eval()


def save_model(model: Model, folder: str | Path) -> None:
    """Write a model: the weights as safetensors, everything else as JSON.

    The weights are written first and the card last, each aside and then renamed, so that a folder
    with a card is complete.

    Raises
    ------
    GlandsError
        When the folder cannot be written.
    """
    folder = Path(folder)
    card = {
        "format": _FORMAT,
        "name": model.name,
        "checksum": model.checksum,
        "settings": model.settings.model_dump(),
        "metrics": model.metrics,
        "provenance": model.provenance,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with naming(folder), tempfile.TemporaryDirectory(dir=folder) as aside:
            save_file({n: t.contiguous() for n, t in model.weights.items()}, Path(aside, _WEIGHTS))
            Path(aside, _CARD).write_text(json.dumps(card, indent=2), encoding="utf-8")
            os.replace(Path(aside, _WEIGHTS), folder / _WEIGHTS)
            os.replace(Path(aside, _CARD), folder / _CARD)
    except (OSError, SafetensorError) as error:
        refused = system_error_behind(error)
        if refused is None:
            raise
        raise GlandsError(refusal(f"Cannot write the model to {folder}", refused)) from error


def load_model(folder: str | Path) -> Model:
    """Read a model that `save_model` wrote.

    Raises
    ------
    GlandsError
        When the folder holds no model, a newer format, or weights that do not fit their card.
    """
    folder = Path(folder)
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        weights = load_file(folder / _WEIGHTS)
    except FileNotFoundError as error:
        raise GlandsError(
            f"{folder} holds no model: it needs {_CARD} and {_WEIGHTS}, as training writes them."
        ) from error
    except Exception as error:  # json, safetensors and the file system each raise their own
        raise_if_refused(f"Cannot read the model in {folder}", error)
        raise GlandsError(f"The model in {folder} cannot be read: {error}.") from error
    if not isinstance(card, dict) or not isinstance(card.get("format"), int):
        raise GlandsError(f"The card {folder / _CARD} is not one that training wrote.")
    if card["format"] > _FORMAT:
        raise GlandsError(f"The model in {folder} is of a newer version: update napari-glands.")
    try:
        settings = Settings.model_validate(card["settings"])
        if card["format"] < _FORMAT:
            settings = settings.updated("train", **_BEFORE_DEPTH)
        model = Model(card["name"], settings, weights, card["metrics"], card["provenance"])
    except (KeyError, ValidationError) as error:
        raise GlandsError(f"The card {folder / _CARD} is incomplete: {error}.") from error
    if model.checksum != card.get("checksum"):
        raise GlandsError(f"The weights in {folder} are not those of its card: train again.")
    return model
