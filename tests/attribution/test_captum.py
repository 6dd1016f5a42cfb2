"""Captum by name: its generators, and the classes that a YAML file cannot call."""

import random

import captum.attr
import numpy as np
import pytest
import torch

from sparks.attribution import Captum
from sparks.engine.seeds import global_generators
from sparks.errors import SparksError
from sparks.models import seeded

from .nets import images, random_net

NOISY = {
    "GradientShap": {"baselines": torch.rand(3, 2, 8, 8), "n_samples": 5, "stdevs": 0.1},
    "DeepLiftShap": {"baselines": torch.rand(3, 2, 8, 8)},
    "Lime": {"n_samples": 20},
    "KernelShap": {"n_samples": 20},
    "ShapleyValueSampling": {
        "n_samples": 2,
        "feature_mask": torch.arange(128).view(1, 2, 8, 8) // 16,
    },
    "FeaturePermutation": {},
}


def drawn():
    """One number of each generator that libraries draw from."""
    return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002


@pytest.mark.parametrize("name", NOISY)
def test_the_seed_decides_every_draw_and_all_generators_are_put_back(name):
    model, (x, target) = random_net(), images()
    method = Captum(f"captum.attr.{name}", options=NOISY[name], seed=3)
    with global_generators(0, torch.device("cpu")):
        before = drawn()
    with global_generators(0, torch.device("cpu")):
        first = method(model, x, target)
        assert drawn() == before
        second = method(model, x, target)  # from other states than the first
    assert torch.equal(first, second)
    other = Captum(f"captum.attr.{name}", options=NOISY[name], seed=4)(model, x, target)
    # DeepLiftShap draws nothing, and Lime's Lasso finds nothing in so few samples.
    assert name in ("DeepLiftShap", "Lime") or not torch.equal(other, first)


def test_generators_are_put_back_after_an_error_too():
    with global_generators(0, torch.device("cpu")):
        before = drawn()
    with global_generators(0, torch.device("cpu")):
        with pytest.raises(ZeroDivisionError), global_generators(9, torch.device("cpu")):
            raise ZeroDivisionError(drawn())
        assert drawn() == before


def test_networks_that_draw_their_weights_from_numpy_or_python_are_seeded_too():
    def build(seed):
        with seeded(seed):
            return drawn()

    assert build(1) == build(1)
    assert all(a != b for a, b in zip(build(1), build(2), strict=True))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("NoiseTunnel", {}, r"NoiseTunnel wants another method \(inner\)"),
        ("Saliency", {"inner": Captum("captum.attr.Saliency")}, "Saliency wants no other method"),
        ("GradientShap", {"options": {"baselines": 0.0}}, "wants baselines that are a sample"),
        ("GradientShap", {}, "GradientShap wants baselines that are a sample: a tensor, or a list"),
        ("DeepLiftShap", {"options": {"baselines": 0.0}}, "DeepLiftShap wants baselines"),
        ("LayerActivation", {}, "LayerActivation wants the name of a layer"),
        ("LayerConductance", {}, "LayerConductance wants the name of a layer"),
        ("Saliency", {"layer": "0"}, "Saliency wants no layer, and is given layer='0'"),
        ("Occlusion", {}, "Occlusion wants other options.*sliding_window_shapes"),
        ("Saliency", {"options": {"absolute": True}}, "Saliency wants other options.*absolute"),
        ("NeuronGradient", {"layer": "0"}, "NeuronGradient wants other options.*neuron_selector"),
        ("Nothing", {}, "is not a class of attribution"),
        ("visualization", {}, "is not a class of attribution"),
    ],
)
def test_what_yaml_cannot_say_is_refused_when_it_is_built(name, settings, said):
    with pytest.raises(SparksError, match=said) as refusal:
        Captum(f"captum.attr.{name}", **settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("LRP", {}),  # Captum has no rule for a sigmoid
        ("DeepLift", {"options": {"baselines": "black"}}),
        ("Saliency", {"init": {"colour": 1}}),
        ("Lime", {"options": {"n_samples": -1}}),
    ],
)
def test_what_captum_cannot_do_is_said_in_one_line_that_names_the_class(name, settings):
    x, target = images()
    model = torch.nn.Sequential(torch.nn.Sigmoid(), random_net())
    with pytest.raises(
        SparksError, match=rf"captum.attr.{name} cannot explain this model"
    ) as refusal:
        Captum(f"captum.attr.{name}", **settings)(model, x, target)
    assert "\n" not in str(refusal.value)


