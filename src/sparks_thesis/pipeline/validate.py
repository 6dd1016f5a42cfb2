"""Refuse a configuration that cannot be run, before any job starts, in one line.

Three questions: is the tree what the typed settings say (`sparks_thesis.settings.refusal`); does
every `_target_` exist and take the arguments it is given; can every experiment's grid be run?
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sparks.data.listing import layout
from sparks.errors import SparksError
from sparks_thesis.pipeline import checks, downloads, grid
from sparks_thesis.pipeline.compose import FOLDER, root_of
from sparks_thesis.pipeline.methods import ABLE, CHANGES, option_of
from sparks_thesis.pipeline.nested import walk
from sparks_thesis.pipeline.selection import part, plain
from sparks_thesis.pipeline.sources import Definition, defined, find, source
from sparks_thesis.settings import refusal
from sparks_thesis.settings.options import OPTIONS
from sparks_thesis.settings.schema import class_of


def validate(
    config: DictConfig, noted: Path | None = None, say: Callable[[str], None] = print
) -> None:
    """Check the whole configuration.

    Args:
        config: a composed configuration.
        noted: see `checks.check`.
        say: see there.

    Raises:
        SparksError: naming the key, its value and what is allowed.
    """
    try:
        tree: Any = plain(config)
    except OmegaConfBaseException as error:
        raise SparksError(f"the configuration cannot be resolved: {_one_line(error)}") from None
    if checks.known(tree, noted):
        return
    validate_names(config, tree)
    checks.check(config, tree, noted, say)


def validate_names(config: DictConfig, tree: Any) -> None:
    """Check keys, types, arguments, and that what experiments name is there: without PyTorch.

    Raises:
        SparksError: see `validate`.
    """
    refusal.check(tree)
    _check_changes(config, tree)
    for path, node in sorted(_with_targets(tree), key=_written_first):
        _check_class(path, str(node["_target_"]))
        _check_target(path, node)
    for name in config.experiments:
        _check_grid(config, name)
    _check_study(config)
    _check_atoms(config)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


# --- what `_target_` entries are given -------------------------------------------------------


def _with_targets(tree: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """List the dicts that name a class or function, each after its key."""
    found = ((".".join(map(str, path)), node) for path, node in walk(tree))
    return [(key, node) for key, node in found if isinstance(node, dict) and "_target_" in node]


def _written_first(found: tuple[str, Any]) -> tuple[bool, int]:
    """Sort an option before what refers to it, the outermost first."""
    path, _ = found
    return path.split(".")[0].removesuffix("s") not in OPTIONS, path.count(".")


def _check_target(path: str, node: Mapping[str, Any]) -> None:
    target = str(node["_target_"])
    definition = find(target)
    if definition is None:
        if target.split(".")[0] in ("sparks", "sparks_thesis"):
            raise SparksError(f"{path}._target_={target}: the library has no such name")
        return  # an installed package, or a module of the user's that only the job can see
    parameters, open_ended = arguments(definition)
    for key, value in node.items():
        if key.startswith("_") and key.endswith("_"):
            continue
        if key not in parameters:
            if open_ended:
                continue
            raise SparksError(
                f"{path}.{key}: {target} takes no {key!r}; allowed: {sorted(parameters)}"
            )
        annotation = parameters[key]
        if annotation is not None and not _fits(value, annotation):
            raise SparksError(
                f"{path}.{key}={value!r}: {target} wants {ast.unparse(annotation)} there"
            )


def _check_class(path: str, target: str) -> None:
    """Refuse a class that is not, and does not inherit from, the one that a setting asks for."""
    wanted = class_of(path)
    definition, needed = find(target), find(wanted)
    if definition is None or needed is None or not isinstance(definition.node, ast.ClassDef):
        return  # of another package, or a function
    if not _inherits(definition, needed):
        raise SparksError(f"{path}._target_={target}: it must be {wanted}, or inherit from that")


def _inherits(definition: Definition, needed: Definition) -> bool:
    return definition == needed or any(_inherits(base, needed) for base in _bases(definition))


def _bases(definition: Definition) -> Iterator[Definition]:
    """Yield the classes that a class names as its bases, as far as their files are here."""
    for base in definition.node.bases if isinstance(definition.node, ast.ClassDef) else ():
        name, file = ast.unparse(base), definition.file
        for found in (defined(file, name), find(source(file).exports.get(name, ""))):
            if found:
                yield found


def _check_changes(config: DictConfig, tree: Any) -> None:
    """Refuse changes of methods that are not there, or of settings that they lack."""
    studies = {f"studies.{name}": study for name, study in tree["studies"].items()}
    for where, study in {**studies, "words": tree["words"]}.items():
        for name, changed in study.get(CHANGES, {}).items():
            option = option_of(config, f"{where}.{CHANGES}", name)
            _check_target(
                f"{where}.{CHANGES}.{name}", {"_target_": option.method["_target_"], **changed}
            )


def arguments(definition: Definition) -> tuple[dict[str, ast.expr | None], bool]:
    """Return what a class or function takes: name → annotation, and whether it takes any name."""
    node = definition.node
    if isinstance(node, ast.ClassDef):
        init = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if init is None:
            return _fields(definition)
        node = init
    spec = node.args
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    return {a.arg: a.annotation for a in every if a.arg != "self"}, spec.kwarg is not None


def _fields(definition: Definition) -> tuple[dict[str, ast.expr | None], bool]:
    """Return the fields of a dataclass, those of its bases first."""
    fields: dict[str, ast.expr | None] = {}
    open_ended = False
    assert isinstance(definition.node, ast.ClassDef)
    for base in _bases(definition):
        inherited, more = arguments(base)
        fields |= inherited
        open_ended |= more
    for statement in definition.node.body:
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and "ClassVar" not in ast.unparse(statement.annotation)
        ):
            fields[statement.target.id] = statement.annotation
    return fields, open_ended


_SIMPLE: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
}


def _fits(value: Any, annotation: ast.expr) -> bool:
    """Return whether a plain value fits the annotation; True where that cannot be decided."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _fits(value, annotation.left) or _fits(value, annotation.right)
    text = ast.unparse(annotation)
    if text.startswith("Literal["):
        return value in ast.literal_eval(f"[{text.removeprefix('Literal[')}")
    if text not in _SIMPLE:
        return not isinstance(value, int | float | str) or not text.startswith(
            ("list[", "tuple[", "Sequence[", "Mapping[", "dict[")
        )
    if isinstance(value, bool):
        return text == "bool"
    return isinstance(value, _SIMPLE[text])


# --- what an experiment asks for -------------------------------------------------------------

_LISTS = {"datasets": "dataset", "models": "model", "methods": "attribution", "metrics": "metric"}
_LISTS |= {"texts": "text"}
IMAGENET_CLASSES = 1000  # of published weights


def _check_grid(config: DictConfig, name: str) -> None:
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
    _check_classes(config, name)
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


def _check_study(config: DictConfig) -> None:
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


def _check_atoms(config: DictConfig) -> None:
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


def _check_classes(config: DictConfig, name: str) -> None:
    """Refuse classes, and models that evaluate pictures or share a dictionary, not there."""
    studies, settings = grid.experiment(config, name)["studies"], config.studies
    _check_banks(config, studies)
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


def _check_banks(config: DictConfig, studies: Mapping[str, Sequence[str]]) -> None:
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
