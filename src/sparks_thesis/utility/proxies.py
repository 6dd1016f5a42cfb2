"""Measures of explanations without people, to be compared with Utility.

The paper has three: Faithfulness, 1 - Deletion; the complexity of a map, its size as a JPEG; and
the perceptual similarity of the regions that a method shows under either output, 1 - LPIPS. How
regions were cut and sizes normalised is not stated. Here the size is in bytes a pixel, and regions
are compared by the cells that the simulated participants see: no LPIPS, but its form (unit vectors,
squared distance).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sparks.metrics import Complexity, Deletion, Explanation
from sparks.models import Classifier
from sparks_thesis.utility.cells import Floats
from sparks_thesis.utility.learners import Ints

FAITHFULNESS, COMPLEXITY, SIMILARITY = "Faithfulness", "JPEGComplexity", "PerceptualSimilarity"
PROXIES = (FAITHFULNESS, COMPLEXITY, SIMILARITY)


def of_maps(
    deletion: Deletion,
    complexity: Complexity,
    model: Classifier,
    x: Tensor,
    target: Tensor,
    maps: Tensor,
) -> dict[str, Tensor]:
    """Return Faithfulness, in [0, 1] for probabilities, and JPEG bytes a pixel, (N,) each."""
    scored = Explanation(model, x, target, maps)
    area, size = deletion(scored)["Deletion"], complexity(scored)["JPEGSize"]
    return {FAITHFULNESS: 1 - area, COMPLEXITY: size / maps[0].numel()}


def similarity(cells: Floats, shown: Floats, outputs: Ints) -> Tensor:
    """Return the similarity of the regions shown under both outputs, (1,) in [0, 1].

    The cells of each image are averaged by attention and scaled to unit length; the squared
    distance d² of two such vectors lies in [0, 4]. The mean of 1 - d²/4 over all pairs of images
    with different outputs.

    Args:
        cells: (N, C, d), standardised.
        shown: attention (N, C).
        outputs: 0 or 1, (N,).
    """
    seen = np.einsum("nc,ncd->nd", shown, cells)
    unit = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-12)
    cosine = unit[outputs == 0] @ unit[outputs == 1].T  # d² = 2 - 2 cos
    value = (1 + cosine.mean()) / 2 if cosine.size else np.nan
    return torch.tensor([value], dtype=torch.float64)
