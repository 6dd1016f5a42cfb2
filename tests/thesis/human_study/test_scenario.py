"""Which images are seen when, and how the examples are explained."""

from itertools import combinations
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.io import save_tensors
from sparks.models import Classifier, seeded
from sparks_thesis.human_study import Protocol, Scenario
from sparks_thesis.human_study.explanations import ask, concept_views, read_maps, shades
from sparks_thesis.human_study.scenario import Seen

from .conftest import CONDITIONS, NAMES, explanations, seen

PROTOCOL = Protocol(sessions=3, examples=5, questions=7)


def overlapping():
    """Test images of which the explained ones are a part, as the workflow has them."""
    asked = seen(120, 2)
    order = torch.randperm(120, generator=torch.Generator().manual_seed(0))[:50]
    return Seen(asked.images.subset(order), asked.predicted[order]), asked


def test_no_image_is_seen_twice_and_all_are_predicted_as_one_of_the_classes():
    shown, asked = overlapping()
    plan = PROTOCOL.plan(shown, asked, NAMES[:2])
    assert plan.examples.shape == (3, 5)
    assert plan.questions.shape == (3, 7)
    pixels = [shown.images.images[i] for i in plan.examples.flatten()]
    pixels += [asked.images.images[i] for i in plan.questions.flatten()]
    assert len({image.numpy().tobytes() for image in pixels}) == 3 * 12
    assert set(shown.predicted[plan.examples].flatten().tolist()) == {0, 1}
    assert set(asked.predicted[plan.questions].flatten().tolist()) == {0, 1}


def test_right_and_wrong_and_the_classes_take_turns_in_every_session():
    shown, asked = seen(400, 3, wrong=0.3), seen(400, 4, wrong=0.3)
    plan = Protocol(sessions=2, examples=4, questions=8).plan(shown, asked, NAMES[:2])
    for pool, rows in ((shown, plan.examples), (asked, plan.questions)):
        right = (pool.predicted == pool.images.labels)[rows]
        assert right.sum(1).tolist() == [rows.shape[1] // 2] * 2
        assert (pool.predicted[rows] == 0).sum(1).tolist() == [rows.shape[1] // 2] * 2
        # With enough images, none is of a class that cannot be chosen.
        assert (pool.images.labels[rows] != 2).all()


def test_the_same_seed_gives_the_same_plan_and_turns_do_not_show():
    shown, asked = overlapping()
    again = PROTOCOL.plan(shown, asked, NAMES[:2])
    first = PROTOCOL.plan(shown, asked, NAMES[:2])
    assert torch.equal(first.questions, again.questions)
    other = Protocol(seed=1).plan(shown, asked, NAMES[:2])
    assert not torch.equal(first.questions, other.questions)
    orders = [
        tuple(asked.predicted[row].tolist())
        for seed in range(8)
        for row in Protocol(seed=seed).plan(shown, asked, NAMES[:2]).questions
    ]
    assert len(set(orders)) > 8


def test_by_default_the_two_classes_that_are_mixed_up_most_are_asked_about():
    generator = torch.Generator().manual_seed(0)
    shown, asked = seen(60, 1), seen(300, 2)
    predicted = torch.randint(0, 3, (300,), generator=generator)
    predicted = torch.where(
        torch.rand(300, generator=generator) < 0.5, asked.images.labels, predicted
    )
    asked = Seen(asked.images, predicted)
    labels = asked.images.labels

    def mixed(pair):
        a, b = pair
        return int((((labels == a) & (predicted == b)) | ((labels == b) & (predicted == a))).sum())

    assert PROTOCOL.plan(shown, asked).classes == max(combinations(range(3), 2), key=mixed)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (None, "raise explain.n"),
        (NAMES[:2], "needs 60 explained images"),
        (["fox", NAMES[0]], "'fox'"),
        ([NAMES[0], NAMES[0]], "two different"),
    ],
)
def test_what_cannot_be_asked_is_refused(classes, expected):
    shown, asked = seen(60, 1), seen(120, 2)
    with pytest.raises(SparksError, match=expected):
        Protocol(examples=20).plan(shown, asked, classes)


def test_a_scenario_is_read_as_it_was_written(scenario, tmp_path):
    scenario.save(tmp_path / "one.safetensors")
    again = Scenario.load(tmp_path / "one.safetensors")
    assert again.metadata == scenario.metadata
    assert list(again.conditions) == list(CONDITIONS)
    assert again.digest() == scenario.digest()
    for name, tensor in scenario.tensors.items():
        assert torch.equal(again.tensors[name], tensor)


