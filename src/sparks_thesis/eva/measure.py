"""Measurements of EVA besides its maps: certificates, targeted changes, a slice of a ball."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sparks.attribution.eva import EVA, SAMPLED
from sparks.engine.inference import device_of, evaluating
from sparks.engine.outputs import adversarial_margin
from sparks.engine.seeds import generators
from sparks.metrics.robustness import RobustnessSr
from sparks.verification.attack import Attack
from sparks.verification.memory import COMBINED

BOUNDS = {
    "IBP": "ibp",
    "Forward": "forward",
    "Backward": "backward",
    "IBP+Forward+Backward": COMBINED,
}


def overlaps(
    eva: EVA, model: nn.Module, x: Tensor, target: Tensor, attack: Attack, samples: int
) -> dict[str, Tensor]:
    """Return the overlap of each ball by sampling, by attack, and its certified bound, (N,) each.

    The three must grow in this order.
    """
    size = torch.full((len(x),), eva.epsilon, dtype=x.dtype, device=x.device)
    sampled = replace(eva, bound=SAMPLED, samples=samples, grid=1).overlaps(model, x, target)
    attacked = replace(attack, clip=eva.clip)(model, x, target, torch.ones_like(x), size)
    certified = replace(eva, grid=1).certificate(model, x, target)
    named = {"SampledOverlap": sampled[:, 0], "AttackedOverlap": attacked}
    return named | {"CertifiedOverlap": certified}


def _logits(model: nn.Module, x: Tensor) -> Tensor:
    """Return the logits of inputs on any device, there."""
    logits: Tensor = model(x.to(device_of(model, x))).to(x.device)
    return logits


@torch.no_grad()
def runner_up(model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Return the class with the largest logit other than the target's, (N,)."""
    with evaluating(model):
        logits = _logits(model, x)
    others: Tensor = logits.scatter(1, target[:, None], -torch.inf)
    return others.argmax(1)


def targeted(
    eva: EVA, model: nn.Module, x: Tensor, target: Tensor, toward: Tensor
) -> dict[str, Tensor]:
    """Return maps (N, H, W) of where more ink, and where less, leads to the class `toward` (N,)."""
    maps = {}
    for side in ("add", "remove"):
        one = [
            replace(eva, toward=int(c), side=side)(model, x[i : i + 1], target[i : i + 1])
            for i, c in enumerate(toward)
        ]
        maps[side] = torch.cat(one)
    return maps


