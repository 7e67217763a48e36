"""How an array of pixels lies on its slide."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grid", "Region", "Window"]


@dataclass(frozen=True)
class Region:
    """A rectangle of a slide, in level-0 pixels.

    Attributes
    ----------
    y, x
        Row and column of the upper left pixel.
    height, width
        Size in level-0 pixels.
    """

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class Window:
    """A rectangle of an array, in its own pixels.

    Attributes
    ----------
    y, x
        Row and column of the upper left pixel.
    height, width
        Size in pixels.
    """

    y: int
    x: int
    height: int
    width: int

    @property
    def bottom(self) -> int:
        """Row after the last one."""
        return self.y + self.height

    @property
    def right(self) -> int:
        """Column after the last one."""
        return self.x + self.width

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts the rectangle out of an array (y, x)."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def within(self, other: Window) -> Window:
        """Return the same rectangle in the pixels of another one around it."""
        return Window(self.y - other.y, self.x - other.x, self.height, self.width)

    def common(self, other: Window) -> Window:
        """Return what two rectangles share; without height or width where they share nothing."""
        top, left = max(self.y, other.y), max(self.x, other.x)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Window(top, left, max(0, bottom - top), max(0, right - left))

    def widened(self, margin: int, shape: tuple[int, int]) -> Window:
        """Return the rectangle with a margin around it, as far as an array of a shape goes."""
        top, left = max(0, self.y - margin), max(0, self.x - margin)
        bottom, right = min(shape[0], self.bottom + margin), min(shape[1], self.right + margin)
        return Window(top, left, bottom - top, right - left)


@dataclass(frozen=True)
class Grid:
    """The pixel grid of an array that covers a slide, or a part of one, at some resolution.

    The array's edges coincide with the edges of what it covers; since both have whole numbers of
    pixels, the exact µm per pixel follows from the two shapes and may differ a little by axis.

    Attributes
    ----------
    shape
        Rows and columns of the array.
    slide_shape
        Rows and columns, in level-0 pixels, of what the array covers: of the slide as a rule.
    slide_mpp
        Micrometres per level-0 pixel.
    origin
        Row and column, in level-0 pixels, of the array's upper left edge on the slide.
    """

    shape: tuple[int, int]
    slide_shape: tuple[float, float]
    slide_mpp: float
    origin: tuple[float, float] = (0, 0)

    @classmethod
    def covering(cls, slide_shape: tuple[int, int], slide_mpp: float, mpp: float) -> Grid:
        """Return the grid that covers a slide at about `mpp` µm per pixel."""
        rows, columns = (max(1, round(n * slide_mpp / mpp)) for n in slide_shape)
        return cls((rows, columns), slide_shape, slide_mpp)

    @property
    def downsample(self) -> tuple[float, float]:
        """Level-0 pixels per array pixel, by axis (y, x)."""
        return (
            self.slide_shape[0] / self.shape[0],
            self.slide_shape[1] / self.shape[1],
        )

    @property
    def mpp(self) -> tuple[float, float]:
        """Micrometres per array pixel, by axis (y, x)."""
        dy, dx = self.downsample
        return dy * self.slide_mpp, dx * self.slide_mpp

    @property
    def translate(self) -> tuple[float, float]:
        """Centre of the array's first pixel in µm from the centre of the slide's first pixel."""
        (my, mx), (y, x) = self.mpp, self.origin
        return (
            y * self.slide_mpp + (my - self.slide_mpp) / 2,
            x * self.slide_mpp + (mx - self.slide_mpp) / 2,
        )

    @property
    def pixel_area_um2(self) -> float:
        """Area of one array pixel in µm²."""
        my, mx = self.mpp
        return my * mx

    def pixels(self, length_um: float) -> float:
        """Convert a length in µm to array pixels (geometric mean of the two axes)."""
        return length_um / self.pixel_area_um2**0.5

    def area_pixels(self, area_um2: float) -> float:
        """Convert an area in µm² to array pixels."""
        return area_um2 / self.pixel_area_um2

    def to_level0(self, y: float, x: float) -> tuple[float, float]:
        """Map pixel-edge coordinates (0 is the upper left *edge*) to level-0 edge coordinates."""
        (dy, dx), (y0, x0) = self.downsample, self.origin
        return y0 + y * dy, x0 + x * dx

    def window(self, window: Window) -> Grid:
        """Return the grid of a part of the array."""
        dy, dx = self.downsample
        extent = window.height * dy, window.width * dx
        return Grid(window.shape, extent, self.slide_mpp, self.to_level0(window.y, window.x))
