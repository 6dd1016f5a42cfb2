"""What a model may return and what a target may be, the same for methods, metrics and training."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small import gradient_methods, sampling_methods
from torch import nn

from sparks.attribution import (
    Occlusion,
    Saliency,
)
from sparks.data import ImageSet
from sparks.engine.outputs import classes_of, logits_of, scores_of
from sparks.errors import SparksError
from sparks.metrics import (
    AverageStability,
    Deletion,
    Explanation,
    Insertion,
    MuFidelity,
    RobustnessSr,
)
from sparks.models import Classifier
from sparks.training import Settings, accuracy, fit

Named = namedtuple("Named", ["logits", "aux"])

# How libraries wrap logits, and one that says nothing.
WRAPPED = {
    "tensor": lambda z: z,
    "tuple of one": lambda z: (z,),
    "list of one": lambda z: [z],
    "dict of one": lambda z: {"out": z},
    "named in a dict": lambda z: OrderedDict(loss=z.sum(), logits=z),
    "named tuple": lambda z: Named(z, z + 1),
    "object": lambda z: SimpleNamespace(logits=z, hidden=z),
    "tuple with None": lambda z: (z, None),
}
METHODS = [*gradient_methods("net.0"), Occlusion(grid=2), *sampling_methods()]
SETTINGS = Settings(epochs=1, batch_size=4, precision="fp32", validation=0.0)
METRICS = [
    Deletion(steps=2),
    Insertion(steps=2),
    MuFidelity(subsets=5, grid=2, share=0.5),
    RobustnessSr(bisections=1),
    AverageStability(neighbours=2),
]


class Wrapped(nn.Module):
    def __init__(self, wrap, classes=3):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
            nn.Linear(24, classes),
        )  # fmt: skip
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(self.net(x))


def images(n=2):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def asked(tool, model, target):
    x = images()
    if tool in METHODS:
        return tool(model, x, target)
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(2))
    found = tool(Explanation(model, x, target, maps, method=Saliency()))
    return torch.stack(list(found.values()))


@pytest.mark.parametrize("tool", [*METHODS, *METRICS], ids=lambda tool: type(tool).__name__)
class TestEveryMethodAndMetric:
    def test_reads_logits_wherever_they_plainly_are(self, tool):
        target = torch.tensor([1, 2])
        expected = asked(tool, Classifier(Wrapped(WRAPPED["tensor"]).net, 1), target)
        for wrap in WRAPPED.values():
            classifier = Classifier(Wrapped(wrap), 1)
            got = asked(tool, classifier, target)
            torch.testing.assert_close(got, expected, equal_nan=True)

    def test_takes_targets_of_every_plain_kind(self, tool):
        model = Classifier(Wrapped(WRAPPED["tensor"]), 1)
        expected = asked(tool, model, torch.tensor([1, 1]))
        one_hot = torch.tensor([[0, 1, 0], [0, 1, 0]])
        for target in (1, [1, 1], np.array([1, 1]), torch.tensor(1), torch.tensor([[1], [1]]),
                       torch.tensor([1, 1], dtype=torch.int32), one_hot, one_hot.float(),
                       one_hot.bool()):  # fmt: skip
            assert torch.equal(asked(tool, model, target).nan_to_num(9), expected.nan_to_num(9))

    def test_refuses_what_is_not_plain_in_one_line(self, tool):
        model = Classifier(Wrapped(WRAPPED["tensor"]), 1)
        for target, said in (
            (3, "class 3 does not exist: the model has 3 outputs, 0 to 2"),
            (-1, "target -1 is no class"),
            ([1], r"2 inputs but targets of shape \(1,\)"),
            (torch.tensor([0.2, 0.8]), "targets are torch.float32"),
            (torch.tensor([[0.2, 0.8], [0.5, 0.5]]), "not one-hot"),
            (torch.tensor([True, False]), "targets are torch.bool"),
            ("cat", "holds no class numbers"),
            (None, "name the class|needs the class"),
        ):
            with pytest.raises(SparksError, match=said) as refusal:
                asked(tool, model, target)
            assert "\n" not in str(refusal.value)
        two = Classifier(Wrapped(lambda z: (z, z)), 1)
        with pytest.raises(SparksError, match="a tuple of 2 tensors, none of them called logits"):
            asked(tool, two, 0)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_one_score_an_input_is_class_0_in_either_shape(method):
    flat, column = Wrapped(lambda z: z[:, 0], 1), Wrapped(lambda z: z, 1)
    maps = asked(method, flat, None)
    for target in (None, 0, [0, 0]):
        assert torch.equal(asked(method, column, target), maps)
        assert torch.equal(asked(method, flat, target), maps)
    with pytest.raises(SparksError, match=r"class 1 does not exist.*a single score"):
        asked(method, column, [0, 1])


def test_outputs_of_other_shapes_are_refused():
    with pytest.raises(SparksError, match=r"shape \(2, 3, 4\): logits are \(N, classes\)"):
        scores_of(torch.rand(2, 3, 4))
    for nothing in (None, 1.0, {}, (), {"a": torch.rand(2), "b": torch.rand(2)}):
        with pytest.raises(SparksError, match="return"):
            logits_of(nothing)
    assert classes_of(None, 3) is None


def test_training_and_accuracy_read_them_alike():
    pixels = torch.randint(256, (8, 1, 8, 8), generator=torch.Generator().manual_seed(3))
    data = ImageSet(labels=torch.arange(8) % 3, classes=("a", "b", "c"), images=pixels.byte())
    plain, named = (Classifier(Wrapped(WRAPPED[key]), 1) for key in ("tensor", "object"))
    for model in (plain, named):
        fit(model, data, None, SETTINGS, device="cpu")
    for one, other in zip(plain.parameters(), named.parameters(), strict=True):
        assert torch.equal(one, other)
    assert accuracy(plain, data) == accuracy(named, data)
    for single in (lambda z: z[:, 0], lambda z: z[:, :1]):
        with pytest.raises(SparksError, match="one number per input"):
            fit(Classifier(Wrapped(single), 1), data, None, SETTINGS, device="cpu")
