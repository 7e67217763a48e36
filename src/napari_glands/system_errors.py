"""What the operating system refuses, in a sentence: what happened, where, and what to do.

Full disks, lost network drives, missing permissions and the like are no defects of this program.
They reach it under many names: as an `OSError`, as one behind the error of a library, or only in
the words of one that is written in another language.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from napari_glands.errors import GlandsError

__all__ = ["explain_system_error", "naming", "raise_if_refused", "refusal", "system_error_behind"]


class _Meaning(NamedTuple):
    why: str
    todo: str


_FULL = _Meaning("the disk is full", "make room on it and try again; what was saved is kept")
_LOST = _Meaning(
    "the disk or network drive does not answer",
    "connect it again, or choose a folder on another one, and try again; what was saved is kept",
)
_IN_USE = _Meaning("another program is using it", "close it there and try again")
_DENIED = _Meaning(
    "you may not use it",
    "change its access rights, or choose a folder of your own",
)
_TOO_LONG = _Meaning(
    "the disk takes no such long names", "choose a shorter name, or a folder further up"
)
_ABSENT = _Meaning(
    "it is not there", "look whether it was moved or deleted, or its disk taken away, and try again"
)
_NO_NAME = _Meaning("the system does not accept this name or place", "choose another one")

_BY_CODE: dict[str, _Meaning] = {
    "ENOSPC": _FULL,
    "EDQUOT": _Meaning(
        "your share of the disk is used up",
        "delete what you do not need there and try again; what was saved is kept",
    ),
    "EFBIG": _Meaning(
        "the file is larger than the disk or a limit of the system allows",
        "choose a folder on another disk, or have the limit raised (`ulimit -f`)",
    ),
    "EROFS": _Meaning(
        "nothing can be written to its disk",
        "choose a folder on another disk, or have it made writable",
    ),
    "EACCES": _DENIED,
    "EPERM": _DENIED,
    "EIO": _Meaning(
        "the disk does not work as it should",
        "check the disk and its connection, and copy what you need to another one",
    ),
    "EMFILE": _Meaning(
        "this computer lets nobody open more at the same time",
        "close other programs, or raise the limit (`ulimit -n 4096`), and try again",
    ),
    "ENAMETOOLONG": _TOO_LONG,
    "ENOENT": _ABSENT,
    "ENOTDIR": _Meaning("a part of its path is not a folder", "choose another place"),
    "EISDIR": _Meaning("it is a folder, not a file", "choose another name"),
    "EEXIST": _Meaning("there is one of this name", "choose another name"),
    "ENOTEMPTY": _Meaning("other files are in it", "choose another name, or empty it"),
    "EBUSY": _IN_USE,
    "ETXTBSY": _IN_USE,
    "EAGAIN": _IN_USE,
    "EDEADLK": _IN_USE,
    "ELOOP": _Meaning("its links lead in a circle", "choose another place, or mend the links"),
    "EMLINK": _FULL,
    "EXDEV": _Meaning("it is on another disk", "choose a folder on the same disk"),
    "EINVAL": _NO_NAME,
    "EILSEQ": _NO_NAME,
    "ENOLCK": _Meaning(
        "its disk does not offer locks", "choose a folder on a disk of this computer"
    ),
    "ECONNREFUSED": _Meaning(
        "nobody answers there", "look whether the address is right and its program runs"
    ),
    "ENOTSUP": _Meaning(
        "its disk cannot do what is needed", "choose a folder on a disk of this computer"
    ),
}
_BY_CODE["ENFILE"] = _BY_CODE["EMFILE"]
_BY_CODE |= dict.fromkeys(
    (
        "ESTALE", "ENXIO", "ENODEV", "EREMOTEIO", "ENOLINK", "ENOTCONN", "ECONNRESET",
        "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET",
        "ETIMEDOUT", "ESHUTDOWN", "ENOMEDIUM",
    ),
    _LOST,
)  # fmt: skip
_MEANINGS = {getattr(errno, name): what for name, what in _BY_CODE.items() if hasattr(errno, name)}

# Windows has numbers of its own; Python's own translation of them says "no such file" for many.
_WINDOWS = {
    5: _DENIED, 32: _IN_USE, 33: _IN_USE, 39: _FULL, 112: _FULL, 123: _NO_NAME, 206: _TOO_LONG,
    19: _BY_CODE["EROFS"], 1117: _BY_CODE["EIO"], 1393: _BY_CODE["EIO"],
    1295: _BY_CODE["EDQUOT"], 1816: _BY_CODE["EDQUOT"],
    **dict.fromkeys((21, 51, 53, 55, 59, 64, 67, 121, 1167, 1231, 1232), _LOST),
}  # fmt: skip

# Those that come from outside whatever the program does; the others are only what they seem where
# nothing else went wrong afterwards.
_FROM_OUTSIDE = {
    getattr(errno, name)
    for name, what in _BY_CODE.items()
    if hasattr(errno, name)
    and (what in (_FULL, _LOST, _DENIED) or name in {"EDQUOT", "EFBIG", "EROFS", "EIO", "EMFILE"})
} | {errno.ENFILE, errno.ENAMETOOLONG}

# How libraries that are not written in Python tell of them.
_NUMBERED = re.compile(r"\((?:os error |errno )?(\d+)\)|\[Errno (\d+)\]", re.IGNORECASE)
_UNNUMBERED = re.compile(r"PytorchStreamWriter failed writing|inline_container.*unexpected pos")

_WITHOUT_NUMBER = (ConnectionError, TimeoutError)
_WHERE_UNKNOWN = {"reach": "another computer", "read or write": "a file"}


@contextmanager
def naming(path: str | Path, *, instead_of: str | Path | None = None) -> Iterator[None]:
    """Give a system error that names no file the name of what was being written.

    The system does not say which file it was at when a disk is full.

    Parameters
    ----------
    path
        What the block writes.
    instead_of
        The temporary file that the block writes it to; nobody knows that one.
    """
    try:
        yield
    except OSError as error:
        nameless = error.filename is None and error.errno is not None
        if nameless or (instead_of and str(error.filename) == str(instead_of)):
            error.filename = str(path)
            error.filename2 = None
        raise


def system_error_behind(error: BaseException) -> OSError | None:
    """Return the system error that an error is, or that it came from; None where there is none."""
    seen: set[int] = set()
    current: BaseException | None = error
    own = True
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        found = _system_error(current)
        if found is not None and (own or found.errno in _FROM_OUTSIDE):
            return found
        own = own and current.__cause__ is not None
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return None


def explain_system_error(error: BaseException) -> str | None:
    """Say what the system refused, where, and what to do; None for an error of another kind."""
    found = system_error_behind(error)
    if found is None:
        return None
    doing = "reach" if isinstance(found, _WITHOUT_NUMBER) else "read or write"
    return f"Cannot {doing} {_place(found) or _WHERE_UNKNOWN[doing]}: {_reason(found)}"


def refusal(what: str, error: OSError) -> str:
    """Say why something could not be done, where, and what to do.

    Parameters
    ----------
    what
        Such as ``"Cannot save the glands of case 7"``.
    error
        What was raised; the file that it names is added where `what` does not name it.
    """
    found = system_error_behind(error) or error
    place = _place(found)
    where = f" ({place})" if place and place not in what else ""
    return f"{what}{where}: {_reason(found)}"


def raise_if_refused(what: str, error: BaseException) -> None:
    """Raise what the system refused as a `GlandsError`; return for errors of another kind.

    For those who would take an error for a damaged file: what cannot be reached now may be sound.
    """
    found = system_error_behind(error)
    if found is not None and found.errno in _FROM_OUTSIDE:
        raise GlandsError(refusal(what, found)) from error


def _reason(error: OSError) -> str:
    """Return the words of the system, what they mean, and what to do."""
    meaning = _meaning(error)
    said = error.strerror or ("" if meaning else _first_line(error) or "the system refused it")
    if meaning is None:
        return f"{said.rstrip('.')}."
    advice = f"{meaning.why}: {meaning.todo}."
    return f"{said} – {advice}" if said else advice


def _meaning(error: OSError) -> _Meaning | None:
    windows = _WINDOWS.get(getattr(error, "winerror", None) or 0)
    return windows or _MEANINGS.get(error.errno or 0)


def _place(error: OSError) -> str:
    name = error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""


def _system_error(error: BaseException) -> OSError | None:
    """Return the system error that an error is or tells of, without those it came from."""
    if isinstance(error, shutil.Error):
        return _first_of(error)
    if isinstance(error, OSError) and (error.errno or isinstance(error, _WITHOUT_NUMBER)):
        return error
    if isinstance(error, BaseExceptionGroup):
        parts = (system_error_behind(part) for part in error.exceptions)
        return next((part for part in parts if part is not None), None)
    return _told(str(error))


def _first_of(error: shutil.Error) -> OSError:
    """Return the first of the errors of a copied folder: ``[(from, to, text), …]``."""
    first = error.args[0][0] if error.args and isinstance(error.args[0], list) else None
    if not isinstance(first, tuple) or len(first) != 3:
        return OSError(None, _first_line(error))
    target, text = str(first[1]), str(first[2])
    told = _told(text)
    if told is None:
        return OSError(None, text, target)
    told.filename = target
    return told


def _told(text: str) -> OSError | None:
    """Return the system error that a text speaks of."""
    for match in _NUMBERED.finditer(text):
        code = int(match[1] or match[2])
        words = os.strerror(code)
        if code in _MEANINGS and words.lower() in text.lower():
            return OSError(code, words)
    if _UNNUMBERED.search(text):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return None


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")
