"""Several networks of one architecture trained side by side, as one vectorised network.

Small networks spend most of a step on calling operations, not on computing: `torch.vmap` calls each
operation once for all networks (Horace He and Richard Zou 2021, functorch: model ensembling).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sparks.data.labelled import Labelled
from sparks.errors import SparksError
from sparks.models.device import resolve_device
from sparks.progress import progress
from sparks.training.batches import derive, steps_per_epoch
from sparks.training.checkpoint import fingerprint, load_checkpoint, save_checkpoint
from sparks.training.loop import History
from sparks.training.losses import CrossEntropy, Loss
from sparks.training.settings import Settings
from sparks.training.step import (
    batches,
    build_optimizer,
    dropout_seed,
    finite,
    has_bounded_layers,
    set_rate,
    training_precision,
)


class Stack(nn.Module):
    """K networks of one architecture as one network, from (K, B, ...) to (K, B, classes).

    Args:
        models: their weights are copied; see `unstack`.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.net = copy.deepcopy(models[0])
        each = [_tensors(model) for model in models]
        for name, tensor in _tensors(self.net).items():
            tensor.data = torch.stack([tensors[name].detach() for tensors in each])

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (K, B, classes) of inputs (K, B, ...), those of network k by network k.

        Random layers draw for each network by itself.
        """

        def one(tensors: dict[str, Tensor], inputs: Tensor) -> Any:
            return functional_call(self.net, tensors, (inputs,))

        logits: Tensor = torch.vmap(one, randomness="different")(_tensors(self.net), x)
        return logits

    def unstack(self, models: Sequence[nn.Module]) -> None:
        """Copy the weights and running statistics to the networks, in their order."""
        state = self.net.state_dict()
        for k, model in enumerate(models):
            model.load_state_dict({name: tensor[k] for name, tensor in state.items()})


def vectorisation_blocker(
    models: Sequence[nn.Module],
    trains: Sequence[Labelled],
    settings: Settings,
    device: str | torch.device = "auto",
    loss: Loss | None = None,
) -> str | None:
    """Return the reason why `fit_ensemble` cannot train these networks, or None where it can.

    Networks can be trained together where they have one architecture without re-parametrised
    layers, see equally many batches of equal size, minimise cross-entropy in fp32 and keep the last
    epoch, and where `torch.vmap` knows all their operations, which is tried on two inputs.

    Args:
        models: the networks.
        trains: what each is to be trained on.
        settings: of all trainings.
        device: as in `resolve_device`.
        loss: as in `fit`.

    Example:
        >>> vectorisation_blocker([network(), network()], [images, images], settings, "cpu") is None
        True
        >>> others = [network(), nn.Sequential(nn.Flatten(), nn.Linear(4, 3))]
        >>> vectorisation_blocker(others, [images, images], settings, "cpu")
        'their architectures differ'
    """
    device = resolve_device(device)
    shapes = {_batches(train, settings) for train in trains}
    chooses = settings.keep != "last" or settings.patience is not None
    partly = not all(p.requires_grad for model in models for p in model.parameters())
    wrapped = any(has_bounded_layers(model) for model in models)
    precisions = {training_precision(model, settings, device) for model in models}
    for holds, reason in (
        (len(models) < 2, "there is one network only"),
        (len({_architecture(model) for model in models}) > 1, "their architectures differ"),
        (partly, "some of their parameters are not trained"),
        (wrapped, "their layers are re-parametrised"),
        (loss is not None, "their loss is not cross-entropy"),
        (precisions - {"fp32"}, "their precision is not fp32"),
        (chooses, "each ends with an epoch of its own"),
        (not all(map(len, trains)), "there is no image to train on"),
        (len(shapes) > 1, "the numbers or sizes of their batches differ"),
    ):
        if holds:
            return reason
    return _refusal(models, trains[0].batch(torch.arange(min(2, len(trains[0])))), device)


def fit_ensemble(
    models: Sequence[nn.Module],
    trains: Sequence[Labelled],
    settings: Settings,
    seeds: Sequence[int],
    device: str | torch.device = "auto",
    checkpoint: str | Path | None = None,
    description: str = "train",
) -> list[History]:
    """Train networks in place by cross-entropy, each on its own inputs, all in the same steps.

    Batches, augmentation and learning rates are those that `fit` gives each network alone, so
    weights are the same up to rounding. Dropout is as random, but other units drop out.

    On one machine, the same call gives the same weights bit by bit, also when it was killed and
    called again with the same `checkpoint`.

    Args:
        models: inputs (N, ...) to logits, all of one architecture.
        trains: what each is trained on.
        settings: of all trainings.
        seeds: of order and augmentation, one for each network.
        device: as in `resolve_device`; the models stay there.
        checkpoint: one file for all, as in `fit`.
        description: shown with the progress.

    Returns:
        The history of each network.

    Raises:
        SparksError: when the networks cannot be trained together (`vectorisation_blocker`), or the
            loss of one is not finite.

    Example:
        >>> from sparks.training import accuracy
        >>> models = [network(), network()]
        >>> histories = fit_ensemble(models, [images, images], settings, seeds=[0, 1], device="cpu")
        >>> [accuracy(model, images) for model in models]
        [1.0, 1.0]
    """
    device = resolve_device(device)
    if reason := vectorisation_blocker(models, trains, settings, device):
        raise SparksError(f"networks cannot be trained together: {reason}: train each by `fit`")
    stack = Stack([model.to(device) for model in models])
    loss = CrossEntropy(settings.label_smoothing)
    identity = fingerprint(stack, tuple(trains), settings, loss, list(seeds), device.type)
    optimizer = build_optimizer(stack, settings, stacked=True)
    histories = [History() for _ in models]
    if checkpoint is not None:
        restored = load_checkpoint(checkpoint, stack, optimizer, {}, identity)
        if restored is not None:
            histories = [History(**history) for history in restored[0]["histories"]]
    steps, size = _batches(trains[0], settings)
    images, done = len(models) * steps * size, len(histories[0].epochs)
    with progress(
        total=settings.epochs * images,
        unit="image",
        description=description,
        initial=done * images,
    ) as bar:
        for epoch in range(done, settings.epochs):
            losses = _train_epoch(
                stack, loss, optimizer, trains, settings, seeds, epoch, device, bar
            )
            for history, value in zip(histories, losses, strict=True):
                history.epochs.append({"loss": value})
            if checkpoint is not None:
                state = {"fingerprint": identity, "histories": [vars(h) for h in histories]}
                save_checkpoint(checkpoint, stack, optimizer, {}, {}, state)
            text = f"epoch {epoch + 1}/{settings.epochs}, loss {sum(losses) / len(losses):.3f}"
            bar.set_postfix_str(text, refresh=False)
    stack.unstack(models)
    for history in histories:
        history.kept = len(history.epochs)
    return histories


def _train_epoch(
    stack: Stack,
    loss: CrossEntropy,
    optimizer: torch.optim.Optimizer,
    trains: Sequence[Labelled],
    settings: Settings,
    seeds: Sequence[int],
    epoch: int,
    device: torch.device,
    bar: Any,
) -> list[float]:
    """Train for one pass over the images of each, and return the mean loss of each one's steps."""
    stack.train()
    steps, _ = _batches(trains[0], settings)
    totals = [0.0] * len(trains)
    with dropout_seed(derive(*seeds, epoch, 2), device):
        of_each = (
            batches(train, settings, seed, epoch, device, loss)
            for train, seed in zip(trains, seeds, strict=True)
        )
        for step, coming in enumerate(zip(*of_each, strict=True)):
            rate = set_rate(optimizer, epoch * steps + step, settings.epochs * steps, settings)
            optimizer.zero_grad(set_to_none=True)
            logits = stack(torch.stack([x for x, _, _ in coming])).float()
            terms = [
                loss.of_logits(own, labels, {})
                for own, (_, labels, _) in zip(logits, coming, strict=True)
            ]
            for k, term in enumerate(terms):
                totals[k] += finite(term, f"the loss of network {k + 1}", epoch, step, rate)
            # A network's weights are in its own term only: the sum has the gradients of each.
            torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            bar.update(sum(len(labels) for _, labels, _ in coming))
    return [total / steps for total in totals]


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _architecture(model: nn.Module) -> tuple[Any, ...]:
    """Return a key that is equal for networks that differ in their weights only."""
    shapes = [(name, t.shape, t.dtype, t.requires_grad) for name, t in _tensors(model).items()]
    return (str(model), *shapes)


def _batches(train: Labelled, settings: Settings) -> tuple[int, int]:
    """Return the number of steps of an epoch, and of inputs of a step."""
    n, size = len(train), settings.batch_size
    return steps_per_epoch(n, size), min(n, size)


def _refusal(models: Sequence[nn.Module], x: Tensor, device: torch.device) -> str | None:
    """Return why `torch.vmap` cannot vectorise the networks, or None, by a trial forward pass."""
    stack = Stack([model.to(device) for model in models]).train()
    try:
        with dropout_seed(0, device), torch.no_grad():
            stack(torch.stack([x.to(device)] * len(models)))
    except (RuntimeError, ValueError) as error:
        return f"torch.vmap refuses them ({str(error).strip().splitlines()[0]})"
    return None
