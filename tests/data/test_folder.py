"""Anyone's folder of images, and what is wrong with it in one line."""

import itertools
import os
import socket
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sparks.data import Folder, ImageSet
from sparks.data.decoding import FORMATS
from sparks.data.folder import FolderWarning
from sparks.data.listing import HELD_OUT, TRAIN, images, layout, split_of, subfolders
from sparks.errors import SparksError


def write(root: Path, counts: dict[str, int]) -> None:
    """`counts[name]` images in the sub-folder `name`, each of its own grey."""
    for k, (name, n) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for i in range(n):
            Image.new("RGB", (12, 9), (100 * k + i,) * 3).save(root / name / f"{i:03}.png")


def test_class_folders_are_split_by_class_and_stay_files(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 20, "dog": 10})
    splits = Folder(root=str(tmp_path), size=8, num_classes=2, seed=2)()
    assert splits["train"].labels.bincount().tolist() == [16, 8]
    assert splits["test"].labels.bincount().tolist() == [4, 2]
    files = [name for split in splits.values() for name in split.files or ()]
    assert sorted(files) == [f"cat/{i:03}.png" for i in range(20)] + [
        f"dog/{i:03}.png" for i in range(10)
    ]
    for split in splits.values():
        assert split.files is not None
        expected = [100 * (name[:3] == "dog") + int(name[4:7]) for name in split.files]
        greys = split.batch(slice(None))[:, 0, 4, 4] * 255
        assert greys.round().int().tolist() == expected
        assert split.labels.tolist() == [int(name[:3] == "dog") for name in split.files]


SPELLED = [str, str.upper, str.title, lambda name: name + "_set", lambda name: name + "-images"]


@pytest.mark.parametrize("spell", SPELLED)
@pytest.mark.parametrize(("train", "held_out"), list(itertools.product(TRAIN, HELD_OUT)))
def test_split_folders_have_many_names(tmp_path: Path, train: str, held_out: str, spell) -> None:
    write(tmp_path / spell(train), {"cat": 3, "dog": 4})
    write(tmp_path / spell(held_out), {"cat": 2, "dog": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = Folder(root=str(tmp_path), size=8, n_train=4)()
    assert splits["train"].classes == ("cat", "dog")
    assert splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert splits["test"].labels.tolist() == [0, 0, 1]
    assert splits["test"].root == str(tmp_path / spell(held_out))


@pytest.mark.parametrize(
    "name", ["trains", "contest", "validated", "tests", "data", "set", "device"]
)
def test_other_names_are_no_splits(name: str) -> None:
    assert split_of(name) is None


def test_of_several_held_out_splits_one_is_used_and_named(tmp_path: Path) -> None:
    for split in ("train", "Valid", "test", "extra"):
        write(tmp_path / split, {"cat": 2, "dog": 2})
    with pytest.warns(FolderWarning) as caught:
        splits = Folder(root=str(tmp_path), size=8)()
    assert splits["test"].root == str(tmp_path / "test")
    (line,) = (str(warning.message) for warning in caught)
    assert "'train' for training, 'test' held out; not used: 'Valid', 'extra'" in line
    assert "\n" not in line


def test_a_held_out_split_without_classes_is_not_used(tmp_path: Path) -> None:
    """As a competition's images without labels."""
    write(tmp_path / "train", {"cat": 10, "dog": 10})
    write(tmp_path, {"test": 5})
    with pytest.warns(FolderWarning, match="a share of it held out; not used: 'test'"):
        splits = Folder(root=str(tmp_path), size=8)()
    assert [len(splits[name]) for name in ("train", "test")] == [16, 4]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["valid/cat", "valid/dog"], "called like splits .'valid'"),
        (["test/cat", "val/cat"], "called like splits .'test', 'val'"),
        (["train", "valid"], "called like splits .'train', 'valid'"),
        (["cat", "dog", "Test/cat"], "called like splits .'Test'"),
        (["train/cat", "Train/cat", "val/cat"], "'Train', 'train' are all called like a folder of"),
        (["train/cat", "training/cat"], "'train', 'training' are all called like"),
        (["train/cat", "val/cat", "VAL/cat"], "'VAL', 'val' are both called like a held-out"),
        (
            ["train/steam", "train/diesel", "bus", "car"],
            "beside it lie 'bus', 'car' and no held-out",
        ),
        (["cat/train", "cat/test", "dog/train", "dog/test"], "'cat' holds split folders"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    tmp_path: Path, folders: list[str], message: str
) -> None:
    for folder in folders:
        write(tmp_path, {folder: 2})
    with pytest.raises(SparksError, match=message) as caught:
        Folder(root=str(tmp_path), size=8)()
    assert "\n" not in str(caught.value)


def test_one_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    write(tmp_path, {"invalid": 5, "valid": 5})
    assert Folder(root=str(tmp_path), size=8)()["train"].classes == ("invalid", "valid")


@pytest.mark.parametrize("name", ["photos", "cat"])
def test_one_class_is_enough_where_nothing_is_trained(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"photos": 3} if name == "photos" else {"photos/cat": 3})
    splits = Folder(root=str(tmp_path / "photos"), size=8, num_classes=1)()
    for split in splits.values():
        assert split.classes == (name,)
        assert len(split) == 3
        assert split.batch([2]).shape == (1, 3, 8, 8)


