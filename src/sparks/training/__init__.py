"""Training of one network or of several side by side, and prediction over whole sets of images."""

from sparks.training.batches import derive, holdout
from sparks.training.loop import History, fit
from sparks.training.losses import CrossEntropy, Loss, OfLogits, Step
from sparks.training.predict import accuracy, predict, score
from sparks.training.settings import Settings, learning_rate
from sparks.training.together import fit_together, why_apart

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
    "fit_together",
    "holdout",
    "learning_rate",
    "predict",
    "score",
    "why_apart",
]
