"""Training on several devices, here two processes on a CPU: what one device would learn."""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_glands.errors import GlandsError
from napari_glands.exterior.device import Device
from napari_glands.exterior.sampling import Stain
from napari_glands.jobs import run_job
from napari_glands.progress import CancelToken
from napari_glands.segmentation import fitting, train
from napari_glands.segmentation.data import Lesson
from napari_glands.segmentation.fitting import fit_round


@pytest.fixture
def two(fast):
    return fast.updated("general", devices=2).updated("train", rounds=1, batch_size=4)


@pytest.fixture(autouse=True)
def none_left():
    yield
    assert not multiprocessing.active_children()


def lesson():
    """A slide of which every pixel is known."""
    rng = np.random.default_rng(5)
    mask = (np.indices((128, 128)).sum(axis=0) > 128).astype(np.uint8)
    density = (rng.random((3, 128, 128)) + mask).astype(np.float16)
    return Lesson(density, Stain(np.ones(3), np.ones(3)), mask, 2 * mask)


def test_two_devices_learn_what_one_learns_also_where_memory_is_short(fast, tmp_path, monkeypatch):
    """The gradients of the parts of a batch add up to the gradient of the batch.

    It is exact up to rounding where no batch norm, no dropout and no ignored pixel makes the parts
    differ from the whole: weights of about 0.1 agree to 1e-6.
    """
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setattr(fitting, "_STEPS_PER_EPOCH", 2)
    from greedy_network import GreedyNetwork

    plain = fast.updated("train", batch_size=8, iterations=5, diffusion_weight=0, push_weight=0)
    cpu, told, weights, losses = Device("cpu", "asked for", False), [], {}, {}
    for devices in (1, 2):
        torch.manual_seed(0)
        network = GreedyNetwork(room=2)
        start = network.features.weight.detach().clone()
        settings = plain.updated("general", devices=devices)
        folder, steps, shown = tmp_path / str(devices), [], []

        def on_step(share, values, steps=steps, shown=shown, network=network):
            steps.append(share)
            shown.append(network.features.weight.detach().clone())

        losses[devices] = fit_round(
            network,
            [lesson()],
            settings,
            cpu,
            1,
            folder,
            on_step,
            CancelToken(),
            told.append,
        )
        weights[devices] = network.state_dict()
        assert steps == [0.2, 0.4, 0.6, 0.8, 1.0]
        assert not torch.equal(shown[1], start), "who looks on sees what is learned"
        assert not torch.equal(shown[3], shown[1])
    assert [sentence.split(": ")[1] for sentence in told] == [
        "going on with 4 at once, 2 times per step.",
        "going on with 2 at once, 4 times per step.",
        "going on with 2 at once, 2 times per step.",  # of four on each of two devices
    ]
    torch.testing.assert_close(weights[2], weights[1], atol=1e-6, rtol=0)
    assert (weights[1]["features.weight"] - start).abs().max() > 1e-4
    assert np.isfinite(losses[2])


def same(first, second):
    return all(torch.equal(first.weights[n], second.weights[n]) for n in first.weights)


@pytest.fixture
def cancelled(slide, priors, two, tmp_path):
    """The events of a training that was cancelled after two of four steps, and its folder."""
    events = []

    def report(event):
        events.append(event)
        if sum(bool(e.values) for e in events) == 2:
            job.cancel()

    job = run_job(  # on a thread, as in the window
        lambda _, cancel: train(
            [slide], [priors], two, run_dir=tmp_path, report=report, cancel=cancel
        )
    )
    outcome = job.wait(200)
    assert outcome.status == "cancelled"
    assert outcome.result.metrics["stopped"] == "cancelled"
    return events, tmp_path


def test_a_cancelled_training_on_two_devices_goes_on_on_one(cancelled, slide, priors, two):
    events, folder = cancelled
    assert "2 devices at the same time" in events[0].message
    steps = [e for e in events if e.values]
    assert [e.fraction for e in steps] == [0.25, 0.5], "no step after the request"
    assert all(np.isfinite(e.values["loss"]) for e in steps)
    rest = []
    one = two.updated("general", devices=1)
    resumed = train([slide], [priors], one, run_dir=folder, report=rest.append)
    assert [e.fraction for e in rest if e.values] == [0.75, 1.0]
    assert resumed.metrics["stopped"] == "finished"
    assert all(bool(tensor.isfinite().all()) for tensor in resumed.weights.values())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_other_user_gets_at_a_training_on_two_devices(slide, priors, two, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "workers")
    import doors

    mine, found = os.getpid(), []
    of_the_tests = doors.doors(mine)

    def report(event):  # the processes wait until it returns
        if event.values:
            assert len(multiprocessing.active_children()) == 2
            new = [door for door in doors.doors(mine) if door not in of_the_tests]
            found.append((new, doors.readable_files(mine)))
            if os.geteuid() == 0:
                assert doors.entered_by_nobody(mine, of_the_tests) == []
            # Torch reads from here why a process failed, and believes what it reads.
            folder = Path(tempfile.gettempdir())
            assert folder.stat().st_mode & 0o077 == 0
            assert folder.parent == temporary

    with doors.temporary_files_apart() as temporary:
        short = two.updated("train", iterations=1)
        train([slide], [priors], short, run_dir=tmp_path, report=report)
    assert found == [([], [])]
    assert "MASTER_PORT" not in os.environ


@pytest.mark.benchmark
def test_a_training_on_two_devices_is_the_same_whether_or_not_it_was_cut_off(
    cancelled, slide, priors, two
):
    events, folder = cancelled
    steps = []
    whole = train([slide], [priors], two, report=steps.append)
    assert [e.values for e in events if e.values] == [e.values for e in steps if e.values][:2]
    assert same(whole, train([slide], [priors], two, run_dir=folder))


def test_more_devices_than_there_are_is_refused(slide, priors, two):
    with pytest.raises(GlandsError, match=r"1000 devices were asked for.*set devices to \d+ or"):
        train([slide], [priors], two.updated("general", devices=1000))


@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_batch_that_cannot_be_shared_is_refused(slide, priors, two, batch_size):
    with pytest.raises(GlandsError, match=f"batch of {batch_size} crops cannot be shared by 2"):
        train([slide], [priors], two.updated("train", batch_size=batch_size))
