"""NIPS 2017's photographs, from a tiny table of the published columns."""

from pathlib import Path

import pytest
from photographs import write_jpeg

from sparks.data import ImageSet, Nips2017
from sparks.errors import SparksError

HEAD = (
    "ImageId,URL,x1,y1,x2,y2,TrueLabel,TargetClass,OriginalLandingURL,License,Author,"
    "AuthorProfileURL"
)
PLACE = "https://www.flickr.com/photos"
ROWS = [
    f'aa01,u,0,0,1,1,306,779,{PLACE}/1,https://creativecommons.org/licenses/by/2.0/,"Né, Ada",p',
    f"bb02,u,0,0,1,1,1,2,{PLACE}/2,https://creativecommons.org/licenses/by/2.0/,Bo,p",
    f"cc03,u,0,0,1,1,1000,2,{PLACE}/3,https://creativecommons.org/licenses/by/2.0/,Bo,p",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dev_dataset.csv").write_text("\n".join([HEAD, *ROWS]), encoding="utf-8")
    for name, grey in (("aa01.png", 50), ("bb02.jpg", 100), ("cc03.jpg", 200)):
        write_jpeg(tmp_path / "images" / name, grey=grey)
    return tmp_path


def test_labels_are_imagenets_and_each_image_has_its_photographer(root: Path) -> None:
    splits = Nips2017(root=str(root), size=16)()
    images = splits["test"]
    assert splits["train"] is images
    assert images.labels.tolist() == [305, 0, 999]
    # As ImageNet is listed everywhere: 305 is the dung beetle, 0 the tench.
    assert [images.classes[label] for label in (305, 0)] == ["dung beetle", "tench"]
    assert [round(255 * v) for v in images.batch([0, 1, 2])[:, 0, 0, 0].tolist()] == [50, 100, 200]
    assert images.credits[0] == f"Né, Ada, CC BY 2.0, {PLACE}/1"


def test_credits_stay_with_their_images(root: Path, tmp_path: Path) -> None:
    images = Nips2017(root=str(root), size=16)()["test"].subset([2, 0]).materialise()
    images.save(tmp_path / "chosen.safetensors")
    assert ImageSet.load(tmp_path / "chosen.safetensors").credits == (
        f"Bo, CC BY 2.0, {PLACE}/3",
        f"Né, Ada, CC BY 2.0, {PLACE}/1",
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",1,2,", ",1001,2,", "line 3: TrueLabel is '1001'"),
        (",1,2,", ",0,2,", "line 3: TrueLabel is '0'"),
        ("TrueLabel", "Label", "no column TrueLabel"),
        ("cc03", "dd04", r"no photograph .*dd04\.png or \.jpg \(1 of 3"),
    ],
)
def test_another_table_is_refused(root: Path, old: str, new: str, expected: str) -> None:
    table = root / "dev_dataset.csv"
    table.write_text(table.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SparksError, match=expected):
        Nips2017(root=str(root)).require()


def test_missing_files_are_named_with_their_source(tmp_path: Path) -> None:
    with pytest.raises(SparksError, match=r"dev_dataset\.csv: put .*kaggle\.com"):
        Nips2017(root=str(tmp_path)).require()
