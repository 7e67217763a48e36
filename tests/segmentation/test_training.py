"""Training: reproducible, resumable, and never left empty-handed by a cancel."""

import csv
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from napari_glands.errors import GlandsError
from napari_glands.jobs import perform
from napari_glands.priors import Gland, Glands, with_state
from napari_glands.progress import Cancelled, CancelToken
from napari_glands.segmentation import fitting, load_model, predict, save_model, train
from napari_glands.segmentation.module import GlandModule
from napari_glands.segmentation.network import build_network
from napari_glands.segmentation.training import rounds_of
from napari_glands.slides import open_slide


class PowerCut(Exception):
    """The process ends here."""


def cut_after(steps):
    """A report that ends the run after some training steps."""
    seen = []

    def report(event):
        seen.extend([event] if event.values else [])
        if len(seen) == steps:
            raise PowerCut

    return report


def same(first, second):
    return first.weights.keys() == second.weights.keys() and all(
        torch.equal(first.weights[n], second.weights[n]) for n in first.weights
    )


def test_two_runs_give_the_same_weights(model, slide, priors, fast):
    torch.manual_seed(77)
    before = torch.get_rng_state()
    again = train([slide], [priors], fast)
    assert same(model, again)
    assert model.checksum == again.checksum
    assert torch.equal(torch.get_rng_state(), before)


