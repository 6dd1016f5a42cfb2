"""Networks of ImageNet's classes with all of them, not only those that some data show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMAGENET = 1000


def of_every_class(settings: Mapping[str, Any], side: int | None = None) -> dict[str, Any]:
    """Return the settings of a network with all of ImageNet's classes.

    Args:
        settings: `model.classifier` of the configuration, for some data set.
        side: of the images, pixels; None for that of the data set.
    """
    net = {**settings["net"], "classes": None, "num_classes": IMAGENET}
    if side is not None and "size" in net:
        net["size"] = side
    return {**settings, "net": net}
