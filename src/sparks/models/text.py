"""A small text classifier, which also takes embeddings in place of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparks.data.texts import PAD, UNK
from sparks.errors import SparksError


class TextClassifier(nn.Module):
    """A small convolutional network for texts, after Kim 2014.

    Embeddings, convolutions over neighbouring words, maximum over the text, linear head
    (Convolutional neural networks for sentence classification). Padding does not change the logits.

    In training, a share of the words of each text, drawn from 0 to `word_dropout`, is replaced by
    `UNK`: so masked texts are texts like those it was trained on.

    Args:
        vocabulary: number of tokens that there are.
        num_classes: number of logits.
        width: of the embeddings.
        filters: of each convolution.
        windows: words that each convolution sees, odd.
        dropout: share of features dropped before the head in training, in [0, 1].
        word_dropout: largest share of words dropped in training, in [0, 1].

    Raises:
        SparksError: when a window is not odd.

    Example:
        Padding, token 0, changes nothing.

        >>> model = TextClassifier(vocabulary=20, num_classes=2, width=8, filters=4).eval()
        >>> logits = model(torch.tensor([[7, 3, 12]]))
        >>> logits.shape
        torch.Size([1, 2])
        >>> torch.allclose(model(torch.tensor([[7, 3, 12, 0, 0]])), logits, atol=1e-5)
        True
    """

    def __init__(
        self,
        vocabulary: int,
        num_classes: int,
        width: int = 64,
        filters: int = 64,
        windows: Sequence[int] = (3, 5),
        dropout: float = 0.2,
        word_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if any(window % 2 == 0 for window in windows):
            raise SparksError(f"windows {list(windows)} must be odd, to have a word in the middle")
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.body = _Body(width, num_classes, filters, windows, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (N, num_classes) of token numbers, int64 (N, L)."""
        if tokens.ndim != 2 or tokens.is_floating_point():
            raise SparksError(
                f"the model takes token numbers (N, L), not {tokens.dtype} of shape "
                f"{tuple(tokens.shape)}: remove words by the perturbation sparks.engine.Token"
            )
        known = tokens != PAD
        if self.training and self.word_dropout:
            tokens = self._dropped(tokens, known)
        logits: Tensor = self.body(self.embedding(tokens), known)
        return logits

    def classify(self, embedded: Tensor) -> Tensor:
        """Return the logits of embedded texts without padding, (N, L, width)."""
        known = torch.ones(embedded.shape[:2], dtype=torch.bool, device=embedded.device)
        logits: Tensor = self.body(embedded, known)
        return logits

    def _dropped(self, tokens: Tensor, known: Tensor) -> Tensor:
        share = torch.rand(len(tokens), 1, device=tokens.device) * self.word_dropout
        drop = torch.rand(tokens.shape, device=tokens.device) < share
        return torch.where(drop & known, UNK, tokens)


class _Body(nn.Module):
    """The layers between embeddings and logits."""

    def __init__(
        self, width: int, num_classes: int, filters: int, windows: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, filters, window, padding=window // 2) for window in windows
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(filters * len(windows), num_classes)

    def forward(self, embedded: Tensor, known: Tensor) -> Tensor:
        """Return the logits of embeddings (N, L, width) of the words where `known` (N, L)."""
        neighbours = embedded.mT
        features = torch.cat([layer(neighbours) for layer in self.convolutions], 1).relu()
        # ReLU ends at 0, so a place set to 0 is never a maximum that another would not be.
        pooled = (features * known[:, None]).amax(2)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits
