"""OME-Zarr whose metadata are in another order, of another kind, damaged or hostile."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_glands.errors import GlandsError
from napari_glands.slides import SeveralPictures, Slide, open_slide, pictures_in

AXES = [
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
    {"name": "c", "type": "channel"},
]


def dataset(path: str, scale: float) -> dict[str, Any]:
    transformation = {"type": "scale", "scale": [scale, scale, 1.0]}
    return {"path": path, "coordinateTransformations": [transformation]}


def multiscale(*paths: str, scale: float = 0.5, **more: Any) -> dict[str, Any]:
    datasets = [dataset(path, scale * 2 ** int(path)) for path in paths]
    return {"version": "0.4", "axes": copy.deepcopy(AXES), "datasets": datasets, **more}


def write(path: Path, levels: list[np.ndarray], attributes: dict[str, Any] | None = None) -> Path:
    """Write levels 0, 1, …; an image of them unless there are other attributes."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    for index, level in enumerate(levels):
        group.create_array(str(index), data=level, chunks=(64, 64, *level.shape[2:]))
    default = {"multiscales": [multiscale(*map(str, range(len(levels))))]} if levels else {}
    group.attrs.put(default if attributes is None else attributes)
    return path


@pytest.fixture
def levels(large_rgb: np.ndarray) -> list[np.ndarray]:
    return [large_rgb, large_rgb[::2, ::2], large_rgb[::4, ::4]]


def assert_refused(path: Path, *words: str) -> str:
    with pytest.raises(GlandsError) as caught:
        open_slide(path, mpp=0.5)
    message = str(caught.value)
    for word in (path.name, *words):
        assert word in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("order", ["012", "210", "120"])
def test_the_finest_level_is_the_first(
    tmp_path: Path, levels: list[np.ndarray], order: str
) -> None:
    path = write(tmp_path / "a.zarr", levels, {"multiscales": [multiscale(*order)]})
    slide = open_slide(path)
    assert [level.shape for level in slide.levels] == [(700, 1000), (350, 500), (175, 250)]
    assert (slide.mpp, slide.mpp_source) == (0.5, "metadata")
    np.testing.assert_array_equal(slide.read(), levels[0])
    np.testing.assert_array_equal(slide.read(1.0), levels[1])


@pytest.mark.parametrize("size", [(300, 500), (350, 300), (700, 1000), (690, 999)])
def test_levels_that_are_not_one_image_shrunk(
    tmp_path: Path, large_rgb: np.ndarray, size: tuple[int, int]
) -> None:
    other = large_rgb[: size[0], : size[1]]
    assert_refused(write(tmp_path / "a.zarr", [large_rgb, other]), "smaller and smaller")


def test_levels_of_other_axes_or_types(tmp_path: Path, large_rgb: np.ndarray) -> None:
    small = large_rgb[::2, ::2]
    for number, other in enumerate((small[..., 0], small.astype(float), small[..., :1])):
        path = write(tmp_path / f"{number}.zarr", [large_rgb, other])
        assert_refused(path, "levels", "export it again")


@pytest.mark.parametrize(("mark", "source"), [("default", "default"), ("estimated", "estimated")])
def test_what_was_assumed_when_written_stays_that(
    tmp_path: Path, rgb: np.ndarray, mark: str, source: str
) -> None:
    entry = multiscale("0", scale=0.62, metadata={"pixel_size_source": mark})
    path = write(tmp_path / "a.zarr", [rgb], {"multiscales": [entry]})
    with pytest.warns(UserWarning, match=r"a\.zarr.*when it was written \(0\.62.*--mpp"):
        slide = open_slide(path, default_mpp=1.0)
    assert (slide.mpp, slide.mpp_source) == (0.62, source)
    assert open_slide(path, mpp=0.5).mpp_source == "given"


@pytest.mark.parametrize("mark", ["metadata", "given", "x", 5, None, ["default"], {"a": 1}])
def test_other_marks_say_nothing(tmp_path: Path, rgb: np.ndarray, mark: Any) -> None:
    entry = multiscale("0", metadata={"pixel_size_source": mark})
    path = write(tmp_path / "a.zarr", [rgb], {"multiscales": [entry]})
    assert open_slide(path).mpp_source == "metadata"


