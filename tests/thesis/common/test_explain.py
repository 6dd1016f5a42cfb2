"""Maps, scores and costs slice by slice, against everything at once; trainings of one network."""

import pandas as pd
import pytest
import torch
from torch import nn

from sparks.attribution import RISE, Saliency
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.io import save_tensors
from sparks.metrics import Complexity, Deletion, Explanation
from sparks.models import Classifier, save_weights, seeded
from sparks.results import MetricRecorder
from sparks.training import Settings, fit, holdout, predict
from sparks_thesis.common import explain, score
from sparks_thesis.common.explain import Explaining
from sparks_thesis.common.score import Family
from sparks_thesis.common.shards import joined_cost, joined_maps
from sparks_thesis.common.train import check_classes, take_ready_made, train_network

N, SIDE = 40, 6


def build(seed=0):
    with seeded(seed):
        return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 2)), 1).eval()


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (N, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    return ImageSet(torch.arange(N) % 2, ("a", "b"), pixels)


def cost(explaining):
    table = explaining.cost("X").table(seed=0)
    assert set(table["method"]) == {"X"}
    return dict(zip(table["metric"], table["value"], strict=True))


def test_slices_together_explain_all_images_and_their_passes_are_counted(images):
    model, target = build(), images.labels
    method = RISE(grid=3, masks=20)
    explaining = Explaining(method, model, images, target)
    slices = list(explaining.slices())
    assert [len(made["maps"]) for made in slices] == [explain.SLICE, explain.SLICE, 8]
    torch.testing.assert_close(
        torch.cat([made["maps"] for made in slices]), method(model, images.batch(range(N)), target)
    )
    assert torch.equal(torch.cat([made["target"] for made in slices]), target)
    spent = cost(explaining)
    assert (spent["Forwards"], spent["Backwards"]) == (20, 0)
    assert spent["Seconds"] > 0


def test_a_derivative_is_counted_as_a_backward_pass(images):
    explaining = Explaining(Saliency(), build(), images, images.labels)
    list(explaining.slices())
    spent = cost(explaining)
    assert (spent["Forwards"], spent["Backwards"]) == (1, 1)


def test_a_shard_of_no_images_has_empty_maps_and_no_cost(images):
    none = images.subset(slice(0, 0))
    explaining = Explaining(Saliency(), build(), none, none.labels, N, "a file")
    (made,) = explaining.slices()
    assert made["maps"].shape == (0, SIDE, SIDE)
    assert cost(explaining)["Forwards"] == 0


def test_an_error_names_the_image_by_its_place_in_the_file(images):
    def broken(model, x, target):
        if len(x) > 1 and not torch.equal(x[0], images.batch([0])[0]):
            raise SparksError("row 2 is odd")
        return x[:, 0]

    explaining = Explaining(broken, build(), images, images.labels, 100, "f.safetensors")
    with pytest.raises(SparksError, match=r"row 2 is odd \[counted from image 116 of f\."):
        list(explaining.slices())


def test_scores_of_slices_are_those_of_all_at_once(images, monkeypatch):
    model, x, target = build(), images.batch(range(N)), images.labels
    maps = Saliency()(model, x, target)
    family = Family(
        metrics={"deletion": Deletion(steps=3), "complexity": Complexity()}, images=30,
        needs_model=True, needs_truth=False, needs_method=False,
    )  # fmt: skip
    monkeypatch.setattr(score, "SLICE", 7)
    found = family.score(
        images, lambda rows: {"maps": maps[rows], "target": target[rows]}, model, Saliency()
    )
    whole = Explanation(model, x[:30], target[:30], maps[:30])
    for metric in family.metrics.values():
        for name, wanted in metric(whole).items():
            torch.testing.assert_close(found[name], wanted)


def test_metrics_get_what_they_need_and_nothing_else(images):
    class Watching:
        def __call__(self, explanation):
            self.seen = explanation
            return {"X": torch.zeros(len(explanation.x))}

    parts = torch.zeros(N, SIDE, SIDE, dtype=torch.uint8)
    known = ImageSet(images.labels, images.classes, images.images, truth={"null": parts.bool()})
    for needed in (True, False):
        watching, model = Watching(), build()
        family = Family(
            metrics={"w": watching}, images=None,
            needs_model=needed, needs_truth=False, needs_method=needed,
        )  # fmt: skip
        zeros = {"maps": torch.zeros(N, SIDE, SIDE), "target": images.labels}
        family.score(known, lambda rows, zeros=zeros: zeros, model, Saliency())
        assert watching.seen.model is (model if needed else None)
        assert (watching.seen.method is None) == (not needed)
        assert watching.seen.truth is None


def table(seconds, memory):
    recorder = MetricRecorder()
    recorder.add({"Seconds": [seconds], "PeakMemory": [memory]}, method="X")
    return recorder.table(seed=0)


def test_costs_of_shards_are_averaged_over_images_and_memory_is_the_largest():
    joined = joined_cost([table(1.0, 5.0), table(4.0, 9.0), table(100.0, 100.0)], [3, 1, 0])
    assert dict(zip(joined["metric"], joined["value"], strict=True)) == {
        "Seconds": pytest.approx((3 * 1 + 4) / 4),
        "PeakMemory": 9.0,
    }


def test_maps_of_shards_follow_each_other(tmp_path):
    parts = [torch.rand(n, 2, 2) for n in (3, 2)]
    files = [str(tmp_path / f"{i}.safetensors") for i in range(2)]
    for path, maps in zip(files, parts, strict=True):
        save_tensors(path, {"maps": maps, "target": torch.arange(len(maps))})
    blocks = list(joined_maps(files, [3, 2]))
    assert torch.equal(torch.cat([block["maps"] for block in blocks]), torch.cat(parts))


def test_a_network_is_trained_on_what_is_not_held_out(images):
    settings = Settings(epochs=2, batch_size=8, precision="fp32", validation=0.25)
    model, own = build(1), build(1)
    history = train_network(model, images, settings, None, 3, "cpu")
    train, validation = holdout(images, 0.25, 3)
    fit(own, train, validation, settings, 3, "cpu")
    assert torch.equal(predict(model, images), predict(own, images))
    assert history["epoch"].tolist() == [1, 2]
    assert set(history["images"]) == {len(train)}


def test_one_class_cannot_be_learnt(images):
    alike = ImageSet(torch.zeros(N, dtype=torch.int64), ("only",), images.images)
    with pytest.raises(SparksError, match="one class \\('only'\\)"):
        train_network(build(), alike, Settings(epochs=1), None, 0, "cpu")


def test_a_network_that_is_ready_made_has_no_history(images, tmp_path):
    path = str(tmp_path / "w.safetensors")
    save_weights(build(5), path)
    model = build(6)
    assert take_ready_made(model, path).equals(pd.DataFrame({"epoch": [0], "images": [0]}))
    assert torch.equal(predict(model, images), predict(build(5), images))
    take_ready_made(model, "included")
    assert torch.equal(predict(model, images), predict(build(5), images))


def test_a_network_of_other_classes_of_imagenet_is_refused(images):
    known = ImageSet(
        images.labels, images.classes, images.images, tables={"imagenet_labels": [3, 5]}
    )
    check_classes([3, 5], known)
    check_classes(None, known)
    check_classes([1, 2], images)
    with pytest.raises(SparksError, match=r"classes \[1, 2\], the images of \[3, 5\]"):
        check_classes([1, 2], known)
