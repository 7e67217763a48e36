"""Tools on the canvas with which priors and glands are corrected."""

from napari_glands.workbench.tools.toolbox import Toolbox

__all__ = ["Toolbox"]
