"""A small trained model and its images: those of the library's tests."""

from visualization.conftest import images, layer, model, statistics

__all__ = ["images", "layer", "model", "statistics"]
