"""Attribution methods: `method(model, x, target)` → maps.

    model   callable, batch (b, ...) → logits (b, classes); most also take scores (b,)
    x       images in [0, 1] (N, C, H, W), or vectors (N, d): concepts; words, for black boxes
    target  class to explain, int64 (N,)
    maps    raw values, float32, (N, H, W) for images, (N, d) for vectors

Every method is a frozen dataclass: its fields are its settings. It draws its random numbers once
per seed, the same for every input, so that a map does not depend on what is explained beside it.
Methods are imported when they are asked for.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "cam": ("GradCAM", "GradCAMPlusPlus"),
    "captum": ("Captum",),
    "control": ("Random",),
    "gradient": ("GradientInput", "IntegratedGradients", "Saliency"),
    "hsic": ("HSIC",),
    "lime": ("LIME",),
    "noisy": ("SmoothGrad", "SquareGrad", "VarGrad"),
    "occlusion": ("Occlusion",),
    "rectified": ("DeconvNet", "GuidedBackprop"),
    "rise": ("RISE",),
    "shap": ("KernelSHAP",),
    "sobol": ("Sobol",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
