"""Units of a run that can be checked before any job starts.

A unit is the resolved settings of one part of the grid: one kind of object, or one model with all
that is done to it on one data set. `trial` builds and tries it, which needs PyTorch. A unit that
passed is not checked again: its digest is noted under `.snakemake`, so that a run with an
unchanged configuration starts at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks.io import write_text
from sparks_thesis.pipeline import grid
from sparks_thesis.pipeline.concept_files import named_layers
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.paths import ROOT
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.sources import find
from sparks_thesis.pipeline.studies import STUDIES

NOTED = Path(".snakemake/checked.json")
MOST_NOTED = 5000
REFUSED, TRYING = "refused: ", "trying: "  # how lines of the other process begin
PACKAGES = ("torch", "torchvision", "captum", "numpy", "scipy", "scikit-learn", "hydra-core")


class Unit(NamedTuple):
    """Something that is built and tried as one: its key in the configuration, kind and settings."""

    where: str
    kind: str
    content: Any


def known(tree: Mapping[str, Any], noted: Path | None = None) -> bool:
    """Return whether a whole configuration, as a plain tree, has passed before."""
    return _key("whole", tree) in _passed(noted)


def check(
    config: DictConfig,
    tree: Mapping[str, Any],
    noted: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Build and try everything that the chosen experiments are made of.

    Args:
        config: a composed configuration whose names are known to exist.
        tree: the same, resolved.
        noted: file that remembers what has passed (see `remember`), and then the trial runs in a
            process of its own, since importing PyTorch takes seconds and memory; None to try
            everything in this one.
        say: gets a line when there is something to try.

    Raises:
        SparksError: naming the key, its value and the way out.
    """
    passed = _passed(noted)
    found = units(config, tree)
    keys = [_key(*unit) for unit in found]
    new = {key: unit for key, unit in zip(keys, found, strict=True) if key not in passed}
    if new:
        if not can_try():
            say("Settings are not tried before jobs start: Snakemake's Python has no PyTorch.")
            return
        if noted is None:
            from sparks_thesis.pipeline.trial import try_units

            try_units(new.values())
        else:
            say(f"Checking {len(new)} settings, models and methods; what has passed is remembered.")
            refusals, failure = try_elsewhere(list(new.values()))
            if refusals:
                raise SparksError(refusals[0])
            if failure:
                say(f"Not all settings could be tried ({failure}): mistakes will show in the jobs.")
                return
    keys.append(_key("whole", tree))
    if noted is None:
        _passed_here.update(keys)
    else:
        _to_note.update(dict.fromkeys(keys))


# --- what has passed -------------------------------------------------------------------------

_passed_here: set[str] = set()
_to_note: dict[str, None] = {}  # in order


def _passed(noted: Path | None) -> set[str]:
    if noted is None:
        return _passed_here
    try:
        return set(json.loads(noted.read_text()))
    except (OSError, ValueError):
        return set()


def remember(noted: Path) -> None:
    """Write down what has passed, when a run starts or a dry run ends.

    Where nothing can be written it is checked again next time.
    """
    before = [key for key in sorted(_passed(noted)) if key not in _to_note]
    with suppress(SparksError):
        write_text(noted, json.dumps([*before, *_to_note][-MOST_NOTED:]))


def _key(where: str, kind: Any, content: Any = None) -> str:
    """Digest settings with the code that they are checked by, and the files that they name."""
    text = json.dumps([where, kind, content], sort_keys=True, default=str)
    files = [_stat(path) for path in sorted(_named("weights", [kind, content]) - {"included"})]
    sources = [_source(target) for target in sorted(_named("_target_", [kind, content]))]
    whole = "\n".join([text, _code(), *files, *sources])
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@cache
def _code() -> str:
    """Digest the library, the checks and the versions of the packages that they stand on."""
    digest = hashlib.sha256()
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            digest.update(f"{name} {version(name)} ".encode())
    for file in sorted((ROOT / "src").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _source(target: str) -> str:
    """Digest the file of a class or function of the user's; empty for the library's."""
    if target.startswith(("sparks.", "sparks_thesis.")):
        return ""
    definition = find(target)
    return hashlib.sha256(definition.file.read_bytes()).hexdigest() if definition else target


def _stat(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError:
        return f"{path} missing"
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _named(key: str, node: Any) -> set[str]:
    """Return the texts that stand at a key, however deep."""
    return {v for path, v in walk(node) if path[-1:] == (key,) and isinstance(v, str)}


# --- in a process of its own -----------------------------------------------------------------


def can_try() -> bool:
    """Return whether this Python has PyTorch: not where jobs have an environment of conda's."""
    return find_spec("torch") is not None


def try_elsewhere(new: list[Unit]) -> tuple[list[str], str]:
    """Try units in another process.

    Returns:
        what is refused, a line each, and why the process did not come to an end; empty if it did.
    """
    path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "sparks_thesis.pipeline.trial"],
        input=json.dumps(new),
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env=environment,
        check=False,
    )
    lines = done.stdout.splitlines()
    refusals = [line.removeprefix(REFUSED) for line in lines if line.startswith(REFUSED)]
    if refusals or not done.returncode:
        return refusals, ""
    tried = [line.removeprefix(TRYING) for line in lines if line.startswith(TRYING)]
    if done.returncode == -signal.SIGKILL and tried:
        return [f"{tried[-1]}: trying it took more memory than there is: make it smaller"], ""
    return [], (done.stderr.strip().splitlines() or ["no message"])[-1]