def test_a_class_without_targets_is_called_without():
    model, (x, target) = random_net(), images()
    maps = Captum("captum.attr.LayerActivation", layer="0")(model, x, target)
    torch.testing.assert_close(maps, model[0](x).sum(1).detach())


def test_noise_tunnel_takes_another_method():
    """Without noise it is that method; with it, the mean over noisy copies."""
    model, (x, target) = random_net(), images()
    inner = Captum("captum.attr.InputXGradient")
    options = {"nt_samples": 3, "stdevs": 0.0, "nt_type": "smoothgrad"}
    method = Captum("captum.attr.NoiseTunnel", options=options, inner=inner)
    torch.testing.assert_close(method(model, x, target), inner(model, x, target))


@pytest.mark.parametrize("name", ["GradientShap", "DeepLiftShap"])
def test_baselines_may_be_a_list_of_constants(name):
    model, (x, target) = random_net(), images()
    values = [0.0, 0.5]
    tensor = torch.stack([torch.full((2, 8, 8), value) for value in values])
    listed, same = (
        Captum(f"captum.attr.{name}", options={"baselines": baselines})(model, x, target)
        for baselines in (values, tensor)
    )
    assert torch.equal(listed, same)


# What each class of Captum needs to explain an image, in values that a YAML file can hold.
MASK = (torch.arange(128).view(1, 2, 8, 8) // 32).tolist()
CALLS = {
    "IntegratedGradients": {"options": {"n_steps": 4}},
    "DeepLift": {"options": {"baselines": 0.0}},
    "DeepLiftShap": {"options": {"baselines": [0.0, 1.0]}},
    "GradientShap": {"options": {"baselines": [0.0, 1.0]}},
    "InputXGradient": {},
    "Saliency": {},
    "GuidedBackprop": {},
    "Deconvolution": {},
    "GuidedGradCam": {"layer": "3"},
    "FeatureAblation": {},
    "FeaturePermutation": {},
    "Occlusion": {"options": {"sliding_window_shapes": [2, 4, 4], "strides": [2, 4, 4]}},
    "ShapleyValueSampling": {"options": {"n_samples": 1, "feature_mask": MASK}},
    "ShapleyValues": {"options": {"feature_mask": MASK}},
    "Lime": {"options": {"n_samples": 4}},
    "KernelShap": {"options": {"n_samples": 4}},
    "LRP": {},
    "NoiseTunnel": {
        "inner": Captum("captum.attr.Saliency", options={}),
        "options": {"nt_samples": 2},
    },
    **{
        f"Layer{name}": {"layer": "3", "options": options}
        for name, options in {
            "Conductance": {"n_steps": 4},
            "GradientXActivation": {},
            "Activation": {},
            "GradCam": {},
            "DeepLift": {"baselines": 0.0},
            "DeepLiftShap": {"baselines": [0.0, 1.0]},
            "GradientShap": {"baselines": [0.0, 1.0]},
            "IntegratedGradients": {"n_steps": 4},
            "FeatureAblation": {"perturbations_per_eval": 1},
            "LRP": {},
        }.items()
    },
    "InternalInfluence": {"layer": "3", "options": {"n_steps": 4}},
    **{
        f"Neuron{name}": {"layer": "3", "options": {"neuron_selector": [1, 2, 2], **options}}
        for name, options in {
            "Conductance": {"n_steps": 4},
            "FeatureAblation": {},
            "Gradient": {},
            "IntegratedGradients": {"n_steps": 4},
            "DeepLift": {"baselines": 0.0},
            "DeepLiftShap": {"baselines": [0.0, 1.0]},
            "GradientShap": {"baselines": [0.0, 1.0]},
            "Deconvolution": {},
            "GuidedBackprop": {},
        }.items()
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_every_class_of_captum_is_called_by_plain_values(name):
    model, (x, target) = random_net(), images(2)
    maps = Captum(f"captum.attr.{name}", **CALLS[name])(model, x, target)
    assert maps.shape == (2, 8, 8)
    assert bool(maps.isfinite().all())


def test_no_class_of_captum_is_forgotten():
    """Every attribution of images that Captum exports is called above, or is none of an image."""
    others = {
        *("Attribution", "GradientAttribution", "PerturbationAttribution", "NeuronAttribution"),
        *("LayerAttribution", "DataLoaderAttribution", "LimeBase", "LayerFeaturePermutation"),
        *("LLMAttribution", "LLMGradientAttribution", "RemoteLLMAttribution"),
    }
    exported = {
        name for name in captum.attr.__all__ if hasattr(getattr(captum.attr, name), "attribute")
    }
    assert exported - others == set(CALLS)
