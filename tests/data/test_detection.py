"""VOC 2007 and COCO 2014 on tiny files of their real layout: rows, boxes, and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from photographs import Box, write_coco, write_voc

from sparks.data import COCO2014, VOC2007, ImageSet
from sparks.data.detection import VOC_CLASSES
from sparks.errors import SparksError
from sparks.metrics import Explanation, PointingGame
from sparks.metrics.maps import UndefinedScoreWarning

# --- VOC: an XML file an image, pixels counted from 1 --------------------------------------------


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Two images a split: one of two dogs, one of an object of every class, somewhere else each."""
    every = [(c, (5 + 5 * i, 4, 10 + 5 * i, 40 + i)) for i, c in enumerate(VOC_CLASSES)]
    for part, first in (("trainval", 0), ("test", 2)):
        dogs: list[tuple[str, Box]] = [("dog", (20, 20, 40, 50)), ("dog", (70, 30, 95, 80))]
        write_voc(tmp_path, part, {f"{first:06d}": dogs, f"{first + 1:06d}": every})
    return tmp_path


def test_every_class_of_an_image_is_a_row_of_its_own(voc: Path) -> None:
    splits = VOC2007(root=str(voc), size=64)()
    for images, first in ((splits["train"], 0), (splits["test"], 2)):
        assert images.classes == VOC_CLASSES
        assert len(images) == 1 + 20
        dog = VOC_CLASSES.index("dog")
        assert sorted(images.labels.tolist()) == sorted([dog, *range(20)])
        assert images.files is not None
        assert [Path(f).stem for f in images.files] == [f"{first:06d}"] + 20 * [f"{first + 1:06d}"]


@pytest.mark.parametrize("size", [45, 64, 224])
def test_the_truth_is_where_the_object_is_seen(voc: Path, size: int) -> None:
    """The white boxes of the decoded photograph, but for the pixels at their edges."""
    images = VOC2007(root=str(voc), size=size)()["test"]
    dogs = next(i for i, f in enumerate(images.files or ()) if f.endswith("000002.jpg"))
    truth = images.diagnostic()
    assert truth is not None
    brightness = images.batch([dogs])[0].mean(0)
    assert truth.shape == (len(images), size, size)
    assert (brightness[~truth[dogs]] < 0.7).all()
    inner = torch.nn.functional.max_pool2d(-truth[dogs][None].float(), 5, 1, 2)[0] == -1
    assert inner.any()
    assert (brightness[inner] > 0.9).all()


def test_truth_survives_saving_choosing_and_decoding(voc: Path, tmp_path: Path) -> None:
    images = VOC2007(root=str(voc), size=32)()["test"]
    images.save(tmp_path / "voc.safetensors")
    again = ImageSet.load(tmp_path / "voc.safetensors")
    chosen = again.subset([3, 0]).materialise()
    found, expected = chosen.diagnostic(), images.diagnostic()
    assert found is not None
    assert expected is not None
    assert torch.equal(found, expected[[3, 0]])


def test_the_pointing_game_is_won_by_the_boxes_and_lost_outside(voc: Path) -> None:
    images = VOC2007(root=str(voc), size=64)()["test"]
    truth = images.diagnostic()
    assert truth is not None
    x = images.batch(slice(None))
    seen = truth.flatten(1).any(1)
    for maps, hit in ((truth.float(), 1), (1 - truth.float(), 0)):
        with pytest.warns(UndefinedScoreWarning, match="their true masks are empty"):
            game = PointingGame()(Explanation(None, x, None, maps, truth))["PointingGame"]
        assert (game[seen] == hit).all()
        assert game[~seen].isnan().all()  # objects at the edge, cropped away


def test_an_archive_that_is_not_voc_is_reported_from_one(voc: Path, tmp_path: Path) -> None:
    with pytest.raises(SparksError, match=r"voc2007 is not in .*VOCtest_06-Nov-2007\.tar"):
        VOC2007(root=str(tmp_path / "nowhere"))()
    annotation = voc / "VOCdevkit" / "VOC2007" / "Annotations" / "000001.xml"
    annotation.write_text(annotation.read_text()[:100])
    with pytest.raises(SparksError, match=r"000001\.xml"):
        VOC2007(root=str(voc))()


def test_an_unknown_class_is_refused(tmp_path: Path) -> None:
    for part in ("trainval", "test"):
        write_voc(tmp_path, part, {"000000": [("dragon", (1, 1, 9, 9))]})
    with pytest.raises(SparksError, match=r"000000\.xml has an object of class 'dragon'"):
        VOC2007(root=str(tmp_path))()


# --- COCO: one JSON file a split, boxes as x, y, width, height -----------------------------------


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    for part in ("train2014", "val2014"):
        write_coco(tmp_path, part)
    return tmp_path


def test_coco_rows_follow_the_numbers_of_the_categories(coco: Path) -> None:
    for images in COCO2014(root=str(coco), size=64)().values():
        assert images.classes == ("cat", "couch")  # 17, 63
        assert images.labels.tolist() == [0, 0, 1]
        truth = images.diagnostic()
        assert truth is not None
        bright = images.batch([0])[0].mean(0)
        assert (bright[truth[0]] > 0.2).all()
        assert (bright[~truth[0]] < 0.7).all()
        # The couch is around the cat.
        assert truth[2][truth[1]].all()
        assert truth[2].sum() > truth[1].sum()


def test_coco_archives_are_unpacked_in_their_folder(coco: Path) -> None:
    base = coco / "coco2014"
    for name, folder in (
        ("train2014", "train2014"), ("val2014", "val2014"),
        ("annotations_trainval2014", "annotations"),
    ):  # fmt: skip
        with zipfile.ZipFile(base / f"{name}.zip", "w") as archive:
            for path in sorted((base / folder).iterdir()):
                archive.write(path, path.relative_to(base))
                path.unlink()
    with pytest.raises(SparksError, match=r"annotations_trainval2014\.zip"):
        COCO2014(root=str(coco))()
    COCO2014(root=str(coco)).download()
    assert len(COCO2014(root=str(coco))()["test"]) == 3


def test_coco_annotations_of_another_kind_are_refused(coco: Path) -> None:
    path = coco / "coco2014" / "annotations" / "instances_val2014.json"
    path.write_text(json.dumps({"info": {}}))
    with pytest.raises(SparksError, match="has no annotations"):
        COCO2014(root=str(coco))()
