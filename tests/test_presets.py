"""Presets, and what stands above what."""

import json

import pytest
import typer
from typer.testing import CliRunner

from napari_glands.cli.app import app
from napari_glands.cli.options import starting_settings, with_preset
from napari_glands.errors import GlandsError
from napari_glands.presets import PRESETS, preset, preset_fields
from napari_glands.settings import Settings


def test_quick_is_less_and_best_is_more_work():
    steps = [preset(name).train.iterations * preset(name).train.rounds for name in PRESETS]
    assert steps == sorted(steps)
    assert preset("default") == Settings()
    assert preset("best").predict.flips
    with pytest.raises(GlandsError, match="quick, default, best"):
        preset("fast")


def test_a_preset_leaves_alone_what_no_preset_speaks_of():
    mine = Settings().updated("general", seed=7).updated("train", iterations=9, stain_jitter=0.3)
    changed = preset("default", mine)
    assert changed.general.seed == 7
    assert changed.train.stain_jitter == 0.3
    assert changed.train.iterations == Settings().train.iterations


def test_a_file_stands_above_the_preset_and_the_preset_above_the_defaults(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"train": {"rounds": 5}}))
    settings = starting_settings("quick", file)
    assert settings.train.rounds == 5
    assert settings.train.iterations == preset("quick").train.iterations
    assert starting_settings(None, file).train.iterations == Settings().train.iterations


def test_a_project_keeps_its_settings_unless_a_file_starts_anew(tmp_path):
    mine = Settings().updated("general", seed=7)
    assert starting_settings(None, None, mine) == mine
    assert starting_settings("quick", None, mine) == preset("quick", mine)
    file = tmp_path / "settings.json"
    file.write_text("{}")
    assert starting_settings(None, file, mine) == Settings()


def test_options_stand_above_the_preset():
    changes = with_preset({"train": {"rounds": 9}, "general": {"seed": 1}}, "quick", "train")
    assert changes["train"] == {**preset_fields("quick")["train"], "rounds": 9}
    assert changes["general"] == {"seed": 1}
    assert with_preset(changes, None, "train") is changes


@pytest.mark.parametrize(
    "command", ["run", "exterior", "train", "predict", "demo", "benchmark quality"]
)
def test_commands_offer_presets(command):
    node = typer.main.get_command(app)
    for word in command.split():
        node = node.commands[word]
    assert "--preset" in {option for p in node.params for option in p.opts}


def test_demo_takes_quick_or_a_preset():
    done = CliRunner().invoke(app, ["demo", "--quick", "--preset", "best"])
    assert done.exit_code == 2
    assert "--quick or --preset" in done.output
