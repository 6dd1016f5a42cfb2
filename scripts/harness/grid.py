"""Derive the jobs of the workflow from the composed configuration.

An experiment is a grid: data sets × models × seeds, × methods, × families of metrics, less what it
excludes. The functions below say which artifacts that grid is made of; rules use them as inputs,
scripts at the shell to find the same files.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from harness import places
from harness.compose import CONFIG, part
from harness.loading import concept_layers
from harness.methods import can_explain
from sparks.errors import SparksError
from sparks_thesis.human_study import Package

# What an item is written as: name → ending. The caption is text for the report.
FORMATS = {
    "figure": {"pdf": "pdf", "png": "png", "caption": "caption.rst"},
    "table": {"csv": "csv", "md": "md", "tex": "tex", "html": "html", "caption": "caption.rst"},
}


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


# Configuration (by its id, as long as it lives) → its experiments, each resolved once: planning all
# jobs asks for them thousands of times.
_EXPERIMENTS: dict[int, dict[str, Any]] = {}


def experiment(config: DictConfig, name: str) -> dict[str, Any]:
    """Return one experiment, resolved, of a configuration that changes no more."""
    if id(config) not in _EXPERIMENTS:
        _EXPERIMENTS[id(config)] = {}
        weakref.finalize(config, _EXPERIMENTS.pop, id(config))
    known = _EXPERIMENTS[id(config)]
    if name not in known:
        known[name] = OmegaConf.to_container(config.experiments[name], resolve=True)
    return dict(known[name])


def runs(config: DictConfig, name: str) -> list[Run]:
    """List the trained models of an experiment."""
    grid = experiment(config, name)
    listed = [
        Run(dataset, model, seed)
        for dataset in grid["datasets"]
        for model in _models(config, dataset, grid["models"])
        for seed in grid["seeds"]
    ]
    return [run for run in listed if not _excluded(grid, **run._asdict())]


def _models(config: DictConfig, dataset: str, models: list[str]) -> list[str]:
    """Name the models of a data set, a pretrained one for those that cannot be trained on it."""
    pretrained = config.datasets[dataset].get("pretrained")
    if pretrained is None:
        return models
    chosen = [pretrained if config.models[m].weights is None else m for m in models]
    return list(dict.fromkeys(chosen))


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
            if not _excluded(grid, **run._asdict(), method=method):
                yield Explanation(*run, method)


def is_able(config: DictConfig, model: str, method: str) -> bool:
    """Return whether a method can explain a model, by what it needs and the model's kind."""
    return can_explain(config, config.models[model].kind, method)


def metrics(config: DictConfig, name: str, job: Explanation) -> list[str]:
    """List the families of metrics that score one method's maps of a model."""
    grid = experiment(config, name)
    return [
        metric
        for metric in grid["metrics"]
        if _has_truth(config, job.dataset, metric)
        and not _excluded(grid, **job._asdict(), metric=metric)
    ]


def _excluded(grid: dict[str, Any], **job: Any) -> bool:
    """Return whether a rule of `exclude` matches the job."""
    return any(
        all(job.get(key) == value for key, value in rule.items()) for rule in grid["exclude"]
    )


def scores(config: DictConfig, name: str) -> list[str]:
    """List the artifacts that hold one experiment's numbers."""
    grid = experiment(config, name)
    return [
        *(_of_folds(config, name) if grid.get("folds") else _of_runs(config, name)),
        *(
            file
            for study, tables in places.STUDIES.items()
            for file in studied(config, name, study, *tables)
        ),
        *(places.WORDS.format(text=t, seed=s) for t, s in product(grid["texts"], grid["seeds"])),
    ]


def _of_runs(config: DictConfig, name: str) -> Iterator[str]:
    """Yield the numbers of models trained once, on all training images."""
    yield from (places.EVALUATION.format(**run._asdict()) for run in runs(config, name))
    yield from (places.COST.format(**job._asdict()) for job in explanations(config, name))
    for job in explanations(config, name):
        for metric in metrics(config, name, job):
            yield places.SCORES.format(**job._asdict(), metric=metric)


