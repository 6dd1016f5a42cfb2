"""Which images are shown, and what is measured of their maps."""

import pytest
import torch

from sparks.errors import SparksError
from sparks.metrics import Complexity, Deletion, Explanation
from sparks_thesis.utility.proxies import of_maps
from sparks_thesis.utility.stimulus_selection import select_stimuli


def case(n=400, right=0.8, classes=4, seed=0):
    """Logits of a model that is right with some probability, and labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    hit = torch.rand(n, generator=generator) < right
    said = torch.where(hit, labels, (labels + 1) % classes)
    return torch.nn.functional.one_hot(said, classes).float(), labels


def test_half_of_the_images_are_wrong_and_none_is_used_twice():
    logits, labels = case()
    found = select_stimuli(logits, labels, [0, 1], explained=12, asked=12)
    assert not set(found.explained) & set(found.asked)
    for chosen in (found.explained, found.asked):
        truth = (labels[chosen] == 1).long()
        assert set(labels[chosen].tolist()) == {0, 1}
        right = found.outputs[chosen] == truth
        for output in (0, 1):
            of_output = right[found.outputs[chosen] == output]
            assert of_output.double().mean() == 0.5
    assert found.wrong == 0.5


def test_the_model_decides_between_the_two_classes():
    logits = torch.tensor([[1.0, 2, 9], [2, 1, 9], [1, 2, 0], [5, 1, 0]])
    found = select_stimuli(logits, torch.tensor([0, 0, 1, 1]), [0, 1], 2, 2)
    assert found.outputs.tolist() == [1, 0, 1, 0]
    assert found.wrong == 0.5


def test_natural_images_are_as_they_come():
    logits, labels = case(right=0.9)
    found = select_stimuli(logits, labels, [0, 1], 100, 100, balanced=False)
    assert len(found.explained) + len(found.asked) == 200
    assert found.wrong == pytest.approx(0.1, abs=0.06)


def test_a_model_that_never_errs_is_taken_as_it_is():
    logits, labels = case(right=1.1)
    found = select_stimuli(logits, labels, [0, 1], 20, 30)
    assert (len(found.explained), len(found.asked), found.wrong) == (20, 30, 0.0)


@pytest.mark.parametrize("classes", [[0], [0, 0], [0, 9], [0, 1, 2]])
def test_not_two_classes_are_refused(classes):
    logits, labels = case()
    with pytest.raises(SparksError, match="name two"):
        select_stimuli(logits, labels, classes, 10, 10)


def test_faithfulness_is_one_minus_deletion_and_size_is_a_pixel():
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    maps = x[:, 0]
    target = torch.tensor([0, 1])

    def model(images):
        total = images.flatten(1).sum(1)
        return torch.stack([total, -total], 1) / 10

    deletion, complexity = Deletion(steps=4), Complexity()
    found = of_maps(deletion, complexity, model, x, target, maps)
    scored = Explanation(model, x, target, maps)
    torch.testing.assert_close(found["Faithfulness"], 1 - deletion(scored)["Deletion"])
    sizes = complexity(scored)["JPEGSize"]
    torch.testing.assert_close(found["JPEGComplexity"], sizes / 64)
