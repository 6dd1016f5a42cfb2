"""Logits that are affine in the mean activation: split exactly into the atoms of one dictionary.

    f_c(x) = b_c + w_c · mean_t a_t(x)                     logit of class c, activations at places t
    a_t = Σ_k z_tk D_k + offset + r_t                      codes, atoms and what these leave
    f_c(x) = (b_c + w_c · offset) + Σ_k z̄_k (w_c · D_k) + w_c · r̄

So one dictionary serves all classes: atom k moves class c by w_c · D_k for each unit of its mean
code, whatever the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sparks.concepts.dictionary import Dictionary
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks.short_repr import short_repr

PROBES = 64  # activations in one pass through what follows the layer
CLOSE = 1e-3  # of the logits' spread: how far from affine rounding alone can bring them


@dataclass(frozen=True, eq=False)
class AffineHead:
    """Affine map from a layer's mean activation over places to the logits.

    Attributes:
        weight: (classes, p).
        bias: (classes,).

    Example:
        >>> head = AffineHead(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2))
        >>> head.logits(torch.tensor([[3.0, 4.0]]))  # of a mean activation
        tensor([[3., 8.]])
    """

    weight: Tensor
    bias: Tensor

    __repr__ = short_repr

    @classmethod
    def of(cls, layer: Layer, seed: int = 0) -> AffineHead:
        """Read the head of a network cut at a layer, from its logits of unit activations.

        Args:
            layer: where the network is cut.
            seed: of the activations on which the result is tried.

        Raises:
            SparksError: when the logits are not affine in the mean activation.
        """
        places, p = layer.places, layer.channels

        def logits(means: Tensor) -> Tensor:
            return layer.logits(means[:, None].expand(-1, places, -1))

        bias = logits(torch.zeros(1, p))[0]
        units = torch.split(torch.eye(p), PROBES)
        weight = torch.cat([logits(unit) for unit in units]).T - bias[:, None]
        head = cls(weight.contiguous(), bias)
        generator = torch.Generator().manual_seed(seed)
        tried = 3 * torch.rand(4, places, p, generator=generator)
        found, expected = layer.logits(tried), head.logits(tried.mean(1))
        if not torch.allclose(found, expected, atol=CLOSE * float(found.std()), rtol=0):
            raise SparksError(
                f"layer {layer.name!r}: the logits are not affine in its mean activation, so that "
                "they do not split into atoms: name the last layer with feature maps of a network "
                "that ends in a mean over places and a linear layer"
            )
        return head

    def logits(self, means: Tensor) -> Tensor:
        """Return the logits (N, classes) of mean activations (N, p)."""
        return means @ self.weight.T + self.bias

    def of_atoms(self, dictionary: Dictionary) -> Tensor:
        """Return what a unit of each atom's mean code adds to each class, (classes, k).

        Raises:
            SparksError: when the dictionary is of activations with another number of channels.
        """
        if dictionary.atoms.shape[1] != self.weight.shape[1]:
            raise SparksError(
                f"a dictionary of {dictionary.atoms.shape[1]} channels does not fit a head of "
                f"{self.weight.shape[1]}: fit it on activations of the head's layer"
            )
        return self.weight @ dictionary.atoms.T

    def constant(self, dictionary: Dictionary) -> Tensor:
        """Return what every image's logits hold without any atom, (classes,)."""
        return self.bias + self.weight @ dictionary.offset

    def left(self, dictionary: Dictionary, means: Tensor, codes: Tensor) -> Tensor:
        """Return what the atoms leave of the logits, (N, classes).

        Args:
            dictionary: of k atoms.
            means: activations, mean over places, (N, p).
            codes: of the atoms, mean over places, (N, k).
        """
        return (means - dictionary.decode(codes)) @ self.weight.T
