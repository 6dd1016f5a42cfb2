"""What a real GPU says: tests against the CPU, then speed and memory on networks of 224 px.

    make gpu-check                                  # on a machine with a GPU, at most 8 minutes
    python3 -m benchmarks.gpu_check --rehearse      # on a CPU: tiny, the numbers mean nothing

It needs this checkout, Python 3.11 or later with PyTorch (CUDA), torchvision, timm, scikit-image,
scikit-learn, matplotlib, pytest, hypothesis and pytest-xdist, and the wheels of
benchmarks/gpu_check.txt; no network, no environment of the project. It prints a table and writes
benchmarks/results/gpu_check.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.timing import ratio, seconds
from sparks.attribution import EVA, RISE, IntegratedGradients, Occlusion, Sobol
from sparks.concepts import NMF, Craft, Layer, RandomCrops
from sparks.data import Photographs
from sparks.engine import Engine
from sparks.models import Classifier, efficientnet_lite
from sparks.models.device import autocast
from sparks.stability.distances import spearman
from sparks.visualization import Ascent, image_statistics, logits, named_crops

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "results" / "gpu_check.json"
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
PRECISIONS = ("fp32", "tf32", "bf16")


@dataclass
class Size:
    """How much is measured."""

    side: int = 224
    batch: int = 256
    images: int = 2
    masks: int = 2048
    repeats: int = 2


def resnet50(size: Size) -> tuple[Classifier, str]:
    """Build ResNet-50 with random weights, and name its last layer with maps."""
    import torchvision

    torch.manual_seed(0)
    return Classifier(torchvision.models.resnet50(), 3, *IMAGENET).eval(), "layer4"


def lite0(size: Size) -> tuple[Classifier, str]:
    """Build EfficientNet-Lite0 with its ImageNet weights, and name its last layer with maps."""
    net = efficientnet_lite(0, size=size.side)
    return Classifier(net, 3, 127 / 255, 128 / 255).eval(), "features"


def photographs(size: Size) -> Tensor:
    """Return the photographs that come with the project's dependencies, (7, 3, side, side)."""
    images = Photographs(size.side)()["test"]
    return images.batch(range(len(images)))


