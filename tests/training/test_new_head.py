"""A new last layer on a network that stays as it was: a linear probe."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from sparks.data import ImageSet
from sparks.models import Classifier, seeded, with_new_head
from sparks.training import Settings, fit, vectorisation_blocker


def pretrained() -> nn.Sequential:
    """Return a small network with batch normalisation, with statistics of other data."""
    with seeded(3):
        net = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, 10),
        )
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.running_mean = torch.linspace(-1, 1, 6)
    norm.running_var = torch.linspace(0.5, 2, 6)
    return net.eval()


def images(n: int = 240) -> ImageSet:
    """Return noise of which one class is brighter on the left."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    pixels = torch.randint(60, 180, (n, 3, 8, 8), generator=generator)
    pixels[labels == 1, :, :, :4] += 12  # less than the noise: some images are always wrong
    return ImageSet(labels, ("dark", "bright"), pixels.to(torch.uint8))


def test_training_fits_the_new_layer_alone():
    data, net = images(), with_new_head(pretrained(), "5", 2)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    settings = Settings(epochs=30, batch_size=60, lr=0.3, weight_decay=0.0, validation=0.0)
    fit(Classifier(net), data, None, settings, seed=0)
    after = net.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"5.weight", "5.bias"}

    net.eval()
    with torch.no_grad():
        features = net[:5](data.batch(slice(None)))
        logits = net(data.batch(slice(None)))
    best = LogisticRegression(C=1e6, max_iter=10_000).fit(features.numpy(), data.labels.numpy())
    ours = nn.functional.cross_entropy(logits, data.labels)
    expected = torch.tensor(best.predict_proba(features.numpy())).log()
    theirs = nn.functional.nll_loss(expected, data.labels)
    assert theirs > 0.05
    assert theirs <= ours < 0.8 * torch.tensor(2.0).log()  # the least there is; of guessing


def test_such_networks_are_not_trained_side_by_side():
    models = [Classifier(with_new_head(pretrained(), "5", 2)) for _ in range(2)]
    settings = Settings(epochs=1, batch_size=60, validation=0.0, precision="fp32")
    reason = vectorisation_blocker(models, [images(), images()], settings, "cpu")
    assert reason == "some of their parameters are not trained"
