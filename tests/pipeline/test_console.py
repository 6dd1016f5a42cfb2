"""One line a job, and progress by work, on records like Snakemake's."""

import io
import logging
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, LogEvent

from sparks_thesis.pipeline import console


def job(number, rule, norun=False, **wildcards):
    rule = SimpleNamespace(name=rule, norun=norun)
    return SimpleNamespace(jobid=number, rule=rule, wildcards_dict=wildcards)


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def printed(monkeypatch):
    """Return a function that logs a record, and one that gives the lines on the console since."""
    stream, logger = io.StringIO(), logging.Logger("of a run")
    handler = ColorizingTextHandler(nocolor=True, stream=stream)
    logger.addHandler(handler)
    clock = Clock()
    console.one_line(handler, console.Progress({1: 90.0, 2: 10.0}, clock), False)

    def log(message, event=None, **fields):
        logger.info(message, extra={"event": event, **fields})

    def lines():
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text.splitlines()

    return SimpleNamespace(log=log, lines=lines, clock=clock)


def info(number, **more):
    wildcards, log = {"dataset": "digits", "seed": "0"}, [f"logs/train/{number}.log"]
    fields = {"rule_name": "train", "wildcards": wildcards, "log": log, "jobid": number}
    return {"event": LogEvent.JOB_INFO, **fields, **more}


def test_a_job_is_one_line_when_it_starts_and_the_progress_when_it_ends(printed):
    printed.log("Select jobs to execute...")
    printed.log("Execute 2 jobs...", LogEvent.JOB_STARTED, jobs=[1, 2])
    printed.log("a paragraph", **info(1))
    printed.log("a paragraph", **info(2, wildcards={}, log=[]))
    first, second = printed.lines()
    assert first[9:] == "train dataset=digits seed=0: tail -f logs/train/1.log"
    assert second[9:] == "train"
    printed.clock.now = 30.0
    printed.log("Finished jobid: 2", LogEvent.JOB_FINISHED, job_id=2)
    printed.log(None, LogEvent.PROGRESS, done=1, total=3)
    # A tenth took 30 s, so that nine tenths take nine times as long; one of three jobs is no third.
    assert printed.lines() == ["10% of the work done, 1 of 3 jobs, about 4 min left"]
    printed.log("Finished jobid: 1", LogEvent.JOB_FINISHED, job_id=1)
    printed.log(None, LogEvent.PROGRESS, done=2, total=3)
    assert printed.lines()[0].startswith("99% of the work done, 2 of 3 jobs")
    printed.log(None, LogEvent.PROGRESS, done=3, total=3)
    assert printed.lines() == ["100% of the work done, 3 of 3 jobs"]
    printed.log("what else Snakemake says")
    assert printed.lines() == ["what else Snakemake says"]


def test_a_first_short_job_says_nothing_of_the_time_left():
    clock = Clock()
    progress = console.Progress({1: 1.0, 2: 99.0}, clock)
    progress.done, clock.now = 1.0, 300.0  # it took as long as the second may take
    assert progress.line(1, 2) == "1% of the work done, 1 of 2 jobs"


def test_work_is_what_is_counted_else_what_jobs_took_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "benchmarks/results/figure"
    folder.mkdir(parents=True)
    for name, seconds in (("a", "4.0"), ("b", "6.0"), ("c", "80.0"), ("d", "-")):
        (folder / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t-\n")
    run = {"dataset": "digits", "model": "mlp", "seed": "0"}
    shards = [
        job(number, "attribute", **run, method="rise", shard=str(number)) for number in (0, 1)
    ]
    jobs = [*shards, job(2, "figure", item="e"), job(3, "never"), job(4, "all", norun=True)]
    counted = {("attribute", "digits", "mlp", "0", "rise"): 100.0}
    work = console.plan([*jobs, job(5, "elsewhere")], counted, {"elsewhere": 8.0, "figure": 99.0})
    assert work.seconds == {0: 51.0, 1: 51.0, 2: 30.0, 3: console.UNKNOWN, 5: 8.0}
    assert console.to_do(work, 2, "a laptop") == (
        "5 jobs to do: about 1 min on 2 cores (1 of them as on a laptop), "
        "not counting 1 never measured"
    )
    alone = console.plan([jobs[2]], {})
    assert console.to_do(alone, 1) == "1 job to do: about 30 s on 1 core"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (90, "2 min"), (5400, "1.5 h")]
)
def test_times_are_written_as_one_says_them(seconds, text):
    assert console.duration(seconds) == text


@pytest.mark.parametrize("event", [LogEvent.JOB_INFO, LogEvent.SHELLCMD])
def test_a_dry_run_lists_few_jobs(event):
    record = SimpleNamespace(event=event)
    assert console.brief(lambda: console.MOST_LISTED)(record)
    assert not console.brief(lambda: console.MOST_LISTED + 1)(record)
    assert console.brief(lambda: console.MOST_LISTED + 1)(SimpleNamespace(event=None))
