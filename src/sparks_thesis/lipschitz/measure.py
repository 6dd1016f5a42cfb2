"""Per-input measurements behind the papers' claims about 1-Lipschitz networks, for any network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparks.engine.outputs import adversarial_margin
from sparks.lipschitz.attack import smallest_perturbation
from sparks.lipschitz.bound import largest_gradient, layer_norms
from sparks.lipschitz.certificate import certified_radius
from sparks.lipschitz.counterfactual import counterfactuals, one_step_error
from sparks.lipschitz.export import plain
from sparks.stats import spearman


def geometry(
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    steps: int = 100,
    restarts: int = 3,
    rounds: int = 30,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return the gradient norms, bounds, certificates and attacks, in float64.

    Args:
        model: a chain of layers, in evaluation mode.
        x: images (N, C, H, W).
        target: the model's own class (N,).
        steps: of the attack.
        restarts: of the attack.
        rounds: of the search for the largest gradient.
        seed: of both searches.

    Returns:
        (N,) each: "GradientNorm" and "BoundaryError" (see `one_step_error`), "LargestGradient"
        found nearby, "LipschitzBound" of all layers (N times the same), "CertifiedRadius",
        "AttackNorm" of the smallest perturbation found (NaN for none), "AttackCosine" of that and
        the direction of steepest descent of the class's margin (NaN where the margin is flat).
    """
    exact, inputs = plain(model).double(), x.double()

    def margin(z: Tensor) -> Tensor:
        """Return the margin to another class, (N,): 0 or less once changed."""
        return -adversarial_margin(exact(z), target)

    norms = layer_norms(model, tuple(x.shape[1:]))
    values = one_step_error(exact, inputs, target)
    values["LargestGradient"] = largest_gradient(exact, inputs, target, rounds, seed)
    values["LipschitzBound"] = torch.full((len(x),), math.prod(norms.values()))
    values["CertifiedRadius"] = certified_radius(model, inputs)
    delta = smallest_perturbation(margin, inputs, steps, restarts, seed)
    values["AttackNorm"] = delta.flatten(1).norm(dim=1)
    start = inputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(margin(start).sum(), start)
    values["AttackCosine"] = _cosine(-slope.flatten(1), delta.flatten(1))
    return {name: value.detach().double().cpu() for name, value in values.items()}


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    """Return the cosine of the rows of two (N, d) tensors; NaN where one is zero."""
    length = one.norm(dim=1) * other.norm(dim=1)
    cosine: Tensor = ((one * other).sum(1) / length).clamp(-1, 1)
    return cosine


def followed(
    model: nn.Module,
    classifier: object,
    x: Tensor,
    target: Tensor,
    steps: Sequence[float],
    seed: int = 0,
) -> tuple[dict[float, dict[str, Tensor]], Tensor]:
    """Test whether the model and an independent classifier see the other class in counterfactuals.

    Args:
        model: in evaluation mode.
        classifier: a scikit-learn classifier of flattened images.
        x: images (N, C, H, W).
        target: the model's own class (N,).
        steps: values of t.
        seed: of the random directions.

    Returns:
        t → "CounterfactualChanged" (the model now says the rival), "CounterfactualFollowed" (so
        does the classifier) and "CounterfactualAside" (the classifier does after as long a step in
        a random direction), (N,) of 0 and 1, and "CounterfactualLength", ‖x' - x‖; and the images
        (T, N, C, H, W), cut to [0, 1].
    """
    walked, rival = counterfactuals(model, x, steps, target)
    aside = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    lengths = (walked - x).flatten(2).norm(dim=2) / aside.flatten(1).norm(dim=1)
    strayed = (x + lengths.view(*lengths.shape, *[1] * (x.ndim - 1)) * aside).clamp(0, 1)
    walked = walked.clamp(0, 1)

    def seen(images: Tensor) -> Tensor:
        """Return whether the classifier says the rival, (N,) of 0 and 1."""
        said = classifier.predict(images.flatten(1).cpu().numpy())  # type: ignore[attr-defined]
        return (torch.as_tensor(said) == rival.cpu()).double()

    found = {}
    for t, images, other in zip(steps, walked, strayed, strict=True):
        with torch.no_grad():
            changed = model(images).argmax(1) == rival
        found[t] = {
            "CounterfactualChanged": changed.double().cpu(),
            "CounterfactualFollowed": seen(images),
            "CounterfactualAside": seen(other),
            "CounterfactualLength": (images - x).flatten(1).norm(dim=1).double().cpu(),
        }
    return found, walked


def null_shares(maps: Tensor, null: Tensor, tops: Sequence[float]) -> dict[float, Tensor]:
    """Return the share of the highest pixels that lie in the null block, (N,) for each percentage.

    Args:
        maps: (N, H, W), by |value|.
        null: where the null block is, bool (N, H, W).
        tops: percent of the pixels that count as highest, in (0, 100].
    """
    order = maps.detach().flatten(1).abs().argsort(dim=1, descending=True, stable=True).cpu()
    hits = null.flatten(1).gather(1, order).double()
    count = hits.shape[1]
    return {top: hits[:, : max(1, round(top * count / 100))].mean(1) for top in tops}


def map_distances(one: Tensor, other: Tensor) -> dict[str, Tensor]:
    """Return the distances of two methods' maps: raw, scaled to norm 1, and in rank.

    Args:
        one: (N, H, W).
        other: (N, H, W).

    Returns:
        "l2", "l2, scaled" and "1 - Spearman", (N,) each; the second is NaN where a map is zero, the
        third where one is constant.
    """
    a, b = (maps.detach().cpu().flatten(1).double() for maps in (one, other))
    unit = [m / m.norm(dim=1, keepdim=True) for m in (a, b)]  # a zero map has no direction: NaN
    return {
        "l2": (a - b).norm(dim=1),
        "l2, scaled": (unit[0] - unit[1]).norm(dim=1),
        "1 - Spearman": 1 - spearman(a, b),
    }