@pytest.mark.parametrize("scale", [float("nan"), 0, -0.5, float("inf"), 10**400, 1e-9])
def test_scales_that_cannot_be_are_not_taken(tmp_path: Path, rgb: np.ndarray, scale: Any) -> None:
    entry = multiscale("0")
    entry["datasets"][0]["coordinateTransformations"][0]["scale"] = [scale, scale, 1]
    path = write(tmp_path / "a.zarr", [rgb])
    (path / ".zattrs").write_text(json.dumps({"multiscales": [entry]}))
    with pytest.warns(UserWarning, match="0.62 µm/px is assumed"):
        assert open_slide(path).mpp_source == "default"


@pytest.mark.parametrize(
    "path",
    ["../other.zarr/0", "/etc", "0/../../other.zarr/0", "..", "", ".", "a\\b", "C:x", "a\0b"],
)
def test_paths_that_leave_the_folder(tmp_path: Path, rgb: np.ndarray, path: str) -> None:
    write(tmp_path / "other.zarr", [rgb])
    entry = multiscale("0")
    entry["datasets"][0]["path"] = path
    assert_refused(
        write(tmp_path / "a.zarr", [rgb], {"multiscales": [entry]}), "not a folder inside"
    )


def test_links_that_leave_the_folder(tmp_path: Path, rgb: np.ndarray) -> None:
    other = write(tmp_path / "other.zarr", [rgb])
    path = write(tmp_path / "a.zarr", [], {"multiscales": [multiscale("0")]})
    (path / "0").symlink_to(other / "0")
    assert_refused(path, "outside of the folder", "link")
    (tmp_path / "linked.zarr").symlink_to(other)  # the image itself may lie elsewhere
    np.testing.assert_array_equal(open_slide(tmp_path / "linked.zarr").read(), rgb)


SCALE = {"type": "scale", "scale": [""]}


def test_one_unit_stands_for_both_axes(tmp_path: Path, rgb: np.ndarray) -> None:
    entry = multiscale("0", scale=0.3)
    del entry["axes"][0]["unit"]
    path = write(tmp_path / "a.zarr", [rgb], {"multiscales": [entry]})
    assert (open_slide(path).mpp, open_slide(path).mpp_source) == (0.3, "metadata")


WRONG: list[Any] = [
    5, "x", {}, {"0": 1}, [5], [[]], [None], [{}], [{"datasets": 5}], [{"datasets": []}],
    [{"datasets": ["0"]}], [{"datasets": [{}]}], [{"datasets": [{"path": 5}]}],
    [{"datasets": [{"path": "0"}], "axes": "yxc"}],
    [{"datasets": [{"path": "0"}], "axes": [1, 2, 3]}],
    [{"datasets": [{"path": "0"}], "axes": ["y", "y", "x"]}],
    [{"datasets": [{"path": "0"}], "axes": ["a", "b", "c"]}],
    [{"datasets": [{"path": "0"}], "axes": ["y", "x"]}],
    [{"datasets": [{"path": "9"}]}],
    [{"datasets": [{"path": "0", "coordinateTransformations": 3}]}],
    [{"datasets": [{"path": "0", "coordinateTransformations": [3]}]}],
    [{"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": "1"}]}]}],
    [{"datasets": [dataset("0", 1)], "coordinateTransformations": [SCALE]}],
    [{"datasets": [{"path": "0"}] * 10_000}],
]  # fmt: skip


@pytest.mark.parametrize("entries", WRONG, ids=lambda entries: str(entries)[:40])
def test_metadata_of_wrong_kinds(tmp_path: Path, rgb: np.ndarray, entries: Any) -> None:
    assert_refused(write(tmp_path / "a.zarr", [rgb], {"multiscales": entries}))


def test_metadata_that_are_no_json(tmp_path: Path, rgb: np.ndarray) -> None:
    path = write(tmp_path / "a.zarr", [rgb])
    for text in ("{", "null", "5", "[" * 100_000, "[]", '"x"'):
        (path / ".zattrs").write_text(text)
        assert_refused(path)
    with (path / ".zattrs").open("wb") as file:
        file.truncate(200 << 20)
    assert_refused(path, "too large")


def test_a_plate_is_refused(tmp_path: Path, rgb: np.ndarray) -> None:
    for key in ("plate", "well"):
        path = write(tmp_path / f"{key}.zarr", [rgb], {key: {"wells": []}})
        assert_refused(path, "HCS", "one field")


def collection(path: Path, images: list[np.ndarray], **attributes: Any) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.attrs.put({"bioformats2raw.layout": 3})
    for number, pixels in enumerate(images):
        write(path / str(number), [pixels])
    return path


