"""Factories return what scripts can work with, or refuse it in one line."""

import pytest

from sparks.attribution import Saliency, Sobol
from sparks.errors import SparksError
from sparks.metrics import Complexity
from sparks_thesis.pipeline.factories import build_as, build_method, build_metric

SALIENCY = {"_target_": "sparks.attribution.Saliency"}


def test_methods_and_metrics():
    assert build_method({"name": "saliency", "method": SALIENCY}) == Saliency()
    assert build_metric({"_target_": "sparks.metrics.Complexity"}) == Complexity()


def test_an_object_of_another_class_is_refused():
    assert build_as(Saliency, SALIENCY) == Saliency()
    with pytest.raises(SparksError, match=r"gradient\.Saliency is no Sobol, which this job needs"):
        build_as(Sobol, SALIENCY)
