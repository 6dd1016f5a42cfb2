"""Folds of a data set, and what degrades a predictor: wrong labels, noise on its weights."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sparks.errors import SparksError
from sparks.training.batches import derive


def stratified_folds(labels: Tensor, k: int, seed: int) -> Tensor:
    """Split images into k disjoint folds, each class spread evenly over them.

    Args:
        labels: int64 (N,).
        k: number of folds, at least 2.
        seed: of the split.

    Returns:
        The fold of each image, int64 (N,), in [0, k).

    Raises:
        SparksError: when there are fewer than two folds, or a class has fewer images than folds.

    Example:
        Each fold has two images of each class.

        >>> folds = stratified_folds(labels, k=2, seed=0)
        >>> [labels[folds == fold].tolist() for fold in range(2)]
        [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    if k < 2:
        raise SparksError(f"{k} folds compare nothing: use at least 2")
    counts = Counter(labels.tolist())
    which, smallest = min(counts.items(), key=lambda item: item[1], default=(0, 0))
    if smallest < k:
        raise SparksError(
            f"class {which} has {smallest} images for {k} folds, so some folds would not show it: "
            "use fewer folds or more training images"
        )
    generator = torch.Generator().manual_seed(derive(seed, k))
    order = torch.randperm(len(labels), generator=generator)
    folds = torch.empty_like(labels)
    dealt = 0
    for label in sorted(counts):
        members = order[labels[order] == label]
        # Classes go on dealing where the last one stopped, so that folds are equally large.
        folds[members] = (torch.arange(len(members)) + dealt) % k
        dealt += len(members)
    return folds


def add_label_noise(labels: Tensor, share: float, num_classes: int, seed: int) -> Tensor:
    """Give a share of the images a wrong label, any other class being equally likely.

    The images that a smaller share relabels are among those of a larger one, with the same labels.

    Args:
        labels: int64 (N,).
        share: in [0, 1]; round(share · N) labels are replaced.
        num_classes: number of classes.
        seed: decides which images get a wrong label, and which one.

    Returns:
        The labels with noise, int64 (N,).

    Raises:
        SparksError: when the share is out of range, or there is no other class.

    Example:
        >>> noisy = add_label_noise(labels, share=0.25, num_classes=2, seed=0)
        >>> int((noisy != labels).sum())  # a quarter of eight
        2
    """
    _check_share(share)
    if num_classes < 2:
        raise SparksError("labels of one class cannot be replaced: there is no other")
    generator = torch.Generator().manual_seed(derive(seed, 1))
    order = torch.randperm(len(labels), generator=generator)
    steps = torch.randint(1, num_classes, labels.shape, generator=generator)
    noisy = labels.clone()
    chosen = order[: round(share * len(labels))]
    noisy[chosen] = (labels[chosen] + steps[chosen]) % num_classes
    return noisy


@torch.no_grad()
def randomise_weights(model: nn.Module, share: float, noise: float, seed: int) -> None:
    """Add noise to a share of the parameters of every convolution, in place.

    The paper says N(0, 0.5) on 5, 10 or 30 % of the parameters of the convolution layers. That the
    share is one of each layer, and 0.5 the standard deviation in units of that of the layer's own
    parameters, is our reading: weights have standard deviations of .05 to .2, and absolute noise of
    .5 on 5 % of them leaves a network at chance, where the paper's curves fall gently. The
    parameters that a smaller share changes are among those of a larger one, by the same noise.

    Args:
        model: any network; its own constraints on weights (parametrisations) stay in force.
        share: in [0, 1], of each parameter tensor.
        noise: standard deviation, in units of that of each parameter tensor.
        seed: decides which parameters change, and by which noise.

    Raises:
        SparksError: when the share is out of range, or the model has no convolution.

    Example:
        >>> convolution = torch.nn.Conv2d(4, 4, 3, bias=False)
        >>> before = convolution.weight.detach().clone()
        >>> randomise_weights(convolution, share=0.25, noise=0.5, seed=0)
        >>> int((convolution.weight != before).sum()), before.numel()
        (36, 144)
    """
    _check_share(share)
    layers = [m for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd)]
    parameters = [p for layer in layers for p in layer.parameters()]
    if not parameters:
        raise SparksError(
            f"{type(model).__name__} has no convolution whose weights could be randomised: "
            "set studies.stability.randomised=[], or take another model"
        )
    for number, parameter in enumerate(parameters):
        generator = torch.Generator().manual_seed(derive(seed, 2, number))
        chosen = torch.randperm(parameter.numel(), generator=generator)
        drawn = torch.randn(parameter.numel(), generator=generator)
        drawn *= noise * float(parameter.std(correction=0))
        drawn[chosen[round(share * parameter.numel()) :]] = 0
        parameter.add_(drawn.view_as(parameter).to(parameter))
    for layer in layers:
        _settle(layer)


def _settle(layer: nn.Module) -> None:
    """Compute a constrained weight anew: some constraints keep the last one of training mode."""
    if parametrize.is_parametrized(layer, "weight"):
        training = layer.training
        layer.train()
        layer.weight  # noqa: B018 - reading it computes it
        layer.train(training)


def _check_share(share: float) -> None:
    if not 0 <= share <= 1:
        raise SparksError(f"a share of {share} is degraded: it must lie between 0 and 1")
