"""Kinds of sparse autoencoders: how codes become sparse, and what the loss adds for it.

All work on activations x (n, p) with mean 0 and a mean length of 1, and make codes of x - centre.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from sparks.concepts.dictionary import Dictionary, Fit
from sparks.concepts.sae_codes import Gated, Pursued, Sparse, matching, top

Weights = dict[str, Tensor]

WIDTH = 0.05  # of the window around a threshold in which it gets gradients; of the data's scale 1
THRESHOLD = 0.02  # of "jumprelu" at the start
PREFIXES = (8, 4, 2)  # Matryoshka: the first k/8, k/4 and k/2 atoms must do alone, too
POINTS = 4  # "archetypal": centres of clusters that an atom mixes, for each atom


class Kind:
    """A kind of autoencoder, for one fit.

    Args:
        concepts: k.
        active: concepts of a code that may be non-zero, where the kind is asked for a number.
        penalty: weight of the loss of sparsity, where it has one.
        seed: of its random numbers.
    """

    # Whether atoms that have not been used for long can be given what others leave (`revived`).
    revivable: ClassVar[bool] = True

    def __init__(self, concepts: int, active: int, penalty: float, seed: int) -> None:
        self.concepts, self.active, self.penalty, self.seed = concepts, active, penalty, seed

    def weights(self, atoms: Tensor, sample: Tensor) -> Weights:
        """Return what is trained.

        Args:
            atoms: of length one, random (k, p).
            sample: activations (m, p).
        """
        bias, centre = torch.zeros(len(atoms)).to(atoms), torch.zeros(atoms.shape[1]).to(atoms)
        return {"filters": atoms.T.clone(), "bias": bias, "atoms": atoms, "centre": centre}

    def before(self, rest: Tensor, w: Weights) -> Tensor:
        """Return codes (n, k) of `rest` = x - centre before any is set to zero."""
        return functional.relu(rest @ w["filters"] + w["bias"])

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes (n, k) of `rest` = x - centre, and what the loss adds."""
        raise NotImplementedError

    def atoms(self, w: Weights) -> Tensor:
        """Return the atoms (k, p)."""
        return w["atoms"]

    def constrain(self, w: Weights) -> None:
        """Bring weights back to where they must lie, after a step."""
        w["atoms"].copy_(functional.normalize(w["atoms"], dim=1))

    def note(self, codes: Tensor) -> None:
        """Take in the codes of a step."""

    def finished(self, w: Weights, mean: Tensor, scale: Tensor, fit: Fit) -> Dictionary:
        """Return the dictionary of activations mean + scale x."""
        return Sparse(
            atoms=self.atoms(w),
            offset=mean + scale * w["centre"],
            fit=fit,
            filters=w["filters"],
            bias=w["bias"] * scale,
            **self._rule(scale),
        )

    def _rule(self, scale: Tensor) -> dict[str, Any]:
        return {}


class ReLU(Kind):
    """An L1 penalty of the codes."""

    revivable = False  # the penalty drives codes to zero on purpose

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        codes = self.before(rest, w)
        return codes, self.penalty * codes.sum(1).mean()


class TopK(Kind):
    """The largest of each code (Gao et al. 2024)."""

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        return top(self.before(rest, w), self.active), None

    def _rule(self, scale: Tensor) -> dict[str, Any]:
        return {"active": self.active}


class BatchTopK(Kind):
    """The largest of a batch, `active` a code on average; then a threshold (Bussmann 2024).

    The threshold is a running mean of the smallest code that was not set to zero.
    """

    least: Tensor | None = None

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        codes = self.before(rest, w)
        chosen = min(self.active * len(codes), codes.numel())
        return top(codes.reshape(1, -1), chosen).reshape(codes.shape), None

    def note(self, codes: Tensor) -> None:
        """Follow the smallest code; see `Kind`."""
        if bool((codes > 0).any()):
            low = codes[codes > 0].min()
            self.least = low if self.least is None else torch.lerp(self.least, low, 0.01)

    def _rule(self, scale: Tensor) -> dict[str, Any]:
        return {"threshold": 0.0 if self.least is None else float(self.least * scale)}


