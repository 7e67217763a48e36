"""What a training leaves behind to go on from: told from what is damaged or somebody else's."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from napari_glands.atomic import remove, written_whole
from napari_glands.segmentation.model import weights_digest

__all__ = ["SealedCheckpoints", "cannot_go_on", "keep_finished", "take_finished"]

_log = logging.getLogger(__name__)

_MARK = b"napari-glands checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size


class SealedCheckpoints(CheckpointIO):
    """Writes checkpoints whole or not at all, with a digest by which damage is known.

    Only tensors and plain values are read back: nothing in a checkpoint is run.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getbuffer()
        with written_whole(Path(path)) as file:
            file.write(_MARK)
            file.write(hashlib.sha256(data).digest())
            file.write(data)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises
        ------
        ValueError
            When it is not what was written.
        """
        data = memoryview(Path(path).read_bytes())
        start = len(_MARK) + _DIGEST
        if bytes(data[: len(_MARK)]) != _MARK:
            raise ValueError("is none of this program")
        if hashlib.sha256(data[start:]).digest() != bytes(data[len(_MARK) : start]):
            raise ValueError("is damaged")
        loaded = torch.load(io.BytesIO(data[start:]), map_location=map_location, weights_only=True)
        return dict(loaded)

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        remove(Path(path))


def cannot_go_on(path: Path, wanted: Mapping[str, torch.Tensor]) -> str:
    """Return why a training cannot go on from a checkpoint; empty when it can.

    Parameters
    ----------
    path
        The checkpoint.
    wanted
        State of the module that is trained.
    """
    try:
        state = SealedCheckpoints().load_checkpoint(path, "cpu")["state_dict"]
    except Exception as error:  # torch raises many types
        text = str(error)
        return text if text.startswith("is ") else f"is damaged ({type(error).__name__})"
    return "" if _fit(state, wanted) else "is of another network"


def keep_finished(network: torch.nn.Module, path: Path, loss: float) -> None:
    """Write the weights of a finished round, with its loss."""
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    metadata = {"loss": repr(loss), "digest": weights_digest(state)}
    part = path.with_suffix(".part")
    save_file(state, part, metadata)
    part.replace(path)


def take_finished(network: torch.nn.Module, path: Path) -> float | None:
    """Load the weights of a finished round and return its loss; None when there are none.

    Weights that are not what was written, or of another network, are none.
    """
    if not path.exists():
        return None
    try:
        state = load_file(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        loss = float(metadata["loss"])
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        _log.warning("The weights %s cannot be read (%s): the round starts over", path, error)
        return None
    if metadata.get("digest") != weights_digest(state) or not _fit(state, network.state_dict()):
        _log.warning("The weights %s are not what was saved: the round starts over", path)
        return None
    network.load_state_dict(state)
    return loss


def _fit(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> bool:
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    return shapes == {name: tuple(tensor.shape) for name, tensor in wanted.items()}
