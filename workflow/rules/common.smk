# The only helpers: the composed configuration, and what a rule may ask of it.
import atexit
import os
import sys
from functools import cache, partial
from pathlib import Path

# Of this file, wherever Snakemake was started and whatever workflow this one is a module of.
CHECKOUT = Path(workflow.current_basedir).parents[1]
SCRIPTS = CHECKOUT / "scripts"
# This checkout's library before any that is installed, here and in the processes of jobs.
SEARCHED = "PYTHONPATH"
sys.path.insert(0, str(CHECKOUT / "src"))
os.environ[SEARCHED] = os.pathsep.join(
    filter(None, [sys.path[0], os.environ.get(SEARCHED)])
)
# snakedeploy copies config/ to where the workflow is used, and makes its config.yaml Snakemake's
# own (`configfile`). It is Hydra's: the copy is read in place of this checkout's, by `paths.py`.
COPIED = "SPARKS_CONFIG"
if "defaults" in config:
    os.environ[COPIED] = str(Path("config").resolve())

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from sparks.errors import SparksError
from sparks_thesis.human_study.answers import folder_digest
from sparks_thesis.overview import report_page
from sparks_thesis.pipeline import (
    checks,
    concept_files,
    console,
    dag,
    downloads,
    grid,
    input_checks,
    integrity,
    paths,
    start,
)
from sparks_thesis.pipeline.compose import ABSENT, compose, overrides_from
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.job import triggers
from sparks_thesis.pipeline.source_hash import code_digest
from sparks_thesis.pipeline.sources import config_keys
from sparks_thesis.pipeline.validate import validate

try:
    OVERRIDES = overrides_from(config)
    CFG = compose(OVERRIDES)
    if workflow.is_main_process:  # jobs on a cluster read the Snakefile again
        os.environ[ABSENT] = ",".join(CFG.left_out)  # and find that the same is on disk
        validate(CFG, checks.NOTED, logger.info)
except SparksError as error:
    raise WorkflowError(str(error)) from None

# What the report says of this run: its first page, and the captions that came with the results.
config["overview"] = report_page.Deferred(partial(report_page.of, CFG, OVERRIDES))
config["captions"] = report_page.Deferred(partial(report_page.captions, CFG))

# The run, when it has been planned.
START = start.Start(workflow, CFG, OVERRIDES, logger)
if workflow.output_settings.dryrun:
    atexit.register(START.look)
    if not START.prints_all:
        logger.addFilter(console.brief(lambda: len(workflow.dag)))

# Wildcards that name a selected option → its group.
GROUPS = {name: name for name in ("dataset", "model", "bank", "text", "item", "seed")}
GROUPS["method"] = "attribution"


@cache
def resolved(script, chosen):
    """Return the part of the configuration that a script declares, with these options selected."""
    return part(CFG, config_keys(SCRIPTS / f"{script}.py"), **dict(chosen))


def selected(wildcards):
    """Return the options that a job's wildcards name."""
    return tuple(
        (GROUPS[key], value) for key, value in wildcards.items() if key in GROUPS
    )


def made_of(script):
    """Return the parameters by which a job is known, most as functions of its wildcards.

    They are its part of the configuration, and the digest of its code: the script, and all it
    imports or builds. With it, the listing of the user's files that the job is configured with, and
    how often the job's own files were damaged after it had ended. The wildcards themselves are one,
    since a cache between checkouts knows a job by its parameters only.
    """
    path = SCRIPTS / f"{script}.py"

    def cfg(wildcards):
        return resolved(script, selected(wildcards))

    def code(wildcards):
        times = damaged(script, tuple(wildcards.items()))
        return triggers(code_digest(path, cfg(wildcards)), cfg(wildcards), times)

    def names(wildcards):
        return dict(wildcards.items())

    return {"script": script, "cfg": cfg, "code": code, "names": names}


