"""Scores where pixels are removed in another way."""

import torch
from torch import nn

from sparks.attribution import GradientInput, Occlusion, Saliency
from sparks.engine import Baseline, Uniform
from sparks.metrics import Deletion, Explanation
from sparks.models import Classifier, ConvNet, seeded
from sparks_thesis.eva.benchmark import removed_by, scored

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


def test_the_first_method_of_a_network_pays_for_no_copy_of_it():
    with seeded(0):
        model = Classifier(ConvNet(3, 2, 16, widths=(4, 8))).eval()
    x, target = torch.rand(3, 3, 16, 16), torch.zeros(3, dtype=torch.int64)
    methods = (Saliency(), GradientInput(), Saliency())
    first, other, again = (scored(method, model, x, target, []).flops for method in methods)
    assert first == other == again > 0
