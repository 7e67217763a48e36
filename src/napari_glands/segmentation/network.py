"""The network of stage 2: a PSPNet that also hands out its embedding."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import segmentation_models_pytorch as smp
import torch
from huggingface_hub import constants
from torch import nn
from torch.nn import functional as F

from napari_glands.errors import GlandsError
from napari_glands.segmentation.windows import blended_windows

__all__ = ["STRIDE", "EncoderChoice", "GlandPSPNet", "build_network"]

_log = logging.getLogger(__name__)

STRIDE = 8  # pixels of the input per pixel of the embedding
_HUB_PATIENCE = 5.0  # seconds
CLASSES = 2  # background, gland
_STRIDED_STAGES = 3  # after them, a pixel of the features is STRIDE pixels of the input


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder was built, with which weights, and why.

    Attributes
    ----------
    name
        Name of the segmentation-models-pytorch encoder.
    weights
        ``"imagenet"`` or ``"none"`` — what was really loaded.
    reason
        One sentence for the user.
    """

    name: str
    weights: str
    reason: str


class GlandPSPNet(nn.Module):
    """Pyramid scene parsing network with two classes.

    Source: Zhao et al., "Pyramid scene parsing network", CVPR 2017; built on the encoder, decoder
    and head of segmentation-models-pytorch.

    Parameters
    ----------
    encoder
        Name of the encoder.
    weights
        Name of its pretrained weights, or None for random ones.
    depth
        Number of stages of the encoder, from 3. Those beyond the third are dilated instead of
        strided, so the embedding stays at an eighth; Source: Yu and Koltun, "Multi-scale context
        aggregation by dilated convolutions", ICLR 2016.
    """

    def __init__(self, encoder: str, weights: str | None, depth: int) -> None:
        super().__init__()
        self.psp = smp.PSPNet(
            encoder,
            encoder_weights=weights,
            encoder_depth=depth,
            psp_out_channels=256,
            classes=CLASSES,
        )
        if depth > _STRIDED_STAGES:
            self.psp.encoder.make_dilated(STRIDE)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map pixels (n, 3, y, x), sides multiples of 8, to logits and embedding.

        Returns
        -------
        logits : Tensor
            (n, 2, y, x) for background and gland.
        embedding : Tensor
            (n, c, y / 8, x / 8): the features before the classifier.
        """
        embedding = self.psp.decoder(self.psp.encoder(pixels))
        return self.psp.segmentation_head(embedding), embedding

    def in_context(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map pixels of a tile of any size to logits, as in crops like those trained on.

        The pyramid pools over all that the network is shown, so in large tiles it meets means it
        has not learned, and in small ones there are more edges, where convolutions see nothing. So
        the tile is encoded in one piece, and its features, which take nearly all of the time, are
        classified in overlapping windows. The classes' maps are enlarged around the centres of
        their pixels; the head's own enlarging stretches them to the edges of what it is given.

        Parameters
        ----------
        pixels
            (n, 3, y, x), sides multiples of 8.

        Returns
        -------
        Tensor
            float32 (n, 2, y, x): logits for background and gland.
        """
        *_, features = self.psp.encoder(pixels)
        classifier = self.psp.segmentation_head[0]
        found = blended_windows(
            features, lambda windows: classifier(self.psp.decoder([windows])).float()
        )
        return F.interpolate(found, scale_factor=STRIDE, mode="bilinear", align_corners=False)


def build_network(encoder: str, weights: str, depth: int) -> tuple[GlandPSPNet, EncoderChoice]:
    """Build the network, falling back to random weights when pretrained ones cannot be had.

    Parameters
    ----------
    encoder
        Name of a segmentation-models-pytorch encoder.
    weights
        ``"imagenet"`` or ``"none"``.
    depth
        Number of stages of the encoder.

    Raises
    ------
    GlandsError
        When there is no such encoder, or it cannot be that deep.
    """
    if encoder not in smp.encoders.get_encoder_names():
        known = ", ".join(name for name in smp.encoders.get_encoder_names() if "resnet" in name)
        raise GlandsError(f"There is no encoder {encoder!r}: choose for example one of {known}.")
    if weights == "none":
        choice = EncoderChoice(encoder, "none", "random weights were asked for")
        return _random(encoder, depth), choice
    try:
        with _impatient_hub():
            network = GlandPSPNet(encoder, weights, depth)
    except Exception as error:  # hub, network and cache each raise their own types
        _log.info("Pretrained weights of %s are not to be had: %s", encoder, error)
        reason = (
            f"{weights} weights of {encoder} could not be downloaded, so training starts from "
            "random weights"
        )
        return _random(encoder, depth), EncoderChoice(encoder, "none", reason)
    return network, EncoderChoice(encoder, weights, "pretrained weights were loaded")


def _random(encoder: str, depth: int) -> GlandPSPNet:
    try:
        return GlandPSPNet(encoder, None, depth)
    except Exception as error:  # each family of encoders refuses in its own way
        raise GlandsError(
            f"The encoder {encoder!r} cannot be built {depth} stages deep: set the depth to "
            f"{_STRIDED_STAGES}, or choose an encoder of the resnet family ({error})."
        ) from error


@contextmanager
def _impatient_hub() -> Iterator[None]:
    """Look for cached weights only, when the hub does not answer at once.

    The hub's client would try for half a minute before it gives up.
    """
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _answers(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _answers(address: str) -> bool:
    """Whether a web server answers at all, be it with an error."""
    try:
        urlopen(Request(address, method="HEAD"), timeout=_HUB_PATIENCE).close()
    except HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True
