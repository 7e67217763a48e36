"""Moving the camera to a part of a layer."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["fly_to"]

# What is looked at takes this share of the canvas: its surroundings tell whether it is right.
_SHARE = 0.45


def fly_to(viewer: Any, layer: Any, box: tuple[slice, slice], *, share: float = _SHARE) -> None:
    """Centre the view on some rows and columns of a layer, and zoom so that they fit well.

    They take `share` of the canvas.
    """
    corners = [layer.data_to_world((box[0].start, box[1].start))]
    corners.append(layer.data_to_world((box[0].stop, box[1].stop)))
    low, high = (np.asarray(corner[-2:], dtype=float) for corner in corners)
    size = np.maximum(np.abs(high - low), 1e-6)
    camera = viewer.scene.camera
    camera.center = (low + high) / 2
    camera.zoom = share * float(np.min(viewer.canvas.viewbox_size(viewer.layers) / size))
