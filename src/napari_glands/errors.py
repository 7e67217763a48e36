"""The one exception type whose message is written for the user."""

from __future__ import annotations


class GlandsError(Exception):
    """Something the user can put right: the message names the file or field and what to do.

    The command line prints the message and exits with 1; the workbench shows it in the status
    line. Every other exception is a defect of this program, unless it comes from the system: see
    `system_errors`.
    """
