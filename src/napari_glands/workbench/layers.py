"""The viewer's layers: how each lies on its slide, how it looks, and whose it is.

A layer belongs to a slide by the id in its metadata, never by its name or place, so that users
may rename, move and delete layers as they like.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_glands.plain_text import layer_name
from napari_glands.slides import Grid
from napari_glands.workbench.flight import fly_to

if TYPE_CHECKING:
    import napari

    from napari_glands.exterior.maps import ExteriorMap
    from napari_glands.priors.curated import Curated
    from napari_glands.priors.gland import Glands
    from napari_glands.priors.prior import Priors
    from napari_glands.progress import Picture
    from napari_glands.segmentation.result import Prediction
    from napari_glands.slides import Slide
    from napari_glands.slides.pixel_size import MppSource
    from napari_glands.workbench.overlays import Overlay

__all__ = [
    "CLUSTER_COLORS",
    "KEY",
    "OF_WHOLE",
    "STATE_COLORS",
    "SlideLayers",
    "color_by_state",
    "placement",
]

KEY = "napari_glands"
_REGION_SHARE = 0.9
_LINE_ON_CANVAS = 2.5  # pixels
L = TypeVar("L", bound=Layer)
Role = Literal[
    "slide", "preview", "clusters", "exterior", "probability", "teaching", "live", "marks",
    "priors", "glands", "tissue", "regions", "sketch",
]  # fmt: skip

# From bottom to top.
_ORDER: tuple[Role, ...] = (
    "slide", "preview", "clusters", "exterior", "probability", "teaching", "live", "marks",
    "priors", "glands", "tissue", "regions", "sketch",
)  # fmt: skip
# What a region has in common with its whole slide.
OF_WHOLE: tuple[Role, ...] = ("slide", "tissue", "regions", "sketch")

# Okabe and Ito's palette, made to be told apart with any kind of colour vision.
_BLUE, _ORANGE, _GREEN = (0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45)
_PURPLE, _YELLOW, _SKY = (0.80, 0.47, 0.65), (0.94, 0.89, 0.26), (0.34, 0.71, 0.91)
_VERMILION, _GRAY = (0.84, 0.37, 0.0), (0.6, 0.6, 0.6)
CLUSTER_COLORS = (_BLUE, _ORANGE, _GREEN, _PURPLE, _YELLOW, _SKY, _VERMILION, _GRAY)
STATE_COLORS = {
    "proposed": (*_ORANGE, 1.0),
    "accepted": (*_GREEN, 1.0),
    "edited": (*_SKY, 1.0),
    "rejected": (*_GRAY, 0.25),
    "doubtful": (*_YELLOW, 1.0),
}


def cluster_color(cluster: int) -> tuple[float, float, float]:
    """Return the colour of a cluster, counted from 1."""
    return CLUSTER_COLORS[(cluster - 1) % len(CLUSTER_COLORS)]


def placement(grid: Grid, origin: tuple[float, float] = (0.0, 0.0)) -> dict[str, Any]:
    """Return scale, translate and units of a layer whose pixels lie on a grid.

    Parameters
    ----------
    grid
        How the array lies on its slide.
    origin
        Where the centre of the slide's first pixel is in the viewer, in µm.
    """
    offset = grid.translate
    return {
        "scale": grid.mpp,
        "translate": (origin[0] + offset[0], origin[1] + offset[1]),
        "units": ("um", "um"),
    }


def color_by_state(curated: Curated) -> DirectLabelColormap:
    """Return colours that tell the state of each prior or gland; new ones look edited."""
    colors: dict[int | None, Any] = {None: STATE_COLORS["edited"], 0: (0, 0, 0, 0)}
    colors.update({row.id: STATE_COLORS[row.state] for row in curated.table})
    return DirectLabelColormap(color_dict=colors)


class SlideLayers:
    """The layers of the slide on show.

    Parameters
    ----------
    viewer
        Is only referred to weakly: a closed viewer must not live on.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._wholes: dict[str, str] = {}
        self._mpp_sources: dict[str, MppSource] = {}

    @property
    def viewer(self) -> napari.Viewer | None:
        """The viewer; None when it is gone."""
        return self._viewer()

    def find(self, slide_id: str, role: Role) -> Layer | None:
        """Return the layer of a slide in a role, wherever it is and whatever its name.

        Of a region the layers are its own, but for those that its whole slide has.
        """
        if role in OF_WHOLE:
            slide_id = self._wholes.get(slide_id, slide_id)
        for layer, tag in self._tagged():
            if tag.get("slide_id") == slide_id and tag.get("role") == role:
                return layer
        return None

    def untagged_images(self) -> list[Image]:
        """Return the open image layers that belong to no slide yet."""
        viewer = self._viewer()
        layers = [] if viewer is None else list(viewer.layers)
        return [x for x in layers if isinstance(x, Image) and "slide_id" not in _tag(x)]

    def show_only(self, slide_id: str) -> None:
        """Take the layers of other slides away; those that the user opened are only hidden."""
        viewer = self._viewer()
        if viewer is None:
            return
        whole = self._wholes.get(slide_id, slide_id)
        leaving: list[Layer] = []
        for layer, tag in self._tagged():
            of_whole = tag.get("role") in OF_WHOLE and tag.get("slide_id") == whole
            if of_whole or tag.get("slide_id") in (None, slide_id):
                continue
            if tag.get("adopted"):
                layer.visible = False
            else:
                leaving.append(layer)
        if leaving:
            with viewer.layers.batched_update():  # napari tidies up after each batch, which is slow
                for layer in leaving:
                    viewer.layers.remove(layer)
        self._shorten_names(viewer)

    def _shorten_names(self, viewer: napari.Viewer) -> None:
        """Take back the numbers that layers got while those of another slide had their names."""
        for layer, tag in self._tagged():
            name = str(tag.get("name", ""))
            numbered = name and re.fullmatch(rf"{re.escape(name)} \[\d+\]", layer.name)
            if numbered and name not in viewer.layers:
                layer.name = name

    def adopt(self, layer: Image, slide: Slide) -> None:
        """Make a layer that the user opened the picture of a slide, to scale.

        One whose colours are a dimension of their own is hidden; the slide is shown instead.
        """
        if layer.ndim != 2:
            layer.visible = False
            return
        layer.metadata[KEY] = {
            "slide_id": slide.id,
            "role": "slide",
            "adopted": True,
            "mpp_source": slide.mpp_source,
        }
        layer.units = ("um", "um")
        layer.scale = (slide.mpp, slide.mpp)

    def show_slide(self, slide: Slide, pyramid: list[Any]) -> None:
        """Show the slide itself, of a region the whole one, unless it is there."""
        whole = slide.whole
        self._wholes[slide.id] = whole.id
        self._mpp_sources[slide.id] = self._mpp_sources[whole.id] = slide.mpp_source
        layer = self.find(whole.id, "slide")
        if layer is not None:
            layer.visible = True
            return
        grid = whole.grid(whole.mpp)
        options = {"rgb": True, "multiscale": len(pyramid) > 1, "name": layer_name(whole.name)}
        self._add(
            Image(pyramid if len(pyramid) > 1 else pyramid[0], **options), grid, whole.id, "slide"
        )

    def show_preview(self, slide_id: str, grid: Grid, preview: np.ndarray) -> None:
        """Show the classical preview."""
        layer = _map_layer(preview, "Haematoxylin preview", _PURPLE)
        self._replace(layer, grid, slide_id, "preview")

    def show_exterior(
        self, result: ExteriorMap, clustering: str, content: str, *, create: bool
    ) -> None:
        """Show the cluster map and the exterior map.

        Parameters
        ----------
        result
            Both maps.
        clustering, content
            What tells another clustering, and another choice of the exterior, from this one.
        create
            Whether to make layers that are not there.
        """
        args = (result.grid, result.slide_id)
        self._renew(lambda: _cluster_layer(result), *args, "clusters", clustering, create)
        self._renew(
            lambda: _map_layer(result.exterior, "Exterior", _ORANGE),
            *args,
            "exterior",
            content,
            create,
        )

    def show_priors(self, priors: Priors, content: str, *, create: bool) -> Labels | None:
        """Show priors for editing; return the layer when it is a new one."""

        def build() -> Labels:
            # napari paints into the array: the loaded one stays as the base of comparison.
            layer = Labels(priors.labels.copy(), name="Priors", opacity=0.5)
            layer.colormap = color_by_state(priors)
            return layer

        return self._renew(build, priors.grid, priors.slide_id, "priors", content, create)

    def show_overlay(self, overlay: Overlay, *, create: bool) -> None:
        """Show a result of a large slide, read as far as it is in view; it cannot be edited."""
        args = (overlay.grid, overlay.slide_id, overlay.role, overlay.content)
        self._renew(lambda: _overlay_layer(overlay), *args, create)

    def show_common(self, layer: Layer, grid: Grid, slide_id: str, role: Role) -> None:
        """Show what a slide has in common with its regions, in place of what there is of it.

        The layer that the user works on stays selected, or the picture is.
        """
        viewer = self._viewer()
        active = None if viewer is None else viewer.layers.selection.active
        whole = self._wholes.get(slide_id, slide_id)
        present = self.find(whole, role)
        self._replace(layer, grid, whole, role)
        selected = self.find(whole, "slide") if active in (None, present) else active
        if selected is not None:
            self.select(selected)

    def recolor(self, role: Role, curated: Curated) -> None:
        """Show the states that priors or glands have now."""
        layer = self.find(curated.slide_id, role)
        if isinstance(layer, Labels):
            layer.colormap = color_by_state(curated)

    def show_glands(self, glands: Glands, content: str, *, create: bool) -> Labels | None:
        """Show glands as outlines, for editing; return the layer when it is a new one."""

        def build() -> Labels:
            layer = Labels(glands.labels.copy(), name="Glands", opacity=1.0)
            layer.contour = 2
            layer.colormap = color_by_state(glands)
            return layer

        return self._renew(build, glands.grid, glands.slide_id, "glands", content, create)

    def show_marks(self, slide_id: str, grid: Grid, marks: np.ndarray) -> None:
        """Show what the user marked: 1 as no gland, 2 as left out; no layer for no marks."""
        layer = self.find(slide_id, "marks")
        if isinstance(layer, Labels):
            layer.data = marks  # strokes go through the editor: this layer has no undo to lose
        elif marks.any():
            viewer = self._viewer()
            active = None if viewer is None else viewer.layers.selection.active
            self._add(_marks_layer(marks), grid, slide_id, "marks")
            if active is not None:
                self.select(active)  # marks are made with the priors in hand

    def show_probability(self, prediction: Prediction, content: str, *, create: bool) -> None:
        """Show the probability as an overlay."""

        def build() -> Image:
            return _map_layer(prediction.probability, "Probability", _BLUE)

        self._renew(build, prediction.grid, prediction.slide_id, "probability", content, create)

    def show_live(self, picture: Picture, *, of_exterior: bool) -> None:
        """Show what a running step sees now, above the maps and below what the user edits.

        The layer that the user works on stays selected.
        """
        viewer, slide_id = self._viewer(), picture.slide_id
        if viewer is None:
            return
        live, (top, left) = self.find(slide_id, "live"), self._origin(slide_id)
        if live is None:
            live = _live_layer(picture.values, _ORANGE if of_exterior else _BLUE)
            live.metadata[KEY] = {"slide_id": slide_id, "role": "live"}
            live.units = ("um", "um")
            selected = set(viewer.layers.selection)
            active = viewer.layers.selection.active
            viewer.layers.insert(self._place("live"), live)
            viewer.layers.selection = selected
            viewer.layers.selection.active = active
        else:
            live.data = picture.values
        live.scale = picture.scale
        live.translate = (top + picture.translate[0], left + picture.translate[1])

    def remove_live(self) -> None:
        """Take away what a step showed while it ran."""
        self.remove("live")

    def show_teaching(self, slide_id: str, grid: Grid, taught: np.ndarray) -> None:
        """Show what is taught: 1 background, 2 exterior, 3 interior; the rest stays clear.

        The layer that the user works on stays selected.
        """
        layer = self.find(slide_id, "teaching")
        if isinstance(layer, Labels) and layer.data.shape == taught.shape:
            layer.data = taught  # not to be edited, so there is no undo to lose
            return
        viewer = self._viewer()
        active = None if viewer is None else viewer.layers.selection.active
        self._replace(_teaching_layer(taught), grid, slide_id, "teaching")
        if active is not None:
            self.select(active)

    def remove(self, role: Role) -> None:
        """Take away the layers in a role."""
        viewer = self._viewer()
        for layer, tag in list(self._tagged()):
            if viewer is not None and tag.get("role") == role:
                viewer.layers.remove(layer)

    def box_in_view(self, slide_id: str) -> tuple[float, float, float, float] | None:
        """Return what of a slide is in view: top, left, bottom, right in µm from its edges."""
        viewer, slide = self._viewer(), self.find(slide_id, "slide")
        if viewer is None or slide is None or viewer.dims.ndisplay != 2:
            return None
        (y, x), zoom = viewer.scene.camera.center[-2:], viewer.scene.camera.zoom
        half = [n / zoom / 2 for n in viewer.canvas.size]
        top, left = (
            o - s / 2 for o, s in zip(self._origin(slide_id), slide.scale[-2:], strict=True)
        )
        return (y - half[0] - top, x - half[1] - left, y + half[0] - top, x + half[1] - left)

    def set_content(self, slide_id: str, role: Role, content: str) -> None:
        """Note which saved content a layer shows."""
        layer = self.find(slide_id, role)
        if layer is not None:
            _tag(layer)["content"] = content

    def set_visible(self, slide_id: str, **visible: bool) -> None:
        """Show or hide layers of a slide by role; those that are gone are skipped."""
        for role, wanted in visible.items():
            layer = self.find(slide_id, role)  # type: ignore[arg-type]
            if layer is not None:
                layer.visible = wanted

    def select(self, layer: Layer) -> None:
        """Make a layer the one that napari's tools work on."""
        viewer = self._viewer()
        if viewer is not None and layer in viewer.layers:
            viewer.layers.selection.active = layer

    @property
    def line_width(self) -> float:
        """Width in µm that a line needs to be seen well at the present zoom."""
        viewer = self._viewer()
        return 1.0 if viewer is None else _LINE_ON_CANVAS / max(viewer.scene.camera.zoom, 1e-6)

    def fit_frames(self, slide_id: str) -> None:
        """Give the frames of regions lines that are seen well at the present zoom."""
        frames = self.find(slide_id, "regions")
        if isinstance(frames, Shapes) and len(frames.data):
            frames.edge_width = [self.line_width / frames.scale[-1]] * len(frames.data)
            frames.refresh()  # the setter does not draw

    def look_at(self, slide: Slide) -> None:
        """Fit the view to a region, or to what there is of a whole slide."""
        viewer, picture = self._viewer(), self.find(slide.id, "slide")
        if slide.whole is slide or viewer is None or picture is None:
            self.look_at_all()
            return
        (y, x), (height, width) = slide.origin, slide.shape
        fly_to(viewer, picture, (slice(y, y + height), slice(x, x + width)), share=_REGION_SHARE)

    def look_at_all(self) -> None:
        """Fit the view to what is there."""
        viewer = self._viewer()
        if viewer is not None:
            viewer.reset_view()

    def _tagged(self) -> Iterator[tuple[Layer, dict[str, Any]]]:
        viewer = self._viewer()
        for layer in [] if viewer is None else viewer.layers:
            tag = _tag(layer)
            if tag:
                yield layer, tag

    def _renew(
        self,
        build: Callable[[], L],
        grid: Grid,
        slide_id: str,
        role: Role,
        content: str,
        create: bool,
    ) -> L | None:
        """Put a layer in place of an outdated one; make a missing one only when asked to.

        Nothing is built while the present one will do: this is called every few seconds.
        Returns the layer when it is a new one.
        """
        present = self.find(slide_id, role)
        if present is None and not create:
            return None
        if present is not None and _tag(present).get("content") == content:
            return None
        layer = build()
        self._replace(layer, grid, slide_id, role, content)
        return layer

    def _replace(
        self, layer: Layer, grid: Grid, slide_id: str, role: Role, content: str = ""
    ) -> Layer:
        viewer = self._viewer()
        present = self.find(slide_id, role)
        if present is not None and viewer is not None:
            layer.name, layer.visible = present.name, present.visible
            layer.opacity = present.opacity
            if isinstance(layer, Labels) and isinstance(present, Labels):
                layer.contour = present.contour
            viewer.layers.remove(present)
        return self._add(layer, grid, slide_id, role, content)

    def _add(self, layer: Layer, grid: Grid, slide_id: str, role: Role, content: str = "") -> Layer:
        viewer = self._viewer()
        if viewer is None:
            return layer
        slide_at = self._origin(slide_id)
        for name, value in placement(grid, slide_at).items():
            setattr(layer, name, value)
        layer.metadata[KEY] = {
            "slide_id": slide_id,
            "role": role,
            "content": content,
            "name": layer.name,
            "slide_shape": grid.slide_shape,
            "slide_mpp": grid.slide_mpp,
            "origin": grid.origin,
            # For who saves the layer: where the slide is in the viewer, and whence its scale.
            "slide_at": slide_at,
            "mpp_source": self._mpp_sources.get(slide_id),
        }
        viewer.layers.insert(self._place(role), layer)
        return layer

    def _place(self, role: Role) -> int:
        """Return the index above all layers of ours that belong below."""
        viewer = self._viewer()
        below = _ORDER[: _ORDER.index(role) + 1]
        indices = [
            i
            for i, layer in enumerate([] if viewer is None else viewer.layers)
            if _tag(layer).get("role") in below
        ]
        if indices:
            return indices[-1] + 1
        return 0 if viewer is None else len(viewer.layers)

    def _origin(self, slide_id: str) -> tuple[float, float]:
        slide = self.find(slide_id, "slide")
        return (0.0, 0.0) if slide is None else tuple(slide.translate[-2:])


