"""Folds are disjoint and balanced; degradations do what they say, and no more."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, seeded
from sparks.models.lipschitz import LipschitzConvNet
from sparks.stability.folds import add_label_noise, randomise_weights, stratified_folds


@given(counts=st.lists(st.integers(4, 13), min_size=1, max_size=4), k=st.integers(2, 4))
def test_every_class_is_spread_evenly_and_folds_are_equally_large(counts: list[int], k: int):
    labels = torch.cat([torch.full((n,), i) for i, n in enumerate(counts)])
    folds = stratified_folds(labels, k, seed=1)
    sizes = torch.bincount(folds, minlength=k)
    assert int(sizes.max() - sizes.min()) <= 1
    for label in range(len(counts)):
        of_class = torch.bincount(folds[labels == label], minlength=k)
        assert int(of_class.max() - of_class.min()) <= 1


def test_folds_depend_on_the_seed_alone():
    labels = torch.arange(60) % 3
    assert torch.equal(stratified_folds(labels, 5, 7), stratified_folds(labels, 5, 7))
    assert not torch.equal(stratified_folds(labels, 5, 7), stratified_folds(labels, 5, 8))


def test_more_folds_than_images_of_a_class_are_refused():
    labels = torch.tensor([0] * 10 + [1] * 3)
    with pytest.raises(SparksError, match="class 1 has 3 images for 5 folds"):
        stratified_folds(labels, 5, 0)
    with pytest.raises(SparksError, match="at least 2"):
        stratified_folds(labels, 1, 0)
    with pytest.raises(SparksError, match="0 images"):
        stratified_folds(labels[:0], 2, 0)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_exactly_the_share_of_labels_is_wrong(share: float):
    labels = torch.arange(200) % 4
    noisy = add_label_noise(labels, share, 4, seed=0)
    assert int((noisy != labels).sum()) == round(share * 200)
    assert set(noisy.tolist()) <= {0, 1, 2, 3}


def test_a_larger_share_switches_the_same_labels_and_more():
    labels = torch.arange(100) % 5
    few, many = (add_label_noise(labels, share, 5, seed=3) for share in (0.1, 0.3))
    changed = few != labels
    assert torch.equal(many[changed], few[changed])


def test_every_wrong_class_is_as_likely():
    noisy = add_label_noise(torch.zeros(6000, dtype=torch.int64), 1.0, 4, seed=0)
    counts = torch.bincount(noisy, minlength=4)
    assert counts[0] == 0
    assert counts[1:].float().sub(2000).abs().max() < 5 * (6000 * (1 / 3) * (2 / 3)) ** 0.5


def test_shares_outside_0_and_1_are_refused():
    with pytest.raises(SparksError, match="between 0 and 1"):
        add_label_noise(torch.arange(4), 1.5, 4, 0)
    with pytest.raises(SparksError, match="no other"):
        add_label_noise(torch.zeros(4, dtype=torch.int64), 0.5, 1, 0)
    with pytest.raises(SparksError, match="between 0 and 1"):
        randomise_weights(nn.Conv2d(1, 1, 3), -0.1, 0.5, 0)


def network() -> Classifier:
    with seeded(0):
        return Classifier(ConvNet(1, 10, 8, [8, 16], 1), 1)


def test_a_share_of_every_convolution_gets_noise_and_nothing_else_does():
    before, model = network().state_dict(), network()
    randomise_weights(model, 0.3, 0.5, seed=1)
    convolutions = {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    assert len(convolutions) == 6
    noise = []
    for name, after in model.state_dict().items():
        changed = after != before[name]
        wanted = round(0.3 * after.numel()) if name in convolutions else 0
        assert int(changed.sum()) == wanted, name
        unit = float(before[name].std(correction=0)) if wanted else 1.0
        noise.append(((after - before[name])[changed] / unit).flatten())
    drawn = torch.cat(noise)
    assert len(drawn) > 900
    assert abs(float(drawn.std()) - 0.5) < 5 * 0.5 / (2 * len(drawn)) ** 0.5
    assert abs(float(drawn.mean())) < 5 * 0.5 / len(drawn) ** 0.5


def test_the_noise_of_a_smaller_share_is_part_of_that_of_a_larger_one():
    clean, few, many = network(), network(), network()
    randomise_weights(few, 0.05, 0.5, seed=1)
    randomise_weights(many, 0.3, 0.5, seed=1)
    a, b, c = (m.net.stem[0].weight.detach() for m in (clean, few, many))
    assert torch.equal(b[b != a], c[b != a])


def test_a_network_without_convolutions_is_refused():
    with pytest.raises(SparksError, match="no convolution"):
        randomise_weights(nn.Linear(2, 2), 0.1, 0.5, 0)


def test_a_1_lipschitz_network_changes_and_stays_1_lipschitz():
    with seeded(0):
        model = LipschitzConvNet(1, 3, 8, [4, 8], [8])
    model.eval()
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = model(x).detach()
    randomise_weights(model, 0.3, 0.5, seed=0)
    assert not model.training
    after = model(x).detach()
    assert (after - before).abs().max() > 1e-3
    gaps = (after[:, None] - after[None]).abs().amax(2)
    distances = torch.cdist(x.flatten(1), x.flatten(1))
    assert (gaps <= distances * (1 + 1e-3) + 1e-6).all()
