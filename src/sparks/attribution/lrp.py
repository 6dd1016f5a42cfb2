"""Layer-wise relevance propagation, by Captum's rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr._utils import lrp_rules as rules
from torch import Tensor, nn

from sparks.attribution.activations import without_module
from sparks.attribution.captum import Captum
from sparks.attribution.gradient import REDUCTIONS
from sparks.checks import between, one_of, whole
from sparks.engine.inference import Model
from sparks.errors import SparksError

RULES = ("epsilon", "alpha-beta", "gamma", "composite")


@dataclass(frozen=True)
class LRP:
    """Relevance of the logit, handed back layer by layer (Bach et al. 2015), summed over channels.

    Rules: "epsilon" (shares of Σ z + ε), "alpha-beta" (α = 1, β = 0: positive contributions alone),
    "gamma" (positive weights count 1 + γ times), and "composite", epsilon in dense layers and
    alpha-beta in convolutions (Montavon et al. 2019 have gamma in the middle ones). Biases keep a
    share of the relevance under "epsilon" alone.

    Layers must be modules, one after the other: Captum knows no rule for sums of branches that are
    written as `+`, so networks with residual blocks are refused.

    Attributes:
        rule: one of the above.
        epsilon: ε, in units of the activations.
        gamma: γ.
        channels: a key of `REDUCTIONS`.
        batch_size: inputs per backward pass, the bound on memory.

    Example:
        The relevance of a linear model without a bias is its terms.

        >>> LRP()(linear, x, target)
        tensor([[1., 0., 2.]])
    """

    rule: str = "epsilon"
    epsilon: float = 1e-9
    gamma: float = 0.25
    channels: str = "sum"
    batch_size: int = 64

    def __post_init__(self) -> None:
        whole(self, 1, "batch_size")
        one_of(self, RULES, "rule")
        one_of(self, REDUCTIONS, "channels")
        between(self, 0, float("inf"), "epsilon", "gamma")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return maps (N, H, W), or (N, d) for vectors, that explain the classes `target` (N,)."""
        if len(x) and "+" in without_module(model, x[:1], sums=True):
            raise SparksError(
                "LRP: the model adds tensors (as residual blocks do), for which Captum has no "
                "rule: use a network whose layers follow one another, or GradientInput"
            )
        captum = Captum("captum.attr.LRP", channels=self.channels, batch_size=self.batch_size)
        with self._ruled(model):
            return captum(model, x, target)

    def check(self, model: Model, x: Tensor) -> None:
        """Refuse a model that the method cannot explain, from a call on x (N, ...).

        Raises:
            SparksError: as a call does.
        """
        self(model, x, torch.zeros(len(x), dtype=torch.int64))

    @contextmanager
    def _ruled(self, model: Model) -> Iterator[None]:
        """Give each layer its rule within the block; Captum reads it as the attribute `rule`."""
        modules = list(model.modules()) if isinstance(model, nn.Module) else []
        ruled = [module for module in modules if isinstance(module, nn.Linear | nn.Conv2d)]
        for module in ruled:
            module.rule = self._rule_of(module)
        try:
            yield
        finally:
            for module in ruled:
                if hasattr(module, "rule"):
                    del module.rule

    def _rule_of(self, module: nn.Module) -> Any:
        if self.rule == "gamma":
            return rules.GammaRule(gamma=self.gamma, set_bias_to_zero=True)
        convolution = isinstance(module, nn.Conv2d)
        if self.rule == "alpha-beta" or (self.rule == "composite" and convolution):
            return rules.Alpha1_Beta0_Rule(set_bias_to_zero=True)
        return rules.EpsilonRule(epsilon=self.epsilon)
