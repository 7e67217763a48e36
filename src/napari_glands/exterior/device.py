"""The one place that decides where networks run, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.memory import keep_freed_memory

__all__ = ["Device", "choose_device"]


@dataclass(frozen=True)
class Device:
    """A device and the reason it was chosen.

    Attributes
    ----------
    name
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    reason
        One sentence for the user.
    bf16
        Whether the forward pass runs in bfloat16.
    """

    name: str
    reason: str
    bf16: bool

    @property
    def torch(self) -> torch.device:
        """The torch device."""
        return torch.device(self.name)

    def autocast(self) -> AbstractContextManager:
        """Return the mixed-precision context for forward passes on this device."""
        return torch.amp.autocast(self.name, dtype=torch.bfloat16, enabled=self.bf16)


def choose_device(wish: str = "auto") -> Device:
    """Fold the user's wish and what the machine has into one device, and make it ready.

    Parameters
    ----------
    wish
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    GlandsError
        When the wished device is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wish == "cuda" and not cuda:
        raise GlandsError("Device 'cuda' was asked for, but torch finds no CUDA GPU: use 'auto'.")
    if wish == "mps" and not mps:
        raise GlandsError("Device 'mps' was asked for, but this is no Apple GPU: use 'auto'.")
    if wish == "cuda" or (wish == "auto" and cuda):
        return Device("cuda", f"GPU {torch.cuda.get_device_name()}", torch.cuda.is_bf16_supported())
    if wish == "mps" or (wish == "auto" and mps):
        return Device("mps", "Apple GPU", False)
    keep_freed_memory()
    why = "asked for" if wish == "cpu" else "no GPU was found"
    bf16 = _computes_bf16(torch.cpu.get_capabilities())
    precision = " in bfloat16" if bf16 else ""
    reason = f"CPU with {torch.get_num_threads()} threads{precision} ({why})"
    return Device("cpu", reason, bf16)


def _computes_bf16(capabilities: Mapping[str, Any]) -> bool:
    """Whether a processor has instructions for bfloat16; others only emulate it, slowly."""
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
