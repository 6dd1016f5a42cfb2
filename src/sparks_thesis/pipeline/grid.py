"""Say what an experiment is made on: models, explanations, metrics and studies.

An experiment is a grid: data sets × models × seeds, × methods, × families of metrics, less what it
excludes. `dag` says which files that makes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks_thesis.pipeline.methods import can_explain
from sparks_thesis.pipeline.selection import part, plain


class Run(NamedTuple):
    """One trained model."""

    dataset: str
    model: str
    seed: int


class Explanation(NamedTuple):
    """One method applied to one trained model."""

    dataset: str
    model: str
    seed: int
    method: str


F = TypeVar("F", bound=Callable[..., Any])


def once(function: F) -> F:
    """Let a function compute once what it returns for a configuration, which changes no more.

    Planning all jobs asks thousands of times for the same. What is returned must not be changed.
    """
    found: dict[int, dict[Any, Any]] = {}  # configuration, by its id as long as it lives → results

    @wraps(function)
    def known(config: DictConfig, *names: str) -> Any:
        if id(config) not in found:
            found[id(config)] = {}
            weakref.finalize(config, found.pop, id(config))
        results = found[id(config)]
        if names not in results:
            results[names] = function(config, *names)
        return results[names]

    return cast("F", known)


@once
def experiment(config: DictConfig, name: str) -> Mapping[str, Any]:
    """Return one experiment, resolved.

    Raises:
        SparksError: when it was not chosen.
    """
    if name not in config.experiments:
        raise SparksError(
            f"experiment {name} was not chosen: add it to those of this run, "
            f"experiment=[{','.join([*config.experiments, name])}]"
        )
    resolved: Any = OmegaConf.to_container(config.experiments[name], resolve=True)
    return dict(resolved)


@once
def runs(config: DictConfig, name: str) -> list[Run]:
    """List the trained models of an experiment."""
    grid = experiment(config, name)
    listed = [
        Run(dataset, model, seed)
        for dataset in grid["datasets"]
        for model in _models(config, dataset, grid["models"])
        for seed in grid["seeds"]
    ]
    return [run for run in listed if not is_excluded(grid, **run._asdict())]


def _models(config: DictConfig, dataset: str, models: list[str]) -> list[str]:
    """Name the models of a data set, a pretrained one for those that cannot be trained on it."""
    pretrained = config.datasets[dataset].get("pretrained")
    if pretrained is None:
        return models
    chosen = [pretrained if config.models[m].weights is None else m for m in models]
    return list(dict.fromkeys(chosen))


@once
def explanations(config: DictConfig, name: str) -> list[Explanation]:
    """List the attribution maps of an experiment, by methods that can explain their model."""
    return [job for job in _asked_for(config, name) if is_able(config, job.model, job.method)]


def unable(config: DictConfig, name: str) -> list[Explanation]:
    """List what an experiment asks for and leaves out: methods that cannot explain their model."""
    return [job for job in _asked_for(config, name) if not is_able(config, job.model, job.method)]


def _asked_for(config: DictConfig, name: str) -> Iterator[Explanation]:
    grid = experiment(config, name)
    for run in runs(config, name):
        for method in grid["methods"]:
            if not is_excluded(grid, **run._asdict(), method=method):
                yield Explanation(*run, method)


def is_able(config: DictConfig, model: str, method: str) -> bool:
    """Return whether a method can explain a model, by what it needs and the model's kind."""
    return can_explain(config, config.models[model].kind, method)


def metrics(config: DictConfig, name: str, job: Explanation) -> list[str]:
    """List the families of metrics that score one method's maps of a model in an experiment."""
    return _metrics(config, experiment(config, name), job)


def _metrics(config: DictConfig, grid: Mapping[str, Any], job: Explanation) -> list[str]:
    return [
        metric
        for metric in grid["metrics"]
        if _has_truth(config, job.dataset, metric)
        and not is_excluded(grid, **job._asdict(), metric=metric)
    ]


def families(config: DictConfig, job: Explanation) -> list[str]:
    """List the families of metrics that score one method's maps of a model, in any experiment.

    Where none asks for such maps, as for a file that is asked for by name, or a script at the
    shell, that is the selected family.
    """
    found: dict[str, None] = {}
    for written in config.experiments.values():
        if not written.metrics or written.get("folds"):
            continue
        if job.dataset not in written.datasets or job.method not in written.methods:
            continue
        # Resolved anew: while a job's part is selected, the tree is not that of all jobs.
        grid = {key: plain(written[key]) for key in ("models", "metrics", "exclude")}
        models = _models(config, job.dataset, grid["models"])
        if job.model in models and not is_excluded(grid, **job._asdict()):
            found |= dict.fromkeys(_metrics(config, grid, job))
    return list(found) or [str(config.metric.name)]


def _selected_families(*, _root_: DictConfig) -> dict[str, Any]:
    """Return the settings of the families that score the selected method's maps."""
    chosen = (_root_.dataset.name, _root_.model.name, _root_.seed, _root_.attribution.name)
    names = families(_root_, Explanation(*chosen))
    return {name: OmegaConf.to_container(_root_.metrics[name], resolve=True) for name in names}


OmegaConf.register_new_resolver("families", _selected_families, replace=True)


def _has_truth(config: DictConfig, dataset: str, metric: str) -> bool:
    """Return whether the data set has the ground truth that the metric compares with (parts)."""
    return bool(config.datasets[dataset].has_parts or not config.metrics[metric].needs_truth)


def is_excluded(grid: Mapping[str, Any], **job: Any) -> bool:
    """Return whether a rule of `exclude` matches the job: all that it names, one of each list."""
    return any(
        all(job.get(key) in (named if isinstance(named, list) else [named]) for key, named in rule)
        for rule in map(Mapping.items, grid["exclude"])
    )


@once
def study_runs(config: DictConfig, name: str, study: str) -> list[Run]:
    """List the trained models of an experiment that one of its studies is made on.

    The walk through one explanation is made on one image, of the data set with the largest.
    """
    grid = experiment(config, name)
    listed = [
        run
        for run in runs(config, name)
        if run.dataset in grid["studies"].get(study, [])
        and not is_excluded(grid, **run._asdict(), study=study)
    ]
    if study == "walkthrough":
        listed = sorted(listed, key=lambda run: _size(config, run.dataset), reverse=True)[:1]
    return listed


def _size(config: DictConfig, dataset: str) -> int:
    """Return the pixels a side of a data set's images."""
    size: int = part(config, ["dataset.size"], dataset=dataset)["dataset.size"]
    return size


def evaluators_of(config: DictConfig, dataset: str) -> list[str]:
    """List the models, NAME/SEED, that evaluate pictures made on a data set."""
    key = "shared.maco_evaluators"
    evaluators: list[str] = part(config, [key], dataset=dataset)[key]
    return evaluators