def _of_folds(config: DictConfig, name: str) -> Iterator[str]:
    """Yield the numbers of models trained once a fold (`folds: true` of an experiment)."""
    for run in runs(config, name):
        yield places.STABILITY_SCORES.format(**run._asdict(), experiment=name)


def fold_weights(config: DictConfig, names: Mapping[str, str]) -> list[str]:
    """List the weights of the networks of every fold, for one share of switched labels."""
    folds = range(config.studies.stability.folds)
    return [places.FOLD.format(**names, fold=fold) for fold in folds]


def stability_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what one method is applied to: the images, and the networks by their labels."""
    shares = [0, *config.studies.stability.switched]
    weights = {f"labels_{p}": fold_weights(config, {**names, "switched": str(p)}) for p in shares}
    return {"train": places.TRAIN.format(**names), **weights}


def stability_scores_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what one model's folds gave: distances and metrics of every method, histories."""
    run = Run(names["dataset"], names["model"], int(names["seed"]))
    jobs = [job for job in explanations(config, names["experiment"]) if Run(*job[:3]) == run]
    shares = [0, *config.studies.stability.switched]
    return {
        "pairs": [path for job in jobs for path in _compared(config, places.PAIRS, job)],
        "metrics": [path for job in jobs for path in _compared(config, places.PAIR_METRICS, job)],
        "history": [places.FOLD_HISTORY.format(**run._asdict(), switched=p) for p in shares],
    }


