"""A trained model and the folder it is kept in."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NotRequired

import torch
from pydantic import Field, TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from typing_extensions import TypedDict

from napari_glands.errors import GlandsError
from napari_glands.segmentation.network import GlandPSPNet, build_network
from napari_glands.settings import Settings
from napari_glands.stored import Whole, checked, finite, read_json, seal, sealed
from napari_glands.system_errors import naming, raise_if_refused, refusal, system_error_behind

__all__ = ["Model", "load_model", "save_model", "weights_digest"]

_WEIGHTS, _CARD = "weights.safetensors", "model.json"
# Format 2 states the depth of the network, format 3 has a seal.
_FORMAT, _STATES_DEPTH, _SEALED_FROM = 3, 2, 3
_DTYPES = {torch.float32, torch.float64, torch.float16, torch.int64}
_LARGEST_WEIGHTS, _LARGEST_CARD = 8 << 30, 16 << 20
_BEFORE_DEPTH = {"depth": 3}  # format 1: its networks all had three stages


class _Card(TypedDict):
    """What a model's folder says of it, beside its weights: ``model.json``."""

    format: Annotated[Whole, Field(ge=1)]
    name: Annotated[str, Field(max_length=1000)]
    checksum: str
    settings: Settings
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    seal: NotRequired[str]


_CARD_TYPE = TypeAdapter(_Card)


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
        return weights_digest(self.weights)[:12]

    def network(self) -> GlandPSPNet:
        """Build the network with these weights, in evaluation mode, on the CPU."""
        with torch.random.fork_rng(devices=[]):  # the random weights are only there to be replaced
            network, _ = build_network(self.encoder, "none", self.settings.train.depth)
        try:
            network.load_state_dict(self.weights)
        except RuntimeError as error:
            raise GlandsError(
                f"The weights of the model {self.name} do not fit a network with encoder "
                f"{self.encoder} of depth {self.settings.train.depth}, which its card names: "
                "train again."
            ) from error
        return network.eval()


def weights_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of the tensors of a network: their names and values, on any device."""
    found = hashlib.sha256()
    for name in sorted(state):
        found.update(name.encode())
        found.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


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
        "settings": model.settings.model_dump(mode="json"),
        "metrics": finite(model.metrics),
        "provenance": finite(model.provenance),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with naming(folder), tempfile.TemporaryDirectory(dir=folder) as aside:
            save_file({n: t.contiguous() for n, t in model.weights.items()}, Path(aside, _WEIGHTS))
            Path(aside, _CARD).write_text(json.dumps(sealed(card), indent=2), encoding="utf-8")
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
        card = _card(folder / _CARD)
        weights = _weights(folder / _WEIGHTS)
    except FileNotFoundError as error:
        raise GlandsError(
            f"{folder} holds no model: it needs {_CARD} and {_WEIGHTS}, as training writes them."
        ) from error
    settings = card["settings"]
    if card["format"] < _STATES_DEPTH:
        settings = settings.updated("train", **_BEFORE_DEPTH)
    if not {tensor.dtype for tensor in weights.values()} <= _DTYPES:
        raise GlandsError(f"The weights in {folder} are not those of its card: train again.")
    model = Model(card["name"], settings, weights, card["metrics"], card["provenance"])
    if model.checksum != card["checksum"]:
        raise GlandsError(f"The weights in {folder} are not those of its card: train again.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise GlandsError(f"The weights in {folder} hold values that are no numbers: train again.")
    return model


def _card(path: Path) -> _Card:
    stored = read_json(path, _LARGEST_CARD)
    version = stored.get("format") if isinstance(stored, dict) else None
    if isinstance(version, int) and version > _FORMAT:
        raise GlandsError(
            f"The model in {path.parent} is of a newer version: update napari-glands."
        )
    card = checked(_CARD_TYPE, stored, path)
    if card["format"] >= _SEALED_FROM and card.get("seal") != seal(stored):
        raise GlandsError(f"The card {path} is damaged: it is not what training wrote.")
    return card


def _weights(path: Path) -> dict[str, torch.Tensor]:
    """Read weights; nothing but tensors is in such a file."""
    size = path.stat().st_size
    if not path.is_file() or size > _LARGEST_WEIGHTS:
        raise GlandsError(f"{path} is no file of weights, or has more than 8 GB: train again.")
    try:
        return load_file(path)
    except Exception as error:  # safetensors and the file system each raise their own
        raise_if_refused(f"Cannot read the weights {path}", error)
        raise GlandsError(f"The weights {path} cannot be read ({error}): train again.") from error
