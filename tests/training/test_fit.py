"""The training loop against loops written by hand, and its promise of the same weights."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.io import load_tensors
from sparks.models import MLP, Classifier, ConvNet, seeded
from sparks.models.lipschitz import lipschitz_mlp
from sparks.training import Settings, accuracy, derive, fit, holdout, learning_rate
from sparks.training import loop as training_loop
from sparks.training.batches import epoch_batches

SETTINGS = Settings(epochs=4, batch_size=16, lr=3e-3, precision="fp32")


def network(seed=0, dropout=0.3):
    with seeded(seed):
        return Classifier(MLP(1, 3, 8, (16,), dropout), 1)


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def identical(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def batches_of(data, settings, epoch, seed):
    chunks = epoch_batches(data, settings.batch_size, derive(seed, 0), epoch)
    return ((x, y) for x, y, _ in chunks)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum_and_label_smoothing_is_the_loop_written_by_hand(blobs, nesterov):
    settings = Settings(
        epochs=3,
        batch_size=16,
        optimizer="sgd",
        lr=0.2,
        momentum=0.8,
        nesterov=nesterov,
        weight_decay=0.01,
        label_smoothing=0.2,
        precision="fp32",
    )
    trained, byhand = network(dropout=0.0), network(dropout=0.0)
    fit(trained, blobs, None, settings, seed=5, device="cpu")

    parameters = list(byhand.parameters())
    velocity = [torch.zeros_like(p) for p in parameters]
    step = 0
    for epoch in range(3):
        for x, y in batches_of(blobs, settings, epoch, seed=5):
            log_p = byhand(x).log_softmax(1)
            wanted = nn.functional.one_hot(y, 3) * 0.8 + 0.2 / 3
            gradients = torch.autograd.grad(-(wanted * log_p).sum(1).mean(), parameters)
            rate = learning_rate(step, 15, settings)
            with torch.no_grad():
                for p, v, gradient in zip(parameters, velocity, gradients, strict=True):
                    full = gradient + (0.01 * p if p.ndim > 1 else 0)
                    v.mul_(0.8).add_(full)
                    p -= rate * (full + 0.8 * v if nesterov else v)
            step += 1
    assert step == 15
    for name, value in byhand.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, rtol=1e-4, atol=1e-6)


def test_adamw_is_the_loop_written_by_hand(blobs):
    settings = Settings(epochs=2, batch_size=16, lr=0.01, weight_decay=0.1, precision="fp32")
    trained, byhand = network(dropout=0.0), network(dropout=0.0)
    fit(trained, blobs, None, settings, seed=1, device="cpu")
    parameters = list(byhand.parameters())
    m = [torch.zeros_like(p) for p in parameters]
    v = [torch.zeros_like(p) for p in parameters]
    t = 0
    for epoch in range(2):
        for x, y in batches_of(blobs, settings, epoch, seed=1):
            gradients = torch.autograd.grad(nn.functional.cross_entropy(byhand(x), y), parameters)
            rate, t = learning_rate(t, 10, settings), t + 1
            with torch.no_grad():
                for p, m_p, v_p, gradient in zip(parameters, m, v, gradients, strict=True):
                    m_p.mul_(0.9).add_(0.1 * gradient)
                    v_p.mul_(0.999).add_(0.001 * gradient**2)
                    p -= rate * (0.1 * p if p.ndim > 1 else 0)
                    p -= rate * (m_p / (1 - 0.9**t)) / ((v_p / (1 - 0.999**t)).sqrt() + 1e-8)
    for name, value in byhand.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, rtol=1e-3, atol=1e-5)


def test_the_same_call_gives_the_same_bits_and_leaves_the_global_generator(blobs):
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(len(results))
        state = torch.get_rng_state()
        model = network()
        fit(model, blobs, None, SETTINGS, seed, "cpu")
        assert torch.equal(torch.get_rng_state(), state)
        results.append(weights(model))
    assert identical(results[0], results[1])
    assert not identical(results[0], results[2])


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop_after", [1, 3])
@pytest.mark.parametrize(
    "changes",
    [
        {"keep": "best", "flip": True, "shift": 2},
        {"optimizer": "sgd", "lr": 0.1},
        {"patience": 1, "schedule": "constant", "warmup": 0.0, "lr": 0.05},
    ],
)
@pytest.mark.parametrize("net", ["mlp", "convnet"])
def test_a_resumed_run_ends_with_the_same_bits(
    blobs, tmp_path, monkeypatch, stop_after, changes, net
):
    settings = Settings(**({"epochs": 5, "batch_size": 16, "precision": "fp32"} | changes))
    train, validation = holdout(blobs, 0.2, 0)

    def fresh():
        with seeded(0):
            made = MLP(1, 3, 8, (16,), 0.3) if net == "mlp" else ConvNet(1, 3, 8, (4, 8))
        return Classifier(made, 1)

    whole = fresh()
    history = fit(whole, train, validation, settings, 0, "cpu")

    path = tmp_path / "state.safetensors"
    save = training_loop.save_checkpoint

    def save_and_stop(*args):
        save(*args)
        if len(args[-1]["history"]["epochs"]) == stop_after:
            raise Stopped

    monkeypatch.setattr(training_loop, "save_checkpoint", save_and_stop)
    with pytest.raises(Stopped):
        fit(fresh(), train, validation, settings, 0, "cpu", path)
    monkeypatch.setattr(training_loop, "save_checkpoint", save)
    resumed = fresh()
    again = fit(resumed, train, validation, settings, 0, "cpu", path)
    assert again == history
    assert identical(weights(resumed), weights(whole))


KILLED = """
import sys, torch
from sparks.models import MLP, Classifier, save_weights, seeded
from sparks.training import Settings, fit
sys.path.insert(0, sys.argv[1])
from conftest import blobs
settings = Settings(epochs=100, batch_size=16, precision="fp32")
for checkpoint, out in zip(sys.argv[2::2], sys.argv[3::2]):
    with seeded(0):
        model = Classifier(MLP(1, 3, 8, (16,), 0.3), 1)
    fit(model, blobs.__wrapped__(), None, settings, 0, "cpu", checkpoint)
    save_weights(model, out)
