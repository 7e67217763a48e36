"""Work that takes no time, and what can befall those who do it; workers import it from here."""

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_glands.errors import GlandsError
from napari_glands.slides.blocks import blocks

BLOCKS = blocks((10, 80), 10, 0)  # eight in a row


@dataclass
class Toy:
    """Squares the number of a block; something befalls who is at the second one."""

    folder: Path
    fate: str = "none"

    def __setstate__(self, state):
        self.__dict__.update(state)
        (self.folder / f"received-{os.getpid()}-{time.monotonic_ns()}").touch()

    def read(self, block):
        if self.fate == "unreadable" and block.index[1] == 1:
            raise GlandsError("The image cannot be read here.")
        return block.index[1]

    def __call__(self, block, data, check):
        if data == 1:
            self.suffer()
        if self.fate == "slow" or (self.fate == "slow but first" and data):
            (self.folder / f"busy-{os.getpid()}").touch()
            time.sleep(60)
        time.sleep(0.02)
        return {"square": np.array(data**2), "pid": np.array(os.getpid())}

    def suffer(self):
        class OddError(Exception):
            """Cannot be pickled."""

        killed = self.folder / "killed"
        if self.fate == "killed" or (self.fate == "killed once" and not killed.exists()):
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fate == "leaves":
            os._exit(3)
        if self.fate == "full disk":
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.fate == "odd":
            raise OddError("what happened")

    def made(self, name):
        """What `ahead` makes of a name."""
        if name == "nobody":
            raise GlandsError("There is no nobody.")
        (self.folder / f"made-{name}").touch()
        return np.array([len(name), os.getpid()])
