"""The Lens site of 1,000 generated classes: seconds, peak memory, weight and display of a page.

    ./sparks python -m benchmarks.lens        # about five minutes, 6 GB of disk for a while
    ./sparks python -m benchmarks.lens --classes 100

Classes have 10 concepts with 10 crops of 128 pixels each, pictures, 5 images with maps, and 200
images in the cluster graph. A page's weight is that of all its files, those behind closed details
and those shown on hover included.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.memory import peak_rise
from sparks.concepts.bank import ConceptBank
from sparks.concepts.crops import Crops
from sparks.concepts.dictionary import Fit
from sparks.concepts.nmf import NonNegative
from sparks_thesis.lens import Atlas, ClassAtlas, build_site, write_atlas

CONCEPTS, CROPS, SIDE, IMAGES, CHANNELS = 10, 10, 128, 200, 512
# Classes with images of their own: the others have the same, since noise costs time to make.
DIFFERENT = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2, help="processes that build the site")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, site = Path(name) / "atlas", Path(name) / "lens"
        start = time.perf_counter()
        rise = peak_rise(lambda: write_atlas(folder, generated(chosen.classes), bank))
        print(f"atlas of {chosen.classes} classes: {time.perf_counter() - start:.0f} s, "
              f"{rise:.0f} MB above the start")  # fmt: skip
        start = time.perf_counter()
        atlas = Atlas(folder, "generated", "none")
        rise = peak_rise(lambda: build_site(site, [atlas], chosen.workers))
        seconds = time.perf_counter() - start
        workers = resource.getrusage(resource.RUSAGE_CHILDREN)
        worker, busy = workers.ru_maxrss / 2**10, workers.ru_utime + workers.ru_stime
        print(f"site by {chosen.workers} processes: {seconds:.0f} s ({busy:.0f} s of their CPU), "
              f"{rise:.0f} MB above the start, {worker:.0f} MB the largest worker")  # fmt: skip
        for line in weights(site):
            print(line)
        shown = seconds_to_show(site)
        print(f"a class page with its charts drawn: {shown:.2f} s, median of 5" if shown else
              "no Chromium: pages were not shown")  # fmt: skip


def bank(target: int) -> ConceptBank:
    """Return concepts of a class, with random atoms."""
    generator = torch.Generator().manual_seed(target)
    atoms = torch.rand(CONCEPTS, CHANNELS, generator=generator)
    fit = Fit("none", target, 0, True, "none", 0.0)
    nothing = torch.zeros(0, dtype=torch.int64)
    crops = Crops(nothing, nothing.reshape(0, 2), 1)
    dictionary = NonNegative(atoms, torch.zeros(CHANNELS), fit)
    return ConceptBank(target, "none", dictionary, nothing, crops, torch.zeros(0, CONCEPTS))


def generated(classes: int) -> Iterator[ClassAtlas]:
    """Yield classes of noise with structure, one at a time."""
    generator = torch.Generator().manual_seed(0)
    kept = [_pixels(generator) for _ in range(min(DIFFERENT, classes))]
    for target in range(classes):
        share = torch.rand(CONCEPTS, generator=generator).sort(descending=True).values
        share = share / share.sum()
        dominant = torch.multinomial(share, IMAGES, replacement=True, generator=generator)
        counts = dominant.bincount(minlength=CONCEPTS)
        cosine = torch.rand(CONCEPTS, CONCEPTS, generator=generator)
        tensors = kept[target % len(kept)] | {
            "order": torch.arange(CONCEPTS),
            "importance": share,
            "low": share * 0.9,
            "high": share * 1.1,
            "prevalence": counts / IMAGES,
            "reliability": torch.where(counts > 0, 0.9, torch.nan),
            "counts": counts,
            "dominant": dominant,
            "strategies": (counts >= 10).sum(),
            "cosine": cosine,
            "place": torch.rand(CONCEPTS, 2, generator=generator),
            "aligned": torch.randint(classes, (CONCEPTS, 5), generator=generator),
            "aligned_cosine": torch.rand(CONCEPTS, 5, generator=generator),
            "own_cosine": torch.rand(CONCEPTS, generator=generator),
            "plane": torch.randn(IMAGES, 2, generator=generator),
            "correct": torch.ones(IMAGES, dtype=torch.bool),
            "index": torch.arange(IMAGES),
            "crops_found": torch.full((CONCEPTS,), CROPS),
        }
        yield ClassAtlas(target, f"class number {target}, of 1,000", tensors)


def _pixels(generator: torch.Generator) -> dict[str, Tensor]:
    def images(*shape: int, side: int, channels: int = 3) -> Tensor:
        small = (math.prod(shape), channels, side // 4, side // 4)
        coarse = torch.rand(small, generator=generator)
        fine = functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
        return (fine * 255).byte().reshape(*shape, channels, side, side)

    return {
        "crops": images(CONCEPTS, CROPS, side=SIDE),
        "thumbnails": images(IMAGES, side=40),
        "mapped": images(CONCEPTS, 5, side=SIDE),
        "maps": images(CONCEPTS, 5, side=SIDE, channels=1)[:, :, 0],
        "pictures": images(CONCEPTS, side=224, channels=4),
        "crop_activations": torch.zeros(CONCEPTS, CROPS, CHANNELS, dtype=torch.float16),
    }


def weights(site: Path) -> Iterator[str]:
    """Say how heavy pages are, and the whole."""
    files = [path for path in site.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    yield f"the whole: {len(files)} files, {total / 1e9:.2f} GB"
    scripts = ("bokeh.min.js", "site.js", "site.css")
    shared = sum((site / "assets" / name).stat().st_size for name in scripts)
    first, every = [], []
    for page in site.glob("*/*/class-*.html"):
        images = {path.name: path.stat().st_size for path in page.with_suffix("").iterdir()}
        pictures = sum(size for name, size in images.items() if name.startswith("picture"))
        first.append(shared + page.stat().st_size + pictures)
        every.append(shared + page.stat().st_size + sum(images.values()))
    yield (f"a class page loads {max(first) / 1e6:.2f} MB at first, {max(every) / 1e6:.2f} MB when "
           "everything on it is opened (the heaviest)")  # fmt: skip
    home = ["index.html", "assets/classes.js", "assets/site.js", "assets/site.css"]
    size = sum((site / name).stat().st_size for name in home)
    yield f"the home page loads {size / 1e6:.2f} MB and its four pictures"


def seconds_to_show(site: Path, repeats: int = 5) -> float | None:
    """Seconds until a class page has drawn its charts, in a browser just opened; None without."""
    path = shutil.which("chromium")
    if path is None:
        return None
    from playwright.sync_api import sync_playwright

    pages = sorted(site.glob("*/*/class-*.html"))[:repeats]
    seconds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for file in pages:
            page = browser.new_context().new_page()
            start = time.perf_counter()
            page.goto(file.as_uri())
            page.wait_for_function("!document.querySelector('.chart:not([data-drawn])')")
            seconds.append(time.perf_counter() - start)
        browser.close()
    return median(seconds)


if __name__ == "__main__":
    main()