def described(path: Path, *names: str, facts: str = "") -> None:
    images = "".join(
        f'<Image ID="Image:{number}" Name="{name}"><Pixels {facts} SizeX="1" SizeY="1"/></Image>'
        for number, name in enumerate(names)
    )
    (path / "OME").mkdir()
    (path / "OME" / "METADATA.ome.xml").write_text(
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'
    )


def test_a_collection_asks_which_image(tmp_path: Path, large_rgb: np.ndarray) -> None:
    images = [large_rgb, large_rgb[:400, :600], large_rgb[100:200, 50:300]]
    path = collection(tmp_path / "several.zarr", images)
    with pytest.raises(SeveralPictures, match=r"several\.zarr holds 3 pictures.*2: 600 × 400"):
        open_slide(path)
    assert [picture.shape for picture in pictures_in(path)] == [i.shape[:2] for i in images]
    slides = [open_slide(path, picture=number) for number in (1, 2, 3)]
    for slide, image in zip(slides, images, strict=True):
        np.testing.assert_array_equal(slide.read(), image)
    assert len({slide.checksum for slide in slides}) == 3
    with pytest.raises(GlandsError, match="no picture 4"):
        open_slide(path, picture=4)


def test_labels_and_macros_in_a_collection_are_no_pictures(
    tmp_path: Path, large_rgb: np.ndarray
) -> None:
    path = collection(tmp_path / "scan.zarr", [large_rgb, large_rgb[:90], large_rgb[:80]])
    described(path, "CMU-1.svs", "label image", "macro image")
    slide = open_slide(path)
    assert (slide.shape, slide.picture) == ((700, 1000), None)
    assert slide.mpp == 0.5


def test_a_collection_may_state_its_pixel_size_in_ome_xml(
    tmp_path: Path, large_rgb: np.ndarray
) -> None:
    path = collection(tmp_path / "scan.zarr", [large_rgb])
    entry = multiscale("0")
    del entry["datasets"][0]["coordinateTransformations"]
    zarr.open_group(path / "0", mode="r+").attrs.put({"multiscales": [entry]})
    described(path, "scan", facts='PhysicalSizeX="0.3" PhysicalSizeY="0.3"')
    assert open_slide(path).mpp == 0.3


def test_a_collection_lists_its_images_itself(tmp_path: Path, large_rgb: np.ndarray) -> None:
    path = collection(tmp_path / "a.zarr", [])
    for name, rows in (("left", 300), ("right", 200)):
        write(path / name, [large_rgb[:rows]])
    ome = zarr.open_group(path / "OME", mode="w", zarr_format=2)
    ome.attrs.put({"series": ["right", "left"]})
    assert [picture.shape[0] for picture in pictures_in(path)] == [200, 300]
    ome.attrs.put({"series": ["../b.zarr"]})
    assert_refused(path, "not a folder inside")


def test_several_images_in_one_group(tmp_path: Path, large_rgb: np.ndarray) -> None:
    entries = [multiscale("0", name="one"), multiscale("1", name="two")]
    path = write(tmp_path / "a.zarr", [large_rgb, large_rgb[:300, :200]], {"multiscales": entries})
    with pytest.raises(SeveralPictures, match=r"1: 1000 × 700 \(one\), 2: 200 × 300 \(two\)"):
        open_slide(path)
    assert open_slide(path, picture=2).shape == (300, 200)


def paths_of(value: Any, path: tuple = ()) -> list[tuple]:
    """Return where each part of nested lists and objects is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    for key, part in inner:
        deeper = (*path, key)
        found += paths_of(part, deeper) if isinstance(part, dict | list) else [deeper]
    return found


SOUND = {"multiscales": [multiscale("0", "1", name="a", metadata={"pixel_size_source": "default"})]}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (80, 100, 3)).astype(np.uint8)
    return write(tmp_path_factory.mktemp("damage") / "a.zarr", [pixels, pixels[::2, ::2]], SOUND)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(paths_of(SOUND)), junk=JUNK)
def test_any_damage_is_read_over_or_told_in_a_sentence(
    sound: Path, place: tuple, junk: Any
) -> None:
    damaged: Any = copy.deepcopy(SOUND)
    holder = damaged
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    (sound / ".zattrs").write_text(json.dumps(damaged))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            slide = open_slide(sound)
        except GlandsError as error:
            message = str(error)
        else:
            assert isinstance(slide, Slide)
            assert slide.read().shape == (*slide.shape, 3)
            assert 0.02 <= slide.mpp <= 50
            return
    assert "a.zarr" in message
    assert "Error:" not in message
