import math

import pytest

from napari_glands.widgets.remaining import Remaining, in_words


def test_nothing_is_said_before_it_means_something():
    remaining = Remaining()
    assert math.isnan(remaining.update(0, 0.0))
    assert math.isnan(remaining.update(3, 0.1))
    slow = Remaining()
    slow.update(0, 0)
    assert math.isnan(slow.update(20, 0.01))


def test_an_even_pace_is_told_exactly():
    remaining = Remaining()
    left = [remaining.update(t, t / 100) for t in range(80)]
    assert left[-1] == pytest.approx(100 - 79)


def test_a_change_of_pace_is_followed_without_jumps():
    remaining = Remaining()
    for t in range(40):
        before = remaining.update(t, t / 100)
    after = [remaining.update(40 + t, (39 + 0.5 * t) / 100) for t in range(1, 40)]
    assert abs(after[0] - before) < 12
    assert after[-1] == pytest.approx((1 - (39 + 19.5) / 100) * 200, rel=0.15)


def test_pauses_do_not_count():
    remaining = Remaining()
    for t in range(41):
        before = remaining.update(t, t / 100)
    remaining.pause(40)
    remaining.resume(1040)
    after = [remaining.update(1000 + t, t / 100) for t in range(41, 50)]
    assert after[0] == pytest.approx(before - 1, abs=0.5)


def test_another_part_begins_anew():
    remaining = Remaining()
    for t in range(41):
        remaining.update(t, t / 100)
    assert math.isnan(remaining.update(41, 0.0))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (math.nan, ""),
        (3, "a few seconds left"),
        (33, "about 30 s left"),
        (58, "about 1 min left"),
        (130, "about 2 min left"),
        (5400, "about 1.5 h left"),
        (90_000, "about 25 h left"),
    ],
)
def test_times_are_told_in_round_words(seconds, words):
    assert in_words(seconds) == words
