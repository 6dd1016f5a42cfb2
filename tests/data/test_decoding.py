"""From a file to pixels: modes against numpy's own scaling, places and orientation."""

import itertools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from photographs import saved, write_turned
from PIL import Image, ImageOps

from sparks.data.decoding import CROP, decode, fitted, placed, upright_rgb, upright_sides
from sparks.errors import SparksError

SIDE = 16
RANDOM = np.random.default_rng(5)
GREY16 = RANDOM.integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
GREY16[0, 0], GREY16[0, 1] = 0, 65535
FLOATS = RANDOM.random((SIDE, SIDE), dtype=np.float32)
COLOURS = RANDOM.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def pixels(path: Path, white: float | None = None) -> np.ndarray:
    """(SIDE, SIDE, 3) of a file of that size."""
    return decode(path, SIDE, white).permute(1, 2, 0).numpy()


def tiff(values: np.ndarray, bits: int, photometric: int = 1, order: str = "<") -> bytes:
    """A grey TIFF of 12 or 16 bits, written by hand."""
    if bits == 12:
        pairs = values.reshape(-1, 2).astype(np.uint32)
        joined = (pairs[:, 0] << 12) | pairs[:, 1]
        data = b"".join(int(value).to_bytes(3, "big") for value in joined)
    else:
        data = values.astype(f"{order}u2").tobytes()
    h, w = values.shape
    tags = [(256, w), (257, h), (258, bits), (259, 1), (262, photometric), (277, 1), (278, h)]
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [(tag, 3, value) for tag, value in tags] + [(273, 4, start), (279, 4, len(data))]
    packed = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1)
        + struct.pack(f"{order}HH" if kind == 3 else f"{order}I", *([value, 0][: 5 - kind]))
        for tag, kind, value in sorted(entries)
    )
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(entries)) + packed + bytes(4) + data


def png16(values: np.ndarray, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write for colours."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    h, w = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", w, h, 16, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


TWELVE = (GREY16 >> 4).astype(np.uint16)
DEEP = {  # name → file, the values in it, and the value of white
    "png": (saved(GREY16, "PNG"), GREY16, 65535),
    "tiff": (saved(GREY16, "TIFF"), GREY16, 65535),
    "tiff, big end first": (tiff(GREY16, 16, order=">"), GREY16, 65535),
    "tiff, 0 is white": (tiff(GREY16, 16, photometric=0), 65535 - GREY16, 65535),
    "tiff of 12 bits": (tiff(TWELVE, 12), TWELVE, 4095),
    "pgm": (saved(GREY16, "PPM"), GREY16, 65535),
    "pgm of 12 bits": (
        b"P5 16 16 4095\n" + TWELVE.astype(">u2").tobytes(), TWELVE, 4095,
    ),
    "float": (saved(FLOATS, "TIFF"), FLOATS, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_values_of_more_than_8_bits_are_scaled_by_their_range(tmp_path: Path, name: str) -> None:
    content, values, white = DEEP[name]
    (tmp_path / "x").write_bytes(content)
    expected = np.rint(values.astype(np.float64) * 255 / white)
    assert len(np.unique(expected)) > 50
    got = pixels(tmp_path / "x")
    for channel in range(3):
        # Pillow rounds a PGM of 12 bits to 16 before: a tie may go the other way.
        assert np.abs(got[..., channel] - expected).max() <= (name == "pgm of 12 bits")


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (GREY16.astype(np.int32), 65535),
        (GREY16.astype(np.int32) * 30000, 2**31),
        (TWELVE, 4095),
        (FLOATS * 3000, 3000.0),
        (TWELVE // 16, 65535),  # as dark as that
    ],
)
def test_white_says_the_range_where_the_file_does_not(
    tmp_path: Path, values: np.ndarray, white: float
) -> None:
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(SparksError, match=r"x\.tif: .* set `white` of the data set"):
        decode(tmp_path / "x.tif", SIDE)
    expected = np.rint(values.astype(np.float64) * 255 / white)
    assert np.abs(pixels(tmp_path / "x.tif", white)[..., 0] - expected).max() <= 1e-6


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (FLOATS * 255, "go from .* outside \\[0, 1\\]"),
        (FLOATS - 0.5, "go from -0.* outside \\[0, 1\\]"),
        (np.where(FLOATS > 0.5, np.nan, FLOATS).astype(np.float32), "nan, outside"),
        (np.where(FLOATS > 0.5, np.inf, FLOATS).astype(np.float32), "inf, outside"),
        (GREY16.astype(np.int32), "32 bits .*whose range is not known"),
        (TWELVE, "grey values of 16 bits of which at most 12 are used.*set `white`"),
    ],
)
def test_an_unknown_range_is_refused_by_name(
    tmp_path: Path, values: np.ndarray, message: str
) -> None:
    Image.fromarray(values).save(tmp_path / "scan.tif")
    with pytest.raises(SparksError, match=rf"scan\.tif: .*{message}"):
        decode(tmp_path / "scan.tif", SIDE)


def test_values_above_white_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY16).save(tmp_path / "x.png")
    with pytest.raises(SparksError, match=r"outside \[0, 4095\]"):
        decode(tmp_path / "x.png", SIDE, 4095)


def test_black_is_black_at_any_range(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint16)).save(tmp_path / "x.png")
    assert pixels(tmp_path / "x.png").max() == 0


