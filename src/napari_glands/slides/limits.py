"""How much a file may ask for: told from what it states, before any of its pixels are read."""

from __future__ import annotations

import math

from napari_glands.errors import GlandsError

__all__ = [
    "LARGEST_CHUNK_BYTES",
    "MAX_DECODED_BYTES",
    "MAX_FLAT_PIXELS",
    "check_chunks",
    "check_flat",
    "check_size",
    "fits_in_memory",
]

# A flat image is held in memory whole while it is worked on. This is 14,000 × 14,000 pixels, or a
# stitched field of 7 × 7 mm at 20x; what is larger wants a format that can be read in parts. It
# takes the place of Pillow's lower guard, which refuses the exports of ordinary microscopes.
MAX_FLAT_PIXELS = 200_000_000
MAX_DECODED_BYTES = 4 * MAX_FLAT_PIXELS
# A slide of 5 × 2.5 cm at 100x has 125 gigapixels, on its longer side half a million.
_MOST_PIXELS = 250_000_000_000
_LONGEST_SIDE = 1_000_000
# Parts that an image is stored in: one is decoded at a time, and each costs a look-up.
LARGEST_CHUNK_BYTES = 1 << 30
_TINY_CHUNK, _MANY_TINY_CHUNKS = 32 * 32, 10_000
_MOST_CHUNKS = 50_000_000


def fits_in_memory(height: int, width: int, bytes_per_pixel: int = 3) -> bool:
    """Tell whether an image can be decoded as a whole; it becomes RGB in any case."""
    pixels = height * width
    return pixels <= MAX_FLAT_PIXELS and pixels * bytes_per_pixel <= MAX_DECODED_BYTES


def check_flat(height: int, width: int, bytes_per_pixel: int = 3) -> None:
    """Refuse a flat image that is too large to be decoded as a whole.

    Raises
    ------
    GlandsError
        With the size; the message is for the caller to prefix with a name.
    """
    if not fits_in_memory(height, width, bytes_per_pixel):
        raise GlandsError(
            f"it has {width} × {height} pixels, too many for a flat image, which is read as a "
            "whole: convert it to a tiled format such as pyramidal OME-TIFF"
        )


def check_size(height: int, width: int) -> None:
    """Refuse sizes that no scanner makes.

    Raises
    ------
    GlandsError
        With the size; the message is for the caller to prefix with a name.
    """
    if max(height, width) > _LONGEST_SIDE or height * width > _MOST_PIXELS:
        raise GlandsError(
            f"it states {width} × {height} pixels, more than any slide has: it is damaged, or "
            "not an image of tissue"
        )


def check_chunks(shape: tuple[int, ...], chunks: tuple[int, ...], axes: str, itemsize: int) -> None:
    """Refuse an array that is cut into parts that are far too large, too small or too many.

    Parameters
    ----------
    shape, chunks
        Lengths of the array and of one part.
    axes
        One letter per axis.
    itemsize
        Bytes per value.

    Raises
    ------
    GlandsError
        With the size of the parts; the message is for the caller to prefix with a name.
    """
    size = " × ".join(str(length) for length in chunks)
    if min(chunks, default=1) < 1:
        raise GlandsError(f"its chunks of {size} are empty: export it again")
    if math.prod(chunks) * itemsize > LARGEST_CHUNK_BYTES:
        raise GlandsError(
            f"its pixels lie in chunks of {size}, too large to be read one by one: export it again "
            "with chunks or tiles of about 512 × 512 pixels"
        )
    number = math.prod(-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True))
    plane = math.prod(chunk for axis, chunk in zip(axes, chunks, strict=True) if axis in "yx")
    if number > _MOST_CHUNKS or (plane < _TINY_CHUNK and number > _MANY_TINY_CHUNKS):
        raise GlandsError(
            f"its pixels lie in {number:,} chunks of {size}, too many to be read in reasonable "
            "time: export it again with chunks or tiles of about 512 × 512 pixels"
        )