# --- what lies about in folders -------------------------------------------------------------------

LITTER = {
    "folders": [".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", "__pycache__", ".Trash-1000"],
    "files": ["._000.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.jpg"],
}


@pytest.mark.parametrize("split", [False, True])
def test_litter_is_passed_over_in_silence(tmp_path: Path, split: bool) -> None:
    roots = [tmp_path / "train", tmp_path / "val"] if split else [tmp_path]
    for root in roots:
        write(root, {"cat": 5, "dog": 5})
    for place in [tmp_path, *roots, *(root / "cat" for root in roots)]:
        for name in LITTER["folders"]:
            if not (place / name).exists():
                write(place, {name: 2})
        for name in LITTER["files"]:
            (place / name).write_bytes(b"\0\5\x16\7" + bytes(80))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        splits = Folder(root=str(tmp_path), size=8, num_classes=2)()
    assert sum(map(len, splits.values())) == 10 * len(roots)


def test_what_is_not_read_is_counted_aloud(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 6, "dog": 5})
    for i in range(20):
        (tmp_path / "cat" / f"{i}.HEIC").write_bytes(b"\0")
    for name in ("a.txt", "b.TXT", "README"):
        (tmp_path / "dog" / name).write_text("x")
    Image.new("RGB", (8, 8)).save(tmp_path / "beside.png")
    with pytest.warns(FolderWarning) as caught:
        splits = Folder(root=str(tmp_path), size=8)()
    lines = [str(warning.message) for warning in caught]
    assert any("20 .heic files, 2 .txt files, 1 files without an ending" in line for line in lines)
    assert any("passed over 1 images beside the class folders" in line for line in lines)
    assert sum(map(len, splits.values())) == 11


def test_a_class_of_unread_formats_is_refused_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 2, "dog": 0})
    (tmp_path / "dog" / "a.heic").write_bytes(b"\0")
    with pytest.raises(SparksError, match=r"'dog' has no image .*not read: 1 \.heic files"):
        Folder(root=str(tmp_path), size=8)()


@pytest.mark.parametrize("kind", FORMATS)
def test_endings_in_any_case_are_read(tmp_path: Path, kind: str) -> None:
    names = {"JPEG": ["JPG", "jfif", "JpEg"], "TIFF": ["TIF", "tiff"]}.get(kind, [kind.title()])
    for name in names:
        for label in ("cat", "dog"):
            (tmp_path / label).mkdir(exist_ok=True)
            for stem in "xy":
                Image.new("RGB", (8, 8)).save(tmp_path / label / f"{stem}.{name}", kind)
    splits = Folder(root=str(tmp_path), size=8, test_share=0.5)()
    assert sum(map(len, splits.values())) == 4 * len(names)


names = st.text(st.sampled_from("ab.-_Z0é"), min_size=1, max_size=4).filter(
    lambda name: name[0] not in "._"
)
paths = st.lists(names, min_size=1, max_size=3).map(tuple)
classes = st.lists(paths, min_size=1, max_size=6, unique=True)
trees = st.dictionaries(names, classes, min_size=2, max_size=4)


