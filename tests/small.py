"""What tests of different folders share: methods of few passes, and a small classifier of texts."""

from sparks.attribution import (
    HSIC,
    LIME,
    RISE,
    DeconvNet,
    GradCAM,
    GradCAMPlusPlus,
    GradientInput,
    GuidedBackprop,
    IntegratedGradients,
    KernelSHAP,
    Saliency,
    SmoothGrad,
    Sobol,
    SquareGrad,
    VarGrad,
)
from sparks.models import TextClassifier, seeded


def gradient_methods(layer):
    """Methods of derivatives, those of class activation maps at a layer."""
    return [
        Saliency(),
        GradientInput(),
        IntegratedGradients(steps=3),
        SmoothGrad(samples=2),
        SquareGrad(samples=2),
        VarGrad(samples=2),
        GuidedBackprop(),
        DeconvNet(),
        GradCAM(layer),
        GradCAMPlusPlus(layer),
    ]


def sampling_methods():
    """Black-box methods that sample masks of 2 × 2 cells."""
    return [
        RISE(grid=2, masks=20),
        LIME(grid=2, samples=20),
        KernelSHAP(grid=2, samples=14),
        Sobol(grid=2, points=4),
        HSIC(grid=2, masks=20),
    ]


def text_classifier():
    """A classifier of texts of 9 tokens, its weights drawn from a fixed seed."""
    with seeded(3):
        return TextClassifier(9, 2, width=8, filters=6).eval()
