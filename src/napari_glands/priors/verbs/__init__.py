"""What the user can do to labels: arrays in, the changed part out."""

from napari_glands.priors.verbs.edit import Edit

__all__ = ["Edit"]