class Matryoshka(BatchTopK):
    """BatchTopK whose first atoms must explain x alone, too (Bussmann et al. 2025).

    So general concepts come first, and special ones do not absorb them.
    """

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        codes, _ = super().codes(rest, w)
        sizes = sorted({self.concepts // part for part in PREFIXES} - {0, self.concepts})
        losses = [
            (rest - codes[:, :size] @ w["atoms"][:size]).square().sum(1).mean() for size in sizes
        ]
        return codes, torch.stack(losses).sum() if losses else None


class JumpReLU(Kind):
    """A threshold for each concept, trained by straight-through gradients (Rajamanoharan 2024).

    The loss adds penalty · (L0 / active - 1)², so that `active` concepts are non-zero on average.
    """

    revivable = False  # a threshold that rises too far comes down by its own gradient

    def weights(self, atoms: Tensor, sample: Tensor) -> Weights:
        """Return what is trained; see `Kind`."""
        height = torch.full((len(atoms),), THRESHOLD).log().to(atoms)
        return super().weights(atoms, sample) | {"height": height}

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        before, threshold = self.before(rest, w), w["height"].exp()
        codes: Tensor = _Jump.apply(before, threshold)
        count: Tensor = _Step.apply(before, threshold)
        return codes, self.penalty * (count.sum(1).mean() / self.active - 1).square()

    def finished(self, w: Weights, mean: Tensor, scale: Tensor, fit: Fit) -> Dictionary:
        """Return the dictionary; see `Kind`."""
        gate = w["bias"] - w["height"].exp()
        return _gated(w, gate, torch.ones_like(gate), mean, scale, fit)


class GatedReLU(Kind):
    """Gates decide whether a concept is active, magnitudes how much (Rajamanoharan et al. 2024).

    Both share filters. The loss adds an L1 penalty of the gates before they are cut, and the error
    of a reconstruction by them, so that they are trained too.
    """

    revivable = False

    def weights(self, atoms: Tensor, sample: Tensor) -> Weights:
        """Return what is trained; see `Kind`."""
        zeros = torch.zeros(len(atoms)).to(atoms)
        return super().weights(atoms, sample) | {"gate": zeros, "gain": zeros.clone()}

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        product = rest @ w["filters"]
        gate = functional.relu(product + w["gate"])
        codes = functional.relu(product * w["gain"].exp() + w["bias"]) * (gate > 0)
        error = (rest.detach() - gate @ w["atoms"].detach()).square().sum(1).mean()
        return codes, self.penalty * gate.sum(1).mean() + error

    def finished(self, w: Weights, mean: Tensor, scale: Tensor, fit: Fit) -> Dictionary:
        """Return the dictionary; see `Kind`."""
        return _gated(w, w["gate"], w["gain"].exp(), mean, scale, fit)


class Pursuit(Kind):
    """Codes by matching pursuit: the atom with the largest product, then what is left (Costa 2025).

    Atoms are their own filters; a concept that only shows once another one is taken away is found.
    """

    revivable = False  # its codes come one after the other

    def weights(self, atoms: Tensor, sample: Tensor) -> Weights:
        """Return what is trained; see `Kind`."""
        return {"atoms": atoms, "centre": torch.zeros(atoms.shape[1]).to(atoms)}

    def codes(self, rest: Tensor, w: Weights) -> tuple[Tensor, Tensor | None]:
        """Return sparse codes and the added loss; see `Kind`."""
        return matching(rest, w["atoms"], self.active), None

    def finished(self, w: Weights, mean: Tensor, scale: Tensor, fit: Fit) -> Dictionary:
        """Return the dictionary; see `Kind`."""
        return Pursued(self.atoms(w), mean + scale * w["centre"], fit, self.active)


class Archetypal(TopK):
    """TopK whose atoms are mixtures of activations, up to a short step (Fel et al. 2025).

    Atom = Σ_j W_j c_j + λ, W >= 0 with a sum of 1, c_j the centres of clusters of activations, and
    λ at most `RELAXED` long: atoms stay where the data are, and another seed finds them again. They
    have length one afterwards. The paper's clusters are of all activations, ours of a sample.
    """

    RELAXED = 0.1  # of the data's scale 1

    def weights(self, atoms: Tensor, sample: Tensor) -> Weights:
        """Return what is trained; see `Kind`."""
        from sparks.concepts.sklearn_wrappers import KMeans

        count = min(POINTS * len(atoms), max(2, len(sample) // 2))
        self.points = KMeans(concepts=count, seed=self.seed).fit(sample).atoms.to(atoms)
        generator = torch.Generator().manual_seed(self.seed)
        own = torch.randperm(max(count, len(atoms)), generator=generator)[: len(atoms)] % count
        mixing = torch.full((len(atoms), count), 0.1 / count).to(atoms)
        mixing[torch.arange(len(atoms)), own.to(atoms.device)] += 0.9
        made = super().weights(atoms, sample)
        made |= {"mixing": mixing, "step": torch.zeros_like(atoms)}
        del made["atoms"]
        made["filters"] = self.atoms(made).detach().T.clone()
        return made

    def atoms(self, w: Weights) -> Tensor:
        """Return the atoms; see `Kind`."""
        return functional.normalize(w["mixing"] @ self.points + w["step"], dim=1)

    def constrain(self, w: Weights) -> None:
        """Constrain the mixtures; see `Kind`."""
        w["mixing"].clamp_(min=0)
        w["mixing"] /= w["mixing"].sum(1, keepdim=True).clamp(min=1e-12)
        w["step"] *= (self.RELAXED / w["step"].norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(
            max=1
        )


KINDS: dict[str, type[Kind]] = {
    "relu": ReLU,
    "topk": TopK,
    "batchtopk": BatchTopK,
    "jumprelu": JumpReLU,
    "gated": GatedReLU,
    "matryoshka": Matryoshka,
    "pursuit": Pursuit,
    "archetypal": Archetypal,
}


def _gated(
    w: Weights, gate: Tensor, gain: Tensor, mean: Tensor, scale: Tensor, fit: Fit
) -> Dictionary:
    return Gated(
        atoms=w["atoms"],
        offset=mean + scale * w["centre"],
        fit=fit,
        filters=w["filters"],
        bias=w["bias"] * scale,
        gate=gate * scale,
        gain=gain,
    )


class _Jump(torch.autograd.Function):
    """z where z > θ, else 0; near θ it is as if the jump were a slope of `WIDTH`."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(z, threshold)
        return z * (z > threshold)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor]:
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < WIDTH / 2) * (-threshold / WIDTH)
        return upstream[0] * (z > threshold), (upstream[0] * near).sum(0)


class _Step(torch.autograd.Function):
    """1 where z > θ, else 0, with the same gradient of θ."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(z, threshold)
        return (z > threshold).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, Tensor]:
        z, threshold = ctx.saved_tensors
        near = ((z - threshold).abs() < WIDTH / 2) * (-1 / WIDTH)
        return None, (upstream[0] * near).sum(0)
