"""Where another user of the machine could get at a process and its children, by Linux's own books."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

NOBODY = 65534
_SHARED = (Path(tempfile.gettempdir()), Path("/dev/shm"))
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


def shared_files():
    """What lies where all users may write."""
    return {path for folder in _SHARED if folder.is_dir() for path in folder.iterdir()}


def readable_files(pid, before):
    """Files of a process tree, or new where all may write, that their owner does not keep."""
    opened = {Path(link.removesuffix(" (deleted)")) for link in _links(pid)}
    mine = {path for path in opened if any(folder in path.parents for folder in _SHARED)}
    for path in shared_files() - before:
        mine |= {path, *path.rglob("*")} if path.is_dir() else {path}
    return [path for path in mine if not _kept(path)]


def entered_by_nobody(pid, before):
    """What another user gets at who tries every socket and file; tests must run as root."""
    paths = [str(path) for path in shared_files() - before]
    paths += [f"/proc/{one}/fd/{n}" for one in tree(pid) for n in _numbers(one)]
    done = subprocess.run(
        [sys.executable, "-c", _TRY],
        input=json.dumps([doors(pid), paths]),
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
        if part in _SHARED:
            return False
        try:
            facts = part.lstat()
        except OSError:
            continue
        if facts.st_uid != os.getuid() or not stat.S_IMODE(facts.st_mode) & 0o077:
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
