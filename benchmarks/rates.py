"""How fast networks pass images on this machine, for the plan that a dry run prints.

    ./sparks python -m benchmarks.rates             # networks of every scale
    ./sparks python -m benchmarks.rates scale=paper # of one

Writes `benchmarks/results/rates.json`. On a GPU, dry runs then plan in hours of that GPU.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException

from benchmarks.timing import seconds
from sparks.engine.inference import evaluating
from sparks.models.folded import channels_last_weights, folded
from sparks_thesis.pipeline import grid
from sparks_thesis.pipeline.compose import compose
from sparks_thesis.pipeline.factories import classifier
from sparks_thesis.pipeline.resources import machine
from sparks_thesis.pipeline.selection import part

OUT = Path("benchmarks/results/rates.json")
KEYS = ("model.classifier", "dataset.channels", "dataset.size")


def rate(model: torch.nn.Module, x: torch.Tensor, backward: bool) -> float:
    """Images a second, forwards or forwards and backwards to the input: the best of two.

    As explanations pass them: in float32, and faster where that is right (see
    `sparks.models.folded`). On a CPU, of its own time, which other work does not lengthen much.
    """

    def work() -> None:
        if not backward:
            with torch.inference_mode(), evaluating(model), folded(model, x):
                model(x)
            return
        images = x.clone().requires_grad_(True)
        with evaluating(model), folded(model, x):
            torch.autograd.grad(model(images).amax(1).sum(), images)

    work()
    return len(x) / min((seconds if x.is_cuda else cpu_seconds)(work) for _ in range(2))


def cpu_seconds(work: Callable[[], None]) -> float:
    """Time one call by the processor's time of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(config: Any, device: str) -> dict[str, dict[str, float]]:
    """Measure each network at the size of each data set it is run on."""
    found: dict[str, dict[str, float]] = {}
    pairs = {(r.dataset, r.model) for name in config.experiments for r in grid.runs(config, name)}
    for dataset, name in sorted(pairs):
        settings = part(config, KEYS, dataset=dataset, model=name)
        described = settings["model.classifier"]
        if "weights" in described["net"]:
            described["net"]["weights"] = None  # as fast with random ones
        try:
            model = classifier(described, 0).to(device).eval()
        except InstantiationException as error:
            print(f"{dataset}/{name} cannot be built: {error.__cause__}", flush=True)
            continue
        if device == "cpu":
            channels_last_weights(model)
        side, channels = settings["dataset.size"], settings["dataset.channels"]
        batch = (16 if side <= 64 else 2) * (32 if device == "cuda" else 1)
        x = torch.rand(batch, channels, side, side, device=device)
        found[f"{dataset}/{name}"] = {
            "forward": round(rate(model, x, backward=False), 1),
            "backward": round(rate(model, x, backward=True), 1),
            "parameters": sum(p.numel() for p in model.parameters()),
        }
        print(f"{dataset}/{name}: {found[f'{dataset}/{name}']}", flush=True)
    return found


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    networks: dict[str, dict[str, float]] = {}
    for scale in sys.argv[1:] or [f"scale={s}" for s in ("laptop", "workstation", "paper")]:
        networks |= measure(compose([scale]), device)
    name = torch.cuda.get_device_name() if device == "cuda" else "one core of " + machine()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"machine": name, "device": device, "networks": networks}, indent=1))


if __name__ == "__main__":
    main()
