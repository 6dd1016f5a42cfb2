"""Weights on disk: round trips, foreign checkpoints, and files that are refused."""

import argparse
import gzip
import itertools
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import MLP, Classifier, load_weights, save_weights, seeded
from sparks.models.weights import WeightsWarning, read_state


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


# --- as people have them --------------------------------------------------------------------------

WRAPPERS = {
    "plain": lambda state: state,
    "lightning": lambda state: {
        "epoch": 3, "global_step": 10, "pytorch-lightning_version": "2.1", "state_dict": state,
        "callbacks": {}, "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}}],
        "lr_schedulers": [{"_step_count": 2}], "loops": {"fit_loop": {"state_dict": {}}},
    },
    "tutorial": lambda state: {
        "epoch": 3, "model_state_dict": state, "loss": 0.1,
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []},
    },
    "net": lambda state: {"net": state, "acc": 93.0, "epoch": torch.tensor(3)},
    "nested": lambda state: {"checkpoint": {"network": state}},
}  # fmt: skip
PREFIXES = ["", "module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "model.net."]
PREFIXES += ["_orig_mod.module.", "model._orig_mod.", "backbone.encoder."]
NAMES = ["w.pth", "w.pth.tar", "w.pkl", "w", "w.PTH", "w.ckpt", "w.safetensors", "w.0"]


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_wrappers_and_prefixes_are_taken_off(tmp_path, wrap, prefix):
    saved, loaded = model(1), model(2)
    state = {prefix + k: v for k, v in saved.net.state_dict().items()}
    torch.save(WRAPPERS[wrap](state), tmp_path / "w.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_weights(loaded, tmp_path / "w.pth")
    assert same(saved.net, loaded.net)
    assert torch.equal(loaded.mean, model(2).mean)  # the configuration's


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_whole_model_brings_its_mean_and_std(tmp_path, prefix):
    saved, loaded = model(1), model(2)
    torch.save({prefix + k: v for k, v in saved.state_dict().items()}, tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    assert same(saved, loaded)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_the_content_says_what_a_file_is(tmp_path, name, kind):
    saved, loaded = model(1), model(2)
    path = tmp_path / name
    if kind == "safetensors":
        save_weights(saved, path)
    else:
        options = {"_use_new_zipfile_serialization": kind == "zip"}
        torch.save(saved.state_dict(), path, **options)
    load_weights(loaded, path)
    assert same(saved, loaded)


def test_weights_of_half_precision_load(tmp_path):
    saved, loaded = model(1), model(2)
    torch.save({k: v.half() for k, v in saved.net.state_dict().items()}, tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    for name, value in loaded.net.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, saved.net.state_dict()[name].half().float())


class Compiled(nn.Module):
    """A part of a network was compiled, and the whole averaged, by PyTorch itself."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)


def test_what_pytorch_itself_wraps_around_a_network(tmp_path):
    saved, loaded = Compiled(), Compiled()
    expected = {k: v.clone() for k, v in saved.state_dict().items()}
    averaged = torch.optim.swa_utils.AveragedModel(saved)
    saved.features = torch.compile(saved.features)
    assert any("_orig_mod" in name for name in saved.state_dict())
    assert "n_averaged" in averaged.state_dict()
    for state in (saved.state_dict(), averaged.state_dict()):
        for value in loaded.state_dict().values():
            value.zero_()
        torch.save(state, tmp_path / "w.pth")
        load_weights(loaded, tmp_path / "w.pth")
        for name, value in loaded.state_dict().items():
            assert torch.equal(value, expected[name])


def test_batch_norm_of_an_old_pytorch_loads(tmp_path):
    saved, loaded = Compiled(), Compiled()
    old = {k: v for k, v in saved.state_dict().items() if "num_batches" not in k}
    torch.save(old, tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    assert torch.equal(saved.head.weight, loaded.head.weight)


@pytest.mark.parametrize("name", ["model_ema", "ema", "ema_state_dict", "state_dict_ema", "swa"])
@pytest.mark.parametrize("first", [True, False])
def test_beside_an_average_the_network_is_used_and_named(tmp_path, name, first):
    saved, average, loaded = model(1), model(3), model(2)
    entries = {"model": saved.net.state_dict(), name: average.net.state_dict()}
    torch.save(entries if first else dict(reversed(entries.items())), tmp_path / "w.pth")
    with pytest.warns(WeightsWarning, match=f"weights in 'model' are used, not those in '{name}'"):
        load_weights(loaded, tmp_path / "w.pth")
    assert same(saved.net, loaded.net)


def test_an_average_alone_is_used(tmp_path):
    saved, loaded = model(1), model(2)
    torch.save({"ema": saved.net.state_dict(), "epoch": 1}, tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    assert same(saved.net, loaded.net)


def test_several_networks_that_fit_are_refused(tmp_path):
    states = {"student": model(1).net.state_dict(), "teacher": model(3).net.state_dict()}
    torch.save(states, tmp_path / "w.pth")
    before = model(2)
    with pytest.raises(SparksError, match=r"several networks that fit .*'student', 'teacher'"):
        load_weights(before, tmp_path / "w.pth")
    assert same(before, model(2))
    with pytest.raises(SparksError, match="holds several networks"):
        read_state(tmp_path / "w.pth")


def test_of_several_networks_the_one_that_fits_is_used(tmp_path):
    saved, loaded = model(1), model(2)
    states = {"discriminator": model(3, hidden=(9,)).net.state_dict()}
    torch.save(states | {"generator": saved.net.state_dict()}, tmp_path / "w.pth")
    load_weights(loaded, tmp_path / "w.pth")
    assert same(saved.net, loaded.net)


def test_a_loss_beside_the_network_is_passed_over_and_named(tmp_path):
    saved, loaded = model(1), model(2)
    state = {f"model.{k}": v for k, v in saved.net.state_dict().items()}
    torch.save({"state_dict": state | {"criterion.weight": torch.ones(4)}}, tmp_path / "w.ckpt")
    with pytest.warns(WeightsWarning, match="not those in 'state_dict.criterion'"):
        load_weights(loaded, tmp_path / "w.ckpt")
    assert same(saved.net, loaded.net)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (gzip.compress(b"x" * 50), "a gzip archive: unpack it"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file, as of Keras"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html>sign in</html>", "a page of the web"),
        (b"\x93NUMPY\x01\x00" + bytes(90), "a NumPy array"),
        (b"", "neither a safetensors file nor a PyTorch checkpoint"),
        (bytes(range(90)), "neither a safetensors file nor a PyTorch checkpoint"),
        ((50).to_bytes(8, "little") + b'{"a": cut', "not an intact safetensors file"),
        (b"PK\x03\x04" + bytes(90), "not an intact PyTorch checkpoint"),
        (pickle.dumps(argparse.Namespace(a=1)), "holds more than tensors"),
        (pickle.dumps([1, 2], protocol=2), "not an intact PyTorch checkpoint|no state_dict"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.h5"])
def test_other_files_are_named_for_what_they_are(tmp_path, content, expected, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SparksError, match=expected) as caught:
        load_weights(model(0), tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "delete it" not in str(caught.value)
    assert (tmp_path / name).read_bytes() == content


def test_archives_that_are_no_checkpoints_are_named(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.ones(3))
    with pytest.raises(SparksError, match="a zip archive, but no PyTorch checkpoint"):
        load_weights(model(0), tmp_path / "w.npz")
    traced = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))
    traced.save(tmp_path / "w.pt")
    with pytest.raises(SparksError, match="a TorchScript archive"):
        load_weights(model(0), tmp_path / "w.pt")


def test_a_path_in_the_home_folder_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    saved, loaded = model(1), model(2)
    save_weights(saved, tmp_path / "w.safetensors")
    load_weights(loaded, "~/w.safetensors")
    assert same(saved, loaded)


def test_what_is_more_than_tensors_is_named(tmp_path):
    state = model(1).net.state_dict()
    torch.save({"args": argparse.Namespace(lr=1), "model": state}, tmp_path / "w.pth")
    with pytest.raises(SparksError, match=r"more than tensors \(argparse\.Namespace\)"):
        load_weights(model(0), tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("wrap", "prefix"), list(itertools.product(WRAPPERS, ["", "model.", "_orig_mod."]))
)
def test_misfits_are_named_without_the_prefix(tmp_path, wrap, prefix):
    state = {prefix + k: v for k, v in model(1, hidden=(5,)).net.state_dict().items()}
    torch.save(WRAPPERS[wrap](state), tmp_path / "w.pth")
    with pytest.raises(SparksError, match=r"of another shape hidden\.0\.0\.weight is \(5, 16\)"):
        load_weights(model(0), tmp_path / "w.pth")


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
