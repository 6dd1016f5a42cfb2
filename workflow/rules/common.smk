# The only helpers: the composed configuration, and what a rule may ask of it.
import os
import sys
from functools import cache
from pathlib import Path

# Of this file, wherever Snakemake was started and whatever workflow this one is a module of.
SCRIPTS = Path(workflow.current_basedir).parents[1] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from harness import (
    checks,
    downloads,
    files,
    grid,
    lock,
    overview,
    places,
    plan,
    repair,
    scale,
)
from harness.compose import ABSENT, compose, overrides_from, part
from harness.declared import declared_parts
from harness.digest import code_digest
from harness.job import triggers
from harness.resources import gpus
from harness.validate import validate
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from sparks.errors import SparksError
from sparks_thesis.human_study.answers import folder_digest

try:
    OVERRIDES = overrides_from(config)
    CFG = compose(OVERRIDES)
    if workflow.is_main_process:  # jobs on a cluster read the Snakefile again
        os.environ[ABSENT] = ",".join(CFG.left_out)  # and find that the same is on disk
        validate(CFG, checks.NOTED, logger.info)
except SparksError as error:
    raise WorkflowError(str(error)) from None

# What the report says of this run: its first page, and the captions that came with the results.
if any(argument.startswith("--report") for argument in sys.argv):
    config["overview"] = overview.of(CFG, OVERRIDES)
    config["captions"] = overview.captions(CFG)

# Wildcards → names of the selected options.
GROUPS = {"dataset": "dataset", "model": "model", "method": "attribution"}
GROUPS |= {
    "bank": "bank",
    "metric": "metric",
    "text": "text",
    "item": "item",
    "seed": "seed",
}


@cache
def resolved(script, chosen):
    """Return the part of the configuration that a script declares, with these options selected."""
    return part(CFG, declared_parts(SCRIPTS / f"{script}.py"), **dict(chosen))


def in_hand(wildcards):
    """Return the options that a job's wildcards name."""
    return tuple(
        (GROUPS[key], value) for key, value in wildcards.items() if key in GROUPS
    )


def cfg_of(script):
    """Return a function from wildcards to a job's part of the configuration."""
    return lambda wildcards: resolved(script, in_hand(wildcards))


def names_of(wildcards):
    """Return a job's wildcards: a cache between checkouts knows a job by its parameters only."""
    return dict(wildcards.items())


def code_of(script):
    """Return a function from wildcards to the digest of a job's code: its script, and all it imports or builds.

    With it, the listing of the user's files that the job is configured with, and how often the
    job's own files were damaged after it had ended.
    """
    path = SCRIPTS / f"{script}.py"

    def code(wildcards):
        parts = resolved(script, in_hand(wildcards))
        times = damaged(script, tuple(wildcards.items()))
        return triggers(code_digest(path, parts), parts, times)

    return code


@cache
def damaged(rule, wildcards):
    """Count how often a job's files were damaged; the same in all of a run."""
    times, lines = repair.damage(rule, dict(wildcards))
    for line in lines if workflow.is_main_process else []:
        logger.warning(line)
    return times


# What jobs ask of the machine.


def doubling(megabytes):
    """Return the memory of a job: twice as much at every retry (`retries` of a profile)."""
    return lambda wildcards, attempt: megabytes * 2 ** (attempt - 1)


def early(output):
    """Return the priority of a rule's jobs, by an output: 1 for those that fig-gallery waits for."""
    return lambda wildcards: int(output.format(**wildcards) in before_gallery())


@cache
def before_gallery():
    """List what is made first, so that a long run shows a figure soon."""
    return grid.before_gallery(CFG)


def one_gpu(wildcards):
    """Return 1 where the jobs that can use a GPU are to run on one, else 0."""
    return gpus(CFG.device, here=workflow.local_exec)


def whole(paths):
    """Return the inputs of a rule that makes all of something; a dry run says what that will take."""

    def inputs(wildcards):
        if workflow.dryrun:
            say_plan()
        return paths

    return inputs


@cache
def say_plan():
    try:
        scale.check(CFG.scale.name)
    except SparksError as error:
        logger.warning(f"As it is, this run will be refused: {error}")
    for line in files.problems(CFG, files.of_experiments(CFG), network=False):
        logger.warning(f"As it is, this run will be refused: {line}")
    logger.info(
        "\n".join(
            [*downloads.left_out(CFG), plan.summary(CFG, gpu=bool(one_gpu(None)))]
        )
    )


def only_run():
    """Refuse to start beside another run, or over results of another scale; wait for the jobs of a killed run."""
    try:
        lock.hold()
        if not workflow.touch:
            scale.claim(CFG.scale.name)
    except SparksError as error:
        raise WorkflowError(str(error)) from None
    lock.wait_for_jobs(logger.warning)
    for line in [*downloads.left_out(CFG), *plan.left_out(CFG)]:
        logger.info(line)
    if not workflow.touch:
        checks.remember(checks.NOTED)


# Files that jobs of this run read, or fetch: noted while Snakemake plans.
NEEDED = set()


def need(group, name, *made):
    """Note files that a job reads or fetches, unless what it makes of them is there."""
    if not all(os.path.isfile(path) for path in made):
        NEEDED.add(files.Needed(group, name))