def test_colours_of_16_bits_keep_their_upper_8(tmp_path: Path) -> None:
    values = RANDOM.integers(0, 65536, (SIDE, SIDE, 3), dtype=np.uint16)
    (tmp_path / "x.png").write_bytes(png16(values, 2))
    assert np.abs(pixels(tmp_path / "x.png") - values / 257).max() < 1
    (tmp_path / "x.png").write_bytes(png16(values >> 4, 2))
    with pytest.raises(SparksError, match="colours of 16 bits of which at most 12"):
        decode(tmp_path / "x.png", SIDE)


# --- transparency ---------------------------------------------------------------------------------


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "RGB", "L", "I;16"])
def test_transparent_pixels_are_white(tmp_path: Path, mode: str) -> None:
    alpha = RANDOM.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    alpha[:4], alpha[4:8] = 0, 255
    path = tmp_path / "x.png"
    if mode == "RGBA":
        Image.fromarray(np.dstack([COLOURS, alpha])).save(path)
        expected = over_white(COLOURS, alpha)
    elif mode == "LA":
        grey = COLOURS[..., :1]
        Image.merge("LA", [Image.fromarray(a) for a in (grey[..., 0], alpha)]).save(path)
        expected = over_white(grey.repeat(3, 2), alpha)
    elif mode in ("P", "PA"):
        indices = RANDOM.integers(0, 4, (SIDE, SIDE), dtype=np.uint8)
        palette = np.array([[250, 0, 0], [0, 250, 0], [0, 0, 250], [9, 9, 9]], np.uint8)
        image = Image.fromarray(indices, "P")
        image.putpalette(palette.tobytes())
        if mode == "PA":
            image.putalpha(Image.fromarray(alpha))
            image.save(path := path.with_suffix(".tif"))
            expected = over_white(palette[indices], alpha)
        else:
            image.save(path, transparency=2)
            expected = over_white(palette[indices], np.where(indices == 2, 0, 255))
    elif mode == "I;16":
        key = int(GREY16[3, 3])
        path.write_bytes(png16(GREY16, 0, (b"tRNS", struct.pack(">H", key))))
        grey = np.rint(GREY16[..., None] / 257).repeat(3, 2)
        expected = over_white(grey, np.where(key == GREY16, 0, 255))
    elif mode == "RGB":  # one colour is the transparent one
        key = COLOURS[2, 3]
        Image.fromarray(COLOURS).save(path, transparency=tuple(map(int, key)))
        expected = over_white(COLOURS, np.where((key == COLOURS).all(2), 0, 255))
    else:
        grey = COLOURS[..., 0]
        Image.fromarray(grey).save(path, transparency=int(grey[2, 3]))
        expected = over_white(grey[..., None].repeat(3, 2), np.where(grey == grey[2, 3], 0, 255))
    assert np.abs(pixels(path) - expected).max() <= 1


# --- place and orientation ------------------------------------------------------------------------


@given(width=st.integers(1, 300), height=st.integers(1, 300), size=st.sampled_from([8, 32, 64]))
@settings(max_examples=40, deadline=None)
def test_the_crop_is_that_of_the_resized_image(width: int, height: int, size: int) -> None:
    """Cut out while it is resized, or after: the same to a rounding."""
    generator = np.random.default_rng(width * 301 + height)
    image = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    sides, left, top = placed(width, height, size)
    whole = image.resize(sides, Image.Resampling.BILINEAR)
    expected = np.array(whole.crop((left, top, left + size, top + size)))
    got = fitted(image, size).permute(1, 2, 0).numpy()
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_a_strip_needs_no_memory_of_its_resized_size(tmp_path: Path) -> None:
    """Resized as a whole it would have 4 billion pixels."""
    strip = np.tile(np.arange(60_000, dtype=np.uint16) // 256, (1, 1)).astype(np.uint8)
    Image.fromarray(strip).save(tmp_path / "strip.png")
    assert decode(tmp_path / "strip.png", 224).float().mean() == pytest.approx(117, abs=1)


@pytest.mark.parametrize(
    ("turn", "kind"), list(itertools.product(range(1, 9), ["JPEG", "PNG", "TIFF", "WEBP"]))
)
def test_files_are_turned_upright(tmp_path: Path, turn: int, kind: str) -> None:
    path = tmp_path / "photograph"
    write_turned(path, COLOURS, turn, kind)
    with Image.open(path) as file:
        upright = ImageOps.exif_transpose(file).convert("RGB")
    assert upright.size == ((24, 40) if turn > 4 else (40, 24)) == upright_sides(path)
    assert torch.equal(decode(path, SIDE), fitted(upright, SIDE))


@given(exif=st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_damaged_exif_leaves_the_pixels(
    exif: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("exif") / "x.png"
    Image.fromarray(COLOURS).save(path, exif=b"Exif\0\0II*\0\x08\0\0\0" + exif)
    got = pixels(path)
    # Whatever the bytes may say, these are the pixels, in one of eight positions.
    assert sorted(map(tuple, got.reshape(-1, 3))) == sorted(map(tuple, COLOURS.reshape(-1, 3)))


def test_no_program_is_started_for_a_file_that_poses_as_an_image(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript."""
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\nshowpage\n"
    (tmp_path / "x.png").write_bytes(script)
    with pytest.raises(SparksError, match="cannot identify image file"):
        decode(tmp_path / "x.png", SIDE)


def test_the_crop_covers_the_share_of_evaluation_on_imagenet() -> None:
    assert placed(512, 256, 224) == ((512, 256), 144, 16)
    assert pytest.approx(224 / 256) == CROP
    assert upright_rgb(Image.new("L", (3, 2), 7)).getpixel((0, 0)) == (7, 7, 7)