def test_a_request_to_end_the_process_is_an_interrupt(slide, priors, fast, monkeypatch):
    def fit(*arguments, **options):
        raise SIGTERMException

    monkeypatch.setattr(fitting.L.Trainer, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        train([slide], [priors], fast)


def test_another_seed_gives_other_weights(model, slide, priors, fast):
    assert not same(model, train([slide], [priors], fast.updated("general", seed=1)))


def test_a_model_tells_how_it_was_made(model, slide):
    assert model.name == "glands"
    assert model.metrics["stopped"] == "finished"
    assert model.metrics["rounds"] == 2
    assert len(model.metrics["losses"]) == 2
    assert np.isfinite(model.metrics["losses"]).all()
    made = model.provenance
    assert made["slides"] == made["taught_by"] == [slide.id]
    assert made["encoder_reason"] == "random weights were asked for"
    assert made["device"].startswith("CPU")
    assert made["started_from"] is None
    assert set(made["versions"]) == {"napari-glands", "torch", "lightning"}


def test_progress_names_the_round_and_the_loss(slide, priors, fast):
    events = []
    train([slide], [priors], fast, report=events.append)
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert "random weights were asked for" in events[0].message
    steps = [e for e in events if e.values]
    assert len(steps) == 2 * 4
    assert steps[0].message == "Round 1 of 2, learning from 1 slide"
    assert steps[-1].message == "Round 2 of 2, learning from 1 slide"
    assert all(np.isfinite(e.values["loss"]) and "cross_entropy" in e.values for e in steps)


def test_the_loss_is_the_weighted_sum_of_its_terms(slide, priors, fast):
    events = []
    weighted = fast.updated("train", diffusion_weight=0.3, push_weight=0.7, rounds=1)
    train([slide], [priors], weighted, report=events.append)
    for values in (e.values for e in events if "diffusion" in e.values):
        total = values["cross_entropy"] + 0.3 * values["diffusion"] + 0.7 * values["push"]
        assert values["loss"] == pytest.approx(total, rel=1e-5)
        break
    else:
        pytest.fail("the knowledge diffusion was never computed")


@pytest.fixture(scope="module")
def longer(fast):
    return fast.updated("train", iterations=30, rounds=1)


@pytest.fixture(scope="module")
def learned(slide, priors, longer):
    return predict(train([slide], [priors], longer), slide).probability


def test_training_learns_the_drawn_gland(learned, priors):
    inside = priors.labels > 0
    assert learned[inside].mean() > learned[~inside].mean() + 0.1


@pytest.fixture(scope="module")
def long(fast):
    """Two rounds of 6 steps with a checkpoint after every 4."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_STEPS_PER_EPOCH", 4)
        yield fast.updated("train", iterations=6, rounds=2)


@pytest.fixture(scope="module")
def whole(slide, priors, long, tmp_path_factory):
    """An uninterrupted run and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return train([slide], [priors], long, run_dir=folder), folder


@pytest.mark.parametrize(("cut", "kept"), [(1, 0), (5, 4), (7, 6), (11, 10)])
def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(
    whole, slide, priors, long, tmp_path, cut, kept
):
    with pytest.raises(PowerCut):
        train([slide], [priors], long, run_dir=tmp_path, report=cut_after(cut))
    events = []
    resumed = train([slide], [priors], long, run_dir=tmp_path, report=events.append)
    assert same(resumed, whole[0])
    assert resumed.metrics["losses"] == whole[0].metrics["losses"]
    # No finished round is repeated, and only the steps since the last checkpoint are.
    assert sum(bool(e.values) for e in events) == 12 - kept


def test_a_run_that_was_cut_off_again_and_again(whole, slide, priors, long, tmp_path):
    for cut in (5, 2, 1, 4):
        with pytest.raises(PowerCut):
            train([slide], [priors], long, run_dir=tmp_path, report=cut_after(cut))
    resumed = train([slide], [priors], long, run_dir=tmp_path)
    assert same(resumed, whole[0])
    assert resumed.metrics["losses"] == whole[0].metrics["losses"]


def test_a_finished_run_is_not_repeated(whole, slide, priors, long):
    events = []
    again = train([slide], [priors], long, run_dir=whole[1], report=events.append)
    assert same(again, whole[0])
    assert not any(e.values for e in events)


def test_a_resumed_model_can_be_saved_as_strict_json(whole, slide, priors, long, tmp_path):
    again = train([slide], [priors], long, run_dir=whole[1])
    save_model(again, tmp_path)
    assert "NaN" not in (tmp_path / "model.json").read_text()
    assert load_model(tmp_path).metrics["losses"] == again.metrics["losses"]


def test_a_torn_checkpoint_starts_the_round_over(whole, slide, priors, long, tmp_path, caplog):
    with pytest.raises(PowerCut):
        train([slide], [priors], long, run_dir=tmp_path, report=cut_after(5))
    checkpoint = tmp_path / "round-1" / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        resumed = train([slide], [priors], long, run_dir=tmp_path)
    assert same(resumed, whole[0])
    assert "last.ckpt cannot be read" in caplog.text


def test_the_losses_are_logged_as_csv(whole):
    with (whole[1] / "round-1" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss"]]
    assert len(rows) == 6
    assert all(np.isfinite(float(row["loss"])) for row in rows)


def cancelling(after):
    """A cancel token and a report that pulls it after some training steps."""
    cancel, steps = CancelToken(), []

    def report(event):
        if event.values:
            steps.append(event)
            if len(steps) == after:
                cancel.cancel()

    return cancel, report, steps


@pytest.mark.parametrize("after", [1, 3, 6])
def test_cancel_stops_within_one_batch_and_keeps_the_weights(slide, priors, fast, after):
    cancel, report, steps = cancelling(after)
    stopped = train([slide], [priors], fast, report=report, cancel=cancel)
    assert len(steps) == after
    assert stopped.metrics["stopped"] == "cancelled"
    assert stopped.metrics["rounds"] == (1 if after <= 4 else 2)
    assert all(torch.isfinite(t).all() for t in stopped.weights.values())
    assert predict(stopped, slide).probability.shape == (128, 128)


def test_a_cancelled_model_has_learned_something(slide, priors, fast, model):
    cancel, report, _ = cancelling(3)
    stopped = train([slide], [priors], fast, report=report, cancel=cancel)
    fresh = build_network("resnet18", "none", fast.train.depth)[0].state_dict()
    name = "psp.segmentation_head.0.weight"
    assert not torch.equal(stopped.weights[name], fresh[name])
    assert not same(stopped, model)


def test_a_run_that_was_cancelled_can_go_on(slide, priors, long, tmp_path, whole):
    cancel, report, _ = cancelling(3)
    train([slide], [priors], long, run_dir=tmp_path, report=report, cancel=cancel)
    events = []
    resumed = train([slide], [priors], long, run_dir=tmp_path, report=events.append)
    assert resumed.metrics == {**whole[0].metrics, "seconds": resumed.metrics["seconds"]}
    assert same(resumed, whole[0])
    assert sum(bool(e.values) for e in events) == 12 - 3


def test_cancel_before_the_start(slide, priors, fast):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        train([slide], [priors], fast, cancel=cancel)


def test_cancel_keeps_the_running_average_of_the_weights(slide, priors, fast, monkeypatch):
    averages = []
    update = fitting.WeightAveraging.on_train_batch_end

    def spied(callback, *args):
        update(callback, *args)
        averages.append({n: t.clone() for n, t in callback._average_model.state_dict().items()})

    monkeypatch.setattr(fitting.WeightAveraging, "on_train_batch_end", spied)
    cancel, report, _ = cancelling(2)
    stopped = train([slide], [priors], fast, report=report, cancel=cancel)
    assert len(averages) == 2, "no batch after the cancel request"
    for name, weights in stopped.weights.items():
        assert torch.equal(weights, averages[-1][f"module.network.{name}"]), name


def test_running_out_of_memory_in_a_batch_is_told_and_the_next_training_runs(
    model, slide, priors, fast, monkeypatch
):
    def fail(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(fitting.GlandModule, "training_step", fail)
        outcome = perform(lambda report, cancel: train([slide], [priors], fast, report=report))
    assert outcome.status == "failed"
    assert "smaller batch size" in outcome.message
    again = train([slide], [priors], fast)
    assert same(model, again)


@pytest.fixture
def little_memory(monkeypatch):
    """A device that holds no more than two crops; how many crops each step was tried with."""
    tried, step = [], GlandModule.training_step

    def narrow(module, batch, batch_idx):
        tried.append(len(batch[0]))
        if len(batch[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return step(module, batch, batch_idx)

    monkeypatch.setattr(GlandModule, "training_step", narrow)
    return tried


def test_batches_that_do_not_fit_are_cut_into_parts(slide, priors, fast, little_memory):
    events = []
    wide = fast.updated("train", batch_size=8, rounds=1)
    made = train([slide], [priors], wide, report=events.append)
    assert little_memory == [8, 4] + [2] * 4 * 4  # of each of 4 steps, 4 parts
    told = [e.message for e in events if "memory" in e.message]
    assert [m.split(": ")[1] for m in told] == [
        "going on with 4 at once, 2 times per step.",
        "going on with 2 at once, 4 times per step.",
    ]
    steps = [e for e in events if e.values]
    assert len(steps) == 4
    assert steps[-1].fraction == pytest.approx(1)
    assert made.metrics["stopped"] == "finished"
    assert np.isfinite(made.metrics["losses"]).all()
    assert same(made, train([slide], [priors], wide))


def test_a_round_that_runs_out_of_memory_goes_on_from_its_checkpoint(
    slide, priors, fast, monkeypatch, tmp_path
):
    monkeypatch.setattr(fitting, "_STEPS_PER_EPOCH", 4)
    sizes, step = [], GlandModule.training_step

    def crowded(module, batch, batch_idx):
        sizes.append(len(batch[0]))
        if len(sizes) == 6:
            raise torch.OutOfMemoryError
        return step(module, batch, batch_idx)

    monkeypatch.setattr(GlandModule, "training_step", crowded)
    events = []
    settings = fast.updated("train", batch_size=4, rounds=1, iterations=6)
    train([slide], [priors], settings, run_dir=tmp_path, report=events.append)
    assert sizes == [4] * 6 + [2] * 2 * 2
    assert [round(6 * e.fraction) for e in events if e.values] == [1, 2, 3, 4, 5, 5, 6]


def test_training_goes_on_from_a_model(model, slide, priors, fast):
    further = train([slide], [priors], fast, start=model, name="further")
    assert further.name == "further"
    assert further.provenance["started_from"] == f"glands@{model.checksum}"
    assert "going on from the weights of model glands" in further.provenance["encoder_reason"]
    assert not same(further, model)
    # Where it starts matters: one tiny step stays near the start.
    still = fast.updated("train", iterations=1, rounds=1, learning_rate=1e-9)
    near = train([slide], [priors], still, start=model)
    name = "psp.segmentation_head.0.weight"
    torch.testing.assert_close(near.weights[name], model.weights[name], atol=1e-5, rtol=0)


def test_going_on_with_another_encoder_is_refused(model, slide, priors, fast):
    with pytest.raises(GlandsError, match=r"'resnet18'.*'resnet34'"):
        train([slide], [priors], fast.updated("train", encoder="resnet34"), start=model)


def test_going_on_at_another_depth_is_refused(model, slide, priors, fast):
    with pytest.raises(GlandsError, match=r"encoder depth 4, the settings 3"):
        train([slide], [priors], fast.updated("train", depth=3), start=model)


def test_an_unknown_encoder_is_refused(slide, priors, fast):
    with pytest.raises(GlandsError, match="no encoder 'nonsense'"):
        train([slide], [priors], fast.updated("train", encoder="nonsense"))


def test_no_slides(fast, slide, priors):
    with pytest.raises(GlandsError, match="at least one slide"):
        train([], [], fast)
    with pytest.raises(GlandsError, match="at least one slide"):
        train([slide, slide], [priors], fast)


def test_no_priors(slide, priors, fast, make):
    with pytest.raises(GlandsError, match=r"nothing to learn from.*draw a few glands"):
        train([slide], [with_state(priors, [1], "rejected")], fast)


def test_priors_of_another_slide_are_refused(slide, priors, fast, make):
    other = make.field(seed=4)
    with pytest.raises(GlandsError, match="field 4"):
        train([slide, other], [priors, priors], fast)


def test_priors_at_another_resolution_are_refused(slide, priors, fast):
    with pytest.raises(GlandsError, match="field 3 were found at another working resolution"):
        train([slide], [priors], fast.updated("general", working_mpp=2.0))


def test_only_covered_slides_teach_first_and_all_later(slide, priors, make, fast):
    other = make.field(seed=4)
    tiny = make.drawn(other, box=np.s_[60:63, 60:63])
    events = []
    both = train(
        [slide, other],
        [priors, tiny],
        fast.updated("train", min_coverage=0.06),
        report=events.append,
    )
    assert both.provenance["taught_by"] == [slide.id]
    messages = [e.message for e in events if e.values]
    assert messages[0] == "Round 1 of 2, learning from 1 slide"
    assert messages[-1] == "Round 2 of 2, learning from 2 slides"


def test_slides_that_did_not_teach_are_adapted_to_between_rounds(model, slide, priors, fast):
    pale = slide.read() // 2 + 127
    other = open_slide(pale, mpp=slide.mpp, name="pale")
    nothing = replace(priors, slide_id=other.id, labels=np.zeros_like(priors.labels), table=())
    slides, both = [slide, other], [priors, nothing]
    adapted = train(slides, both, fast)
    assert not same(train(slides, both, fast.updated("train", adaptation=0)), adapted)
    # How a model will be used does not change what it learns.
    used_otherwise = fast.updated("predict", adaptation=0.9, flips=True)
    assert same(train(slides, both, used_otherwise), adapted)
    # The network knows a slide that taught.
    assert same(train([slide], [priors], fast.updated("train", adaptation=0)), model)


def test_patience_ends_a_round_whose_loss_stands_still(slide, priors, fast, monkeypatch):
    monkeypatch.setattr(fitting, "_STEPS_PER_EPOCH", 2)
    events = []
    # With next to no learning the smoothed loss wanders, and soon does not get lower.
    still = fast.updated("train", iterations=60, rounds=1, patience=1, learning_rate=1e-12)
    stopped = train([slide], [priors], still, report=events.append)
    assert 4 <= sum(bool(e.values) for e in events) < 60
    assert stopped.metrics["stopped"] == "finished"


def test_omissions_become_gland_from_their_step_on(fast):
    network = build_network("resnet18", "none", fast.train.depth)[0]
    torch.manual_seed(0)
    pixels = torch.randn(2, 3, 64, 64)
    proposal = torch.zeros(2, 64, 64, dtype=torch.int64)
    proposal[:, :, :24], proposal[:, :, 24:40] = 1, 2
    target = (proposal > 0).long()
    losses = {}
    for step in (None, 0, 5):
        module = GlandModule(network, fast.train, step, seed=(0, 1))
        module.training_step((pixels, target, proposal, target > 1), 0)
        losses[step] = module.figures
    # The step of an untrained module is 0: omissions are on only where they start at 0.
    assert losses[None]["cross_entropy"] == losses[5]["cross_entropy"]
    assert losses[0]["cross_entropy"] != losses[5]["cross_entropy"]
    assert losses[0]["diffusion"] == losses[5]["diffusion"]


def test_a_run_folder_is_free_of_leftovers(whole):
    folder = whole[1]
    assert sorted(p.name for p in folder.iterdir()) == ["round-1", "round-2"]
    assert not list(folder.rglob("*.part"))


def strokes(priors, value, box):
    marks = np.zeros(priors.labels.shape, np.uint8)
    marks[box] = value
    return replace(priors, marks=marks)


def test_with_nothing_decided_the_weight_of_decisions_changes_no_bit(model, slide, priors, fast):
    assert same(train([slide], [priors], fast.updated("train", curated_weight=50)), model)
    untouched = Glands(
        slide.id,
        priors.grid,
        priors.labels,
        (Gland(1, "proposed", 0.5, 1845.0),),
        fast,
        probability=np.zeros(priors.labels.shape, np.uint8),
        model="glands@abc",
        slide_name=slide.name,
    )
    assert same(train([slide], [priors], fast, glands=[untouched]), model)


def test_decisions_count_more(slide, priors, fast):
    short = fast.updated("train", rounds=1, iterations=2)
    accepted = with_state(priors, [1], "accepted")
    alike, heavy = (
        train([slide], [accepted], short.updated("train", curated_weight=w)) for w in (1, 9)
    )
    assert not same(alike, heavy)
    # Counting as much as others, an accepted prior teaches what a proposed one does.
    assert same(alike, train([slide], [priors], short))
    assert heavy.provenance["decisions"][slide.id]["accepted"] == 1


def test_a_stroke_of_background_teaches(learned, slide, priors, longer):
    box = np.s_[30:60, 60:80]
    marked = train([slide], [strokes(priors, 1, box)], longer)
    assert predict(marked, slide).probability[box].mean() < learned[box].mean() - 0.05


def test_an_accepted_gland_is_enough_to_learn_from(slide, priors, fast):
    nothing = replace(priors, labels=np.zeros_like(priors.labels), table=())
    glands = Glands(
        slide.id,
        priors.grid,
        priors.labels,
        (Gland(1, "accepted", 0.5, 1845.0),),
        fast,
        probability=np.zeros(priors.labels.shape, np.uint8),
        model="glands@abc",
        slide_name=slide.name,
    )
    short = fast.updated("train", rounds=1, iterations=1)
    assert train([slide], [nothing], short, glands=[glands]).provenance["taught_by"] == [slide.id]
    with pytest.raises(GlandsError, match="glands given for field 3 are those of other"):
        train([slide], [priors], short, glands=[replace(glands, slide_id="other")])


def test_going_on_takes_its_own_rounds_and_the_answers_of_its_start(model, slide, priors, fast):
    events = []
    longer = fast.updated("train", go_on_rounds=1, rounds=3)
    other = train([slide], [priors], longer, start=model, report=events.append)
    assert [e.message for e in events if e.values] == ["Round 1 of 1, learning from 1 slide"] * 4
    assert other.metrics["rounds"] == 1
    assert other.metrics["rounds_before"] == 2
    assert rounds_of(other) == 3
    # The same as one training of three rounds: nothing of a round but its number is carried on.
    assert same(other, train([slide], [priors], longer))
