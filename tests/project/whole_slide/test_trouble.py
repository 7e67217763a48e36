"""What goes wrong on the way: damaged, vanished images, full disks, lost workers."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken
from napari_glands.project.steps import run_predict
from napari_glands.project.whole_slide.building import Stage
from napari_glands.sample_data import gland_field
from napari_glands.segmentation import predict
from napari_glands.slides.sources.tiff import TiffSource
from napari_glands.workers import Processes, TlsFiles, chosen_workers

from .conftest import labels_of

PARTS, KINDS = ("scheduler", "worker", "client"), ("cert", "key")


@pytest.fixture(scope="module")
def two_workers():
    with chosen_workers(workers=2) as workers:
        assert isinstance(workers, Processes)
        yield workers


def finished_blocks(project):
    return len(list(project.path.rglob("*.npz")))


def content(project):
    return project.facts(project.slides[0].id, "prediction")["content"]


def test_a_damaged_part_of_the_image_leaves_the_others_finished(case, expected, monkeypatch):
    read, begun = TiffSource.read, []

    def damaged(self, level, y, x, height, width):
        if begun and y + height > 250 and x + width > 250:
            raise ValueError("corrupt JPEG data: bad Huffman code")
        return read(self, level, y, x, height, width)

    with monkeypatch.context() as broken:
        broken.setattr(TiffSource, "read", damaged)
        with pytest.raises(GlandsError, match=r"tiles could not be .*field.ome.tif.*Huffman"):
            run_predict(case.project, report=begun.append)
    before = finished_blocks(case.project)
    assert before >= 2
    assert case.project.facts(case.id, "prediction") is None
    run_predict(case.project)
    assert content(case.project) == expected[1]


def test_an_image_that_vanishes_is_named_and_gone_on_with(case, expected, monkeypatch):
    read, hidden = TiffSource.read, case.image.with_suffix(".away")

    def from_the_drive(self, *where):
        if not self.path.exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, *where)

    def report(event):
        if event.message.startswith("Predicting") and case.image.exists():
            case.image.rename(hidden)

    monkeypatch.setattr(TiffSource, "read", from_the_drive)
    with pytest.raises(GlandsError, match=r"field.ome.tif is gone: \d+ of \d+ tiles are finished"):
        run_predict(case.project, report=report)
    assert finished_blocks(case.project) >= 1
    hidden.rename(case.image)
    run_predict(case.project)
    assert content(case.project) == expected[1]


def test_a_full_disk_keeps_the_finished_tiles(case, expected, monkeypatch):
    save, saved = Stage.save, []

    def full(self, block, facts):
        if len(saved) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(block)
        save(self, block, facts)

    with monkeypatch.context() as broken:
        broken.setattr(Stage, "save", full)
        with pytest.raises(GlandsError, match=r"disk is full: .* 4 of \d+ tiles are finished"):
            run_predict(case.project)
    assert finished_blocks(case.project) == 4
    run_predict(case.project)
    assert content(case.project) == expected[1]


def test_two_workers_give_the_same_and_one_may_be_lost(case, expected, two_workers, tmp_path):
    image = tmp_path / "small.png"
    imsave(image, gland_field((160, 200), seed=1).image, check_contrast=False)
    (small,) = case.project.add_slides([image], mpp=0.62)
    lost = []

    def report(event):
        if event.message.startswith("Predicting") and not lost:
            lost.append(two_workers.pids[0])
            os.kill(lost[0], signal.SIGKILL)

    run_predict(case.project, report=report, workers=two_workers)
    assert lost
    assert lost[0] not in two_workers.pids
    assert len(two_workers.pids) == 2
    np.testing.assert_array_equal(labels_of(case.project), expected[0])
    assert content(case.project) == expected[1]
    alone = predict(case.model, case.project.slide(small.id), case.project.settings)
    found = case.project.load_prediction(small.id)
    np.testing.assert_array_equal(found.probability, alone.probability)
    np.testing.assert_array_equal(found.glands, alone.glands)


def test_a_cancel_request_reaches_the_workers(case, two_workers):
    token = CancelToken()
    result = run_predict(
        case.project, report=lambda event: token.cancel(), cancel=token, workers=two_workers
    )
    assert result.made == ()


def test_a_cluster_with_tls_gives_the_same(case, expected, tmp_path, monkeypatch):
    from distributed import LocalCluster
    from distributed.security import Security

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "workers")
    import guide

    folder = guide.make_certificates(tmp_path)
    ca, cert, key = (folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
    pairs = {f"tls_{of}_{what}": str(folder / f"{what}.pem") for of in PARTS for what in KINDS}
    security = Security(tls_ca_file=str(ca), require_encryption=True, **pairs)
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            protocol="tls://",
            security=security,
            dashboard_address="127.0.0.1:0",
            local_directory=tmp_path,
        ) as cluster,
        chosen_workers(cluster.scheduler_address, tls=TlsFiles(ca, cert, key)) as workers,
    ):
        assert cluster.scheduler_address.startswith("tls://")
        run_predict(case.project, workers=workers)
    np.testing.assert_array_equal(labels_of(case.project), expected[0])
    assert content(case.project) == expected[1]
