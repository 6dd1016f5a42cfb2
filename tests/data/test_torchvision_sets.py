"""Public sets: torchvision's real loading code on tiny files of the exact format on disk."""

import gzip
import hashlib
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from photographs import SYNSETS, write_imagenet, write_jpeg
from torchvision.datasets.utils import extract_archive

from sparks.data import CIFAR10, MNIST, EuroSAT, FashionMNIST, ImageNet, Imagenette
from sparks.data.imagenet import IMAGENETTE_IN_IMAGENET
from sparks.errors import SparksError

RNG = np.random.default_rng(0)


# --- MNIST and Fashion-MNIST: IDX files ----------------------------------------------------------


def write_idx(folder: Path, prefix: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels as the published archives hold them, gzipped, and unpacked as
    torchvision's download does.
    """
    images = RNG.integers(256, size=(n, 28, 28), dtype=np.uint8)
    labels = np.arange(n, dtype=np.uint8) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for name, magic, array in (
        (f"{prefix}-images-idx3-ubyte", 0x0803, images),
        (f"{prefix}-labels-idx1-ubyte", 0x0801, labels),
    ):
        header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        with gzip.open(folder / f"{name}.gz", "wb") as file:
            file.write(header + array.tobytes())
        extract_archive(str(folder / f"{name}.gz"))
    return images, labels


@pytest.mark.parametrize(("builder", "name"), [(MNIST, "MNIST"), (FashionMNIST, "FashionMNIST")])
def test_idx_files_are_read(builder: type[MNIST], name: str, tmp_path: Path) -> None:
    folder = tmp_path / name / "raw"
    train = write_idx(folder, "train", 40)
    test = write_idx(folder, "t10k", 20)
    splits = builder(root=str(tmp_path))()
    for split, (images, labels) in (("train", train), ("test", test)):
        assert np.array_equal(splits[split].images[:, 0], images)
        assert np.array_equal(splits[split].labels, labels)
        assert splits[split].labels.dtype == torch.int64
        assert splits[split].classes == tuple(getattr(torchvision.datasets, name).classes)
    few = builder(root=str(tmp_path), n_train=20, n_test=10)()
    assert few["train"].labels.bincount().tolist() == [2] * 10
    assert len(few["test"]) == 10
    with pytest.raises(SparksError, match="has no image"):
        builder(root=str(tmp_path), n_train=9)()


@pytest.mark.parametrize("builder", [MNIST, FashionMNIST])
@pytest.mark.parametrize("spelling", ["-idx", ".idx"])
@pytest.mark.parametrize("place", [".", "raw"])
def test_idx_files_are_read_as_they_are_shipped(
    builder: type[MNIST], spelling: str, place: str, tmp_path: Path
) -> None:
    """Gzipped, in a folder of their own, as Linux distributions and archives of data have them."""
    folder = tmp_path if place == "." else tmp_path / builder.folder
    train, test = write_idx(folder, "train", 30), write_idx(folder, "t10k", 20)
    for file in list(folder.glob("*-ubyte*")):
        if file.suffix == ".gz":
            file.rename(folder / file.name.replace("-idx", spelling))
        else:
            file.unlink()
    before = sorted(tmp_path.rglob("*"))
    made = builder(root=str(tmp_path))
    made.download()  # has nothing to fetch
    splits = made()
    for split, (images, labels) in (("train", train), ("test", test)):
        assert np.array_equal(splits[split].images[:, 0], images)
        assert np.array_equal(splits[split].labels, labels)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "header", "labels"])
def test_damaged_gzipped_idx_files_are_refused(damage: str, tmp_path: Path) -> None:
    write_idx(tmp_path, "train", 30)
    write_idx(tmp_path, "t10k", 20)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    for plain in tmp_path.glob("*-ubyte"):
        plain.unlink()
    packed, content = file.read_bytes(), gzip.decompress(file.read_bytes())
    if damage == "cut":
        file.write_bytes(packed[: len(packed) // 2])
    elif damage == "flipped":
        file.write_bytes(packed[:100] + bytes([packed[100] ^ 255]) + packed[101:])
    elif damage == "header":
        file.write_bytes(gzip.compress(content[:7] + b"\x09" + content[8:]))
    else:
        write_idx(tmp_path, "other", 31)
        (tmp_path / "other-images-idx3-ubyte.gz").rename(file)
    with pytest.raises(SparksError, match=r"mnist in .* is damaged or incomplete"):
        MNIST(root=str(tmp_path))()


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_file_that_is_cut_short_is_named_before_anything_is_read(
    gzipped: bool, tmp_path: Path
) -> None:
    for prefix in ("train", "t10k"):
        write_idx(tmp_path, prefix, 30)
    for path in tmp_path.glob("*-ubyte" if gzipped else "*.gz"):
        path.unlink()
    MNIST(root=str(tmp_path)).require()
    [file] = tmp_path.glob("t10k-images*")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SparksError, match=rf"{file.name} is cut short.*: move it away, then run"):
        MNIST(root=str(tmp_path)).require()


@pytest.mark.parametrize("keep", [0, 3, 10, 500])
def test_a_truncated_idx_file_is_refused(keep: int, tmp_path: Path) -> None:
    folder = tmp_path / "MNIST" / "raw"
    write_idx(folder, "train", 20)
    write_idx(folder, "t10k", 20)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SparksError, match=r"mnist in .* is damaged or incomplete"):
        MNIST(root=str(tmp_path))()


# --- CIFAR-10: pickled batches whose digests torchvision checks ----------------------------------

CIFAR_NAMES = ["airplane", "automobile", "bird", "cat", "deer"]
CIFAR_NAMES += ["dog", "frog", "horse", "ship", "truck"]


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, np.ndarray]]:
    """Tiny batches of the published layout; torchvision's list of digests names theirs instead."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    arrays, digests = {}, {}
    names = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    for name in names:
        arrays[name] = RNG.integers(256, size=(10, 3072), dtype=np.uint8)
        content = {"data": arrays[name], "labels": list(range(10)), "batch_label": name}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    meta = {"label_names": CIFAR_NAMES, "num_cases_per_batch": 10, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    for name in (*names, "batches.meta"):
        digests[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    dataset = torchvision.datasets.CIFAR10
    monkeypatch.setattr(dataset, "train_list", [[name, digests[name]] for name in names[:5]])
    monkeypatch.setattr(dataset, "test_list", [[names[5], digests[names[5]]]])
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": digests["batches.meta"]})
    return tmp_path, arrays


def test_cifar_batches_are_read(cifar: tuple[Path, dict[str, np.ndarray]]) -> None:
    root, arrays = cifar
    splits = CIFAR10(root=str(root))()
    train = np.concatenate([arrays[f"data_batch_{k}"] for k in range(1, 6)])
    # A row holds the red plane, then green, then blue, each row by row.
    assert np.array_equal(splits["train"].images, train.reshape(-1, 3, 32, 32))
    assert np.array_equal(splits["test"].images, arrays["test_batch"].reshape(-1, 3, 32, 32))
    assert splits["train"].labels.tolist() == list(range(10)) * 5
    assert splits["train"].classes == tuple(CIFAR_NAMES)


def test_a_foreign_pickle_is_never_opened(
    cifar: tuple[Path, dict[str, np.ndarray]], tmp_path: Path
) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "exploded"), "w"))

    (cifar[0] / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(SparksError, match=r"data_batch_1 is missing, or not the published file"):
        CIFAR10(root=str(cifar[0]))()
    assert not (tmp_path / "exploded").exists()


# --- EuroSAT: one folder a class -----------------------------------------------------------------


def test_eurosat_is_split_by_class(tmp_path: Path) -> None:
    for label, name in enumerate(("AnnualCrop", "Forest", "River")):
        for i in range(10):
            path = tmp_path / "eurosat" / "2750" / name / f"{name}_{i + 1}.jpg"
            write_jpeg(path, grey=80 * label + i, size=(64, 64))
    splits = EuroSAT(root=str(tmp_path), seed=1)()
    assert splits["train"].labels.bincount().tolist() == [8, 8, 8]
    assert splits["test"].labels.bincount().tolist() == [2, 2, 2]
    assert splits["test"].classes == ("AnnualCrop", "Forest", "River")
    greys = torch.cat([splits[name].images[:, 0, 0, 0] for name in ("train", "test")])
    assert sorted(greys.tolist()) == [80 * label + i for label in range(3) for i in range(10)]
    assert splits["test"].files is None
    assert len(EuroSAT(root=str(tmp_path), n_train=6)()["train"]) == 6


# --- ImageNet: WordNet folders and meta.bin ------------------------------------------------------


def test_imagenet_stays_files_with_distinct_names(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    splits = ImageNet(root=str(tmp_path), size=24)()
    assert splits["train"].classes == ("crane (n02012849)", "English setter", "crane (n03126707)")
    assert splits["train"].tables["wnids"] == list(SYNSETS)
    assert splits["test"].files is not None
    assert splits["test"].files[0] == "val/n02012849/ILSVRC2012_val_00000001.JPEG"
    assert splits["train"].labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    batch = splits["test"].batch([2, 0])
    assert batch.shape == (2, 3, 24, 24)
    assert (batch * 255).round().flatten(1).amax(1).tolist() == [170, 50]


def test_some_classes_of_imagenet_are_the_same_in_both_splits(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    every = ImageNet(root=str(tmp_path), size=24)()
    splits = ImageNet(root=str(tmp_path), size=24, num_classes=2, seed=1)()
    assert splits["train"].classes == splits["test"].classes
    assert set(splits["train"].classes) < set(every["train"].classes)
    assert torch.bincount(splits["train"].labels).tolist() == [3, 3]
    for split, images in splits.items():
        of_file = dict(zip(every[split].files, every[split].labels.tolist(), strict=True))
        names = [every[split].classes[of_file[file]] for file in images.files]
        assert names == [images.classes[label] for label in images.labels.tolist()]
        wnids = [file.split("/")[-2] for file in images.files]
        assert wnids == [images.tables["wnids"][label] for label in images.labels.tolist()]
    with pytest.raises(SparksError, match="num_classes is 1: use 2 to"):
        ImageNet(root=str(tmp_path), num_classes=1)()


def test_imagenet_is_unpacked_from_its_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`download` makes from the three archives what building reads."""
    made, root = tmp_path / "made", tmp_path / "root"
    made.mkdir()
    root.mkdir()
    write_imagenet(made)
    archives = torchvision.datasets.imagenet.ARCHIVE_META
    with tarfile.open(root / archives["train"][0], "w") as outer:
        for wnid in SYNSETS:
            with tarfile.open(made / f"{wnid}.tar", "w") as inner:
                for path in sorted((made / "train" / wnid).iterdir()):
                    inner.add(path, path.name)
            outer.add(made / f"{wnid}.tar", f"{wnid}.tar")
    with tarfile.open(root / archives["val"][0], "w") as flat:
        for path in (made / "val").glob("*/*"):
            flat.add(path, path.name)
    with tarfile.open(root / archives["devkit"][0], "w:gz") as devkit:
        write_devkit(made / "ILSVRC2012_devkit_t12")
        devkit.add(made / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
    for key, (name, _) in list(archives.items()):
        digest = hashlib.md5((root / name).read_bytes()).hexdigest()
        monkeypatch.setitem(archives, key, (name, digest))
    with pytest.raises(SparksError, match="there is no train in"):
        ImageNet(root=str(root))()  # building alone unpacks nothing
    assert not (root / "train").exists()
    ImageNet(root=str(root)).download()
    unpacked, expected = ImageNet(root=str(root), size=24)(), ImageNet(root=str(made), size=24)()
    for split in ("train", "test"):
        assert unpacked[split].files == expected[split].files
        assert unpacked[split].classes == expected[split].classes
        pixels = [splits[split].batch(slice(None)) for splits in (unpacked, expected)]
        assert torch.equal(*pixels)


def write_devkit(folder: Path) -> None:
    """The two files of the development kit that say which image is what."""
    from scipy.io import savemat

    (folder / "data").mkdir(parents=True)
    fields = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children"]
    synsets = np.zeros(len(SYNSETS), dtype=[(name, object) for name in fields])
    for i, (wnid, words) in enumerate(SYNSETS.items()):
        synsets[i] = (i + 1, wnid, ", ".join(words), "", 0)
    savemat(folder / "data" / "meta.mat", {"synsets": synsets})
    truth = folder / "data" / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("".join(f"{i + 1}\n" for i in range(len(SYNSETS))))


# --- Imagenette ----------------------------------------------------------------------------------


def test_imagenette_knows_its_labels_in_imagenet(tmp_path: Path) -> None:
    wnids = sorted(torchvision.datasets.Imagenette._WNID_TO_CLASS)
    for split in ("train", "val"):
        for label, wnid in enumerate(wnids):
            path = tmp_path / "imagenette2-160" / split / wnid / f"{wnid}_{split}.JPEG"
            write_jpeg(path, grey=20 * label)
    splits = Imagenette(root=str(tmp_path), size=16, variant="160px")()
    assert splits["test"].classes[0] == "tench"
    assert splits["test"].tables["imagenet_labels"] == list(IMAGENETTE_IN_IMAGENET)
    assert splits["train"].batch([4])[0, 0, 0, 0].item() * 255 == pytest.approx(80)
    # torchvision's own list of ImageNet's class names says which label each class has there.
    categories = torchvision.models.get_weight("ResNet18_Weights.DEFAULT").meta["categories"]
    assert [categories[i] for i in IMAGENETTE_IN_IMAGENET] == list(splits["test"].classes)


# --- what is missing -----------------------------------------------------------------------------

BUILDERS = [
    (MNIST, "MNIST/raw"),
    (FashionMNIST, "FashionMNIST/raw"),
    (CIFAR10, "cifar-10-batches-py"),
    (EuroSAT, "eurosat/2750"),
    (Imagenette, "imagenette2-320"),
]


@pytest.mark.parametrize(("builder", "folder"), BUILDERS)
def test_missing_files_name_the_folder_and_the_command(
    builder: type[MNIST], folder: str, tmp_path: Path
) -> None:
    with pytest.raises(SparksError) as caught:
        builder(root=str(tmp_path))()
    message = str(caught.value)
    assert str(tmp_path / folder) in message
    command = f"{builder.__name__}(root={str(tmp_path)!r}).download()"
    assert command in message
    assert all(file.url in message for file in builder(root=str(tmp_path)).published())
    assert "\n" not in message


def test_missing_imagenet_names_the_archives(tmp_path: Path) -> None:
    for call in (ImageNet(root=str(tmp_path)), ImageNet(root=str(tmp_path)).download):
        with pytest.raises(SparksError, match=r"ILSVRC2012_img_train\.tar"):
            call()


@pytest.mark.parametrize(("builder", "folder"), BUILDERS)
def test_a_failed_download_is_one_line(
    builder: type[MNIST], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*args: object, **kwargs: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", unplugged)
    with pytest.raises(SparksError, match="cannot be downloaded") as caught:
        builder(root=str(tmp_path)).download()
    message = str(caught.value)
    assert message.startswith(f"{builder.name}: https://")
    place = message.rpartition("put the file at ")[2]
    assert Path(place).parent in (tmp_path / folder, *(tmp_path / folder).parents)
    assert Path(place).name in message.partition(" ")[2].partition(" ")[0]  # as it is published


def test_a_missing_or_foreign_class_folder_is_named(tmp_path: Path) -> None:
    wnids = sorted(torchvision.datasets.Imagenette._WNID_TO_CLASS)
    for split in ("train", "val"):
        for wnid in wnids:
            write_jpeg(tmp_path / "imagenette2-320" / split / wnid / "a.JPEG", grey=9)
    made, train = Imagenette(root=str(tmp_path)), tmp_path / "imagenette2-320/train"
    made.require()
    (train / "n00000000").mkdir()
    with pytest.raises(SparksError, match="a folder n00000000, which is none of its classes"):
        made()
    (train / "n00000000").rmdir()
    (train / ".ipynb_checkpoints").mkdir()  # litter
    made.require()
    (train / wnids[-1]).rename(tmp_path / "elsewhere")
    (train / wnids[-1]).mkdir()
    with pytest.raises(SparksError, match=rf"{wnids[-1]} is empty \(1 of 10 classes"):
        made.require()
    (train / wnids[-1]).rmdir()
    with pytest.raises(SparksError, match=rf"no folder {wnids[-1]} \(1 of 10 classes"):
        made.require()
    write_imagenet(tmp_path)
    ImageNet(root=str(tmp_path)).require()
    (tmp_path / "val/n02100735").rename(tmp_path / "other")
    with pytest.raises(SparksError, match="no folder n02100735"):
        ImageNet(root=str(tmp_path)).require()


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    write_imagenet(tmp_path)
    for path in (tmp_path / "val" / "n02100735").iterdir():
        path.unlink()
    with pytest.raises(SparksError, match="n02100735"):
        ImageNet(root=str(tmp_path))()