class Check:
    """Runs the sections, and remembers what they found."""

    def __init__(self, device: torch.device, size: Size, minutes: float) -> None:
        self.device, self.size = device, size
        self.end = time.monotonic() + 60 * minutes
        self.rows: list[dict[str, Any]] = []
        self.failures: list[str] = []

    def row(self, section: str, what: str, **values: Any) -> None:
        """Add a row, and print it."""
        self.rows.append({"section": section, "what": what} | values)
        label = ", ".join(
            f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items()
        )
        print(f"{section:9} {what}: {label}", flush=True)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Run a part; what it raises is reported, and the next part runs."""
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            self.failures.append(f"{name}: {type(error).__name__}: {error}")
            print(f"FAILED    {name}: {error}\n{traceback.format_exc()}", flush=True)
        print(f"          ({name}: {time.monotonic() - start:.0f} s)", flush=True)

    def late(self, name: str, need: float) -> bool:
        """Whether less than `need` seconds are left; then the part is reported as not run."""
        if late := time.monotonic() + need > self.end:
            self.row("not run", name, reason="no time left")
        return late


def run_tests(check: Check) -> None:
    """Run tests/gpu."""
    folders = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    if check.device.type == "cpu":
        environment["SPARKS_GPU_TESTS"] = "cpu"
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--tb=short", "tests/gpu"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=240
    )
    lines = done.stdout.strip().splitlines()
    print("\n".join(lines[-150:]), flush=True)
    check.row("tests", "tests/gpu", exit=done.returncode, summary=lines[-1] if lines else "none")
    if done.returncode:
        check.failures.append("tests/gpu")


def power_of_two(n: int) -> int:
    """Return the nearest power of two, as a Sobol sequence is balanced for no other number."""
    return int(2 ** round(math.log2(n)))


def floor(
    model: nn.Module, x: Tensor, forwards: int, backwards: int, size: int, precision: str
) -> Callable[[], None]:
    """Return the bare passes of a method, at its precision and in its memory format."""
    batch = x[:1].expand(size, *x.shape[1:]).contiguous()
    if precision == "bf16":
        batch = batch.contiguous(memory_format=torch.channels_last)

    def work() -> None:
        with autocast(precision, x.device):
            with torch.inference_mode():
                for start in range(0, forwards, size):
                    model(batch[: forwards - start])
            for start in range(0, backwards, size):
                part = batch[: backwards - start].detach().clone().requires_grad_()
                torch.autograd.grad(model(part)[:, 0].float().sum(), part)

    return work


def passes(check: Check, name: str, model: Classifier) -> None:
    """Measure bare passes: images a second by precision, memory format and batch."""
    size = check.size
    x = torch.rand(size.batch, 3, size.side, size.side, device=check.device)
    for precision in PRECISIONS:
        for last in (False, True):
            batch = x.contiguous(memory_format=torch.channels_last) if last else x
            rates = {}
            for kind in ("forward", "backward"):
                some = batch if kind == "forward" else batch[: max(1, size.batch // 4)]

                def work(kind: str = kind, some: Tensor = some, p: str = precision) -> None:
                    with autocast(p, check.device):
                        if kind == "forward":
                            with torch.inference_mode():
                                model(some)
                        else:
                            part = some.clone().requires_grad_()
                            torch.autograd.grad(model(part)[:, 0].float().sum(), part)

                work()
                rates[kind] = len(some) / min(seconds(work) for _ in range(3))
            label = f"{name}, {precision}, {'channels last' if last else 'channels first'}"
            check.row("passes", label, **rates)


def compiled(check: Check, name: str, model: Classifier) -> None:
    """Measure what `torch.compile` and CUDA graphs gain over eager passes."""
    size = check.size
    for batch in (8, size.batch):
        x = torch.rand(batch, 3, size.side, size.side, device=check.device)
        x = x.contiguous(memory_format=torch.channels_last)
        fast = torch.compile(model, mode="reduce-overhead")
        start = time.monotonic()
        results = []
        for net in (fast, model):

            def work(net: Any = net, x: Tensor = x) -> None:
                with torch.inference_mode(), autocast("bf16", check.device):
                    for _ in range(8):
                        net(x)

            work(), work()
            results.append(work)
        first = time.monotonic() - start
        measured = ratio(results[1], results[0], 3)
        check.row(
            "compile", f"{name}, bf16, batch {batch}: eager / compiled (CUDA graph)",
            median=measured.median, low=measured.low, high=measured.high, seconds_to_compile=first,
        )  # fmt: skip


def against_floor(check: Check, name: str, model: Classifier, x: Tensor, target: Tensor) -> None:
    """Time Sobol, RISE and IG over their bare passes, at the same precision and batch."""
    size = check.size
    for precision in ("fp32", "bf16"):
        engine = Engine(
            batch_size=size.batch, precision=precision, channels_last=precision == "bf16"
        )
        points = power_of_two(size.masks // 66)
        faster = replace(engine, compiled=True)
        cases: dict[str, tuple[Any, int, int]] = {
            "Sobol": (Sobol(grid=8, points=points, engine=engine), points * 66, 0),
            "Sobol, compiled": (Sobol(grid=8, points=points, engine=faster), points * 66, 0),
            "RISE": (RISE(masks=size.masks, engine=engine), size.masks, 0),
            "IG": (IntegratedGradients(steps=50, batch_size=size.batch), 0, 50),
        }
        for label, (method, forwards, backwards) in cases.items():
            # Some second of passes, so that the checks before and after a call do not count.
            n = size.images * (16 if backwards else 4 if precision == "bf16" else 1)
            images, goals = x[:1].repeat(n, 1, 1, 1), target[:1].repeat(n)

            def explain(m: Any = method, i: Tensor = images, t: Tensor = goals) -> None:
                with autocast(precision, check.device):  # noqa: B023 - called within the loop
                    m(model, i, t)

            per_batch = size.batch // 50 * 50 if backwards else size.batch
            bare = floor(model, x, n * forwards, n * backwards, max(1, per_batch), precision)
            measured = ratio(explain, bare, size.repeats)
            check.row(
                "ratio", f"{label}, {name}, {precision}: time / bare passes",
                median=measured.median, low=measured.low, high=measured.high,
                images_per_s=n / measured.seconds, passes=forwards + backwards,
            )  # fmt: skip


def chapters(check: Check, name: str, model: Classifier, layer: str, x: Tensor) -> None:
    """Time CRAFT, MACO and the hybrid EVA from the last layer with maps on."""
    size = check.size
    many = x.repeat(max(1, size.images * 8 // len(x)) + 1, 1, 1, 1)[: size.images * 8]
    cut = Layer(model, layer, x[:1])
    craft = Craft(dictionary=NMF(concepts=10), crops=RandomCrops(number=10))

    def concepts() -> None:
        craft.rank(craft.fit(cut, many), many[: size.images], 0)

    concepts()
    taken = seconds(concepts)
    check.row(
        "chapters", f"CRAFT, {name}, {len(many)} images of 10 crops, 10 concepts",
        seconds=taken, images_per_s=len(many) / taken,
    )  # fmt: skip
    statistics = image_statistics(lambda: iter([many.cpu()]))
    steps = 256 if size.side == 224 else 4
    for precision in ("fp32", "bf16"):
        ascent = Ascent(
            crops=named_crops("paper", 6), canvas=2.0, steps=steps, precision=precision,
            batch_size=64,
        )  # fmt: skip

        def draw(ascent: Ascent = ascent) -> None:
            ascent(logits(model, range(4)), statistics, (size.side, size.side))

        bare = floor(model, x, 0, 4 * 6 * steps, 24, precision)
        measured = ratio(draw, bare, size.repeats)
        label = f"MACO, {name}, {precision}, 4 pictures of {2 * size.side} px, {steps} steps"
        check.row(
            "chapters", label,
            time_over_bare_passes=measured.median, pictures_per_s=4 / measured.seconds,
        )  # fmt: skip
    eva = EVA(epsilon=0.02, grid=12 if size.side == 224 else 2, layer=layer, samples=8)
    one, goal = x[:1], model(x[:1]).argmax(1)
    eva(model, one, goal)
    taken = seconds(lambda: eva(model, one, goal))
    check.row("chapters", f"EVA, hybrid from {layer}, {name}, 144 cells", images_per_s=1 / taken)


def waits(check: Check, name: str, model: Classifier, x: Tensor, target: Tensor) -> None:
    """Count how often the host waits for the GPU, and say where, by more steps or batches."""
    if check.device.type != "cuda":
        return
    side = check.size.side
    statistics = image_statistics(lambda: iter([x.cpu()]))
    objective = logits(model, range(4))
    cases: dict[str, Callable[[int], Any]] = {
        "MACO, steps": lambda n: Ascent(canvas=2.0, steps=n)(objective, statistics, (side, side)),
        "Sobol, batches": lambda n: Sobol(grid=4, points=8, engine=Engine(batch_size=144 // n))(
            model, x[:1], target[:1]
        ),
        "IG, batches": lambda n: IntegratedGradients(steps=48, batch_size=48 // n)(
            model, x[:1], target[:1]
        ),
    }
    for label, work in cases.items():
        work(2)
        counts = []
        for n in (2, 8):
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("warn")
            try:
                with warnings.catch_warnings(record=True) as seen:
                    warnings.simplefilter("always")
                    work(n)
            finally:
                torch.cuda.set_sync_debug_mode("default")
            where = [
                f"{Path(w.filename).name}:{w.lineno}"
                for w in seen
                if "synchronizing" in str(w.message)
            ]
            counts.append(len(where))
        check.row(
            "waits", f"{label}, {name}", of_2=counts[0], of_8=counts[1],
            where=", ".join(f"{place} x {where.count(place)}" for place in dict.fromkeys(where)),
        )  # fmt: skip


def memory(check: Check, name: str, model: Classifier, x: Tensor) -> None:
    """Measure the peak of Sobol's memory against batch, masks and images."""
    if check.device.type != "cuda":
        return
    target = torch.zeros(len(x), dtype=torch.int64, device=check.device)

    def peak(batch: int, points: int, images: int) -> float:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        method = Sobol(grid=8, points=points, engine=Engine(batch_size=batch))
        method(model, x[:images], target[:images])
        return (torch.cuda.max_memory_allocated() - before) / 2**20

    peak(8, 2, 1)
    for batch, points, images in ((32, 4, 1), (64, 4, 1), (128, 4, 1), (256, 4, 1), (256, 16, 1),
                                  (256, 4, 4)):  # fmt: skip
        label = f"Sobol, {name}, batch {batch}, {66 * points} masks, {images} images"
        check.row("memory", label, megabytes=peak(batch, points, images))


