"""Measures of explanations without people, to be compared with Utility.

The paper has three: Faithfulness, 1 - Deletion; the complexity of a map, its size as a JPEG; and
the perceptual similarity of the regions that a method shows under either output, 1 - LPIPS
(`perceptual`). How sizes were normalised is not stated; here they are in bytes a pixel.
"""

from __future__ import annotations

from torch import Tensor

from sparks.metrics import Complexity, Deletion, Explanation
from sparks.models import Classifier

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