def complete(rules):
    """Give rules made from `job` what their names say: script, log, benchmark and parameters.

    Snakemake can say none of them in a base rule, which does not know what is made from it. Where
    it looks for a script's text (reports, archives) it needs a path without parameters. A rule that
    `--cache` shares between checkouts may not have a benchmark.

    Args:
        rules: the namespace of the rules of this workflow, by the names that they have here.
    """
    base = rules.job.rule
    if base.name not in workflow._rules:  # another workflow uses some of these rules
        return
    for name, proxy in rules._rules.items():
        made = proxy.rule
        if made is base or made.script != base.script:
            continue
        order = sorted(
            made.wildcard_names, key=lambda key: made.output[0].find(f"{{{key}")
        )
        made.log_modifier = made.benchmark_modifier = made.output_modifier
        made.set_log(paths.log(name, *order))
        if not (made.cache and made.cache.output):
            made.benchmark = paths.benchmark(name, *order)
        made.set_params(**made_of(name))
        made.script = f"../../scripts/{name}.py"
    workflow._rules.pop(base.name)  # neither listed nor a target


@cache
def damaged(rule, wildcards):
    """Count how often a job's files were damaged; the same in all of a run."""
    times, lines = integrity.damage(rule, dict(wildcards))
    for line in lines if workflow.is_main_process else []:
        logger.warning(line)
    return times


# What jobs ask of the machine.


def asks(megabytes, minutes, gpu=False):
    """Return the resources of a job, of one thread.

    Args:
        megabytes: of memory; twice as much at every retry (`retries` of a profile).
        minutes: that it may take.
        gpu: whether it can use one.
    """
    memory = lambda wildcards, attempt: megabytes * 2 ** (attempt - 1)
    needed = {"mem_mb": memory, "runtime": minutes}
    return needed | {"gpu": one_gpu} if gpu else needed


def early(output):
    """Return the priority of a rule's jobs, by an output: higher for what the first figures need."""
    return lambda wildcards: first().get(output.format(**wildcards), 0)


@cache
def first():
    """Return what is made first, so that a long run shows a figure soon: file → priority."""
    return dag.first(CFG)


def one_gpu(wildcards):
    """Return 1 where the jobs that can use a GPU are to run on one, else 0."""
    return START.gpu


# Inputs of rules, by their wildcards.


def whole(files):
    """Return the inputs of a rule that makes all of something; what that takes is printed."""

    def inputs(wildcards):
        START.makes_whole = True
        return files

    return inputs


def need(group, name, made):
    """Note files that a job reads or fetches, unless the file that it makes of them is there."""
    if not os.path.isfile(made):
        START.needed.add(input_checks.Needed(group, name))


def inputs_by(function):
    """Return an input function of a rule from one of the configuration and the wildcards."""
    return partial(function, CFG)


def fetching(group, place):
    """Return files on disk or on a server, which have no place in the plan."""

    def inputs(wildcards):
        need(group, getattr(wildcards, group), place.format(**wildcards))
        return []

    return inputs


def of_checkout(files):
    """Return files of the checkout itself: artifacts may be in a bucket (profiles/kubernetes), these never are."""
    return [local(path) for path in files]


def downloaded(wildcards):
    """Return the note of a finished download, for the data sets that can be downloaded."""
    need("dataset", wildcards.dataset, paths.TRAIN.format(**wildcards))
    if CFG.datasets[wildcards.dataset].download:
        return [paths.DOWNLOAD.format(dataset=wildcards.dataset)]
    return []


def published_weights(wildcards):
    """Return the note of downloaded weights, for the models that come with published ones."""
    notes = downloads.published_weights(CFG, wildcards.model)
    if notes:
        need("model", wildcards.model, paths.WEIGHTS.format(**wildcards))
    return notes


def weights_if_needed(wildcards):
    """Return the model's weights, for the metrics that ask the model."""
    names = {key: wildcards[key] for key in grid.Explanation._fields}
    job = grid.Explanation(**{**names, "seed": int(names["seed"])})
    if any(CFG.metrics[name].needs_model for name in grid.families(CFG, job)):
        return {"weights": paths.WEIGHTS.format(**wildcards)}
    return {}


def concepts_of(study):
    """Return the concepts that a study reads: a table for each layer."""
    return lambda wildcards: concept_files.concept_tables(CFG, study, wildcards)


def item_inputs(wildcards):
    """Return what a figure or table is drawn from."""
    try:
        found = dag.item_inputs(CFG, wildcards.item)
    except SparksError as error:
        raise WorkflowError(str(error)) from None
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
    text="|".join(CFG.texts),
    experiment="|".join(CFG.experiments),
    item="|".join(CFG["items"]),
    seed=r"\d+",
    shard=r"\d+",
    label_noise=r"\d+",
