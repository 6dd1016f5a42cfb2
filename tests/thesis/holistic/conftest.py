"""The network, images and concepts that the study of the holistic framework is tested on."""

from ..common.concept_studies import given, images, inputs, model, sets, source, stored

__all__ = ["given", "images", "inputs", "model", "sets", "source", "stored"]
