"""Error of estimated total indices against the true ones, by sequence and estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.sensitivity.designs import SaltelliDesign
from sparks.sensitivity.estimators import ESTIMATORS, indices
from sparks.sensitivity.functions import Additive, Ishigami, SobolG


@dataclass(frozen=True)
class Sampler:
    """A sequence of points, scrambled or not: one of those whose accuracy is compared.

    Attributes:
        sequence: "sobol", "halton", "latin-hypercube" or "monte-carlo"; see
            `sparks.sensitivity.draw`.
        scramble: randomise the points.

    Example:
        >>> sampler = Sampler("sobol", scramble=False)
        >>> sampler.label, sampler.random
        ('sobol, unscrambled', False)
    """

    sequence: str
    scramble: bool

    @property
    def label(self) -> str:
        """Name of the sampler in figures and tables."""
        if self.sequence == "monte-carlo":
            return self.sequence
        return self.sequence + (", scrambled" if self.scramble else ", unscrambled")

    @property
    def random(self) -> bool:
        """True if two seeds give two designs."""
        return self.scramble or self.sequence in ("monte-carlo", "latin-hypercube")


SAMPLERS = (
    Sampler("sobol", True),
    Sampler("halton", True),
    Sampler("latin-hypercube", True),
    Sampler("monte-carlo", True),
    Sampler("sobol", False),
    Sampler("halton", False),
    Sampler("latin-hypercube", False),
)

Function = Ishigami | SobolG | Additive

FUNCTIONS: Mapping[str, Function] = {
    "Ishigami, d = 3": Ishigami(),
    "Sobol g, d = 8": SobolG(),
    **{f"additive, d = {d}": Additive(torch.linspace(0.5, 1.5, d).tolist()) for d in (20, 64, 121)},
}


def estimates(
    function: Function, sampler: Sampler, points: int, repeats: int, seed: int = 0
) -> dict[str, Tensor]:
    """Estimate the total indices of a function anew, `repeats` times, by every estimator.

    Returns:
        estimator → float64 (repeats, d); (1, d) for a design that no seed changes.
    """
    outputs = _outputs(function, sampler, points, repeats, seed)
    return {name: indices(outputs, points, "total", name) for name in ESTIMATORS}


def interactions(
    function: Function, sampler: Sampler, points: int, repeats: int, seed: int = 0
) -> Tensor:
    """Estimate the mean of ST - S over the inputs of a function anew, `repeats` times, by Jansen.

    Returns:
        float64 (repeats,); (1,) for a design that no seed changes. Its expectation is 0, up to the
        bias of the estimator, for a function that is a sum over its inputs.
    """
    outputs = _outputs(function, sampler, points, repeats, seed)
    total, first = (indices(outputs, points, order) for order in ("total", "first"))
    return (total - first).mean(1)


def _outputs(function: Function, sampler: Sampler, points: int, repeats: int, seed: int) -> Tensor:
    """Return what a function gives for the rows of each design, (repeats, rows)."""
    d = len(function.indices()[1])
    return torch.stack(
        [
            function(
                SaltelliDesign.sample(
                    points, d, sampler.sequence, sampler.scramble, seed + r
                ).rows()
            )
            for r in range(repeats if sampler.random else 1)
        ]
    )


def deviations(estimated: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Compare estimates (repeats, d) with the true indices (d,), in units of their mean.

    Returns:
        "RelativeError", the mean absolute deviation over the indices, of each repeat;
        "RelativeBias", the mean signed deviation, of each repeat: its mean over repeats is the
        bias of Σ ST; "IndexBias", the size of the mean deviation over repeats, averaged over the
        indices, (1,): what no number of repeats takes away.
    """
    gaps = (estimated - true) / true.mean()
    return {
        "RelativeError": gaps.abs().mean(1),
        "RelativeBias": gaps.mean(1),
        "IndexBias": gaps.mean(0).abs().mean()[None],
    }
