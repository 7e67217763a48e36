"""Part *images*: image files are mutated; opened, they are read, or refused in a sentence."""

from __future__ import annotations

import hashlib
import io
import json
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from damage import damage_file
from isolation import in_child
from looking import Seen, tell
from material import Material
from PIL import Image
from verdicts import (
    Tally,
    Verdict,
    clear,
    fault_of,
    last_frames,
    right,
    why_unclear,
    wrong,
)
from watching import changes, snapshot

__all__ = ["attack"]

SECONDS = 30.0
MEMORY = 700 << 20
_BATCH = 20
_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 30_000, 10**6, 0x7FFFFFFF, 0xFFFFFFFF)


def attack(material: Material, folder: Path, count: int, seed: int, out_of_time: Any) -> Tally:
    """Open `count` mutated images and judge what comes of it."""
    tally = Tally("images")
    seeds = make_seeds(folder / "seeds")
    sound = {path: _in_child(path) for path in seeds}
    for path, seen in sound.items():
        if seen.result is None or seen.result[0] != "value":
            raise RuntimeError(f"the sound image {path} cannot be read: {seen}")
    for start in range(0, count, _BATCH):
        if out_of_time():
            break
        numbers = range(start, min(count, start + _BATCH))
        images = [_mutant(seeds, n, seed, folder / "trial" / str(n)) for n in numbers]
        before = snapshot(folder / "trial")
        together = in_child(lambda images=images: [tell_image(i.path) for i in images], SECONDS)
        outside = changes(before, snapshot(folder / "trial"))
        for n, image in enumerate(images):
            if together.result is None or together.grown > MEMORY or outside:
                ended = _in_child(image.path)  # find out which it was
            else:
                ended = replace(together, result=together.result[n])
            verdict = _judge(image, ended, sound.get(image.original), outside)
            tally.add(f"#{start + n} {image.path.name}: {image.how}", verdict)
        shutil.rmtree(folder / "trial")
    return tally


@dataclass(frozen=True)
class Mutant:
    """An image that was mutated, from which one, and how."""

    path: Path
    original: Path | None
    how: str


def _mutant(seeds: list[Path], number: int, seed: int, trial: Path) -> Mutant:
    """Write one mutated image."""
    chance = random.Random(f"{seed}/images/{number}")
    original = seeds[number % len(seeds)]
    trial.mkdir(parents=True)
    path = trial / original.name
    if number < len(_BOMBS):
        path = trial / list(_BOMBS)[number]
        _BOMBS[path.name](path)
        return Mutant(path, None, "small, and stands for much")
    if original.is_file():
        return Mutant(path, original, _mutate(original.read_bytes(), path, chance))
    shutil.copytree(original, path)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    meta = [p for p in files if p.name.startswith(".z") or p.name == "zarr.json"]
    damage = damage_file(path, chance.choice(chance.choice([files, meta])), chance)
    return Mutant(path, original, f"{damage.file} {damage.how}")


def _in_child(path: Path) -> Any:
    return in_child(lambda: tell_image(path), SECONDS)


def tell_image(path: Path) -> Seen:
    """Open an image, read all of it that a viewer would, and tell what came of it."""
    return tell(lambda: _read(path))


def _read(path: Path) -> Any:
    from napari_glands.slides import Window, open_slide

    slide = open_slide(path)
    try:
        levels = []
        for level in slide.arrays():
            rows, columns = level.shape[:2]
            if rows * columns > 1_000_000:  # what a screen shows of it
                part = np.asarray(level[:300, :300])
            else:
                part = np.asarray(level[:, :])
            levels.append(hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest())
        grid = slide.grid(max(1.24, slide.mpp))
        rows, columns = grid.shape
        slide.read_window(grid, Window(0, 0, min(64, rows), min(64, columns)))
        checksum = slide.checksum
        return [levels, slide.shape, slide.mpp, str(checksum)]
    finally:
        slide.close()


def _judge(image: Mutant, ended: Any, sound: Any, outside: list[str]) -> Verdict:
    if outside:
        return wrong("outside", "; ".join(outside[:5]))
    if bad := fault_of(ended, SECONDS, MEMORY):
        return bad
    kind, text = ended.result
    if kind == "trace":
        return wrong("traceback", last_frames(text))
    if kind == "sentence":
        unclear = why_unclear(text, (image.path.name,))
        return wrong("unclear", f"{unclear}: {text[:300]}") if unclear else clear(text)
    whole = image.path.is_file() and sound is not None
    if whole and "cut to" in image.how and ended.result != sound.result:
        return wrong("silent", "a cut image is another one without a word")
    return right()


