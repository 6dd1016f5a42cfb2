"""A small model, its atlas with class names that are markup, and the site."""

import pytest
import torch

from sparks.concepts import NMF, Banks, Extractor, Layer, RandomCrops, SemiNMF
from sparks.concepts.banks import StoredConcepts
from sparks.concepts.classes import Classified
from sparks.data import ImageSet
from sparks.models import Classifier, ConvNet, seeded
from sparks_thesis.lens import Atlas, Surveyor, write_atlas
from sparks_thesis.lens.links import SimilarConcepts

# Names that would break a page, an address or a file.
NAMES = (
    '<script>alert("class")</script>',
    "../../etc/passwd & 'quotes'",
    "</script><img src=x onerror=alert(1)>",
)


@pytest.fixture(scope="session")
def train():
    """Blobs of one colour a class, where the class of a blob is seen by its place."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(90, 3, 16, 16, generator=generator) * 0.3
    labels = torch.arange(90) % 3
    for i, c in enumerate(labels.tolist()):
        noise[i, c, 4 * c : 4 * c + 6, 3:12] += 0.7
    return ImageSet(labels=labels, classes=NAMES, images=(noise * 255).byte())


@pytest.fixture(scope="session")
def model(train):
    """A network that has learned the classes."""
    with seeded(0):
        classifier = Classifier(ConvNet(3, 3, 16, widths=(6, 12))).train()
    optimiser = torch.optim.Adam(classifier.parameters(), 0.02)
    x = train.batch(range(90))
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(classifier(x), train.labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return classifier.eval()


EXTRACTOR = Extractor(
    dictionary=NMF(concepts=4),
    signed=SemiNMF(concepts=4),
    crops=RandomCrops(number=3),
    images=24,
)
SURVEYOR = Surveyor(crops=6)


def draw(concepts):
    """A picture of noise for each concept, half opaque."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(concepts.k, 4, 16, 16, generator=generator)
    pictures[:, 3] = 0.5
    return pictures


@pytest.fixture(scope="session")
def given(model, train):
    return Classified.by(model, train)


@pytest.fixture(scope="session")
def banks(model, given, tmp_path_factory):
    """The concepts of all classes, on disk."""
    layer = Layer(model, "stages.1", given.images.batch([0]))
    folder = tmp_path_factory.mktemp("concepts") / "stages.1"
    Banks.write(folder, EXTRACTOR.fit_classes(layer, given))
    return Banks(folder)


@pytest.fixture(scope="session")
def source(banks):
    return StoredConcepts({"stages.1": banks})


@pytest.fixture(scope="session")
def surveyed(model, given, source):
    return list(SURVEYOR.survey(model, "stages.1", given, source, draw))


@pytest.fixture(scope="session")
def atlas(surveyed, banks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "0"
    write_atlas(folder, surveyed, banks.load, SimilarConcepts(least=-1.0))
    return Atlas(folder, "blobs", "convnet", banks)


@pytest.fixture(scope="session")
def site(atlas, tmp_path_factory):
    from sparks_thesis.lens import build_site

    pytest.importorskip("bokeh", reason="bokeh draws the charts: install the extra `lens`")
    folder = tmp_path_factory.mktemp("site") / "lens"
    build_site(folder, [atlas, Atlas(atlas.path, "blobs", "other <model>")])
    return folder
