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
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
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

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
# Rows, channels, concepts: the default convnet, a middle layer, and ResNet50's last layer.
SIZES = ((5000, 32, 10), (5000, 512, 25), (5000, 2048, 25))
Row = dict[str, Any]


def planted(n: int, p: int, k: int) -> Tensor:
    """Sparse codes times sparse atoms, with noise."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.rand(n, k, generator=generator) ** 3
    atoms = torch.rand(k, p, generator=generator) ** 3
    return (codes @ atoms + 0.3 * torch.randn(n, p, generator=generator)).clamp(min=0)


def nmf() -> Iterator[Row]:
    """Fit the same data from the same start, with more and more iterations."""
    for n, p, k in SIZES:
        a = planted(n, p, k)
        start = nndsvda(a, k, 0)
        arrays = [part.numpy() for part in start]

        def theirs(iterations: int, a: Tensor = a, arrays: Any = arrays, k: int = k) -> float:
            model = Theirs(k, init="custom", max_iter=iterations, tol=1e-4)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit_transform(a.numpy(), W=arrays[0].copy(), H=arrays[1].copy())
            return float(model.reconstruction_err_**2 / 2)

        def ours(iterations: int, a: Tensor = a, start: Any = start, k: int = k) -> float:
            method = NMF(concepts=k, iterations=iterations, tolerance=0.0)
            return method.factorise(a, start)[2].loss

        def peer(iterations: int, a: Tensor = a, start: Any = start) -> float:
            als = import_module("overcomplete.optimization.nmf").hierarchical_als
            codes, atoms = (part.clone() for part in start)
            codes, atoms = als(a, codes, atoms, max_iter=iterations, tol=0.0)
            return float((a - codes @ atoms).square().sum() / 2)

        final = theirs(200)
        ours(2)
        solvers = {"scikit-learn": theirs, "ours": ours}
        # Where its folder is on PYTHONPATH; it is no dependency.
        if find_spec("overcomplete"):
            solvers["overcomplete, HALS"] = peer
            peer(2)
        for name, solve in solvers.items():
            for iterations in (5, 10, 20, 40, 80, 160):
                loss = solve(iterations)
                spent = seconds(lambda solve=solve, i=iterations: solve(i))
                yield {
                    "measure": "NMF loss against time",
                    "what": f"{name}, {n} × {p}, k = {k}",
                    "work": f"{iterations} iterations",
                    "seconds": spent,
                    "loss over scikit-learn's at 200": loss / final,
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