def _map_layer(values: np.ndarray, name: str, color: tuple[float, float, float]) -> Image:
    """Return an overlay that is clear where `values` is 0 and coloured where it is 1."""
    colormap = Colormap([(*color, 0.0), (*color, 1.0)], name=f"glands {name.lower()}")
    return Image(values, name=name, colormap=colormap, contrast_limits=(0, 1), opacity=0.5)


def _live_layer(values: np.ndarray, color: tuple[float, float, float]) -> Image:
    """Return an overlay for pictures that come every few seconds."""
    colormap = Colormap([(*color, 0.0), (*color, 1.0)], name="glands live preview")
    limits = (0, 255)
    return Image(
        values, name="Live preview", colormap=colormap, contrast_limits=limits, opacity=0.6
    )


def _cluster_layer(result: ExteriorMap) -> Labels:
    """Return the cluster map in the colours of the evidence table."""
    numbers = range(1, len(result.memberships) + 1)
    colors: dict[int | None, Any] = {n: (*cluster_color(n), 1.0) for n in numbers}
    return Labels(
        result.clusters,
        name="Clusters",
        opacity=0.6,
        colormap=DirectLabelColormap(color_dict={None: (0, 0, 0, 0), **colors}),
        visible=False,
    )


def _overlay_layer(overlay: Overlay) -> Labels:
    """Return a label image that is read from the disk as needed, in the colours of its role."""
    colors: dict[int | None, Any] = {None: STATE_COLORS["proposed"], 0: (0, 0, 0, 0)}
    if overlay.role == "clusters":
        numbers = range(1, len(CLUSTER_COLORS) + 1)
        colors = {None: (0, 0, 0, 0), **{n: (*cluster_color(n), 1.0) for n in numbers}}
    levels = list(overlay.levels)
    several = len(levels) > 1
    layer = Labels(
        levels if several else levels[0],
        multiscale=several,
        name=overlay.role.capitalize(),
        opacity=1.0 if overlay.role == "glands" else 0.5,
        colormap=DirectLabelColormap(color_dict=colors),
    )
    layer.contour = 2 if overlay.role == "glands" else 0
    layer.editable = False
    return layer


def _teaching_layer(taught: np.ndarray) -> Labels:
    """Return what is taught in the colours of the maps that it comes from."""
    colors: dict[int | None, Any] = {
        None: (0, 0, 0, 0),
        0: (0, 0, 0, 0),
        1: (*_GREEN, 1.0),
        2: (*_ORANGE, 1.0),
        3: (*_BLUE, 1.0),
    }
    colormap = DirectLabelColormap(color_dict=colors)
    layer = Labels(taught, name="What teaches", opacity=0.5, colormap=colormap)
    layer.editable = False
    return layer


def _marks_layer(marks: np.ndarray) -> Labels:
    """Return the marks in colours that no state of a prior has."""
    colors: dict[int | None, Any] = {
        None: (0, 0, 0, 0),
        0: (0, 0, 0, 0),
        1: (*_VERMILION, 1.0),
        2: (*_YELLOW, 1.0),
    }
    layer = Labels(
        marks, name="Marks", opacity=0.5, colormap=DirectLabelColormap(color_dict=colors)
    )
    layer.editable = False
    return layer


def _tag(layer: Layer) -> dict[str, Any]:
    tag = layer.metadata.get(KEY)
    return tag if isinstance(tag, dict) else {}
