"""Which images teach and which are left out: a fixed choice, even over the grades."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.system_errors import refusal

__all__ = ["Split", "folds", "read_grades", "stratified"]

_GRADE_COLUMN = "grade (GlaS)"


@dataclass(frozen=True)
class Split:
    """Positions of the images that teach and of those left out, each in rising order."""

    taught: tuple[int, ...]
    left_out: tuple[int, ...]


def read_grades(path: str | Path, names: Sequence[str]) -> list[str]:
    """Read the grade of every image from a table like the ``Grade.csv`` of GlaS.

    Parameters
    ----------
    path
        CSV with a header; names in the first column, the grade in the column ``grade (GlaS)``.
    names
        Stems of the images, in the order wished for.

    Returns
    -------
    list of str
        One grade per name, in lower case, such as ``"benign"`` or ``"malignant"``.

    Raises
    ------
    GlandsError
        When the file cannot be read, has no such column, or lacks an image.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except OSError as error:
        raise GlandsError(refusal(f"Cannot read the grades {path}", error)) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise GlandsError(f"The grades {path} are no CSV table: {error}.") from error
    if not rows or _GRADE_COLUMN not in rows[0]:
        raise GlandsError(
            f"The grades {path} have no column {_GRADE_COLUMN!r}: its header is to be "
            f"'name, patient ID, {_GRADE_COLUMN}, …'."
        )
    column = rows[0].index(_GRADE_COLUMN)
    grades = {Path(row[0]).stem: row[column].lower() for row in rows[1:] if len(row) > column}
    missing = [name for name in names if not grades.get(name)]
    if missing:
        raise GlandsError(
            f"The grades {path} lack {', '.join(missing)}: add them, or leave these images out."
        )
    return [grades[name] for name in names]


def stratified(grades: Sequence[str], left_out: int, *, seed: int = 0) -> Split:
    """Leave images out at random, of every grade its share.

    Parameters
    ----------
    grades
        The grade of every image.
    left_out
        How many to leave out, at least one and not all.
    seed
        Start of the random choice.

    Raises
    ------
    GlandsError
        When nothing would teach or nothing would be left out.
    """
    count = len(grades)
    if not 0 < left_out < count:
        raise GlandsError(
            f"Cannot leave {left_out} of {count} images out: at least one must teach and one be "
            "left out."
        )
    rng, groups = np.random.default_rng(seed), sorted(set(grades))
    exact = [left_out * list(grades).count(grade) / count for grade in groups]
    take = [int(share) for share in exact]
    neediest = sorted(range(len(groups)), key=lambda g: take[g] - exact[g])
    for g in neediest[: left_out - sum(take)]:
        take[g] += 1
    chosen: list[int] = []
    for grade, wanted in zip(groups, take, strict=True):
        members = _members(grades, grade)
        chosen += [members[i] for i in rng.permutation(len(members))[:wanted]]
    return _split(count, chosen)


def folds(grades: Sequence[str], count: int, *, seed: int = 0) -> list[Split]:
    """Deal the images out to folds, so that each is left out once and grades spread evenly.

    Parameters
    ----------
    grades
        The grade of every image.
    count
        Number of folds.
    seed
        Start of the random order.

    Raises
    ------
    GlandsError
        When there are fewer than two folds, or fewer images than folds.
    """
    if not 2 <= count <= len(grades):
        raise GlandsError(
            f"Cannot make {count} folds of {len(grades)} images: choose 2 to {len(grades)}."
        )
    rng = np.random.default_rng(seed)
    dealt: list[int] = []  # one grade after the other, so that dealing in turn keeps them even
    for grade in sorted(set(grades)):
        dealt += [int(i) for i in rng.permutation(_members(grades, grade))]
    return [_split(len(grades), dealt[fold::count]) for fold in range(count)]


def _members(grades: Sequence[str], grade: str) -> list[int]:
    return [i for i, other in enumerate(grades) if other == grade]


def _split(count: int, left_out: Sequence[int]) -> Split:
    apart = set(left_out)
    return Split(tuple(i for i in range(count) if i not in apart), tuple(sorted(apart)))
