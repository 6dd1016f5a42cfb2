"""Measure, print a table, and write `benchmarks/results/bench.csv` and `bench.png`.

    make bench                                       # everything, about ten minutes on 2 cores
    ./sparks python -m benchmarks.run --repeats 3 --only captum

Ratios count, not seconds: two things are timed alternately in one process, pair by pair. The floor
of a method is the bare passes it needs (as many inputs forwards, as many backwards), at *their*
best batch size.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from scipy.stats import spearmanr

from benchmarks import eva, folds, pictures
from benchmarks.cases import methods, network, peers
from benchmarks.timing import bare_passes, best_size, ratio
from sparks.engine.memory import keep_freed_memory
from sparks.models.counting import Counting
from sparks.progress import progress

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FP32 = {"_target_": "sparks.engine.Engine", "batch_size": "auto", "precision": "fp32"}
FAST = FP32 | {"precision": "auto"}
Row = dict[str, Any]


class Bench:
    """The network, the images and how often each thing is timed."""

    def __init__(self, repeats: int, images: int) -> None:
        self.repeats = repeats
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model, _ = network(self.device)
        generator = torch.Generator().manual_seed(0)
        self.x = torch.rand(images, 3, 64, 64, generator=generator).to(self.device)
        self.target = torch.zeros(images, dtype=torch.long, device=self.device)
        self.forward_size = best_size(self.model, self.x[:1], backward=False)
        self.backward_size = best_size(self.model, self.x[:1], backward=True)

    def overhead(self) -> Iterator[Row]:
        """Time every method against the bare passes it needs."""
        built = methods(FP32)
        for label in progress(list(built), unit="method", description="overhead"):
            explain = partial(built[label], self.model, self.x, self.target)
            explain()  # the first call looks for the best batch size
            with Counting(self.model) as count:
                explain()
            both = count.backwards
            if count.forwards == 0:
                continue
            size = self.backward_size if both else self.forward_size
            floor = bare_passes(self.model, self.x[:1], count.forwards - both, both, size)
            work = f"{count.forwards // len(self.x)} forwards, {both // len(self.x)} backwards"
            yield row("time / bare passes", label, work, ratio(explain, floor, self.repeats))

    def captum(self) -> Iterator[Row]:
        """Time every method that Captum has too against Captum's, at equal work."""
        ours = methods(FP32)
        fast = methods(FAST)
        equal = {
            "LIME": {"samples": 500},
            "KernelSHAP": {"samples": 498},
            "Occlusion": {"grid": 8},
            "IntegratedGradients": {"steps": 50},
            "SmoothGrad": {"samples": 50},
        }
        theirs = peers(self.model, self.forward_size)
        for label in progress(list(theirs), unit="method", description="Captum"):
            work, peer = theirs[label]
            call = partial(peer, self.x, self.target)
            for name, built in (("fp32", ours), ("chosen by the engine", fast)):
                method = replace(built[label], **equal[label])
                if hasattr(method, "batch_size"):
                    method = replace(method, batch_size=self.forward_size)
                if name != "fp32" and not hasattr(method, "engine"):
                    continue
                explain = partial(method, self.model, self.x, self.target)
                measured = ratio(call, explain, self.repeats)
                yield row(f"Captum / ours, {name}", label, work, measured)

    def precision(self) -> Iterator[Row]:
        """Compare maps, and their time, in the precision that the engine chooses with fp32."""
        exact, fast = methods(FP32), methods(FAST)
        for label in ("Occlusion", "LIME", "KernelSHAP", "Sobol"):
            explain = [partial(m[label], self.model, self.x, self.target) for m in (exact, fast)]
            maps = [run().flatten(1) for run in explain]
            rho = [spearmanr(a.cpu(), b.cpu()).statistic for a, b in zip(*maps, strict=True)]
            what = fast[label].engine.precision
            yield {"measure": "rank correlation with fp32", "what": label, "work": what} | {
                "median": float(pd.Series(rho).median()),
                "low": min(rho),
                "high": max(rho),
            }
            yield row(f"fp32 / {what}, time", label, "", ratio(*explain, self.repeats))

    def images(self) -> Iterator[Row]:
        """Time Sobol on 8 and 64 images against 1, per image."""
        sobol = replace(methods(FP32)["Sobol"], points=8)
        x = self.x[:1].expand(64, -1, -1, -1)
        target = self.target[:1].expand(64)
        one = partial(sobol, self.model, x[:1], target[:1])
        for n in (8, 64):
            many = partial(sobol, self.model, x[:n], target[:n])
            measured = ratio(many, one, max(2, self.repeats // 2))
            scaled = replace(
                measured, median=measured.median / n, low=measured.low / n, high=measured.high / n
            )
            yield row("time per image / that of 1 image", "Sobol", f"{n} images", scaled)

    def folds(self) -> Iterator[Row]:
        """Time the training of the networks of all folds, alone and together."""
        yield from folds.measure(self.repeats)

    def pictures(self) -> Iterator[Row]:
        """Time pictures of logits against the bare passes of their crops."""
        yield from pictures.measure(self.model, self.repeats)

    def eva(self) -> Iterator[Row]:
        """Time EVA by bound and network, against the bare pass and Greedy-AS."""
        yield from eva.measure(self.repeats)

    def memory(self) -> Iterator[Row]:
        """Measure the peak memory of 16 times the masks, and of 16 times the images."""
        base = peak(528, 4)
        for masks, images in ((8448, 4), (528, 64)):
            value = peak(masks, images) / base
            work = f"{masks} masks, {images} images against 528, 4"
            yield {"measure": "peak memory / that of few", "what": "engine", "work": work} | {
                "median": value
            }


def peak(masks: int, images: int) -> float:
    """Run the engine in a process of its own, and return the rise of its peak memory in MB."""
    command = [sys.executable, "-m", "benchmarks.memory", str(masks), str(images)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return max(1.0, float(done.stdout))


def row(measure: str, what: str, work: str, measured: Any) -> Row:
    """Lay a ratio out as a row of the table."""
    return {"measure": measure, "what": what, "work": work} | asdict(measured)


def plot(table: pd.DataFrame, path: Path) -> None:
    """Draw every ratio of times as a dot with its quartiles, the floor as a line."""
    from matplotlib.figure import Figure

    from sparks_thesis.common.style import PAGE, style

    shown = table[table["seconds"].notna()]
    groups = list(shown.groupby("measure", sort=False))
    with style():
        heights = [len(rows) for _, rows in groups]
        figure = Figure(
            figsize=(PAGE, 0.22 * sum(heights) + 0.6 * len(groups)), layout="constrained"
        )
        axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, (measure, rows) in zip(axes, groups, strict=True):
            bars = [rows["median"] - rows["low"], rows["high"] - rows["median"]]
            labels = rows["what"] + ", " + rows["work"]
            axis.errorbar(rows["median"], labels, xerr=bars, fmt="o", color="#1f4e79")
            axis.axvline(1, color="gray", linewidth=0.8)
            axis.set(title=measure, xlim=(0, None))
            axis.invert_yaxis()
        figure.savefig(path, dpi=150)


def main() -> None:
    """Measure what was asked for."""
    sections = ("overhead", "captum", "precision", "images", "folds", "eva", "pictures", "memory")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=sections, nargs="+", default=sections)
    parser.add_argument("--repeats", type=int, default=7, help="pairs per ratio")
    parser.add_argument("--images", type=int, default=4, help="images explained at a time")
    chosen = parser.parse_args()
    keep_freed_memory()
    bench = Bench(chosen.repeats, chosen.images)
    table = pd.DataFrame([r for section in chosen.only for r in getattr(bench, section)()])
    RESULTS.mkdir(parents=True, exist_ok=True)
    table.to_csv(RESULTS / "bench.csv", index=False)
    if "seconds" in table:
        plot(table, RESULTS / "bench.png")
    print(f"best batch sizes: {bench.forward_size} forwards, {bench.backward_size} backwards")
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
