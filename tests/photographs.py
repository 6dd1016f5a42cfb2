"""Tiny photographs: files, and folders as ImageNet, VOC 2007 and COCO 2014 lay theirs out."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image


def write_jpeg(path: Path, grey: int, size: tuple[int, int] = (40, 30)) -> None:
    """A JPEG of one grey, which survives the compression."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey, grey, grey)).save(path, format="JPEG")


def saved(pixels: np.ndarray, kind: str) -> bytes:
    """A file of a format that holds these values."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write_turned(path: Path, pixels: np.ndarray, turn: int, kind: str) -> None:
    """40 x 24 pixels, with one of the eight orientations of Exif."""
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).resize((40, 24)).save(path, kind, exif=exif, **options)


SYNSETS = {
    "n02012849": ("crane",),
    "n02100735": ("English setter",),
    "n03126707": ("crane",),
}


def write_imagenet(root: Path) -> None:
    torch.save((SYNSETS, list(SYNSETS)), root / "meta.bin")
    for label, wnid in enumerate(SYNSETS):
        for i in range(3):
            write_jpeg(root / "train" / wnid / f"{wnid}_{i}.JPEG", grey=60 * label + 10 * i)
        name = f"ILSVRC2012_val_{label + 1:08d}.JPEG"
        write_jpeg(root / "val" / wnid / name, grey=60 * label + 50)


Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, x1 and y1 exclusive
SIDES = (120, 90)


def paint(path: Path, boxes: Sequence[Box], sides: tuple[int, int] = SIDES) -> None:
    """A black photograph, white in the boxes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((sides[1], sides[0], 3), dtype=np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = 255
    Image.fromarray(pixels).save(path, format="JPEG", quality=95)


def write_voc(root: Path, part: str, images: dict[str, list[tuple[str, Box]]]) -> None:
    base = root / "VOCdevkit" / "VOC2007"
    for name, objects in images.items():
        paint(base / "JPEGImages" / f"{name}.jpg", [box for _, box in objects])
        tree = ElementTree.Element("annotation")
        ElementTree.SubElement(tree, "filename").text = f"{name}.jpg"
        size = ElementTree.SubElement(tree, "size")
        for side, pixels in zip(("width", "height", "depth"), (*SIDES, 3), strict=True):
            ElementTree.SubElement(size, side).text = str(pixels)
        for label, (x0, y0, x1, y1) in objects:
            thing = ElementTree.SubElement(tree, "object")
            ElementTree.SubElement(thing, "name").text = label
            ElementTree.SubElement(thing, "difficult").text = "1"
            box = ElementTree.SubElement(thing, "bndbox")
            for side, at in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
                ElementTree.SubElement(box, side).text = str(at)
        path = base / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(tree).write(path)
    listed = base / "ImageSets" / "Main" / f"{part}.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{name}\n" for name in images))


def write_coco(root: Path, part: str) -> None:
    """Three images: cats at two places, a cat and a sofa, nothing."""
    base = root / "coco2014"
    shown: list[list[tuple[int, Box]]] = [
        [(17, (10, 10, 30, 40)), (17, (60, 50, 90, 70))],
        [(63, (30, 20, 80, 60)), (17, (40, 30, 60, 50))],
        [],
    ]
    things = []
    images = []
    for i, objects in enumerate(shown):
        name = f"COCO_{part}_{i:012d}.jpg"
        paint(base / part / name, [box for _, box in objects])
        images.append({"id": 100 + i, "file_name": name, "width": SIDES[0], "height": SIDES[1]})
        for category, (x0, y0, x1, y1) in objects:
            things.append(
                {
                    "image_id": 100 + i, "category_id": category, "iscrowd": 0,
                    "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
                }
            )  # fmt: skip
    description = {
        "images": images,
        "annotations": things,
        "categories": [{"id": 63, "name": "couch"}, {"id": 17, "name": "cat"}],
    }
    path = base / "annotations" / f"instances_{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(description))
