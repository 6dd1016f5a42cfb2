"""Gradients along paths: completeness, limits that are known, Captum, and a slow direct version."""

import captum.attr
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from sparks.attribution import BlurIG, ExpectedGradients, GuidedIG, IntegratedGradients
from sparks.attribution.gradient import reduce_channels
from sparks.attribution.paths import _blurred
from sparks.errors import SparksError

from .nets import Linear, images, random_net, vectors


def smooth_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(384, 3)
    ).eval()


def logits(model, x, target):
    with torch.no_grad():
        return model(x).gather(1, target[:, None])[:, 0]


def test_blur_is_a_gaussian():
    """SciPy's in the middle of an image, where the edge does not matter."""
    x = torch.rand(1, 1, 41, 41)
    expected = gaussian_filter(x[0, 0].numpy(), 1.5)
    torch.testing.assert_close(
        _blurred(x, 1.5)[0, 0, 12:-12, 12:-12], torch.from_numpy(expected)[12:-12, 12:-12],
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip
    flat = torch.full((1, 1, 7, 9), 0.3)
    torch.testing.assert_close(_blurred(flat, 3.0), flat)  # brightness stays, at the edge as well


def test_blurig_sums_to_the_change_of_the_logit():
    model, (x, target) = smooth_net(), images()
    maps = BlurIG(steps=200, deviation=4.0)(model, x, target)
    change = logits(model, x, target) - logits(model, _blurred(x, 4.0), target)
    torch.testing.assert_close(maps.sum((1, 2)), change, atol=1e-3, rtol=1e-2)


def test_blurig_of_a_linear_model_is_weight_times_what_blurring_took():
    model, (x, target) = Linear(2, 8, 8), images()
    expected = (model.weight.detach()[target] * (x - _blurred(x, 4.0))).sum(1)
    torch.testing.assert_close(BlurIG(steps=5, deviation=4.0)(model, x, target), expected)


def test_expected_gradients_of_one_baseline_are_integrated_gradients():
    model, (x, target) = smooth_net(), images()
    expected = IntegratedGradients(steps=100)(model, x, target)
    maps = ExpectedGradients(references=[0.0], samples=3000)(model, x, target)
    assert float((maps - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_expected_gradients_are_captums_gradient_shap_on_average():
    model, (x, target) = smooth_net(), images()
    references = torch.rand(6, 2, 8, 8)
    torch.manual_seed(0)
    shap = captum.attr.GradientShap(model)
    expected = shap.attribute(x, references, n_samples=1500, target=target).sum(1)
    maps = ExpectedGradients(references=references, samples=1500)(model, x, target)
    correlation = torch.corrcoef(torch.stack([maps.flatten(), expected.flatten()]))[0, 1]
    assert correlation > 0.99


def test_expected_gradients_do_not_depend_on_batches_and_are_drawn_by_the_seed():
    model, (x, target) = random_net(), images()
    maps = ExpectedGradients(samples=5)(model, x, target)
    torch.testing.assert_close(ExpectedGradients(samples=5, batch_size=1)(model, x, target), maps)
    other = ExpectedGradients(samples=5, seed=1)(model, x, target)
    assert not torch.equal(other, maps)


def slow_guided_ig(model, x, target, steps, fraction, slack):
    """Kapishnikov et al. 2021, algorithm 1 with the anchored path, value by value."""
    start, end = np.zeros(x.numel()), x.flatten().double().numpy()
    at, total = start.copy(), np.zeros(x.numel())
    distance = np.abs(end - start).sum()
    for step in range(1, steps + 1):
        point = torch.tensor(at, dtype=torch.float32).reshape(x.shape).requires_grad_()
        score = model(point[None])[0, target]
        slope = torch.autograd.grad(score, point)[0].flatten().double().numpy()
        low = start + max(step / steps - slack, 0) * (end - start)
        high = start + min(step / steps + slack, 1) * (end - start)
        before = at.copy()
        behind = np.abs(at - start) < np.abs(low - start)
        at[behind] = low[behind]
        while True:
            missing = np.abs(end - at).sum() - distance * (1 - step / steps)
            steepness = np.where(np.isclose(at, high, rtol=0, atol=1e-12), np.inf, np.abs(slope))
            if missing < 1e-9 or np.isinf(steepness).all():
                break
            limit = np.quantile(steepness, fraction, method="lower")
            chosen = (steepness <= limit) & np.isfinite(steepness)
            room = np.abs(high - at)[chosen].sum()
            part = min(1.0, missing / room)
            at[chosen] += part * (high - at)[chosen]
        total += (at - before) * slope
    return torch.from_numpy(total).float().reshape(x.shape)


@pytest.mark.parametrize(("fraction", "slack"), [(0.25, 0.1), (0.1, 1.0), (0.5, 0.02)])
def test_guided_ig_is_its_algorithm(fraction, slack):
    model, (x, target) = smooth_net(), images()
    method = GuidedIG(steps=10, fraction=fraction, slack=slack)
    values = torch.stack(
        [slow_guided_ig(model, x[i], target[i], 10, fraction, slack) for i in range(len(x))]
    )
    expected = reduce_channels(values, "sum")
    torch.testing.assert_close(method(model, x, target), expected, atol=1e-4, rtol=1e-3)


def test_guided_ig_without_slack_is_integrated_gradients():
    """Left-hand sums of the straight path: half of the trapezoid rule's end points apart."""
    model, (x, target) = smooth_net(), images()
    expected = IntegratedGradients(steps=400)(model, x, target)
    maps = GuidedIG(steps=400, slack=0.0)(model, x, target)
    assert float((maps - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_guided_ig_sums_to_the_change_of_the_logit():
    model, (x, target) = smooth_net(), images()
    maps = GuidedIG(steps=300, slack=0.5)(model, x, target)
    change = logits(model, x, target) - logits(model, torch.zeros_like(x), target)
    torch.testing.assert_close(maps.sum((1, 2)), change, atol=0.01, rtol=0.02)


def test_vectors_are_explained_and_not_blurred():
    u, classes = vectors()
    expected = Linear(6).weight.detach()[classes] * u
    torch.testing.assert_close(GuidedIG(steps=7)(Linear(6), u, classes), expected)
    with pytest.raises(SparksError, match="BlurIG blurs images"):
        BlurIG()(Linear(6), u, classes)
    with pytest.raises(SparksError, match=r"references of \(2, 5\) do not fit"):
        ExpectedGradients(references=torch.zeros(2, 5))(Linear(6), u, classes)
    with pytest.raises(SparksError, match="neither a tensor of inputs nor a list of numbers"):
        ExpectedGradients(references="train")
