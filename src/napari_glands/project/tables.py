"""The measurements of a slide's glands on the disk: ``slides/<id>.csv``."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from napari_glands.atomic import write_bytes
from napari_glands.errors import GlandsError
from napari_glands.stored import read_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read", "write"]


def write(table: pd.DataFrame, path: Path) -> str:
    """Write a table, and return the digest of the file."""
    data = table.to_csv(index=False).encode("utf-8")
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def read(path: Path, digest: str | None) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path
        The file.
    digest
        Of what was written; None where that is not known.

    Raises
    ------
    GlandsError
        When it is not what was written, or no table of glands.
    """
    import pandas as pd

    from napari_glands.measurement import COLUMNS

    data = read_bytes(path)
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise GlandsError(
            f"{path} is not the table that was saved: delete it, and run the step `measure` again."
        )
    try:
        table = pd.read_csv(io.BytesIO(data))
        return table.astype({name: kind for name, kind in COLUMNS.items() if name in table})
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise GlandsError(
            f"{path} is no table of glands ({str(error).splitlines()[0]}): delete it, and run the "
            "step `measure` again."
        ) from error
