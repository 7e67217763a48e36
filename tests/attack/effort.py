"""How much the property tests try: seconds in `make test`, minutes in `make attack`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings

__all__ = ["EFFORT", "Effort"]

_CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
_FEW = (Phase.explicit, Phase.reuse, Phase.generate)  # the smallest example takes its time


@dataclass(frozen=True)
class Effort:
    """Settings of the property tests.

    Attributes
    ----------
    quick
        For what takes a millisecond.
    files
        For what writes and reads files.
    edits
        For long orders of edits.
    """

    quick: settings
    files: settings
    edits: settings

    @classmethod
    def of(cls, times: int) -> Effort:
        """Return the settings for some times the usual number of examples.

        The usual ones are the same in every run; more are others each time.
        """
        usual = {
            "deadline": None,
            "derandomize": times == 1,
            "suppress_health_check": _CHECKS,
            "database": None,
            "print_blob": True,
            "phases": _FEW if times == 1 else tuple(Phase),
        }
        return cls(
            settings(max_examples=30 * times, **usual),
            settings(max_examples=8 * times, **usual),
            settings(max_examples=4 * times, stateful_step_count=20, **usual),
        )


EFFORT = Effort.of(int(os.environ.get("NAPARI_GLANDS_EFFORT", "1")))
"""Of this run; ``NAPARI_GLANDS_EFFORT=20`` for twenty times the usual."""
