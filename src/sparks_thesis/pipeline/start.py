"""The start of a run: what it takes, why it is refused, and what is done before its first job.

The Snakefile calls it from `onstart`, so that what only looks (a dry run, a listing, `--unlock`)
changes nothing that a run has made. A dry run remembers what it has checked, in `.snakemake`, as
Snakemake does with what it has read. With `--touch` nothing is checked, noted or tidied up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sparks.errors import SparksError
from sparks_thesis.pipeline import (
    checks,
    console,
    cost_estimate,
    downloads,
    forks,
    input_checks,
    integrity,
    run_lock,
    scale,
    sources,
)
from sparks_thesis.pipeline.resources import gpus


@dataclass
class Start:
    """A run of Snakemake's that is planned.

    Attributes:
        workflow: Snakemake's.
        config: the composed configuration.
        overrides: that the user gave.
        logger: Snakemake's.
        needed: files that jobs of the run read or fetch, noted while Snakemake plans.
        makes_whole: whether it makes all of something, noted while Snakemake plans.
        directory: the folder that the run works in (`--directory`). Snakemake has left it when a
            dry run ends.
    """

    workflow: Any
    config: DictConfig
    overrides: Sequence[str]
    logger: Logger
    needed: set[input_checks.Needed] = field(default_factory=set)
    makes_whole: bool = False
    directory: Path = field(default_factory=Path.cwd)

    @property
    def gpu(self) -> int:
        """Number of GPUs of a job that can use one."""
        return gpus(self.config.device, here=self.workflow.local_exec)

    @property
    def prints_all(self) -> bool:
        """Return whether the user asks for all that Snakemake prints; its log has it anyway."""
        settings = self.workflow.output_settings
        return bool(settings.verbose or settings.printshellcmds)

    def begin(self) -> None:
        """Do what comes before the first job.

        Raises:
            SparksError: when files are missing or damaged and cannot be fetched, another run is at
                work, or the results are of another scale.
        """
        workflow, checked = self.workflow, not self.workflow.touch
        in_a_bucket = workflow.storage_settings.default_storage_provider
        if checked and not in_a_bucket:  # else what is made of the files may be there
            problems = input_checks.problems(self.config, sorted(self.needed), network=True)
            if problems:
                raise SparksError("\n".join(problems))
        run_lock.hold()
        if checked:
            scale.claim(self.config.scale.name)
            if self.makes_whole:
                scale.note_overrides(self.overrides, self.config.experiments)
        run_lock.wait_for_jobs(self.logger.warning)
        if checked:
            _remember()
            integrity.acknowledge()
            integrity.remove_half_written()
        if workflow.local_exec:
            # Under Snakemake's limit (100 a second, by default) each job that ends makes its
            # scheduler look at all jobs once a second more, up to the end of the run: after 200
            # jobs that took half a core.
            workflow.scheduler.job_rate_limiter = None
            forks.use(len(workflow.dag))
        self._print_one_line_a_job()

    def _print_one_line_a_job(self) -> None:
        """Print what the run takes, and from here on one line a job."""
        for line in self.plan():
            self.logger.info(line)
        for handler in self.logger.handlers:
            if handler.name == "DefaultStreamHandler" and not self.prints_all:
                progress = console.Progress(self._work().seconds)
                failed = self.workflow.output_settings.show_failed_logs
                console.one_line(handler, progress, failed)

    def look(self) -> None:
        """Print what a dry run ends with, where a reader looks first."""
        with chdir(self.directory):
            _remember()
            if self.makes_whole:
                print("\n".join([*self.refusals(), *self.plan()]))

    def refusals(self) -> Iterator[str]:
        """Yield why the run will be refused as it is."""
        refused = "As it is, this run will be refused"
        try:
            scale.check(self.config.scale.name)
        except SparksError as error:
            yield f"{refused}: {error}"
        needed = input_checks.of_experiments(self.config)
        for line in input_checks.problems(self.config, needed, network=False):
            yield f"{refused}: {line}"

    def plan(self) -> Iterator[str]:
        """Yield what the run leaves out and what it takes, the time of its jobs last."""
        workflow = self.workflow
        yield from downloads.left_out(self.config)
        if self.makes_whole:
            yield cost_estimate.summary(self.config, bool(self.gpu))
        else:
            yield from cost_estimate.left_out(self.config)
        if workflow.dryrun and not self.prints_all and len(workflow.dag) > console.MOST_LISTED:
            yield "snakemake -np lists every job with its reason"
        machine, _ = self._elsewhere
        yield console.to_do(self._work(), workflow.cores if workflow.local_exec else 1, machine)

    @property
    def _elsewhere(self) -> tuple[str, dict[str, float]]:
        """Another machine, and what jobs of each rule took there at this scale."""
        return cost_estimate.job_seconds(self.config.scale.name, bool(self.gpu))

    def _work(self) -> console.Plan:
        """Estimate what each job that is to run takes."""
        jobs = self.workflow.dag.needrun_jobs(exclude_finished=False)
        counted = cost_estimate.counted_seconds(self.config, bool(self.gpu))
        return console.plan(jobs, counted, self._elsewhere[1])


def _remember() -> None:
    """Note what was checked and read, so that the next run or dry run starts at once."""
    checks.remember(checks.NOTED)
    sources.remember()
