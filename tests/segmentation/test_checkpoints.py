import pytest
import torch
from safetensors.torch import save_file

from napari_glands.segmentation.checkpoints import (
    SealedCheckpoints,
    cannot_go_on,
    keep_finished,
    take_finished,
)


@pytest.fixture
def network():
    return torch.nn.Linear(3, 2)


class Canary:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return print, ("a checkpoint ran code",)


def test_a_checkpoint_comes_back(tmp_path, network):
    state = {"state_dict": network.state_dict(), "global_step": 5}
    SealedCheckpoints().save_checkpoint(state, tmp_path / "last.ckpt")
    back = SealedCheckpoints().load_checkpoint(tmp_path / "last.ckpt")
    assert back["global_step"] == 5
    assert torch.equal(back["state_dict"]["weight"], network.weight)
    assert cannot_go_on(tmp_path / "last.ckpt", network.state_dict()) == ""


def _foreign(path, network):
    torch.save({"state_dict": network.state_dict()}, path)


def _of_another_network(path, network):
    other = torch.nn.Linear(5, 2)
    SealedCheckpoints().save_checkpoint({"state_dict": other.state_dict()}, path)


def _flipped(path, network):
    SealedCheckpoints().save_checkpoint({"state_dict": network.state_dict()}, path)
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)


def _without_weights(path, network):
    SealedCheckpoints().save_checkpoint({"epoch": 3}, path)


def _empty(path, network):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    "damage", [_foreign, _of_another_network, _flipped, _without_weights, _empty]
)
def test_what_is_no_checkpoint_of_this_training_is_told(tmp_path, network, damage):
    damage(tmp_path / "last.ckpt", network)
    assert cannot_go_on(tmp_path / "last.ckpt", network.state_dict()).startswith("is ")


def test_nothing_in_a_checkpoint_is_run(tmp_path, network, capsys):
    path = tmp_path / "last.ckpt"
    SealedCheckpoints().save_checkpoint({"state_dict": Canary()}, path)
    assert cannot_go_on(path, network.state_dict())
    assert capsys.readouterr().out == ""


def test_finished_weights_come_back_or_are_none(tmp_path, network):
    path = tmp_path / "weights.safetensors"
    assert take_finished(network, path) is None
    keep_finished(network, path, 0.25)
    other = torch.nn.Linear(3, 2)
    assert take_finished(other, path) == 0.25
    assert torch.equal(other.weight, network.weight)
    assert take_finished(torch.nn.Linear(4, 2), path) is None
    save_file({"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}, path, {"loss": "0.1"})
    assert take_finished(other, path) is None, "not what was saved"
    assert torch.equal(other.weight, network.weight)
    path.write_bytes(b"nothing")
    assert take_finished(other, path) is None