# ---- seeds


def make_seeds(folder: Path) -> list[Path]:
    """Write one small image in each format."""
    import tifffile
    import zarr

    folder.mkdir(parents=True)
    rgb = np.random.default_rng(0).integers(60, 250, (160, 200, 3), dtype=np.uint8)
    rgb[40:90, 50:120] = (150, 90, 160)
    picture = Image.fromarray(rgb)
    names = {"a.png": {}, "b.jpg": {"quality": 90}, "c.bmp": {}, "palette.png": {}}
    for name, options in names.items():
        (picture.quantize(16) if "palette" in name else picture).save(folder / name, **options)
    picture.save(folder / "progressive.jpg", progressive=True)
    tiled = {"photometric": "rgb", "tile": (64, 64)}
    tifffile.imwrite(folder / "flat.tif", rgb, photometric="rgb", resolution=(20000, 20000),
                     resolutionunit="CENTIMETER")  # fmt: skip
    tifffile.imwrite(folder / "deflate.tif", rgb, compression="zlib", predictor=True, **tiled)
    tifffile.imwrite(folder / "big.tif", rgb, bigtiff=True, compression="lzw", **tiled)
    tifffile.imwrite(folder / "grey16.tif", rgb[..., 0].astype(np.uint16) * 200)
    with tifffile.TiffWriter(folder / "pyramid.ome.tif", ome=True) as writer:
        metadata = {"axes": "YXS", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        writer.write(rgb, subifds=1, metadata=metadata, compression="jpeg", **tiled)
        writer.write(rgb[::2, ::2], subfiletype=1, compression="jpeg", **tiled)
    for version in ("0.4", "0.5"):
        group = zarr.open_group(
            folder / f"image{version[-1]}.zarr", mode="w", zarr_format=2 if version == "0.4" else 3
        )
        datasets = []
        for n in range(2):
            level = np.moveaxis(rgb[:: 2**n, :: 2**n], -1, 0)
            group.create_array(str(n), data=level, chunks=(3, 64, 64))
            scale = [1.0, 0.5 * 2**n, 0.5 * 2**n]
            transformation = {"type": "scale", "scale": scale}
            datasets.append({"path": str(n), "coordinateTransformations": [transformation]})
        axes = [{"name": "c", "type": "channel"}] + [
            {"name": a, "type": "space", "unit": "micrometer"} for a in "yx"
        ]
        multiscales = [{"version": version, "axes": axes, "datasets": datasets}]
        ome = {"version": version, "multiscales": multiscales}
        group.attrs.update({"multiscales": multiscales} if version == "0.4" else {"ome": ome})
    return sorted(folder.iterdir())


# ---- mutations


def _mutate(data: bytes, path: Path, chance: random.Random) -> str:
    ways: list[Callable[[bytes, random.Random], tuple[bytes, str]]]
    ways = [_cut, _flip, _flip, _splice, _drop, _double, _numbers, _numbers]
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0"):
        ways += [_tiff_tag] * 5
        if b"<OME" in data:
            ways += [_xml] * 4
    if data[:4] == b"\x89PNG":
        ways += [_png_header] * 3
    if data[:2] == b"\xff\xd8":
        ways += [_jpeg_size] * 3
    new, how = chance.choice(ways)(data, chance)
    path.write_bytes(new)
    return how


def _cut(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    size = chance.randrange(len(data))
    return data[:size], f"cut to {size} of {len(data)} bytes"


def _flip(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    new = bytearray(data)
    head = chance.random() < 0.6
    for _ in range(chance.choice([1, 1, 3, 20])):
        place = chance.randrange(min(len(new), 400) if head else len(new))
        new[place] ^= 1 << chance.randrange(8)
    return bytes(new), "flipped bits" + (" of the header" if head else "")


def _splice(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    at, size = chance.randrange(len(data)), chance.randint(1, 64)
    return data[:at] + chance.randbytes(size) + data[at + size :], f"noise at {at}"


def _drop(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    at, size = chance.randrange(len(data)), chance.randint(1, 3000)
    return data[:at] + data[at + size :], f"{size} bytes missing at {at}"


def _double(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    at, size = chance.randrange(len(data)), chance.randint(1, 3000)
    return data[: at + size] + data[at:], f"{size} bytes twice at {at}"


def _numbers(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    at, value = chance.randrange(min(len(data) - 8, 600)), chance.choice(_NUMBERS)
    code = chance.choice(["<I", ">I"])
    return data[:at] + struct.pack(code, value) + data[at + 4 :], f"{value} at {at}"


def _tiff_tag(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Give a tag of some page another value, count or type."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage)]
        tag = chance.choice(list(chance.choice(pages).tags))
        big, order = file.is_bigtiff, file.byteorder
    value, what = chance.choice(_NUMBERS), chance.choice(["value", "value", "count", "type"])
    at = {"type": 2, "count": 4, "value": 12 if big else 8}[what] + tag.offset
    code = "H" if what == "type" else "I"
    value = chance.choice([0, 1, 2, 3, 4, 5, 7, 13, 99]) if what == "type" else value
    packed = struct.pack(order + code, value)
    return data[:at] + packed + data[at + len(packed) :], f"{what} of the tag {tag.name} {value}"


def _xml(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Change a value of the OME-XML, at the same length."""
    keys = [
        b"SizeX", b"SizeY", b"SizeC", b"SizeZ", b"PhysicalSizeX", b"PhysicalSizeXUnit", b"Type",
        b"DimensionOrder", b"IFD", b"PlaneCount", b"SamplesPerPixel", b"UUID", b"ID",
    ]  # fmt: skip
    key = chance.choice([k for k in keys if k + b'="' in data])
    start = data.index(key + b'="') + len(key) + 2
    end = data.index(b'"', start)
    value = chance.choice([b"-1", b"0", b"NaN", b"1e999", b"9" * 40, b"", b"<", b"&x;", b"\xff"])
    value = value[: end - start].ljust(end - start)
    return data[:start] + value + data[end:], f"{key.decode()} {value!r}"


def _png_header(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Give a PNG another size or kind of pixels, its check sum right."""
    fields = list(struct.unpack(">IIBBBBB", data[16:29]))
    which = chance.randrange(7)
    fields[which] = chance.choice([0, 1, 30_000, 2**31 - 1] if which < 2 else [0, 1, 2, 3, 16, 99])
    head = b"IHDR" + struct.pack(">IIBBBBB", *fields)
    return (
        data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:],
        f"header {fields}",
    )


def _jpeg_size(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    height, width = chance.choice([(65_500, 65_500), (0, 10), (1, 1), (160, 65_500)])
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :], f"{height} high"


# ---- small files that stand for much memory or time


def _white_png(path: Path) -> None:
    side = 30_000
    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (side * 3)
    body = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def _zarr(path: Path, shape: list[int], chunks: list[int], datasets: int = 1) -> None:
    path.mkdir()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    axes = [{"name": "c", "type": "channel"}] + [{"name": a, "type": "space"} for a in "yx"]
    listed = [
        {
            "path": str(n),
            "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.5, 0.5]}],
        }
        for n in range(datasets)
    ]
    content = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": listed}]}
    (path / ".zattrs").write_text(json.dumps(content))
    (path / "0").mkdir()
    array = {
        "zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "|u1", "compressor": None,
        "fill_value": 0, "order": "C", "filters": None, "dimension_separator": "/",
    }  # fmt: skip
    (path / "0" / ".zarray").write_text(json.dumps(array))


def _tiff_sizes(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages[0].tags[name]
            struct.pack_into(file.byteorder + "I", data, tag.offset + 8, 2**31 - 1)
            struct.pack_into(file.byteorder + "H", data, tag.offset + 2, 4)
    path.write_bytes(data)


_BOMBS: dict[str, Callable[[Path], None]] = {
    "white.png": _white_png,
    "tiny-chunks.zarr": lambda path: _zarr(path, [3, 8000, 8000], [1, 1, 1]),
    "huge.zarr": lambda path: _zarr(path, [3, 10**12, 10**12], [3, 512, 512]),
    "huge-chunk.zarr": lambda path: _zarr(path, [3, 10**5, 10**5], [3, 10**5, 10**5]),
    "many-levels.zarr": lambda path: _zarr(path, [3, 300, 300], [3, 64, 64], 50_000),
    "huge.tif": _tiff_sizes,
}
