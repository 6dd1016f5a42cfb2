"""Algorithmic stability: do networks retrained on other folds explain alike?

`folds` splits the data and degrades predictors, `distances` compares two maps, `compare` streams
explained images into tables of distances, `scores` turns these into MeGe and ReCo, and
`distance_sensitivity` measures how each distance reacts to known changes of a map.
Names are imported on first use.

    Fel, Vigouroux, Cadene, Serre: How Good is your Explanation? WACV 2022.

Examples use maps of two images, which two networks explain alike, and labels of two classes:

    >>> import numpy as np
    >>> import torch
    >>> from sparks.stability import Distances, Pairs, mege, stratified_folds
    >>> maps = torch.rand(2, 8, 8)
    >>> mege(Distances()(maps, maps)["spearman"])
    1.0
    >>> labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.stability.compare import Compared, chosen_images
    from sparks.stability.distances import Distances
    from sparks.stability.folds import add_label_noise, randomise_weights, stratified_folds
    from sparks.stability.scores import Pairs, StabilityWarning, by_chance, mege, reco, reco_auc

_MODULES = {
    "Compared": "compare",
    "Distances": "distances",
    "Pairs": "scores",
    "StabilityWarning": "scores",
    "add_label_noise": "folds",
    "by_chance": "scores",
    "chosen_images": "compare",
    "mege": "scores",
    "randomise_weights": "folds",
    "reco": "scores",
    "reco_auc": "scores",
    "stratified_folds": "folds",
}

__all__ = [
    "Compared",
    "Distances",
    "Pairs",
    "StabilityWarning",
    "add_label_noise",
    "by_chance",
    "chosen_images",
    "mege",
    "randomise_weights",
    "reco",
    "reco_auc",
    "stratified_folds",
]


__getattr__ = on_first_use(__name__, _MODULES)
