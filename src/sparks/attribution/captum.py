"""Any attribution method of Captum, named in a YAML file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import torch
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import Tensor, nn
from torch.nn import functional

from sparks.attribution.activations import scripted, without_module
from sparks.attribution.cam import find_layer
from sparks.attribution.gradient import REDUCTIONS, in_batches, reduce_channels
from sparks.checks import one_of, whole
from sparks.engine.inference import Logits, Model, check_inputs, device_of
from sparks.engine.seeds import global_generators
from sparks.errors import SparksError
from sparks.models.device import to_device
from sparks.models.layout import channels_first, layout_of

# Classes of Captum that want a sample of inputs as their baselines.
SAMPLES = (
    *("GradientShap", "LayerGradientShap", "NeuronGradientShap"),
    *("DeepLiftShap", "LayerDeepLiftShap", "NeuronDeepLiftShap"),
)

# Classes that hook onto the modules of activations.
HOOKED = (
    *("DeepLift", "DeepLiftShap", "LayerDeepLift", "LayerDeepLiftShap", "NeuronDeepLift"),
    *("NeuronDeepLiftShap", "GuidedBackprop", "NeuronGuidedBackprop", "GuidedGradCam"),
    *("Deconvolution", "NeuronDeconvolution", "LRP", "LayerLRP"),
)


@dataclass(frozen=True)
class Captum:
    """An adapter: `Captum(method="captum.attr.DeepLift", options={"baselines": 0.0})`.

    Attributes:
        method: path of the class.
        init: arguments of its constructor, after the model (and the layer).
        options: arguments of `attribute`, after the inputs and the target; a `feature_mask` may be
            nested lists. Methods whose baselines are a sample of inputs (GradientShap,
            DeepLiftShap) take a tensor (M, ...), or a list of M numbers, each an input of that
            value everywhere.
        inner: the method that NoiseTunnel adds noise to, another `Captum`.
        layer: name of the layer, for Captum's layer methods; their maps are upsampled bilinearly.
        channels: how channels are reduced, see `sparks.attribution.gradient`.
        batch_size: inputs per call. Some methods stack many copies of them; they have their own
            bounds (`internal_batch_size`, `perturbations_per_eval`), which belong in `options`.
        seed: Captum draws from the global generators, PyTorch's and NumPy's; these and Python's own
            are seeded for the call and put back.

    Example:
        >>> Captum("captum.attr.InputXGradient")(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    method: str
    init: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    inner: Captum | None = None
    layer: str | None = None
    channels: str = "sum"
    batch_size: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        whole(self, 1, "batch_size")
        whole(self, 0, "seed")
        one_of(self, REDUCTIONS, "channels")
        parameters = inspect.signature(self._class().__init__).parameters
        if "layer" in parameters and self.layer is None:
            raise self._refusal("the name of a layer (layer)")
        if "layer" not in parameters and self.layer is not None:
            raise self._refusal(f"no layer, and is given layer={self.layer!r}")
        name = self.method.rpartition(".")[2]
        if name in SAMPLES and not isinstance(self._sample(), Tensor | tuple):
            raise self._refusal("baselines that are a sample: a tensor, or a list of numbers")
        if (name == "NoiseTunnel") != isinstance(self.inner, Captum):
            wanted = "another method" if name == "NoiseTunnel" else "no other method"
            raise self._refusal(f"{wanted} (inner)")
        given = {**self.options, **({"target": 0} if self._has_target() else {})}
        try:
            inspect.signature(self._class().attribute).bind(None, None, **given)
        except TypeError as error:
            raise self._refusal(f"other options of attribute: {error}") from error

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        if self.method.rpartition(".")[2] in HOOKED and len(x):
            self._refuse_unseen(model, x[:1])
        explain = partial(self._explain, model)
        with global_generators(self.seed, device_of(model, x)):
            values = in_batches(model, x, target, self.batch_size, explain)
        return reduce_channels(values, self.channels)

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a model that the method cannot explain, from a call on x (N, ...).

        Raises:
            SparksError: naming the class, and what Captum says.
        """
        self(model, x, torch.zeros(len(x), dtype=torch.int64))

    def _sample(self) -> Tensor | tuple[float, ...] | None:
        """Return the baselines as a tensor or as numbers; None where they are neither."""
        baselines = self.options.get("baselines")
        if isinstance(baselines, Tensor):
            return baselines
        listed = isinstance(baselines, Sequence) and not isinstance(baselines, str)
        if listed and baselines and all(isinstance(value, int | float) for value in baselines):
            return tuple(float(value) for value in baselines)
        return None

    def _options(self, x: Tensor) -> dict[str, Any]:
        """Return the options of `attribute` for inputs x (N, ...)."""
        options: dict[str, Any] = _plain(self.options)
        if isinstance(options.get("feature_mask"), tuple):
            options["feature_mask"] = torch.tensor(options["feature_mask"], device=x.device)
        if self.method.rpartition(".")[2] in SAMPLES:
            sample = self._sample()
            if isinstance(sample, tuple):
                values = x.new_tensor(sample).view(-1, *[1] * (x.ndim - 1))
                sample = values.expand(-1, *x.shape[1:]).contiguous()
            assert sample is not None
            options["baselines"] = to_device(sample, x.device)
        return options

    def _built(self, model: Model, target: Tensor | None) -> Any:
        if self.inner is not None:
            return self._class()(self.inner._built(model, target), **_plain(self.init))
        layer = [] if self.layer is None else [find_layer(model, self.layer)]
        try:
            return self._class()(Logits(model, target), *layer, **_plain(self.init))
        except _FAULTS as error:
            raise self._failure(error) from error

    def _explain(self, model: Model, x: Tensor, target: Tensor | None) -> Tensor:
        method = self._built(model, target)
        goals = 0 if target is None else to_device(target, x.device)
        named = {"target": goals} if self._has_target() else {}
        try:
            with reshapes_ruled(model if "LRP" in self.method else None):
                values = method.attribute(x, **named, **self._options(x))
        except (SparksError, torch.OutOfMemoryError):
            raise
        except _FAULTS as error:
            raise self._failure(error) from error
        if not isinstance(values, Tensor):
            raise self._refusal(f"a layer of one tensor, and gives a {type(values).__name__}")
        values = values.detach()
        if self.layer is None or values.ndim != 4 or x.ndim != 4:
            return values
        size = (x.shape[2], x.shape[3])
        module = find_layer(model, self.layer)
        layout = layout_of(model, module, self.layer, tuple(values.shape[1:]), size)
        return functional.interpolate(channels_first(values, layout), size, mode="bilinear")

    def _refuse_unseen(self, model: Model, x: Tensor) -> None:
        if scripted(model):
            raise self._refusal("Python modules, and cannot see into TorchScript")
        check_inputs(model, x)
        if unseen := without_module(model, x):
            raise self._refusal(
                f"activations that are modules, and the model calls {', '.join(sorted(unseen))} "
                "as functions, so that its results would be wrong: write these as modules "
                "(nn.ReLU), or take another method"
            )

    def _has_target(self) -> bool:
        if self.inner is not None:
            return self.inner._has_target()
        return "target" in inspect.signature(self._class().attribute).parameters

    def _class(self) -> Any:
        module, _, name = self.method.rpartition(".")
        try:
            found = getattr(import_module(module), name)
            found.attribute  # noqa: B018
        except (ImportError, AttributeError, ValueError) as error:
            raise SparksError(
                f"{self.method!r} is not a class of attribution that can be imported ({error}): "
                "give its full path, such as captum.attr.DeepLift"
            ) from error
        return found

    def _refusal(self, wants: str) -> SparksError:
        return SparksError(f"{self.method} wants {wants}")

    def _failure(self, error: Exception) -> SparksError:
        said = " ".join(str(error).split()) or "no reason"
        return SparksError(
            f"{self.method} cannot explain this model with these options: "
            f"{type(error).__name__}, {said}"
        )


# Errors that Captum's methods raise for models or options that they do not support.
_FAULTS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@contextmanager
def reshapes_ruled(model: Any) -> Iterator[None]:
    """Give layers that only reshape LRP's epsilon rule within the block: Captum has none for them.

    Their outputs are their inputs, so that each hands its relevance back unchanged.
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    reshapes = [
        module
        for module in modules
        if isinstance(module, nn.Flatten | nn.Unflatten | nn.Identity)
        or (isinstance(module, nn.Sequential) and not len(module))
    ]
    for module in reshapes:
        module.rule = EpsilonRule()
    try:
        yield
    finally:
        for module in reshapes:
            if hasattr(module, "rule"):
                del module.rule


def _plain(value: Any) -> Any:
    """Convert configuration containers to the dicts and tuples that Captum expects."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_plain(item) for item in value)
    return value
