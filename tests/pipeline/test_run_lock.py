"""Locks of a run and of its jobs, held by real processes that are killed."""

import subprocess
import sys
import threading

import pytest

from sparks.errors import SparksError
from sparks_thesis.pipeline import run_lock


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_lock, "_held", [])
    yield tmp_path
    for file in run_lock._held:
        file.close()


HOLD = """
import sys
from sparks_thesis.pipeline import run_lock
{does}
print(1, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process():
    """Start processes that hold a lock until they are killed."""
    started = []

    def start(does):
        code = HOLD.format(does=does)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        run = subprocess.Popen([sys.executable, "-c", code], **pipes)
        assert run.stdout.readline() == b"1\n"
        started.append(run)
        return run

    yield start
    for run in started:
        run.kill()
        run.communicate()


def test_a_second_run_is_refused_by_name_until_the_first_is_killed(process):
    first = process("run_lock.hold()")
    with pytest.raises(SparksError, match=f"another run is at work .*process {first.pid}\\)"):
        run_lock.hold()
    first.kill()
    first.wait()
    run_lock.hold()


def test_jobs_share_a_lock_and_the_next_run_waits_for_all_of_them(process):
    jobs = [process("run_lock.share()") for _ in range(2)]
    assert run_lock.holders(run_lock.JOBS) == sorted(job.pid for job in jobs)
    said = []
    waiting = threading.Thread(
        target=run_lock.wait_for_jobs, args=(said.append,), kwargs={"every": 0.01}
    )
    waiting.start()
    jobs[0].kill()
    jobs[0].wait()
    waiting.join(0.2)
    assert waiting.is_alive()
    jobs[1].kill()
    waiting.join(30)
    assert not waiting.is_alive()
    [line] = said
    assert "jobs of a run that was killed, or scripts, are still at work" in line
    assert str(jobs[1].pid) in line


def test_without_jobs_nothing_is_waited_for_and_own_jobs_can_start(process):
    said = []
    run_lock.wait_for_jobs(said.append)
    assert said == []
    process("run_lock.share()")  # the lock was given back


def test_a_file_system_without_locks_is_worked_on_without(monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(run_lock.fcntl, "flock", refuse)
    run_lock.share()
    run_lock.wait_for_jobs(pytest.fail)
