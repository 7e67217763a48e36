"""Every parameter of every step, once.

The fields' titles, descriptions, units and bounds are what the widgets show as labels and
tooltips, what the command line offers as options, and what is saved with each run. Lengths are
in µm and areas in µm², never in pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_glands.errors import GlandsError
from napari_glands.stored import faults, read_json
from napari_glands.system_errors import refusal

__all__ = [
    "ExportSettings",
    "ExteriorSettings",
    "GeneralSettings",
    "PredictSettings",
    "PriorSettings",
    "Settings",
    "StepSettings",
    "TrainSettings",
    "load_settings",
]


def _setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str | None = None,
    advanced: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one parameter; `unit` and `advanced` travel in the field's JSON schema."""
    extra: dict[str, Any] = {"advanced": advanced}
    if unit is not None:
        extra["unit"] = unit
    return Field(default, title=title, description=description, json_schema_extra=extra, **bounds)


class StepSettings(BaseModel):
    """Base of the settings of one step: frozen, and strict about unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GeneralSettings(StepSettings):
    """What all steps share."""

    working_mpp: float = _setting(
        1.24,
        "Working resolution",
        "Pixel size at which the method runs. Finer keeps thin gland borders closed; coarser is "
        "faster and sees wider.",
        unit="µm/px",
        gt=0.1,
        le=10,
    )
    default_mpp: float = _setting(
        0.62,
        "Assumed pixel size",
        "Pixel size taken, with a warning, for an image that does not state its own.",
        unit="µm/px",
        gt=0.01,
        le=100,
    )
    seed: int = _setting(
        0,
        "Seed",
        "Start of all random numbers: same seed, same labels on the same device.",
        ge=0,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = _setting(
        "auto", "Device", "Where the networks run; auto takes a GPU where there is one."
    )
    devices: int = _setting(
        1,
        "Devices",
        "How many devices of that kind train the segmentation network at the same time; each takes "
        "an equal part of every batch. More than one is for machines with several GPUs.",
        ge=1,
        advanced=True,
    )


class ExteriorSettings(StepSettings):
    """Stage 1: the shallow network that clusters pixels, and the choice of the exterior."""

    loss: Literal["self_label", "iic"] = _setting(
        "iic",
        "Self-supervised loss",
        "self_label: cross-entropy against the network's own strongest answer. "
        "iic: mutual information between two views of the same tissue.",
    )
    spatial_weight: float = _setting(
        0.05,
        "Spatial weight",
        "Weight of the spatial loss, which makes neighbours agree. 0.05 suits iic; self_label was "
        "published with 5.",
        ge=0,
    )
    network: Literal["shared", "per_image"] = _setting(
        "shared",
        "Network",
        "shared: one network for all slides, so that clusters mean the same everywhere. "
        "per_image: one network per slide, as published.",
    )
    channels: int = _setting(
        32, "Channels", "Width of the network and number of its output classes.", ge=4, le=256
    )
    layers: int = _setting(3, "Layers", "Number of 3×3 convolutions.", ge=1, le=8)
    iterations: int = _setting(
        100, "Iterations", "Training steps of the network (per slide for per_image).", ge=0
    )
    batch_size: int = _setting(
        8, "Batch size", "Crops per training step (shared network).", ge=1, advanced=True
    )
    crop_um: float = _setting(
        160.0,
        "Crop size",
        "Side of the square crops that the shared network is trained on.",
        unit="µm",
        gt=10,
        advanced=True,
    )
    learning_rate: float = _setting(
        0.1,
        "Learning rate",
        "Step size of the optimiser. 0.1 suits iic; self_label was published with 0.01.",
        gt=0,
        advanced=True,
    )
    clusters: int = _setting(
        5, "Clusters", "Number of k-means clusters in embedding space.", ge=2, le=20
    )
    min_cluster_area: float = _setting(
        0.05,
        "Smallest exterior share",
        "A cluster smaller than this share of the tissue is not taken for the exterior.",
        ge=0,
        le=1,
        advanced=True,
    )
    exterior_cluster: int | None = _setting(
        None,
        "Exterior cluster",
        "Number of the cluster that is the gland exterior; empty chooses it by its cues.",
        ge=1,
    )


class PriorSettings(StepSettings):
    """Closed rings of the exterior, swept over exterior levels, filled into interior priors."""

    levels: int = _setting(
        9, "Levels", "Number of exterior levels in the sweep from strict to lenient.", ge=1, le=64
    )
    strictest: float = _setting(
        0.15,
        "Strictest level",
        "Share of the pixels that count as exterior at the strict end of the sweep.",
        gt=0,
        lt=1,
    )
    most_lenient: float = _setting(
        0.55,
        "Most lenient level",
        "Share of the pixels that count as exterior at the lenient end of the sweep.",
        gt=0,
        lt=1,
    )
    smoothing_um: float = _setting(
        2.5, "Smoothing", "Gaussian width that closes pixel-sized gaps in rings.", unit="µm", ge=0
    )
    min_area_um2: float = _setting(
        460.0, "Smallest interior", "Smaller enclosed spots are dropped.", unit="µm²", ge=0
    )
    max_area_um2: float = _setting(
        60000.0, "Largest interior", "Larger enclosed spots are dropped.", unit="µm²", gt=0
    )
    min_solidity: float = _setting(
        0.8,
        "Smallest solidity",
        "Area over convex area; ragged leaks between glands are far from convex.",
        ge=0,
        le=1,
    )
    min_ring: float = _setting(
        0.6,
        "Smallest ring completeness",
        "Share of the interior's outline that borders on exterior.",
        ge=0,
        le=1,
    )
    min_score: float = _setting(
        0.88,
        "Smallest score",
        "Rings and compact pieces of the exterior map that score lower are not proposed.",
        ge=0,
        le=1,
    )
    stain_rings: bool = _setting(
        True,
        "Stain rings",
        "Seek closed rings in the haematoxylin stain too, beside those of the exterior map.",
    )
    min_stain_score: float = _setting(
        0.84,
        "Smallest score of stain rings",
        "Rings of the stain that score lower are not proposed. They are surer than those of the "
        "exterior map, which is another one after every training.",
        advanced=True,
        ge=0,
        le=1,
    )
    compact: bool = _setting(
        True,
        "Compact glands",
        "In a slide where no ring closes, take compact pieces of exterior for glands without a "
        "visible interior.",
    )
    grow_score: float = _setting(
        0.85,
        "Smallest score of grown priors",
        "When predictions are taken into the priors: only glands are proposed of which the network "
        "is sure in at least this share of their pixels.",
        ge=0,
        le=1,
    )
    ring_width_um: float = _setting(
        7.5,
        "Ring width",
        "Width of the epithelium that is taken with an interior as gland.",
        unit="µm",
        ge=0,
    )


class TrainSettings(StepSettings):
    """Stage 2: the PSPNet that learns from the pseudo masks."""

    encoder: str = _setting("resnet18", "Encoder", "Name of a segmentation-models-pytorch encoder.")
    depth: int = _setting(
        4,
        "Encoder depth",
        "Number of stages of the encoder. Deeper sees wider and tells glands apart better, at "
        "about twice the time per stage.",
        ge=3,
        le=5,
    )
    weights: Literal["imagenet", "none"] = _setting(
        "imagenet",
        "Encoder weights",
        "imagenet: pretrained weights, or random ones with a message where they cannot be had. "
        "none: random.",
    )
    iterations: int = _setting(300, "Iterations", "Training steps of each round.", ge=1)
    rounds: int = _setting(
        4,
        "Rounds",
        "Round 1 learns from the priors and the clearest pixels of their slides; each further "
        "round from what the round before was sure of.",
        ge=1,
        le=10,
    )
    go_on_rounds: int = _setting(
        1,
        "Rounds of training again",
        "How many rounds the last model is trained on, when it goes on from its weights.",
        ge=1,
        le=10,
    )
    batch_size: int = _setting(8, "Batch size", "Crops per training step.", ge=2)
    crop_um: float = _setting(
        240.0, "Crop size", "Side of the square training crops.", unit="µm", ge=80
    )
    learning_rate: float = _setting(
        1e-3, "Learning rate", "Peak step size of AdamW (one-cycle).", gt=0, advanced=True
    )
    diffusion_weight: float = _setting(
        0.1,
        "Knowledge diffusion",
        "Weight of the loss that pulls prior interiors to the mean exterior embedding.",
        ge=0,
    )
    push_weight: float = _setting(
        0.1,
        "Background push",
        "Weight of the loss that keeps background away from the exterior embedding.",
        ge=0,
    )
    push_margin: float = _setting(
        1.0, "Push margin", "Distance beyond which background is left alone.", gt=0, advanced=True
    )
    omission: bool = _setting(
        False,
        "Relabel omissions",
        "Take background pixels for gland whose embedding is as close to the exterior as that of "
        "the priors.",
    )
    omission_start: float = _setting(
        0.5,
        "Omission start",
        "Share of the first round after which omissions are relabelled.",
        ge=0,
        le=1,
        advanced=True,
    )
    positive_fraction: float = _setting(
        0.05,
        "Sure gland-like",
        "Share of an image, the most gland-like, that is taken as gland exterior at first.",
        ge=0,
        lt=0.5,
    )
    negative_fraction: float = _setting(
        0.3,
        "Sure background",
        "Share of the tissue, the least gland-like, that is taken as background at first.",
        gt=0,
        lt=1,
    )
    min_coverage: float = _setting(
        0.04,
        "Teaching coverage",
        "Only images whose priors, with their exteriors, cover at least this share of the pixels "
        "teach round 1.",
        ge=0,
        le=1,
    )
    curated_weight: float = _setting(
        3.0,
        "Weight of your decisions",
        "How many times as much as other pixels those count that you accepted, edited, rejected "
        "or marked; 1 for as much.",
        ge=1,
        le=100,
    )
    sure_gland: float = _setting(
        0.7, "Sure gland", "Probability above which a round's answer teaches gland.", gt=0.5, le=1
    )
    sure_background: float = _setting(
        0.35,
        "Sure not gland",
        "Probability below which a round's answer teaches background.",
        ge=0,
        lt=0.5,
    )
    adaptation: float = _setting(
        0.6,
        "Slide adaptation",
        "Share of a slide's own feature statistics in the network's normalisation while a round "
        "answers for the next, on slides that did not teach round 1; 0 uses those of the slides "
        "that did.",
        ge=0,
        le=1,
    )
    stain_jitter: float = _setting(
        0.1, "Stain jitter", "Random scaling of the stain concentrations.", ge=0, le=1
    )
    patience: int = _setting(
        0,
        "Patience",
        "A round ends early after this many checks (every 50 steps) without a lower smoothed "
        "training loss; 0 never.",
        ge=0,
        advanced=True,
    )


class PredictSettings(StepSettings):
    """Tiled prediction, and the splitting of the probability map into gland instances."""

    tile_um: float = _setting(
        1000.0, "Tile size", "Side of the square prediction tiles.", unit="µm", ge=80
    )
    overlap: float = _setting(
        0.04, "Overlap", "Share of a tile that the next one covers too.", ge=0, lt=1
    )
    batch_size: int = _setting(
        4,
        "Batch size",
        "Tiles per forward pass on a GPU; fewer where its memory is short. A CPU takes one.",
        ge=1,
        advanced=True,
    )
    flips: bool = _setting(
        False, "Flip averaging", "Average the prediction over mirrored views (4× slower)."
    )
    adaptation: float = _setting(
        0.0,
        "Slide adaptation",
        "Share of the slide's own feature statistics in the network's normalisation; for slides "
        "unlike those trained on. 0 uses those of the training slides alone.",
        ge=0,
        le=1,
    )
    threshold: float = _setting(
        0.5, "Threshold", "Probability above which a pixel is gland.", gt=0, lt=1
    )
    min_gland_um2: float = _setting(
        1000.0, "Smallest gland", "Smaller instances are removed.", unit="µm²", ge=0
    )
    max_hole_um2: float = _setting(
        5000.0, "Largest filled hole", "Smaller holes in glands are filled.", unit="µm²", ge=0
    )
    split_um: float = _setting(
        20.0,
        "Split depth",
        "How deep the waist between two touching glands must be to split them.",
        unit="µm",
        gt=0,
    )


class ExportSettings(StepSettings):
    """What is written for other programs."""

    ngff: Literal["0.4", "0.5"] = _setting(
        "0.4", "OME-Zarr version", "0.4 is what QuPath reads; 0.5 is zarr format 3."
    )
    classification: str = _setting(
        "Gland", "Class name", "Name of the QuPath classification of the exported glands."
    )
    csv_style: Literal["comma", "semicolon"] = _setting(
        "comma",
        "CSV style",
        "Semicolon, with a decimal comma, is what spreadsheets in much of Europe and R's read.csv2 "
        "expect.",
    )


class Settings(StepSettings):
    """The settings of all steps: what a run is a function of, next to its input."""

    general: GeneralSettings = GeneralSettings()
    exterior: ExteriorSettings = ExteriorSettings()
    priors: PriorSettings = PriorSettings()
    train: TrainSettings = TrainSettings()
    predict: PredictSettings = PredictSettings()
    export: ExportSettings = ExportSettings()

    def updated(self, step: str, **values: Any) -> Settings:
        """Return a copy with fields of one step changed, validated.

        Parameters
        ----------
        step
            Name of the step's field, such as ``"train"``.
        **values
            New values by field name.

        Raises
        ------
        GlandsError
            When a name is unknown or a value out of bounds.
        """
        data = self.model_dump()
        data[step] = {**data.get(step, {}), **values}
        return _validated(data, f"settings of step {step!r}")


def load_settings(path: str | Path) -> Settings:
    """Read settings from a JSON file; missing fields keep their defaults.

    Raises
    ------
    GlandsError
        When the file cannot be read, is not JSON, or has an unknown or invalid field.
    """
    path = Path(path)
    try:
        data = read_json(path)
    except FileNotFoundError as error:
        raise GlandsError(refusal(f"Cannot read the settings file {path}", error)) from error
    except GlandsError as error:
        raise GlandsError(f"Cannot read the settings file: {error}") from error
    return _validated(data, f"settings file {path}")


def _validated(data: Any, what: str) -> Settings:
    """Validate `data`, turning pydantic's report into one sentence per field."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise GlandsError(f"Invalid {what}: {faults(error)}.") from error
