"""Weights on disk: round trips, foreign checkpoints, and files that are refused."""

import os
import pickle

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import MLP, Classifier, load_weights, save_weights, seeded


def model(seed, hidden=(4,)):
    with seeded(seed):
        return Classifier(MLP(1, 3, 4, hidden), 1, [0.1 * seed], [0.5])


def same(a, b):
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_round_trip_restores_every_bit_and_the_normalisation(tmp_path):
    saved, loaded = model(1), model(2)
    save_weights(saved, tmp_path / "w.safetensors", {"seed": 1})
    load_weights(loaded, tmp_path / "w.safetensors")
    assert same(saved, loaded)


def test_tied_weights_can_be_saved(tmp_path):
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    save_weights(net, tmp_path / "w.safetensors")


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s}, lambda s: {"model": s}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_checkpoints_of_others_load(tmp_path, wrap, prefix):
    saved, loaded = model(1), model(2)
    state = {prefix + k: v for k, v in saved.net.state_dict().items()}
    torch.save(wrap(state), tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    assert same(saved.net, loaded.net)
    assert not torch.equal(saved.mean, loaded.mean)


class Trap:
    """Unpickling it runs a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
@pytest.mark.parametrize("save", ["pickle", "torch"])
def test_a_pickle_posing_as_a_checkpoint_is_refused_and_not_run(tmp_path, name, save):
    trap = {"weight": Trap(tmp_path / "sprung")}
    if save == "pickle":
        (tmp_path / name).write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, tmp_path / name)
    with pytest.raises(SparksError, match=name) as caught:
        load_weights(model(0), tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sprung").exists()


def test_a_whole_pickled_model_is_refused(tmp_path):
    torch.save(model(0), tmp_path / "w.pt")
    with pytest.raises(SparksError, match="holds more than tensors"):
        load_weights(model(0), tmp_path / "w.pt")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"<html>not found</html>"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(SparksError, match=r"w\.pth"):
        load_weights(model(0), tmp_path / "w.pth")


def test_a_truncated_checkpoint_is_refused(tmp_path):
    torch.save(model(0).state_dict(), tmp_path / "w.pth")
    whole = (tmp_path / "w.pth").read_bytes()
    (tmp_path / "w.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SparksError, match=r"w\.pth is not an intact PyTorch checkpoint"):
        load_weights(model(0), tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(SparksError, match=name):
        load_weights(model(0), tmp_path / name)


def test_misfits_are_named_and_change_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(model(1, hidden=(5,)), path)
    target = model(0)
    before = {k: v.clone() for k, v in target.state_dict().items()}
    with pytest.raises(SparksError, match=r"net\.hidden\.0\.0\.weight is \(5, 16\), not \(4, 16\)"):
        load_weights(target, path)
    save_weights(model(1, hidden=(4, 4)), path)
    with pytest.raises(SparksError, match=r"unexpected net\.hidden\.1\.0"):
        load_weights(target, path)
    assert all(torch.equal(before[k], v) for k, v in target.state_dict().items())


def test_something_else_than_a_state_dict_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(SparksError, match="holds no state_dict"):
        load_weights(model(0), tmp_path / "w.pt")
