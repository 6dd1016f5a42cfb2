"""Refuse experiments that cannot be run: what they name is not there, or does not go together.

Without PyTorch, and before any job starts; `validate` calls these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from omegaconf import DictConfig, OmegaConf

from sparks.data.listing import layout
from sparks.errors import SparksError
from sparks_thesis.pipeline import downloads, grid
from sparks_thesis.pipeline.compose import FOLDER, root_of
from sparks_thesis.pipeline.methods import ABLE
from sparks_thesis.pipeline.selection import part

_LISTS = {"datasets": "dataset", "models": "model", "methods": "attribution", "metrics": "metric"}
_LISTS |= {"texts": "text"}
IMAGENET_CLASSES = 1000  # of published weights


def check_grid(config: DictConfig, name: str) -> None:
    """Refuse an experiment whose options are not there, or whose models cannot do what is asked."""
    chosen = grid.experiment(config, name)
    for key, group in {**_LISTS, "items": "item"}.items():
        options = config[f"{group}s"]
        for value in chosen[key]:
            if value not in options:
                raise SparksError(
                    f"experiments.{name}.{key} names {value!r}: there is no config/{group}/"
                    f"{value}.yaml; allowed: {sorted(options)}"
                )
    for dataset in chosen["datasets"]:
        _check_pretrained(config, dataset)
    for run in grid.runs(config, name):
        model, classes = config.models[run.model], _classes(config, run.dataset)
        if classes < 2 and model.weights is None:
            raise SparksError(
                f"experiments.{name}: {run.dataset} has one class, of which models.{run.model} "
                f"cannot learn anything: name a checkpoint in models.{run.model}.weights, or give "
                "the data set more classes"
            )
        known = config.datasets[run.dataset].get("imagenet_classes")
        picked = known is not None and "classes" in model.classifier.net
        ready = downloads.publisher(model.classifier.net) and model.weights == "included"
        if ready and not picked and classes != IMAGENET_CLASSES:
            raise SparksError(
                f"experiments.{name}: models.{run.model}.weights=included has {IMAGENET_CLASSES} "
                f"classes, {run.dataset} has {classes}: its last layer would be untrained. If "
                f"they are ImageNet's, name them in datasets.{run.dataset}.imagenet_classes; or "
                f"set models.{run.model}.weights=null to train it, or name a checkpoint"
            )
        if chosen.get("folds"):
            _check_folds(config, name, run.model)
    check_classes(config, name)
    explained = {job[:2] for job in grid.explanations(config, name)}
    for job in grid.unable(config, name):
        if job[:2] not in explained:
            _check_able(config, f"experiments.{name}", job.model, job.method)


def _check_pretrained(config: DictConfig, dataset: str) -> None:
    """Refuse a data set on which nothing can be trained without a model that is trained already."""
    model = config.datasets[dataset].get("pretrained")
    trained = [name for name in config.models if config.models[name].weights is not None]
    if model is not None and model not in trained:
        raise SparksError(
            f"datasets.{dataset}.pretrained names {model!r}, which is no model with weights of its "
            f"own; allowed: {sorted(trained)}"
        )


def _classes(config: DictConfig, name: str) -> int:
    """Return the number of classes of a data set that an experiment uses."""
    dataset = config.datasets[name]
    if dataset.num_classes is None:
        if dataset.builder["_target_"] == FOLDER:
            layout(root_of(dataset))  # says what is wrong with it
        raise SparksError(
            f"datasets.{name}.num_classes=null: only a folder of images says how many there are; "
            "set the number"
        )
    return int(dataset.num_classes)


def _check_able(config: DictConfig, where: str, model: str, method: str) -> None:
    """Refuse a method that cannot explain a model."""
    if not grid.is_able(config, model, method):
        kinds = ABLE[config.attributions[method].needs]
        able = sorted(m for m in config.models if config.models[m].kind in kinds)
        raise SparksError(
            f"{where}: method {method!r} cannot explain model {model!r}: it needs "
            f"{' or '.join(kinds)}, this one is {config.models[model].kind}; allowed: {able}"
        )


def check_study(config: DictConfig) -> None:
    """Refuse a study with people whose models or methods are not there."""
    settings = config.study
    methods = [*settings.methods, *([settings.control] if settings.control else [])]
    wanted = [
        ("runs", group, run[group]) for run in settings.runs for group in ("dataset", "model")
    ]
    for key, group, name in [*wanted, *(("methods", "attribution", m) for m in methods)]:
        if name not in config[f"{group}s"]:
            raise SparksError(
                f"study.{key} names {name!r}: there is no config/{group}/{name}.yaml; allowed: "
                f"{sorted(config[f'{group}s'])}"
            )
    for run, method in product(settings.runs, methods):
        _check_able(config, "study", run["model"], method)


def check_atoms(config: DictConfig) -> None:
    """Refuse a network without ImageNet's weights, or data sets not there, for one dictionary."""
    model, listed = config.studies.atoms.model, config.studies.atoms.datasets
    if model not in config.models or config.models[model].weights != "included":
        able = sorted(name for name in config.models if config.models[name].weights == "included")
        raise SparksError(
            f"studies.atoms.model={model}: it needs a network that comes with weights for "
            f"ImageNet; allowed: {able}"
        )
    for dataset in listed:
        if dataset not in config.datasets or config.datasets[dataset].channels != 3:
            raise SparksError(
                f"studies.atoms.datasets names {dataset!r}: it needs a config/dataset/"
                f"{dataset}.yaml of images in colour"
            )


