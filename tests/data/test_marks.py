"""Images with people's marks: the table's true format, where marks land, what maps they make."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from photographs import paint, write_jpeg
from scipy.ndimage import rotate
from scipy.stats import spearmanr

from sparks.alignment import ClickMaps
from sparks.data import (
    MarkedImages,
    centre_map,
    human_ceiling,
    human_maps,
    marks_of,
    one_person_ceiling,
)
from sparks.errors import SparksError


def write_fixations(
    root: Path, rows: list[tuple[int, int, float, float]], names: list[str]
) -> None:
    """As OSIE's fixations.npz: five arrays of a row a fixation, and the files' names."""
    image, subject, x, y = (np.array(column) for column in zip(*rows, strict=True))
    root.mkdir(parents=True, exist_ok=True)
    np.savez(
        root / "fixations.npz", image=image.astype(np.int16), subject=subject.astype(np.int8),
        x=x.astype(np.float32), y=y.astype(np.float32), ms=np.full(len(rows), 200, np.int16),
        names=np.array(names),
    )  # fmt: skip


def write_marks(root: Path, text: str, sides: tuple[int, int] = (32, 32)) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "marks.csv").write_text(text)
    for line in text.splitlines()[1:]:
        write_jpeg(root / "images" / line.split(",")[0], grey=90, size=sides)


def osie(root: Path) -> MarkedImages:
    return MarkedImages(
        root=str(root), table="fixations.npz", size=64, frame=[800, 600], classes="imagenet"
    )


def test_a_fixation_lands_on_what_was_looked_at(tmp_path: Path) -> None:
    """Both count in 800 × 600 pixels, while the file has half as many, and is cropped."""
    for i, (x, y) in enumerate([(150, 100), (300, 200)]):
        paint(tmp_path / "images" / f"{i}.jpg", [(x - 12, y - 12, x + 12, y + 12)], (400, 300))
    rows = [
        (i, s, 2.0 * x, 2.0 * y)
        for i, (x, y) in enumerate([(150, 100), (300, 200)])
        for s in (0, 1)
    ]
    write_fixations(tmp_path, rows, ["0.jpg", "1.jpg"])
    images = osie(tmp_path)()["test"]
    maps = human_maps(marks_of(images), 64, 2.0)
    for picture, seen in zip(images.batch(slice(None)), maps, strict=True):
        y, x = divmod(int(seen.argmax()), 64)
        white = (picture[0] > 0.5).nonzero().float().mean(0)
        assert (y, x) == pytest.approx(white.tolist(), abs=1.0)
    assert marks_of(images).shape == (2, 2, 1, 6)
    assert images.labels.tolist() == [0, 0]
    assert len(images.classes) == 1000


def test_people_without_marks_do_not_count(tmp_path: Path) -> None:
    """Every person counts the same, however many marks he made."""
    rows = [(0, 3, 400.0, 300.0)] * 1 + [(0, 7, 300.0, 300.0)] * 3 + [(1, 7, 400.0, 300.0)]
    write_fixations(tmp_path, rows, ["a.jpg", "b.jpg"])
    for name in ("a.jpg", "b.jpg"):
        write_jpeg(tmp_path / "images" / name, grey=9, size=(400, 300))
    images = osie(tmp_path)()["test"]
    first, second = human_maps(images.truth["marks"], 64, 3.0)
    places = [(32, 32), (32, int(32 - 100 * 64 / 0.875 / 600))]
    assert [first[y, x].item() for y, x in places] == pytest.approx([0.5, 0.5], abs=0.06)
    assert second.max().item() == pytest.approx(1, abs=0.05)  # one person, who is all there are
    assert human_ceiling(images.truth["marks"], 64, 3.0).isnan().tolist() == [False, True]


def test_a_fixation_on_what_is_cropped_away_is_passed_over(tmp_path: Path) -> None:
    write_fixations(tmp_path, [(0, 0, 400.0, 300.0), (0, 0, 2.0, 300.0)], ["a.jpg"])
    write_jpeg(tmp_path / "images/a.jpg", grey=9, size=(400, 300))
    assert osie(tmp_path)()["test"].truth["marks"][..., 5].sum() == 1


def test_ellipses_are_gaussians_of_their_covariance(tmp_path: Path) -> None:
    head = "image,person,x,y,a,b,angle\n"
    write_marks(tmp_path, head + "cat/1.jpg,anna,16,16,8,2,0\ndog/1.jpg,anna,16,16,8,2,30\n")
    images = MarkedImages(root=str(tmp_path), size=32)()["test"]
    assert images.classes == ("cat", "dog")
    level, turned = human_maps(images.truth["marks"], 32, 1.0).double().numpy()
    at = np.arange(32) + 0.5 - 16
    expected = np.exp(-(at**2) / (2 * (1 + 8**2 / 4)) - at[:, None] ** 2 / (2 * (1 + 2**2 / 4)))
    assert np.allclose(level, expected, atol=1e-6)
    # Angles are clockwise as seen, since y counts downwards; scipy turns counter-clockwise.
    assert np.allclose(turned, rotate(expected, -30, reshape=False, order=3), atol=0.02)


def test_clicks_are_marks_without_extent() -> None:
    clicks = 32 * torch.rand(3, 4, 5, 2, generator=torch.Generator().manual_seed(0))
    marks = torch.cat([clicks, torch.zeros(3, 4, 5, 3), torch.ones(3, 4, 5, 1)], dim=-1)
    assert torch.allclose(human_maps(clicks, 32, 2.0), human_maps(marks, 32, 2.0), atol=1e-6)
    halves = [human_ceiling(given, 32, 2.0, seed=4) for given in (clicks, marks)]
    assert torch.allclose(*halves, atol=1e-6)


def test_one_person_is_compared_with_the_mean_of_the_others() -> None:
    clicks = 32 * torch.rand(2, 3, 5, 2, generator=torch.Generator().manual_seed(0))
    own = [human_maps(clicks[:, p : p + 1], 32, 3.0).flatten(1).numpy() for p in range(3)]
    expected = [
        np.mean(
            [spearmanr(own[p][i], sum(own[q][i] for q in range(3) if q != p)).statistic
             for p in range(3)]
        )
        for i in range(2)
    ]  # fmt: skip
    assert one_person_ceiling(clicks, 32, 3.0).tolist() == pytest.approx(expected, abs=1e-4)


def test_the_centre_map_falls_with_the_distance_whatever_its_spread() -> None:
    at = torch.arange(20) + 0.5 - 10
    distance = (at**2 + at[:, None] ** 2).flatten()
    for spread in (0.1, 0.4):
        assert spearmanr(distance, centre_map(20, spread).flatten()).statistic == pytest.approx(
            -1, abs=1e-3
        )
    assert centre_map(20).flip(0, 1).equal(centre_map(20))


def test_folders_of_splits_divide_the_images(tmp_path: Path) -> None:
    rows = [f"{s}/{c}/{i}.png.jpg,p,5,5" for s in ("train", "val") for c in "ab" for i in range(2)]
    write_marks(tmp_path, "image,person,x,y\n" + "\n".join(rows))
    splits = MarkedImages(root=str(tmp_path), size=32, n_test=2)()
    assert [f.split("/")[1] for f in splits["train"].files] == ["train"] * 4
    assert splits["train"].labels.tolist() == [0, 0, 1, 1]
    assert splits["test"].labels.tolist() == [0, 1]
    human = ClickMaps(sigma=0.1)(splits["train"], torch.tensor([0, 3]))
    assert human.shape == (2, 32, 32)
    assert human[0].argmax() == 5 * 32 + 5 or math.isclose(
        human[0].max(), human[0, 5, 5], abs_tol=0.05
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image,person,x\na.jpg,p,3\n", "no column y"),
        ("image,person,x,y\na.jpg,p,3,nan\n", "y is nan in row 1"),
        ("image,person,x,y\na.jpg,p,3,left\n", "column y"),
        ("image,person,x,y\na.jpg,p,3\n", "line 2 has 3 values, its head 4"),
        ("image,person,x,y,a,b\na.jpg,p,3,3,-1,2\n", "a is -1.0 in row 1"),
        ("image,person,x,y\n", "is empty"),
    ],
)
def test_a_bad_table_is_refused_by_row_and_column(text: str, expected: str, tmp_path: Path) -> None:
    write_marks(tmp_path, text)
    with pytest.raises(SparksError, match=expected) as caught:
        MarkedImages(root=str(tmp_path)).require()
    assert "marks.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named_with_its_place_and_source(tmp_path: Path) -> None:
    made = MarkedImages(root=str(tmp_path), table="fixations.npz", source="example.org/osie")
    with pytest.raises(SparksError, match=r"fixations\.npz: put .*example\.org/osie"):
        made.require()
    write_fixations(tmp_path, [(0, 0, 1.0, 1.0), (1, 0, 1.0, 1.0)], ["a.jpg", "b.jpg"])
    write_jpeg(tmp_path / "images/a.jpg", grey=9)
    with pytest.raises(SparksError, match=r"no image .*b\.jpg \(1 of 2 .*example\.org/osie"):
        made.require()
    packed = (tmp_path / "fixations.npz").read_bytes()
    (tmp_path / "fixations.npz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SparksError, match=r"fixations\.npz is damaged"):
        made.require()
