"""A scenario whose class names are markup, its page, and jsPsych from npm."""

import subprocess

import pytest
import torch
from hydra.utils import instantiate

from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks_thesis.common.settings import defaults
from sparks_thesis.human_study import Key, Protocol, Scenario, Wording, build_page, fetch
from sparks_thesis.human_study.scenario import Seen
from sparks_thesis.human_study.settings import HumanStudy

# Names that would break a page, an address or a file.
NAMES = (
    '<script>alert("class")</script>',
    "</script><img src=x onerror=alert(1)>",
    "../third & 'c'",
)
CONDITIONS = {
    "baseline": "Baseline",
    "bottom_up": "Control",
    "saliency": "Saliency",
    "concepts": "Concepts",
}


def patches(generator, *shape):
    """Four patches in an image: WebP keeps them."""
    small = torch.randint(0, 256, (*shape[:-2], 2, 2), generator=generator).byte()
    return small.repeat_interleave(shape[-2] // 2, -2).repeat_interleave(shape[-1] // 2, -1)


def seen(n, seed, wrong=0.4):
    """Images of four patches, on a share of which a model errs."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    images = patches(generator, n, 3, 16, 16)
    erring = torch.rand(n, generator=generator) < wrong
    other = (labels + torch.randint(1, 3, (n,), generator=generator)) % 3
    predicted = torch.where(erring, other, labels)
    return Seen(ImageSet(labels=labels, classes=NAMES, images=images), predicted)


def explanations(e, seed=0):
    """Maps and concepts of e examples, the last of which has one concept only."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return patches(generator, *shape)

    share = torch.tensor([[0.6, 0.4]]).repeat(e, 1)
    share[-1] = torch.tensor([1.0, 0.0])
    return {
        "map.bottom_up": noise(e, 16, 16),
        "map.saliency": noise(e, 16, 16),
        "concepts.seen": noise(e, 2, 16, 16),
        "concepts.crops": noise(e, 2, 4, 3, 8, 8),
        "concepts.share": share,
    }


def make_scenario(protocol, name="blobs/convnet"):
    shown, asked = seen(60, 1), seen(120, 2)
    plan = protocol.plan(shown, asked, NAMES[:2])
    examples = explanations(plan.examples.numel())
    return Scenario.of_plan(name, plan, shown, asked, CONDITIONS, examples)


@pytest.fixture(scope="session")
def scenario():
    return make_scenario(Protocol())


@pytest.fixture(scope="session")
def packages():
    return [instantiate(package) for package in defaults(HumanStudy)["packages"]]


@pytest.fixture(scope="session")
def tarballs(packages, tmp_path_factory):
    """What npm gives of jsPsych; skipped where npm or the network is missing."""
    folder = tmp_path_factory.mktemp("packages")
    try:
        fetch(packages, folder)
    except SparksError as error:
        if "pins" in str(error):
            raise
        pytest.skip(f"jsPsych cannot be fetched: {error}")
    return folder


@pytest.fixture(scope="session")
def scripts(packages, tarballs):
    return {
        package.tarball[: -len(".tgz")] + ".js": package.read_script(tarballs)
        for package in packages
    }


WORDING = Wording(
    title="<b>What</b> does it say?", consent=["You & <i>I</i> agree."], debrief=["The end."]
)


@pytest.fixture(scope="session")
def page(scenario, tmp_path_factory):
    """The page without jsPsych, and its key beside it."""
    folder = tmp_path_factory.mktemp("built")
    build_page(folder / "page", folder / "key.json", [scenario], WORDING, {"j.js": b"//"})
    return folder / "page"


@pytest.fixture(scope="session")
def key(page):
    return Key.load(page.parent / "key.json")


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Put a program called npm in the place of the real one."""

    def install(text):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "npm").write_text(f"#!/bin/sh\n{text}\n")
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        assert subprocess.run(
            ["sh", "-c", "command -v npm"], capture_output=True, text=True, check=True
        ).stdout.startswith(str(folder))

    return install
