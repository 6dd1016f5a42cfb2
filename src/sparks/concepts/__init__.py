"""Concepts: dictionaries of activations, CRAFT, and the holistic framework.

Notation, kept in this package:

    g, h   a model cut at a layer, f = h ∘ g
    a      an activation, p channels at each of L places: (L, p); A, many of them (n, p)
    V      a dictionary: k atoms, (k, p); the papers write A ≈ U Vᵀ with atoms as columns
    u      codes or coefficients: a ≈ u V + offset; (n, k), or (N, k, L) for images at all places
    s(u)   the model from concepts on, h(u V)

Examples decompose activations made of two atoms, and images in the layer "1" of a small network:

    >>> import torch
    >>> from torch import nn
    >>> from sparks.models import Classifier
    >>> atoms = torch.tensor([[1.0, 0.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 1.0]])
    >>> activations = torch.rand(60, 2) @ atoms
    >>> pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *pool, nn.Linear(4, 2))
    >>> model, images = Classifier(net).eval(), torch.rand(6, 3, 16, 16)

A coefficient at all places is one feature: attribution methods and metrics explain `concepts.head`
as they explain any model of vectors. Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.concepts.affine_head import AffineHead
    from sparks.concepts.bank import ConceptBank, Concepts
    from sparks.concepts.banks import Banks
    from sparks.concepts.baselines import Exemplars, Neurons, RandomDirections
    from sparks.concepts.circuits import Circuit, CrossLayerAttribution
    from sparks.concepts.craft import Craft
    from sparks.concepts.craft_maps import CraftMaps
    from sparks.concepts.crops import GridCrops, RandomCrops
    from sparks.concepts.dictionary import Dictionary, Method
    from sparks.concepts.extractor import Extractor
    from sparks.concepts.layer import ConceptHead, ConceptScores, Layer
    from sparks.concepts.nmf import NMF
    from sparks.concepts.nnls_solver import nnls
    from sparks.concepts.observer import Histograms
    from sparks.concepts.sae import SAE
    from sparks.concepts.second_order import SecondOrder, repainted
    from sparks.concepts.semi_nmf import ConvexNMF, SemiNMF
    from sparks.concepts.sklearn_wrappers import ICA, PCA, KMeans
    from sparks.concepts.streams import Stream
    from sparks.concepts.universal import (
        UniversalSAE,
        co_firing,
        cross_reconstruction,
        firing_entropy,
    )

_MODULES = {
    "ICA": "sklearn_wrappers",
    "NMF": "nmf",
    "PCA": "sklearn_wrappers",
    "SAE": "sae",
    "AffineHead": "affine_head",
    "Banks": "banks",
    "Circuit": "circuits",
    "ConceptBank": "bank",
    "ConceptHead": "layer",
    "ConceptScores": "layer",
    "Concepts": "bank",
    "ConvexNMF": "semi_nmf",
    "Craft": "craft",
    "CraftMaps": "craft_maps",
    "CrossLayerAttribution": "circuits",
    "Dictionary": "dictionary",
    "Extractor": "extractor",
    "GridCrops": "crops",
    "Histograms": "observer",
    "KMeans": "sklearn_wrappers",
    "Layer": "layer",
    "Method": "dictionary",
    "Neurons": "baselines",
    "Exemplars": "baselines",
    "RandomDirections": "baselines",
    "RandomCrops": "crops",
    "SecondOrder": "second_order",
    "SemiNMF": "semi_nmf",
    "Stream": "streams",
    "UniversalSAE": "universal",
    "co_firing": "universal",
    "cross_reconstruction": "universal",
    "firing_entropy": "universal",
    "nnls": "nnls_solver",
    "repainted": "second_order",
}

__all__ = [
    "ICA",
    "NMF",
    "PCA",
    "SAE",
    "AffineHead",
    "Banks",
    "Circuit",
    "ConceptBank",
    "ConceptHead",
    "ConceptScores",
    "Concepts",
    "ConvexNMF",
    "Craft",
    "CraftMaps",
    "CrossLayerAttribution",
    "Dictionary",
    "Exemplars",
    "Extractor",
    "GridCrops",
    "Histograms",
    "KMeans",
    "Layer",
    "Method",
    "Neurons",
    "RandomCrops",
    "RandomDirections",
    "SecondOrder",
    "SemiNMF",
    "Stream",
    "UniversalSAE",
    "co_firing",
    "cross_reconstruction",
    "firing_entropy",
    "nnls",
    "repainted",
]


__getattr__ = on_first_use(__name__, _MODULES)
