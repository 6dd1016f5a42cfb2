"""Locks of a run and of its jobs, held by real processes that are killed."""

import os
import subprocess
import sys
import threading

import pytest

from harness import lock
from sparks.errors import SparksError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lock, "_held", [])
    yield tmp_path
    for file in lock._held:
        file.close()


HOLD = """
import sys
sys.path.insert(0, {scripts!r})
from harness import lock
{does}
print(1, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def process():
    """Start processes that hold a lock until they are killed."""
    started = []

    def start(does):
        scripts = os.path.dirname(os.path.dirname(lock.__file__))
        code = HOLD.format(scripts=scripts, does=does)
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
    first = process("lock.hold()")
    with pytest.raises(SparksError, match=f"another run is at work .*process {first.pid}\\)"):
        lock.hold()
    first.kill()
    first.wait()
    lock.hold()


def test_jobs_share_a_lock_and_the_next_run_waits_for_all_of_them(process):
    jobs = [process("lock.share()") for _ in range(2)]
    assert lock.holders(lock.JOBS) == sorted(job.pid for job in jobs)
    said = []
    waiting = threading.Thread(
        target=lock.wait_for_jobs, args=(said.append,), kwargs={"every": 0.01}
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
    lock.wait_for_jobs(said.append)
    assert said == []
    process("lock.share()")  # the lock was given back


def test_a_file_system_without_locks_is_worked_on_without(monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    lock.share()
    lock.wait_for_jobs(pytest.fail)
