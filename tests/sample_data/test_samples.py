from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from napari_glands import GlandsError, sample_data
from napari_glands.sample_data import embedded, real


@pytest.fixture(scope="module")
def synthetic() -> sample_data.Sample:
    return sample_data.synthetic()


@pytest.fixture
def drawn(synthetic: sample_data.Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the synthetic sample once for all tests."""
    monkeypatch.setattr(embedded, "synthetic", lambda: synthetic)


def test_ihc_is_the_colon_picture() -> None:
    sample = sample_data.immunohistochemistry()
    assert sample.image.shape == (512, 512, 3)
    assert sample.image.dtype == np.uint8
    assert sample.truth is None
    assert 0.3 < sample.mpp < 0.7
    assert "copyright" in sample.licence
    with pytest.raises(FrozenInstanceError):
        sample.mpp = 1.0  # type: ignore[misc]


@pytest.mark.usefixtures("drawn")
def test_demo_has_an_image_without_and_one_with_truth() -> None:
    ihc, synthetic = sample_data.embedded_samples()
    assert (ihc.name, synthetic.name) == ("ihc", "synthetic")
    assert synthetic.truth is not None
    assert synthetic.truth.max() >= 25
    assert synthetic.image.shape[:2] == synthetic.truth.shape


@pytest.mark.usefixtures("drawn")
def test_napari_samples_are_in_micrometres() -> None:
    for layers in (sample_data.napari_ihc(), sample_data.napari_synthetic()):
        ((image, options, kind),) = layers  # no truth beside the image
        assert kind == "image"
        assert options["rgb"]
        assert image.shape[-1] == 3
        assert options["scale"] == (options["metadata"]["mpp"],) * 2
        assert options["units"] == ("um", "um")


@pytest.mark.usefixtures("drawn")
def test_truth_is_a_sample_of_its_own() -> None:
    (_, image_options, _), (labels, options, kind) = sample_data.napari_synthetic_with_truth()
    assert kind == "labels"
    assert labels.max() >= 25
    assert options["scale"] == image_options["scale"]
    assert "truth" in options["name"]


def test_importing_the_samples_loads_no_torch_and_no_viewer() -> None:
    code = (
        "import sys, napari_glands.sample_data;"
        "print([m for m in ('torch', 'qtpy', 'napari') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", sample_data.REAL_DATA_SETS)
def test_terms_are_shown_before_anything_is_fetched(name: str, tmp_path: Path) -> None:
    terms = sample_data.REAL_DATA_SETS[name]
    with pytest.raises(GlandsError) as refusal:
        sample_data.fetch_data_set(name, tmp_path)
    assert terms.licence in str(refusal.value)
    assert terms.citation in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(GlandsError, match="glas, crag"):
        sample_data.fetch_data_set("gals", accept_licence=True)


def test_data_set_without_a_link_names_its_page(tmp_path: Path) -> None:
    with pytest.raises(GlandsError, match="mildnet"):
        sample_data.fetch_data_set("crag", tmp_path, accept_licence=True)


def _point_glas_to(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> None:
    changed = replace(real.REAL_DATA_SETS["glas"], **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(real.REAL_DATA_SETS, "glas", changed)


def test_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _point_glas_to(monkeypatch, url="http://127.0.0.1:9/nothing.zip")
    with pytest.raises(GlandsError, match="network connection"):
        sample_data.fetch_data_set("glas", tmp_path, accept_licence=True)


def test_accepted_data_set_is_unpacked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # pooch takes an archive that is already in place without asking the network.
    with zipfile.ZipFile(tmp_path / "glas.zip", "w") as archive:
        archive.writestr("Warwick QU Dataset/Grade.csv", "name,grade\n")
    _point_glas_to(monkeypatch, file_name="glas.zip", known_hash=None)
    folder = sample_data.fetch_data_set("GlaS", tmp_path, accept_licence=True)
    assert (folder / "Warwick QU Dataset" / "Grade.csv").is_file()
    assert "checksum" in capsys.readouterr().out
