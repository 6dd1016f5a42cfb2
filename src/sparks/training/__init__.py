"""Training of one network or of several side by side, and prediction over whole sets of images.

Examples tell dark images of 2 × 2 pixels from bright ones:

    >>> import torch
    >>> from torch import nn
    >>> from sparks.data import ImageSet
    >>> from sparks.models import seeded
    >>> from sparks.training import Settings
    >>> pixels = torch.tensor([0, 255], dtype=torch.uint8).repeat(8)
    >>> pixels = pixels.view(16, 1, 1, 1).repeat(1, 1, 2, 2)
    >>> images = ImageSet(torch.arange(16) % 2, ("dark", "bright"), pixels)
    >>> def network():
    ...     return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> with seeded(0):
    ...     model = network()
    >>> settings = Settings(epochs=5, batch_size=4, lr=0.5, precision="fp32")
"""

from sparks.training.batches import derive, holdout
from sparks.training.ensemble import fit_ensemble, vectorisation_blocker
from sparks.training.loop import History, fit
from sparks.training.losses import CrossEntropy, Loss, OfLogits, Step
from sparks.training.predict import accuracy, predict, score
from sparks.training.settings import Settings, learning_rate

__all__ = [
    "CrossEntropy",
    "History",
    "Loss",
    "OfLogits",
    "Settings",
    "Step",
    "accuracy",
    "derive",
    "fit",
    "fit_ensemble",
    "holdout",
    "learning_rate",
    "predict",
    "score",
    "vectorisation_blocker",
]
