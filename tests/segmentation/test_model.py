"""Saved models come back the same, and damaged ones are refused."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_glands.errors import GlandsError
from napari_glands.segmentation import load_model, save_model


@pytest.fixture
def saved(model, tmp_path):
    save_model(model, tmp_path / "glands")
    return tmp_path / "glands"


def test_a_saved_model_comes_back_the_same(model, saved):
    back = load_model(saved)
    assert back.weights.keys() == model.weights.keys()
    assert all(torch.equal(back.weights[n], model.weights[n]) for n in model.weights)
    assert (back.name, back.settings, back.checksum) == (model.name, model.settings, model.checksum)
    assert back.metrics == model.metrics
    assert back.provenance == model.provenance
    assert back.encoder == "resnet18"
    assert sorted(p.name for p in saved.iterdir()) == ["model.json", "weights.safetensors"]


def test_saving_again_replaces(model, saved):
    save_model(replace(model, name="second"), saved)
    assert load_model(saved).name == "second"


def test_the_checksum_follows_the_weights(model):
    changed = dict(model.weights)
    name = next(iter(changed))
    changed[name] = changed[name].clone()
    changed[name].view(-1)[0] += 1
    assert replace(model, weights=changed).checksum != model.checksum


def test_weights_that_are_not_the_cards_are_refused(saved):
    weights = load_file(saved / "weights.safetensors")
    name = next(iter(weights))
    weights[name] = weights[name] + 1e-3
    save_file(weights, saved / "weights.safetensors")
    with pytest.raises(GlandsError, match="not those of its card"):
        load_model(saved)


@pytest.mark.parametrize("missing", ["model.json", "weights.safetensors"])
def test_a_missing_file_is_named(saved, missing):
    (saved / missing).unlink()
    with pytest.raises(GlandsError, match=r"holds no model.*model\.json and weights\.safetensors"):
        load_model(saved)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(GlandsError, match="nowhere holds no model"):
        load_model(tmp_path / "nowhere")


def test_a_newer_format_is_refused(saved):
    card = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(GlandsError, match="newer version: update napari-glands"):
        load_model(saved)


def test_a_model_of_the_first_format_has_three_stages(saved, model):
    card = json.loads((saved / "model.json").read_text())
    del card["settings"]["train"]["depth"]
    (saved / "model.json").write_text(json.dumps({**card, "format": 1}))
    assert load_model(saved).settings.train.depth == 3


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": "x"}'])
def test_a_damaged_card_is_refused(saved, text):
    (saved / "model.json").write_text(text)
    with pytest.raises(GlandsError, match="glands"):
        load_model(saved)


def test_settings_that_are_out_of_bounds_are_refused(saved):
    card = json.loads((saved / "model.json").read_text())
    card["settings"]["train"]["rounds"] = -1
    (saved / "model.json").write_text(json.dumps(card))
    with pytest.raises(GlandsError, match="rounds"):
        load_model(saved)


def test_cut_off_weights_are_refused(saved):
    data = (saved / "weights.safetensors").read_bytes()
    (saved / "weights.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(GlandsError, match="cannot be read"):
        load_model(saved)


def test_a_place_that_cannot_be_written_is_named(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GlandsError, match="Cannot write the model to"):
        save_model(model, tmp_path / "file" / "glands")


def test_the_card_is_strict_json(saved):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    json.loads((saved / "model.json").read_text(), parse_constant=refuse)


def _card(change):
    def damage(folder):
        file = folder / "model.json"
        data = json.loads(file.read_text())
        change(data)
        file.write_text(json.dumps(data))

    return damage


def _weights(change):
    def damage(folder):
        file = folder / "weights.safetensors"
        weights = load_file(file)
        change(weights)
        save_file(weights, file)

    return damage


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: (folder / "model.json").write_text("null"), "model.json is damaged"),
        (lambda folder: (folder / "model.json").write_text("[" * 100_000), "nested too deeply"),
        (_card(lambda card: card["settings"]["train"].update(depth="deep")), "settings"),
        (_card(lambda card: card["settings"]["predict"].update(threshold=0.7)), "damaged"),
        (_card(lambda card: card.update(metrics=3)), "metrics"),
        (_card(lambda card: card.update(name="\ud800")), "not valid JSON"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"x" * 9), "cannot be read"),
        (_weights(lambda weights: weights.pop(next(iter(weights)))), "not those of its card"),
        (_weights(lambda weights: next(iter(weights.values())).fill_(0.5)), "not those of its"),
        (
            _weights(lambda w: w.update({n: t.bfloat16() for n, t in w.items()})),
            "not those of its card",
        ),
    ],
)
def test_a_damaged_model_is_named(model, tmp_path, damage, why):
    save_model(model, tmp_path / "m")
    damage(tmp_path / "m")
    with pytest.raises(GlandsError, match=why) as raised:
        load_model(tmp_path / "m")
    assert str(tmp_path) in str(raised.value)


def test_weights_that_are_no_numbers_are_refused(model, tmp_path):
    weights = {name: tensor.clone() for name, tensor in model.weights.items()}
    next(t for t in weights.values() if t.is_floating_point()).fill_(float("nan"))
    save_model(replace(model, weights=weights), tmp_path / "m")
    with pytest.raises(GlandsError, match="no numbers"):
        load_model(tmp_path / "m")


def test_weights_of_another_network_are_told(model):
    other = model.settings.updated("train", depth=4 if model.settings.train.depth != 4 else 5)
    with pytest.raises(GlandsError, match="do not fit a network"):
        replace(model, settings=other).network()
