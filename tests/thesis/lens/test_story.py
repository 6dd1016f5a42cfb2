"""The story on the first page: which concept it is of, and what it says of what was measured."""

import pandas as pd
import pytest
import torch

from sparks.errors import SparksError
from sparks.io import save_tensors
from sparks.results import as_results
from sparks.stats import Bootstrap
from sparks_thesis.lens import build_site
from sparks_thesis.lens.story import tell

from .conftest import NAMES

TARGET, CONCEPT = 1, 2


def rows(change, elsewhere):
    """Measurements of three images, as `CoveringStudy` gives them."""
    table = [
        {"class_name": NAMES[TARGET], "concept": CONCEPT, "cover": cover, "image": image,
         "metric": metric, "value": value + shift * own}
        for cover in ("mean colour", "blur")
        for image, shift in ((4, -0.1), (7, 0.0), (9, 0.1))
        for metric, value, own in (("Covered", change, 1.0), ("CoveredElsewhere", elsewhere, 0.5),
                                   ("CoveredArea", 0.2, 0.0))
    ]  # fmt: skip
    return as_results(pd.DataFrame(table), seed=0)


@pytest.fixture
def story(atlas, tmp_path):
    """A story of the concept that channel 3 tells, its images 9 and 4."""
    atoms = atlas.load(TARGET).atoms(atlas.bank(TARGET))
    channel = int((atoms / atoms.sum(1, keepdim=True))[CONCEPT].argmax())
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    key = f"{TARGET}.{CONCEPT}"
    tensors = {"index": torch.tensor([9, 4]), "images": images, "covered": images + 1}
    path = tmp_path / "pictures.safetensors"
    save_tensors(path, {f"{key}.{name}": tensor for name, tensor in tensors.items()})

    def tell_story(change=-1.0, elsewhere=-0.25, name=NAMES[TARGET], channels=(channel,)):
        measured = rows(change, elsewhere)
        return tell(atlas, name, "<people>", channels, measured, path, Bootstrap(resamples=200))

    return tell_story


def test_the_concept_is_known_by_its_channels_and_its_numbers_are_those_measured(story, atlas):
    found = story()
    atoms = atlas.load(TARGET).atoms(atlas.bank(TARGET))
    share = atoms / atoms.sum(1, keepdim=True)
    assert found.concept == int(share[:, int(share[CONCEPT].argmax())].argmax())
    assert [row["cover"] for row in found.effect] == ["mean colour", "blur"]
    assert found.effect[0]["difference"] == pytest.approx(-0.75)
    assert found.changes == [pytest.approx((-0.9, -0.2)), pytest.approx((-1.1, -0.3))]


@pytest.mark.parametrize(
    ("change", "elsewhere", "says"),
    [(-1, -0.25, "as evidence for"), (0.5, -0.25, "count less"), (-1, -1, "no clear difference")],
)
def test_the_page_says_what_the_numbers_say(story, atlas, tmp_path, change, elsewhere, says):
    build_site(tmp_path / "site", [atlas], story=story(change, elsewhere))
    text = (tmp_path / "site/index.html").read_text()
    verdicts = ("as evidence for", "count less", "no clear difference")
    assert [verdict in text for verdict in verdicts] == [verdict == says for verdict in verdicts]
    assert "&lt;people&gt;" in text
    assert f"{change - elsewhere:+.2f}".replace("-", "−") in text
    for name in ("image-1", "covered-2"):
        assert f"story/{name}.webp" in text
        assert (tmp_path / f"site/story/{name}.webp").is_file()


def test_what_cannot_be_said_is_named(story):
    with pytest.raises(SparksError, match="'zebra' is no class of the atlas"):
        story(name="zebra")
    with pytest.raises(SparksError, match="the layer has 12 channels"):
        story(channels=[12])
    with pytest.raises(SparksError, match="was not covered in test images"):
        story(name=NAMES[0])
