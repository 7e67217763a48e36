"""A Dask cluster that others have started: over TLS the same as here, without it a warning."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.progress import CancelToken
from napari_glands.workers import Cluster, InProcess, TlsFiles, chosen_workers, cluster

NO_DASHBOARD = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder with certificates and a configuration, both from the guide."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        import guide
    guide.make_certificates(folder)
    guide.do("configure.sh", folder)
    return folder


@pytest.fixture(scope="module")
def certificates(home):
    return home / "dask-tls"


@pytest.fixture
def files(certificates):
    return TlsFiles(*(certificates / name for name in ("ca.pem", "cert.pem", "key.pem")))


@contextmanager
def running(*command, env):
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command], env=env, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def address_in(told, process):
    """What a scheduler writes into its file as soon as it is there."""
    end = time.monotonic() + 90
    while not told.exists() or not told.read_text():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < end, "it does not begin"
        time.sleep(0.1)
    return json.loads(told.read_text())["address"]


@pytest.fixture(scope="module")
def scheduler(home, tmp_path_factory):
    """A scheduler and two workers with the guide's configuration; its address and their pids."""
    folder = tmp_path_factory.mktemp("cluster")
    beside = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    env = {**os.environ, "HOME": str(home), "PYTHONPATH": beside, "OMP_NUM_THREADS": "1"}
    told = folder / "scheduler.json"
    with ExitStack() as all_of_them:
        begin = ("scheduler", "--protocol", "tls", "--port", "0", "--scheduler-file", str(told))
        begun = all_of_them.enter_context(running(*begin, *NO_DASHBOARD, env=env))
        address = address_in(told, begun)
        work = ("worker", address, "--protocol", "tls", "--nthreads", "1", "--no-nanny")
        place = ("--local-directory", str(folder))
        pids = [
            all_of_them.enter_context(running(*work, *place, *NO_DASHBOARD, env=env)).pid
            for _ in range(2)
        ]
        yield address, pids


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 1)


def answers(workers, toy):
    from toy_work import BLOCKS

    found = workers.map(toy, BLOCKS, CancelToken())
    return {block.index: facts for block, facts in found}


def test_a_cluster_with_tls_does_the_same_and_its_workers_may_be_lost(scheduler, files, tmp_path):
    from toy_work import Toy

    address, pids = scheduler
    toy = Toy(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        workers = chosen_workers(address, tls=files)
    with workers as those:
        assert isinstance(those, Cluster)
        alone, there = answers(InProcess(), toy), answers(those, toy)
        assert {i: int(f["square"]) for i, f in there.items()} == {
            i: int(f["square"]) for i, f in alone.items()
        }
        assert {int(facts["pid"]) for facts in there.values()} <= set(pids)
        with those.ahead(toy.made, ["one", "three"], CancelToken()) as made:
            assert [int(made(name)[0]) for name in ("one", "three")] == [3, 5]
        unreadable = answers(those, Toy(tmp_path, "unreadable"))
        assert isinstance(unreadable[0, 1], GlandsError)
        with pytest.raises(OSError, match="No space"):
            answers(those, Toy(tmp_path, "full disk"))
        after = answers(those, Toy(tmp_path, "killed once"))
        assert {i: int(f["square"]) for i, f in after.items()} == {
            i: int(f["square"]) for i, f in alone.items()
        }
        assert np.all([int(facts["pid"]) in pids for facts in after.values()])


def test_dasks_own_configuration_is_enough(scheduler, home):
    import dask

    found = dask.config.collect([home / ".config" / "dask"], {})
    with (
        dask.config.set(dask.config.merge(dask.config.config, found)),
        chosen_workers(scheduler[0]) as workers,
    ):
        assert workers.count >= 1


def test_the_guides_commands_keep_keys_to_oneself_and_pass_strict_checks(certificates):
    assert all(path.stat().st_mode & 0o077 == 0 for path in certificates.glob("*.pem"))
    strict = ["openssl", "verify", "-x509_strict", "-CAfile", certificates / "ca.pem"]
    subprocess.run([*strict, certificates / "cert.pem"], check=True, capture_output=True)


def test_who_has_no_certificate_of_the_authority_is_not_let_in(scheduler, certificates, tmp_path):
    address, _ = scheduler
    import guide

    other = guide.make_certificates(tmp_path)
    ours = certificates / "ca.pem"
    for files in (
        TlsFiles(other / "ca.pem", other / "cert.pem", other / "key.pem"),
        TlsFiles(ours, other / "cert.pem", other / "key.pem"),
    ):
        with (
            pytest.raises(GlandsError, match="signed by the same authority"),
            chosen_workers(address, tls=files),
        ):
            pass
    with pytest.raises(GlandsError, match="certificates are needed"), chosen_workers(address):
        pass


def test_files_that_are_not_what_they_should_be_are_named(files, tmp_path):
    gone, wrong = tmp_path / "gone.pem", tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    locked = tmp_path / "locked.pem"
    command = ["openssl", "rsa", "-in", files.key, "-aes128", "-passout", "pass:x", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    for which_files, match in (
        (TlsFiles(files.ca, files.cert, gone), r"gone\.pem cannot be read .*--tls-key"),
        (TlsFiles(wrong, files.cert, files.key), r"wrong\.pem is no certificate.*--tls-ca"),
        (TlsFiles(files.ca, wrong, files.key), r"wrong\.pem and .*key\.pem are no"),
        (TlsFiles(files.ca, files.cert, locked), r"locked\.pem are no .*without a password"),
    ):
        with (
            pytest.raises(GlandsError, match=match),
            chosen_workers("tls://127.0.0.1:1", tls=which_files),
        ):
            pass
    with (
        pytest.raises(GlandsError, match="begins with tls://"),
        chosen_workers("tcp://127.0.0.1:1", tls=files),
    ):
        pass
    with pytest.raises(GlandsError, match="give its address too"):
        chosen_workers(workers=2, tls=files)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1"])
def test_an_address_without_tls_is_warned_of_and_named_when_silent(quick, address):
    with (
        pytest.warns(UserWarning, match=f"connection to {address} is not encrypted.*as you"),
        pytest.raises(GlandsError, match=rf"No Dask scheduler answers at {address} "),
        chosen_workers(address),
    ):
        pass


def test_a_missing_dask_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(GlandsError, match=r'pip install "napari-glands\[cluster\]"'),
        chosen_workers("tls://127.0.0.1:1"),
    ):
        pass


def test_a_scheduler_that_goes_away_ends_the_run_with_a_sentence(certificates, files, tmp_path):
    from toy_work import BLOCKS, Toy

    tls = ("--tls-ca-file", str(files.ca), "--tls-cert", str(files.cert))
    key = ("--tls-key", str(files.key), "--protocol", "tls")
    told = tmp_path / "scheduler.json"
    begin = ("scheduler", *tls, *key, "--port", "0", "--scheduler-file", str(told), *NO_DASHBOARD)
    with (
        running(*begin, env=os.environ) as process,
        chosen_workers(address_in(told, process), tls=files) as workers,
    ):
        waiting = workers.map(Toy(tmp_path), BLOCKS, Killing(process))
        with pytest.raises(GlandsError, match="scheduler of the cluster is gone"):
            next(waiting)


class Killing(CancelToken):
    """Kills a process the first time it is asked whether to go on."""

    def __init__(self, process):
        super().__init__()
        self.process = process

    def check(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
        super().check()
