"""Training of one network or of several side by side, and prediction over whole sets of images."""

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
