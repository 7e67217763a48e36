"""What an attack can end in, and how often it did."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from isolation import Ended

__all__ = ["Tally", "Verdict", "clear", "fault_of", "last_frames", "right", "why_unclear", "wrong"]

Kind = Literal["clear", "right", "wrong"]
Sort = Literal[
    "traceback", "silent", "outside", "hang", "memory", "unclear", "crash", "lost", "property"
]
_MOST_LETTERS = 1500
_SAID = re.compile(r"[\w.]+(Error|Exception|Interrupt|Warning)\b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Verdict:
    """The end of one attack.

    Attributes
    ----------
    kind
        *clear*: one sentence that names what is damaged; *right*: the result of the undamaged;
        *wrong*: anything else.
    sort
        What is wrong; empty otherwise.
    why
        For a person: what was seen, and where.
    """

    kind: Kind
    sort: Sort | Literal[""] = ""
    why: str = ""


def clear(why: str = "") -> Verdict:
    """Return the verdict for a sentence."""
    return Verdict("clear", "", why)


def right() -> Verdict:
    """Return the verdict for an equal result."""
    return Verdict("right")


def wrong(sort: Sort, why: str) -> Verdict:
    """Return the verdict for everything that must not be."""
    return Verdict("wrong", sort, why)


def fault_of(ended: Ended, seconds: float, memory: int | None = None) -> Verdict | None:
    """Judge how the child of an attack ended, whatever it did; None when it gave a result.

    Parameters
    ----------
    ended
        The end.
    seconds
        The time that it had.
    memory
        Bytes that it may take; None for any number.
    """
    if ended.hung:
        return wrong("hang", f"nothing after {seconds:g} s")
    if memory is not None and ended.grown > memory:
        return wrong("memory", f"{ended.grown >> 20} MiB")
    if ended.result is None:
        return wrong("crash", f"status {ended.code}: {ended.trace[-600:] or ended.printed[-600:]}")
    return None


def why_unclear(sentence: str, names: tuple[str, ...]) -> str:
    """Say what a sentence lacks to be a clear one; empty when nothing.

    Parameters
    ----------
    sentence
        What the user is told.
    names
        One of them has to be in it: the damaged file, its folder, its slide.
    """
    if not sentence.strip():
        return "says nothing"
    if _CONTROL.search(sentence):
        return "carries control characters to the terminal"
    if "\n" in sentence.strip():
        return "is more than one line"
    if len(sentence) > _MOST_LETTERS:
        return f"is {len(sentence)} letters long"
    if "defect" in sentence or sentence.startswith("Unexpected "):
        return "calls it a defect"
    if names and not any(name and name in sentence for name in names):
        return f"names none of {', '.join(n for n in names if n)}"
    return ""


def last_frames(trace: str) -> str:
    """Return where a traceback ends, within the program, and what it says."""
    lines = trace.strip().splitlines()
    places = [
        line.strip().split("src/")[-1].replace('", line ', ":").split(", in")[0]
        for line in lines
        if "napari_glands/" in line and line.strip().startswith("File")
    ]
    said = [line for line in lines if _SAID.match(line)]
    return f"{(said or lines)[-1][:300]} at {' < '.join(reversed(places[-3:]))}"


@dataclass
class Tally:
    """The verdicts of one part."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    sorts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, attack: str, verdict: Verdict) -> None:
        """Count one verdict, and tell a wrong one on stderr."""
        self.counts[verdict.kind] += 1
        if verdict.kind == "wrong":
            self.sorts[verdict.sort] += 1
            text = f"  {self.name}, {verdict.sort}: {attack}\n      {verdict.why}"
            print(text, file=sys.stderr, flush=True)

    def summary(self) -> dict[str, Any]:
        """Return the counts as plain data."""
        return {
            "clear": self.counts["clear"],
            "right": self.counts["right"],
            "wrong": self.counts["wrong"],
            **({"sorts": dict(self.sorts)} if self.sorts else {}),
            "seconds": round(self.seconds, 1),
        }