# --- the units of a configuration ------------------------------------------------------------

Work = dict[str, dict[str, Any]]  # what is done to a model: kind → key in the configuration → it


def units(config: DictConfig, tree: Mapping[str, Any]) -> list[Unit]:
    """List what is checked, cheap settings before models, each once."""
    found = {_key(*unit): unit for unit in (*_settings(config, tree), *_models(config))}
    return list(found.values())


def _settings(config: DictConfig, tree: Mapping[str, Any]) -> Iterator[Unit]:
    """Yield what is built from settings alone."""
    for key in ("training", "engine", "study.protocol", "study.wording", "study.packages",
                "study.limits"):  # fmt: skip
        yield _at(tree, key)
    for name in config.experiments:
        chosen = grid.experiment(config, name)
        for dataset in chosen["datasets"]:
            made = part(config, ["dataset"], dataset=dataset)["dataset"]
            yield Unit(f"datasets.{dataset}", "dataset", made)
        for run in dict.fromkeys(run._replace(seed=0) for run in grid.runs(config, name)):
            yield from _trainings(config, bool(chosen.get("folds")), run)
        for text in chosen["texts"]:
            yield from _texts(config, text)
        for study, datasets in chosen["studies"].items():
            for key in (*STUDIES[study].built, *_banks(config, study, datasets)):
                if not datasets:
                    continue
                yield _at(tree, key)
                for dataset in sorted(set(datasets) & set(config.per_dataset)):
                    yield Unit(key, "settings", part(config, [key], dataset=dataset)[key])
        if chosen["studies"].get("holistic"):
            methods = tree["studies"]["holistic"]["study"]["methods"]
            yield Unit("studies.holistic.methods", "concepts", methods)
        if chosen.get("folds"):
            yield _at(tree, "studies.stability.distances")
        for item in chosen["items"]:
            yield _at(tree, f"items.{item}.draw")


def _banks(config: DictConfig, study: str, datasets: Iterable[str]) -> list[str]:
    """List the keys of the extractors whose concepts a study reads."""
    key = f"studies.{study}.bank"
    if not STUDIES[study].concepts:
        return []
    names = (part(config, [key], dataset=dataset)[key] for dataset in datasets)
    return [f"banks.{name}.extractor" for name in dict.fromkeys(names)]


def _at(tree: Any, key: str) -> Unit:
    """Return the unit of settings that are the same whichever option is selected."""
    for name in key.split("."):
        tree = tree[name]
    return Unit(key, "settings", tree)


def _trainings(config: DictConfig, folds: bool, run: grid.Run) -> Iterator[Unit]:
    """Yield what a model is trained with."""
    keys = ["training", "model.training", "model.weights", "model.loss"]
    if folds:
        keys.append("studies.stability.training")
    found = part(config, keys, dataset=run.dataset, model=run.model)
    if found["model.weights"] is not None:
        return
    merged = found["training"] | found["model.training"]
    yield Unit(f"models.{run.model}.training", "settings", merged)
    if folds:
        merged = merged | found["studies.stability.training"]
        yield Unit("studies.stability.training", "settings", merged)
    if found["model.loss"]:
        yield Unit(f"models.{run.model}.loss", "settings", found["model.loss"])


def _texts(config: DictConfig, text: str) -> Iterator[Unit]:
    found = part(config, ["text", "words", "training"], text=text)
    words = found["words"]
    yield Unit(f"texts.{text}.builder", "settings", found["text"]["builder"])
    yield Unit("words.training", "settings", found["training"] | words["training"])
    methods = {f"words.explainers.{name}": made for name, made in words["explainers"].items()}
    metrics = {
        f"words.{kind}.{name}": made
        for kind in ("metrics", "keyword_metrics")
        for name, made in words[kind].items()
    }
    content = {
        "classifier": words["classifier"],
        "classes": found["text"]["num_classes"],
        "removal": words["removal"],
        "methods": methods,
        "metrics": metrics,
    }
    yield Unit("words.classifier", "texts", content)


