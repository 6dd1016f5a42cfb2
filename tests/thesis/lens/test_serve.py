"""The page for one's own image: what it says, what it refuses, and in the browser."""

import io
import threading
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from sparks.concepts import Layer
from sparks.concepts.nnls_solver import nnls
from sparks.errors import SparksError
from sparks_thesis.lens import Explainer
from sparks_thesis.lens.upload import Limits, read_image

from .conftest import NAMES

LIMITS = Limits(megabytes=0.05, megapixels=0.02)


@pytest.fixture(scope="module")
def explainer(model, atlas, train):
    return Explainer(model, Layer(model, "stages.1", train.batch([0])), atlas, NAMES)


@pytest.fixture(scope="module")
def app(explainer, train):
    pytest.importorskip("flask", reason="flask serves the page: install the extra `lens`")
    from sparks_thesis.lens.serve import Example, Loaded, Served, create_app

    def other():
        raise SparksError("its weights are gone")

    models = [
        Served(
            "blobs/convnet/0",
            "convnet <on> blobs",
            "Three classes.",
            lambda: Loaded(explainer, 16, 3),
        ),
        Served("blobs/other/0", "another model", "It cannot be loaded.", other),
    ]
    examples = [Example("a <blob>", "nobody", as_file(train.batch([1])))]
    return create_app(models, LIMITS, examples=examples)


def as_file(x, kind="PNG"):
    pixels = (x[0].permute(1, 2, 0) * 255).round().byte().numpy()
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def send(app, data, headers=None, **fields):
    form = {"image": (io.BytesIO(data), "x.png"), **fields}
    return app.test_client().post("/", data=form, headers=headers)


def test_contributions_are_those_of_the_models_head(explainer, model, train):
    """At the last layer they are mean coefficient × (V w), and crops come from the class."""
    x = train.batch([1])
    found, layer = explainer(x), explainer.layer
    target = found.explained.target
    with torch.no_grad():
        assert found.logit == pytest.approx(float(model(x)[0, target]), abs=1e-4)
    weight = dict(layer.h.named_parameters())["net.head.weight"].detach()[target]
    atoms = explainer.atlas.load(target).atoms(explainer.atlas.bank(target))
    u = nnls(layer.activations(x).clone()[0], atoms).mean(0)
    expected = u * (atoms @ weight)
    for concept in found.concepts:
        assert concept.contribution == pytest.approx(float(expected[concept.number - 1]), abs=1e-3)
    order = [concept.contribution for concept in found.concepts]
    assert order == sorted(order, reverse=True)
    assert found.nearest.shape == (5, 3, 16, 16)


def test_heat_maps_are_gradcam_of_each_class(explainer, model, train):
    """ReLU(Σ w a), the w derivatives of the logit averaged over places, then enlarged."""
    x = train.batch([1])
    kept = []
    hook = model.net.stages[1].register_forward_hook(lambda *given: kept.append(given[2]))
    logits = model(x)[0]
    hook.remove()
    for one in explainer(x).candidates:
        (slope,) = torch.autograd.grad(logits[one.target], kept[0], retain_graph=True)
        cam = (slope.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True).relu()
        heat = torch.nn.functional.interpolate(cam.detach(), (16, 16), mode="bicubic")[0, 0]
        torch.testing.assert_close(one.heat, heat.clamp(min=0) / heat.max().clamp(min=1e-12))


def test_the_nearest_crop_of_a_crop_is_itself(explainer, atlas):
    """A crop of the atlas, given as an image, has no nearer neighbour."""
    crop = atlas.load(2).tensors["crops"][0, 0].float()[None] / 255
    found = explainer(crop)
    assert found.explained.target == 2
    torch.testing.assert_close(found.nearest[0].float() / 255, crop[0], atol=1e-6, rtol=0)


def test_a_network_of_more_classes_is_explained_by_the_atlas_of_some(explainer, model, train):
    """Its rows 3, 1 and 4 are the rows of the network that was surveyed."""
    outputs = [3, 1, 4]
    whole = deepcopy(model)
    head = torch.nn.Linear(whole.net.head.in_features, 5)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-20)
        head.weight[outputs], head.bias[outputs] = model.net.head.weight, model.net.head.bias
    whole.net.head = head
    layer = Layer(whole, "stages.1", train.batch([0]))
    names = ["no", NAMES[1], "none", NAMES[0], NAMES[2]]
    larger = replace(explainer, model=whole, layer=layer, classes=names, outputs=outputs)
    for x in (train.batch([0]), train.batch([1]), train.batch([2])):
        few, many = explainer(x), larger(x)
        assert many.explained.target == outputs[few.explained.target]
        assert many.explained.name == few.explained.name
        assert [c.number for c in many.concepts] == [c.number for c in few.concepts]
        for one, other in zip(few.concepts, many.concepts, strict=True):
            assert other.contribution == pytest.approx(one.contribution, rel=1e-4)
            torch.testing.assert_close(other.seen, one.seen)


