"""Images at an address: which ones are read, and how they are reached."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from napari_glands.errors import GlandsError
from napari_glands.slides.formats import READABLE

__all__ = ["Address", "close_store", "local_path", "reason"]

_CONNECT_S, _READ_S = 10, 30
# Loops hold their tasks weakly.
_closing: set[asyncio.Task[None]] = set()
_WHAT_IS_READ = (
    "only OME-Zarr images are read over a network, at http://, https:// and s3:// addresses"
)


@dataclass(frozen=True)
class Address:
    """Where an OME-Zarr image is on a network.

    Attributes
    ----------
    url
        The address without user name and password: the only form that is shown and written down.
    login
        User name and password, where the address held them.
    """

    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str | Path) -> Address:
        """Take an address apart.

        Raises
        ------
        GlandsError
            When it is none of an OME-Zarr image that can be read; the message holds no password.
        """
        text = _with_slashes(text)
        shown = re.sub(r"//[^/]*@", "//", text).split("?")[0].split("#")[0]
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise GlandsError(f"{shown} is not an address: check how it is written.") from error
        scheme = parts.scheme.lower()
        if scheme not in ("http", "https", "s3"):
            raise GlandsError(
                f"{shown} is an address of the kind {scheme}://, and {_WHAT_IS_READ}: download "
                "the image and open it from the disk."
            )
        if not host:
            raise GlandsError(f"{shown} is an address without a server: check how it is written.")
        if parts.query or parts.fragment:
            raise GlandsError(
                f"{shown} is an address with something after a '?' or '#', which does not reach "
                "the many files of an OME-Zarr image: give the plain address, or download it."
            )
        path = parts.path.rstrip("/")
        ending = Path(path).suffix.lower()
        if ending in READABLE and ending != ".zarr":
            raise GlandsError(
                f"{shown} is the address of a {ending} file, and {_WHAT_IS_READ}: download it and "
                "open it from the disk."
            )
        # Buckets may have capital letters; hosts have none, and their port belongs to them.
        place = parts.netloc.rpartition("@")[2] if scheme == "s3" else _host(host, port)
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        return cls(f"{scheme}://{place}{path}", login)

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """Last part of the address, as a file's name."""
        return unquote(self.url.rpartition("/")[2])

    def store(self) -> Any:
        """Return a zarr store that reads what is at the address, part by part when asked for.

        Raises
        ------
        GlandsError
            When a package that this takes is not there.
        """
        try:
            from zarr.storage import FsspecStore

            options = self._s3_options() if self.url.startswith("s3:") else self._http_options()
            return FsspecStore.from_url(self.url, storage_options=options, read_only=True)
        except ImportError as error:
            raise GlandsError(
                f"{self} is not on this computer, and what reads addresses is not installed "
                f"({error.name or error}): install the packages fsspec, aiohttp and s3fs, or "
                "download the image."
            ) from error

    def _http_options(self) -> dict[str, Any]:
        import aiohttp

        client: dict[str, Any] = {
            "timeout": aiohttp.ClientTimeout(
                total=None, sock_connect=_CONNECT_S, sock_read=_READ_S
            ),
            "trust_env": True,  # proxies, and logins in ~/.netrc
        }
        if self.login:
            login = b64encode(":".join(self.login).encode()).decode()
            client["headers"] = {"Authorization": f"Basic {login}"}
        return {"client_kwargs": client, "skip_instance_cache": True}

    def _s3_options(self) -> dict[str, Any]:
        from botocore.session import Session

        config = {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "retries": {"max_attempts": 2},
        }
        options: dict[str, Any] = {"config_kwargs": config, "skip_instance_cache": True}
        if self.login:
            return options | {"key": self.login[0], "secret": self.login[1]}
        # Public buckets are read without a signature by those who have none to give.
        return options | {"anon": Session().get_credentials() is None}


def local_path(text: str | Path) -> Path | None:
    """Return the path that a ``file://`` address stands for, None for any other."""
    parts = urlsplit(_with_slashes(text)) if str(text).lower().startswith("file:/") else None
    return None if parts is None else Path(url2pathname(unquote(parts.path)))


def close_store(store: Any) -> None:
    """Close the connections of a store that reads an address."""
    from zarr.core.sync import sync

    files = store.fs
    if getattr(files, "_session", None) is not None:
        closing = files._session.close()
    elif getattr(files, "_s3", None) is not None:
        closing = files._s3.close()
    else:
        return
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        try:
            sync(closing, timeout=_READ_S)
        except TimeoutError:
            pass  # it goes on by itself
        except Exception:  # the loop that it lives in has ended with the program
            closing.close()
        return
    task = running.create_task(closing)  # when memory is tidied up in the midst of reading
    _closing.add(task)
    task.add_done_callback(_closing.discard)


def reason(error: BaseException) -> str | None:
    """Say in words why an address cannot be read, None when that is not a matter of networks."""
    while error is not None:
        status = getattr(error, "status", None)
        if status in (401, 403) or isinstance(error, PermissionError):
            return "it asks for a login that was not given, or does not let this one in"
        if isinstance(status, int) and status >= 400:
            return f"the server answers with error {status}"
        if type(error).__name__ in ("NoCredentialsError", "InvalidAccessKeyId"):
            return "it asks for a login that was not given"
        if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
            return "the server does not answer in time"
        if isinstance(error, ConnectionError) or type(error).__name__.startswith(
            ("ClientConnect", "ServerDisconnected", "EndpointConnection", "ClientPayload")
        ):
            return "the server cannot be reached"
        if type(error).__name__ in (
            "ClientSSLError",
            "SSLError",
            "InvalidURL",
            "InvalidUrlClientError",
        ):
            return f"the server cannot be reached ({type(error).__name__})"
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return None


def _with_slashes(text: str | Path) -> str:
    """Give an address its second slash back, which a `pathlib.Path` has taken."""
    plain = str(text).replace("\\", "/") if isinstance(text, Path) else str(text)
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+):/(?!/)", r"\1://", plain.strip())


def _host(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