def _models(config: DictConfig) -> Iterator[Unit]:
    """Yield every model on every data set, with all that is done to it there."""
    work: dict[tuple[str, str], Work] = {}
    for name in config.experiments:
        for run in grid.runs(config, name):
            done = work.setdefault((run.dataset, run.model), _nothing())
            if run.seed == grid.experiment(config, name)["seeds"][0]:
                _add_explanations(config, name, run, done)
            for study in grid.experiment(config, name)["studies"]:
                if run in grid.study_runs(config, name, study):
                    _add_study(config, study, run, done)
    for dataset, model, layers in _others(config):
        done = work.setdefault((dataset, model), _nothing())
        done["layers"][f"{layers}.{model}"] = [OmegaConf.select(config, layers)[model]]
    for (dataset, model), done in work.items():
        keys = ["dataset", "model.classifier", "model.weights"]
        own = ["model.layer", "model.concept_layer", "model.head"]
        found = part(config, keys + own, dataset=dataset, model=model)
        data = found["dataset"]
        content = {
            "dataset": dataset,
            "classifier": found["model.classifier"],
            "weights": found["model.weights"],
            "shape": [data["channels"], data["size"], data["size"]],
            "classes": data["num_classes"],
            **{key.removeprefix("model."): found[key] for key in own},
            **done,
        }
        yield Unit(f"models.{model}", "model", content)


def _nothing() -> Work:
    return {"methods": {}, "metrics": {}, "layers": {}, "settings": {}}


def _others(config: DictConfig) -> Iterator[tuple[str, str, str]]:
    """Yield what studies put beside their models: data set, model, key of its layer."""
    for name in config.experiments:
        studies = grid.experiment(config, name)["studies"]
        for dataset in (*studies.get("maco", []), *studies.get("accentuation", [])):
            for evaluator in grid.evaluators_of(config, dataset):
                yield dataset, evaluator.split("/")[0], "studies.maco.layers"
        for dataset in studies.get("universal", []):
            for model in config.studies.universal.models:
                yield dataset, model, "studies.universal.layers"


def _add_explanations(config: DictConfig, name: str, run: grid.Run, done: Work) -> None:
    """Add the methods that explain a model in an experiment, and the metrics that score them."""
    chosen, names = grid.experiment(config, name), {"dataset": run.dataset, "model": run.model}
    methods = [job.method for job in grid.explanations(config, name) if job[:3] == run]
    folds = chosen.get("folds")
    keys = ["attribution.method", *(["studies.stability.explain"] if folds else [])]
    for method in methods:
        found = part(config, keys, **names, attribution=method)
        done["methods"][f"attributions.{method}.method"] = found["attribution.method"]
        if folds and (changed := found["studies.stability.explain"]):
            merged = found["attribution.method"] | changed
            done["methods"][f"studies.stability.changes.{method}"] = merged
    families = {f"metrics.{m}.metrics": ("metric.metrics", m) for m in chosen["metrics"]}
    if folds:
        families["studies.stability.metrics"] = ("studies.stability.metrics", "fidelity")
    for where, (key, metric) in families.items() if methods else ():
        for label, made in part(config, [key], **names, metric=metric)[key].items():
            done["metrics"][f"{where}.{label}"] = made


def _add_study(config: DictConfig, study: str, run: grid.Run, done: Work) -> None:
    """Add what a study of an experiment does to a model."""
    names = {"dataset": run.dataset, "model": run.model}
    if STUDIES[study].concepts:
        layers = named_layers(config, study, names)
        if layers:
            done["layers"][f"studies.{study}.layers.{run.model}"] = layers
        else:
            own = part(config, ["model.concept_layer"], **names)["model.concept_layer"]
            done["layers"][f"models.{run.model}.concept_layer"] = [own]
        return
    if study == "indices":
        method = part(config, ["attributions.sobol"], **names)["attributions.sobol"]["method"]
        done["methods"]["attributions.sobol.method"] = method
    if not STUDIES[study].explains:
        return
    settings = dict(part(config, [f"studies.{study}"], **names)[f"studies.{study}"])
    where = f"studies.{study}"
    for key in ("explainers", "controls", "own"):
        for label, method in settings.pop(key, {}).items():
            done["methods"][f"{where}.{key}.{label}"] = method
    if study == "utility":
        settings.pop("simulation")
    if study in ("samplers", "walkthrough"):
        ((key, method),) = ((k, m) for k, m in done["methods"].items() if k.startswith(where))
        points = settings["points"]
        for number in [points] if isinstance(points, int) else [*points, settings["reference"]]:
            done["methods"][f"{where}.points={number}"] = method | {"points": number}
    for label, made in settings.pop("metrics", {}).items():
        done["metrics"][f"{where}.metrics.{label}"] = made.get("metric", made)
    done["settings"][where] = settings
