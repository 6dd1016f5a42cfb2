"""The page for an image of one's own decodes it as the data step does."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from photographs import saved, write_turned
from PIL import Image

from sparks.data.decoding import decode
from sparks.errors import SparksError
from sparks_thesis.lens.upload import FORMATS, read_image

SIDE = 16
RANDOM = np.random.default_rng(5)
GREY16 = RANDOM.integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
GREY16[0, 0], GREY16[0, 1] = 0, 65535
TWELVE = (GREY16 >> 4).astype(np.uint16)
COLOURS = RANDOM.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("turn", "kind"), list(itertools.product(range(1, 9), ["JPEG", "PNG", "WEBP"]))
)
def test_files_are_turned_upright_as_by_the_data_step(tmp_path: Path, turn: int, kind: str) -> None:
    path = tmp_path / "photograph"
    write_turned(path, COLOURS, turn, kind)
    step = decode(path, SIDE).float() / 255
    assert torch.equal(read_image(path.read_bytes(), SIDE, 3)[0], step)


def files_of_all_kinds() -> dict[str, bytes]:
    """A file of each format and mode that the page takes."""
    image = Image.fromarray(RANDOM.integers(0, 256, (50, 70, 4), dtype=np.uint8), "RGBA")
    found = {"PNG I;16": saved(np.kron(GREY16, np.ones((3, 4), np.uint16)), "PNG")}
    for kind, mode in itertools.product(
        FORMATS, ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"]
    ):
        target = io.BytesIO()
        try:
            image.convert(mode).save(target, kind)
        except (OSError, KeyError, ValueError):
            continue  # the format has no such mode
        found[f"{kind} {mode}"] = target.getvalue()
    return found


KINDS = files_of_all_kinds()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [8, 50, 64])
def test_the_page_and_the_data_step_see_the_same(tmp_path: Path, kind: str, size: int) -> None:
    (tmp_path / "x").write_bytes(KINDS[kind])
    step = decode(tmp_path / "x", size).float() / 255
    assert torch.equal(read_image(KINDS[kind], size, 3)[0], step)
    assert len(KINDS) > 15


def test_the_page_takes_white_of_the_data_set() -> None:
    data = saved(TWELVE, "PNG")
    with pytest.raises(SparksError, match="The image cannot be used: it has grey values of 16"):
        read_image(data, SIDE, 3)
    expected = np.rint(TWELVE * (255 / 4095)) / 255
    got = read_image(data, SIDE, 1, white=4095)[0, 0].numpy()
    assert got == pytest.approx(expected, abs=1e-6)
