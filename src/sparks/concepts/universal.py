"""Universal dictionaries: one set of concepts for the activations of several networks.

    a_m ≈ Z D_m + offset_m      activations (n, p_m) of network m at n places of images
    Z = top(relu(W_i (a_i - offset_i) + b_i))      codes (n, k), the same for all networks

Codes of any network i decode to the activations of every network m: a concept is what they have in
common, up to a direction of its own in each.

    Thasarathan, Forsyth, Fel, Kowal, Derpanis: Universal Sparse Autoencoders (arXiv 2502.03714).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

import torch
from torch import Tensor
from torch.nn import functional

from sparks.checks import whole
from sparks.concepts.dictionary import Dictionary, Fit, check, loss_of
from sparks.concepts.metrics import r_squared
from sparks.concepts.sae import Descent, Plateau, adam, shuffled
from sparks.concepts.sae_codes import Sparse, top
from sparks.errors import SparksError


@dataclass(frozen=True, kw_only=True)
class UniversalSAE(Descent):
    """A sparse autoencoder with an encoder and a decoder for each network, and shared codes.

    Each step draws one network, whose encoder gives the codes of a batch of places; the loss is the
    squared error of all networks' activations that these codes decode to, on average over networks.
    Activations of each network are first brought to mean 0 and mean length 1, so that none counts
    more. Atoms have length one in the root mean square over networks, so that a concept can be
    strong in one and absent from another; the paper does not say what its atoms' lengths are.

    Attributes:
        concepts: k.
        active: concepts of a code that may be non-zero.
        seed: of the start, of the batches and of the networks drawn.

    Raises:
        SparksError: when a setting is out of its range.

    Example:
        >>> both = [activations, activations @ torch.rand(5, 6)]  # of two networks
        >>> first, second = UniversalSAE(concepts=3, active=1, epochs=20).fit(both)
        >>> second.decode(first.encode(activations)).shape  # what the second network would see
        torch.Size([60, 6])
    """

    concepts: int = 10
    active: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, 1, "concepts", "active")
        whole(self, 0, "seed")
        if self.active > self.concepts:
            raise SparksError(f"active {self.active} must lie in 1 … {self.concepts} concepts")

    def fit(self, activations: Sequence[Tensor]) -> tuple[Dictionary, ...]:
        """Fit to the activations of networks at the same places of the same images.

        Args:
            activations: of each network, (n, p_m).

        Returns:
            A dictionary for each network; concept number k is the same in all of them.

        Raises:
            SparksError: when there are fewer than two networks, they give different numbers of
                activations, or these are not finite or fewer than the concepts.
        """
        a = _same_places(activations, self.concepts)
        means = [one.mean(0) for one in a]
        scales = [
            (x - m).norm(dim=1).mean().clamp(min=1e-12) for x, m in zip(a, means, strict=True)
        ]
        x = [(one - m) / s for one, m, s in zip(a, means, scales, strict=True)]
        atoms, filters, biases, done, settled = self._train(x)
        fit = Fit("universal SAE", self.seed, done, settled, self.rule, 0.0)
        found = []
        for m, one in enumerate(a):
            fitted = Sparse(
                atoms=atoms[m] * scales[m],
                offset=means[m],
                fit=fit,
                filters=filters[m] / scales[m],
                bias=biases[m],
                active=self.active,
            )
            loss = loss_of(one, fitted.encode(one), fitted.atoms, fitted.offset)
            found.append(replace(fitted, fit=replace(fit, loss=loss)))
        return tuple(found)

    def _train(
        self, x: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], int, bool]:
        """Return atoms, filters and biases of each network, epochs, whether loss levelled off."""
        generator = torch.Generator().manual_seed(self.seed)
        drawn = [torch.randn(self.concepts, one.shape[1], generator=generator) for one in x]
        atoms = [functional.normalize(d, dim=1).to(one) for d, one in zip(drawn, x, strict=True)]
        filters = [one.T.contiguous() for one in atoms]
        biases = [one.new_zeros(self.concepts) for one in x]
        trained = [w.requires_grad_() for w in (*atoms, *filters, *biases)]
        moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in trained]
        rows = torch.arange(len(x[0]))
        batches = shuffled(rows, self.batch_size, generator)
        taken = [0] * len(trained)  # steps of each weight: encoders rest where not drawn
        plateau, steps, done = Plateau(self.rate, self.patience, self.tolerance), 0, 0
        while done < self.epochs and plateau.halvings < self.halvings:
            total, first = 0.0, steps
            for chosen in batches(done):
                i = int(torch.randint(len(x), (1,), generator=generator))
                with self._autocast(x[i].device):
                    code = top(functional.relu(x[i][chosen] @ filters[i] + biases[i]), self.active)
                    errors = [
                        (one[chosen] - code @ d).square().sum(1).mean()
                        for one, d in zip(x, atoms, strict=True)
                    ]
                    loss = torch.stack(errors).mean()
                gradients = torch.autograd.grad(loss, trained, allow_unused=True)
                steps += 1
                with torch.no_grad():
                    total += float(loss) * len(chosen)
                    for n, gradient in enumerate(gradients):
                        if gradient is not None:
                            taken[n] += 1
                            trained[n] -= plateau.rate * adam(gradient, moments[n], taken[n])
                    length = torch.stack([d.square().sum(1) for d in atoms]).mean(0).sqrt()
                    for d in atoms:
                        d /= length.clamp(min=1e-12)[:, None]
            done += 1
            plateau.note(total / len(rows), steps - first)
        atoms, filters, biases = ([w.detach() for w in kind] for kind in (atoms, filters, biases))
        return atoms, filters, biases, done, plateau.halvings == self.halvings


def cross_reconstruction(
    dictionaries: Sequence[Dictionary], activations: Sequence[Tensor]
) -> Tensor:
    """Return R² of each network's activations from the codes of each: (M, M).

    Row i, column m: the activations of network m, decoded by its dictionary from the codes of
    network i. At most 1; 0 or less where the mean of the activations is as good a guess. The
    diagonal is how well each network is reconstructed from itself.

    Args:
        dictionaries: of M networks, with the same concepts.
        activations: of each network at the same places, (n, p_m).

    Raises:
        SparksError: when networks give different numbers of activations.

    Example:
        >>> from sparks.concepts import UniversalSAE
        >>> both = [activations, activations @ torch.rand(5, 6)]
        >>> dictionaries = UniversalSAE(concepts=3, active=2, epochs=20).fit(both)
        >>> cross_reconstruction(dictionaries, both).shape
        torch.Size([2, 2])
    """
    a = _same_places(activations, 1)
    codes = [d.encode(one) for d, one in zip(dictionaries, a, strict=True)]
    return torch.tensor(
        [
            [r_squared(one, d.decode(u)) for d, one in zip(dictionaries, a, strict=True)]
            for u in codes
        ]
    )


def firing_entropy(codes: Sequence[Tensor]) -> Tensor:
    """Return how evenly each concept is used by networks: (k,), in [0, 1].

    The entropy of the shares that the networks have in the uses of a concept, over that of equal
    shares: 1 where all use it as often, 0 where one network alone does; NaN where none does.

    Args:
        codes: of each network, (n_m, k); two networks or more.

    Example:
        >>> one, other = torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> firing_entropy([one, other])
        tensor([1., 0.])
    """
    share = torch.stack([(u > 0).float().mean(0) for u in codes])
    share = share / share.sum(0)
    entropy: Tensor = torch.special.entr(share).sum(0) / log(len(codes))
    return entropy


def co_firing(codes: Sequence[Tensor]) -> Tensor:
    """Return the share of a concept's places at which all networks use it: (k,), in [0, 1].

    Its places are those at which one network or more uses it; NaN where none does.

    Args:
        codes: of each network at the same places, (n, k).

    Example:
        >>> one, other = torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> co_firing([one, other])
        tensor([1., 0.])
    """
    used = torch.stack([u > 0 for u in codes])
    return used.all(0).sum(0) / used.any(0).sum(0)


def _same_places(activations: Sequence[Tensor], concepts: int) -> list[Tensor]:
    if len(activations) < 2:
        raise SparksError("a universal dictionary is of two networks or more: one is a plain SAE's")
    counts = [len(one) for one in activations]
    if any(a != b for a, b in pairwise(counts)):
        raise SparksError(
            f"the networks give {counts} activations, and a universal dictionary needs the same "
            "places of the same images of all: resize their maps to one grid first"
        )
    return [check(one, concepts) for one in activations]
