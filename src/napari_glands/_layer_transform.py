"""What a napari layer's attributes say about its place in the viewer's world, and its units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.pixel_size import to_micrometres

__all__ = ["um_per_unit", "world_matrix"]

_PIXELS = {"pixel", "pixels", "px", "", "dimensionless", "none"}


def world_matrix(attributes: Mapping[str, Any], ndim: int, name: str) -> np.ndarray:
    """Return the matrix (3, 3) that takes (y, x, 1) of a layer's pixels to the viewer's world."""
    try:
        matrix = _composed(attributes, ndim)
    except (TypeError, ValueError, IndexError) as error:
        raise GlandsError(f"The layer {name} has a place that cannot be read ({error}).") from error
    keep = [ndim - 2, ndim - 1, ndim]
    plane = matrix[np.ix_(keep, keep)]
    if np.abs(matrix[: ndim - 2, ndim - 2 : ndim]).max(initial=0) > 1e-9:
        raise GlandsError(f"The layer {name} is turned out of the plane: it cannot be written.")
    if not np.isfinite(plane).all() or abs(np.linalg.det(plane[:2, :2])) < 1e-18:
        raise GlandsError(
            f"The layer {name} has a scale or transformation that leaves no area: set its scale."
        )
    return plane


def _composed(attributes: Mapping[str, Any], ndim: int) -> np.ndarray:
    """Put together what napari does: scale, shear, rotate, translate, then the affine."""
    matrix = np.eye(ndim + 1)
    scale, shift = (
        _vector(attributes, "scale", 1.0, ndim),
        _vector(attributes, "translate", 0, ndim),
    )
    matrix[:ndim, :ndim] = (
        _rotation(attributes.get("rotate"), ndim)
        @ _shear(attributes.get("shear"), ndim)
        @ np.diag(scale)
    )
    matrix[:ndim, ndim] = shift
    affine = attributes.get("affine")
    if affine is None:
        return matrix
    given = np.asarray(getattr(affine, "affine_matrix", affine), float)
    outer = np.eye(ndim + 1)
    outer[-given.shape[0] :, -given.shape[1] :] = given
    return outer @ matrix


def _vector(attributes: Mapping[str, Any], key: str, fill: float, ndim: int) -> np.ndarray:
    vector = np.full(ndim, fill, float)
    given = attributes.get(key)
    if given is not None and len(given):
        vector[-len(given) :] = np.asarray(given, float)
    return vector


def _rotation(given: Any, ndim: int) -> np.ndarray:
    """Return the matrix of a rotation, given as an angle in degrees or as a matrix."""
    if given is None:
        return np.eye(ndim)
    matrix = np.asarray(given, float)
    if matrix.ndim == 0:
        angle = np.deg2rad(float(matrix))
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _embedded(matrix, ndim)


def _shear(given: Any, ndim: int) -> np.ndarray:
    """Return the matrix of a shear, given as its upper triangle or as a matrix."""
    if given is None:
        return np.eye(ndim)
    matrix = np.asarray(given, float)
    if matrix.ndim == 1:
        side = round((1 + np.sqrt(1 + 8 * len(matrix))) / 2)
        triangle = np.eye(side)
        triangle[np.triu_indices(side, 1)] = matrix
        matrix = triangle
    return _embedded(matrix, ndim)


def _embedded(matrix: np.ndarray, ndim: int) -> np.ndarray:
    whole = np.eye(ndim)
    whole[-len(matrix) :, -len(matrix) :] = matrix
    return whole


def um_per_unit(attributes: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """Return µm per unit of y and x; None where the layer is in pixels."""
    units = attributes.get("units")
    if units is None:
        return None
    words = [str(unit).strip() for unit in ([units] * 2 if isinstance(units, str) else units)][-2:]
    if all(word.lower() in _PIXELS for word in words):
        return None
    factors = [to_micrometres(1, word) for word in words]
    if len(factors) != 2 or None in factors:
        raise GlandsError(
            f"The layer {name} is in {' and '.join(words)}: set its units to µm or pixel first."
        )
    return factors[0], factors[1]  # type: ignore[return-value]
