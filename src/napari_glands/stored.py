"""Reading what was stored, by whomever: bounded, strict, and each fault in one sentence.

Files of a project, a model or the settings may be damaged, cut off, or made by a stranger. All of
them are read here; what they have to hold is said by a type, which pydantic checks.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from napari_glands.errors import GlandsError
from napari_glands.system_errors import refusal

__all__ = [
    "Finite",
    "PlainName",
    "Whole",
    "checked",
    "digest",
    "faults",
    "finite",
    "is_plain_name",
    "plain",
    "read_bytes",
    "read_json",
    "seal",
    "sealed",
]

T = TypeVar("T")

_MIB = 1 << 20
LARGEST = 256 * _MIB
"""Bytes of the largest file that is read whole; a table of a million glands has 200 MB."""

# What Windows takes for a device, whatever follows the dot.
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_NAMES = re.compile(r"\w[\w.-]*")
_LONGEST_NAME = 150
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
_SEAL = "seal"
_NAMED = 3  # how many faults of a file are told of


@lru_cache(4096)
def is_plain_name(name: str) -> bool:
    """Tell whether a text can be the name of a file or folder everywhere, and of nothing else.

    That is letters, digits, ``_``, ``-`` and dots after the first letter or digit: no separators,
    no way up, no hidden file, no device of Windows.
    """
    return (
        _NAMES.fullmatch(name) is not None
        and len(name) <= _LONGEST_NAME
        and not name.endswith((".", ".former"))
        and _DEVICES.fullmatch(name) is None
    )


def _plain_name(name: str) -> str:
    if not is_plain_name(name):
        raise ValueError(f"{_short(name)} cannot be a name: use letters, digits, -, _ and dots")
    return name


PlainName = Annotated[str, AfterValidator(_plain_name)]
"""A text that names a file or folder (`is_plain_name`)."""

Whole = Annotated[int, Field(strict=True)]
"""A whole number, not a text or a truth value that stands for one."""

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number that is one."""


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Read a file of at most so many bytes.

    Raises
    ------
    GlandsError
        When it is no plain file (which could be waited for in vain), larger, or cannot be read.
    FileNotFoundError
        When there is none.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise GlandsError(f"{path} is damaged: it is not a plain file.")
        if status.st_size > largest:
            raise GlandsError(
                f"{path} is damaged: it has {status.st_size / _MIB:,.0f} MiB, and at most "
                f"{largest / _MIB:,.0f} MiB are read."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read {path}", error)) from error


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Read a JSON file: standard JSON only, without NaN.

    Raises
    ------
    GlandsError, FileNotFoundError
        As `read_bytes`, and when it is not valid JSON.
    """
    data = read_bytes(path, largest)
    try:
        found = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
        if _HALF_CHARACTER.search(data):  # half of a pair is no text, and cannot be written
            json.dumps(found, ensure_ascii=False).encode("utf-8")
        return found
    except RecursionError as error:
        raise GlandsError(f"{path} is damaged: it is nested too deeply.") from error
    except ValueError as error:
        raise GlandsError(f"{path} is damaged: it is not valid JSON ({error}).") from error


def checked(kind: TypeAdapter[T], data: Any, what: str | Path) -> T:
    """Return stored data as the type that they have to be of.

    Raises
    ------
    GlandsError
        Which names the file and the fields that are not as they have to be.
    """
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        raise GlandsError(f"{what} is damaged: {faults(error)}.") from error
    except RecursionError as error:
        raise GlandsError(f"{what} is damaged: it is nested too deeply.") from error


def faults(error: ValidationError) -> str:
    """Return what pydantic found wrong, by field, in words."""
    found = [
        f"{'.'.join(_short(str(part)) for part in fault['loc']) or 'top level'}: "
        f"{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False)
    ]
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "; ".join(found[:_NAMED]) + more


def digest(value: Any) -> str:
    """Return the sha256 of a JSON value, in its canonical form."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data with a seal, by which a later change is known."""
    # As it is read back: numbers of numpy, tuples and keys that are no text are not what JSON has.
    return {**data, _SEAL: seal(json.loads(json.dumps(data, default=plain)))}


def seal(data: Mapping[str, Any]) -> str:
    """Return the seal that belongs to data as they are in JSON, whichever they have."""
    return digest({k: v for k, v in data.items() if k != _SEAL})


def plain(value: Any) -> Any:
    """Turn a numpy scalar into the Python number that JSON knows."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be saved as JSON")


def finite(value: Any) -> Any:
    """Return data with None for every number that is none (NaN, infinite), which JSON lacks."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _short(text: str) -> str:
    short = text if len(text) <= 40 else f"{text[:40]}…"
    return short if re.fullmatch(r"[\w.…-]+", short) else repr(short)