@given(tree=trees)
@settings(max_examples=40, deadline=None)
def test_files_and_labels_are_those_of_torchvision(
    tree: dict[str, list[tuple[str, ...]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In clean folders, nested ones and links to folders among them."""
    from torchvision.datasets import ImageFolder

    root = tmp_path_factory.mktemp("tree")
    for label, files in tree.items():
        for *folders, name in files:
            place = root.joinpath(label, *(f"{folder}-" for folder in folders))
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.png").touch()
    outside = tmp_path_factory.mktemp("outside")
    (outside / "deep").mkdir()
    (outside / "deep" / "linked.jpg").touch()
    (root / min(tree) / "link").symlink_to(outside)
    expected = ImageFolder(str(root))
    listing = images(root, layout(root).folders)
    assert list(listing.images) == expected.classes
    found = [str(root / file) for files in listing.images.values() for file in files]
    assert found == [path for path, _ in expected.samples]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 5, "dog": 5})
    (tmp_path / "cat" / "self").symlink_to(tmp_path / "cat")
    (tmp_path / "cat" / "all").symlink_to(tmp_path)
    (tmp_path / "cat" / "other").symlink_to(tmp_path / "dog")
    (tmp_path / "dog" / "round").symlink_to("round")
    with pytest.warns(
        FolderWarning, match="passed over 3 links to folders that are listed already"
    ):
        splits = Folder(root=str(tmp_path), size=8)()
    files = [name for split in splits.values() for name in split.files or ()]
    assert sorted(files) == [f"{c}/{i:03}.png" for c in ("cat", "dog") for i in range(5)]


@pytest.mark.parametrize("white", [0, -1.0, float("nan")])
def test_white_is_brighter_than_black(white: float) -> None:
    with pytest.raises(SparksError, match=r"white=.* more than 0"):
        Folder(root="photos", white=white)


def test_images_of_12_bits_are_read_with_white(tmp_path: Path) -> None:
    values = np.linspace(0, 4095, 64).round().astype(np.uint16).reshape(8, 8)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for i in range(5):
            Image.fromarray(values).save(tmp_path / label / f"{i}.png")
    with pytest.raises(SparksError, match=r"\.png: .*almost black.*set `white`"):
        Folder(root=str(tmp_path), size=8)()
    split = Folder(root=str(tmp_path), size=8, white=4095)()["test"]
    split.save(tmp_path / "s.safetensors")
    loaded = ImageSet.load(tmp_path / "s.safetensors")
    expected = torch.from_numpy(np.rint(values / 4095 * 255)).float() / 255
    assert torch.allclose(loaded.subset([0]).batch([0])[0, 1], expected)
    assert torch.equal(loaded.materialise().batch([1]), loaded.batch([1]))
    plain = Folder(root=str(tmp_path), size=8, check=False)()["test"]
    assert len(split.content()["files"]) == len(plain.content()["files"]) + 1  # `white` counts


def test_two_classes_that_are_one_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 2})
    (tmp_path / "dog").symlink_to(tmp_path / "cat")
    with pytest.raises(SparksError, match="'cat' and 'dog' are one folder"):
        Folder(root=str(tmp_path), size=8)()


def test_a_linked_class_and_root_are_read(tmp_path: Path) -> None:
    write(tmp_path / "there", {"cat": 5, "dog": 5})
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "cat").symlink_to(tmp_path / "there" / "cat")
    (tmp_path / "here" / "dog").symlink_to("../there/dog")
    (tmp_path / "link").symlink_to(tmp_path / "here")
    assert len(Folder(root=str(tmp_path / "link"), size=8)()["train"]) == 8


def test_what_cannot_be_opened_is_refused_in_the_data_step(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 5, "dog": 5})
    broken = tmp_path / "cat" / "zz.png"
    broken.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(SparksError, match=r"zz\.png cannot be read .*broken link"):
        Folder(root=str(tmp_path), size=8)()
    broken.unlink()
    pixels = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(broken)
    broken.write_bytes(broken.read_bytes()[:-900])
    with pytest.raises(SparksError, match=r"zz\.png cannot be decoded"):
        Folder(root=str(tmp_path), size=8)()
    assert len(Folder(root=str(tmp_path), size=8, check=False)()["train"]) == 9


def test_pipes_and_sockets_are_no_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a pipe would wait for ever."""
    write(tmp_path, {"cat": 5, "dog": 5})
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    monkeypatch.chdir(tmp_path / "dog")  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        with pytest.warns(FolderWarning, match=r"2 \.png|1 \.png files"):
            splits = Folder(root=str(tmp_path), size=8)()
    assert sum(map(len, splits.values())) == 10


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_closed_folder_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"cat": 5, "dog": 5})
    (tmp_path / "dog").chmod(0)
    with pytest.raises(SparksError, match="dog cannot be read"):
        Folder(root=str(tmp_path), size=8)()
    (tmp_path / "dog").chmod(0o700)


@pytest.mark.parametrize("where", ["file", "folder", "class", "root"])
def test_names_need_not_be_utf8(tmp_path: Path, where: str) -> None:
    odd = os.fsdecode(b"caf\xe9")
    root = tmp_path / (odd if where == "root" else "root")
    write(root, {odd if where == "class" else "cat": 5, "dog": 5})
    if where in ("file", "folder"):
        place = root / "cat" / odd / "x.png" if where == "folder" else root / "cat" / f"{odd}.png"
        place.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (1, 2, 3)).save(place)
    splits = Folder(root=str(root), size=8)()
    for name, split in splits.items():
        split.save(tmp_path / f"{name}.safetensors")
        loaded = ImageSet.load(tmp_path / f"{name}.safetensors")
        assert (loaded.files, loaded.classes, loaded.root) == (
            split.files,
            split.classes,
            split.root,
        )
        assert torch.equal(loaded.batch(slice(None)), split.batch(slice(None)))
        for label in loaded.classes:  # pages and tables hold them
            label.encode()
        assert loaded.content()["files"].dtype == torch.uint8
    assert ("caf\\xe9" in splits["train"].classes) == (where == "class")


