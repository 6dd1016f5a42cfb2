"""ImageNet as a tree of WordNet ids alone, without the file that names its classes."""

from itertools import product
from pathlib import Path

import pytest
import torchvision
from photographs import write_jpeg

from sparks.data import ImageNet
from sparks.errors import SparksError


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, list[str]]:
    """A tree of ImageNet's 1,000 WordNet ids without meta.bin, an image each."""
    from timm.data import ImageNetInfo

    wnids = list(ImageNetInfo().label_names())
    for split, wnid in product(("train", "val"), wnids):
        folder = tmp_path / split / wnid
        folder.mkdir(parents=True)
        (folder / f"{wnid}_1.JPEG").touch()
    return tmp_path, wnids


def test_a_tree_of_wordnet_ids_is_enough_for_imagenet(tree: tuple[Path, list[str]]) -> None:
    root, wnids = tree
    for number, grey in ((3, 40), (701, 200)):
        write_jpeg(root / "val" / wnids[number] / f"{wnids[number]}_1.JPEG", grey=grey)
    made = ImageNet(root=str(root), size=24)
    made.require()
    test = made()["test"]
    assert test.labels.tolist() == list(range(1000))
    assert (test.batch([3, 701])[:, 0, 0, 0] * 255).round().tolist() == [40, 200]
    # torchvision's list of ImageNet's classes says what label 701 is; it names no class twice.
    categories = torchvision.models.get_weight("ResNet18_Weights.DEFAULT").meta["categories"]
    assert test.classes[701] == categories[701] == "parachute"
    assert test.tables["wnids"] == sorted(wnids) == wnids
    assert len(ImageNet(root=str(root), size=24, num_classes=50)()["test"]) == 50


def test_a_tree_of_some_classes_does_not_tell_their_numbers(tree: tuple[Path, list[str]]) -> None:
    root, wnids = tree
    for split in ("train", "val"):
        (root / split / wnids[0] / f"{wnids[0]}_1.JPEG").unlink()
        (root / split / wnids[0]).rmdir()
    with pytest.raises(SparksError, match=r"999 of the 1,000 folders .* use dataset=folder"):
        ImageNet(root=str(root)).require()
