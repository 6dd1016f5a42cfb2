"""Images under networks of all folds: streamed, against a direct computation.

tests/thesis/stability/test_compare.py checks the tables that are made of it.
"""

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sparks.errors import SparksError
from sparks.stability.compare import chosen_images, compare
from sparks.stability.distances import Distances

from .nets import FOLDS, K, Linear, gradient, images, shards


def test_each_image_is_compared_once_by_the_network_that_has_not_seen_it():
    data, models, seen = images(), [Linear(seed) for seed in range(K)], []
    for compared in shards([0, 1, 2], gradient):
        assert (FOLDS[compared.image] == compared.fold).all()
        x, labels = data.batch(compared.image), data.labels[compared.image]
        right = torch.stack([model(x).argmax(1) == labels for model in models])
        assert torch.equal(compared.right, right)
        own = gradient(models[compared.fold], x, labels)
        for other, model in enumerate(models):
            expected = Distances()(own, gradient(model, x, labels))
            for name, distances in compared.distances.items():
                torch.testing.assert_close(distances[:, other], expected[name])
        seen += compared.image.tolist()
    assert sorted(seen) == list(range(30))


def test_no_maps_of_earlier_shards_are_kept():
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def watched(model: Any, x: Tensor, target: Tensor) -> Tensor:
        nonlocal most
        most = max(most, sum(ref() is not None for ref in alive))
        maps = gradient(model, x, target)
        alive.append(weakref.ref(maps))
        return maps

    list(shards([0, 1, 2], watched, shard=2))
    assert len(alive) == 15 * K
    assert most < K


def test_the_class_explained_is_the_true_one_or_each_networks_own():
    asked: list[tuple[nn.Module, Tensor]] = []

    def listening(model: Any, x: Tensor, target: Tensor) -> Tensor:
        asked.append((model, target))
        assert target.tolist() == wanted(model, x)
        return gradient(model, x, target)

    data = images()

    def true(model: Any, x: Tensor) -> list[int]:
        found = [(data.batch(range(30)) == image).flatten(1).all(1).nonzero() for image in x]
        return [int(data.labels[int(i)]) for i in found]

    def own(model: Any, x: Tensor) -> list[int]:
        return [int(c) for c in model(x).argmax(1)]

    wanted: Callable[[Any, Tensor], list[int]] = true
    list(shards([0, 1, 2], listening, target="label"))
    wanted = own
    list(shards([0, 1, 2], listening, target="predicted"))
    assert len(asked) == 2 * K * 9  # three folds of ten images, four at a time


def test_images_are_chosen_equally_of_folds_and_classes():
    labels, folds = torch.arange(120) % 4, torch.arange(120) // 4 % 3
    chosen = chosen_images(labels, folds, 26, seed=0)
    assert len(chosen) == 24
    assert torch.bincount(folds[chosen]).tolist() == [8, 8, 8]
    assert torch.bincount(labels[chosen]).tolist() == [6, 6, 6, 6]
    assert len(set(chosen.tolist())) == 24
    with pytest.raises(SparksError, match="2 images cannot be spread over 3 folds"):
        chosen_images(labels, folds, 2, seed=0)


def test_too_few_networks_are_refused():
    models, folds = [Linear(0), Linear(1)], torch.arange(30) % 3
    compared = compare(models, [gradient] * 2, images(), folds, torch.arange(30), Distances())
    with pytest.raises(SparksError, match="2 networks do not fit 3 folds"):
        next(compared)
