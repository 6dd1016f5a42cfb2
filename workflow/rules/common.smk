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

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from sparks.errors import SparksError
from sparks_thesis.human_study.answers import folder_digest
from sparks_thesis.overview import report_page
from sparks_thesis.pipeline import (
    checks,
    concept_files,
    console,
    cost_estimate,
    dag,
    downloads,
    forks,
    grid,
    input_checks,
    integrity,
    paths,
    run_lock,
    scale,
    sources,
)
from sparks_thesis.pipeline.compose import ABSENT, compose, overrides_from
from sparks_thesis.pipeline.selection import part
from sparks_thesis.pipeline.job import triggers
from sparks_thesis.pipeline.resources import gpus
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

# Wildcards → names of the selected options.
GROUPS = {"dataset": "dataset", "model": "model", "method": "attribution"}
GROUPS |= {
    "bank": "bank",
    "text": "text",
    "item": "item",
    "seed": "seed",
}


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
    return gpus(CFG.device, here=workflow.local_exec)


MADE_WHOLE = []  # noted while Snakemake plans


def whole(files):
    """Return the inputs of a rule that makes all of something; what that takes is printed."""

    def inputs(wildcards):
        MADE_WHOLE.append(files)
        return files

    return inputs


def refusals():
    """Yield why the run will be refused as it is."""
    refused = "As it is, this run will be refused"
    try:
        scale.check(CFG.scale.name)
    except SparksError as error:
        yield f"{refused}: {error}"
    needed = input_checks.of_experiments(CFG)
    for line in input_checks.problems(CFG, needed, network=False):
        yield f"{refused}: {line}"


def plan():
    """Yield what the run leaves out and what it takes, the time of the jobs to be run last."""
    gpu = bool(one_gpu(None))
    yield from downloads.left_out(CFG)
    yield from (
        [cost_estimate.summary(CFG, gpu)] if MADE_WHOLE else cost_estimate.left_out(CFG)
    )
    if workflow.dryrun and len(workflow.dag) > console.MOST_LISTED:
        yield "snakemake -np lists every job with its reason"
    yield console.to_do(seconds_of_jobs(), workflow.cores if workflow.local_exec else 1)


if workflow.output_settings.dryrun:
    # When the dry run ends, where a reader looks first.
    atexit.register(lambda: MADE_WHOLE and print("\n".join([*refusals(), *plan()])))


@cache
def seconds_of_jobs():
    """Estimate what each job that is to run takes: number of the job → seconds."""
    counted = cost_estimate.counted_seconds(CFG, gpu=bool(one_gpu(None)))
    jobs = workflow.dag.needrun_jobs(exclude_finished=False)
    return console.seconds_of(jobs, counted)


# Snakemake prints all of it on request; its log has all of it.
EVERYTHING = workflow.output_settings.verbose or workflow.output_settings.printshellcmds
if workflow.output_settings.dryrun and not EVERYTHING:
    logger.addFilter(console.brief(lambda: len(workflow.dag)))


def one_line_a_job():
    """Print what the run takes, and from here on one line a job."""
    for line in plan():
        logger.info(line)
    if not EVERYTHING:
        for handler in logger.handlers:
            if handler.name == "DefaultStreamHandler":
                progress = console.Progress(seconds_of_jobs())
                failed = workflow.output_settings.show_failed_logs
                console.one_line(handler, progress, failed)


def only_run():
    """Refuse to start beside another run, or over results of another scale; wait for the jobs of a killed run."""
    try:
        run_lock.hold()
        if not workflow.touch:
            scale.claim(CFG.scale.name)
    except SparksError as error:
        raise WorkflowError(str(error)) from None
    run_lock.wait_for_jobs(logger.warning)
    if not workflow.touch:
        checks.remember(checks.NOTED)
        sources.remember()


# Files that jobs of this run read, or fetch: noted while Snakemake plans.
NEEDED = set()


def need(group, name, made):
    """Note files that a job reads or fetches, unless the file that it makes of them is there."""
    if not os.path.isfile(made):
        NEEDED.add(input_checks.Needed(group, name))


def require_files():
    """Refuse to start where files are missing or damaged, and cannot be fetched."""
    in_a_bucket = workflow.storage_settings.default_storage_provider
    if workflow.touch or in_a_bucket:  # what is made of them may be there
        return
    if lines := input_checks.problems(CFG, sorted(NEEDED), network=True):
        raise WorkflowError("\n".join(lines))


def tidy_up():
    """Remove what a killed run left half-written; note which artifacts were cut short.

    Called when a run starts, so that what only looks (a dry run, a listing, `--unlock`) changes no
    file; and never by `--touch`.
    """
    if not workflow.touch:
        integrity.acknowledge()
        integrity.remove_half_written()


def start_at_once():
    """Start local jobs as they get ready, as forks of a process that has imported PyTorch.

    Under Snakemake's limit (100 a second, by default) each job that ends makes its scheduler look at
    all jobs once a second more, up to the end of the run: after 200 jobs that took half a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
        forks.use(len(workflow.dag))


# Inputs of rules, by their wildcards.


def inputs_by(function):
    """Return an input function of a rule from one of the configuration and the wildcards."""
    return partial(function, CFG)


def fetching(group, place):
    """Return an input function that gives no file: what a job reads or fetches has no place in the plan."""

    def inputs(wildcards):
        need(group, getattr(wildcards, group), place.format(**wildcards))
        return []

    return inputs


def of_checkout(files):
    """Return files of the checkout itself: artifacts may be in a bucket (profiles/kubernetes), these never are."""
    return [local(path) for path in files]


def downloaded(wildcards):
    """Return the note of a finished download, for the data sets that can be downloaded."""
    need("dataset", wildcards.dataset, paths.DATA.format(**wildcards))
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
    """Return an input function for the concepts that a study reads: a table for each layer."""
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
    split="train|test|test_biased",