def agreement(check: Check, name: str, model: Classifier, x: Tensor) -> None:
    """Correlate maps at lower precision with those of fp32, over photographs."""
    target = model(x).argmax(1)
    for label in ("Sobol", "RISE", "Occlusion", "IG"):
        maps = {}
        # Gradients are float32 or bfloat16.
        for precision in ("fp32", "bf16") if label == "IG" else PRECISIONS:
            engine = Engine(batch_size=check.size.batch, precision=precision)
            made: dict[str, Any] = {
                "Sobol": Sobol(grid=8, points=power_of_two(check.size.masks // 66), engine=engine),
                "RISE": RISE(masks=check.size.masks, engine=engine),
                "Occlusion": Occlusion(grid=8, engine=engine),
                "IG": IntegratedGradients(steps=50, batch_size=100),
            }
            with autocast(precision, check.device):
                maps[precision] = made[label](model, x, target).float().cpu()
        for precision in maps:
            if precision == "fp32":
                continue
            # `spearman` is the distance 1 - rank correlation.
            found = 1 - spearman(maps["fp32"].flatten(1), maps[precision].flatten(1))
            check.row(
                "agreement", f"{label}, {name}, {precision} with fp32, {len(x)} photographs",
                mean_rank_correlation=float(found.mean()), smallest=float(found.min()),
            )  # fmt: skip


def main() -> int:
    """Run all sections within the time, write and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.0, help="bound on the time")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, tiny")
    parser.add_argument("--only", default="", help="sections, joined by commas")
    asked = parser.parse_args()
    if not asked.rehearse and not torch.cuda.is_available():
        print("gpu-check: PyTorch sees no GPU here; --rehearse runs it on the CPU", file=sys.stderr)
        return 2
    device = torch.device("cpu" if asked.rehearse else "cuda")
    size = Size(64, 8, 1, 132, 1) if asked.rehearse else Size()
    check = Check(device, size, asked.minutes)
    gpu = torch.cuda.get_device_name() if device.type == "cuda" else "CPU (rehearsal)"
    versions = {"python": sys.version.split()[0], "torch": torch.__version__}
    check.row("machine", gpu, cuda=str(torch.version.cuda), **versions)
    wanted = set(filter(None, asked.only.split(",")))

    def asks(name: str) -> bool:
        return not wanted or name in wanted

    if asks("tests"):
        with check.section("tests"):
            run_tests(check)
    x = photographs(size).to(device)
    networks = {"Lite0": lite0, "ResNet-50": resnet50}
    for name, make in networks.items():
        model, layer = make(size)
        model.to(device)
        with torch.inference_mode():
            target = model(x).argmax(1)
        parts: dict[str, tuple[float, Callable[[], None]]] = {
            "passes": (10, lambda n=name, m=model: passes(check, n, m)),
            "ratio": (40, lambda n=name, m=model, t=target: against_floor(check, n, m, x, t)),
            "chapters": (
                25,
                lambda n=name, m=model, k=layer: chapters(check, n, m, k, x),
            ),
            "waits": (5, lambda n=name, m=model, t=target: waits(check, n, m, x, t)),
            "memory": (10, lambda n=name, m=model: memory(check, n, m, x)),
            "agreement": (15, lambda n=name, m=model: agreement(check, n, m, x)),
            "compile": (60, lambda n=name, m=model: compiled(check, n, m)),
        }
        for part, (need, work) in parts.items():
            if part == "agreement" and name != "Lite0":
                continue  # its maps are noise: random weights
            if asks(part) and not check.late(f"{part}, {name}", need):
                with check.section(f"{part}, {name}"):
                    work()
        del model
        if device.type == "cuda":
            torch.cuda.empty_cache()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    found = {"machine": gpu, **versions, "failures": check.failures, "rows": check.rows}
    OUT.write_text(json.dumps(found, indent=1))
    print(
        f"{len(check.rows)} rows in {OUT.relative_to(ROOT)}; failures: {check.failures or 'none'}"
    )
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
