"""Work on the workers of a Dask cluster that others have started."""

from __future__ import annotations

import pickle
import ssl
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.errors import GlandsError
from napari_glands.workers.asking import Ask, Others
from napari_glands.workers.contract import Workers

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

__all__ = ["Cluster", "TlsFiles", "connected"]

_ANSWER_S = 10  # how long a scheduler is waited for
_ENCRYPTED = ("tls://", "wss://")


@dataclass(frozen=True)
class TlsFiles:
    """What proves to a scheduler who asks, and to who asks that it is the right scheduler.

    Attributes
    ----------
    ca
        Certificate of the authority that signed those of the scheduler and of its workers.
    cert, key
        Certificate of who asks, signed by the same authority, and its private key.
    """

    ca: Path
    cert: Path
    key: Path

    def security(self) -> Security:
        """Return the files as Dask takes them.

        Raises
        ------
        GlandsError
            When one of them cannot be read, or is not what it should be.
        """
        from distributed.security import Security

        for option, path in (("ca", self.ca), ("cert", self.cert), ("key", self.key)):
            try:
                path.read_bytes()
            except OSError as error:
                raise GlandsError(
                    f"The file {path} cannot be read ({error.strerror}): name another one with "
                    f"--tls-{option}."
                ) from error
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError as error:
            raise GlandsError(
                f"The file {self.ca} is no certificate of an authority in PEM format: name "
                "another one with --tls-ca."
            ) from error
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise GlandsError(
                f"The files {self.cert} and {self.key} are no certificate and its private key in "
                "PEM format, without a password: name others with --tls-cert and --tls-key."
            ) from error
        ca, cert, key = map(str, (self.ca, self.cert, self.key))
        return Security(
            tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True
        )


class Cluster(Others):
    """Work on the workers of a `distributed` cluster, which need to see the project's folder.

    A lost worker costs the blocks it was at: the scheduler gives them to another one.

    Parameters
    ----------
    client
        Connected to the cluster's scheduler.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    @property
    def count(self) -> int:
        """How many threads the workers have together, at least one."""
        return max(1, sum(self._client.nthreads().values()))

    @contextmanager
    def holding(self, function: Callable[[Any], Any]) -> Iterator[Ask]:
        """Send a function once; a worker that comes in place of a lost one gets it too."""
        asked: set[Future[Any]] = set()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            held = self._client.submit(pickle.loads, pickle.dumps(function), pure=False)

        def ask(argument: Any) -> Future[Any]:
            future = self._executor.submit(_call, held, argument)
            asked.add(future)
            future.add_done_callback(asked.discard)
            return future

        try:
            yield ask
        finally:
            for future in tuple(asked):
                future.cancel()

    def answer(self, future: Future[Any]) -> Any:
        """Return what was answered."""
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise GlandsError(
                "Several workers of the cluster were lost at the same work: they may have run out "
                "of memory. What is finished is kept: run the step again."
            ) from error
        except CancelledError as error:
            raise GlandsError(
                "The scheduler of the cluster is gone, or has dropped the work. What is finished "
                "is kept: run the step again."
            ) from error


@contextmanager
def connected(address: str, tls: TlsFiles | None = None) -> Iterator[Workers]:
    """Connect to the scheduler of a cluster for as long as its workers are needed.

    Raises
    ------
    GlandsError
        When it does not answer, or cannot be asked with these files, or Dask is not installed.
    """
    client = _client(address, tls)
    with client:
        yield Cluster(client)


def _client(address: str, tls: TlsFiles | None) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise GlandsError(
            "Working on a Dask cluster (--scheduler) needs a package that is not installed: "
            '`pip install "napari-glands[cluster]"`. For processes of this machine (--workers) '
            "nothing is missing."
        ) from error
    security = _security(address, tls)
    try:
        return Client(address, timeout=_ANSWER_S, set_as_default=False, security=security)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        advice = (
            "start one (`dask scheduler`), and give the address that it prints (--scheduler)."
            if security is None
            else "see that it runs with TLS (`dask scheduler --protocol tls`), that its "
            "certificate and yours are signed by the same authority, and that none has expired."
        )
        raise GlandsError(f"No Dask scheduler answers at {address} ({error}): {advice}") from error


def _security(address: str, tls: TlsFiles | None) -> Security | None:
    """Return how to connect to an address; None, after a warning, where nothing is encrypted."""
    from distributed.security import Security

    if address.startswith(_ENCRYPTED):
        if tls is not None:
            return tls.security()
        configured: Any = Security(require_encryption=True)
        if None in (configured.tls_ca_file, configured.tls_client_cert, configured.tls_client_key):
            raise GlandsError(
                f"The scheduler's address {address} is an encrypted one, for which certificates "
                "are needed: name them with --tls-ca, --tls-cert and --tls-key, or in Dask's own "
                "configuration."
            )
        return configured
    if tls is not None:
        raise GlandsError(
            f"The scheduler's address {address} is not an encrypted one, for which the TLS files "
            "are: give an address that begins with tls:// (--scheduler)."
        )
    warnings.warn(
        f"The connection to {address} is not encrypted, and the scheduler asks nobody who he is: "
        "whoever can reach it, every user of its machine included, can run programs as you. Use a "
        "scheduler with TLS (tls://…).",
        UserWarning,
        stacklevel=1,
    )
    return None


def _call(function: Callable[[Any], Any], argument: Any) -> Any:
    return function(argument)


def _no_password() -> str:
    """Refuse keys that need a password, which would be asked for in the terminal."""
    raise ValueError("needs a password")
