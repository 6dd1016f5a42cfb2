"""A small model, its atlas with class names that are markup, the site, and a browser."""

import importlib.util
import shutil

import pytest
import torch

from sparks.concepts import NMF, Craft, RandomCrops
from sparks.data import ImageSet
from sparks.lens import Atlas, Surveyor, write_atlas
from sparks.lens.links import Alike
from sparks.models import Classifier, ConvNet, seeded

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


SURVEYOR = Surveyor(
    craft=Craft(dictionary=NMF(concepts=4), crops=RandomCrops(number=3)), images=24, crops=6
)


def draw(concepts):
    """A picture of noise for each concept, half opaque."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(concepts.k, 4, 16, 16, generator=generator)
    pictures[:, 3] = 0.5
    return pictures


@pytest.fixture(scope="session")
def surveyed(model, train):
    return list(SURVEYOR.survey(model, "stages.1", train, draw))


@pytest.fixture(scope="session")
def atlas(surveyed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "0"
    write_atlas(folder, surveyed, Alike(least=-1.0))
    return Atlas(folder, "blobs", "convnet")


@pytest.fixture(scope="session")
def site(atlas, tmp_path_factory):
    from sparks.lens import build_site

    pytest.importorskip("bokeh", reason="bokeh draws the charts: install the extra `lens`")
    folder = tmp_path_factory.mktemp("site") / "lens"
    build_site(folder, [atlas, Atlas(atlas.path, "blobs", "other <model>")])
    return folder


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by Playwright."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: install Debian's package `chromium`")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright drives the browser: install the extra `dev`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox of its own it runs as root too, as in containers.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page of the browser, and what went wrong on it."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.errors, self.requests = [], []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def _dialog(self, dialog):
        self.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def watch(chromium):
    """Open pages; what goes wrong on any of them fails the test."""
    opened = []

    def open_page(**options):
        opened.append(Watched(chromium, **options))
        return opened[-1]

    yield open_page
    errors = [error for watched in opened for error in watched.errors]
    for watched in opened:
        watched.context.close()
    assert not errors


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """Folder of the screenshots; pytest keeps those of the last three runs."""
    return tmp_path_factory.mktemp("screenshots")
