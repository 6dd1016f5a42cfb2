"""Human maps from clicks, files and TFRecords of the authors' layout."""

import io
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import zoom

from sparks.alignment import ClickMaps, FileMaps
from sparks.alignment.clickme import unpack
from sparks.alignment.maps import prepare
from sparks.alignment.tfrecord import crc32c, example, masked_crc, records
from sparks.data import Chimera, Folder
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError


def test_clicks_of_chimera_become_maps_of_its_images():
    data = Chimera(10, 10, size=32)()["train"]
    maps = ClickMaps(sigma=0.06)(data, torch.tensor([3, 0]))
    assert maps.shape == (2, 32, 32)
    parts = data.diagnostic()[torch.tensor([3, 0])]
    inside = [float(m[p].mean() / m.mean()) for m, p in zip(maps, parts, strict=True)]
    assert min(inside) > 2  # the simulated people click on what decides
    plain = ImageSet(data.labels, data.classes, data.images)
    with pytest.raises(SparksError, match="knows no clicks"):
        ClickMaps()(plain, torch.tensor([0]))


def test_blurring_keeps_the_mass_in_the_middle_and_the_size_asked_for():
    heat = torch.zeros(1, 256, 256)
    heat[0, 124:132, 124:132] = 1.0
    found = prepare(heat, 224)[0].numpy()
    assert found.shape == (224, 224)
    assert abs(np.array(np.unravel_index(found.argmax(), found.shape)) - 111.5).max() <= 4
    box = zoom(np.ones((10, 10)), 3.5)  # the blur reaches ten of 64 pixels
    assert (found > 1e-6).sum() < 2 * box.size
    sharp = prepare(heat, 128, blur=False)[0]
    assert float(sharp.sum()) == pytest.approx(16.0, rel=1e-3)


# A `tf.train.Example`, written by hand from the definition of the wire format.


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def features(packed=True, **values):
    entries = b""
    for name, value in values.items():
        if isinstance(value, bytes):
            kind = field(1, field(1, value))
        elif packed:
            kind = field(3, field(1, varint(value)))
        else:
            kind = field(3, varint(1 << 3) + varint(value))
        entries += field(1, field(1, name.encode()) + field(2, kind))
    return field(1, entries)


def record(data):
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_crc(head)) + data + struct.pack("<I", masked_crc(data))


def jpeg(value, size=(16, 16)):
    buffer = io.BytesIO()
    Image.new("L", size, value).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_checksum_is_castagnolis():
    assert crc32c(b"123456789") == 0xE3069283  # the published check value
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


@pytest.mark.parametrize("packed", [True, False])
def test_features_are_read_back(packed):
    found = example(features(packed, image=b"abc", heatmap=b"x" * 300, label=999))
    assert found == {"image": [b"abc"], "heatmap": [b"x" * 300], "label": [999]}
    with pytest.raises(SparksError, match="no tf"):
        example(b"\x0a\xff\x01")


def test_shards_become_images_with_maps_that_training_reads(tmp_path):
    for split, count in (("train", 4), ("val", 2)):
        shard = tmp_path / f"{split}-0.tfrecords"
        shard.write_bytes(
            b"".join(
                record(features(image=jpeg(50 * i), heatmap=jpeg(40 * i), label=i % 2))
                for i in range(count)
            )
        )
        assert unpack(tmp_path / "clickme", split, [shard]) == count
    data = Folder(str(tmp_path / "clickme/images"), size=16)()["train"]
    assert data.labels.tolist() == [0, 0, 1, 1]
    source = FileMaps(str(tmp_path / "clickme/images"), str(tmp_path / "clickme/maps"), blur=False)
    maps = source(data, torch.tensor([0, 1, 2, 3]))
    assert [round(float(m.mean())) for m in maps] == [0, 80, 40, 120]
    (tmp_path / "clickme/maps/train/0001/train-0-000001.jpg").unlink()
    assert not source(data, torch.tensor([2])).any()  # no map, no token
    (tmp_path / "clickme/maps/train/0001/train-0-000003.jpg").write_bytes(b"no image")
    with pytest.raises(SparksError, match="train-0-000003"):
        source(data, torch.tensor([3]))
    with pytest.raises(SparksError, match="does not lie in"):
        FileMaps(str(tmp_path / "other"), "maps")(data, torch.tensor([0]))


@pytest.mark.parametrize("suffix", ["npy", "png"])
def test_maps_may_be_arrays_or_pictures(tmp_path, suffix):
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    (tmp_path / "maps").mkdir()
    if suffix == "npy":
        np.save(tmp_path / "maps/a.npy", values)
    else:
        Image.fromarray(values).save(tmp_path / "maps/a.png")
    (tmp_path / "images").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "images/a.jpg")
    data = ImageSet(torch.zeros(1).long(), ("a",), None, ("a.jpg",), str(tmp_path / "images"), 8)
    source = FileMaps(str(tmp_path / "images"), str(tmp_path / "maps"), blur=False)
    assert torch.equal(source(data, torch.tensor([0]))[0], torch.from_numpy(values).float())


@pytest.mark.parametrize("sides", [(64, 64), (256, 256), (90, 60), (50, 200)])
@pytest.mark.parametrize("turn", [1, 6])
def test_a_map_is_cropped_and_lies_as_its_image(tmp_path, sides, turn):
    """A map that is the image itself, upright, stays the image at every place."""
    for name in ("images", "maps"):
        (tmp_path / name).mkdir()
    across, down = np.meshgrid(np.linspace(0, 200, sides[0]), np.linspace(0, 55, sides[1]))
    picture = Image.fromarray((across + down).round().astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "images/a.png", exif=exif)
    upright = picture.transpose(Image.Transpose.ROTATE_270) if turn == 6 else picture
    np.save(tmp_path / "maps/a.npy", np.asarray(upright))
    data = ImageSet(torch.zeros(1).long(), ("a",), None, ("a.png",), str(tmp_path / "images"), 64)
    source = FileMaps(str(tmp_path / "images"), str(tmp_path / "maps"), blur=False)
    image, human = data.batch([0])[0, 0] * 255, source(data, torch.tensor([0]))[0]
    assert human.shape == (64, 64)
    assert float((image - human).abs().max()) < 4  # of a slope of at most 4 a pixel


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-3], "cut short"),
        (lambda data: b"\xff" + data[1:], "damaged at record 0"),
        (lambda data: data[:7], "damaged at record 0"),
    ],
)
def test_damaged_shards_are_named(tmp_path, damage, message):
    shard = tmp_path / "shard"
    shard.write_bytes(damage(record(features(label=1))))
    with pytest.raises(SparksError, match=message):
        list(records(shard))
    with pytest.raises(SparksError, match="cannot be opened"):
        list(records(tmp_path / "none"))


def test_a_record_without_a_map_is_named(tmp_path):
    shard = tmp_path / "shard"
    shard.write_bytes(record(features(image=jpeg(1), label=1)))
    with pytest.raises(SparksError, match="'heatmap'"):
        unpack(tmp_path / "out", "train", [shard])
