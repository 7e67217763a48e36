"""Where another user of the machine could get at a process and its children, on Linux."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
_SHM = Path("/dev/shm")
_LISTENING_TCP, _UNCONNECTED_UDP, _ACCEPTS = "0A", "07", 0x10000

_TRY = f"""
import json, os, socket, sys
doors, paths = json.load(sys.stdin)
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
entered = []
for family, address in doors:
    try:
        with socket.socket(getattr(socket, family)) as line:
            line.connect(tuple(address) if isinstance(address, list) else address)
    except OSError:
        continue
    entered.append(str(address))
for path in paths:
    for mode in (os.O_RDONLY, os.O_RDWR):
        try:
            os.close(os.open(path, mode))
        except OSError:
            continue
        entered.append(path)
json.dump(entered, sys.stdout)
"""


def tree(pid):
    """The process and all that it started, directly or not."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def doors(pid):
    """Sockets of a process tree that wait for others: (family, address) of each."""
    own = {link[8:-1] for link in _links(pid) if link.startswith("socket:[")}
    found = []
    for name, family, state in (
        ("tcp", "AF_INET", _LISTENING_TCP),
        ("tcp6", "AF_INET6", _LISTENING_TCP),
        ("udp", "AF_INET", _UNCONNECTED_UDP),
        ("udp6", "AF_INET6", _UNCONNECTED_UDP),
    ):
        for row in _rows(name):
            if row[9] in own and row[3] == state:
                port = int(row[1].rpartition(":")[2], 16)
                found.append((family, ["::1" if family == "AF_INET6" else "127.0.0.1", port]))
    for row in _rows("unix"):
        if row[6] in own and (int(row[3], 16) & _ACCEPTS or len(row) > 7):
            address = row[7] if len(row) > 7 else ""
            found.append(("AF_UNIX", address.replace("@", "\0", 1)))
    return found


@contextmanager
def temporary_files_apart():
    """Let temporary files, also those of new processes, be made in a folder like /tmp."""
    folder, former = tempfile.mkdtemp(), (tempfile.tempdir, os.environ.get("TMPDIR"))
    os.chmod(folder, 0o1777)
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    try:
        yield Path(folder)
    finally:
        tempfile.tempdir = former[0]
        os.environ.pop("TMPDIR") if former[1] is None else os.environ.update(TMPDIR=former[1])
        shutil.rmtree(folder)


def _temporary():
    """Where temporary files lie when nobody says otherwise."""
    return Path(os.environ.get("TMPDIR", "/tmp"))


def shared_files(pid):
    """What a process tree has where all users may write: among temporary files, in memory."""
    links = {Path(link) for link in _links(pid)}
    pids = [str(one) for one in tree(pid)]
    found = {path for link in links for path in (link, *link.parents) if path.parent == _SHM}
    found |= {path for path in _SHM.glob("*") if any(one in path.name for one in pids)}
    return {*_temporary().iterdir(), *(path for path in found if path.exists())}


def readable_files(pid):
    """Those of these files, and of what lies in them, that others may open."""
    every = {path for top in shared_files(pid) for path in (top, *top.rglob("*"))}
    return [path for path in every if not _kept(path)]


def entered_by_nobody(pid, but=()):
    """What another user gets at who tries sockets (but some) and files; only root can try."""
    paths = [str(path) for top in shared_files(pid) for path in (top, *top.rglob("*"))]
    paths += [f"/proc/{one}/fd/{n}" for one in tree(pid) for n in _numbers(one)]
    done = subprocess.run(
        [sys.executable, "-c", _TRY],
        input=json.dumps([[door for door in doors(pid) if door not in but], paths]),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def a_door(folder):
    """Open doors on purpose, to see that they are found."""
    listening = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
    listening[1].bind(str(folder / "door"))
    listening[1].listen()
    return listening


def _kept(path):
    """Whether others are kept from a path by itself or by a folder that it lies in."""
    for part in (path, *path.parents):
        if part in (_SHM, _temporary()):
            return False
        try:
            facts = part.lstat()
        except OSError:  # gone meanwhile
            return True
        if not stat.S_IMODE(facts.st_mode) & 0o077:
            return True
    return True


def _links(pid):
    for one in tree(pid):
        for number in _numbers(one):
            try:
                yield os.readlink(f"/proc/{one}/fd/{number}")
            except OSError:
                continue


def _numbers(pid):
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []


def _rows(name):
    try:
        return [line.split() for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    except OSError:
        return []
