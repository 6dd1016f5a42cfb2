"""Say which files jobs read and write, from the composed configuration.

Rules use these functions as inputs, scripts at the shell to find the same files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sparks.errors import SparksError
from sparks_thesis.human_study import Package
from sparks_thesis.pipeline import grid, paths
from sparks_thesis.pipeline.concept_files import concept_tables
from sparks_thesis.pipeline.paths import fill
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.studies import ITEMS, STUDIES

# What an item is written as: name → ending. The caption is text for the report.
FORMATS = {
    "figure": {"pdf": "pdf", "png": "png", "caption": "caption.rst"},
    "table": {"csv": "csv", "md": "md", "tex": "tex", "html": "html", "caption": "caption.rst"},
}

# Kinds of artifacts that an item may read (`reads` in its file) beside scores and what studies give
# (`studies.ITEMS`): of models, and of explanations.
OF_RUNS = {"images": paths.EXPLAINED, "history": paths.HISTORY, "time": paths.TRAINING_TIME}
OF_EXPLANATIONS = {"maps": paths.MAPS, "cost": paths.COST}

# Figures that a long run shows first.
GALLERY, WALKTHROUGH = "fig-gallery", "fig-sobol-walkthrough"


# --- experiments -----------------------------------------------------------------------------


@grid.once
def scores(config: DictConfig, name: str) -> list[str]:
    """List the artifacts that hold one experiment's numbers."""
    chosen = grid.experiment(config, name)
    return [
        *(_of_folds(config, name) if chosen.get("folds") else _of_runs(config, name)),
        *(f for n, study in STUDIES.items() for f in _studied(config, name, n, study.tables)),
        *(
            paths.WORDS.format(text=text, seed=seed)
            for text, seed in product(chosen["texts"], chosen["seeds"])
        ),
    ]


def _of_runs(config: DictConfig, name: str) -> Iterator[str]:
    """Yield the numbers of models trained once, on all training images."""
    jobs = grid.explanations(config, name)
    yield from (
        paths.EVALUATION.format(**run._asdict())
        for run in grid.runs(config, name)
        if config.datasets[run.dataset].get("labelled", True)
    )
    yield from (paths.COST.format(**job._asdict()) for job in jobs)
    yield from (
        paths.SCORES.format(**job._asdict()) for job in jobs if grid.metrics(config, name, job)
    )


def _of_folds(config: DictConfig, name: str) -> Iterator[str]:
    """Yield the numbers of models trained once a fold (`folds: true` of an experiment)."""
    for run in grid.runs(config, name):
        yield paths.STABILITY_SCORES.format(**run._asdict(), experiment=name)


def _studied(config: DictConfig, name: str, study: str, templates: Iterable[str]) -> list[str]:
    """List artifacts of a study, for each model that it is made on."""
    runs = grid.study_runs(config, name, study)
    return list(dict.fromkeys(t.format(**run._asdict()) for run in runs for t in templates))


# --- inputs of jobs, by their wildcards --------------------------------------------------------


def fold_weights(config: DictConfig, names: Mapping[str, str]) -> list[str]:
    """List the weights of the networks of every fold, for one share of wrong labels."""
    return [fill(paths.FOLD, names, fold=fold) for fold in range(config.studies.stability.folds)]


def stability_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what one method is applied to: the images, and the networks by their labels."""
    weights = {
        f"labels_{share}": fold_weights(config, {**names, "label_noise": str(share)})
        for share in _label_noise(config)
    }
    return {"train": fill(paths.TRAIN, names), **weights}


def _label_noise(config: DictConfig) -> list[int]:
    """List the percentages of wrong labels that networks of folds learn from."""
    return [0, *config.studies.stability.label_noise]


def stability_scores_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what one model's folds gave: distances and metrics of every method, histories."""
    run = (names["dataset"], names["model"], int(names["seed"]))
    listed = grid.explanations(config, names["experiment"])
    jobs = [job._asdict() for job in listed if job[:3] == run]
    study, shares = config.studies.stability, _label_noise(config)

    def of_jobs(whole: str, shard: str) -> list[str]:
        if study.shard is None:
            return [fill(whole, job) for job in jobs]
        n = study.images // study.folds  # a shard holds so many images of every fold
        return [file for job in jobs for file in paths.shards(shard, job, n, study.shard)]

    return {
        "pairs": of_jobs(paths.PAIRS, paths.PAIRS_SHARD),
        "metrics": of_jobs(paths.PAIR_METRICS, paths.PAIR_METRICS_SHARD),
        "history": [fill(paths.FOLD_HISTORY, names, label_noise=share) for share in shares],
    }