def require_files():
    """Refuse to start where files are missing or damaged, and cannot be fetched."""
    in_a_bucket = workflow.storage_settings.default_storage_provider
    if workflow.touch or in_a_bucket:  # what is made of them may be there
        return
    if lines := files.problems(CFG, sorted(NEEDED), network=True):
        raise WorkflowError("\n".join(lines))


def tidy_up():
    """Remove what a killed run left half-written; note which artifacts were cut short.

    Called when a run starts, so that what only looks (a dry run, a listing, `--unlock`) changes no
    file; and never by `--touch`.
    """
    if not workflow.touch:
        repair.acknowledge()
        repair.remove_half_written()


def unlimited_rate():
    """Start local jobs as they get ready.

    Under Snakemake's limit (100 a second, by default) each job that ends makes its scheduler look at
    all jobs once a second more, up to the end of the run: after 200 jobs that took half a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


# What rules take from the grid, by their wildcards.


def of_checkout(paths):
    """Return files of the checkout itself: artifacts may be in a bucket (profiles/kubernetes), these never are."""
    return [local(path) for path in paths]


def downloaded(wildcards):
    """Return the note of a finished download, for the data sets that can be downloaded."""
    need("dataset", wildcards.dataset, places.DATA.format(**wildcards))
    if CFG.datasets[wildcards.dataset].download:
        return [places.DOWNLOAD.format(dataset=wildcards.dataset)]
    return []


def data_to_fetch(wildcards):
    """Return no file: what `download_data` fetches has no place in the plan."""
    need("dataset", wildcards.dataset, places.DOWNLOAD.format(**wildcards))
    return []


def texts_to_read(wildcards):
    """Return no file: texts that are read have no place in the plan."""
    need("text", wildcards.text, places.TEXTS.format(**wildcards))
    return []


def published_weights(wildcards):
    """Return the note of downloaded weights, for the models that come with published ones."""
    notes = downloads.published_weights(CFG, wildcards.model)
    if notes:
        need("model", wildcards.model, places.WEIGHTS.format(**wildcards))
    return notes


def weights_to_fetch(wildcards):
    """Return no file: what `download_weights` fetches has no place in the plan."""
    need("model", wildcards.model, places.DOWNLOADED_WEIGHTS.format(**wildcards))
    return []


def weights_if_needed(wildcards):
    """Return the model's weights, for the metrics that ask the model."""
    if CFG.metrics[wildcards.metric].needs_model:
        return {"weights": places.WEIGHTS.format(**wildcards)}
    return {}


def stability_inputs(wildcards):
    """Return the networks of every fold and share of switched labels, and the images."""
    return grid.stability_inputs(CFG, wildcards)


def stability_scores_inputs(wildcards):
    """Return the results of every method on the networks of one model's folds."""
    return grid.stability_scores_inputs(CFG, wildcards)


def shards_of(wildcards):
    """Return the maps of one method, shard by shard."""
    return grid.shards(CFG, wildcards)


def shards_of_classes(wildcards):
    """Return what a study of concepts measured, shard by shard."""
    return {"tables": grid.shards_of_classes(CFG, wildcards.study, wildcards)}


def shards_of_atlas(wildcards):
    """Return what Lens measured of one model, shard by shard; each table lies beside its atlas."""
    return grid.shards_of_atlas(CFG, wildcards)


def shards_of_concepts(wildcards):
    """Return what was fitted at one layer, shard by shard; each table lies beside its banks."""
    return grid.concept_shards(CFG, wildcards)


def concepts_of(study):
    """Return what names the concepts that a study reads: a table for each layer."""
    return lambda wildcards: grid.concept_tables(CFG, study, wildcards)


def maco_inputs(wildcards):
    """Return what pictures of a model are made of, and the models that judge them."""
    return grid.maco_inputs(CFG, wildcards)


def study_inputs(wildcards):
    """Return what a scenario of the study with people is made from."""
    return grid.study_inputs(CFG, wildcards)


def study_answers_digest(wildcards):
    """Hash the response files, not their names: these may identify participants."""
    return folder_digest(CFG.study.answers)


def test_splits(wildcards):
    """Return the test splits of a data set: one without its shortcut, and one with it."""
    return grid.test_splits(CFG, wildcards)


def scores_of(wildcards):
    """Return everything that an experiment measured."""
    return grid.scores(CFG, wildcards.experiment)


def item_inputs(wildcards):
    """Return what a figure or table is drawn from."""
    found = grid.item_inputs(CFG, wildcards.item)
    if "published" in found:
        found["published"] = of_checkout(found["published"])
    return found


def chapter(wildcards):
    """Return the part of the thesis that a figure or table belongs to: its category in the report."""
    return CFG["items"][wildcards.item].chapter


def labels(wildcards):
    """Return the name of a figure or table in the report."""
    return {"item": wildcards.item, "title": CFG["items"][wildcards.item].title}


wildcard_constraints:
    dataset="|".join(CFG.datasets),
    model="|".join(CFG.models),
    bank="|".join(CFG.banks),
    layer=r"[\w.-]+",
    method="|".join(CFG.attributions),
    metric="|".join(CFG.metrics),
    text="|".join(CFG.texts),
    experiment="|".join(CFG.experiments),
    item="|".join(CFG["items"]),
    seed=r"\d+",
    shard=r"\d+",
    switched=r"\d+",
    split="train|test|test_biased",