def test_says_and_right_are_the_models_own(scenario):
    shown, asked = seen(60, 1), seen(120, 2)
    for pool in (shown, asked):
        known = {im.numpy().tobytes(): i for i, im in enumerate(pool.images.images)}
        for row, image in enumerate(scenario.tensors["images"]):
            if (i := known.get(image.numpy().tobytes())) is not None:
                assert scenario.tensors["says"][row] == pool.predicted[i]
                right = pool.predicted[i] == pool.images.labels[i]
                assert scenario.tensors["right"][row] == right
    assert (
        scenario.tensors["session"].tolist()
        == [1] * 5 + [2] * 5 + [3] * 5 + [1] * 7 + [2] * 7 + [3] * 7
    )


def test_another_pixel_is_another_study(scenario):
    tensors = {name: tensor.clone() for name, tensor in scenario.tensors.items()}
    tensors["map.saliency"][3, 2, 1] ^= 1
    other = Scenario(scenario.name, scenario.classes, scenario.conditions, tensors)
    assert other.digest() != scenario.digest()


def test_shades_are_the_size_of_the_map_whatever_its_sign_or_scale():
    ramp = torch.linspace(-1, 1, 1001)[:1000].reshape(1, 20, 50)
    once, scaled = shades(ramp), shades(-1e-4 * ramp)
    full = torch.quantile(ramp.abs().flatten(), 0.995)
    expected = (ramp.abs() / full * 255).clamp(max=255)
    assert (once.float() - expected).abs().max() <= 0.51
    assert (once.int() - scaled.int()).abs().max() <= 1
    sparse = torch.zeros(1, 20, 50)
    sparse[0, 3, 4] = 1e-3
    assert shades(sparse).sum() == 255
    assert shades(torch.zeros(1, 4, 4)).sum() == 0
    with pytest.raises(SparksError, match="NaN"):
        shades(torch.full((1, 4, 4), torch.nan))


def found(number, share):
    """What is asked of a concept that the chapter on Lens finds; mypy checks that it has it."""
    crops = torch.full((2, 3, 8, 8), number, dtype=torch.uint8)
    return SimpleNamespace(share=share, seen=torch.full((16, 16), share), crops=crops)


def test_concepts_are_shown_as_far_as_there_are_some():
    given = [[found(1, 0.75), found(2, 0.25)], [found(3, 1.0)]]

    def explain(x):
        return SimpleNamespace(concepts=given[int(x[0, 0, 0, 0])])

    images = torch.stack([torch.full((3, 16, 16), float(i)) for i in range(2)])
    views = concept_views(explain, images, [0, 1], most=3, crops=4)
    assert views["concepts.share"].tolist() == [[0.75, 0.25, 0], [1, 0, 0]]
    assert views["concepts.crops"].shape == (2, 3, 4, 3, 8, 8)
    assert views["concepts.crops"][1, 0, :, 0, 0, 0].tolist() == [3, 3, 0, 0]
    assert views["concepts.seen"][0, 1].unique().tolist() == [64]
    assert set(views) < set(explanations(1))


def test_a_class_that_the_atlas_lacks_is_reported():
    def explain(x):
        return SimpleNamespace(concepts=())

    explain.classes = NAMES
    with pytest.raises(SparksError, match=r"surveyor\.most"):
        concept_views(explain, torch.zeros(1, 3, 8, 8), [1], most=3, crops=4)


def written(path, maps, target, label):
    """Maps of a method, as a job writes them."""
    provenance = {"config": {"attribution": {"label": label}}}
    save_tensors(path, {"maps": maps, "target": target}, provenance)
    return str(path)


def test_maps_of_examples_are_read_with_the_labels_of_their_methods(tmp_path):
    maps = torch.rand(6, 4, 4, generator=torch.Generator().manual_seed(0))
    predicted = torch.tensor([0, 1, 0, 1, 0, 1])
    target = predicted.clone()
    target[0] = 1  # of an image that is no example
    file = written(tmp_path / "saliency.safetensors", maps, target, "Saliency")
    index = torch.tensor([4, 1])
    labels, tensors = read_maps([file], index, predicted)
    assert labels == {"baseline": "Baseline", "saliency": "Saliency"}
    assert torch.equal(tensors["map.saliency"], shades(maps[[4, 1]]))
    with pytest.raises(SparksError, match=r"explain\.target=predicted"):
        read_maps([file], torch.tensor([0]), predicted)


def test_a_model_is_asked_for_the_class_of_each_image():
    shown = seen(9, 1).images
    with seeded(0):
        model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))).eval()
    with torch.no_grad():
        assert torch.equal(ask(model, shown).predicted, model(shown.batch(range(9))).argmax(1))
