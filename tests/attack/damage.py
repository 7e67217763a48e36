"""Damaging one file of a project at random."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Damage", "damage_file"]

NESTED = 100_000
_WRONG: tuple[Any, ...] = (
    None, 5, -1, 10**12, 10**30, 1e300, float("nan"), float("inf"), True, "", "text", [], {},
    [[]], [None], {"a": 1}, [1, 1], [10**12, 10**12], "\x00", "\x1b[2J", "../../victim", "/etc",
    "CON", "a/b", ".", "..", "x" * 5000, "ｕ\u202e\ud800",
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """What was done to which file.

    Attributes
    ----------
    file
        Path below the project.
    how
        In words.
    """

    file: str
    how: str


def damage_file(project: Path, file: Path, chance: random.Random) -> Damage:
    """Damage one file of a project and say how."""
    ways = _ways_for(file)
    how = chance.choice(ways)(file, chance)
    return Damage(str(file.relative_to(project)), how)


def _ways_for(file: Path) -> list[Callable[[Path, random.Random], str]]:
    ways: list[Callable[[Path, random.Random], str]] = [_truncate, _flip, _empty, _delete, _replace]
    if file.suffix == ".json" or file.name in (".zattrs", ".zgroup", ".zarray", ".zmetadata"):
        ways += [_wrong_value] * 6 + [_drop_key, _nest, _number, _repeat]
    if file.name == ".zarray":
        ways += [_metadata] * 4
    if file.parent.name != "runs" and file.name.isdigit():
        ways += [_swap_chunk, _flip]
    if file.suffix == ".ckpt":
        ways += [_foreign_checkpoint] * 3
    if file.suffix == ".safetensors":
        ways += [_nan_weights, _misfit_weights, _foreign_weights]
    if file.suffix == ".csv":
        ways += [_strange_table] * 3
    return ways


# ---- any file


def _truncate(file: Path, chance: random.Random) -> str:
    data = file.read_bytes()
    size = chance.randrange(max(1, len(data)))
    _put(file, data[:size])
    return f"cut to {size} of {len(data)} bytes"


def _flip(file: Path, chance: random.Random) -> str:
    data = bytearray(file.read_bytes())
    if not data:
        return _replace(file, chance)
    places = [chance.randrange(len(data)) for _ in range(chance.randint(1, 8))]
    for place in places:
        data[place] ^= 1 << chance.randrange(8)
    _put(file, bytes(data))
    return f"flipped bits in bytes {places}"


def _empty(file: Path, chance: random.Random) -> str:
    _put(file, b"")
    return "emptied"


def _delete(file: Path, chance: random.Random) -> str:
    file.unlink()
    return "deleted"


def _replace(file: Path, chance: random.Random) -> str:
    by = chance.choice(["null", "5", '"text"', "[]", "{}", "[[[", "NaN", "noise", "folder"])
    file.unlink()
    if by == "folder":
        file.mkdir()
    elif by == "noise":
        file.write_bytes(chance.randbytes(300))
    else:
        file.write_text("[" * NESTED if by == "[[[" else by)
    return f"replaced by {by}"


# ---- JSON


def _wrong_value(file: Path, chance: random.Random) -> str:
    data = _json(file)
    if data is None:
        return _truncate(file, chance)
    path = _random_path(data, chance)
    value = chance.choice(_WRONG)
    if not path:
        data = value
    else:
        _at(data, path[:-1])[path[-1]] = value
    _put_json(file, data)
    return f"set {'.'.join(map(str, path)) or 'all'} to {_short(value)}"


def _drop_key(file: Path, chance: random.Random) -> str:
    data = _json(file)
    path = _random_path(data, chance) if data is not None else []
    if not path:
        return _empty(file, chance)
    del _at(data, path[:-1])[path[-1]]
    _put_json(file, data)
    return f"removed {'.'.join(map(str, path))}"


def _nest(file: Path, chance: random.Random) -> str:
    _put(file, ('{"a":' * NESTED).encode())
    return f"nested {NESTED} deep"


def _number(file: Path, chance: random.Random) -> str:
    digits = 10_000
    _put(file, ('{"schema_version": 1' + "0" * digits + "}").encode())
    return f"a number of {digits} digits"


def _repeat(file: Path, chance: random.Random) -> str:
    data = _json(file)
    lists = [p for p in _paths(data) if isinstance(_at(data, p), list) and _at(data, p)]
    if not lists:
        return _wrong_value(file, chance)
    path = chance.choice(lists)
    found = _at(data, path)
    found.append(chance.choice(found))
    _put_json(file, data)
    return f"repeated an entry of {'.'.join(map(str, path))}"


def _metadata(file: Path, chance: random.Random) -> str:
    data = _json(file)
    if not isinstance(data, dict):
        return _truncate(file, chance)
    shape = data.get("shape", [1, 1])
    change = chance.choice(
        [
            {"dtype": chance.choice(["|O", "<f8", "|u1", "<i8", "|S5", ">i4", "nonsense"])},
            {"compressor": chance.choice([None, {"id": "zlib", "level": 1}, {"id": "pickle"}])},
            {"fill_value": chance.choice([7, None, "NaN", -1, 10**30])},
            {"shape": chance.choice([[10**12] * len(shape), [1] * len(shape), [], [0, 0],
                                     [-1] * len(shape), [n * 2 for n in shape]])},
            {"chunks": chance.choice([[1] * len(shape), [0] * len(shape), [10**9] * len(shape),
                                      shape, []])},
            {"zarr_format": chance.choice([1, 3, 99, "2"])},
            {"order": chance.choice(["F", "Z"])},
            {"dimension_separator": "."},
            {"filters": [{"id": "pickle"}]},
        ]
    )  # fmt: skip
    _put_json(file, {**data, **change})
    return f"set {change}"


# ---- chunks, networks, tables


def _swap_chunk(file: Path, chance: random.Random) -> str:
    array = next((p for p in file.parents if (p / ".zarray").exists()), file.parent)
    others = [p for p in array.rglob("*") if p.is_file() and p.name.isdigit() and p != file]
    others = [p for p in others if p.read_bytes() != file.read_bytes()]
    if not others:
        return _flip(file, chance)
    other = chance.choice(sorted(others))
    _put(file, other.read_bytes())
    return f"replaced by the chunk {other.relative_to(array)}"


def _foreign_checkpoint(file: Path, chance: random.Random) -> str:
    import torch

    from napari_glands.segmentation.checkpoints import SealedCheckpoints

    foreign: Any = chance.choice(
        [{"x": 1}, {}, [1, 2], {"state_dict": {}}, {"state_dict": {"a": torch.zeros(3)},
         "pytorch-lightning_version": "2.0.0", "epoch": 0, "global_step": 1, "loops": {},
         "optimizer_states": [], "lr_schedulers": [], "callbacks": {}}]
    )  # fmt: skip
    if chance.random() < 0.4:
        foreign = SealedCheckpoints().load_checkpoint(file, "cpu")
        key = chance.choice(sorted(foreign))
        if chance.random() < 0.5:
            del foreign[key]
        else:
            foreign[key] = chance.choice([None, 5, {}, [], "text"])
        torch.save(foreign, file)
        return f"its entry {key} spoiled"
    torch.save(foreign, file)
    return f"a foreign checkpoint {_short(foreign)}"


def _nan_weights(file: Path, chance: random.Random) -> str:
    import torch

    def spoil(weights: dict[str, Any]) -> None:
        for tensor in weights.values():
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)

    return _new_weights(file, spoil, "NaN weights with a fitting card")


def _misfit_weights(file: Path, chance: random.Random) -> str:
    def spoil(weights: dict[str, Any]) -> None:
        name = chance.choice(sorted(weights))
        if chance.random() < 0.5:
            del weights[name]
        else:
            weights[name] = weights[name].flatten()[:1].clone()

    return _new_weights(file, spoil, "weights that do not fit the network, with a fitting card")


def _foreign_weights(file: Path, chance: random.Random) -> str:
    def spoil(weights: dict[str, Any]) -> None:
        import torch

        weights.clear()
        weights["a"] = torch.zeros(3, dtype=chance.choice([torch.bfloat16, torch.float32]))

    return _new_weights(file, spoil, "foreign weights with a fitting card")


def _new_weights(file: Path, spoil: Callable[[dict[str, Any]], None], told: str) -> str:
    """Write other weights, and the checksums of the card and of the project to fit them."""
    from safetensors.torch import load_file, save_file

    from napari_glands.segmentation.model import Model
    from napari_glands.settings import Settings

    weights = load_file(file)
    spoil(weights)
    save_file(weights, file)
    card = file.with_name("model.json")
    data = _json(card)
    if isinstance(data, dict):
        try:
            data["checksum"] = Model("", Settings(), weights).checksum
        except (TypeError, RuntimeError):
            data["checksum"] = "000000000000"
        _put_json(card, data)
    return told


def _strange_table(file: Path, chance: random.Random) -> str:
    head = file.read_text(encoding="utf-8", errors="replace").splitlines()[:1] or ["a,b"]
    contents = {
        "only a header": head[0] + "\n",
        "a row too long": head[0] + "\n" + ",".join(["1"] * 60) + "\n",
        "words for numbers": head[0] + "\n" + ",".join(["word"] * (head[0].count(",") + 1)) + "\n",
        "zeros": "\0" * 200,
        "one line break": "\n",
        "an open quote": head[0] + '\n"1,2\n',
        "no UTF-8": "\xe9\xff",
    }
    told = chance.choice(sorted(contents))
    _put(file, contents[told].encode("latin-1"))
    return told


# ---- inside


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None


def _put_json(file: Path, data: Any) -> None:
    _put(file, json.dumps(data).encode("utf-8", "surrogatepass"))


def _put(file: Path, data: bytes) -> None:
    file.write_bytes(data)


def _paths(data: Any) -> list[list[Any]]:
    found: list[list[Any]] = [[]]
    if isinstance(data, dict):
        items: Any = data.items()
    elif isinstance(data, list):
        items = list(enumerate(data))[:4]
    else:
        return found
    for key, value in items:
        found += [[key, *rest] for rest in _paths(value)]
    return found


def _random_path(data: Any, chance: random.Random) -> list[Any]:
    """Choose a place, those near the top as often as the many below."""
    paths = _paths(data)
    depth = chance.choice(sorted({len(p) for p in paths}))
    return chance.choice([p for p in paths if len(p) == depth])


def _at(data: Any, path: list[Any]) -> Any:
    for key in path:
        data = data[key]
    return data


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "…"


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
