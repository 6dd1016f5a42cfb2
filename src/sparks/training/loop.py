"""Training of one network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparks.data.labelled import Labelled
from sparks.engine.outputs import scores_of
from sparks.errors import SparksError
from sparks.models.device import autocast, resolve_device
from sparks.progress import progress
from sparks.training.batches import derive, steps_per_epoch
from sparks.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from sparks.training.losses import CrossEntropy, Loss, State, Step
from sparks.training.predict import score
from sparks.training.settings import Settings
from sparks.training.step import (
    batches,
    build_optimizer,
    dropout_seed,
    finite,
    set_rate,
    training_mode,
    training_precision,
)


@dataclass
class History:
    """Record of a training run.

    Attributes:
        epochs: for each epoch its "loss" (mean over steps, of the smoothed labels) and, with
            validation images, "validation_accuracy" and "validation_loss".
        kept: the epoch, counted from 1, whose weights the model ended with.
        stopped_early: whether `patience` ended training.

    Example:
        >>> from sparks.training import fit, holdout
        >>> train, validation = holdout(images, share=0.25, seed=0)
        >>> history = fit(model, train, validation, settings, device="cpu")
        >>> len(history.epochs), history.kept
        (5, 5)
        >>> list(history.epochs[0])
        ['loss', 'validation_accuracy', 'validation_loss']
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    kept: int = 0
    stopped_early: bool = False

    def best(self) -> int:
        """Return the epoch, from 1, of the highest validation accuracy; ties by the lowest loss."""
        return 1 + max(
            range(len(self.epochs)),
            key=lambda i: (
                self.epochs[i]["validation_accuracy"],
                -self.epochs[i]["validation_loss"],
            ),
        )


def fit(
    model: nn.Module,
    train: Labelled,
    validation: Labelled | None,
    settings: Settings,
    seed: int = 0,
    device: str | torch.device = "auto",
    checkpoint: str | Path | None = None,
    description: str = "train",
    loss: Loss | None = None,
) -> History:
    """Train `model` in place, by cross-entropy unless another loss is given.

    On one machine, the same call gives the same weights bit by bit, also when it was killed and
    called again with the same `checkpoint`.

    Args:
        model: inputs (N, ...), such as images in [0, 1], to logits; build it with `seeded(seed)`.
        train: what to train on.
        validation: what to choose the epoch and stop early on (see `holdout`), or None.
        settings: of the optimiser, schedule and so on.
        seed: of order, augmentation and dropout.
        device: as in `resolve_device`; the model stays there.
        checkpoint: file written after every epoch, and continued from if it is of this very run.
            A finished run's is enough to end at once; delete it when the weights are saved.
        description: shown with the progress.
        loss: what to minimise; None for cross-entropy with the settings' label smoothing.

    Returns:
        The record of the training: loss and validation accuracy of each epoch.

    Raises:
        SparksError: when the loss is not finite, there is no image to train on, or `keep: best`
            or `patience` is asked for without validation images.

    Example:
        >>> from sparks.training import accuracy
        >>> history = fit(model, images, None, settings, device="cpu")
        >>> history.epochs[-1]["loss"] < history.epochs[0]["loss"], accuracy(model, images)
        (True, 1.0)
    """
    device = resolve_device(device)
    _check(train, validation, settings)
    model.to(device)
    loss = loss or CrossEntropy(settings.label_smoothing)
    memory = {name: tensor.to(device) for name, tensor in loss.start().items()}
    identity = fingerprint(model, (train, validation), settings, loss, seed, device.type)
    settings = replace(settings, precision=training_precision(model, settings, device))
    optimizer = build_optimizer(model, settings)
    history, best = History(), State()
    if checkpoint is not None:
        restored = load_checkpoint(checkpoint, model, optimizer, memory, identity)
        if restored is not None:
            state, best = restored
            history = History(**state["history"])
    steps = steps_per_epoch(len(train), settings.batch_size)
    size = min(len(train), settings.batch_size)
    done = len(history.epochs)
    with progress(
        total=settings.epochs * steps * size,
        unit="image",
        description=description,
        initial=done * steps * size,
    ) as bar:
        for epoch in range(done, settings.epochs):
            if history.stopped_early:
                break
            objective = (loss, memory)
            history.epochs.append(
                {
                    "loss": _train_epoch(
                        model, objective, optimizer, train, settings, seed, epoch, device, bar
                    )
                }
            )
            if validation is not None:
                _validate(model, validation, settings, device, history)
                if history.best() == epoch + 1 and settings.keep == "best":
                    best = {k: v.detach().clone() for k, v in model.state_dict().items()}
                waited = epoch + 1 - history.best()
                history.stopped_early = waited >= (settings.patience or settings.epochs)
            if checkpoint is not None:
                state = {"fingerprint": identity, "history": vars(history)}
                save_checkpoint(checkpoint, model, optimizer, best, memory, state)
            bar.set_postfix_str(_summary(epoch + 1, settings.epochs, history), refresh=False)
    history.kept = len(history.epochs)
    if settings.keep == "best":
        model.load_state_dict(best)
        history.kept = history.best()
    return history


def _check(train: Labelled, validation: Labelled | None, settings: Settings) -> None:
    if len(train) == 0:
        raise SparksError("there is no image to train on: check the data set and its share")
    if (validation is None or not len(validation)) and (
        settings.keep == "best" or settings.patience is not None
    ):
        raise SparksError(
            "training.keep=best and training.patience need validation images: "
            "set training.validation above 0"
        )


def _train_epoch(
    model: nn.Module,
    objective: tuple[Loss, State],
    optimizer: torch.optim.Optimizer,
    train: Labelled,
    settings: Settings,
    seed: int,
    epoch: int,
    device: torch.device,
    bar: Any,
) -> float:
    """Train for one pass over the images, and return the mean loss of its steps."""
    training_mode(model)
    steps = steps_per_epoch(len(train), settings.batch_size)
    loss, memory = objective

    def forward(x: Tensor) -> Tensor:
        with autocast(settings.precision, device):
            logits = scores_of(model(x))
        return logits.float()

    total = 0.0
    with dropout_seed(derive(seed, epoch, 2), device):
        coming = batches(train, settings, seed, epoch, device, loss)
        for step, (x, labels, beside) in enumerate(coming):
            rate = set_rate(optimizer, epoch * steps + step, settings.epochs * steps, settings)
            optimizer.zero_grad(set_to_none=True)
            for term in loss.terms(Step(model, forward, x, labels, beside), memory):
                total += finite(term, "the loss", epoch, step, rate)
                term.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            bar.update(len(labels))
    return total / steps


def _validate(
    model: nn.Module,
    validation: Labelled,
    settings: Settings,
    device: torch.device,
    history: History,
) -> None:
    accuracy, loss = score(model, validation, 256, device, settings.precision)
    history.epochs[-1] |= {"validation_accuracy": accuracy, "validation_loss": loss}


def _summary(epoch: int, epochs: int, history: History) -> str:
    names = {"loss": "loss", "validation_accuracy": "validation accuracy"}
    last = history.epochs[-1]
    values = [f"{name} {last[key]:.3f}" for key, name in names.items() if key in last]
    return ", ".join([f"epoch {epoch}/{epochs}", *values])
