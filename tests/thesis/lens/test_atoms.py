"""One dictionary for all classes: photographs with known blobs, and the pages of its atoms."""

import json
import re
import zipfile
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from sparks.concepts import SAE, Layer
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.visualization import Ascent, named_crops
from sparks.visualization.natural import natural_images
from sparks_thesis.lens.atom_pages import AtomAtlas, build_atom_site, pack
from sparks_thesis.lens.atoms import AtomSurvey
from sparks_thesis.lens.photographs import Photographs, photographs

COLOURS = torch.eye(3)  # of the patches: each fires one channel
NAMES = ("red", "green", "blue", "grey")
DRAW = Ascent(crops=named_crops("wide", 1), steps=1)


class Patches(nn.Module):
    """Mean colour of 8 x 8 patches, to logits by a head of its own."""

    def __init__(self):
        super().__init__()
        self.features = nn.AvgPool2d(8)
        self.head = nn.Linear(3, 4)
        self.head.weight.data = torch.cat([4 * COLOURS, -torch.ones(1, 3)])
        self.head.bias.data = torch.tensor([0.0, 0.0, 0.0, 1.0])

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def blobs(n, seed):
    """Black images of 32 x 32 pixels with one patch of one colour, whose class is the colour's."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    places = torch.randint(0, 16, (n,), generator=generator)
    pixels = torch.zeros(n, 3, 4, 8, 4, 8)
    for i, (label, place) in enumerate(zip(labels, places, strict=True)):
        strength = 0.5 + 0.5 * torch.rand(1, generator=generator)
        pixels[i, label, place // 4, :, place % 4] = strength
    images = (255 * pixels.reshape(n, 3, 32, 32)).to(torch.uint8)
    return ImageSet(labels, NAMES[:3], images), places


@pytest.fixture(scope="module")
def survey():
    first, places = blobs(60, 0)
    second, _ = blobs(30, 1)
    credited = first.credited([f"Ada {i}, CC0" for i in range(60)])
    rows = torch.arange(3)
    sources = [Photographs("open", credited, rows), Photographs("closed", second, rows)]
    settings = AtomSurvey(
        dictionary=SAE(concepts=4, active=1, epochs=200, batch_size=64), most=20, places=16,
        per_class=2, crops=4, share=0.25, side=8, thumbnail=8,
    )  # fmt: skip
    layer = Layer(Patches().eval(), "features", torch.zeros(1, 3, 32, 32))
    return *settings.run(layer, sources, natural_images(16), DRAW), places, credited


def test_atoms_are_the_colours_and_count_for_their_classes(survey):
    numbers, tensors, *_ = survey
    table = numbers.table(seed=0)
    found = dict(zip(table["metric"] + " of " + table["method"], table["value"], strict=True))
    assert found["HeldOutR2 of atoms"] > 0.9
    assert found["TopAgreement of atoms"] == 1
    assert found["L0 of atoms"] <= 1
    assert found["LogitR2 of atoms"] > found["LogitR2 of shuffled atoms"]
    # An atom for each colour, which counts for its class, and one of the dark for the last class.
    best = tensors["weights"].argmax(0)
    assert sorted(best.tolist()) == [0, 1, 2, 3]
    assert tensors["seen"].tolist() == [30, 30, 30, 0]


def test_crops_show_the_patch_and_name_their_photographer(survey):
    _, tensors, credits, _, credited = survey
    best = tensors["weights"].argmax(0)
    for atom, colour in enumerate(best.tolist()):
        if colour == 3:
            continue
        for crop in tensors["crops.credited"][atom].float():
            # All of the crop is the patch: only its colour, everywhere.
            assert (crop[colour] > 100).all()
            assert crop.sum((1, 2)).argmax() == colour
        images = tensors["images.credited"][atom].tolist()
        assert all(image < 60 and credits[image] == f"Ada {image}, CC0" for image in images)
        assert all(credited.labels[image] == colour for image in images)
    assert (tensors["images.all"] >= 60).any()
    assert all(credits[int(i)] == "" for i in tensors["images.all"].flatten() if i >= 60)


def test_the_logit_of_a_kept_image_is_the_sum_of_its_terms(survey):
    _, tensors, *_, credited = survey
    model = Patches().eval()
    kept = tensors["image"]
    assert tensors["label"].tolist() == [0, 0, 1, 1, 2, 2]
    logits = model(credited.batch(kept)).detach()
    for place, (label, row) in enumerate(zip(tensors["label"], logits, strict=True)):
        terms = tensors["codes"][place] * tensors["weights"][label]
        total = tensors["constant"][label] + terms.sum() + tensors["left"][place]
        above = float(row[label] - row.mean())
        assert float(total) == pytest.approx(above, abs=2e-3)  # half precision on disk


def test_the_leading_atom_of_an_image_is_seen_at_its_patch(survey):
    _, tensors, _, places, _ = survey
    best = tensors["weights"].argmax(0)
    for row, image in enumerate(tensors["image"].tolist()):
        assert best[tensors["leading"][row, 0]] == tensors["label"][row]
        bright = tensors["maps"][row, 0].float().reshape(4, 2, 4, 2).mean((1, 3)).flatten()
        assert bright.argmax() == places[image]


class Page(HTMLParser):
    """Links and sources of a page."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for key, value in attrs if key in ("href", "src")]


