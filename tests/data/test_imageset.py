"""Image sets: contents survive the disk, and nothing else is taken for one."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sparks.data.decoding import CROP
from sparks.data.imageset import ImageSet, require_every_class
from sparks.errors import SparksError
from sparks.io import save_tensors


@st.composite
def image_sets(draw: st.DrawFn) -> ImageSet:
    """Any image set: in memory or of files, with or without truth."""
    n = draw(st.integers(0, 5))
    names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
    classes = tuple(draw(st.lists(names, min_size=1, max_size=4, unique=True)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    labels = torch.randint(len(classes), (n,), generator=generator)
    size = draw(st.integers(1, 4))
    truth = {}
    if draw(st.booleans()):
        truth["parts"] = torch.randint(3, (n, size, size), generator=generator, dtype=torch.uint8)
        truth["clicks"] = torch.rand(n, 2, 3, 2, generator=generator)
    tables = {"parts": ["wing", "tail"]} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        files = tuple(draw(st.lists(names, min_size=n, max_size=n)))
        return ImageSet(labels, classes, None, files, "/photos", size, truth, tables)
    channels = draw(st.sampled_from([1, 3]))
    pixels = torch.randint(256, (n, channels, size, size), generator=generator, dtype=torch.uint8)
    return ImageSet(labels, classes, pixels, truth=truth, tables=tables)


@given(images=image_sets())
def test_what_is_saved_is_what_is_loaded(
    images: ImageSet, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("set") / "images.safetensors"
    images.save(path, {"seed": 1})
    loaded = ImageSet.load(path)
    assert (loaded.classes, loaded.files) == (images.classes, images.files)
    assert (loaded.root, loaded.size, loaded.tables) == (images.root, images.size, images.tables)
    assert torch.equal(loaded.labels, images.labels)
    assert loaded.truth.keys() == images.truth.keys()
    for name, tensor in images.truth.items():
        assert loaded.truth[name].dtype == tensor.dtype
        assert torch.equal(loaded.truth[name], tensor)
    if images.images is None:
        assert loaded.images is None
    else:
        assert loaded.images is not None
        assert torch.equal(loaded.images, images.images)


def small() -> ImageSet:
    pixels = torch.arange(4 * 3 * 2 * 2, dtype=torch.uint8).reshape(4, 3, 2, 2) * 5
    return ImageSet(
        torch.tensor([0, 1, 0, 1]),
        ("cat", "dog"),
        pixels,
        truth={"parts": torch.tensor([[[0, 1], [2, 3]]] * 4, dtype=torch.uint8)},
        tables={"parts": ["ear", "paw", "mat"], "class_parts": {"cat": ["ear"], "dog": ["paw"]}},
    )


def test_batches_are_the_images_in_unit_range() -> None:
    images = small()
    assert torch.allclose(images.batch([3]) * 255, images.images[3:].float())
    joined = torch.cat([batch for batch, _ in images.batches(3)])
    assert torch.equal(joined, images.batch(slice(None)))
    assert torch.equal(torch.cat([labels for _, labels in images.batches(3)]), images.labels)


def test_a_subset_carries_its_truth() -> None:
    images = small().subset([3, 0])
    assert images.labels.tolist() == [1, 0]
    assert torch.equal(images.batch([0]), small().batch([3]))
    mask = images.diagnostic()
    assert mask is not None
    assert mask.tolist() == [[[False, False], [True, False]], [[False, True], [False, False]]]


def test_a_mask_chooses_the_images_where_it_is_true() -> None:
    labels = torch.tensor([2, 0, 1, 0])
    pixels = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 2, 2)
    images = ImageSet(labels, ("a", "b", "c"), pixels.contiguous())
    for mask in (labels == 0, (labels == 0).tolist()):
        assert images.subset(mask).labels.tolist() == [0, 0]
        assert torch.equal(images.batch(mask), images.batch([1, 3]))
    assert len(images.subset([])) == 0
    with pytest.raises(SparksError, match=r"shape \(3,\) chooses among 4 images"):
        images.subset(torch.tensor([True, False, True]))


def test_without_known_parts_there_is_no_diagnostic_mask() -> None:
    assert (
        ImageSet(torch.tensor([0]), ("a",), torch.zeros(1, 1, 2, 2, dtype=torch.uint8)).diagnostic()
        is None
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": torch.tensor([0.0])}, "int64"),
        ({"labels": torch.tensor([2])}, "outside"),
        ({"labels": torch.tensor([0, 1])}, "as many"),
        ({"classes": ("a", "a")}, "differ"),
        ({"images": torch.zeros(1, 1, 2, 2)}, "uint8"),
        ({"images": None}, "either"),
        ({"images": None, "files": ("a.png",)}, "root"),
        ({"truth": {"boxes": torch.zeros(2, 4)}}, "as many"),
    ],
)
def test_contradictory_fields_are_refused(fields: dict[str, object], message: str) -> None:
    good = {
        "labels": torch.tensor([0]),
        "classes": ("a", "b"),
        "images": torch.zeros(1, 1, 2, 2, dtype=torch.uint8),
    }
    with pytest.raises(SparksError, match=message):
        ImageSet(**{**good, **fields})


def test_a_class_without_image_is_named() -> None:
    with pytest.raises(SparksError, match="pets, test: class 'dog' has no image"):
        require_every_class(small().subset([0, 2]), "pets, test")


def test_foreign_and_damaged_artifacts_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.safetensors"
    small().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(SparksError, match="not an intact"):
        ImageSet.load(path)
    path.write_bytes(pickle.dumps({"labels": [0]}))
    with pytest.raises(SparksError, match="not an intact"):
        ImageSet.load(path)
    save_tensors(path, {"labels": torch.tensor([0])})
    with pytest.raises(SparksError, match="no image set"):
        ImageSet.load(path)
    with pytest.raises(SparksError, match="does not exist"):
        ImageSet.load(tmp_path / "nothing.safetensors")


def files(root: Path, *names: str, size: int = 8) -> ImageSet:
    return ImageSet(
        torch.zeros(len(names), dtype=torch.int64), ("a",), None, names, str(root), size
    )


def test_files_of_the_right_size_are_read_exactly(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "exact.png")
    images = files(tmp_path, "exact.png")
    assert torch.equal(images._pixels(torch.tensor([0]))[0].permute(1, 2, 0), torch.tensor(pixels))


def test_files_are_resized_and_cropped_at_the_centre(tmp_path: Path) -> None:
    # A wide image whose red grows to the right and whose green grows downwards.
    ramp = np.zeros((100, 300, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, 300)[None]
    ramp[..., 1] = np.linspace(0, 255, 100)[:, None]
    Image.fromarray(ramp).save(tmp_path / "wide.png")
    image = files(tmp_path, "wide.png", size=28).batch([0])[0]
    # The crop covers CROP of the height, and as much in pixels of the width.
    assert image[1, :, 0].diff().mean().item() == pytest.approx(CROP / 28, rel=0.02)
    assert image[0, 0].diff().mean().item() == pytest.approx(CROP / 28 / 3, rel=0.02)
    for channel in (0, 1):
        assert image[channel].mean().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("n", [0, 1, 5])
def test_batches_of_files_come_in_order(tmp_path: Path, n: int) -> None:
    names = [f"{value}.png" for value in range(n)]
    for value, name in enumerate(names):
        Image.new("RGB", (8, 8), (value, 0, 0)).save(tmp_path / name)
    batches = list(files(tmp_path, *names).batches(2))
    reds = torch.cat([batch[:, 0, 0, 0] * 255 for batch, _ in batches])
    assert reds.tolist() == pytest.approx(list(range(n)))
    assert sum(len(labels) for _, labels in batches) == n


def test_grey_and_transparent_files_become_rgb_and_materialise(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 51).save(tmp_path / "grey.png")
    Image.new("RGBA", (8, 8), (255, 0, 51, 255)).save(tmp_path / "clear.png")
    images = files(tmp_path, "grey.png", "clear.png")
    loaded = images.materialise()
    assert loaded.files is None
    assert torch.equal(loaded.batch(slice(None)), images.batch(slice(None)))
    assert loaded.batch([0]).unique().tolist() == pytest.approx([0.2])
    assert loaded.batch([1])[0, :, 0, 0].tolist() == pytest.approx([1, 0, 0.2])


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_damaged_image_is_named(tmp_path: Path, damage: str, suffix: str) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    path = tmp_path / f"broken.{suffix}"
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    path.write_bytes(
        {"truncated": whole[: len(whole) // 2], "text": b"no image", "empty": b""}[damage]
    )
    with pytest.raises(SparksError, match=rf"broken\.{suffix} cannot be decoded"):
        files(tmp_path, path.name).batch([0])


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(SparksError, match=r"gone\.png does not exist"):
        files(tmp_path, "gone.png").materialise()
