"""The page as files: what it tells, what it keeps to itself, names, escaping."""

import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from sparks.errors import SparksError
from sparks_thesis.common.images import lit
from sparks_thesis.human_study import Key, Wording, build_page

from .conftest import CONDITIONS, NAMES, WORDING


def data_of(page):
    text = (page / "assets" / "study-data.js").read_text()
    return json.loads(re.fullmatch(r"window\.study = (.*);\n", text, re.S)[1])


def test_what_the_model_says_of_a_question_is_in_the_key_alone(page, key):
    (asked,) = key.scenarios.values()
    for number, session in enumerate(data_of(page)["scenarios"]["blobs/convnet"]["sessions"], 1):
        assert {q["id"] for q in session["questions"]} == asked.names(examples=False)[number]
        assert {e["id"] for e in session["examples"]} == asked.names(examples=True)[number]
        for question in session["questions"]:
            assert set(question) == {"id", "image"}
        for example in session["examples"]:
            assert example["says"] == asked.images[example["id"]].says
            assert set(example["shown"]) == set(CONDITIONS) - {"baseline"}


def test_the_key_is_that_of_the_scenario(scenario, key, page):
    (asked,) = key.scenarios.values()
    assert asked.classes == NAMES[:2]
    assert dict(asked.conditions) == CONDITIONS
    assert [image.says for image in asked.images.values()] == scenario.tensors["says"].tolist()
    assert [image.right for image in asked.images.values()] == scenario.tensors["right"].tolist()
    assert key.study == data_of(page)["id"]


def test_pictures_are_those_of_the_scenario(page, scenario):
    def pixels(path):
        return np.asarray(Image.open(page / path).convert("RGB"), float)

    first = data_of(page)["scenarios"]["blobs/convnet"]["sessions"][0]["examples"][0]
    image = scenario.tensors["images"][0].numpy()
    assert np.abs(pixels(first["image"]) - image.transpose(1, 2, 0)).mean() < 15
    dimmed = lit(image[None], scenario.tensors["map.saliency"][:1].numpy())[0].transpose(1, 2, 0)
    (part,) = first["shown"]["saliency"]
    assert np.abs(pixels(part["pictures"][0]) - dimmed).mean() < 15
    assert len(first["shown"]["concepts"]) == 2
    assert [len(part["pictures"]) for part in first["shown"]["concepts"]] == [2, 2]
    last = data_of(page)["scenarios"]["blobs/convnet"]["sessions"][2]["examples"][-1]
    assert [part["text"] for part in last["shown"]["concepts"]] == ["part 1: counted 100%"]


def test_every_address_is_a_file_and_every_file_has_a_plain_name(page):
    text = (page / "index.html").read_text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert addresses
    for address in addresses:
        assert address == "data:," or (page / address).is_file()
    files = [str(f.relative_to(page)) for f in page.rglob("*") if f.is_file()]
    assert all(re.fullmatch(r"[a-z0-9./-]+", name) for name in files)
    pictures = re.findall(r'images/[^"]+', (page / "assets" / "study-data.js").read_text())
    assert {f for f in files if f.startswith("images/")} == set(pictures)
    for name in files:
        if name.endswith((".html", ".css", "study.js")):
            assert "http" not in (page / name).read_text()


def test_text_is_escaped_and_a_study_without_contact_says_so(page, scenario, tmp_path):
    text = (page / "index.html").read_text()
    assert "<b>What</b>" not in text
    assert "&lt;b&gt;What&lt;/b&gt;" in text
    assert data_of(page)["pilot"].startswith("Pilot")
    named = Wording(title="t", consent=[], contact="Ada <ada@example.org>")
    build_page(tmp_path / "two", tmp_path / "k.json", [scenario], named, {})
    assert data_of(tmp_path / "two")["pilot"] == ""
    assert "Ada &lt;ada@example.org&gt;" in (tmp_path / "two" / "index.html").read_text()


def test_the_same_scenario_gives_the_same_bytes(page, scenario, tmp_path):
    def digest(folder):
        files = sorted(f for f in folder.rglob("*") if f.is_file())
        return [(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files]

    build_page(tmp_path / "again", tmp_path / "key2.json", [scenario], WORDING, {"j.js": b"//"})
    assert digest(tmp_path / "again") == digest(page)
    assert (tmp_path / "key2.json").read_bytes() == (page.parent / "key.json").read_bytes()


def test_grey_images_are_shown_grey(scenario, tmp_path):
    tensors = {**scenario.tensors, "images": scenario.tensors["images"][:, :1]}
    tensors["concepts.crops"] = tensors["concepts.crops"][:, :, :, :1]
    grey = type(scenario)(scenario.name, scenario.classes, scenario.conditions, tensors)
    build_page(tmp_path / "grey", tmp_path / "k.json", [grey], WORDING, {})
    image = np.asarray(
        Image.open(io.BytesIO((tmp_path / "grey/images/0/e001.webp").read_bytes())).convert("RGB")
    )
    assert np.ptp(image.astype(int), axis=2).max() <= 8


def test_a_study_without_scenario_is_refused(tmp_path):
    with pytest.raises(SparksError, match=r"study\.runs"):
        build_page(tmp_path / "p", tmp_path / "k.json", [], WORDING, {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "sparks-study-1"}', '{"format": 2}'])
def test_what_is_no_key_is_reported(tmp_path, text):
    (tmp_path / "key.json").write_text(text)
    with pytest.raises(SparksError, match="is not the key"):
        Key.load(tmp_path / "key.json")
    with pytest.raises(SparksError, match="does not exist"):
        Key.load(tmp_path / "other.json")
