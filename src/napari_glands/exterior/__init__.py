"""Stage 1: the shallow network that clusters out the gland exterior, without labels."""

from napari_glands.exterior.device import Device, choose_device
from napari_glands.exterior.maps import ClusterEvidence, ExteriorMap
from napari_glands.exterior.preview import haematoxylin_preview
from napari_glands.exterior.stage1 import (
    ExteriorModel,
    apply_exterior,
    check_cluster,
    cluster_exterior,
    fit_exterior,
)

__all__ = [
    "ClusterEvidence",
    "Device",
    "ExteriorMap",
    "ExteriorModel",
    "apply_exterior",
    "check_cluster",
    "choose_device",
    "cluster_exterior",
    "fit_exterior",
    "haematoxylin_preview",
]
