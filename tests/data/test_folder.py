"""Anyone's folder of images, and what is wrong with it in one line."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from sparks.data import Folder, ImageSet
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


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_split_folders_are_kept(tmp_path: Path, held_out: str) -> None:
    write(tmp_path / "train", {"cat": 3, "dog": 4})
    write(tmp_path / held_out, {"cat": 2, "dog": 1})
    splits = Folder(root=str(tmp_path), size=8, n_train=4)()
    assert splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert splits["test"].labels.tolist() == [0, 0, 1]
    assert splits["test"].root == str(tmp_path / held_out)


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


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "any class folder"),
        ({"cat": 3, "dog": 0}, "classes dog"),
        ({"cat": 3}, r"one class only \('cat'\)"),
        ({"cat": 9, "dog": 9, "emu": 9}, "has 3 classes but num_classes is 2"),
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
