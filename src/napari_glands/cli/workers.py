"""The options by which a command is told who works."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from napari_glands.workers import Workers

__all__ = ["WorkersChoice", "with_workers"]

_SCHEDULER = typer.Option(
    "--scheduler",
    help="Address of a running Dask scheduler, such as tls://10.0.0.1:8786, whose workers do small "
    "images and the tiles of large slides; they must see the project and the images under the "
    "same paths. Whoever can reach a scheduler without TLS (tcp://) can run programs as you.",
)
_WORKERS = typer.Option(
    "--workers",
    min=1,
    help="Processes on this machine that do small images and the tiles of large slides; they need "
    "no network (default: one per GPU).",
)
_CA = typer.Option(
    "--tls-ca",
    help="For a tls:// scheduler: certificate of the authority that signed all others (PEM; "
    "default: as Dask is configured).",
)
_CERT = typer.Option("--tls-cert", help="For a tls:// scheduler: your certificate (PEM).")
_KEY = typer.Option("--tls-key", help="For a tls:// scheduler: the key of your certificate (PEM).")


@dataclass(frozen=True)
class WorkersChoice:
    """Who works, as the user chose."""

    scheduler: Annotated[str | None, _SCHEDULER] = None
    workers: Annotated[int | None, _WORKERS] = None
    tls_ca: Annotated[Path | None, _CA] = None
    tls_cert: Annotated[Path | None, _CERT] = None
    tls_key: Annotated[Path | None, _KEY] = None

    def opened(self) -> AbstractContextManager[Workers]:
        """Return them, for use in a ``with`` statement.

        Raises
        ------
        typer.BadParameter
            When some of the TLS files are named and others are not.
        GlandsError
            When the scheduler does not answer, or cannot be asked with these files.
        """
        from napari_glands.workers import TlsFiles, chosen_workers

        files = [path for path in (self.tls_ca, self.tls_cert, self.tls_key) if path is not None]
        if len(files) not in (0, 3):
            raise typer.BadParameter("--tls-ca, --tls-cert and --tls-key belong together.")
        return chosen_workers(self.scheduler, self.workers, TlsFiles(*files) if files else None)


def with_workers(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say who works; they fill its parameter ``chosen``."""
    options = inspect.signature(WorkersChoice, eval_str=True).parameters

    @functools.wraps(command)
    def wrapper(**given: Any) -> Any:
        chosen = WorkersChoice(**{name: given.pop(name) for name in options})
        return command(**given, chosen=chosen)

    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command, eval_str=True).parameters.values():
        of_its_own = own.name != "chosen"
        parameters += [own] if of_its_own else [_keyword(option) for option in options.values()]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


def _keyword(option: inspect.Parameter) -> inspect.Parameter:
    return option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
