"""hKR against torchlip's own losses, and against their formula written out."""

import deel.torchlip as lip
import numpy as np
import pytest
import torch

from sparks.errors import SparksError
from sparks.lipschitz import HKR, MulticlassHKR, SoftHKR


def logits_and_labels(classes, seed=0, n=12):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator)
    return logits, torch.randint(0, max(classes, 2), (n,), generator=generator)


def one_hot(labels, classes):
    return torch.nn.functional.one_hot(labels, classes)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 1.0])
def test_binary_hkr_is_its_formula_and_torchlips(alpha):
    logits, labels = logits_and_labels(1)
    found = float(HKR(alpha, 0.7).of_logits(logits, labels, {}))
    f, y = logits[:, 0].double().numpy(), 2 * labels.numpy() - 1
    kr = f[y > 0].mean() - f[y < 0].mean()
    wanted = -(1 - alpha) * kr + alpha * np.maximum(0.35 - y * f, 0).mean()
    assert found == pytest.approx(wanted, rel=1e-5)
    theirs = lip.HKRLoss(alpha, 0.7)(logits, torch.from_numpy(y)[:, None].float())
    assert found == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("alpha", [0.3, 0.9])
def test_one_against_all_is_torchlips(alpha):
    logits, labels = logits_and_labels(4)
    theirs = lip.HKRMulticlassLoss(alpha, 0.7)(logits, one_hot(labels, 4).float())
    found = MulticlassHKR(alpha, 0.7).of_logits(logits, labels, {})
    torch.testing.assert_close(found, theirs)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_the_softmax_variant_is_torchlips_also_in_what_it_remembers(scale):
    ours, theirs = SoftHKR(0.8, 0.5, 10.0), lip.SoftHKRMulticlassLoss(0.8, 0.5, temperature=10.0)
    state = ours.start()
    for seed in range(4):
        logits, labels = logits_and_labels(5, seed)
        found = ours.of_logits(scale * logits, labels, state)
        torch.testing.assert_close(found, theirs(scale * logits, one_hot(labels, 5) * 2.0 - 1))
        torch.testing.assert_close(state["mean"], theirs.current_mean)


def test_the_softmax_variant_is_its_formula():
    logits, labels = logits_and_labels(3, n=6)
    f, m, total = logits.double().numpy(), 0.5, 0.0
    mean = 0.99 * m + 0.01 * np.abs(f).mean()
    temperature = min(max(10 * m / max(m, mean), 0.005), 250)
    for row, y in zip(f, labels.tolist(), strict=True):
        others = [k for k in range(3) if k != y]
        w = np.exp(temperature * row[others])
        w = w / w.sum()
        kr = -row[y] + (w * row[others]).sum()
        hinge = max(m / 2 - row[y], 0) + (w * np.maximum(m / 2 + row[others], 0)).sum()
        total += (0.2 * kr + 0.8 * hinge) / len(f)
    loss = SoftHKR(0.8, m, 10.0)
    assert float(loss.of_logits(logits, labels, loss.start())) == pytest.approx(total, rel=1e-5)


def test_a_batch_of_one_class_has_a_finite_loss_and_gradient():
    logits = torch.randn(4, 3, requires_grad=True)
    labels = torch.ones(4, dtype=torch.int64)
    for loss in (MulticlassHKR(), SoftHKR()):
        value = loss.of_logits(logits, labels, loss.start())
        value.backward()
        assert value.isfinite()
        assert logits.grad.isfinite().all()


def test_settings_out_of_range_are_refused():
    with pytest.raises(SparksError, match="alpha is 5"):
        SoftHKR(alpha=5)
    with pytest.raises(SparksError, match="margin"):
        HKR(margin=0)
    with pytest.raises(SparksError, match="one logit"):
        HKR().of_logits(torch.zeros(2, 3), torch.zeros(2).long(), {})
