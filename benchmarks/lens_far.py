"""How often the page for one's own image calls images far from what a network was trained on.

    ./sparks python -m benchmarks.lens_far                    # with the atlas of `snakemake lens`
    ./sparks python -m benchmarks.lens_far my/photographs ...  # and folders of other images

Images that no camera took, the photographs installed with the project, and those of the folders, at
EfficientNet-Lite0 surveyed on Imagenette; some minutes, and half a second more for each image.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sparks.data import Digits, Photographs
from sparks.data.decoding import decode
from sparks.models import Classifier, efficientnet_lite
from sparks.models.folded import channels_last_weights
from sparks_thesis.lens import Atlas
from sparks_thesis.lens.reference import LEVEL, reference_layer

ATLAS, SIDE, COUNT = "results/studies/lens/imagenette/efficientnet_lite0/0", 224, 48
SUFFIXES = (".jpg", ".jpeg", ".png")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="with images, at any depth")
    parser.add_argument("--most", type=int, default=400, help="images of a folder, spread over it")
    chosen = parser.parse_args()
    model = Classifier(efficientnet_lite(0), mean=127 / 255, std=128 / 255).eval()
    channels_last_weights(model)  # as the page has it
    layer = reference_layer(model, "features", torch.zeros(1, 3, SIDE, SIDE))
    reference = Atlas(Path(ATLAS), "imagenette", "efficientnet_lite0").reference(layer)
    surveyed, held_out = len(reference.surveyed), len(reference.held_out)
    print(f"at {layer.name}, {surveyed} surveyed and {held_out} held-out images, level {LEVEL:.0%}")
    for name, images in [*made(), *read(chosen.folders, chosen.most)]:
        far = [reference.distance(image[None]).far for image in images]
        print(f"{name}: {np.mean(far):.1%} of {len(far)}")


def made() -> Iterator[tuple[str, Tensor]]:
    """Yield images of each kind: its name, (N, 3, SIDE, SIDE) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    full = (COUNT, 3, SIDE, SIDE)
    yield "uniform noise", torch.rand(full, generator=generator)
    yield "normal noise", (0.5 + 0.25 * torch.randn(full, generator=generator)).clamp(0, 1)
    coarse = torch.rand(COUNT, 3, 7, 7, generator=generator)
    yield "blobs", functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic").clamp(0, 1)
    yield "flat colours", torch.rand(COUNT, 3, 1, 1, generator=generator).expand(full)
    yield "shapes", torch.stack([shapes(generator) for _ in range(COUNT)])
    digits = Digits()()["test"].batch(range(COUNT)).expand(-1, 3, -1, -1)
    yield "digits, enlarged", functional.interpolate(digits, (SIDE, SIDE), mode="bilinear")
    yield "plots", torch.stack([plot(number) for number in range(COUNT)])
    photographs = Photographs(size=SIDE)()["test"]
    yield "photographs of the project", photographs.batch(range(len(photographs)))


def read(folders: list[Path], most: int) -> Iterator[tuple[str, Tensor]]:
    """Yield the images of folders."""
    for folder in folders:
        files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
        some = files[:: max(1, len(files) // most)][:most]
        yield str(folder), torch.stack([decode(file, SIDE) for file in some]).float() / 255


def shapes(generator: torch.Generator) -> Tensor:
    """Draw up to five discs and squares on one colour."""
    image = torch.rand(3, 1, 1, generator=generator).repeat(1, SIDE, SIDE)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for _ in range(int(torch.randint(1, 6, (1,), generator=generator))):
        row, column = torch.randint(0, SIDE, (2,), generator=generator).tolist()
        radius = int(torch.randint(15, 70, (1,), generator=generator))
        down, across = (rows - row).abs(), (columns - column).abs()
        disc = bool(torch.rand(1, generator=generator) < 0.5)
        inside = down**2 + across**2 < radius**2 if disc else down.maximum(across) < radius
        image[:, inside] = torch.rand(3, 1, generator=generator)
    return image


def plot(number: int) -> Tensor:
    """Draw a chart by matplotlib."""
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(4, 4), dpi=SIDE / 4)
    axes = figure.subplots()
    values = np.random.default_rng(number).random(12)
    (axes.plot, axes.scatter, axes.bar)[number % 3](np.arange(12), values)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    pixels = np.asarray(Image.open(target).convert("RGB"))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


if __name__ == "__main__":
    main()