@torch.no_grad()
def gains(
    maps: dict[str, Tensor],
    epsilon: float,
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    toward: Tensor,
    share: float = 0.1,
    draws: int = 20,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Return the gain in margin from ink on the top pixels of targeted maps, and of controls.

    Args:
        maps: from `targeted`.
        epsilon: how much ink is added to, or removed from, each pixel; images stay in [0, 1].
        model: logits.
        x: images.
        target: class of each.
        toward: the class whose margin over it counts.
        share: of the pixels that change.
        draws: sets of random pixels, averaged over.
        seed: of these.

    Returns:
        "GainAdd", "GainAddRandom" (on random pixels), "GainAddOther" (by the map of the next image;
        not of one image alone), and the same of "Remove", (N,) each.
    """
    pixels = x.shape[2] * x.shape[3]
    many = max(1, round(share * pixels))
    noise = [torch.rand(draws, pixels, generator=g) for g in generators(x, seed)]
    random = torch.stack(noise).to(x)

    def gain(order: Tensor, sign: float) -> Tensor:
        """Return the mean gain (N,) over rankings (N, k, pixels)."""
        chosen = torch.zeros_like(order).scatter_(2, order.topk(many, 2).indices, 1.0)
        move = sign * epsilon * chosen.view(*order.shape[:2], 1, *x.shape[2:])
        moved = (x[:, None] + move).clamp(0, 1).flatten(0, 1)
        times = order.shape[1]
        one, two = (t.repeat_interleave(times) for t in (target, toward))
        with evaluating(model):
            after = adversarial_margin(_logits(model, moved), one, two).view(-1, times).mean(1)
            return after - adversarial_margin(_logits(model, x), target, toward)

    found = {}
    for side, sign in (("add", 1.0), ("remove", -1.0)):
        found[f"Gain{side.title()}"] = gain(maps[side].flatten(1)[:, None], sign)
        found[f"Gain{side.title()}Random"] = gain(random, sign)
        if len(x) > 1:
            other = maps[side].roll(1, 0).flatten(1)[:, None]
            found[f"Gain{side.title()}Other"] = gain(other, sign)
    return found


def exploration(
    eva: EVA,
    model: nn.Module,
    x: Tensor,
    target: Tensor,
    radii: Sequence[float],
    attack: Attack,
    samples: int = 500,
    side: int = 61,
) -> dict[str, Tensor]:
    """Return a slice of the ball around one image, and what each method detects in it.

    The slice x + epsilon (a u + b v) is spanned by the signs of the margin's gradient, u, and by
    random signs v; it lies in the ball where |a| + |b| ≤ 1 (and beyond, where signs differ).

    Returns:
        "image" (C, H, W); "slice" (side, side) margins, rows b, columns a, both in [-1, 1];
        "samples" (samples, 2), uniform points of the ball in coordinates a, b; "path" (steps, 2),
        that of the attack; "radii" (r,); "sampled", "attacked" (r,), "certified" (r, bounds).
    """
    generator = generators(x, eva.seed)[0]
    near = x.clone().requires_grad_()
    with evaluating(model), torch.enable_grad():
        (slope,) = torch.autograd.grad(adversarial_margin(_logits(model, near), target).sum(), near)
    u = slope.sign()
    v = torch.where(torch.rand(x.shape, generator=generator) < 0.5, -1.0, 1.0).to(x)
    v = v - (v * u).mean() * u  # at a right angle to u
    axis = torch.linspace(-1, 1, side)
    b, a = torch.meshgrid(axis, axis, indexing="ij")
    points = x + eva.epsilon * (a.reshape(-1, 1, 1, 1) * u + b.reshape(-1, 1, 1, 1) * v)
    moves = 2 * torch.rand(samples, *x.shape[1:], generator=generator).to(x) - 1
    basis = torch.stack([u.flatten() / (u**2).sum(), v.flatten() / (v**2).sum()], 1)
    with torch.no_grad(), evaluating(model):
        values = adversarial_margin(_logits(model, points), target.expand(len(points)))
    at = [replace(eva, epsilon=radius) for radius in radii]
    found = [overlaps(one, model, x, target, attack, samples) for one in at]
    certified = [
        [
            replace(one, bound=bound, grid=1).certificate(model, x, target)
            for bound in BOUNDS.values()
        ]
        for one in at
    ]
    return {
        "image": x[0].clone(),
        "epsilon": torch.tensor([eva.epsilon]),
        "slice": values.view(side, side),
        "samples": moves.flatten(1) @ basis,
        "path": _path(attack, eva.epsilon, model, x, target) @ basis,
        "radii": torch.tensor(list(radii)),
        "sampled": torch.cat([f["SampledOverlap"] for f in found]),
        "attacked": torch.cat([f["AttackedOverlap"] for f in found]),
        "certified": torch.stack([torch.cat(row) for row in certified]),
    }


def _path(attack: Attack, epsilon: float, model: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """Return perturbations (steps, d), in units of epsilon, along the path of a short attack."""
    now, seen = x.clone(), []
    for _ in range(6):
        seen.append(((now - x) / epsilon).flatten())
        now.requires_grad_()
        with evaluating(model), torch.enable_grad():
            (slope,) = torch.autograd.grad(
                adversarial_margin(_logits(model, now), target).sum(), now
            )
        moved = now.detach() + epsilon / 4 * slope.sign()
        now = (x + (moved - x).clamp(-epsilon, epsilon)).clamp(0, 1) if attack.clip else moved
    return torch.stack(seen)


def with_radius(eva: EVA, radius: float) -> EVA:
    """Return EVA on a ball of another radius."""
    return replace(eva, epsilon=radius)


def with_steps(metric: RobustnessSr, steps: int) -> RobustnessSr:
    """Return Robustness-Sr by an attack of so many steps."""
    return replace(metric, attack=replace(metric.attack, steps=steps))


def smallest(eva: EVA, model: nn.Module, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return the smallest value of EVA over the cells of each image, "SmallestEVA" (N,)."""
    found = eva.overlaps(model, x, target)
    return {"SmallestEVA": (found[:, :1] - found[:, 1:]).amin(1)}


def tightness(eva: EVA, model: nn.Module, x: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return the certified overlap of the whole ball, (N,): lower is tighter.

    "Tightness" is the paper's, from bounds of each logit; "TightnessMargin" bounds the difference
    of two logits as one number.
    """
    names = {"Tightness": "interval", "TightnessMargin": "margin"}
    found = {n: replace(eva, overlap=o, grid=1) for n, o in names.items()}
    return {name: method.certificate(model, x, target) for name, method in found.items()}
