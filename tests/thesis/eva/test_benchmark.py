"""Scores where pixels are removed in another way."""

import torch
from torch import nn

from sparks.attribution import Occlusion, Saliency
from sparks.engine import Baseline, Uniform
from sparks.metrics import Deletion, Explanation
from sparks_thesis.eva.benchmark import removed_by

X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
TARGET = torch.tensor([0, 1])
BLACK = Baseline(0.0)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2)).eval()


def test_a_black_box_explains_again_by_the_removal_and_others_keep_their_maps():
    model, noise = network(), Uniform(seed=1)
    metric = Deletion(steps=4, perturbation=noise)
    for method in (Occlusion(grid=4, perturbation=noise), Saliency()):
        maps = method(model, X, TARGET)
        found = removed_by(BLACK, method, maps, [metric], model, X, TARGET)
        if isinstance(method, Occlusion):
            maps = Occlusion(grid=4, perturbation=BLACK)(model, X, TARGET)
        wanted = Deletion(steps=4, perturbation=BLACK)(Explanation(model, X, TARGET, maps))
        assert list(found) == ["Deletion"]
        torch.testing.assert_close(found["Deletion"], wanted["Deletion"])
