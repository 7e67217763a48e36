"""How an array of pixels lies on its slide."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Grid", "Region"]


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
class Grid:
    """The pixel grid of an array that covers a whole slide at some resolution.

    The array's edges coincide with the slide's edges; since both have whole numbers of pixels,
    the exact µm per pixel follows from the two shapes and may differ a little by axis.

    Attributes
    ----------
    shape
        Rows and columns of the array.
    slide_shape
        Rows and columns of the slide at level 0.
    slide_mpp
        Micrometres per level-0 pixel.
    """

    shape: tuple[int, int]
    slide_shape: tuple[int, int]
    slide_mpp: float

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
        my, mx = self.mpp
        return (my - self.slide_mpp) / 2, (mx - self.slide_mpp) / 2

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
        dy, dx = self.downsample
        return y * dy, x * dx
