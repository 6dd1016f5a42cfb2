"""Explaining files: does memory grow with their number, and is loading the limit?

    ./sparks python -m benchmarks.folders [IMAGES ...]

Makes a folder shaped as ImageNet (1,000 classes, JPEGs of 224 to 500 pixels a side: links to a few
dozen different ones) and runs the workflow's own steps on it with the default convnet. Prints by
how many MB `attribute` (all images in one job) and `merge_shards` raise the peak memory, in a
process of its own for each number of images; then how many images a second are decoded by one
thread and by all, pass the network, and are explained from files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scripts import attribute, merge_shards

from benchmarks.memory import peak_rise
from benchmarks.timing import ratio, seconds
from sparks.data import Folder, ImageSet
from sparks.data.decoding import decode
from sparks.io import load_table, load_tensors, save_table, save_tensors
from sparks.models import save_weights
from sparks_thesis.common.explain import SLICE
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import build_method, classifier, targets
from sparks_thesis.pipeline.job import Config
from sparks_thesis.pipeline.selection import part

CLASSES, ORIGINALS, SIZE, SHARD = 1000, 48, 224, 256
TIMED = 256  # images of the rates


def plant(root: Path, images: int) -> None:
    """Make a folder of 1,000 classes with `images` test images, and a training image a class."""
    generator = np.random.default_rng(0)
    originals = [root / f"{i}.jpg" for i in range(ORIGINALS)]
    root.mkdir(parents=True, exist_ok=True)
    for path in originals:
        width, height = generator.integers(SIZE, 501, 2).tolist()
        _photograph(generator, width, height).save(path, quality=90)
    for i in range(CLASSES + images):
        folder = root / ("train" if i < CLASSES else "val") / f"n{i % CLASSES:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        os.link(originals[i % ORIGINALS], folder / f"{i}.jpg")


def _photograph(generator: np.random.Generator, width: int, height: int) -> Image.Image:
    """Noise of every scale, the finer the weaker: its JPEG is as large as that of a photograph."""
    summed = np.full((height, width, 3), 128, dtype=np.float32)
    for octave in range(1, 9):
        noise = generator.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        summed += (np.asarray(layer, dtype=np.float32) - 128) * 0.6**octave
    return Image.fromarray(summed.clip(0, 255).astype(np.uint8))


def listed(root: Path) -> ImageSet:
    """List the test images by the data set's own builder."""
    return Folder(root=str(root), size=SIZE, num_classes=CLASSES, check=False)()["test"]


def parts(script: Any) -> dict[str, Any]:
    """Resolve what a job of this script depends on, for the small network and Saliency."""
    overrides = ["scale=laptop", f"datasets.folder.num_classes={CLASSES}", "explain.shard=256"]
    options = {"dataset": "folder", "model": "convnet", "attribution": "saliency"}
    return part(compose(overrides), script.CONFIG_KEYS, **options)


def rises(root: Path, images: ImageSet) -> tuple[float, float]:
    """By how many MB `attribute` and `merge_shards` raise the peak."""
    settings = parts(attribute)
    paths = {"images": str(root / "images.safetensors"), "weights": str(root / "w.safetensors")}
    images.save(paths["images"])
    save_weights(classifier(settings["model.classifier"], 0), paths["weights"])
    made = {"maps": str(root / "maps.safetensors"), "cost": str(root / "cost.parquet")}
    names = {"dataset": "folder", "model": "convnet", "seed": "0"}
    job = Config(settings, names, paths, "")
    first = peak_rise(lambda: attribute.run(job, paths, made))
    shards: dict[str, list[str]] = {"maps": [], "costs": []}
    for start in range(0, len(images), SHARD):
        for kind, end in (("maps", "safetensors"), ("costs", "parquet")):
            shards[kind].append(str(root / f"{start}.{end}"))
        rows = load_tensors(made["maps"], rows=slice(start, start + SHARD))
        save_tensors(shards["maps"][-1], rows)
        save_table(shards["costs"][-1], load_table(made["cost"]))
    job = Config(parts(merge_shards), names, shards, "")
    return first, peak_rise(lambda: merge_shards.run(job, shards, made))


def rates(root: Path, images: ImageSet) -> None:
    """Print images a second of every stage, and what files cost beside images in memory."""
    images = images.subset(slice(0, TIMED))
    settings = parts(attribute)
    model = classifier(settings["model.classifier"], 0).eval()
    method = build_method(settings["attribution"])
    target, memory = targets(images, model, "predicted", "the folder"), images.materialise()

    def explain(these: ImageSet) -> None:
        for (x, _), classes in zip(these.batches(SLICE), torch.split(target, SLICE), strict=True):
            method(model, x, classes)

    files = [Path(str(images.root)) / file for file in images.files or ()]
    slices = torch.split(torch.arange(TIMED), SLICE)
    works: dict[str, Callable[[], object]] = {
        "decoded by one thread": lambda: [decode(file, SIZE) for file in files],
        "decoded by all threads": lambda: [images.batch(indices) for indices in slices],
        "explained by Saliency, from memory": lambda: explain(memory),
        "explained by Saliency, from files": lambda: explain(images),
    }
    for what, work in works.items():
        work()
        print(f"{what}: {TIMED / min(seconds(work) for _ in range(3)):.0f} images/s")
    found = ratio(lambda: explain(images), lambda: explain(memory), 5)
    print(f"from files / from memory: {found.median:.2f} [{found.low:.2f}, {found.high:.2f}]")


def main() -> None:
    """Measure memory for each number of images, and the rates on the first."""
    if sys.argv[1:2] == ["--memory"]:
        root = Path(sys.argv[2])
        rises(root, listed(root).subset(slice(0, 32)))  # libraries load their parts
        print(*rises(root, listed(root)))
        return
    for number, images in enumerate([int(n) for n in sys.argv[1:]] or [1000, 4000]):
        with tempfile.TemporaryDirectory() as folder:
            plant(Path(folder), images)
            command = [sys.executable, "-m", "benchmarks.folders", "--memory", folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            first, merged = map(float, done.stdout.split())
            text = f"attribute {first:.0f} MB, merge_shards {merged:.0f} MB"
            print(f"{images} images: {text}", flush=True)
            if number == 0:
                rates(Path(folder), listed(Path(folder)))


if __name__ == "__main__":
    main()
