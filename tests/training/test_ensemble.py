"""Networks trained side by side, against each trained alone by `fit`."""

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.lipschitz import SoftHKR
from sparks.models import MLP, Classifier, ConvNet, ViTTiny, seeded
from sparks.models.lipschitz import LipschitzConvNet
from sparks.training import Settings, ensemble, fit, fit_ensemble, vectorisation_blocker
from sparks.training.step import build_optimizer

SETTINGS = Settings(epochs=3, batch_size=16, precision="fp32", validation=0.0)
SEEDS = [11, 12, 13]


class Asking(nn.Module):
    """What it computes depends on the values of its inputs."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, x):
        return self.head(x.flatten(1) if x.mean() > 0.5 else -x.flatten(1))


NETS = {
    "mlp": lambda: MLP(1, 3, 8, (16,)),
    "convnet": lambda: ConvNet(1, 3, 8, (4, 8)),
    "unconstrained": lambda: LipschitzConvNet(1, 3, 8, (4, 8), (8,), constrained=False),
    "vit": lambda: ViTTiny(1, 3, 8, dim=8, depth=1, heads=2),
    "dropout": lambda: MLP(1, 3, 8, (16,), dropout=0.3),
    "lipschitz": lambda: LipschitzConvNet(1, 3, 8, (4, 8), (8,)),
    "asking": Asking,
}


class Double:
    """Images in double precision, so that no error of method is taken for one of rounding."""

    def __init__(self, images):
        self.images = images

    def __getattr__(self, name):
        return getattr(self.images, name)

    def __len__(self):
        return len(self.images)

    def batch(self, indices):
        return self.images.batch(indices).double()


def networks(net="convnet", seeds=SEEDS):
    def one(seed):
        with seeded(seed):
            return Classifier(NETS[net](), 1)

    return [one(seed) for seed in seeds]


def folds(data):
    return [data.subset((torch.arange(len(data)) % 3 != k).nonzero().flatten()) for k in range(3)]


def weights(models):
    return [{k: v.clone() for k, v in model.state_dict().items()} for model in models]


def identical(first, second):
    return all(torch.equal(a[k], b[k]) for a, b in zip(first, second, strict=True) for k in a)


def assert_as_alone(net, trains, settings):
    side_by_side, alone = ([m.double() for m in networks(net)] for _ in range(2))
    trains = [Double(train) for train in trains]
    histories = fit_ensemble(side_by_side, trains, settings, SEEDS, "cpu")
    expected = [
        fit(model, train, None, settings, seed, "cpu")
        for model, train, seed in zip(alone, trains, SEEDS, strict=True)
    ]
    for a, b in zip(histories, expected, strict=True):
        assert [e["loss"] for e in a.epochs] == pytest.approx([e["loss"] for e in b.epochs])
        assert (a.kept, a.stopped_early) == (b.kept, b.stopped_early) == (settings.epochs, False)
    for a, b in zip(weights(side_by_side), weights(alone), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "changes",
    [
        {"flip": True, "shift": 2, "weight_decay": 0.5},
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 0.1, "label_smoothing": 0.2},
        {"optimizer": "sgd", "lr": 0.05, "nesterov": False, "schedule": "cosine"},
    ],
)
@pytest.mark.parametrize("net", ["mlp", "convnet", "unconstrained", "vit"])
def test_each_network_ends_as_it_does_alone(blobs, net, changes):
    assert_as_alone(net, folds(blobs), Settings(**(vars(SETTINGS) | changes)))


@pytest.mark.parametrize("sizes", [(48, 63, 55), (9, 9, 9)])
def test_so_do_those_whose_batches_do_not_divide_their_images(blobs, sizes):
    assert_as_alone("convnet", [blobs.subset(range(n)) for n in sizes], SETTINGS)


def test_the_same_tensors_decay_as_in_one_network():
    models = networks()
    alone = build_optimizer(models[0], SETTINGS).param_groups
    side_by_side = build_optimizer(ensemble.Stack(models), SETTINGS, stacked=True).param_groups
    for one, many in zip(alone, side_by_side, strict=True):
        assert one["weight_decay"] == many["weight_decay"]
        assert [(3, *p.shape) for p in one["params"]] == [tuple(p.shape) for p in many["params"]]


def test_the_same_call_gives_the_same_bits_and_leaves_the_global_generator(blobs):
    results = []
    for seeds in (SEEDS, SEEDS, [0, 1, 2]):
        torch.manual_seed(len(results))
        state = torch.get_rng_state()
        models = networks("dropout")
        fit_ensemble(models, folds(blobs), SETTINGS, seeds, "cpu")
        assert torch.equal(torch.get_rng_state(), state)
        results.append(weights(models))
    assert identical(results[0], results[1])
    assert not identical(results[0], results[2])


@pytest.mark.parametrize("net", ["mlp", "dropout"])
def test_each_network_draws_its_own_dropout(net):
    stack = ensemble.Stack(networks(net, [0, 0])).train()
    first, second = stack(torch.rand(1, 16, 1, 8, 8).expand(2, -1, -1, -1, -1))
    assert torch.equal(first, second) == (net == "mlp")


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop_after", [1, 2])
@pytest.mark.parametrize(
    ("net", "changes"),
    [
        ("dropout", {"flip": True, "shift": 2}),
        ("convnet", {}),
        ("convnet", {"optimizer": "sgd", "lr": 0.1}),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(
    blobs, tmp_path, monkeypatch, net, changes, stop_after
):
    settings = Settings(**(vars(SETTINGS) | changes))
    whole, path = networks(net), tmp_path / "state"
    history = fit_ensemble(whole, folds(blobs), settings, SEEDS, "cpu")
    save = ensemble.save_checkpoint

    def save_and_stop(*args):
        save(*args)
        if len(args[-1]["histories"][0]["epochs"]) == stop_after:
            raise Stopped

    monkeypatch.setattr(ensemble, "save_checkpoint", save_and_stop)
    with pytest.raises(Stopped):
        fit_ensemble(networks(net), folds(blobs), settings, SEEDS, "cpu", path)
    monkeypatch.setattr(ensemble, "save_checkpoint", save)
    resumed = networks(net)
    assert fit_ensemble(resumed, folds(blobs), settings, SEEDS, "cpu", path) == history
    assert identical(weights(resumed), weights(whole))
    # A finished run is not trained again.
    monkeypatch.setattr(ensemble, "_train_epoch", None)
    again = networks(net)
    assert fit_ensemble(again, folds(blobs), settings, SEEDS, "cpu", path) == history
    assert identical(weights(again), weights(whole))


@pytest.mark.parametrize("other", ["seeds", "data", "initial weights"])
def test_the_checkpoint_of_another_run_is_ignored(blobs, tmp_path, other):
    data = folds(blobs)
    fit_ensemble(
        networks(seeds=[1, 2, 3] if other == "initial weights" else SEEDS),
        data[::-1] if other == "data" else data,
        SETTINGS,
        [1, 2, 3] if other == "seeds" else SEEDS,
        "cpu",
        tmp_path / "state",
    )
    models, expected = networks(), networks()
    fit_ensemble(models, data, SETTINGS, SEEDS, "cpu", tmp_path / "state")
    fit_ensemble(expected, data, SETTINGS, SEEDS, "cpu")
    assert identical(weights(models), weights(expected))


def test_a_loss_that_is_not_finite_names_its_network(blobs):
    models = networks("mlp")
    with torch.no_grad():
        models[1].net.head.bias.fill_(torch.nan)
    with pytest.raises(SparksError, match=r"loss of network 2 is nan at epoch 1, step 1 .*lower"):
        fit_ensemble(models, folds(blobs), SETTINGS, SEEDS, "cpu")


def test_networks_that_can_be_trained_together_are_only_tried(blobs):
    models, state = networks("dropout"), torch.get_rng_state()
    before = weights(models)
    assert vectorisation_blocker(models, folds(blobs), SETTINGS, "cpu") is None
    assert identical(before, weights(models))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("net", "changes", "reason"),
    [
        ("lipschitz", {}, "re-parametrised"),
        ("asking", {}, "torch.vmap refuses them .*data-dependent"),
        ("convnet", {"precision": "bf16"}, "not fp32"),
        ("convnet", {"keep": "best"}, "an epoch of its own"),
        ("convnet", {"patience": 2}, "an epoch of its own"),
    ],
)
def test_networks_that_cannot_are_refused_with_the_reason(blobs, net, changes, reason):
    settings = Settings(**(vars(SETTINGS) | changes))
    with pytest.raises(SparksError, match=f"cannot be trained together: .*{reason}"):
        fit_ensemble(networks(net), folds(blobs), settings, SEEDS, "cpu")


def test_so_are_those_that_differ_and_other_losses(blobs):
    def why(models, trains, loss=None):
        return vectorisation_blocker(models, trains, SETTINGS, "cpu", loss)

    models, data = networks(), folds(blobs)
    assert why(models[:1], data[:1]) == "there is one network only"
    assert why([*models[:2], *networks("mlp", [0])], data) == "their architectures differ"
    assert why(models, data, SoftHKR(0.9, 0.1, 5.0)) == "their loss is not cross-entropy"
    sizes = [blobs.subset(range(n)) for n in (60, 63, 64)]
    assert why(models, sizes) == "the numbers or sizes of their batches differ"
    assert why(models, [blobs.subset([])] * 3) == "there is no image to train on"