@pytest.fixture(scope="module")
def sites(survey, tmp_path_factory):
    numbers, tensors, credits, *_ = survey
    table = numbers.table(seed=0)
    values = {}
    for metric, method, value in table[["metric", "method", "value"]].itertuples(index=False):
        values.setdefault(metric, {})[method] = value
    atlas = AtomAtlas(tensors, NAMES, credits, "Patches", [("open", 60), ("closed", 30)], values)
    folder = tmp_path_factory.mktemp("atoms")
    build_atom_site(folder / "all", atlas)
    build_atom_site(folder / "published", atlas, published=True)
    return folder


@pytest.mark.parametrize("kind", ["all", "published"])
def test_every_link_leads_somewhere_and_nothing_outside(sites, kind):
    site = sites / kind
    pages = sorted(site.glob("*.html"))
    assert len(pages) == 1 + 4 + 4
    for page in pages:
        for link in Page(page.read_text()).found:
            if link.startswith(("data:", "#")):
                continue
            assert ":" not in link
            assert (site / link.partition("#")[0]).is_file(), (page.name, link)
    text = (site / "assets/classes.js").read_text()
    listed = json.loads(text.removeprefix("window.lensClasses = ").rstrip(";\n"))
    assert all((site / page).is_file() for _, page, _ in listed)
    assert len(listed) == 4 + 4


def test_a_class_without_photographs_says_so(sites):
    text = (sites / "all/class-00003.html").read_text()
    assert "None of the photographs has this label" in text
    assert "In photographs of it" not in text


def test_what_is_published_has_a_photographer(sites):
    for page in (sites / "published").glob("*.html"):
        assert "not to be published" not in page.read_text()
    assert any("not to be published" in p.read_text() for p in (sites / "all").glob("atom-*.html"))


def test_an_archive_holds_the_site_and_is_the_same_each_time(sites, tmp_path):
    pack(sites / "published", tmp_path / "one.zip")
    pack(sites / "published", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        held = {re.sub("^lens-atoms/", "", name) for name in archive.namelist()}
    files = [p for p in (sites / "published").rglob("*") if p.is_file()]
    assert held == {p.relative_to(sites / "published").as_posix() for p in files}


def test_a_class_with_many_images_does_not_take_all_the_atoms():
    images, _ = blobs(60, 0)
    survey = AtomSurvey(dictionary=SAE(concepts=2, active=1), most=4)
    kept = survey.balanced(Photographs("many", images, torch.arange(3))).images
    assert kept.labels.bincount().tolist() == [4, 4, 4]
    assert kept.images.equal(images.images[:12])


def test_more_atoms_than_places_are_refused_before_any_pass():
    images, _ = blobs(2, 0)
    asked = AtomSurvey(dictionary=SAE(concepts=33))
    layer = Layer(Patches().eval(), "features", torch.zeros(1, 3, 32, 32))
    source = Photographs("few", images, torch.arange(3))
    with pytest.raises(SparksError, match="33 atoms of 2 images with 16 places each"):
        asked.run(layer, [source], natural_images(16), DRAW)


def test_splits_that_are_the_same_images_count_once(tmp_path):
    images, _ = blobs(6, 0)
    other, _ = blobs(6, 1)
    known = {"imagenet_labels": [4, 5, 6]}
    files = []
    for name, one in (("train", images), ("same", images), ("test", other)):
        one = ImageSet(one.labels, one.classes, one.images, tables=known)
        one.save(tmp_path / f"{name}.safetensors", {"job": {"dataset": "blobs"}})
        files.append(str(tmp_path / f"{name}.safetensors"))
    found = photographs(files)
    assert [len(one.images) for one in found] == [6, 6]
    assert found[0].rows.tolist() == [4, 5, 6]
    ImageSet(images.labels, images.classes, images.images).save(
        tmp_path / "unknown.safetensors", {"job": {"dataset": "blobs"}}
    )
    with pytest.raises(SparksError, match="blobs does not say which of ImageNet's classes"):
        photographs([str(tmp_path / "unknown.safetensors")])