def test_classes_are_known_without_listing_images(tmp_path: Path) -> None:
    write(tmp_path / "train", {"cat": 1, "dog": 0, "emu": 0})
    write(tmp_path / "val", {"cat": 1})
    assert layout(tmp_path).classes == ("cat", "dog", "emu")
    assert subfolders(tmp_path) == ["train", "val"]


def test_a_set_of_files_survives_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "photos", {"cat": 5, "dög": 5})
    images = Folder(root=str(tmp_path / "photos"), size=8)()["train"]
    images.save(tmp_path / "set.safetensors")
    loaded = ImageSet.load(tmp_path / "set.safetensors")
    assert (loaded.files, loaded.classes) == (images.files, ("cat", "dög"))
    assert torch.equal(loaded.batch(slice(None)), images.batch(slice(None)))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SparksError, match="nowhere does not exist: make it"):
        Folder(root=str(tmp_path / "nowhere"))()
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(SparksError, match=r"photos\.zip is a file: unpack it"):
        Folder(root=str(tmp_path / "photos.zip"))()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "neither class folders nor images"),
        ({"cat": 3, "dog": 0}, "class 'dog' has no image"),
        ({"cat": 3}, r"has 1 classes \(cat\) but num_classes is 2"),
        ({"cat": 9, "dog": 9, "emu": 9}, r"has 3 classes \(cat, dog, emu\) but num_classes is 2"),
        ({"cat": 9, "dog": 1}, "train: class 'dog' has no image"),
    ],
)
def test_an_unfit_folder_is_refused(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    write(tmp_path, counts)
    with pytest.raises(SparksError, match=message):
        Folder(root=str(tmp_path), num_classes=2)()


def test_classes_of_one_split_only_are_named(tmp_path: Path) -> None:
    write(tmp_path / "train", {"cat": 2, "dog": 2})
    write(tmp_path / "val", {"cat": 2, "emu": 2})
    with pytest.raises(SparksError, match="'dog' is in one of train and test only"):
        Folder(root=str(tmp_path))()