def _compared(config: DictConfig, whole: str, job: Explanation) -> list[str]:
    """Name what one method gave on the networks of one model's folds, shard by shard.

    A shard holds `studies.stability.shard` images of every fold.
    """
    study = config.studies.stability
    if study.shard is None:
        return [whole.format(**job._asdict())]
    each = {places.PAIRS: places.PAIRS_SHARD, places.PAIR_METRICS: places.PAIR_METRICS_SHARD}[whole]
    number = -(-(study.images // study.folds) // study.shard)
    return [each.format(**job._asdict(), shard=shard) for shard in range(number)]


def shards(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of one method gave, in the order of the images.

    A data set with fewer images than `explain.n` leaves the last shards empty: how many images
    there are is known only when they are there.

    Raises:
        SparksError: when maps are not made in shards.
    """
    size = config.explain.shard
    if size is None:
        raise SparksError("explain.shard is null: attribute.py makes the maps of all images")
    images = part(config, ["explain.n"], dataset=names["dataset"])["explain.n"]
    numbers = range(-(-images // size))
    templates = {"maps": places.SHARD, "costs": places.SHARD_COST}
    return {kind: [t.format(**names, shard=i) for i in numbers] for kind, t in templates.items()}


def _classes_of_a_job(config: DictConfig) -> int:
    if config.concepts.shard is None:
        raise SparksError("concepts.shard is null: one job takes all classes")
    return int(config.concepts.shard)


def shards_of_classes(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """Name what the shards of the classes gave: tables of "craft", "holistic" or "lens".

    How many classes a model predicts often enough is known only when it is there: the last shards
    may be empty.

    Raises:
        SparksError: when classes are not split.
    """
    size = _classes_of_a_job(config)
    key = f"studies.{study}.{'surveyor' if study == 'lens' else 'study'}.most"
    most = part(config, [key], dataset=names["dataset"])[key]
    classes = config.datasets[names["dataset"]].num_classes
    number = -(-min(classes, most or classes) // size)
    place = {
        "craft": places.CRAFT_SHARD, "holistic": places.HOLISTIC_SHARD, "lens": places.LENS_SHARD,
    }[study]  # fmt: skip
    known = {key: names[key] for key in ("dataset", "model", "seed")}
    return [place.format(**known, shard=shard) for shard in range(number)]


def concept_layers_of(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """List the layers at which a study reads a model's concepts, from input to output.

    Raises:
        SparksError: when there is none.
    """
    key = f"studies.{study}.layers"
    keys = ["model.concept_layer", *([key] if OmegaConf.select(config, key) is not None else [])]
    found = part(config, keys, dataset=names["dataset"], model=names["model"])
    own = found.get(key, {}).get(names["model"])
    known = {names["model"]: [own] if isinstance(own, str) else own} if own else {}
    return concept_layers(known, names["model"], found["model.concept_layer"])


def concept_tables(config: DictConfig, study: str, names: Mapping[str, str]) -> list[str]:
    """Name the concepts that a study reads, a table for each layer; the banks lie beside it."""
    key = f"studies.{study}.bank"
    bank = part(config, [key], dataset=names["dataset"])[key]
    run = {name: names[name] for name in ("dataset", "model", "seed")}
    layers = concept_layers_of(config, study, names)
    return [places.CONCEPTS.format(bank=bank, **run, layer=layer) for layer in layers]


def concept_shards(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of the classes gave at one layer; the banks lie beside each table.

    Raises:
        SparksError: when classes are not split.
    """
    size = _classes_of_a_job(config)
    number = config.datasets[names["dataset"]].num_classes
    run = {name: names[name] for name in ("bank", "dataset", "model", "seed", "layer")}
    shards = range(-(-number // size))
    return {"tables": [places.CONCEPTS_SHARD.format(**run, shard=shard) for shard in shards]}


def shards_of_atlas(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of Lens's survey gave, and the concepts that were surveyed."""
    return {
        "tables": shards_of_classes(config, "lens", names),
        "concepts": concept_tables(config, "lens", names),
    }


def study_of_concepts(study: str) -> Callable[[DictConfig, Mapping[str, str]], dict[str, Any]]:
    """Return what names the inputs of a study that reads concepts."""

    def inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
        run = {name: names[name] for name in ("dataset", "model", "seed")}
        given = {kind: template.format(**run) for kind, template in places.CLASSIFIED.items()}
        return {**given, "concepts": concept_tables(config, study, names)}

    return inputs


def maco_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what pictures of a model are made of, and the other models that judge them."""
    judges = [judge.split("/") for judge in judges_of(config, names["dataset"])]
    paths = [places.WEIGHTS.format(dataset=names["dataset"], model=m, seed=s) for m, s in judges]
    own = places.WEIGHTS.format(**names)
    return {
        "train": places.TRAIN.format(**names),
        "test": places.TEST.format(**names),
        "spectrum": places.SPECTRUM.format(**names),
        "weights": own,
        "concepts": concept_tables(config, "maco", names),
        "judges": [path for path in paths if path != own],
    }


def judges_of(config: DictConfig, dataset: str) -> list[str]:
    """List the models, NAME/SEED, that judge pictures made on a data set."""
    judges: list[str] = part(config, ["shared.maco_judges"], dataset=dataset)["shared.maco_judges"]
    return judges


def test_splits(config: DictConfig, names: Mapping[str, str]) -> list[str]:
    """List the test splits of a data set, the unbiased one first."""
    biased = config.datasets[names["dataset"]].builder.get("bias", 0) > 0
    splits = ["test", "test_biased"] if biased else ["test"]
    return [places.DATA.format(dataset=names["dataset"], split=split) for split in splits]


def study_runs(config: DictConfig, name: str, study: str) -> list[Run]:
    """List the trained models of an experiment that one of its studies is made on."""
    grid = experiment(config, name)
    return [
        run
        for run in runs(config, name)
        if run.dataset in grid["studies"].get(study, [])
        and not _excluded(grid, **run._asdict(), study=study)
    ]


def studied(config: DictConfig, name: str, study: str, *templates: str) -> list[str]:
    """List artifacts of a study, for each model on the data sets that the study is made on."""
    chosen = study_runs(config, name, study)
    return list(dict.fromkeys(t.format(**run._asdict()) for run in chosen for t in templates))


def lens_tables(config: DictConfig) -> list[str]:
    """List the numbers of the atlases that the Lens site shows, whatever experiments are chosen."""
    settings: Any = OmegaConf.to_container(config.studies.lens, resolve=True)
    pairs = product(settings["datasets"], settings["models"])
    return [
        places.LENS.format(dataset=dataset, model=model, seed=config.seed)
        for dataset, model in pairs
        if not _excluded(settings, dataset=dataset, model=model)
    ]


def lens_story(config: DictConfig) -> list[str]:
    """Name what the Lens site tells a story from, where its first model has one.

    That is the table and the pictures of `covering`, and the model's concepts.
    """
    dataset, model, seed = lens_tables(config)[0].removesuffix(".parquet").split("/")[-3:]
    if f"{dataset}/{model}" not in config.studies.lens.stories:
        return []
    names = {"dataset": dataset, "model": model, "seed": seed}
    made = [place.format(**names) for place in (places.COVERING, places.COVERING_PICTURES)]
    return [*made, *concept_tables(config, "lens", names)]


def lens_pages() -> list[str]:
    """List the templates, styles and scripts of the Lens site: a change makes it anew."""
    own = places.files_in("src/sparks_thesis/lens/templates", "src/sparks_thesis/lens/static")
    return sorted([*own, STYLE])


def study_tarballs(config: DictConfig) -> list[str]:
    """List the packages that the page of a study is made with."""
    settings: Any = OmegaConf.to_container(config.study.packages, resolve=True)
    packages = [Package(**{k: v for k, v in made.items() if k != "_target_"}) for made in settings]
    return [places.STUDY_TARBALL.format(tarball=package.tarball) for package in packages]


def study_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what one scenario of a study is made from: images, a model, maps and concepts."""
    settings = config.study
    methods = [*settings.methods, *([settings.control] if settings.control else [])]
    concepts: dict[str, Any] = {}
    if settings.concepts:
        concepts = {"atlas": places.LENS.format(**names)}
        concepts |= {"concepts": concept_tables(config, "lens", names)}
    return {
        "test": places.TEST.format(**names),
        "images": places.EXPLAINED.format(**names),
        "weights": places.WEIGHTS.format(**names),
        "maps": [places.MAPS.format(**names, method=method) for method in methods],
        **concepts,
    }


def study_scenarios(config: DictConfig) -> list[str]:
    """List the scenarios of a study."""
    return [places.STUDY_SCENARIO.format(**run, seed=config.seed) for run in config.study.runs]


def study_key(config: DictConfig) -> str:
    """Name the key that answers are read with."""
    return str(config.study.key or places.STUDY_KEY)


def study_items(config: DictConfig) -> list[str]:
    """List the figures and tables that are drawn from the answers to a study."""
    drawn = [item for item, settings in config["items"].items() if "study" in settings.reads]
    return [file for item in drawn for file in item_outputs(config, str(item)).values()]


# The style sheet of all pages.
STYLE = places.in_checkout("src/sparks_thesis/common/static/site.css")


def study_files() -> list[str]:
    """List the template, styles and script of a study's page: a change makes it anew."""
    folder = "src/sparks_thesis/human_study"
    own = places.files_in(f"{folder}/templates", f"{folder}/static")
    return sorted([*own, STYLE])


def _has_truth(config: DictConfig, dataset: str, metric: str) -> bool:
    """Return whether the data set has the ground truth that the metric compares with (parts)."""
    return bool(config.datasets[dataset].has_parts or not config.metrics[metric].needs_truth)


def items(config: DictConfig) -> list[str]:
    """List the figures and tables of the experiments that were chosen, each once.

    One of studies that are made on none of the data sets has nothing to show and is left out, as is
    one of metrics that score no map: those of parts, on data sets that mark none.
    """
    listed = [item for name in config.experiments for item in config.experiments[name]["items"]]
    return [item for item in dict.fromkeys(listed) if _reads_something(config, item)]


def _reads_something(config: DictConfig, item: str) -> bool:
    names, reads = _experiments_of(config, item), config["items"][item].reads
    families = set(config["items"][item].get("metrics", []))
    jobs = ((name, job) for name in names for job in explanations(config, name))
    if families and not any(families & set(metrics(config, *each)) for each in jobs):
        return False
    return any(any(True for _ in _reads(config, kind, [name])) for kind in reads for name in names)


def _experiments_of(config: DictConfig, item: str) -> list[str]:
    """Name the chosen ones of an item's experiments, or all of them where none was chosen."""
    own = config["items"][item].experiments
    if own == "all":
        return list(config.experiments)
    return [name for name in own if name in config.experiments] or list(own)


def item_inputs(config: DictConfig, item: str) -> dict[str, list[str]]:
    """List the files an item is drawn from, by kind (the kinds in its `reads`).

    It shows those of its experiments that were chosen, and the scores that an earlier run left of
    the others: a chapter that runs alone takes no other one out of a table.
    """
    settings = config["items"][item]
    own = experiments() if settings.experiments == "all" else list(settings.experiments)
    names = _experiments_of(config, item)
    found = {kind: list(dict.fromkeys(_reads(config, kind, names))) for kind in settings.reads}
    if "scores" in settings.reads:
        left_out = (places.EXPERIMENT.format(experiment=name) for name in own if name not in names)
        found["scores"] += [path for path in left_out if os.path.isfile(path)]
    if settings.published:
        found["published"] = [places.published(name) for name in settings.published]
    return {kind: files for kind, files in found.items() if files}


def _reads(config: DictConfig, kind: str, names: list[str]) -> Iterator[str]:
    for name in names:
        match kind:
            case "scores":
                if scores(config, name):
                    yield places.EXPERIMENT.format(experiment=name)
            case "images":
                yield from (places.EXPLAINED.format(dataset=r.dataset) for r in runs(config, name))
            case "maps":
                yield from (places.MAPS.format(**j._asdict()) for j in explanations(config, name))
            case "history":
                yield from (places.HISTORY.format(**r._asdict()) for r in runs(config, name))
            case "time":
                yield from (places.TRAINING_TIME.format(**r._asdict()) for r in runs(config, name))
            case "cost":
                yield from (places.COST.format(**j._asdict()) for j in explanations(config, name))
            case "budget" | "samplers":
                yield from studied(config, name, kind, *places.STUDIES[kind])
            case "budget_cost":
                yield from studied(config, name, "budget", places.BUDGET_COST)
            case "alignment_maps":
                yield from studied(config, name, "alignment", places.ALIGNMENT_MAPS)
            case "lipschitz_maps":
                yield from studied(config, name, "lipschitz", places.LIPSCHITZ_MAPS)
            case "snowflakes":
                yield from studied(config, name, kind, places.SNOWFLAKES_DRAWN)
            case "eva_cost":
                yield from studied(config, name, "eva", places.EVA_COST)
            case "eva_maps":
                yield from studied(config, name, "eva", places.EVA_MAPS)
            case "craft_pictures":
                yield from studied(config, name, "craft", places.CRAFT_PICTURES)
            case "maco_pictures":
                yield from studied(config, name, "maco", places.MACO_PICTURES)
            case "study":
                yield places.STUDY_MEASURES
            case "walkthrough":
                yield from studied(config, name, kind, places.WALKTHROUGH)


def before_gallery(config: DictConfig) -> set[str]:
    """Name fig-gallery, the first figure that a long run is to show, and what it waits for."""
    item = "fig-gallery"
    if item not in items(config):
        return set()
    names = _experiments_of(config, item)
    templates = (places.TRAIN, places.TEST, places.EXPLAINED, places.WEIGHTS, places.MAPS)
    jobs = [job._asdict() for name in names for job in explanations(config, name)]
    made = {template.format(**job) for job in jobs for template in templates}
    return made | set(item_outputs(config, item).values())


def experiments() -> list[str]:
    """List all experiments that there are, chosen or not, by name."""
    return sorted(file.stem for file in (CONFIG / "experiment").glob("*.yaml"))


def targets(config: DictConfig, kind: str | None = None) -> list[str]:
    """List the files of every figure and table that the chosen experiments ask for.

    Args:
        config: the composed tree.
        kind: "figure" or "table" alone.
    """
    chosen = [item for item in items(config) if kind in (None, config["items"][item].kind)]
    return [file for item in chosen for file in item_outputs(config, item).values()]


def item_outputs(config: DictConfig, item: str) -> dict[str, str]:
    """Name the files one item is rendered to, by format."""
    files = templates(config["items"][item].kind)
    return {name: file.format(item=item) for name, file in files.items()}


def templates(kind: str) -> dict[str, str]:
    """Name the files that a "figure" or a "table" is rendered to, the item left open."""
    place = {"figure": places.FIGURE, "table": places.TABLE}[kind]
    return {n: place.format(item="{item}", suffix=end) for n, end in FORMATS[kind].items()}
