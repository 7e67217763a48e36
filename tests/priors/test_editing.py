"""The user's verbs on priors."""

from dataclasses import replace

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.priors import STATES, Prior, Priors, from_labels, with_state
from napari_glands.settings import Settings
from napari_glands.slides import Grid

SHAPE = (30, 40)


@pytest.fixture
def priors():
    labels = np.zeros(SHAPE, np.int32)
    labels[2:6, 2:7], labels[10:20, 10:20], labels[22:25, 30:35] = 1, 2, 5
    table = tuple(
        Prior(
            i,
            state,
            0.9,
            float((labels == i).sum() * 4),
            solidity=0.95,
            contrast=0.4,
            ring=0.8,
            stability=0.5,
            level=0.25,
        )
        for i, state in ((1, "proposed"), (2, "accepted"), (5, "rejected"))
    )
    return Priors(
        "s", Grid(SHAPE, SHAPE, 2.0), labels, table, Settings(), exterior=np.zeros(SHAPE, np.uint8)
    )


def rows(priors):
    return {p.id: p for p in priors.table}


def test_labels_that_did_not_change_keep_their_rows(priors):
    again = from_labels(priors, priors.labels.astype(np.int64))
    assert again.table == priors.table
    assert again.labels.dtype == np.int32


def test_a_changed_prior_is_edited_and_its_area_follows(priors):
    labels = priors.labels.copy()
    labels[2:6, 7] = 1
    edited = from_labels(priors, labels)
    assert rows(edited)[1] == replace(rows(priors)[1], state="edited", area_um2=24 * 4.0)
    assert rows(edited)[2] == rows(priors)[2]
    assert rows(edited)[5] == rows(priors)[5]
    assert rows(priors)[1].state == "proposed"
    assert priors.labels[2, 7] == 0


def test_painting_over_a_neighbour_edits_both(priors):
    labels = priors.labels.copy()
    labels[10:20, 10:12] = 1
    states = {i: p.state for i, p in rows(from_labels(priors, labels)).items()}
    assert states == {1: "edited", 2: "edited", 5: "rejected"}


def test_a_new_label_gets_a_row_of_its_own(priors):
    labels = priors.labels.copy()
    labels[0:2, 38:40] = 9
    new = rows(from_labels(priors, labels))[9]
    assert (new.state, new.score, new.area_um2) == ("edited", 1.0, 16.0)


def test_a_label_as_large_as_an_image_can_hold_costs_no_memory(priors):
    labels = priors.labels.astype(np.int64)
    labels[0, 0] = 2**31 - 1
    edited = from_labels(priors, labels)
    assert [p.id for p in edited.table] == [1, 2, 5, 2**31 - 1]
    assert edited.labels[0, 0] == 2**31 - 1


def test_a_label_that_does_not_fit_is_refused(priors):
    labels = priors.labels.astype(np.int64)
    labels[0, 0] = 2**31
    with pytest.raises(GlandsError, match="2147483648"):
        from_labels(priors, labels)


def test_an_erased_prior_is_dropped(priors):
    labels = np.where(priors.labels == 2, 0, priors.labels)
    assert set(rows(from_labels(priors, labels))) == {1, 5}


def test_everything_erased(priors):
    empty = from_labels(priors, np.zeros(SHAPE, np.uint8))
    assert empty.table == ()
    assert empty.coverage == 0


def test_rows_stay_sorted_by_id(priors):
    labels = priors.labels.copy()
    labels[0, 0] = 3
    assert [p.id for p in from_labels(priors, labels).table] == [1, 2, 3, 5]


def test_labels_of_another_shape_are_refused(priors):
    with pytest.raises(GlandsError, match=r"\(30, 41\).*\(30, 40\)"):
        from_labels(priors, np.zeros((30, 41), int))


def test_negative_labels_are_refused(priors):
    labels = priors.labels.copy()
    labels[0, 0] = -1
    with pytest.raises(GlandsError, match="negative"):
        from_labels(priors, labels)


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_set_on_the_chosen_only(priors, state):
    changed = with_state(priors, [1, 2], state)
    assert [p.state for p in changed.table] == [state, state, "rejected"]
    assert [p.state for p in priors.table] == ["proposed", "accepted", "rejected"]
    assert changed.labels is priors.labels


def test_a_rejection_can_be_taken_back(priors):
    assert not priors.used[23, 32]
    back = with_state(priors, [5], "accepted")
    assert back.used[23, 32]
    assert back.coverage == (20 + 100 + 15) / (30 * 40)
    assert priors.coverage == (20 + 100) / (30 * 40)


def test_unknown_states_and_ids_are_refused(priors):
    with pytest.raises(
        GlandsError, match=r"'maybe'.*proposed, doubtful, accepted, edited, rejected"
    ):
        with_state(priors, [1], "maybe")
    with pytest.raises(GlandsError, match="no prior 3"):
        with_state(priors, [1, 3], "accepted")
