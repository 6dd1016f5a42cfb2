"""Path of every artifact; rules and scripts both take them from here.

Artifacts lie below the working directory, which is the checkout unless Snakemake is given another
one (`--directory`, or as a module of another workflow).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
DEPLOYED = "SPARKS_CONFIG"  # environment variable: the folder of a copy of config/ that is read
CONFIG = Path(os.environ.get(DEPLOYED) or ROOT / "config")

SCALE = "results/scale.txt"  # the scale of all that is there
OVERRIDES = "results/overrides.json"  # the overrides that each experiment was run with
DOWNLOAD = "results/downloads/{dataset}.json"
DOWNLOADED_WEIGHTS = "results/downloads/weights/{model}.json"
TRAIN = "results/data/{dataset}/train.safetensors"
TEST = "results/data/{dataset}/test.safetensors"
TEST_BIASED = "results/data/{dataset}/test_biased.safetensors"
SPECTRUM = "results/spectra/{dataset}.safetensors"
EXPLAINED = "results/explained/{dataset}.safetensors"

WEIGHTS = "results/models/{dataset}/{model}/{seed}/weights.safetensors"
HISTORY = "results/models/{dataset}/{model}/{seed}/history.parquet"
TRAINING_TIME = "results/models/{dataset}/{model}/{seed}/time.parquet"
PREDICTED = "results/models/{dataset}/{model}/{seed}/predicted.safetensors"
EVALUATION = "results/models/{dataset}/{model}/{seed}/evaluation.parquet"

MAPS = "results/attributions/{dataset}/{model}/{seed}/{method}.safetensors"
COST = "results/attributions/{dataset}/{model}/{seed}/{method}.cost.parquet"
SHARD = "results/attributions/{dataset}/{model}/{seed}/{method}/{shard}.safetensors"
SHARD_COST = "results/attributions/{dataset}/{model}/{seed}/{method}/{shard}.cost.parquet"
SCORES = "results/scores/{dataset}/{model}/{seed}/{method}.parquet"

INDICES = "results/studies/indices/{dataset}/{model}/{seed}.parquet"
BUDGET = "results/studies/budget/{dataset}/{model}/{seed}.parquet"
BUDGET_COST = "results/studies/budget/{dataset}/{model}/{seed}.cost.parquet"
SAMPLERS = "results/studies/samplers/{dataset}/{model}/{seed}.parquet"
SAMPLERS_ANALYTIC = "results/studies/samplers/analytic.parquet"
FOLD = "results/models/{dataset}/{model}/{seed}/labels-{label_noise}/fold-{fold}.safetensors"
FOLD_HISTORY = "results/models/{dataset}/{model}/{seed}/labels-{label_noise}/history.parquet"
PAIRS = "results/stability/{dataset}/{model}/{seed}/{method}.pairs.parquet"
PAIR_METRICS = "results/stability/{dataset}/{model}/{seed}/{method}.metrics.parquet"
PAIRS_SHARD = "results/stability/{dataset}/{model}/{seed}/{method}/{shard}.pairs.parquet"
PAIR_METRICS_SHARD = "results/stability/{dataset}/{model}/{seed}/{method}/{shard}.metrics.parquet"
STABILITY_SCORES = "results/stability/{dataset}/{model}/{seed}/{experiment}.scores.parquet"
MAP_DISTANCES = "results/studies/map_distances.parquet"
CONCEPTS = "results/concepts/{bank}/{dataset}/{model}/{seed}/{layer}.parquet"
CONCEPT_BANKS = "results/concepts/{bank}/{dataset}/{model}/{seed}/{layer}"
CONCEPTS_SHARD = "results/concepts-shards/{bank}/{dataset}/{model}/{seed}/{layer}/{shard}.parquet"
CONCEPT_BANKS_SHARD = "results/concepts-shards/{bank}/{dataset}/{model}/{seed}/{layer}/{shard}"
CRAFT = "results/studies/craft/{dataset}/{model}/{seed}.parquet"
CRAFT_SHARD = "results/studies/craft/{dataset}/{model}/{seed}/{shard}.parquet"
CRAFT_PICTURES = "results/studies/craft/{dataset}/{model}/{seed}.safetensors"
OF_CLASSES = "results/studies/{study}/{dataset}/{model}/{seed}.parquet"
HOLISTIC = "results/studies/holistic/{dataset}/{model}/{seed}.parquet"
HOLISTIC_SHARD = "results/studies/holistic/{dataset}/{model}/{seed}/{shard}.parquet"
FRONTS = "results/studies/fronts/{dataset}/{model}/{seed}.parquet"
LINEAR = "results/studies/linear/{dataset}/{model}/{seed}.parquet"
LENS = "results/studies/lens/{dataset}/{model}/{seed}.parquet"
LENS_ATLAS = "results/studies/lens/{dataset}/{model}/{seed}"
LENS_SHARD = "results/studies/lens-shards/{dataset}/{model}/{seed}/{shard}.parquet"
LENS_SHARD_ATLAS = "results/studies/lens-shards/{dataset}/{model}/{seed}/{shard}"
ATOMS = "results/studies/atoms/{model}/{seed}.parquet"
ATOMS_TENSORS = "results/studies/atoms/{model}/{seed}.safetensors"
COVERING = "results/studies/covering/{dataset}/{model}/{seed}.parquet"
COVERING_PICTURES = "results/studies/covering/{dataset}/{model}/{seed}.safetensors"
MACO = "results/studies/maco/{dataset}/{model}/{seed}.parquet"
MACO_PICTURES = "results/studies/maco/{dataset}/{model}/{seed}.safetensors"
WALKTHROUGH = "results/studies/walkthrough/{dataset}/{model}/{seed}.safetensors"
ALIGNMENT = "results/studies/alignment/{dataset}/{model}/{seed}.parquet"
ALIGNMENT_MAPS = "results/studies/alignment/{dataset}/{model}/{seed}.safetensors"
POPULATION = "results/studies/population/{dataset}.parquet"
SHORTCUT = "results/studies/shortcut/{dataset}/{model}/{seed}.parquet"
SHORTCUT_PICTURES = "results/studies/shortcut/{dataset}/{model}/{seed}.safetensors"
GRADIENT_PATHS = "results/studies/gradient_paths/{dataset}/{model}/{seed}.parquet"
GRADIENT_PATHS_MAPS = "results/studies/gradient_paths/{dataset}/{model}/{seed}.safetensors"
CIRCUITS = "results/studies/circuits/{dataset}/{model}/{seed}.parquet"
ACCENTUATION = "results/studies/accentuation/{dataset}/{model}/{seed}.parquet"
ACCENTUATION_PICTURES = "results/studies/accentuation/{dataset}/{model}/{seed}.safetensors"
UNIVERSAL = "results/studies/universal/{dataset}/{model}/{seed}.parquet"
PEOPLE = "results/studies/people/{dataset}/{model}/{seed}.parquet"
PEOPLE_MAPS = "results/studies/people/{dataset}/{model}/{seed}.safetensors"
LIPSCHITZ = "results/studies/lipschitz/{dataset}/{model}/{seed}.parquet"
LIPSCHITZ_MAPS = "results/studies/lipschitz/{dataset}/{model}/{seed}.safetensors"
SNOWFLAKES = "results/studies/snowflakes.parquet"
SNOWFLAKES_DRAWN = "results/studies/snowflakes.safetensors"
EVA = "results/studies/eva/{dataset}/{model}/{seed}.parquet"
EVA_COST = "results/studies/eva/{dataset}/{model}/{seed}.cost.parquet"
EVA_MAPS = "results/studies/eva/{dataset}/{model}/{seed}.safetensors"
EVA_OPTIMAL = "results/studies/eva/optimal.parquet"
UTILITY = "results/studies/utility/{dataset}/{model}/{seed}.parquet"
UTILITY_PROXIES = "results/studies/utility/{dataset}/{model}/{seed}.proxies.parquet"
UTILITY_MAPS = "results/studies/utility/{dataset}/{model}/{seed}.safetensors"
UTILITY_PUBLISHED = "results/studies/utility/published.parquet"

# What the chapters on concepts are made from: images, and the class that the model gives each.
CLASSIFIED = {"train": TRAIN, "test": TEST, "predicted": PREDICTED, "weights": WEIGHTS}

TEXTS = "results/words/{text}/{seed}/test.safetensors"
TEXT_WEIGHTS = "results/words/{text}/{seed}/weights.safetensors"
WORDS = "results/words/{text}/{seed}/scores.parquet"

EXPERIMENT = "results/experiments/{experiment}.parquet"
# The papers' tables that people's Utility is recomputed from.
UTILITY_TABLES = ("table1", "stats", "correlations", "fig4", "fig5", "fig6")
LENS_SITE = "results/lens"
ATOMS_SITE = "results/lens-atoms"
ATOMS_ARCHIVE = "results/lens-atoms.zip"
STUDY_TARBALL = "results/study/packages/{tarball}"
STUDY_SCENARIO = "results/study/scenarios/{dataset}/{model}/{seed}.safetensors"
STUDY_PAGE = "results/study/page"
STUDY_KEY = "results/study/key.json"
STUDY_PREREGISTRATION = "results/study/preregistration.md"
STUDY_ANSWERS = "results/study/answers.parquet"
STUDY_REJECTED = "results/study/rejected.csv"
STUDY_MEASURES = "results/study/measures.parquet"
FIGURE = "results/figures/{item}.{suffix}"
TABLE = "results/tables/{item}.{suffix}"
BENCHMARKS = "benchmarks/results"


def fill(template: str, names: Mapping[str, Any], **more: Any) -> str:
    """Return the path of an artifact; `names` may hold more wildcards than its template has."""
    return template.format(**{**names, **more})


def shards(template: str, names: Mapping[str, Any], n: int, size: int) -> list[str]:
    """List the paths of the shards of `size` that n of something are split into."""
    return [fill(template, names, shard=number) for number in range(-(-n // size))]


def in_checkout(path: str) -> str:
    """Path of a file of the project itself, from the working directory."""
    return path if Path.cwd() == ROOT else str(ROOT / path)


def page_files(chapter: str) -> list[str]:
    """Paths of the templates, styles and scripts of a chapter's pages: a change makes them anew."""
    own = (f"src/sparks_thesis/{chapter}/{folder}" for folder in ("templates", "static"))
    files = [f"{folder}/{file.name}" for folder in own for file in (ROOT / folder).iterdir()]
    return sorted(map(in_checkout, [*files, "src/sparks_thesis/common/static/site.css"]))


def published(name: str) -> str:
    """Path of a table of published numbers."""
    return in_checkout(f"config/published/{name}.csv")


def utility_printed() -> list[str]:
    """Paths of the tables that people's Utility is recomputed from."""
    return [published(f"colin2022utility_{table}") for table in UTILITY_TABLES]


def log(rule: str, *wildcards: str) -> str:
    """Path of a rule's log, with its wildcards in the name."""
    return "/".join(["logs", rule, *(f"{{{name}}}" for name in wildcards)]) + ".log"


def benchmark(rule: str, *wildcards: str) -> str:
    """Path of a rule's time and memory, as Snakemake measures them."""
    return "/".join([BENCHMARKS, rule, *(f"{{{name}}}" for name in wildcards)]) + ".tsv"
