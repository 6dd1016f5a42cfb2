"""Methods made of derivatives, on words: through their embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sparks.attribution.black_box import BlackBox
from sparks.checks import whole
from sparks.engine.inference import Model
from sparks.engine.perturbations import Token
from sparks.errors import SparksError
from sparks.protocols import AttributionMethod


@dataclass(frozen=True, kw_only=True)
class OnEmbeddings:
    """A gradient method for images, applied to texts: maps (N, L) of token numbers (N, L).

    A text of L words with embeddings of E numbers is given to the method as an image of E channels
    and L × 1 pixels, less the embedding of the token that stands for a removed word. So a
    baseline of 0 is the text with all words removed, as in the black-box methods with
    `Token(token)`, and a method's reduction over channels is one over the embedding.

    The model needs `embedding`, and `classify(embeddings (N, L, E))` → logits, as
    `sparks.models.TextClassifier` has them. The texts have no padding.

    Attributes:
        method: for images, such as `IntegratedGradients()`.
        token: stands for a removed word.

    Example:
        >>> from sparks.attribution import IntegratedGradients
        >>> from sparks.models import TextClassifier
        >>> text = TextClassifier(vocabulary=20, num_classes=2)
        >>> words = torch.tensor([[4, 9, 7, 5]])
        >>> OnEmbeddings(method=IntegratedGradients())(text, words, target).shape
        torch.Size([1, 4])
    """

    method: AttributionMethod
    token: int = 1

    def __post_init__(self) -> None:
        whole(self, 0, "token")

    def __call__(self, model: Model, x: Tensor, target: Tensor) -> Tensor:
        """Return one importance a word, (N, words), for the classes `target` (N,) of texts x."""
        if not callable(getattr(model, "classify", None)) or not hasattr(model, "embedding"):
            raise SparksError(
                f"{type(model).__name__} has no embedding and classify, which gradient methods "
                "on words need: use a black-box method"
            )
        rest = _FromEmbeddings(model, self.token)
        return self.method(rest, rest.image(x), target)[:, :, 0]


def on_words(method: AttributionMethod, removal: Token) -> AttributionMethod:
    """Return a method for images as one for texts.

    Black boxes remove words by `removal`. Methods that reduce over the channels of an image are
    given embeddings (`OnEmbeddings`). Others stay as they are.
    """
    if isinstance(method, BlackBox):
        return replace(method, perturbation=removal)
    if hasattr(method, "channels"):
        return OnEmbeddings(method=method, token=removal.value)
    return method


class _FromEmbeddings(nn.Module):
    """The model behind its embedding, as a classifier of images (N, E, L, 1)."""

    # Embeddings have any values.
    input_range = None

    def __init__(self, model: Any, token: int) -> None:
        super().__init__()
        self.model = model
        self.token = token

    @property
    def removed(self) -> Tensor:
        """Embedding (E,) of the token that stands for a removed word."""
        weight: Tensor = self.model.embedding.weight[self.token]
        return weight.detach()

    @torch.no_grad()
    def image(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.model.embedding(tokens.to(self.removed.device)) - self.removed
        return embedded.mT.unsqueeze(3).to(tokens.device)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.model.classify(image.squeeze(3).mT + self.removed)
        return logits
