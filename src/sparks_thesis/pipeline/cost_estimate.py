"""Cost estimate of a run, printed by a dry run: passes through networks, hours and disk space.

Passes are counted from the configuration; hours are these over images a second as measured by
`python -m benchmarks.rates`, on the machine that the file of rates names: a CPU's, or a GPU's where
jobs run on one. Counted is what grows with the scale: training, explanations and what scores them.
Decoding of files, and what searches (EVA, CRAFT, MACO, Lens and others), are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from omegaconf import DictConfig

from sparks_thesis.pipeline import grid
from sparks_thesis.pipeline.paths import ROOT
from sparks_thesis.pipeline.selection import part

# Rates of this machine, and those that come with the project. The first counts whose device jobs
# run on.
RATES = (
    ROOT / "benchmarks/results/rates.json",
    ROOT / "workflow/rates.json",
    ROOT / "workflow/rates_gpu.json",
)

# Scale → rule → mean seconds of a job on the project's machine.
JOB_SECONDS = ROOT / "workflow/job_seconds.json"

# Training images of published sets, where the configuration takes all there are.
IMAGES = {"imagenet": 1_281_167, "imagenet50": 64_058, "mnist": 60_000, "fashion_mnist": 60_000}
IMAGES |= {"cifar10": 50_000, "eurosat": 21_600, "celeba": 162_770, "cat_dog": 17_400}

COUNTED = ("train", "train_folds", "attribute", "score", "stability", "budget", "people")

KEYS = ("dataset.size", "dataset.builder", "model.weights", "model.training", "training")
AMOUNTS = ("explain.n", "shared.curve_steps", "shared.subsets")


class Work(NamedTuple):
    """Passes of one job: images that go forwards, and forwards and backwards."""

    rule: str
    of: grid.Run | grid.Explanation
    forward: float
    backward: float
    megabytes: float = 0.0

    @property
    def network(self) -> str:
        """Its name in the rates."""
        return f"{self.of.dataset}/{self.of.model}"

    def seconds(self, rates: Mapping[str, Any]) -> float | None:
        """Return what it takes at the rates of a machine; None where the network has none."""
        known = rates["networks"].get(self.network)
        if known is None:
            return None if self.forward or self.backward else 0.0
        return float(self.forward / known["forward"] + self.backward / known["backward"])


def passes(method: Mapping[str, Any]) -> tuple[float, float]:
    """Count the passes an image that a method takes: (forwards, forwards and backwards).

    Methods of one's own are counted by the settings that methods call `masks`, `steps` and
    `samples`. Not counted is what depends on the network, as a pass for each channel of a layer.
    """
    match method["_target_"].rpartition(".")[2]:
        case "Sobol":
            return method["points"] * (method["grid"] ** 2 + 2), 0
        case "Occlusion":
            return method["grid"] ** 2 + 1, 0
        case "LIME" | "KernelSHAP":
            return method["samples"], 0
        case "BlurIG":
            return 0, method["steps"] + 1
        case "ScoreCAM" | "AblationCAM" | "SISE":
            return 1, 1
        case "EVA" | "Greedy" | "CraftMaps" | "Random" | "Input" | "BottomUp":
            return 0, 0
    if isinstance(method.get("method"), Mapping):
        return passes(method["method"])
    if "masks" in method:
        return method["masks"], 0
    return 0, method.get("steps", method.get("samples", 1))


@grid.once
def work(config: DictConfig) -> list[Work]:
    """List the work of all counted jobs of the chosen experiments, each job once."""
    found: dict[Any, Work] = {}
    for name in config.experiments:
        jobs = _of_folds if grid.experiment(config, name).get("folds") else _of_runs
        for key, job in (*jobs(config, name), *_of_studies(config, name)):
            found.setdefault(key, job)
    return list(found.values())


def _of_runs(config: DictConfig, name: str) -> Iterator[tuple[Any, Work]]:
    """Yield the work on models trained once."""
    for run in grid.runs(config, name):
        settings = _settings(config, run)
        if settings["model.weights"] is None:
            images = _epochs(settings) * _images(settings, run.dataset)
            yield (run, "train"), Work("train", run, 0, images)
    for job in grid.explanations(config, name):
        metrics = grid.metrics(config, name, job)
        wanted = [*AMOUNTS, "attribution.method", "metrics.stability"]
        found = part(config, wanted, dataset=job.dataset, attribution=job.method)
        n, steps, subsets = (found[key] for key in AMOUNTS)
        curves = 2 * steps + subsets if "fidelity" in metrics else 0
        forward, backward = passes(found["attribution.method"])
        space = n * _settings(config, job)["dataset.size"] ** 2 * 4 / 1e6
        yield (job, "map"), Work("attribute", job, n * forward, n * backward, space)
        repeated = found["metrics.stability"]
        neighbours = repeated["metrics"]["average_stability"]["neighbours"]
        again = repeated["images"] * neighbours if "stability" in metrics else 0
        scored = Work("score", job, n * curves + again * forward, again * backward)
        yield (job, "score", tuple(metrics)), scored


def _of_studies(config: DictConfig, name: str) -> Iterator[tuple[Any, Work]]:
    """Yield the work of the studies whose passes follow from their settings."""
    for study in ("budget", "people"):
        for run in grid.study_runs(config, name, study):
            names = {"dataset": run.dataset, "model": run.model}
            found = part(config, [f"studies.{study}", "explain.n"], **names)
            settings = found[f"studies.{study}"]
            images = min(settings["images"], found["explain.n"])
            explainers = settings["explainers"].values()
            if study == "budget":
                forward, backward = len(explainers) * sum(settings["forwards"]), 0.0
            else:
                forward, backward = (sum(n) for n in zip(*map(passes, explainers), strict=True))
            yield (run, study), Work(study, run, images * forward, images * backward)


def _of_folds(config: DictConfig, name: str) -> Iterator[tuple[Any, Work]]:
    """Yield the work on models trained once a fold and a condition."""
    study = config.studies.stability
    for run in grid.runs(config, name):
        settings = _settings(config, run)
        networks = (1 + len(study.label_noise)) * study.folds
        seen = _epochs(settings) * _images(settings, run.dataset) * (1 - 1 / study.folds)
        yield (run, "folds"), Work("train_folds", run, 0, networks * seen)
    conditions = 1 + len(study.label_noise) + len(study.randomised)
    for job in grid.explanations(config, name):
        wanted = ["attribution.method", "studies.stability.explain"]
        chosen = part(config, wanted, dataset=job.dataset, attribution=job.method)
        method = chosen["attribution.method"] | chosen["studies.stability.explain"]
        forward, backward = passes(method)
        # Once more where it draws random numbers: one network in place of all.
        maps = (conditions + ("seed" in method)) * study.folds * study.images
        # Scored by the network that has not seen the image.
        scored = study.metrics.mufidelity.subsets / study.folds
        yield (job, "pairs"), Work("stability", job, maps * (forward + scored), maps * backward)


def _settings(config: DictConfig, run: Any) -> dict[str, Any]:
    return part(config, KEYS, dataset=run.dataset, model=run.model)


def _epochs(settings: dict[str, Any]) -> int:
    return int((settings["training"] | settings["model.training"])["epochs"])


def _images(settings: dict[str, Any], dataset: str) -> int:
    limit = settings["dataset.builder"].get("n_train")
    there = IMAGES.get(dataset)
    return int(min(limit, there) if limit and there else limit or there or 0)


def left_out(config: DictConfig) -> list[str]:
    """Say which methods the chosen experiments leave out, as they cannot explain a model."""
    methods: dict[str, dict[str, None]] = {}
    for name in config.experiments:
        for job in grid.unable(config, name):
            methods.setdefault(job.model, {})[job.method] = None
    return [
        f"{', '.join(found)} cannot explain {model}, which is of the kind "
        f"{config.models[model].kind}: left out"
        for model, found in methods.items()
    ]


def rates_of(gpu: bool) -> dict[str, Any]:
    """Return images a second of each network, as measured on a machine with a GPU or without."""
    known = (json.loads(file.read_text()) for file in RATES if file.is_file())
    kind = "cuda" if gpu else "cpu"
    empty: dict[str, Any] = {"machine": "a machine that was not measured", "networks": {}}
    return next((found for found in known if found["device"] == kind), empty)


def job_seconds(scale: str, gpu: bool) -> tuple[str, dict[str, float]]:
    """Return the machine that rules were measured on, and their mean seconds: a job each.

    Args:
        scale: name of the scale; of those that were not measured, nothing is known.
        gpu: whether jobs run on a GPU, of which nothing is known either.
    """
    known = json.loads(JOB_SECONDS.read_text())
    return known["machine"], {} if gpu else known["scales"].get(scale, {})


def counted_seconds(config: DictConfig, gpu: bool = False) -> dict[tuple[str, ...], float]:
    """Return what jobs take whose passes are counted: (rule, data set, model, seed, method) → s.

    Jobs that differ in other names only, such as shards, are counted together; a rule without
    methods has an empty one.
    """
    rates, found = rates_of(gpu), dict[tuple[str, ...], float]()
    for job in work(config):
        if seconds := job.seconds(rates):
            names = {"method": "", **job.of._asdict()}
            key = (job.rule, *(str(names[n]) for n in ("dataset", "model", "seed", "method")))
            found[key] = found.get(key, 0.0) + seconds
    return found


def summary(config: DictConfig, gpu: bool = False) -> str:
    """Say what the chosen experiments take, over all of their counted jobs.

    Args:
        config: the composed configuration.
        gpu: whether jobs that can use a GPU run on one.
    """
    rates = rates_of(gpu)
    rows: dict[str, list[float]] = {rule: [0.0, 0.0, 0.0, 0.0] for rule in COUNTED}
    unknown: set[str] = set()
    for job in work(config):
        seconds = job.seconds(rates)
        if seconds is None:
            unknown.add(job.network)
        counted = (job.forward, job.backward, (seconds or 0.0) / 3600, job.megabytes)
        rows[job.rule] = [sum(pair) for pair in zip(rows[job.rule], counted, strict=True)]
    passes = [
        f"{rule:12} {row[0]:9.2g} forwards {row[1]:9.2g} backwards {row[2]:9.2g} h"
        for rule, row in rows.items()
        if any(row)
    ]
    hours, space = (sum(row[i] for row in rows.values()) for i in (2, 3))
    unit = "GPU-hours" if gpu else "core-hours"
    lines = [
        f"Planned for scale {config.scale.name}, all jobs, those done included:",
        *passes,
        f"about {hours:,.1f} {unit} on {rates['machine']}; maps of {space / 1000:,.1f} GB",
    ]
    if unknown:
        lines.append(f"not in the rates, so not in the hours: {', '.join(sorted(unknown))}")
    lines += left_out(config)
    lines.append("not counted: reading files, metrics other than fidelity, and what other rules do")
    return "\n".join(lines)
