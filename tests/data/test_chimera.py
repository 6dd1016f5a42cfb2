"""Chimera: the truth that comes with the images is true, and chance comes from the seed only."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from scipy.stats import binomtest

from sparks.data import Annotators, Chimera, ImageSet, human_ceiling
from sparks.data.chimera.catalogue import (
    BACKGROUNDS,
    CLASS_NAMES,
    CLASS_PARTS,
    DISTRACTORS,
    PART_NAMES,
    PARTS,
)
from sparks.data.chimera.scene import paint
from sparks.data.chimera.shapes import SHAPE_FUNCTIONS
from sparks.data.chimera.textures import TEXTURE_FUNCTIONS
from sparks.errors import SparksError

BUILDER = Chimera(n_train=20, n_test=300, seed=5)


@pytest.fixture(scope="module")
def scenes() -> ImageSet:
    return BUILDER()["test"]


# --- the classes ---------------------------------------------------------------------------------


def test_no_single_part_decides_the_class() -> None:
    for parts in CLASS_PARTS:
        for part in parts:
            assert sum(part in other for other in CLASS_PARTS) > 1


def test_no_class_is_contained_in_another() -> None:
    assert len(set(CLASS_PARTS)) == len(CLASS_PARTS) == len(CLASS_NAMES) == 10
    assert not any(set(one) <= set(other) for one, other in permutations(CLASS_PARTS, 2))


def test_neither_a_shape_nor_a_texture_tells_a_diagnostic_part_from_a_distractor() -> None:
    diagnostic = [part for part in range(len(PARTS)) if part not in DISTRACTORS]
    assert {part for parts in CLASS_PARTS for part in parts} == set(diagnostic)
    assert len(set(PARTS)) == len(PARTS) == len(set(PART_NAMES))
    for side in (0, 1):  # shape, texture
        seen = {PARTS[part][side] for part in DISTRACTORS}
        assert {PARTS[part][side] for part in diagnostic} == seen


def test_every_class_has_its_own_background() -> None:
    assert len(set(BACKGROUNDS)) == len(BACKGROUNDS) == len(CLASS_NAMES)
    for one, other in combinations(range(len(BACKGROUNDS)), 2):
        means = [_mean_background(index) for index in (one, other)]
        assert not np.allclose(*means, atol=1e-3)


def _mean_background(index: int) -> np.ndarray:
    scene = BUILDER.scene(0)
    crop = replace(scene.crop, background=index)
    return paint(replace(scene, crop=crop, parts=()), 64)[0].mean(axis=(1, 2)) / 255


# --- the truth of every image --------------------------------------------------------------------


def test_an_image_shows_its_class_and_distractors_only(scenes: ImageSet) -> None:
    for label, parts in zip(scenes.labels.tolist(), scenes.truth["parts"], strict=True):
        shown = set((parts.unique() - 1).tolist()) - {255}
        distractors = shown & set(DISTRACTORS)
        assert shown - distractors == set(CLASS_PARTS[label])
        assert 1 <= len(distractors) <= 3


def test_every_part_stays_visible(scenes: ImageSet) -> None:
    for parts in scenes.truth["parts"]:
        area = parts.flatten().bincount()[1:]
        assert area[area > 0].min() >= 40


def grown(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """The mask (H, W) and all within so many pixels of it, diagonals included."""
    window = 2 * pixels + 1
    return torch.nn.functional.max_pool2d(mask[None, None].float(), window, 1, pixels)[0, 0] > 0


def test_the_label_map_is_where_removing_the_part_changes_the_image(scenes: ImageSet) -> None:
    assert scenes.images is not None
    for index in range(40):
        for part, name in enumerate(PART_NAMES):
            changed = (scenes.images[index] != BUILDER.render(index, without=(name,))).any(0)
            mask = scenes.truth["parts"][index] == part + 1
            if not mask.any():
                assert not changed.any()
                continue
            # The anti-aliased rim changes too: a pixel further out, at a thin point two.
            assert not (changed & ~grown(mask, 2)).any()
            assert (changed & ~grown(mask, 1)).sum() <= 3
            assert (changed & mask).sum() >= 0.9 * mask.sum()


def test_rendering_all_parts_gives_the_image_and_none_the_photograph(scenes: ImageSet) -> None:
    assert scenes.images is not None
    for index in range(10):
        assert torch.equal(BUILDER.render(index), scenes.images[index])
    bare = BUILDER.render(0, without=PART_NAMES)
    outside = ~grown(scenes.truth["parts"][0] > 0, 2)
    assert torch.equal(bare[:, outside], scenes.images[0][:, outside])


def test_the_box_is_the_tight_box_of_the_diagnostic_mask(scenes: ImageSet) -> None:
    diagnostic = scenes.diagnostic()
    assert diagnostic is not None
    for mask, (x0, y0, x1, y1) in zip(diagnostic, scenes.truth["boxes"].tolist(), strict=True):
        ys, xs = mask.nonzero().T
        assert (x0, y0, x1, y1) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


def test_the_diagnostic_mask_is_the_parts_of_the_class(scenes: ImageSet) -> None:
    diagnostic = scenes.diagnostic()
    assert diagnostic is not None
    for i in range(len(scenes)):
        wanted = [part + 1 for part in CLASS_PARTS[int(scenes.labels[i])]]
        assert np.array_equal(diagnostic[i], np.isin(scenes.truth["parts"][i], wanted))


def test_a_scene_does_not_depend_on_the_resolution() -> None:
    scene = BUILDER.scene(3)
    fine = torch.from_numpy(paint(scene, 192)[1])
    coarse = torch.from_numpy(paint(scene, 64)[1])
    assert (fine[1::3, 1::3] == coarse).float().mean() > 0.985


@pytest.mark.parametrize("shape", SHAPE_FUNCTIONS)
def test_shapes_are_distances_inside_the_unit_disc(shape: str) -> None:
    axis = np.linspace(-1.5, 1.5, 301, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    distance = SHAPE_FUNCTIONS[shape](u, v)
    assert (distance[np.hypot(u, v) > 1.01] > 0).all()
    assert distance.min() < -0.15  # thick enough to be seen
    # A distance never grows faster than the way walked: 1-Lipschitz.
    step = axis[1] - axis[0]
    for gradient in np.gradient(distance, step):
        assert np.abs(gradient).max() <= 1.01


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("disc", np.pi * 0.9**2),
        ("triangle", 3 * np.sqrt(3) / 4),
        ("star", 10 * 0.5 * 0.5 * np.sin(np.pi / 5)),
        ("cross", 2 * (2 * 0.93) * (2 * 0.34) - (2 * 0.34) ** 2),
        ("ring", np.pi * (0.95**2 - 0.45**2)),
    ],
)
def test_shapes_have_the_area_of_geometry(shape: str, area: float) -> None:
    axis = (np.arange(1000, dtype=np.float32) + 0.5) / 500 - 1
    u, v = np.meshgrid(axis, axis)
    assert (SHAPE_FUNCTIONS[shape](u, v) < 0).mean() * 4 == pytest.approx(area, rel=2e-3)


@pytest.mark.parametrize("texture", TEXTURE_FUNCTIONS)
def test_textures_show_both_colours_and_blend_over_a_pixel(texture: str) -> None:
    axis = np.linspace(-1, 1, 401, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    fine = TEXTURE_FUNCTIONS[texture](u, v, 0.005)
    assert (fine.min(), fine.max()) == (0, 1)
    assert 0.25 < fine.mean() < 0.75
    # Blended over a coarse pixel it is the fine texture, averaged over about that pixel.
    coarse = TEXTURE_FUNCTIONS[texture](u, v, 0.1)
    assert np.abs(coarse - uniform_filter(fine, 20))[20:-20, 20:-20].mean() < 0.02


# --- chance --------------------------------------------------------------------------------------


def digest(images: ImageSet) -> str:
    tensors = {"labels": images.labels, "images": images.images, **images.truth}
    joined = b"".join(name.encode() + t.numpy().tobytes() for name, t in sorted(tensors.items()))
    return hashlib.sha256(joined).hexdigest()


def test_the_same_seed_gives_the_same_file_in_another_process(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from sparks.data import Chimera;"
        "Chimera(10, 10, seed=3)()['test'].save(sys.argv[1])"
    )
    here, there = tmp_path / "here.safetensors", tmp_path / "there.safetensors"
    Chimera(10, 10, seed=3)()["test"].save(here)
    subprocess.run([sys.executable, "-c", code, there, *filter(None, sys.path)], check=True)
    assert here.read_bytes() == there.read_bytes()


def test_seeds_and_splits_differ() -> None:
    splits = Chimera(10, 10, seed=3, bias=0.5)()
    other = Chimera(10, 10, seed=4)()["test"]
    assert len({digest(images) for images in (*splits.values(), other)}) == 4


def test_fewer_images_are_a_prefix_of_more() -> None:
    few, more = Chimera(10, 10)(), Chimera(20, 30)()
    for split in ("train", "test"):
        assert digest(few[split]) == digest(more[split].subset(range(10)))


def test_a_bias_changes_nothing_but_the_backgrounds() -> None:
    plain, biased = Chimera(40, 40)(), Chimera(40, 40, bias=1.0)()
    assert digest(plain["test"]) == digest(biased["test"])
    for name in ("parts", "boxes", "clicks"):
        assert torch.equal(plain["train"].truth[name], biased["train"].truth[name])
    assert torch.equal(biased["train"].truth["background"], biased["train"].labels)
    assert torch.equal(biased["test_biased"].truth["background"], biased["test_biased"].labels)
    assert "test_biased" not in plain


@pytest.mark.parametrize("bias", [0.0, 0.6, 0.9])
def test_the_share_of_own_backgrounds_is_the_bias_plus_chance(bias: float) -> None:
    builder = Chimera(10, 10, bias=bias, seed=1)
    expected = bias + (1 - bias) / len(BACKGROUNDS)
    scenes = [builder.scene(index, "train") for index in range(1500)]
    own = sum(scene.crop.background == scene.label for scene in scenes)
    assert binomtest(own, 1500, expected).pvalue > 1e-4
    strange = [scene.crop.background for scene in scenes if scene.crop.background != scene.label]
    counts = np.bincount(strange, minlength=len(BACKGROUNDS))
    for count in counts:  # the rest are uniform
        assert binomtest(int(count), len(strange), 1 / len(BACKGROUNDS)).pvalue > 1e-5


def test_labels_are_balanced(scenes: ImageSet) -> None:
    assert scenes.labels.bincount().tolist() == [30] * 10


# --- simulated people ----------------------------------------------------------------------------


def on_target(images: ImageSet) -> float:
    diagnostic, clicks = images.diagnostic(), images.truth["clicks"].flatten(1, 2).long()
    assert diagnostic is not None
    rows = torch.arange(len(images))[:, None]
    return diagnostic[rows, clicks[..., 1], clicks[..., 0]].double().mean().item()


def test_clicks_lie_in_the_image_and_flawless_ones_on_the_parts(scenes: ImageSet) -> None:
    clicks = scenes.truth["clicks"]
    assert clicks.shape == (300, 6, 10, 2)
    assert 0 <= clicks.min() <= clicks.max() < 64
    flawless = Chimera(10, 50, annotators=Annotators(noise=0, stray=0))()["test"]
    assert on_target(flawless) == 1.0


def test_stray_clicks_land_anywhere() -> None:
    images = Chimera(10, 200, annotators=Annotators(noise=0, stray=0.3))()["test"]
    area = images.diagnostic().double().mean().item()
    hits = round(on_target(images) * 200 * 60)
    assert binomtest(hits, 200 * 60, 0.7 + 0.3 * area).pvalue > 1e-4


def test_careless_people_agree_less() -> None:
    ceilings = []
    for noise, stray in ((0.01, 0.0), (0.02, 0.15), (0.1, 0.6)):
        people = Annotators(noise=noise, stray=stray)
        clicks = Chimera(10, 60, annotators=people)()["test"].truth["clicks"]
        ceilings.append(human_ceiling(clicks, 64, 4.0, repeats=3).mean().item())
    assert 1 > ceilings[0] > ceilings[1] > ceilings[2] > 0


# --- bad settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bias": 1.1}, "bias is 1.1"),
        ({"bias": float("nan")}, "bias is nan"),
        ({"size": 16}, "size is 16"),
        ({"n_train": 9}, "n_train is 9"),
        ({"n_test": 0}, "n_test is 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SparksError, match=message):
        Chimera(**{"n_train": 10, "n_test": 10, **settings})


def test_unknown_parts_and_splits_are_refused() -> None:
    with pytest.raises(SparksError, match="no part 'wheel'"):
        BUILDER.render(0, without=("wheel",))
    with pytest.raises(SparksError, match="no split 'val'"):
        BUILDER.render(0, split="val")


@pytest.mark.parametrize("fault", [{"number": 0}, {"clicks": 0}, {"noise": -1.0}, {"stray": 2.0}])
def test_impossible_people_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(SparksError, match=next(iter(fault))):
        Annotators(**fault)


def test_more_and_larger_parts_are_settings():
    """Every image of the hard set has its parts, and they hide each other more than by default."""
    hidden = []
    for settings in ({}, {"distractors": 5, "radius": (0.18, 0.24)}):
        chimera = Chimera(20, 20, 64, **settings)
        scenes = [chimera.scene(i) for i in range(20)]
        least, most = chimera.radius
        assert all(least <= part.radius <= most for scene in scenes for part in scene.parts)
        assert max(len(scene.parts) for scene in scenes) == 2 + chimera.distractors
        painted = (chimera()["test"].truth["parts"] > 0).sum((1, 2)) / 64**2
        areas = [sum(np.pi * part.radius**2 for part in scene.parts) for scene in scenes]
        hidden.append(1 - float(painted.sum()) / sum(areas))
    assert hidden[1] > hidden[0]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"distractors": 6}, "distractors is 6: use 1 to 5"),
        ({"distractors": 0}, "distractors is 0"),
        ({"radius": (0.3, 0.2)}, "least and the greatest"),
        ({"radius": (0.1, 0.5)}, "least and the greatest"),
    ],
)
def test_impossible_parts_are_refused(settings: dict[str, Any], expected: str):
    with pytest.raises(SparksError, match=expected):
        Chimera(20, 20, 32, **settings)


# --- classes by name -----------------------------------------------------------------------------


def test_named_classes_show_their_parts_on_the_named_backgrounds():
    classes = [["wavy ring"], ["dotted ring", "striped disc"]]
    chimera = Chimera(40, 40, classes=classes, backgrounds=["grass", "brick"], distractors=6)
    images = chimera()["test"]
    assert images.classes == ("wavy ring", "dotted ring+striped disc")
    assert images.tables["class_parts"] == dict(zip(images.classes, classes, strict=True))
    deciding = {name for parts in classes for name in parts}
    seen = set()
    for label, parts in zip(images.labels.tolist(), images.truth["parts"], strict=True):
        shown = {PART_NAMES[part - 1] for part in parts.unique().tolist() if part}
        assert shown & deciding == set(classes[label])
        seen |= shown
    assert seen == set(PART_NAMES)  # a part that decides no class may stand anywhere
    names = [images.tables["backgrounds"][index] for index in images.truth["background"]]
    assert set(names) == {"grass", "brick"}


def test_named_backgrounds_belong_to_the_classes_in_their_order():
    classes = [["wavy ring"], ["dotted ring"]]
    chimera = Chimera(20, 20, bias=1.0, classes=classes, backgrounds=["grass", "brick"])
    images = chimera()["train"]
    own = images.tables["class_background"]
    assert own == {"wavy ring": "grass", "dotted ring": "brick"}
    for label, index in zip(images.labels, images.truth["background"], strict=True):
        assert images.tables["backgrounds"][index] == own[images.classes[label]]


def test_naming_the_pairs_is_naming_nothing():
    named = [[PART_NAMES[part] for part in parts] for parts in CLASS_PARTS]
    assert digest(Chimera(10, 10, classes=named)()["test"]) == digest(Chimera(10, 10)()["test"])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"classes": [["wavy ring"]]}, "two at least"),
        ({"classes": [["wavy ring"], ["wavy ring"]]}, "all different"),
        ({"classes": [["wavy ring"], []]}, "two at least"),
        ({"classes": [["wavy ring"], ["wheel"]]}, "no part 'wheel'"),
        ({"backgrounds": ["snow"]}, "no background 'snow'"),
    ],
)
def test_impossible_classes_are_refused(settings, expected):
    with pytest.raises(SparksError, match=expected):
        Chimera(10, 10, **settings)
