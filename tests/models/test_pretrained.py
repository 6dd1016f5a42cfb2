"""torchvision's classifiers by name. The "published" files are made here, of random weights."""

from pathlib import Path
from urllib.parse import urlparse

import pytest
import torch
from torch import nn

from sparks.errors import SparksError
from sparks.models import seeded, torchvision_classifier


@pytest.fixture(autouse=True)
def digests(monkeypatch):
    """Take any file for the published one: those here are of random weights."""
    monkeypatch.setattr("sparks.data.fetch.has_digest", lambda path, *_: path.is_file())


def publish(folder, name, **options):
    """Write random weights under the name of the published ones; return the network."""
    from torchvision.models import get_model, get_model_weights

    with seeded(5):
        net = get_model(name, **options)
    file = Path(urlparse(get_model_weights(name).DEFAULT.url).path).name
    torch.save(net.state_dict(), folder / file)
    return net.eval()


def test_published_weights_come_from_the_folder(tmp_path):
    published = publish(tmp_path, "squeezenet1_1")
    net = torchvision_classifier("squeezenet1_1", 1000, True, weights_dir=tmp_path).eval()
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(net(x), published(x))


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5"])
def test_some_of_the_published_classes_are_rows_of_the_head(tmp_path, name):
    published = publish(tmp_path, name)
    classes = [701, 0, 999]
    net = torchvision_classifier(name, 3, True, weights_dir=tmp_path, classes=classes).eval()
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(net(x), published(x)[:, classes])


@pytest.mark.parametrize(
    ("classes", "expected"),
    [([0, 1], "3 logits"), ([0, 1, 1], "2 different"), ([0, 1, 1000], "1000")],
)
def test_classes_that_do_not_fit_are_refused(classes, expected):
    with pytest.raises(SparksError, match=expected):
        torchvision_classifier("squeezenet1_1", 3, classes=classes)


@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5"])
def test_another_number_of_classes_replaces_the_head_alone(tmp_path, name):
    published = publish(tmp_path, name)
    net = torchvision_classifier(name, 7, True, weights_dir=tmp_path).eval()
    assert net(torch.rand(1, 3, 64, 64)).shape == (1, 7)
    old, new = published.state_dict(), net.state_dict()
    changed = {k for k in old if old[k].shape != new[k].shape}
    assert len(changed) == 2  # weight and bias of the last layer
    assert all(torch.equal(old[k], new[k]) for k in old if k not in changed)


def test_auxiliary_outputs_are_left_out(tmp_path):
    published = publish(tmp_path, "googlenet", init_weights=False, transform_input=True)
    net = torchvision_classifier("googlenet", 1000, "IMAGENET1K_V1", weights_dir=tmp_path)
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(net.eval()(x), published(x))
    assert isinstance(net.train()(x), torch.Tensor)


def test_a_missing_file_is_named_with_its_place_and_nothing_is_downloaded(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a download was tried")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    place = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    with pytest.raises(SparksError, match="put https://.* at " + str(place)):
        torchvision_classifier("resnet18", 10, "IMAGENET1K_V1")


def test_another_file_under_the_published_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sparks.data.fetch.has_digest", lambda path, *_: False)
    publish(tmp_path, "squeezenet1_1")
    with pytest.raises(SparksError, match=r"squeezenet1_1-\w+\.pth is not the published file"):
        torchvision_classifier("squeezenet1_1", 1000, True, weights_dir=tmp_path)


def test_rows_of_a_checkpoint_of_ones_own(tmp_path):
    """Named by its path: a network of all 1,000 classes, trained elsewhere."""
    published = publish(tmp_path, "squeezenet1_1")
    [file] = tmp_path.iterdir()
    own, x = str(file.rename(tmp_path / "own.pth")), torch.rand(2, 3, 64, 64)
    net = torchvision_classifier("squeezenet1_1", 2, own, classes=[701, 0]).eval()
    torch.testing.assert_close(net(x), published(x)[:, [701, 0]])
    with pytest.raises(SparksError, match="do not exist"):
        torchvision_classifier("squeezenet1_1", 1000, str(tmp_path / "other.pth"))


def test_unknown_names_are_refused():
    with pytest.raises(SparksError, match=r"no classifier 'resnet19'.*resnet1"):
        torchvision_classifier("resnet19", 10)
    with pytest.raises(SparksError, match=r"no published weights 'V9'.*IMAGENET1K_V1"):
        torchvision_classifier("resnet18", 10, "V9")


def test_grey_images_are_shown_in_all_three_colours():
    with seeded(0):
        colour = torchvision_classifier("resnet18", 4).eval()
    with seeded(0):
        grey = torchvision_classifier("resnet18", 4, in_channels=1).eval()
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(grey(x), colour(x.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)
    with pytest.raises(SparksError, match="not 4"):
        torchvision_classifier("resnet18", 4, in_channels=4)


def test_random_weights_follow_the_seed():
    nets = []
    for seed in (0, 0, 1):
        with seeded(seed):
            nets.append(torchvision_classifier("squeezenet1_1", 3))
    first, again, other = (nn.utils.parameters_to_vector(net.parameters()) for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
