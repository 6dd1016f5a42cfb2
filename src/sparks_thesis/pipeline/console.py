"""Print one line a job, and how much of the work is done.

Snakemake prints a paragraph for each job, and counts jobs, of which one may take a second and
another an hour. Here a job is one line that names its log, and progress counts estimated seconds:
the passes of a job where `cost_estimate` counts them, else what jobs of its rule took before. The
whole text stays in Snakemake's log (`.snakemake/log`); `-p` and `--verbose` print it.
"""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from snakemake.logging import DefaultFormatter, LogEvent

from sparks_thesis.pipeline import paths

MOST_LISTED = 30  # jobs of a dry run that are listed without being asked for
ENOUGH = 0.05  # share of the work after which its speed says how long the rest will take
UNKNOWN = 1.0  # seconds of a job of which nothing is known; a process takes as long
KEYS = ("dataset", "model", "seed", "method")  # that counted work is known by


# --- what jobs will take ---------------------------------------------------------------------


def seconds_of(jobs: Iterable[Any], counted: Mapping[tuple[str, ...], float]) -> dict[int, float]:
    """Estimate what each job takes.

    Args:
        jobs: of Snakemake's plan; those that run nothing take no time.
        counted: (rule, data set, model, seed, method) → seconds, shared by the jobs of that name.

    Returns:
        number of the job → seconds.
    """
    named: dict[tuple[str, ...], list[int]] = {}
    for job in (job for job in jobs if not job.rule.norun):
        names = (str(job.wildcards_dict.get(key, "")) for key in KEYS)
        named.setdefault((job.rule.name, *names), []).append(job.jobid)
    before = {rule: _before(rule) for rule, *_ in named}
    return {
        number: UNKNOWN + counted[key] / len(numbers) if key in counted else before[key[0]]
        for key, numbers in named.items()
        for number in numbers
    }


def to_do(work: Mapping[int, float], cores: int) -> str:
    """Say how long the jobs of a run will take on this machine.

    Args:
        work: number of the job → estimated seconds.
        cores: that jobs run on at a time.
    """
    known = [seconds for seconds in work.values() if seconds != UNKNOWN]
    line = f"{len(work)} jobs to do: about {duration(sum(known) / cores)} on {cores} core"
    line += "s" if cores > 1 else ""
    unknown = len(work) - len(known)
    return line + (f", not counting {unknown} that were never measured here" if unknown else "")


def _before(rule: str) -> float:
    """Return the median seconds of a rule's earlier jobs, as Snakemake measured them."""
    folder = Path(paths.BENCHMARKS)
    files = [*folder.glob(f"{rule}.tsv"), *folder.glob(f"{rule}/**/*.tsv")]
    times = [float(row["s"]) for file in files for row in _rows(file) if row["s"] != "-"]
    return max(UNKNOWN, median(times)) if times else UNKNOWN


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def duration(seconds: float) -> str:
    """Write a time as a reader says it: 40 s, 12 min, 3.5 h."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


# --- what is printed of them -----------------------------------------------------------------


@dataclass
class Progress:
    """Share of a run's work that is done, and the time left at the speed so far.

    The first few per cent say nothing about the speed: no time left before `ENOUGH` is done.

    Attributes:
        work: number of a job → estimated seconds.
        clock: gives the time in seconds.
    """

    work: Mapping[int, float]
    clock: Callable[[], float] = time.monotonic
    done: float = 0.0
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    def line(self, ended: int, jobs: int) -> str:
        """Say how far a run is, of whose jobs some have ended."""
        total = sum(self.work.values())
        share = min(self.done / total, 0.99) if ended < jobs and total else 1.0
        spent = self.clock() - self.start
        left = spent * (1 - share) / share if share >= ENOUGH else 0.0
        rest = f", about {duration(left)} left" if left > 0.5 else ""
        return f"{share:.0%} of the work done, {ended} of {jobs} jobs{rest}"


class OneLine(DefaultFormatter):  # type: ignore[misc]  # Snakemake has no types
    """Write a job that starts as one line, and one that has ended as the progress of the run."""

    def __init__(self, progress: Progress, show_failed_logs: bool) -> None:
        super().__init__(show_failed_logs=show_failed_logs)
        self.progress = progress

    def format_job_info(self, msg: Mapping[str, Any]) -> str:
        """Name a job that starts, and its log."""
        names = (f"{key}={value}" for key, value in msg["wildcards"].items())
        line = " ".join([time.strftime("%H:%M:%S"), msg["rule_name"], *names])
        return f"{line}: tail -f {msg['log'][0]}" if msg["log"] else line

    def format_job_finished(self, msg: Mapping[str, Any]) -> str:
        """Count a job that has ended; the line of progress follows."""
        self.progress.done += self.progress.work.get(msg["job_id"], 0.0)
        return ""

    def format_progress(self, msg: Mapping[str, Any]) -> str:
        """Say how much of the work is done."""
        return self.progress.line(msg["done"], msg["total"])


def one_line(handler: Any, progress: Progress, show_failed_logs: bool) -> None:
    """Let a handler of Snakemake's, which writes to the console, print one line a job.

    Args:
        handler: Snakemake's default one.
        progress: of the run.
        show_failed_logs: whether the log of a job that fails is printed.
    """

    def is_printed(record: logging.LogRecord) -> bool:
        handler.last_msg_was_job_info = True  # or it leaves a line blank before a job
        started = getattr(record, "event", None) == LogEvent.JOB_STARTED
        return not started and record.getMessage() != "Select jobs to execute..."

    handler.setFormatter(OneLine(progress, show_failed_logs))
    handler.addFilter(is_printed)


def brief(jobs: Callable[[], int]) -> Callable[[logging.LogRecord], bool]:
    """Return what a dry run prints: of many jobs, each is listed only on request (`-p`).

    Args:
        jobs: gives their number, known when the first is printed.
    """

    def is_listed(record: logging.LogRecord) -> bool:
        each = getattr(record, "event", None) in (LogEvent.JOB_INFO, LogEvent.SHELLCMD)
        return not each or jobs() <= MOST_LISTED

    return is_listed
