"""Losses of the user's in the loop: lambda 0 is plain training, maps move with their images."""

import dataclasses

import pytest
import torch

from sparks.alignment import ClickMaps, Harmonizer
from sparks.errors import SparksError
from sparks.models import Classifier, ConvNet, ViTTiny, seeded
from sparks.training import Settings, fit
from sparks.training import loop as training_loop
from sparks.training.losses import OfLogits
from sparks.training.step import augment_alike

SETTINGS = Settings(epochs=2, batch_size=16, precision="fp32", flip=True, shift=1)


@pytest.fixture
def clicked(blobs):
    """The blobs enlarged to 16 pixels, with clicks on the row that tells the class."""
    images = blobs.images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    generator = torch.Generator().manual_seed(1)
    clicks = torch.rand(90, 2, 3, 2, generator=generator) * 16
    clicks[..., 1] = (4 * blobs.labels + 3.0)[:, None, None]
    return dataclasses.replace(blobs, images=images, truth={"clicks": clicks})


def trained(data, loss, net="convnet", path=None, settings=SETTINGS):
    with seeded(0):
        made = ConvNet(1, 3, 16, (4, 8)) if net == "convnet" else ViTTiny(1, 3, 16, 4, 8, 1, 2)
    model = Classifier(made, 1)
    history = fit(model, data, None, settings, 0, "cpu", path, loss=loss)
    return model.state_dict(), history


def identical(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("net", ["convnet", "vit"])
def test_lambda_zero_is_plain_training_to_the_last_bit(clicked, net):
    plain, history = trained(clicked, None, net)
    zero, again = trained(clicked, Harmonizer(ClickMaps(0.1), weight=0.0), net)
    assert identical(plain, zero)
    assert history == again
    harmonized, _ = trained(clicked, Harmonizer(ClickMaps(0.1), weight=5.0), net)
    assert not identical(plain, harmonized)
    assert all(value.isfinite().all() for value in harmonized.values())


def test_no_map_at_all_is_plain_training_to_the_last_bit(clicked):
    class NoMaps:
        def __call__(self, data, indices):
            return torch.zeros(len(indices), 16, 16)

    plain, _ = trained(clicked, None)
    assert identical(plain, trained(clicked, Harmonizer(NoMaps(), weight=5.0))[0])


def test_maps_move_with_their_images():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(8, 3, 16, 16, generator=generator)
    settings = Settings(epochs=1, flip=True, shift=3)
    moved, beside = augment_alike(images, images[:, :1], settings, generator, torch.device("cpu"))
    assert torch.equal(moved[:, :1], beside)
    assert not torch.equal(moved, images)


def test_maps_of_another_size_are_refused(clicked):
    class Small:
        def __call__(self, data, indices):
            return torch.rand(len(indices), 8, 8)

    with pytest.raises(SparksError, match=r"\(16, 1, 8, 8\) do not fit"):
        trained(clicked, Harmonizer(Small()))


@dataclasses.dataclass(frozen=True)
class Remembering(OfLogits):
    """Scales by the mean size of all logits so far."""

    def start(self):
        return {"mean": torch.ones(1)}

    def of_logits(self, logits, labels, state):
        state["mean"] = 0.9 * state["mean"] + 0.1 * logits.detach().abs().mean()
        return torch.nn.functional.cross_entropy(logits / state["mean"], labels)


@pytest.mark.parametrize("loss", [Remembering(), Harmonizer(ClickMaps(0.1), 2.0, micro_batch=8)])
def test_a_resumed_run_ends_with_the_same_bits(clicked, tmp_path, monkeypatch, loss):
    settings = dataclasses.replace(SETTINGS, epochs=3)
    whole, history = trained(clicked, loss, settings=settings)
    path, save = tmp_path / "state.safetensors", training_loop.save_checkpoint

    def save_and_stop(*args):
        save(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(training_loop, "save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        trained(clicked, loss, path=path, settings=settings)
    monkeypatch.setattr(training_loop, "save_checkpoint", save)
    again, resumed = trained(clicked, loss, path=path, settings=settings)
    assert resumed == history
    assert identical(whole, again)


def test_no_run_goes_on_from_the_checkpoint_of_another_loss(clicked, tmp_path):
    path = tmp_path / "state.safetensors"
    trained(clicked, Harmonizer(ClickMaps(0.1), 2.0), path=path)
    plain, _ = trained(clicked, None)
    assert identical(plain, trained(clicked, None, path=path)[0])
