"""Attribution methods: `method(model, x, target)` → maps.

    model   callable, batch (b, ...) → logits (b, classes), or scores (b,); see
            `sparks.engine.outputs` for what else is read
    x       images in [0, 1] (N, C, H, W), or in the range that the model's attribute `input_range`
            gives (None for any); or vectors (N, d): concepts; words, for black boxes
    target  class to explain, int64 (N,), or as `sparks.engine.outputs.classes_of` has it
    maps    raw values, float32, (N, H, W) for images, (N, d) for vectors; without gradients

Examples explain a linear model of vectors, whose attributions are known, and a small network:

    >>> import torch
    >>> from torch import nn
    >>> linear = nn.Linear(3, 2, bias=False)
    >>> linear.weight.data = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
    >>> x, target = torch.ones(1, 3), torch.tensor([0])
    >>> pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *pool, nn.Linear(4, 2))
    >>> images, classes = torch.rand(2, 3, 16, 16), torch.tensor([0, 1])

Every method is a frozen dataclass: its fields are its settings, checked when it is built. It draws
its random numbers once per seed, the same for every input, so that a map does not depend on what is
explained beside it. Methods that do not suit every model and input (GradCAM, GuidedBackprop,
DeconvNet, Captum, black boxes) have `check(model, x)`, which raises from one input what a call
would raise: at no more than one pass, except that Captum's methods run whole.
Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.attribution.baselines import BottomUp, Input, Random
    from sparks.attribution.cam import GradCAM, GradCAMPlusPlus
    from sparks.attribution.cam_variants import AblationCAM, LayerCAM, ScoreCAM, XGradCAM
    from sparks.attribution.captum import Captum
    from sparks.attribution.eva import EVA
    from sparks.attribution.forgrad import FORGrad
    from sparks.attribution.gradient import GradientInput, IntegratedGradients, Saliency
    from sparks.attribution.greedy import Greedy
    from sparks.attribution.guided_backprop import DeconvNet, GuidedBackprop
    from sparks.attribution.hsic import HSIC
    from sparks.attribution.lime import LIME
    from sparks.attribution.lrp import LRP
    from sparks.attribution.occlusion import Occlusion
    from sparks.attribution.paths import BlurIG, ExpectedGradients, GuidedIG
    from sparks.attribution.rise import RISE
    from sparks.attribution.semirings import GradientPaths
    from sparks.attribution.shap import KernelSHAP
    from sparks.attribution.sise import SISE
    from sparks.attribution.smoothgrad import SmoothGrad, SquareGrad, VarGrad
    from sparks.attribution.sobol import Sobol
    from sparks.attribution.words import OnEmbeddings

_MODULES = {
    "AblationCAM": "cam_variants",
    "BlurIG": "paths",
    "BottomUp": "baselines",
    "Captum": "captum",
    "DeconvNet": "guided_backprop",
    "EVA": "eva",
    "ExpectedGradients": "paths",
    "FORGrad": "forgrad",
    "GradCAM": "cam",
    "GradCAMPlusPlus": "cam",
    "GradientInput": "gradient",
    "GradientPaths": "semirings",
    "Greedy": "greedy",
    "GuidedBackprop": "guided_backprop",
    "GuidedIG": "paths",
    "HSIC": "hsic",
    "Input": "baselines",
    "IntegratedGradients": "gradient",
    "KernelSHAP": "shap",
    "LayerCAM": "cam_variants",
    "LIME": "lime",
    "LRP": "lrp",
    "Occlusion": "occlusion",
    "OnEmbeddings": "words",
    "Random": "baselines",
    "RISE": "rise",
    "SISE": "sise",
    "Saliency": "gradient",
    "ScoreCAM": "cam_variants",
    "SmoothGrad": "smoothgrad",
    "Sobol": "sobol",
    "SquareGrad": "smoothgrad",
    "VarGrad": "smoothgrad",
    "XGradCAM": "cam_variants",
}

__all__ = [
    "EVA",
    "HSIC",
    "LIME",
    "LRP",
    "RISE",
    "SISE",
    "AblationCAM",
    "BlurIG",
    "BottomUp",
    "Captum",
    "DeconvNet",
    "ExpectedGradients",
    "FORGrad",
    "GradCAM",
    "GradCAMPlusPlus",
    "GradientInput",
    "GradientPaths",
    "Greedy",
    "GuidedBackprop",
    "GuidedIG",
    "Input",
    "IntegratedGradients",
    "KernelSHAP",
    "LayerCAM",
    "Occlusion",
    "OnEmbeddings",
    "Random",
    "Saliency",
    "ScoreCAM",
    "SmoothGrad",
    "Sobol",
    "SquareGrad",
    "VarGrad",
    "XGradCAM",
]


__getattr__ = on_first_use(__name__, _MODULES)