def test_concepts_are_of_the_most_probable_class_that_was_surveyed(explainer, train):
    x = train.batch([0])
    order = [one.target for one in explainer(x).candidates]
    known = SimpleNamespace(
        names={order[1]: "second"},
        load=explainer.atlas.load,
        concepts=explainer.atlas.concepts,
    )
    alone = replace(explainer, atlas=known)(x)
    assert (alone.explained, alone.concepts, alone.nearest) == (None, (), None)
    assert alone.candidates[0].name in NAMES
    assert replace(explainer, atlas=known, within=2)(x).explained.target == order[1]
    assert replace(explainer, atlas=None)(x).explained is None


def test_images_are_cropped_in_the_middle_and_turned_upright():
    pixels = torch.zeros(8, 16, 3)
    pixels[:, 4:12, 0] = 1
    image = Image.fromarray((pixels * 255).byte().numpy())
    exif = image.getexif()
    exif[0x0112] = 6  # turned by the camera
    target = io.BytesIO()
    image.save(target, "PNG", exif=exif)
    x = read_image(target.getvalue(), 8, 3)
    assert x.shape == (1, 3, 8, 8)
    assert float(x[0, 0].min()) == 1
    assert float(x[0, 1].max()) == 0
    assert read_image(target.getvalue(), 8, 1).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"GIF89a no image at all", "cannot be decoded|not an image"),
        (b"<svg onload=alert(1)>", "not an image that can be read"),
        (as_file(torch.rand(1, 3, 64, 64))[:500], "damaged"),
        (as_file(torch.zeros(1, 3, 200, 200)), "0.0 megapixels; at most 0.02|megapixels; at most"),
        (bytes(60_000), "0.1 MB; at most 0.05 MB"),
    ],
)
def test_what_is_no_image_or_too_large_is_refused(data, expected):
    with pytest.raises(SparksError, match=expected):
        read_image(data, 16, 3, LIMITS)


def test_the_page_explains_an_image_and_escapes_names(app, train):
    answer = send(app, as_file(train.batch([0])))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "&lt;script&gt;alert" in text or "passwd &amp;" in text or "&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert "convnet &lt;on&gt; blobs" in text
    assert "Concepts of " in text
    assert 'src="http' not in text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy


def test_the_page_refuses_with_a_message(app):
    for data, status, expected in [
        (b"no image", 400, "not an image"),
        (b"", 400, "choose an image"),
        (bytes(400_000), 413, "too large"),
    ]:
        answer = send(app, data)
        assert answer.status_code == status
        assert expected in answer.get_data(as_text=True)


def test_models_and_examples_are_chosen_by_name(app):
    client = app.test_client()
    text = client.get("/?model=blobs/other/0").get_data(as_text=True)
    assert '<option value="blobs/other/0" selected>' in text
    assert "It cannot be loaded." in text
    example = client.post("/", data={"model": "blobs/convnet/0", "example": "0"})
    assert "Prediction" in example.get_data(as_text=True)
    for number in ("1", "-1", "x"):
        assert client.post("/", data={"example": number}).status_code == 400
    failed = client.post("/", data={"model": "blobs/other/0", "example": "0"})
    assert failed.status_code == 400
    assert "its weights are gone" in failed.get_data(as_text=True)


def test_other_names_of_the_host_are_refused(app):
    assert app.test_client().get("/", headers={"Host": "evil.example"}).status_code == 400
    assert app.test_client().get("/", headers={"Host": "localhost:7860"}).status_code == 200


@pytest.fixture
def address(app):
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_the_browser_an_image_is_dropped_and_explained(address, watch, train, shots, scheme):
    watched = watch(viewport={"width": 1000, "height": 800}, color_scheme=scheme)
    page = watched.page
    page.goto(address)
    page.screenshot(path=shots / f"serve-empty-{scheme}.png")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": as_file(train.batch([2]))}
    page.get_by_label("Drop an image here").set_input_files(file)
    page.get_by_role("heading", name="Prediction").wait_for()
    page.screenshot(path=shots / f"serve-{scheme}.png", full_page=True)
    assert page.locator("article").count() >= 1
    broken = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    assert broken == 0
    assert all(url.startswith((address, "data:")) for url in watched.requests)


@pytest.mark.nightly
def test_in_the_browser_bad_files_get_a_message(address, watch, shots):
    watched = watch(viewport={"width": 360, "height": 700})
    page = watched.page
    page.goto(address)
    field = page.get_by_label("Drop an image here")
    large = {"name": "x.png", "mimeType": "image/png", "buffer": bytes(60_000)}
    field.set_input_files(large)
    assert "too large" in page.get_by_role("alert").inner_text()
    assert len(watched.requests) == 3  # page, style, script: the file was not sent
    field.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"words"})
    page.get_by_text("not an image that can be read").wait_for()
    page.screenshot(path=shots / "serve-refused.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    watched.errors = [e for e in watched.errors if "400" not in e]  # the status, as it should be
