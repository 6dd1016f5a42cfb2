"""What is measured: the default network, every method, and Captum's at equal work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captum.attr
import torch
from torch import Tensor, nn

from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import build, classifier
from sparks_thesis.pipeline.selection import part

GRID, SAMPLES, STEPS = 8, 500, 50


def network(device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Build the default convnet for 64 × 64 RGB, with random weights: only its cost counts here."""
    config = compose(["scale=laptop"])
    settings = part(config, ("model.classifier", "model.layer"), dataset="chimera", model="convnet")
    return classifier(settings["model.classifier"], 0).to(device).eval(), settings


def methods(engine: dict[str, Any]) -> dict[str, Any]:
    """Every attribution method at scale `laptop`, RISE with fewer masks: label → method."""
    config = compose(["scale=laptop", "shared.rise_masks=2000"])
    built = {}
    for name in config.attributions:
        if config.attributions[name].family == "verified":
            continue  # these have a section of their own
        settings = part(
            config, ("attribution",), dataset="chimera", model="convnet", attribution=name
        )
        described = settings["attribution"]
        if "engine" in described["method"]:
            described["method"]["engine"] = engine
        built[described["label"]] = build(described["method"])
    return built


def peers(model: nn.Module, batch: int) -> dict[str, tuple[str, Callable[[Tensor, Tensor], Any]]]:
    """Captum's methods set to the same work as ours: label of ours → (what it is, its call).

    Each evaluates as many inputs as our method of that label, in batches as large.
    """
    side = torch.arange(64) // (64 // GRID)
    cells = (side[:, None] * GRID + side)[None, None]

    def lime(kind: Any) -> Callable[[Tensor, Tensor], Any]:
        explainer = kind(model)

        def explain(x: Tensor, target: Tensor) -> None:
            for image, label in zip(torch.split(x, 1), torch.split(target, 1), strict=True):
                explainer.attribute(
                    image, target=label, feature_mask=cells, n_samples=SAMPLES,
                    perturbations_per_eval=batch,
                )  # fmt: skip

        return explain

    def smoothgrad(x: Tensor, target: Tensor) -> None:
        captum.attr.NoiseTunnel(captum.attr.Saliency(model)).attribute(
            x, target=target, nt_type="smoothgrad", nt_samples=STEPS, stdevs=0.2,
            nt_samples_batch_size=max(1, batch // len(x)),
        )  # fmt: skip

    def integrated(x: Tensor, target: Tensor) -> None:
        captum.attr.IntegratedGradients(model).attribute(
            x, target=target, n_steps=STEPS, internal_batch_size=batch
        )

    def occlusion(x: Tensor, target: Tensor) -> None:
        patch = (3, 64 // GRID, 64 // GRID)
        captum.attr.Occlusion(model).attribute(
            x, patch, patch, target=target, perturbations_per_eval=max(1, batch // len(x))
        )

    return {
        "IntegratedGradients": (f"{STEPS} steps", integrated),
        "SmoothGrad": (f"{STEPS} samples", smoothgrad),
        "Occlusion": (f"{GRID} × {GRID} cells", occlusion),
        "LIME": (f"{SAMPLES} samples", lime(captum.attr.Lime)),
        "KernelSHAP": (f"{SAMPLES} samples", lime(captum.attr.KernelShap)),
    }
