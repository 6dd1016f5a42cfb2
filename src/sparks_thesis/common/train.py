"""Training of a chapter's networks: what is refused, and the history that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.models.weights import load_weights
from sparks.training import Loss, Settings, fit, holdout


def check_classes(chosen: Sequence[int] | None, train: ImageSet) -> None:
    """Refuse a network of some of ImageNet's classes whose data are of others.

    Args:
        chosen: the network's classes; None where it has none of ImageNet's.
        train: its data.
    """
    known = train.tables.get("imagenet_labels")
    if known is not None and chosen is not None and known != chosen:
        raise SparksError(
            f"the network is of ImageNet's classes {chosen}, the images of {known}: set "
            "imagenet_classes of the data set to these"
        )


def discard(checkpoints: Iterable[Path]) -> None:
    """Delete the checkpoints of trainings whose results are written.

    It is a job's last step: of a job that is killed, Snakemake deletes what it had written.
    """
    for checkpoint in checkpoints:
        checkpoint.unlink(missing_ok=True)


def take_ready_made(model: Classifier, weights: str) -> pd.DataFrame:
    """Give a network the weights of a file, or those that it came with ("included").

    Returns:
        The history of no training.
    """
    if weights != "included":
        load_weights(model, weights)
    return pd.DataFrame({"epoch": [0], "images": [0]})


def train_network(
    model: Classifier,
    images: ImageSet,
    settings: Settings,
    loss: Loss | None,
    seed: int,
    device: str,
    checkpoint: Path | None = None,
) -> pd.DataFrame:
    """Train a network in place.

    Args:
        model: of seeded initial weights.
        images: to train and validate on.
        settings: of the training.
        loss: None for cross-entropy.
        seed: of the images held out to validate on, and of all that training draws.
        device: as in `sparks.models.resolve_device`.
        checkpoint: file from which a training that was killed goes on.

    Returns:
        The history, a row an epoch, with "epoch" from 1, the number of "images" trained on, and
        the epoch "kept".

    Raises:
        SparksError: when the data have one class only.
    """
    if len(images.classes) < 2:
        raise SparksError(
            f"the data have one class ({images.classes[0]!r}), of which nothing can be learnt: "
            "name a checkpoint in model.weights, or give them more classes"
        )
    to_train, to_validate = holdout(images, settings.validation, seed)
    history = fit(
        model, to_train, to_validate, settings, seed, device, checkpoint=checkpoint, loss=loss
    )
    table = pd.DataFrame(history.epochs).assign(images=len(to_train), kept=history.kept)
    return table.assign(epoch=range(1, len(table) + 1))