"""


def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    def command(*names):
        paths = [str(tmp_path / name) for name in names]
        return [sys.executable, "-c", KILLED, os.path.dirname(__file__), *paths]

    state = tmp_path / "state"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command("state", "killed"), env=environment)
    while not state.exists():
        time.sleep(0.005)
        assert process.poll() is None, "training ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    names = ("state", "resumed", "other state", "whole")
    subprocess.run(command(*names), env=environment, check=True)
    resumed, whole = (load_tensors(tmp_path / name) for name in ("resumed", "whole"))
    assert identical(resumed, whole)


def test_a_finished_run_is_not_trained_again(blobs, tmp_path, monkeypatch):
    first, second = network(), network()
    history = fit(first, blobs, None, SETTINGS, 0, "cpu", tmp_path / "state")
    monkeypatch.setattr(training_loop, "_train_epoch", None)
    assert fit(second, blobs, None, SETTINGS, 0, "cpu", tmp_path / "state") == history
    assert identical(weights(first), weights(second))


@pytest.mark.parametrize("other", ["settings", "seed", "data", "initial weights"])
def test_the_checkpoint_of_another_run_is_ignored(blobs, tmp_path, other):
    path = tmp_path / "state"
    data = blobs.subset(range(60)) if other == "data" else blobs
    settings = Settings(epochs=4, batch_size=8) if other == "settings" else SETTINGS
    start, seed = int(other == "initial weights"), int(other == "seed")
    fit(network(start), data, None, settings, seed, "cpu", path)
    model, expected = network(), network()
    fit(model, blobs, None, SETTINGS, 0, "cpu", path)
    fit(expected, blobs, None, SETTINGS, 0, "cpu")
    assert identical(weights(model), weights(expected))


def test_a_damaged_checkpoint_is_ignored(blobs, tmp_path):
    (tmp_path / "state").write_bytes(b"half a file")
    model, expected = network(), network()
    fit(model, blobs, None, SETTINGS, 0, "cpu", tmp_path / "state")
    fit(expected, blobs, None, SETTINGS, 0, "cpu")
    assert identical(weights(model), weights(expected))


def scripted_validation(monkeypatch, accuracies):
    values = iter(accuracies)
    monkeypatch.setattr(training_loop, "score", lambda *_: (next(values), 1.0))


def test_early_stop_waits_for_patience_and_keeps_the_best(blobs, monkeypatch):
    scripted_validation(monkeypatch, [0.5, 0.7, 0.6, 0.7, 0.9])
    settings = Settings(epochs=5, batch_size=16, patience=2, keep="best", precision="fp32")
    model = network()
    states = []
    train_epoch = training_loop._train_epoch

    def recorded(*args):
        loss = train_epoch(*args)
        states.append(weights(model))
        return loss

    monkeypatch.setattr(training_loop, "_train_epoch", recorded)
    history = fit(model, blobs, blobs, settings, 0, "cpu")
    assert (len(history.epochs), history.kept, history.stopped_early) == (4, 2, True)
    assert identical(weights(model), states[1])


def test_without_patience_all_epochs_are_run_and_the_last_kept(blobs, monkeypatch):
    scripted_validation(monkeypatch, [0.9, 0.1, 0.1, 0.1])
    history = fit(network(), blobs, blobs, SETTINGS, 0, "cpu")
    assert (len(history.epochs), history.kept, history.stopped_early) == (4, 4, False)


def test_a_loss_that_is_not_finite_names_epoch_and_step(blobs):
    settings = Settings(epochs=3, batch_size=16, optimizer="sgd", lr=1e30, precision="fp32")
    with pytest.raises(SparksError, match=r"epoch 1, step \d.*lower training.lr"):
        fit(network(), blobs, None, settings, 0, "cpu")


@pytest.mark.parametrize("changes", [{"keep": "best"}, {"patience": 3}])
def test_choosing_needs_validation_images(blobs, changes):
    with pytest.raises(SparksError, match="need validation images"):
        fit(network(), blobs, None, Settings(epochs=1, **changes), 0, "cpu")


def test_no_image_is_refused(blobs):
    with pytest.raises(SparksError, match="no image to train on"):
        fit(network(), blobs.subset([]), None, SETTINGS, 0, "cpu")


def test_bf16_learns_and_keeps_its_weights_in_float32(blobs):
    model = network(dropout=0.0)
    fit(model, blobs, None, Settings(epochs=15, batch_size=16, precision="bf16"), 0, "cpu")
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert accuracy(model, blobs) >= 0.95


def trained(model, data, precision):
    fit(model, data, None, Settings(epochs=2, batch_size=16, precision=precision), 0, "cpu")
    return weights(model)


@pytest.mark.parametrize("units", [False, True])
def test_weights_do_not_depend_on_the_units_of_a_cpu(blobs, units, monkeypatch):
    monkeypatch.setattr("sparks.models.device._cpu_has_bf16", lambda: units)
    assert identical(trained(network(), blobs, "auto"), trained(network(), blobs, "fp32"))


def test_layers_of_bounded_norm_are_trained_in_float32(blobs):
    def bounded():
        with seeded(0):
            return Classifier(lipschitz_mlp(1, 3, 8, (16,)), 1)

    with pytest.warns(UserWarning, match="1-Lipschitz layers are trained in fp32, not in bf16"):
        found = trained(bounded(), blobs, "bf16")
    assert identical(found, trained(bounded(), blobs, "fp32"))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_learns_real_digits(optimizer):
    from sparks.data.digits import Digits

    digits = Digits()()
    model = network_for_digits()
    lr = {"adamw": 3e-3, "sgd": 0.1}[optimizer]
    decay = {"adamw": 0.05, "sgd": 1e-4}[optimizer]
    settings = Settings(epochs=30, batch_size=64, optimizer=optimizer, lr=lr, weight_decay=decay)
    fit(model, digits["train"], None, settings, 0, "cpu")
    assert accuracy(model, digits["test"]) >= 0.97


def network_for_digits():
    with seeded(0):
        return Classifier(MLP(1, 10, 8), 1)
