"""Concepts: loss against time of NMF, time of CRAFT for one class, memory over many classes.

./sparks python -m benchmarks.concepts              # a table, and benchmarks/results/concepts.csv
./sparks python -m benchmarks.concepts --only craft
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import torch
from sklearn.decomposition import NMF as Theirs
from torch import Tensor

from benchmarks.cases import network
from benchmarks.memory import peak_rise
from benchmarks.timing import ratio, seconds
from sparks.concepts import NMF, Craft, Layer, RandomCrops
from sparks.concepts.nmf import nndsvda
from sparks.engine.memory import keep_freed_memory
from sparks.errors import SparksError
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.classes import classified
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import build, trained
from sparks_thesis.pipeline.selection import part

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]


def activations() -> list[Tensor]:
    """Activations (n, p) of the crops of each class, as the chapters on concepts take them.

    Raises:
        SparksError: when the network of a run at scale `laptop` is not there.
    """
    names = {"dataset": "chimera", "model": "convnet", "seed": "0"}
    inputs = {key: path.format(**names) for key, path in paths.CLASSIFIED.items()}
    if missing := [path for path in inputs.values() if not (ROOT / path).exists()]:
        raise SparksError(
            f"{missing[0]} is missing: make it by ./sparks snakemake --cores all {missing[-1]}"
        )
    parts = ["model.classifier", "model.layer", "studies.holistic"]
    config = part(compose([]), parts, dataset="chimera", model="convnet")
    study = build(config["studies.holistic"]["study"])
    model = trained(config["model.classifier"], inputs["weights"], "cpu")
    train, test = classified(inputs, "train"), classified(inputs, "test")
    layer = Layer(model, config["model.layer"], test.images.batch([0]))
    return [study._pooled(layer, one.fit)[0] for _, one in study.classes(train, test)]


def nmf() -> Iterator[Row]:
    """Fit each class from the same start, with more and more iterations; means over classes."""
    classes = activations()
    k = 10
    spent: dict[tuple[str, int], list[float]] = {}
    losses: dict[tuple[str, int], list[float]] = {}
    for a in classes:
        start = nndsvda(a, k, 0)
        arrays = [factor.numpy() for factor in start]

        def theirs(iterations: int, a: Tensor = a, arrays: Any = arrays) -> float:
            model = Theirs(k, init="custom", max_iter=iterations, tol=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit_transform(a.numpy(), W=arrays[0].copy(), H=arrays[1].copy())
            return float(model.reconstruction_err_**2 / 2)

        def ours(iterations: int, a: Tensor = a, start: Any = start) -> float:
            method = NMF(concepts=k, iterations=iterations, tolerance=0.0)
            return method.factorise(a, start)[2].loss

        final = theirs(200)
        ours(2)
        for name, solve in {"scikit-learn": theirs, "ours": ours}.items():
            for iterations in (25, 50, 100, 200, 400):
                at = name, iterations
                losses.setdefault(at, []).append(solve(iterations) / final)
                took = seconds(lambda solve=solve, i=iterations: solve(i))
                spent.setdefault(at, []).append(took)
    shape = f"{len(classes)} classes of {len(classes[0])} × {classes[0].shape[1]}, k = {k}"
    for name, iterations in losses:
        yield {
            "measure": "NMF loss against time",
            "what": f"{name}, {shape}",
            "work": f"{iterations} iterations",
            "seconds": fmean(spent[name, iterations]),
            "loss over scikit-learn's at 200": fmean(losses[name, iterations]),
        }


def craft() -> Iterator[Row]:
    """CRAFT of one class: 500 images, 10 crops each, 10 concepts, importance included."""
    model, settings = network(torch.device("cpu"))
    images = torch.rand(500, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    layer = Layer(model, settings["model.layer"], images[:1])  # type: ignore[arg-type]
    method = Craft(crops=RandomCrops(side=0.5, number=10))
    crops = method.crops(images)

    def whole() -> None:
        concepts = method.fit(layer, images)
        method.rank(concepts, images, 0)

    def floor() -> None:
        """Their forward passes (of h alone, without u V), and scikit-learn's NMF."""
        pooled = torch.cat([layer.pooled(part) for part in crops.batches(images)])
        u = layer.activations(images)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Theirs(10, init="nndsvda").fit(pooled.numpy())
        a = layer.raw(u[:128])
        with torch.inference_mode():
            for _ in range(len(images) * 32 * 12 // len(a)):
                layer.h(a)

    found = ratio(whole, floor, 7)
    what = "500 images, k = 10, over its passes and scikit-learn's NMF"
    yield {"measure": "CRAFT of a class", "what": what, **asdict(found)}


def memory() -> Iterator[Row]:
    """Peak memory of 1,000 simulated classes, streamed, over that of 50."""
    peaks = []
    for classes in (50, 1000):
        command = [sys.executable, "-m", "benchmarks.concepts", "--classes", str(classes)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        peaks.append(float(done.stdout))
        yield {"measure": "rise of memory, MB", "what": f"{classes} classes", "median": peaks[-1]}
    yield {"measure": "ratio", "what": "1,000 / 50 classes", "median": peaks[1] / peaks[0]}


def simulate(classes: int) -> float:
    """Fit the concepts of simulated classes one after the other; rise of the memory in MB."""

    def fit(target: int) -> None:
        generator = torch.Generator().manual_seed(target)
        a = torch.rand(1000, 256, generator=generator)
        dictionary = NMF(concepts=10, iterations=20, start="random").fit(a)
        dictionary.encode(a).mean(0)

    def all_of_them() -> None:
        for target in range(classes):
            fit(target)

    fit(0)  # libraries load their parts
    return peak_rise(all_of_them)


def main() -> None:
    """Measure what was asked for."""
    sections = {"nmf": nmf, "craft": craft, "memory": memory}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=list(sections), nargs="+", default=list(sections))
    parser.add_argument("--classes", type=int, help="print the peak memory of so many, and leave")
    chosen = parser.parse_args()
    keep_freed_memory()
    if chosen.classes:
        print(simulate(chosen.classes))
        return
    table = pd.DataFrame([row for name in chosen.only for row in sections[name]()])
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / "concepts.csv", index=False)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()
