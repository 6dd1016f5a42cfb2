"""Settings that cannot work are refused when an object is built, in a line that names them."""

from dataclasses import fields, replace

import pytest
import torch

from sparks.attribution import (
    HSIC,
    LIME,
    LRP,
    RISE,
    SISE,
    AblationCAM,
    BlurIG,
    BottomUp,
    Captum,
    DeconvNet,
    ExpectedGradients,
    FORGrad,
    GradCAM,
    GradientInput,
    GuidedBackprop,
    GuidedIG,
    Input,
    IntegratedGradients,
    KernelSHAP,
    LayerCAM,
    Occlusion,
    OnEmbeddings,
    Random,
    Saliency,
    ScoreCAM,
    SmoothGrad,
    Sobol,
    SquareGrad,
    VarGrad,
    XGradCAM,
)
from sparks.engine import (
    Amplitude,
    Baseline,
    Blur,
    Engine,
    Noise,
    NoisyLinearImputation,
    Superpixels,
    Token,
    Uniform,
    Windows,
)
from sparks.errors import SparksError
from sparks.metrics import (
    ROAD,
    AverageStability,
    Complexity,
    Deletion,
    Infidelity,
    Insertion,
    InsertionMinusDeletion,
    MaxSensitivity,
    ModelRandomisation,
    MuFidelity,
    Plausibility,
    PointingGame,
    Relevance,
    RobustnessSr,
    SensitivityN,
    Sparseness,
)

BLACK_BOX = [Occlusion(), RISE(), LIME(), KernelSHAP(), Sobol(), HSIC()]
NOISY = [SmoothGrad(), SquareGrad(), VarGrad()]
GRADIENT = [Saliency(), GradientInput(), IntegratedGradients(), GuidedBackprop(), DeconvNet()]
CURVES = [Deletion(), Insertion(), InsertionMinusDeletion()]

NAN = float("nan")
BAD = {
    **dict.fromkeys(("grid", "points", "batch_size", "samples"), (-1, 0, 1.5, True, "many")),
    **dict.fromkeys(("masks",), (-5, 0, 1, 2.0)),
    **dict.fromkeys(("steps", "subsets", "neighbours", "bisections", "side"), (0, -1, 2.5)),
    **dict.fromkeys(("seed",), (-1, 0.5)),
    **dict.fromkeys(("probability", "share"), (0, 1, -0.1, NAN)),
    **{name: (-1.0, float("inf"), NAN, "much") for name in ("deviation", "radius", "sigma")},
    **dict.fromkeys(("width", "penalty", "blur", "largest"), (0.0, -1.0, NAN)),
    **dict.fromkeys(("output", "channels", "order", "sequence", "estimator"), ("other", None)),
    **dict.fromkeys(("bandwidth", "resize", "rule", "correlation"), ("other", None)),
    **dict.fromkeys(("variant", "precision", "importance", "normaliser"), ("other", None)),
    "quality": (0, 96, 75.5),
    "value": ("median", NAN),
    "token": (-1, 1.5),
    "layer": ("", None),
    **dict.fromkeys(("stride", "count"), (0, 1.5, True)),
    **dict.fromkeys(("epsilon", "gamma", "cutoff", "compactness"), (0.0, -1.0, NAN)),
    "fraction": (0, 1, NAN),
    "slack": (-0.1, 1.5, NAN),
    "references": ("train", ()),
    "shares": ((), (0.0,), (1.5,)),
    "method": (None, "saliency"),
    "features": ("superpixels", 16),
    "layers": ("1", ()),
    "least": (1, -0.1, NAN),
}

OBJECTS = [
    *BLACK_BOX,
    *NOISY,
    *GRADIENT,
    *CURVES,
    *(XGradCAM("4"), LayerCAM("4"), ScoreCAM("4"), AblationCAM("4"), SISE(layers=("4",))),
    *(LRP(), FORGrad(Saliency())),
    *(BlurIG(), GuidedIG(), ExpectedGradients(), Windows(), Superpixels(), NoisyLinearImputation()),
    *(SensitivityN(), Infidelity(), MaxSensitivity(), ModelRandomisation(), Relevance(), ROAD()),
    Plausibility(share=0.1),
    *(GradCAM("4"), Random(), Input(), BottomUp(), OnEmbeddings(method=Saliency())),
    *(MuFidelity(), AverageStability(), Complexity(), PointingGame(), RobustnessSr(), Sparseness()),
    *(Engine(), Blur(), Noise(), Uniform(), Amplitude(), Baseline()),
]


@pytest.mark.parametrize("built", OBJECTS, ids=lambda built: type(built).__name__)
def test_every_setting_is_checked_when_it_is_built(built):
    """A field of any of these classes that nobody checks fails here: it has no bad values."""
    unchecked = {"engine", "perturbation", "method", "attack", "baseline", "low", "high", "shares"}
    unchecked |= {"scramble", "shift", "centred", "channels_last", "compiled", "mean", "signed"}
    for field in fields(built):
        if field.name in unchecked:
            continue
        for value in BAD[field.name]:
            with pytest.raises(SparksError, match=rf"{type(built).__name__}: {field.name}="):
                replace(built, **{field.name: value})


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: HSIC(masks=1), "HSIC: masks=1 is not a whole number of 2 or more"),
        (lambda: KernelSHAP(samples=1), "KernelSHAP: samples=1"),
        (lambda: LIME(samples=0), "LIME: samples=0"),
        (lambda: VarGrad(samples=1), "VarGrad: samples=1 is not a whole number of 2 or more"),
        (lambda: IntegratedGradients(steps=1), "IntegratedGradients: steps=1"),
        (lambda: RISE(probability=1), "RISE: probability=1 is not a number, more than 0 and less"),
        (lambda: Blur(0), "Blur: width=0"),
        (lambda: Blur(1), "Blur: width=1"),
        (lambda: Uniform(low=1.0, high=0.0), r"Uniform: high=0.0 is not a number, more than 1.0"),
        (lambda: Noise(deviation=-0.1), "Noise: deviation=-0.1"),
        (lambda: Engine(batch_size=0), "Engine: batch_size=0"),
        (lambda: Sobol(points=48), "power of two of points, not 48: take 32 or 64"),
        (lambda: MuFidelity(subsets=2), "MuFidelity: subsets=2"),
        (lambda: MuFidelity(grid=0), "MuFidelity: grid=0"),
        (lambda: Captum("captum.attr.Saliency", batch_size=0), "Captum: batch_size=0"),
    ],
)
def test_settings_of_which_nothing_can_come_are_refused(build, said):
    with pytest.raises(SparksError, match=said):
        build()


def test_sobol_in_more_dimensions_than_the_sequence_has_is_refused():
    with pytest.raises(SparksError, match="at most 21201 dimensions, not 45000"):
        Sobol(grid=150, points=2)(lambda x: x.mean((1, 2, 3)), torch.rand(1, 3, 224, 224), None)


def test_good_settings_pass():
    assert Sobol(points=24, sequence="halton").points == 24
    assert Token(0).value == 0
    assert MuFidelity(grid=None).grid is None
