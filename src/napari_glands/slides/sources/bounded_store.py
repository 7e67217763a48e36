"""A zarr store that hands on no chunk which would fill the memory when it is unpacked."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any

from zarr.storage import WrapperStore

from napari_glands.errors import GlandsError
from napari_glands.slides.limits import LARGEST_CHUNK_BYTES

__all__ = ["BoundedStore"]

_PIECE = 16 << 20
# What deflate can do at best; the others are looked at whatever their size.
_DEFLATE_RATIO = 1032
_METADATA = (".json", ".zattrs", ".zarray", ".zgroup", ".xml")


class BoundedStore(WrapperStore[Any]):
    """Another store, whose compressed chunks are looked at before they are unpacked.

    What a chunk should unpack to is known from the metadata, and checked there; what it does unpack
    to is known to nobody before. Formats that state it (Blosc, LZ4) cannot state much.
    """

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return what is stored under a key, None where there is nothing.

        Raises
        ------
        GlandsError
            When it would unpack to more than the largest chunk that is read.
        """
        stored = await super().get(key, prototype, byte_range)
        if stored is None or key.endswith(_METADATA):
            return stored
        if _unpacks_beyond(stored.as_buffer_like(), LARGEST_CHUNK_BYTES):
            raise GlandsError("a chunk unpacks to more than it should: copy or export it again")
        return stored


def _unpacks_beyond(packed: Any, limit: int) -> bool:
    """Tell whether compressed bytes are more than so many when they are unpacked."""
    data = memoryview(packed).cast("B")
    start = bytes(data[:18])
    if start[:4] == b"\x28\xb5\x2f\xfd":
        return _zstd_size(start) > limit
    packed_by_deflate = start[:2] == b"\x1f\x8b" or start[:2] in (
        b"\x78\x01",
        b"\x78\x9c",
        b"\x78\xda",
    )
    if packed_by_deflate:
        if len(data) * _DEFLATE_RATIO <= limit:
            return False
        return _too_much(zlib.decompressobj(wbits=47), data, limit)
    if start[:3] == b"BZh":
        return _too_much(bz2.BZ2Decompressor(), data, limit)
    if start[:6] == b"\xfd7zXZ\0":
        return _too_much(lzma.LZMADecompressor(), data, limit)
    return False


def _zstd_size(start: bytes) -> int:
    """Return the size that a Zstandard frame states, 0 where it states none."""
    descriptor = start[4]
    single, code = bool(descriptor & 32), descriptor >> 6
    width = (1 if single else 0, 2, 4, 8)[code]
    place = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(start[place : place + width], "little")
    return size + 256 if width == 2 else size


def _too_much(unpacker: Any, data: memoryview, limit: int) -> bool:
    """Unpack piece by piece, keeping nothing, as far as the limit."""
    unpacked = 0
    rest: Any = data
    try:
        while not unpacker.eof:
            piece = unpacker.decompress(rest, _PIECE)
            unpacked += len(piece)
            rest = getattr(unpacker, "unconsumed_tail", b"")
            if unpacked > limit:
                return True
            if not piece and not rest:
                break
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
        return False  # damage, or no compressed data at all: whoever unpacks it tells
    return False
