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
from statistics import fmean
from typing import Any

from snakemake.logging import DefaultFormatter, LogEvent

from sparks_thesis.pipeline import paths

MOST_LISTED = 30  # jobs of a dry run that are listed without being asked for
ENOUGH = 0.05  # share of the work after which its speed says how long the rest will take
UNKNOWN = 1.0  # seconds of a job of which nothing is known; a process takes as long
KEYS = ("dataset", "model", "seed", "method")  # that counted work is known by


# --- what jobs will take ---------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Estimated time of the jobs of a run.

    Attributes:
        seconds: number of a job → estimate.
        elsewhere: jobs of rules that never ran here, estimated by what theirs took on another
            machine.
        unknown: jobs of which nothing is known; each is given `UNKNOWN`.
    """

    seconds: Mapping[int, float]
    elsewhere: int = 0
    unknown: int = 0


def plan(
    jobs: Iterable[Any],
    counted: Mapping[tuple[str, ...], float],
    elsewhere: Mapping[str, float] | None = None,
) -> Plan:
    """Estimate what each job takes.

    Args:
        jobs: of Snakemake's plan; those that run nothing take no time.
        counted: (rule, data set, model, seed, method) → seconds, shared by the jobs of that name.
        elsewhere: rule → seconds of a job on another machine, for rules that never ran here.
    """
    named: dict[tuple[str, ...], list[int]] = {}
    for job in (job for job in jobs if not job.rule.norun):
        names = (str(job.wildcards_dict.get(key, "")) for key in KEYS)
        named.setdefault((job.rule.name, *names), []).append(job.jobid)
    before = {rule: _before(rule) for rule, *_ in named}
    found: dict[int, float] = {}
    taken = {"elsewhere": 0, "unknown": 0}
    for key, numbers in named.items():
        if key in counted:
            seconds: float | None = UNKNOWN + counted[key] / len(numbers)
        elif (seconds := before[key[0]]) is None:
            seconds = (elsewhere or {}).get(key[0])
            taken["unknown" if seconds is None else "elsewhere"] += len(numbers)
        found |= dict.fromkeys(numbers, seconds or UNKNOWN)
    return Plan(found, **taken)


def to_do(work: Plan, cores: int, machine: str = "another machine") -> str:
    """Say how long the jobs of a run will take.

    Args:
        work: of the run.
        cores: that jobs run on at a time.
        machine: on which rules took what `work.elsewhere` are given.
    """
    known = sum(work.seconds.values()) - UNKNOWN * work.unknown
    jobs = f"{len(work.seconds)} job{'s' if len(work.seconds) != 1 else ''}"
    line = f"{jobs} to do: about {duration(known / cores)} on {cores} core"
    line += "s" if cores > 1 else ""
    if work.elsewhere:
        line += f" ({work.elsewhere} of them as on {machine})"
    return line + (f", not counting {work.unknown} never measured" if work.unknown else "")


def _before(rule: str) -> float | None:
    """Return the mean seconds of a rule's earlier jobs here, as Snakemake measured them."""
    folder = Path(paths.BENCHMARKS)
    files = [*folder.glob(f"{rule}.tsv"), *folder.glob(f"{rule}/**/*.tsv")]
    times = [float(row["s"]) for file in files for row in _rows(file) if row["s"] != "-"]
    return fmean(times) if times else None


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