def shards(config: DictConfig, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Name what the shards of one method gave, in the order of the images.

    A data set with fewer images than `explain.n` leaves the last shards empty: how many images
    there are is known only when they are there.

    Raises:
        SparksError: when maps are not made in shards.
    """
    if config.explain.shard is None:
        raise SparksError("explain.shard is null: attribute.py makes the maps of all images")
    images = part(config, ["explain.n"], dataset=names["dataset"])["explain.n"]
    templates = {"maps": paths.SHARD, "costs": paths.SHARD_COST}
    return {
        kind: paths.shards(place, names, images, config.explain.shard)
        for kind, place in templates.items()
    }


def maco_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what pictures of a model are made of, and the other models that evaluate them."""
    return {
        "train": fill(paths.TRAIN, names),
        "test": fill(paths.TEST, names),
        "spectrum": fill(paths.SPECTRUM, names),
        "concepts": concept_tables(config, "maco", names),
        **_evaluated(config, names),
    }


def accentuation_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name the images that a model's classes change, and the models that score the changes."""
    return {"images": fill(paths.EXPLAINED, names), **_evaluated(config, names)}


def _evaluated(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name the weights of a model, and those of the other models that evaluate its pictures."""
    evaluators = [name.split("/") for name in grid.evaluators_of(config, names["dataset"])]
    weights = [fill(paths.WEIGHTS, names, model=m, seed=s) for m, s in evaluators]
    own = fill(paths.WEIGHTS, names)
    return {"weights": own, "evaluators": [path for path in weights if path != own]}


def with_other_seeds(study: str) -> Callable[[DictConfig, Mapping[str, str]], dict[str, Any]]:
    """Return what names the images, a model, and those that a study sets beside it."""

    def inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
        seeds = [names["seed"], *map(str, config.studies[study].networks)]
        weights = dict.fromkeys(fill(paths.WEIGHTS, names, seed=seed) for seed in seeds)
        data = {"train": fill(paths.TRAIN, names), "test": fill(paths.TEST, names)}
        return {**data, "weights": list(weights)}

    return inputs


def universal_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what names the images, and the models that share a dictionary, the own one first."""
    named = with_other_seeds("universal")(config, names)
    models = config.studies.universal.models
    others = [fill(paths.WEIGHTS, names, model=model) for model in models]
    return named | {"weights": list(dict.fromkeys([*named["weights"], *others]))}


def test_splits(config: DictConfig, names: Mapping[str, str]) -> list[str]:
    """List the test splits of a data set: one without its shortcut, and one with it."""
    biased = config.datasets[names["dataset"]].builder.get("bias", 0) > 0
    splits = [paths.TEST, paths.TEST_BIASED] if biased else [paths.TEST]
    return [fill(split, names) for split in splits]


# --- Lens, and the study with people ---------------------------------------------------------


def lens_tables(config: DictConfig) -> list[str]:
    """List the numbers of the atlases that the Lens site shows, whatever experiments are chosen."""
    settings: Any = OmegaConf.to_container(config.studies.lens, resolve=True)
    pairs = product(settings["datasets"], settings["models"])
    return [
        paths.LENS.format(dataset=dataset, model=model, seed=config.seed)
        for dataset, model in pairs
        if not grid.is_excluded(settings, dataset=dataset, model=model)
    ]


def atoms_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name the photographs whose places one dictionary is fitted to."""
    listed = config.studies.atoms.datasets
    return {"images": [p.format(dataset=d) for d in listed for p in (paths.TRAIN, paths.TEST)]}


def atoms_site_inputs(config: DictConfig) -> dict[str, str]:
    """Name what the site of all classes is made from."""
    names = {"model": config.studies.atoms.model, "seed": config.seed}
    return {"table": paths.ATOMS.format(**names), "atoms": paths.ATOMS_TENSORS.format(**names)}


def lens_story(config: DictConfig) -> list[str]:
    """Name what the Lens site tells a story from, where its first model has one.

    That is the table and the pictures of `covering`, and the model's concepts.
    """
    if not (tables := lens_tables(config)):  # no data set of the site is on disk
        return []
    dataset, model, seed = tables[0].removesuffix(".parquet").split("/")[-3:]
    if f"{dataset}/{model}" not in config.studies.lens.stories:
        return []
    names = {"dataset": dataset, "model": model, "seed": seed}
    made = [place.format(**names) for place in (paths.COVERING, paths.COVERING_PICTURES)]
    return [*made, *concept_tables(config, "lens", names)]


def study_tarballs(config: DictConfig) -> list[str]:
    """List the packages that the page of a study is made with."""
    settings: Any = OmegaConf.to_container(config.study.packages, resolve=True)
    packages = [Package(**{k: v for k, v in made.items() if k != "_target_"}) for made in settings]
    return [paths.STUDY_TARBALL.format(tarball=package.tarball) for package in packages]


def study_inputs(config: DictConfig, names: Mapping[str, str]) -> dict[str, Any]:
    """Name what one scenario of a study is made from: images, a model, maps and concepts."""
    settings = config.study
    methods = [*settings.methods, *([settings.control] if settings.control else [])]
    concepts: dict[str, Any] = {}
    if settings.concepts:
        concepts = {"atlas": paths.LENS.format(**names)}
        concepts |= {"concepts": concept_tables(config, "lens", names)}
    return {
        "test": fill(paths.TEST, names),
        "images": fill(paths.EXPLAINED, names),
        "weights": fill(paths.WEIGHTS, names),
        "maps": [fill(paths.MAPS, names, method=method) for method in methods],
        **concepts,
    }


def study_scenarios(config: DictConfig) -> list[str]:
    """List the scenarios of a study."""
    return [paths.STUDY_SCENARIO.format(**run, seed=config.seed) for run in config.study.runs]


def study_key(config: DictConfig) -> str:
    """Name the key that answers are read with."""
    return str(config.study.key or paths.STUDY_KEY)


def study_items(config: DictConfig) -> list[str]:
    """List the figures and tables that are drawn from the answers to a study."""
    drawn = [item for item, settings in config["items"].items() if "study" in settings.reads]
    return [file for item in drawn for file in item_outputs(config, str(item)).values()]


# --- figures and tables ----------------------------------------------------------------------


@grid.once
def items(config: DictConfig) -> list[str]:
    """List the figures and tables of the experiments that were chosen, each once.

    One of studies that are made on none of the data sets has nothing to show and is left out, as is
    one of metrics that score no map, or of known parts on data sets that have none.
    """
    listed = [item for name in config.experiments for item in config.experiments[name]["items"]]
    return [item for item in dict.fromkeys(listed) if _reads_something(config, item)]


def _reads_something(config: DictConfig, item: str) -> bool:
    names, settings = _experiments_of(config, item), config["items"][item]
    families = set(settings.get("metrics", []))
    jobs = ((name, job) for name in names for job in grid.explanations(config, name))
    if families and not any(families & set(grid.metrics(config, *each)) for each in jobs):
        return False
    studies = settings.get("studies", [])
    if studies and not any(grid.study_runs(config, n, study) for n in names for study in studies):
        return False
    datasets = (run.dataset for name in names for run in grid.runs(config, name))
    if settings.get("parts") and not any(config.datasets[d].has_parts for d in datasets):
        return False
    return any(_reads(config, kind, name) for kind in settings.reads for name in names)


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
    settings, names = config["items"][item], _experiments_of(config, item)
    read = {
        kind: list(dict.fromkeys(file for name in names for file in _reads(config, kind, name)))
        for kind in settings.reads
    }
    if "scores" in settings.reads:
        every = sorted(file.stem for file in (paths.CONFIG / "experiment").glob("*.yaml"))
        own = every if settings.experiments == "all" else settings.experiments
        others = (paths.EXPERIMENT.format(experiment=name) for name in own if name not in names)
        read["scores"] += [path for path in others if os.path.isfile(path)]
    if settings.published:
        read["published"] = [paths.published(name) for name in settings.published]
    return {kind: files for kind, files in read.items() if files}


def _reads(config: DictConfig, kind: str, name: str) -> list[str]:
    """List the artifacts of one kind that an item reads of an experiment."""
    if kind == "scores":
        return [paths.EXPERIMENT.format(experiment=name)] if scores(config, name) else []
    if kind == "study":
        return [paths.STUDY_MEASURES]
    if kind in ITEMS:
        return _studied(config, name, *ITEMS[kind])
    if kind in OF_RUNS:
        return [OF_RUNS[kind].format(**run._asdict()) for run in grid.runs(config, name)]
    jobs = grid.explanations(config, name)
    return [OF_EXPLANATIONS[kind].format(**job._asdict()) for job in jobs]


def first(config: DictConfig) -> dict[str, int]:
    """Return what is made first, so that a long run shows figures soon: file → priority.

    fig-sobol-walkthrough comes first, since it needs one network and no training where there are
    photographs, then fig-gallery; each with all that it waits for.
    """
    made: dict[str, int] = {}
    for priority, item in enumerate((GALLERY, WALKTHROUGH), start=1):
        if item not in items(config):
            continue
        for name in _experiments_of(config, item):
            needing: list[tuple[str, grid.Explanation | grid.Run]] = (
                [(paths.MAPS, job) for job in grid.explanations(config, name)]
                if item == GALLERY
                else [(paths.WALKTHROUGH, r) for r in grid.study_runs(config, name, "walkthrough")]
            )
            for place, job in needing:
                places = (paths.TRAIN, paths.TEST, paths.EXPLAINED, paths.WEIGHTS, place)
                made |= {path.format(**job._asdict()): priority for path in places}
        made |= dict.fromkeys(item_outputs(config, item).values(), priority)
    return made


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


# Inputs and outputs of the jobs that draw an item, for `job.main`.
ITEM: dict[str, Callable[[DictConfig, Mapping[str, str]], Mapping[str, Any]]] = {
    "inputs": lambda config, names: item_inputs(config, names["item"]),
    "outputs": lambda config, names: item_outputs(config, names["item"]),
}


def templates(kind: str) -> dict[str, str]:
    """Name the files that a "figure" or a "table" is rendered to, the item left open."""
    place = {"figure": paths.FIGURE, "table": paths.TABLE}[kind]
    return {n: place.format(item="{item}", suffix=end) for n, end in FORMATS[kind].items()}
