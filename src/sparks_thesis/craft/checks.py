"""Checks of CRAFT: derivatives of coefficients, and maps and importances of other weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from sparks.concepts.bank import Concepts
from sparks.concepts.implicit import derivative_errors
from sparks.concepts.layer import Layer
from sparks.concepts.sanity import cascade, rounded
from sparks.models.classifier import Classifier
from sparks.results import MetricRecorder
from sparks.stats import spearman

if TYPE_CHECKING:
    from sparks_thesis.craft.study import CraftStudy, OneClass


def derivatives(one: OneClass, concepts: Concepts, recorder: MetricRecorder) -> None:
    """Record errors of the coefficients' derivative, three ways, with NMF concepts."""
    pooled = concepts.layer.pooled(one.x)
    for name, error in derivative_errors(pooled, concepts.dictionary.atoms).items():
        recorder.add({"DerivativeError": error}, image=one.index, method=name)


def sanity(
    study: CraftStudy,
    model: Classifier,
    one: OneClass,
    concepts: Concepts,
    recorder: MetricRecorder,
) -> None:
    """Rank correlation of maps and importances with those of randomised weights, bank kept.

    Two controls: weights that are rounded, and maps of other images.
    """
    maps = concepts.maps(one.x).flatten(2)
    ranks = study.craft.rank(concepts, one.x, one.target)

    def compared(other: Classifier) -> dict[str, Tensor]:
        layer = Layer(other, concepts.layer.name, one.x[:1])
        own = replace(concepts, layer=layer)
        new = study.craft.rank(own, one.x, one.target)
        return {
            "MapSpearman": _alike(maps, own.maps(one.x).flatten(2)),
            "ImportanceSpearman": spearman(ranks, new),
        }

    for share, broken in cascade(model, seed=study.seed):
        values = compared(broken)
        recorder.add(values, image=one.index, method="CRAFT", randomised=share)
    recorder.add(compared(rounded(model)), image=one.index, method="rounded weights")
    others = {"MapSpearman": _alike(maps, maps.roll(1, 0))}
    recorder.add(others, image=one.index, method="other images")


def _alike(maps: Tensor, others: Tensor) -> Tensor:
    """Return the mean rank correlation (N,) over concepts of maps (N, k, L) with others.

    A map that is empty in either is no evidence, for likeness or against it.
    """
    alike = spearman(maps.flatten(0, 1), others.flatten(0, 1))
    return alike.reshape(maps.shape[:2]).nanmean(1)
