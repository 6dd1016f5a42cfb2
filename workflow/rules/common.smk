# The only helpers: the composed configuration, and what a rule may ask of it.
import sys
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from harness import grid, lock, places
from harness.compose import compose, overrides_from, part
from harness.declared import declared_parts
from harness.digest import code_digest
from harness.resources import gpus
from harness.validate import validate
from snakemake.exceptions import WorkflowError
from sparks.errors import SparksError

try:
    OVERRIDES = overrides_from(config)
    CFG = compose(OVERRIDES)
    validate(CFG)
except SparksError as error:
    raise WorkflowError(str(error)) from None

# What the report says of this run: its first page, and the captions that came with the results.
config["summary"] = grid.summary(CFG, OVERRIDES)
config["captions"] = grid.captions(CFG)

# 1 where jobs are to run on a GPU: the rules that can use one ask for it.
GPU = gpus(CFG.device)

# Wildcards → names of the option in hand.
GROUPS = {"dataset": "dataset", "model": "model", "method": "attribution"}
GROUPS |= {"metric": "metric", "text": "text", "item": "item", "seed": "seed"}


def cfg_of(script):
    """The part of the configuration that a script declares, for a job's wildcards."""
    path = Path(workflow.basedir) / "scripts" / f"{script}.py"
    keys = declared_parts(path)

    def resolve(wildcards):
        chosen = {GROUPS[k]: v for k, v in wildcards.items() if k in GROUPS}
        return part(CFG, keys, **chosen)

    return resolve


def code_of(script):
    """A digest of the code that a job runs: the script, and all it imports or is configured with."""
    path = Path(workflow.basedir) / "scripts" / f"{script}.py"
    resolve = cfg_of(script)
    return lambda wildcards: code_digest(path, resolve(wildcards))


def only_run():
    """Refuse to start while another run is at work in this folder."""
    try:
        lock.hold(Path(".snakemake/run.lock"))
    except SparksError as error:
        raise WorkflowError(str(error)) from None


# What rules take from the grid, by their wildcards.


def downloaded(wildcards):
    """The note of a finished download, for the data sets that can be downloaded."""
    if CFG.datasets[wildcards.dataset].download:
        return [places.DOWNLOAD.format(dataset=wildcards.dataset)]
    return []


def weights_if_needed(wildcards):
    """The model's weights, for the metrics that ask the model."""
    if CFG.metrics[wildcards.metric].needs_model:
        return {"weights": places.WEIGHTS.format(**wildcards)}
    return {}


def scores_of(wildcards):
    """Everything an experiment measured."""
    return grid.scores(CFG, wildcards.experiment)


def item_inputs(wildcards):
    """What a figure or table is drawn from."""
    return grid.item_inputs(CFG, wildcards.item)


def chapter(wildcards):
    """The part of the thesis that a figure or table belongs to: its category in the report."""
    return CFG["items"][wildcards.item].chapter


def labels(wildcards):
    """How a figure or table is named in the report."""
    return {"item": wildcards.item, "title": CFG["items"][wildcards.item].title}


wildcard_constraints:
    dataset="|".join(CFG.datasets),
    model="|".join(CFG.models),
    method="|".join(CFG.attributions),
    metric="|".join(CFG.metrics),
    text="|".join(CFG.texts),
    experiment="|".join(CFG.experiments),
    item="|".join(CFG["items"]),
    seed=r"\d+",
    split="train|test|test_biased",