def check_classes(config: DictConfig, name: str) -> None:
    """Refuse classes, and models that evaluate pictures or share a dictionary, not there."""
    studies, settings = grid.experiment(config, name)["studies"], config.studies
    check_banks(config, studies)
    for dataset in studies.get("craft", []):
        _check_number(
            config, "studies.craft.pictures.target", settings.craft.pictures.target, dataset
        )
    for dataset in studies.get("utility", []):
        for number in settings.utility.classes.get(dataset, []):
            _check_number(config, f"studies.utility.classes.{dataset}", number, dataset)
    for study, dataset in ((s, d) for s in ("maco", "accentuation") for d in studies.get(s, [])):
        for evaluator in grid.evaluators_of(config, dataset):
            _check_other_model(config, evaluator, "shared.maco_evaluators", "studies.maco.layers")
            model = evaluator.split("/")[0]
            if config.datasets[dataset].get("pretrained") and config.models[model].weights is None:
                raise SparksError(
                    f"shared.maco_evaluators names {evaluator!r}, and nothing can be trained on "
                    f"{dataset}: name models whose weights come with them, in "
                    f"per_dataset.{dataset}.shared.maco_evaluators"
                )
        if study == "accentuation" and config.datasets[dataset].channels != 3:
            raise SparksError(
                f"experiments.{name}.studies.accentuation: {dataset} is grey, and the study needs "
                "images in colour: take it out"
            )
    if studies.get("universal"):
        for model in settings.universal.models:
            key = "studies.universal"
            _check_other_model(config, model, f"{key}.models", f"{key}.layers")
        if not settings.universal.models and not settings.universal.networks:
            raise SparksError(
                "studies.universal.networks=[] and studies.universal.models=[]: a universal "
                "dictionary is of two networks or more: name a seed or a model"
            )


def _check_other_model(config: DictConfig, named: str, key: str, layers: str) -> None:
    """Refuse a model, NAME or NAME/SEED, that a study cannot put beside its own."""
    model = named.split("/")[0]
    if model not in config.models or model not in OmegaConf.select(config, layers):
        raise SparksError(
            f"{key} names {named!r}: it needs a config/model/{model}.yaml and the layer of its "
            f"features in {layers}.{model}"
        )


# Studies that read concepts, and where each says of how many classes.
_MOST = {
    "craft": "studies.craft.study.most",
    "holistic": "studies.holistic.study.most",
    "linear": "studies.linear.study.most",
    "maco": "studies.maco.study.classes",
    "lens": "studies.lens.surveyor.most",
}


def check_banks(config: DictConfig, studies: Mapping[str, Sequence[str]]) -> None:
    """Refuse concepts that are fitted nowhere, or of fewer classes than a study measures."""
    for study, dataset in ((s, d) for s in _MOST for d in studies.get(s, [])):
        key, most = f"studies.{study}.bank", _MOST[study]
        found = part(config, [key, most], dataset=dataset)
        name, wanted = found[key], found[most]
        if name not in config.banks:
            raise SparksError(
                f"{key}={name}: there is no config/bank/{name}.yaml; allowed: "
                f"{sorted(config.banks)}"
            )
        fitted = part(config, ["bank.extractor"], dataset=dataset, bank=name)["bank.extractor"]
        classes = config.datasets[dataset].num_classes
        least = classes if wanted is None else min(wanted, classes)
        if fitted.get("most") is not None and fitted["most"] < least:
            raise SparksError(
                f"{most}={wanted} asks for the concepts of {least} classes, and "
                f"banks.{name}.extractor.most={fitted['most']} are fitted: raise that"
            )


def _check_number(config: DictConfig, key: str, number: int, dataset: str) -> None:
    classes = config.datasets[dataset].num_classes
    if number >= classes:
        raise SparksError(f"{key}={number}: {dataset} has the classes 0 … {classes - 1}")


def _check_folds(config: DictConfig, name: str, model: str) -> None:
    """Refuse what cannot be trained on folds, or degraded."""
    settings = config.models[model]
    if settings.weights is not None:
        raise SparksError(
            f"experiments.{name}: models.{model}.weights={settings.weights} may have seen every "
            f"fold, and each fold trains its own: set models.{model}.weights=null"
        )
    if config.studies.stability.randomised and settings.kind == "dense":
        raise SparksError(
            f"experiments.{name}: {model!r} has no convolution whose weights could be randomised: "
            "set studies.stability.randomised=[], or take it out"
        )
